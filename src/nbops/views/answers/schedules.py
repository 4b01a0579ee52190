"""Views of schedules and what they started."""

from __future__ import annotations

from collections.abc import Sequence

from nbops.flows.fire import Fired
from nbops.flows.schedules import Scheduled, ScheduleState, Unscheduled
from nbops.records import (
    Firing,
    Schedule,
)
from nbops.views.answers.dispatch import list_of, view_of
from nbops.views.answers.values import seconds, short, when
from nbops.views.parts import TONES, Facts, Heading, Note, Part, Table


@list_of(ScheduleState)
def _schedules(answer: Sequence[ScheduleState]) -> list[Part]:
    rows = [
        [
            state.schedule.name,
            "paused" if state.next_at is None else (state.last.status if state.last else "waiting"),
            state.schedule.notebook,
            _when(state.schedule),
            when(state.next_at),
            when(state.last.started_at) if state.last else "",
            ", ".join(state.schedule.installed) or "nbops watch",
        ]
        for state in answer
    ]
    columns = ["schedule", "status", "notebook", "when", "next", "last", "called by"]
    return [Table(columns, rows, status=frozenset({1}))]


def _when(schedule: Schedule) -> str:
    conditions = " or ".join(schedule.conditions)
    return f"{schedule.cron} if {conditions}" if conditions else schedule.cron


@list_of(Firing)
def _firings(answer: Sequence[Firing]) -> list[Part]:
    rows = [
        [
            short(firing.id),
            firing.schedule,
            firing.status,
            firing.reason,
            when(firing.started_at),
            "" if firing.status == "skipped" else seconds(firing.started_at, firing.ended_at),
            short(firing.run_id),
            firing.error or "",
        ]
        for firing in answer
    ]
    columns = ["firing", "schedule", "status", "why", "started", "took", "run", "error"]
    return [Table(columns, rows, numeric=frozenset({5}), status=frozenset({2}))]


@view_of.register
def _(answer: Schedule) -> list[Part]:
    facts = [
        ("notebook", answer.notebook),
        ("when", f"{answer.cron} ({answer.timezone})"),
        ("only if", " or ".join(answer.conditions)),
        ("parameters", ", ".join(f"{name}={value}" for name, value in answer.params.items())),
        ("runner", " ".join(filter(None, (answer.runner, answer.scheduler))) if answer.runner != "local" else ""),
        ("status", "paused" if answer.paused_at is not None else ""),
    ]
    return [Heading(f"Schedule {answer.name}", short(answer.id)), Facts([fact for fact in facts if fact[1]])]


@view_of.register
def _(answer: Scheduled) -> list[Part]:
    parts = [*view_of(answer.schedule), Note(f"next at {when(answer.next_at)} of this machine")]
    for installed in answer.installed:
        parts.append(Heading(f"Timer of {installed.target}"))
        wrote = [("wrote", path) for path in installed.paths]
        parts.append(Facts([*wrote, *(("note", note) for note in installed.notes)]))
    return [*parts, *(Note(note, "busy") for note in answer.notes)]


@view_of.register
def _(answer: Unscheduled) -> list[Part]:
    facts: list[Part] = [Facts([("note", note) for note in answer.notes])] if answer.notes else []
    return [Note(f"schedule {answer.schedule.name} is removed; its runs stay"), *facts]


@view_of.register
def _(answer: Fired) -> list[Part]:
    parts: list[Part] = [Note(answer.message, TONES.get(answer.status, "plain"))]
    if answer.run is not None:
        parts.append(Note(f"nbops show {short(answer.run.id)}", "plain"))
    return parts

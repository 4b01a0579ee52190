"""Views of sweeps, parameters and results."""

from __future__ import annotations

from collections.abc import Sequence

from nbops.records import (
    Sweep,
)
from nbops.retrain.parameters import Parameter
from nbops.retrain.results import SweepResults
from nbops.views.answers.dispatch import list_of, view_of
from nbops.views.answers.values import first_line, number, seconds, short, took, when
from nbops.views.parts import Facts, Heading, Note, Part, Table
from nbops.workspace import Cancelled


@list_of(Parameter)
def _parameters(answer: Sequence[Parameter]) -> list[Part]:
    rows = [
        [
            parameter.name,
            parameter.type,
            parameter.source,
            ", ".join(str(choice) for choice in parameter.choices)
            if parameter.choices
            else " to ".join(number(end) for end in (parameter.low, parameter.high) if end is not None)
            + (", log" if parameter.is_log else ""),
            parameter.help,
        ]
        for parameter in answer
    ]
    return [Table(["parameter", "type", "default", "takes", ""], rows)]


@list_of(Sweep)
def _sweeps(answer: Sequence[Sweep]) -> list[Part]:
    rows = [
        [
            short(sweep.id),
            sweep.name,
            sweep.status,
            str(sweep.total),
            sweep.objective or "",
            short(sweep.best_run_id),
            when(sweep.started_at),
            seconds(sweep.started_at, sweep.ended_at),
        ]
        for sweep in answer
    ]
    columns = ["sweep", "name", "status", "runs", "objective", "best run", "started", "took"]
    return [Table(columns, rows, frozenset({3, 7}), frozenset({2}))]


@view_of.register
def _(answer: Sweep) -> list[Part]:
    space = ", ".join(f"{name} in {values}" for name, values in answer.space.items()) or "one run"
    facts = [("status", answer.status), ("runs", str(answer.total)), ("tried", space)]
    if answer.objective:
        facts.append(("objective", answer.objective))
    if answer.best_run_id:
        facts.append(("best run", short(answer.best_run_id)))
    if answer.runner != "local":
        facts.append(("runner", " ".join(filter(None, (answer.runner, answer.scheduler)))))
    facts.append(("took", seconds(answer.started_at, answer.ended_at)))
    return [
        Heading(f"Sweep {answer.name}", short(answer.id)),
        Facts(facts),
        Note(f"all its runs: nbops results {short(answer.id)}"),
    ]


@view_of.register
def _(answer: SweepResults) -> list[Part]:
    names = list(answer.sweep.space)
    goals = [goal.partition(":")[2] for goal in answer.objectives]
    columns = ["trial", "run", "status", *names, *goals, "took", "note"]
    rows = [
        [
            str(point.trial),
            short(point.run_id),
            point.status,
            *(number(point.params.get(name)) for name in names),
            *(map(number, point.values) if point.values else [""] * len(goals)),
            "" if point.seconds is None else took(point.seconds),
            first_line(point.note),
        ]
        for point in answer.points
    ]
    numeric = frozenset({0, *range(3, 4 + len(names) + len(goals))})
    marked = frozenset({0} if answer.points and answer.points[0].values and len(goals) == 1 else ())
    parts: list[Part] = [
        Heading(f"Sweep {answer.sweep.name}", short(answer.sweep.id)),
        Table(columns, rows, numeric=numeric, status=frozenset({2}), marked=marked, empty="no run has begun"),
    ]
    if answer.importance:
        shares = [(name, f"{share:.0%}") for name, share in answer.importance.items()]
        parts += [Heading("Importance of parameters", goals[0]), Facts(shares)]
    elif names:
        parts.append(Note(f"importance of parameters: {answer.importance_note}"))
    return parts


@view_of.register
def _(answer: Cancelled) -> list[Part]:
    ended = answer.sweep or answer.run
    return (
        [] if ended is None else [Heading(f"{type(ended).__name__} {ended.name}", short(ended.id)), Note(ended.status)]
    )

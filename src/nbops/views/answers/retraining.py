"""Views of sweeps, parameters and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nbops.records import (
    Sweep,
)
from nbops.retrain.declarations import Parameter
from nbops.retrain.results import SweepResults
from nbops.retrain.tail import Tail
from nbops.views.answers.dispatch import list_of, view_of
from nbops.views.answers.values import bounded, bounded_params, first_line, number, seconds, short, took, when
from nbops.views.parts import Code, Facts, Heading, Note, Part, Table
from nbops.workspace import Cancelled

_MOST_NAMES = 8
_MOST_CELLS = 340
_MOST_METRICS = 4


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
    return [*_head(answer, {}), Note(f"all its runs: nbops results {short(answer.id)}")]


@view_of.register
def _(answer: SweepResults) -> list[Part]:
    return [*_head(answer.sweep, answer.counts), *points_and_importance(answer)]


def _head(sweep: Sweep, counts: Mapping[str, int]) -> list[Part]:
    space = ", ".join(f"{name} in {values}" for name, values in sweep.space.items()) or "one run"
    facts = [("status", sweep.status), ("runs", _counted(sweep, counts)), ("tried", bounded(space, 300))]
    if sweep.fixed:
        facts.append(("fixed", bounded_params(sweep.fixed)))
    if sweep.objective:
        facts.append(("objective", sweep.objective))
    if sweep.best_run_id:
        facts.append(("best run", short(sweep.best_run_id)))
    if sweep.runner != "local":
        facts.append(("runner", " ".join(filter(None, (sweep.runner, sweep.scheduler)))))
    facts.append(("took", seconds(sweep.started_at, sweep.ended_at)))
    return [Heading(f"Sweep {sweep.name}", short(sweep.id)), Facts(facts)]


def _counted(sweep: Sweep, counts: Mapping[str, int]) -> str:
    """``8 of 12: 6 finished, 2 failed``."""
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items(), key=lambda item: -item[1]))
    return f"{sum(counts.values())} of {sweep.total}: {told}" if told else str(sweep.total)


def points_and_importance(answer: SweepResults) -> list[Part]:
    """The runs of a sweep as a table, and which parameters mattered."""
    parts: list[Part] = [_points(answer), *_cut(answer)]
    if answer.importance:
        shares = [(name, f"{share:.0%}") for name, share in list(answer.importance.items())[:_MOST_NAMES]]
        parts += [Heading("Importance of parameters", answer.objectives[0].partition(":")[2]), Facts(shares)]
    elif answer.sweep.space and answer.objectives:
        parts.append(Note(f"importance of parameters: {answer.importance_note}"))
    return parts


def _told(answer: SweepResults) -> tuple[list[str], list[str], list[str]]:
    """Parameters, metrics of the objectives, and metrics of runs without one, as far as there are columns for them."""
    logged = dict.fromkeys(name for point in answer.points for name in point.metrics)
    goals = [goal.partition(":")[2] for goal in answer.objectives]
    return list(answer.sweep.space)[:_MOST_NAMES], goals, list(logged)[:_MOST_METRICS]


def _points(answer: SweepResults) -> Table:
    names, goals, logged = _told(answer)
    columns = ["trial", "run", "status", *names, *goals, *logged, "took", "note"]
    rows = [
        [
            str(point.trial),
            short(point.run_id),
            point.status,
            *(_brief(number(point.params.get(name)), 24) for name in names),
            *(map(number, point.values) if point.values else [""] * len(goals)),
            *(number(point.metrics[name]) if name in point.metrics else "" for name in logged),
            "" if point.seconds is None else took(point.seconds),
            _brief(first_line(point.note), 60),
        ]
        for point in answer.points[: _most_rows(len(columns))]
    ]
    numeric = frozenset({0, *range(3, 4 + len(names) + len(goals) + len(logged))})
    marked = frozenset(place for place, point in enumerate(answer.points) if point.is_best)
    return Table(columns, rows, numeric=numeric, status=frozenset({2}), marked=marked, empty="no run has begun")


def _most_rows(columns: int) -> int:
    """So many that an output stays below ten kilobytes."""
    return max(10, _MOST_CELLS // columns)


def _cut(answer: SweepResults) -> list[Part]:
    shown = min(len(answer.points), _most_rows(5 + sum(map(len, _told(answer)))))
    total, first = sum(answer.counts.values()), answer.offset
    notes: list[Part] = []
    if shown < total:
        after = f"; the next: nbops results {short(answer.sweep.id)} --offset {first + shown}"
        more = after if first + shown < total else ""
        notes.append(Note(f"{first + 1} to {first + shown} of {total}, the best first{more}"))
    if len(answer.sweep.space) > _MOST_NAMES:
        notes.append(Note(f"{len(answer.sweep.space) - _MOST_NAMES} more parameters are in --json"))
    return notes


def _brief(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


@view_of.register
def _(answer: Tail) -> list[Part]:
    run = answer.run
    parts: list[Part] = [Heading(f"Run {run.name}", f"{short(run.id)}, {run.status}")]
    if answer.left_out:
        parts.append(Note(f"{answer.left_out} lines before these: nbops tail {short(run.id)} --lines 1000"))
    parts.append(Code(answer.text) if answer.text else Note("nothing printed yet"))
    if run.error is not None:
        where = "" if run.error.cell_index is None else f"cell {run.error.cell_index + 1} of the executed notebook"
        parts.append(Heading(f"{run.error.name}: {first_line(run.error.message)}", where))
        parts += [Code(run.error.traceback)] if run.error.traceback else []
    return parts


@view_of.register
def _(answer: Cancelled) -> list[Part]:
    ended = answer.sweep or answer.run
    return (
        [] if ended is None else [Heading(f"{type(ended).__name__} {ended.name}", short(ended.id)), Note(ended.status)]
    )

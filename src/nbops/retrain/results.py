"""What a sweep has brought: its points with what they reached, and which parameters mattered."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.errors import MissingError, NotFoundError
from nbops.optional import need
from nbops.progress import PATIENCE_S, stage
from nbops.records import RunStatus, Sweep
from nbops.retrain import snapshots
from nbops.retrain.objective import Objective, unbeaten
from nbops.retrain.recipe import REUSED
from nbops.retrain.study import quietly
from nbops.settings import Settings
from nbops.store.interface import RunSummary

if TYPE_CHECKING:
    from nbops.store.interface import Store

_FEWEST_POINTS = 4
_MOST_METRICS = 20


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a sweep."""

    run_id: str
    name: str
    trial: int
    status: RunStatus
    note: str = ""
    """``reused``, ``pruned``, or the error that ended it."""
    params: dict[str, Any]
    """Those that the sweep varies."""
    values: list[float] | None
    """What it reached in each objective; None when it did not."""
    metrics: dict[str, float] = {}
    """The last values that it logged, where the sweep has no objective to be told by."""
    is_best: bool = False
    """Whether no other beats it: the best run, or one of the Pareto front."""
    cells: int = 0
    """How many cells it has begun; those of a run elsewhere are known at its end."""
    started_at: float
    ended_at: float | None
    seconds: float | None


class SweepResults(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep with its points, and what they say of its parameters."""

    sweep: Sweep
    objectives: list[str]
    """``max:NAME`` or ``min:NAME``."""
    points: list[Point]
    """The best first; those without a value at the end."""
    offset: int = 0
    """How many better points were passed over."""
    counts: dict[str, int] = {}
    """Status → how many points of the whole sweep have it."""
    cells: int | None = None
    """How many cells a run has to execute; None where the sweep's notebook is not kept."""
    importance: dict[str, float] = {}
    """Parameter → its share of what makes the first objective vary, by PED-ANOVA; they add up to 1."""
    importance_note: str = ""
    """Why there is no importance."""


def results(
    reference: str, *, store: Store, settings: Settings | None = None, limit: int | None = None, offset: int = 0
) -> SweepResults:
    """Collect what a sweep has brought so far.

    Args:
        reference: id of the sweep, the beginning of one, or its name.
        store: where it is recorded.
        settings: the project's, where the notebook that the sweep began with is kept.
        limit: how many points at most, the best first; None for all.
        offset: how many to pass over first.

    Returns:
        Its points and the importance of its parameters, which is of all points whatever the limit.

    Raises:
        NotFoundError: nothing answers to the reference.
    """
    sweep = store.resolve(Sweep, reference)
    goals = Objective.parse_all(sweep.objective)
    points = points_of(sweep, store)
    importance, note = _importance(sweep, points, goals)
    return SweepResults(
        sweep=sweep,
        objectives=[f"{goal.direction}:{goal.metric}" for goal in goals],
        points=points[offset : None if limit is None else offset + limit],
        offset=offset,
        counts=dict(Counter(point.status for point in points)),
        cells=None if settings is None else _cells(sweep, settings),
        importance=importance,
        importance_note=note,
    )


def points_of(sweep: Sweep, store: Store) -> list[Point]:
    """List the points of a sweep, the best first; those that have reached nothing at the end.

    Args:
        sweep: which sweep.
        store: where its runs are.
    """
    goals = Objective.parse_all(sweep.objective)
    with stage(f"Read the runs of {sweep.name}", unit="runs", after_s=PATIENCE_S) as now:
        found = store.search_runs(f'sweep_id = "{sweep.id}"', limit=None, shelf="all", told=now.reach)
    runs = sorted((one for one in found if one.run.deleted_at is None), key=lambda one: one.run.id)
    # Of several attempts at a trial the last one counts.
    last = {one.run.tags.get("trial", one.run.id): one for one in runs}
    points = [_point(one, sweep, goals) for one in last.values()]
    measured = [point for point in points if point.values is not None]
    fronts = unbeaten([point.values or [] for point in measured], goals)
    best = {point.run_id for point, is_best in zip(measured, fronts, strict=True) if is_best}
    points = [msgspec.structs.replace(point, is_best=point.run_id in best) for point in points]
    sign = 1 if goals and goals[0].direction == "min" else -1
    return sorted(points, key=lambda one: (one.values is None, sign * one.values[0] if one.values else 0, one.trial))


def _point(one: RunSummary, sweep: Sweep, goals: Sequence[Objective]) -> Point:
    run = one.run
    notes = [word for word in (REUSED, "pruned") if word in run.tags]
    if run.error is not None:
        notes.append(f"{run.error.name}: {run.error.message}")
    return Point(
        run_id=run.id,
        name=run.name,
        trial=int(run.tags.get("trial", "0")),
        status=run.status,
        note=", ".join(notes),
        params={name: one.params[name] for name in sweep.space if name in one.params},
        values=_reached(one, goals),
        metrics={} if goals else dict(list(one.metrics.items())[:_MOST_METRICS]),
        cells=one.cells,
        started_at=run.started_at,
        ended_at=run.ended_at,
        seconds=run.ended_at - run.started_at if run.ended_at is not None else None,
    )


def _reached(one: RunSummary, goals: Sequence[Objective]) -> list[float] | None:
    """The last value of each objective's metric; None for a run without them all, or with one that is no number."""
    if one.run.status != "finished" or not goals or not all(goal.metric in one.metrics for goal in goals):
        return None
    values = [one.metrics[goal.metric] for goal in goals]
    return values if all(map(math.isfinite, values)) else None


def _cells(sweep: Sweep, settings: Settings) -> int | None:
    try:
        node = snapshots.kept(sweep.id, settings)
    except NotFoundError:
        return None  # a sweep of another machine, or one whose folder was tidied away
    written: int = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in node.cells)
    return written + bool(sweep.space or sweep.fixed)


def _importance(sweep: Sweep, points: Sequence[Point], goals: Sequence[Objective]) -> tuple[dict[str, float], str]:
    """Optuna's PED-ANOVA over the finished points; Watanabe, Bansal and Hutter, IJCAI 2023."""
    measured = [point for point in points if point.values is not None and len(point.params) == len(sweep.space)]
    varied = [name for name in sweep.space if len({str(point.params[name]) for point in measured}) > 1]
    if not goals or not sweep.space:
        return {}, "no parameter was varied, or there is no objective"
    if len(measured) < _FEWEST_POINTS or len({point.values[0] for point in measured if point.values}) < 2:
        return {}, f"fewer than {_FEWEST_POINTS} runs have reached {goals[0].metric}, or all of them the same"
    if not varied:
        return {}, "no parameter was varied"
    if len(varied) == 1:
        return {varied[0]: 1.0}, ""
    try:
        optuna = need("optuna", to="tell which parameters matter")
    except MissingError as missing:
        return {}, f"{missing.message}; {missing.hint}"
    distributions = {name: _distribution(optuna, [point.params[name] for point in measured]) for name in varied}
    with quietly(optuna):
        study = optuna.create_study(direction="maximize" if goals[0].direction == "max" else "minimize")
    for point in measured:
        assert point.values is not None
        params = {name: _simple(point.params[name], distributions[name]) for name in varied}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=point.values[0]))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    if not math.isfinite(math.fsum(shares.values())):
        return {}, "the runs do not differ enough"
    return {name: float(share) for name, share in shares.items()}, ""


def _distribution(optuna: Any, values: Sequence[Any]) -> Any:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return optuna.distributions.FloatDistribution(float(min(values)), float(max(values)))
    return optuna.distributions.CategoricalDistribution(sorted({str(value) for value in values}))


def _simple(value: Any, distribution: Any) -> Any:
    return float(value) if hasattr(distribution, "low") else str(value)

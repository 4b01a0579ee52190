"""What a sweep has brought: its points with what they reached, and which parameters mattered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.optional import need
from nbops.records import Run, RunStatus, Sweep
from nbops.retrain.driver import reached
from nbops.retrain.objective import Objective
from nbops.retrain.recipe import REUSED

if TYPE_CHECKING:
    from nbops.store.interface import Store

_FEWEST_POINTS = 4


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a sweep."""

    run_id: str
    trial: int
    status: RunStatus
    note: str = ""
    """``reused``, ``pruned``, or the error that ended it."""
    params: dict[str, Any]
    """Those that the sweep varies."""
    values: list[float] | None
    """What it reached in each objective; None when it did not."""
    ended_at: float | None
    seconds: float | None


class SweepResults(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep with its points, and what they say of its parameters."""

    sweep: Sweep
    objectives: list[str]
    """``max:NAME`` or ``min:NAME``."""
    points: list[Point]
    """The best first; those without a value at the end."""
    importance: dict[str, float] = {}
    """Parameter → its share of what makes the first objective vary, by PED-ANOVA; they add up to 1."""
    importance_note: str = ""
    """Why there is no importance."""


def results(reference: str, *, store: Store) -> SweepResults:
    """Collect what a sweep has brought so far.

    Args:
        reference: id of the sweep, the beginning of one, or its name.
        store: where it is recorded.

    Returns:
        Its points and the importance of its parameters.

    Raises:
        NotFoundError: nothing answers to the reference.
    """
    sweep = store.resolve(Sweep, reference)
    goals = Objective.parse_all(sweep.objective)
    runs = store.find(Run, sweep_id=sweep.id, order_by="id")
    # Of several attempts at a trial the last one counts.
    last = {run.tags.get("trial", run.id): run for run in runs}
    points = [_point(run, sweep, goals, store) for run in last.values()]
    sign = 1 if goals and goals[0].direction == "min" else -1
    points.sort(key=lambda one: (one.values is None, sign * one.values[0] if one.values else 0, one.trial))
    importance, note = _importance(sweep, points, goals)
    return SweepResults(
        sweep=sweep,
        objectives=[f"{goal.direction}:{goal.metric}" for goal in goals],
        points=points,
        importance=importance,
        importance_note=note,
    )


def _point(run: Run, sweep: Sweep, goals: Sequence[Objective], store: Store) -> Point:
    params = store.params(run.id)
    notes = [word for word in (REUSED, "pruned") if word in run.tags]
    if run.error is not None:
        notes.append(f"{run.error.name}: {run.error.message}")
    values = reached(run, goals, store)
    return Point(
        run_id=run.id,
        trial=int(run.tags.get("trial", "0")),
        status=run.status,
        note=", ".join(notes),
        params={name: params[name] for name in sweep.space if name in params},
        values=values if values is not None and all(map(math.isfinite, values)) else None,
        ended_at=run.ended_at,
        seconds=run.ended_at - run.started_at if run.ended_at is not None else None,
    )


def _importance(sweep: Sweep, points: Sequence[Point], goals: Sequence[Objective]) -> tuple[dict[str, float], str]:
    """Optuna's PED-ANOVA over the finished points; Watanabe, Bansal and Hutter, IJCAI 2023."""
    measured = [point for point in points if point.values is not None and len(point.params) == len(sweep.space)]
    varied = [name for name in sweep.space if len({str(point.params[name]) for point in measured}) > 1]
    if not goals or not varied:
        return {}, "no parameter was varied, or there is no objective"
    if len(measured) < _FEWEST_POINTS or len({point.values[0] for point in measured if point.values}) < 2:
        return {}, f"fewer than {_FEWEST_POINTS} finished runs, or all of them reached the same"
    if len(varied) == 1:
        return {varied[0]: 1.0}, ""
    optuna = need("optuna", to="tell which parameters matter")
    distributions = {name: _distribution(optuna, [point.params[name] for point in measured]) for name in varied}
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

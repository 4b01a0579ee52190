"""What can be drawn of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from nbops.errors import UsageError
from nbops.records import Run, Sweep
from nbops.store.interface import Store

if TYPE_CHECKING:
    from nbops.plots import Drawing, Goal, Tried
    from nbops.retrain.results import Point, SweepResults


def draws_of(sweep: Sweep, store: Store) -> dict[str, Callable[[], Drawing]]:
    """How each picture of a sweep's results is drawn.

    Args:
        sweep: which sweep.
        store: where its runs are.

    Returns:
        By kind, what draws it; a front where there are two objectives. Each raises UsageError where too little has
        been reached yet.
    """
    from nbops import plots
    from nbops.retrain.objective import Objective
    from nbops.retrain.results import results

    found = cache(lambda: results(sweep.id, store=store))
    goals = [plots.Goal(goal.metric, goal.direction) for goal in Objective.parse_all(sweep.objective)]

    def parallel() -> Drawing:
        log = [name for name, taken in sweep.space.items() if len(taken) == 1 and str(taken[0]).endswith(" log")]
        return plots.parallel(_tried(_measured(found(), goals)), goals, of=sweep.name, log=log)

    def importance() -> Drawing:
        if not found().importance:
            raise _too_little(sweep, found().importance_note)
        return plots.parameters(found().importance, of=sweep.name, metric=goals[0].metric)

    def history() -> Drawing:
        # A run of before that stands for a point ended when it was looked up.
        points = sorted(_measured(found(), goals), key=lambda point: (point.ended_at or 0.0, point.trial))
        return plots.history(_tried(points), goals, of=sweep.name)

    def front() -> Drawing:
        return plots.front(_tried(_measured(found(), goals)), goals, of=sweep.name)

    draws = {"parallel": parallel, "importance": importance, "history": history}
    return draws | {"front": front} if len(goals) == 2 else draws


def best_runs(sweep: Sweep, store: Store, *, most: int) -> list[Run]:
    """Runs of a sweep, the best first."""
    from nbops.retrain.results import points_of

    return [store.get(Run, point.run_id) for point in points_of(sweep, store)[:most]]


def _measured(found: SweepResults, goals: Sequence[Goal]) -> list[Point]:
    points = [point for point in found.points if point.values is not None]
    if not points:
        metrics = ", ".join(goal.metric for goal in goals)
        raise _too_little(found.sweep, f"no run has reached {metrics} yet" if goals else "it has no objective")
    # A notebook may be without a parameter where a run of another version stands for a point.
    return [point for point in points if len(point.params) == len(points[0].params)]


def _tried(points: Sequence[Point]) -> list[Tried]:
    from nbops.plots import Tried

    return [Tried(point.params, point.values or [], point.is_best) for point in points]


def _too_little(sweep: Sweep, why: str) -> UsageError:
    return UsageError(f"{sweep.name}: {why}", code="nothing_to_draw", hint=f"nbops results {sweep.id[:16]}")

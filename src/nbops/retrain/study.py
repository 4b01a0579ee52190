"""Points chosen by a sampler of Optuna, in a study that its own dashboard can open.

The driver asks and tells; Optuna runs nothing itself and is not in the notebook. A study lives in one journal file per
project, so that ``optuna-dashboard .nbops/studies.log`` shows all of them, also while they go on.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from nbops.errors import UsageError
from nbops.optional import need
from nbops.records import Metric, Run, Sweep
from nbops.retrain import values
from nbops.retrain.objective import Objective
from nbops.retrain.search import Trial
from nbops.retrain.space import Dimension, Range
from nbops.settings import Settings

if TYPE_CHECKING:
    import optuna

Sampler = Literal["tpe", "random", "cmaes", "nsga2"]
Pruner = Literal["median", "halving", "hyperband", "none"]

SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
PRUNERS: tuple[Pruner, ...] = get_args(Pruner)
_PURPOSE = "search for parameters"
# A driver that was killed in the middle of a write leaves Optuna's lock behind; a write takes milliseconds.
_LOCK_GRACE_S = 5


class Studied:
    """A search that learns: asks a sampler for points and tells it what they brought."""

    def __init__(
        self,
        sweep: Sweep,
        *,
        space: Mapping[str, Dimension],
        given: Mapping[str, Any],
        goals: Sequence[Objective],
        pruner: str | None,
        settings: Settings,
    ) -> None:
        self._optuna = need("optuna", to=_PURPOSE)
        self._given = dict(given)
        self._space = dict(space)
        self._has_one_goal = len(goals) == 1
        self._asked: dict[int, optuna.Trial] = {}
        self._reported: dict[int, set[int]] = {}
        self._distributions = {name: self._distribution(taken) for name, taken in self._space.items()}
        self._study = self._opened(sweep, goals, pruner, settings)
        self._left = sweep.total - sum(trial.state.is_finished() for trial in self._study.get_trials(deepcopy=False))

    def ask(self) -> Trial | None:
        if self._left <= 0:
            return None
        self._left -= 1
        trial = self._study.ask(self._distributions)
        self._asked[trial.number] = trial
        return Trial(trial.number + 1, self._given | self._point(trial.params))

    def tell(self, trial: Trial, run: Run, reached: list[float] | None, logged: list[Metric]) -> None:
        asked = self._asked[trial.number - 1]
        for _ in self._reports(trial, logged):
            pass  # a quick run ends before anybody looks, and the later ones are held against it
        del self._asked[trial.number - 1]
        asked.set_user_attr("run_id", run.id)
        self._tell(asked.number, run, reached)

    def should_stop(self, trial: Trial, logged: list[Metric]) -> bool:
        # At each step: several may have come since the last look, and others need not have gone as far as the last.
        return any(asked.should_prune() for asked in self._reports(trial, logged))

    def _reports(self, trial: Trial, logged: list[Metric]) -> Iterator[optuna.Trial]:
        """Report each step that is new, and give way after each."""
        if not self._has_one_goal:
            return  # Optuna has no intermediate values for several objectives
        asked = self._asked[trial.number - 1]
        seen = self._reported.setdefault(asked.number, set())
        for metric in logged:
            if metric.step is not None and metric.step not in seen:
                seen.add(metric.step)
                asked.report(metric.value, metric.step)
                yield asked

    def settle(self, runs: Mapping[str, tuple[Run, list[float] | None]]) -> None:
        """Take up a study whose driver ended: what its runs brought is told, what was under way is asked again.

        Args:
            runs: number of a trial → the run that settled it and its objectives' values.
        """
        for trial in self._study.get_trials(deepcopy=False, states=[self._optuna.trial.TrialState.RUNNING]):
            settled = runs.get(str(trial.number + 1))
            if settled is not None:
                self._left -= 1
                self._tell(trial.number, *settled)
            else:
                # Optuna cannot go on with a trial of another process: the same point takes a new number.
                self._study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)
                self._study.enqueue_trial(trial.params)

    def _tell(self, number: int, run: Run, reached: list[float] | None) -> None:
        states = self._optuna.trial.TrialState
        if reached is not None and not any(math.isnan(value) for value in reached):
            self._study.tell(number, reached)
        elif "pruned" in run.tags:
            self._study.tell(number, state=states.PRUNED)
        else:
            self._study.tell(number, state=states.FAIL)

    def _point(self, params: Mapping[str, Any]) -> dict[str, Any]:
        point = {}
        for name, taken in self._space.items():
            value = params[name]
            point[name] = value if isinstance(taken, Range) else taken[_labels(taken).index(value)]
        return point

    def _distribution(self, taken: Dimension) -> optuna.distributions.BaseDistribution:
        distributions = self._optuna.distributions
        if not isinstance(taken, Range):
            found: optuna.distributions.BaseDistribution = distributions.CategoricalDistribution(_labels(taken))
        elif taken.is_whole:
            found = distributions.IntDistribution(int(taken.low), int(taken.high), log=taken.is_log)
        else:
            found = distributions.FloatDistribution(taken.low, taken.high, log=taken.is_log)
        return found

    def _opened(self, sweep: Sweep, goals: Sequence[Objective], pruner: str | None, settings: Settings) -> optuna.Study:
        path = str(journal_of(settings))
        journals = self._optuna.storages.journal
        lock = journals.JournalFileSymlinkLock(path, grace_period=_LOCK_GRACE_S)
        storage = self._optuna.storages.JournalStorage(journals.JournalFileBackend(path, lock_obj=lock))
        directions = ["maximize" if goal.direction == "max" else "minimize" for goal in goals]
        with quietly(self._optuna):
            study: optuna.Study = self._optuna.create_study(
                storage=storage, study_name=name_of(sweep), directions=directions, load_if_exists=True
            )
        # A seed that belongs to the sweep; one that goes on must not draw its first points again.
        study.sampler = self._sampler(sweep.search, seed=int(sweep.id[-7:], 16) + len(study.get_trials(deepcopy=False)))
        if pruner is not None:
            study.set_user_attr("pruner", pruner)
        study.pruner = self._pruner(study.user_attrs["pruner"])
        study.set_user_attr("objectives", [f"{goal.direction}:{goal.metric}" for goal in goals])
        return study

    def _sampler(self, name: str, *, seed: int) -> optuna.samplers.BaseSampler:
        samplers = self._optuna.samplers
        if name == "cmaes":
            need("cmaes", to="search by CMA-ES")
            found: optuna.samplers.BaseSampler = samplers.CmaEsSampler(seed=seed)
        elif name == "random":
            found = samplers.RandomSampler(seed=seed)
        elif name == "nsga2":
            found = samplers.NSGAIISampler(seed=seed)
        else:
            # Parallel runs: points under way count as bad ones, so that the next is not the same again.
            found = samplers.TPESampler(seed=seed, constant_liar=True)
        return found

    def _pruner(self, name: str) -> optuna.pruners.BasePruner:
        pruners = self._optuna.pruners
        found: optuna.pruners.BasePruner = {
            "median": pruners.MedianPruner,
            "halving": pruners.SuccessiveHalvingPruner,
            "hyperband": pruners.HyperbandPruner,
            "none": pruners.NopPruner,
        }[name]()
        return found


@contextlib.contextmanager
def quietly(optuna: Any) -> Iterator[None]:
    """Keep Optuna's own words about a study that is made off a terminal or a notebook."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def journal_of(settings: Settings) -> Path:
    """The file of this project's studies, which optuna-dashboard opens."""
    return settings.folder / "studies.log"


def name_of(sweep: Sweep) -> str:
    """Name of a sweep's study."""
    return f"{sweep.name} {sweep.id[:13]}"


def check(*, sampler: str, pruner: str, trials: int | None, goals: Sequence[Objective]) -> None:
    """Refuse a search that cannot be.

    Raises:
        UsageError: and which part of it, with the right call.
        MissingError: Optuna is not installed.
    """
    need("optuna", to=_PURPOSE)
    if sampler not in SAMPLERS:
        raise UsageError(f"there is no sampler {sampler!r}; there are: {', '.join(SAMPLERS)}", hint="--sampler tpe")
    if pruner not in PRUNERS:
        raise UsageError(f"there is no pruner {pruner!r}; there are: {', '.join(PRUNERS)}", hint="--prune median")
    if trials is None or trials < 1:
        raise UsageError(f"trials = {trials}: a search needs to know how many runs it may make", hint="--trials 30")
    if not goals:
        raise UsageError("a search needs to know what is better", hint="--objective max:accuracy")
    if sampler == "cmaes" and len(goals) > 1:
        raise UsageError("cmaes takes one objective", hint="--sampler nsga2, or tpe")


def _labels(taken: Sequence[Any]) -> list[str | int | float | bool | None]:
    """Values as Optuna can keep them: simple ones as they are, others by their text."""
    return [
        value if value is None or isinstance(value, str | int | float | bool) else str(values.plain(value))
        for value in taken
    ]

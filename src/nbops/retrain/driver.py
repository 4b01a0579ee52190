"""Runs of one notebook side by side: one process, a few threads, a kernel per run.

The driver waits in the caller's thread, so that Ctrl-C ends everything it started; each run is executed by the runner
in a thread of its own. Kernels of this machine are processes already: worker processes around them would only import
papermill again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.progress import Stage
from nbops.records import Metric, Run, Sweep, SweepStatus
from nbops.retrain import execution as executions
from nbops.retrain import names, parameters, recipe
from nbops.retrain.execution import Execution, StopReason
from nbops.retrain.objective import Objective
from nbops.retrain.runners import Runner
from nbops.retrain.search import Search, Trial
from nbops.settings import Settings

if TYPE_CHECKING:
    from nbops.store.interface import Store

# How often the driver looks up: for time limits, for a cancel in the store, and to say that it is alive.
_GLANCE_S = 0.25
_ASK_STORE_EVERY_S = 0.5
_SAY_EVERY_S = 1.0
# An interrupted cell may tell where it was; after that the kernel is ended.
_INTERRUPT_GRACE_S = 5.0


@dataclass(frozen=True)
class Notebook:
    """The notebook as it was when the work began: every run gets this text, whatever is edited meanwhile."""

    path: Path
    node: Any
    known: parameters.NotebookParameters
    kernel_name: str
    recipe: recipe.Recipe
    is_cold: bool = False
    output: str | None = None
    """Folder or fsspec address under which executed notebooks go; None for ``.nbops/runs``."""


@dataclass(frozen=True)
class Limits:
    """How long a run and the whole may take, and how often a failed run is tried again."""

    timeout_s: float | None = None
    total_timeout_s: float | None = None
    retries: int = 0


@dataclass
class _Live:
    trial: Trial
    execution: Execution
    kill_at: float | None = None


@dataclass
class Driver:
    """Starts runs, watches over them, and records how the whole goes."""

    book: Notebook
    store: Store
    settings: Settings
    cause: str
    name: str | None
    limits: Limits
    search: Search
    runner: Runner
    sweep: Sweep | None = None
    firing_id: str | None = None
    """The firing of a schedule that asked for this."""
    goals: list[Objective] = field(default_factory=list)
    finished: recipe.Finished | None = None
    """Earlier runs that may stand for some of these; None runs everything."""
    runs: list[Run] = field(default_factory=list)
    """The last attempt of every trial that has ended."""
    best: tuple[float, Run] | None = None
    _live: dict[Future[Run], _Live] = field(default_factory=dict)
    _again: deque[Trial] = field(default_factory=deque)
    _is_over: bool = False
    _is_cancelled: bool = False
    _began: float = field(default_factory=time.monotonic)
    _asked_at: float = 0.0
    _said_at: float = 0.0

    def take_up(self, runs: list[Run], now: Stage) -> None:
        """Count runs that an earlier driver of the same sweep has brought to their end."""
        for run in runs:
            self.runs.append(run)
            if (values := reached(run, self.goals, self.store)) is not None:
                self._compare(run, values)
        now.before = len(runs)
        now.advance(len(runs), note=self._note())

    def drive(self, *, jobs: int, now: Stage) -> None:
        """Run all that the search gives, ``jobs`` at a time; returns when the last run has ended.

        Args:
            jobs: how many go on at a time.
            now: the stage to advance: by runs for a sweep, by cells for a single run.

        Raises:
            KeyboardInterrupt: Ctrl-C, after every kernel has ended and every run is recorded as cancelled.
        """
        with ThreadPoolExecutor(jobs, thread_name_prefix="nbops-run") as pool:
            try:
                self._work(pool, jobs, now)
            except BaseException:
                self._stop("cancelled")
                raise
            finally:
                wait(self._live)
                for future in list(self._live):
                    self._ended(future, now)
                self._close()
                if self._is_cancelled:
                    self._say(now)

    def _work(self, pool: ThreadPoolExecutor, jobs: int, now: Stage) -> None:
        while True:
            while len(self._live) < jobs and (trial := self._next()) is not None:
                self._begin(trial, pool, now)
            if not self._live:
                return
            done, _ = wait(self._live, timeout=_GLANCE_S, return_when=FIRST_COMPLETED)
            for future in done:
                self._ended(future, now)
            self._look(now)

    def _next(self) -> Trial | None:
        if self._is_over:
            return None
        return self._again.popleft() if self._again else self.search.ask()

    def _begin(self, trial: Trial, pool: ThreadPoolExecutor, now: Stage) -> None:
        tags = {recipe.TAG: self.book.recipe.of(trial.given)}
        if self.sweep is not None:
            tags["trial"] = str(trial.number)
            if trial.attempt > 1:
                tags["attempt"] = str(trial.attempt)
            if self.finished is not None and (earlier := self.finished.like(tags[recipe.TAG])) is not None:
                name = self._name_of(self.store.params(earlier.id))
                run = recipe.reuse(earlier, name=name, sweep_id=self.sweep.id, tags=tags, store=self.store)
                self._settled(trial, run, now)
                return
        self._start(trial, tags, pool)

    def _start(self, trial: Trial, tags: dict[str, str], pool: ThreadPoolExecutor) -> None:
        execution = executions.opened(
            self.book.path,
            settings=self.settings,
            cause=self.cause,
            sweep_id=self.sweep.id if self.sweep is not None else None,
            firing_id=self.firing_id,
            tags=tags,
            output=self.book.output,
        )
        execution.is_cold = self.book.is_cold
        if trial.given:
            execution.source = parameters.injected(self.book.known, trial.given)
        effective = executions.defaults(self.book.known) | trial.given
        params = executions.recorded_params(execution.run.id, effective, execution.masker)
        # A parameter may be a secret: a name is made of what is recorded of it.
        name = self._name_of({param.name: param.value for param in params})
        execution.run = msgspec.structs.replace(execution.run, name=name)
        self.store.put(execution.run)
        self.store.log_params(params)
        future = pool.submit(self.runner.execute, execution, trial.given)
        self._live[future] = _Live(trial, execution)

    def _name_of(self, params: Mapping[str, Any]) -> str:
        return names.of_point(self.name or self.book.path.stem, params, self.sweep.space if self.sweep else ())

    def _ended(self, future: Future[Run], now: Stage) -> None:
        live = self._live.pop(future)
        run = future.result()
        if run.status == "failed" and live.trial.attempt <= self.limits.retries and not self._is_over:
            self._again.append(Trial(live.trial.number, live.trial.given, live.trial.attempt + 1))
            return
        if run.status == "finished" and self.finished is not None:
            self.finished.add(run)
        self._settled(live.trial, run, now)

    def _settled(self, trial: Trial, run: Run, now: Stage) -> None:
        """A trial has its last run: compare it, learn from it, say so."""
        self.runs.append(run)
        values = reached(run, self.goals, self.store)
        if values is not None:
            self._compare(run, values)
        self.search.tell(trial, run, values, self._steps(run.id) if self.goals else [])
        if self.sweep is not None:
            now.advance(note=self._note())
        elif run.status == "finished":
            now.advance((now.total or 0) - now.done, note="")

    def _compare(self, run: Run, values: list[float]) -> None:
        # With several objectives there is a front instead of a best run; the first one orders it.
        if not self.goals[0].is_better(values[0], self.best[0] if self.best else None):
            return
        self.best = (values[0], run)
        if self.sweep is not None:
            # The run that did the work: its models and cells belong to it.
            self.store.update(Sweep, self.sweep.id, best_run_id=run.tags.get(recipe.REUSED, run.id))

    def _look(self, now: Stage) -> None:
        moment = time.monotonic()
        for live in self._live.values():
            self._hold_to_limit(live, moment)
        if self.limits.total_timeout_s is not None and moment - self._began >= self.limits.total_timeout_s:
            self._end_for_time(moment)
        if moment - self._asked_at >= _ASK_STORE_EVERY_S:
            self._asked_at = moment
            self._ask_store()
        if moment - self._said_at >= _SAY_EVERY_S:
            self._said_at = moment
            self._say(now)

    def _hold_to_limit(self, live: _Live, moment: float) -> None:
        if live.kill_at is not None:
            if moment >= live.kill_at:
                live.execution.kill("timeout")
            return
        began = live.execution.began
        if self.limits.timeout_s is not None and began is not None and moment - began >= self.limits.timeout_s:
            self._interrupt(live, "timeout", moment)

    def _interrupt(self, live: _Live, reason: StopReason, moment: float) -> None:
        live.execution.interrupt(reason)
        live.kill_at = moment + _INTERRUPT_GRACE_S

    def _end_for_time(self, moment: float) -> None:
        """The whole has had its time: nothing more begins, and what goes on is interrupted."""
        self._is_over = self._is_cancelled = True
        for live in self._live.values():
            if live.kill_at is None:
                self._interrupt(live, "out_of_time", moment)

    def _ask_store(self) -> None:
        """Look whether another process has cancelled the sweep or one of its runs, and what the runs have logged."""
        if self.sweep is not None and self.store.get(Sweep, self.sweep.id).status == "cancelled":
            self._stop("cancelled")
        for live in self._live.values():
            if live.execution.stopped is not None:
                continue
            run_id = live.execution.run.id
            if self.store.get(Run, run_id).status == "cancelled":
                live.execution.kill("cancelled")
            elif self.goals and self.search.should_stop(live.trial, self._steps(run_id)):
                self._interrupt(live, "pruned", time.monotonic())

    def _steps(self, run_id: str) -> list[Metric]:
        metric = self.goals[0].metric
        return [logged for logged in self.store.metrics(run_id) if logged.name == metric and logged.step is not None]

    def _stop(self, reason: StopReason) -> None:
        self._is_over = self._is_cancelled = True
        for live in self._live.values():
            live.execution.kill(reason)

    def _say(self, now: Stage) -> None:
        if self.sweep is not None:
            now.say(self._note())
            return
        for live in self._live.values():
            index = live.execution.cell_index or 0
            now.advance(max(0, index - now.done), note=f"cell {index + 1}")

    def _note(self) -> str:
        cells = [f"cell {(live.execution.cell_index or 0) + 1}" for live in self._live.values()]
        parts = ["cancelled"] if self._is_cancelled else []
        parts += [f"{len(cells)} running ({', '.join(cells)})"] if cells else []
        reused = sum(recipe.REUSED in run.tags for run in self.runs)
        failed = sum(run.status == "failed" for run in self.runs)
        parts += [f"{count} {word}" for count, word in ((reused, "reused"), (failed, "failed")) if count]
        if self.best is not None and self.sweep is not None:
            value, run = self.best
            point = self.store.params(run.id)
            where = ", ".join(f"{name}={point[name]!r:.20}" for name in self.sweep.space if name in point)
            parts.append(f"best {self.goals[0].metric} {value:.6g}" + (f" ({where})" if where else ""))
        return "; ".join(parts)

    def _close(self) -> None:
        if self.sweep is None:
            return
        status: SweepStatus = "finished"
        if self._is_cancelled:
            status = "cancelled"
        elif self.runs and all(run.status == "failed" for run in self.runs):
            status = "failed"
        self.store.update(Sweep, self.sweep.id, status=status, ended_at=time.time())


def reached(run: Run, goals: Sequence[Objective], store: Store) -> list[float] | None:
    """The last value of each objective's metric.

    Args:
        run: a run that has ended.
        goals: the objectives.
        store: where its metrics are.

    Returns:
        One value per objective; None for a run that did not finish, or did not log them all.
    """
    if run.status != "finished" or not goals:
        return None
    last = {metric.name: metric.value for metric in store.metrics(run.id)}
    if not all(goal.metric in last for goal in goals):
        return None
    return [last[goal.metric] for goal in goals]

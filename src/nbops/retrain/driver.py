"""Runs of one notebook side by side: one process, a few threads, a kernel per run.

The driver waits in the caller's thread, so that Ctrl-C ends everything it started; each run waits for its kernel in a
thread of its own. Kernels are processes already: worker processes around them would only import papermill again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbops.progress import Stage
from nbops.records import Run, Sweep, SweepStatus
from nbops.retrain import execution as executions
from nbops.retrain import parameters
from nbops.retrain.execution import Execution, StopReason
from nbops.retrain.objective import Objective
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
    is_cold: bool = False


@dataclass(frozen=True)
class Trial:
    """One point of the space, on its first or a later attempt."""

    number: int
    given: dict[str, Any]
    attempt: int = 1


@dataclass(frozen=True)
class Limits:
    """How long a run may take, and how often a failed one is tried again."""

    timeout_s: float | None = None
    retries: int = 0


@dataclass
class _Live:
    trial: Trial
    execution: Execution
    started: float
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
    sweep: Sweep | None = None
    goal: Objective | None = None
    runs: list[Run] = field(default_factory=list)
    """The last attempt of every trial that has ended."""
    best: tuple[float, Run, Trial] | None = None
    _live: dict[Future[Run], _Live] = field(default_factory=dict)
    _waiting: deque[Trial] = field(default_factory=deque)
    _is_cancelled: bool = False
    _asked_at: float = 0.0
    _said_at: float = 0.0

    def drive(self, trials: Iterable[Trial], *, jobs: int, now: Stage) -> None:
        """Run all trials, ``jobs`` at a time; returns when the last one has ended.

        Args:
            trials: what to run.
            jobs: how many go on at a time.
            now: the stage to advance: by runs for a sweep, by cells for a single run.

        Raises:
            KeyboardInterrupt: Ctrl-C, after every kernel has ended and every run is recorded as cancelled.
        """
        self._waiting.extend(trials)
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

    def _work(self, pool: ThreadPoolExecutor, jobs: int, now: Stage) -> None:
        while self._waiting or self._live:
            while self._waiting and len(self._live) < jobs:
                self._start(self._waiting.popleft(), pool)
            done, _ = wait(self._live, timeout=_GLANCE_S, return_when=FIRST_COMPLETED)
            for future in done:
                self._ended(future, now)
            self._look(now)

    def _start(self, trial: Trial, pool: ThreadPoolExecutor) -> None:
        tags = {}
        if self.sweep is not None:
            tags = {"trial": str(trial.number)} | ({"attempt": str(trial.attempt)} if trial.attempt > 1 else {})
        execution = executions.opened(
            self.book.path,
            settings=self.settings,
            cause=self.cause,
            name=self.name,
            sweep_id=self.sweep.id if self.sweep is not None else None,
            tags=tags,
        )
        execution.is_cold = self.book.is_cold
        if trial.given:
            execution.source = parameters.injected(self.book.known, trial.given)
        self.store.put(execution.run)
        effective = executions.defaults(self.book.known) | trial.given
        self.store.log_params(executions.recorded_params(execution.run.id, effective))
        # A context of its own: jupyter_core keeps a thread's event loop in a context variable, and a copy of the
        # caller's context would bring the caller's loop into every thread.
        future = pool.submit(
            Context().run,
            executions.execute,
            execution,
            self.book.node,
            parameters=trial.given,
            kernel_name=self.book.kernel_name,
            store=self.store,
        )
        self._live[future] = _Live(trial, execution, time.monotonic())

    def _ended(self, future: Future[Run], now: Stage) -> None:
        live = self._live.pop(future)
        run = future.result()
        if run.status == "failed" and live.trial.attempt <= self.limits.retries and not self._is_cancelled:
            self._waiting.append(Trial(live.trial.number, live.trial.given, live.trial.attempt + 1))
            return
        self.runs.append(run)
        if run.status == "finished":
            self._compare(run, live.trial)
        if self.sweep is not None:
            now.advance(note=self._note())
        elif run.status == "finished":
            now.advance((now.total or 0) - now.done, note="")

    def _compare(self, run: Run, trial: Trial) -> None:
        if self.goal is None:
            return
        logged = [metric.value for metric in self.store.metrics(run.id) if metric.name == self.goal.metric]
        if not logged or not self.goal.is_better(logged[-1], self.best[0] if self.best else None):
            return
        self.best = (logged[-1], run, trial)
        if self.sweep is not None:
            self.store.update(Sweep, self.sweep.id, best_run_id=run.id)

    def _look(self, now: Stage) -> None:
        moment = time.monotonic()
        for live in self._live.values():
            self._hold_to_limit(live, moment)
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
        elif self.limits.timeout_s is not None and moment - live.started >= self.limits.timeout_s:
            live.execution.interrupt("timeout")
            live.kill_at = moment + _INTERRUPT_GRACE_S

    def _ask_store(self) -> None:
        """Look whether another process has cancelled the sweep, or one of its runs."""
        if self.sweep is not None and self.store.get(Sweep, self.sweep.id).status == "cancelled":
            self._stop("cancelled")
        for live in self._live.values():
            if live.execution.stopped is None and self.store.get(Run, live.execution.run.id).status == "cancelled":
                live.execution.kill("cancelled")

    def _stop(self, reason: StopReason) -> None:
        self._is_cancelled = True
        self._waiting.clear()
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
        parts = [f"{len(cells)} running ({', '.join(cells)})"] if cells else []
        failed = sum(run.status == "failed" for run in self.runs)
        if failed:
            parts.append(f"{failed} failed")
        if self.best is not None and self.goal is not None:
            value, _, trial = self.best
            where = ", ".join(f"{name}={shown!r:.20}" for name, shown in trial.given.items())
            parts.append(f"best {self.goal.metric} {value:.6g}" + (f" ({where})" if where else ""))
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

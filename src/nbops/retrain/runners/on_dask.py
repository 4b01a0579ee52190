"""Runs on the workers of a dask.distributed scheduler.

joblib's backend for dask gives no way to end a task that runs, nor to hear of it before its end; the client itself
does. What a run tells travels as events of the scheduler; what it is told, the driver leaves in the worker's process.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any

import msgspec

from nbops import __version__
from nbops.clusters import Dask
from nbops.errors import RetrainError
from nbops.retrain.runners import Site, worker
from nbops.retrain.runners.luggage import Luggage
from nbops.retrain.runners.remote import NOBODY, RemoteRunner
from nbops.retrain.runners.worker import News, Order, Word

# So often the driver says that it is there, even if it has nothing to say.
_BEAT_S = 5.0


def runner(site: Site) -> RemoteRunner:
    """Open a runner on a scheduler, or on workers of this machine when none is given.

    Args:
        site: its ``scheduler`` is an address such as ``tcp://10.0.0.5:8786``; without it dask's own configuration
            (``DASK_SCHEDULER_ADDRESS``) says where, else a cluster of this machine is started for the sweep.

    Raises:
        MissingError: distributed is not installed here.
        RetrainError: the scheduler cannot be reached, or workers have another Python or nbops, or none.
    """
    opened = RemoteRunner(site)
    opened.cluster = DaskCluster(site.scheduler, jobs=site.jobs, heard=opened.heard)
    return opened


class DaskCluster:
    """A client of a dask.distributed scheduler."""

    def __init__(self, scheduler: str | None, *, jobs: int, heard: Callable[[News], None]) -> None:
        self._dask = Dask(scheduler, threads=jobs, to="retrain on dask", error=RetrainError)
        self._client = self._dask.client
        self._id = uuid.uuid4().hex
        self._topic = f"nbops-{self._id}"
        self._words: dict[str, Word] = {}
        self._changed = threading.Event()
        self._is_closed = False
        self._packed: Any = None
        self._tasks: dict[str, Any] = {}
        self._client.subscribe_topic(self._topic, lambda event: heard(_news(event[1]["news"])))
        self._beat = threading.Thread(target=self._go_on_telling, name="nbops-dask", daemon=True)
        self._beat.start()

    def submit(self, order: Order, luggage: Luggage) -> Future[bytes]:
        import dask

        if self._packed is None:
            # A task of its own: should the worker that holds it be lost, the scheduler makes it again elsewhere.
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "10GB"}):
                self._packed = self._client.submit(_same, luggage, key=f"nbops-files-{self._id}", pure=False)
        task = self._client.submit(
            _perform, order, self._packed, self._topic, self._id, key=_key(order), pure=False, retries=0
        )
        self._tasks[order.run.id] = task
        result: Future[bytes] = Future()
        task.add_done_callback(lambda done: _settle(result, done))
        return result

    def tell(self, run_id: str, word: Word) -> None:
        self._words[run_id] = word
        self._changed.set()

    def drop(self, run_id: str) -> None:
        task = self._tasks.pop(run_id, None)
        if task is None:
            return
        if task.done():
            self._words.pop(run_id, None)
            return
        # A worker may be about to begin it, or the scheduler to start it again elsewhere.
        self.tell(run_id, NOBODY)
        task.cancel(force=True)

    def close(self) -> None:
        self._is_closed = True
        self._changed.set()
        self._beat.join()
        self._dask.close()

    def _go_on_telling(self) -> None:
        while True:
            self._changed.wait(_BEAT_S)
            self._changed.clear()
            words = {run_id: asdict(word) for run_id, word in list(self._words.items())}
            try:
                # Workers that join or go meanwhile hear the next beat, or nothing.
                self._client.run(_hear, self._id, words, on_error="ignore")
            except (OSError, TimeoutError, RuntimeError) as error:
                # A scheduler that is away is waited for by the client itself; its tasks then say that they are lost.
                _log().warning("nbops cannot reach the workers of %s: %s", self._client, error)
            if self._is_closed:
                return


def _key(order: Order) -> str:
    return f"nbops-run-{order.run.id}"


def _log() -> Any:
    import logging

    return logging.getLogger(__name__)


def _settle(result: Future[bytes], task: Any) -> None:
    if task.status == "finished":
        result.set_result(task.result())
        return
    error = task.exception() if task.status == "error" else None
    name = type(error).__name__
    if error is None or name in {"KilledWorker", "CommClosedError", "FutureCancelledError"}:
        error = RetrainError("the worker that had begun this run was lost", code="worker_lost")
    elif isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "nbops":
        error = RetrainError("a worker has no nbops", code="worker_mismatch", hint=f"pip install nbops=={__version__}")
    result.set_exception(error)


# ── on the worker ─────────────────────────────────────────────────────────────────────────────────────────────────

_heard: dict[str, tuple[float, Mapping[str, Mapping[str, str]]]] = {}
"""Driver → when it last said something, and what its runs are to hear."""


def _same(luggage: Luggage) -> Luggage:
    return luggage


def _hear(driver: str, words: Mapping[str, Mapping[str, str]]) -> None:
    _heard[driver] = (time.monotonic(), words)
    for gone in [other for other, (at, _) in _heard.items() if time.monotonic() - at > 3600]:
        del _heard[gone]


def _perform(order: Order, luggage: Luggage, topic: str, driver: str) -> bytes:
    from distributed import get_worker

    return worker.perform(order, luggage, _DaskLine(get_worker(), topic, driver, key=_key(order)))


class _DaskLine:
    def __init__(self, here: Any, topic: str, driver: str, *, key: str) -> None:
        self._worker = here
        self._key = key
        self._topic = topic
        self._driver = driver
        self._began = time.monotonic()

    def say(self, news: News) -> None:
        # Inside of another dict, because the scheduler writes the worker's address into the outer one.
        self._worker.log_event(self._topic, {"news": asdict(news)})

    def heard(self, run_id: str) -> tuple[Word | None, float]:
        task = self._worker.state.tasks.get(self._key)
        if task is None or task.state == "cancelled":
            return None, math.inf  # the driver's connection has gone, and the scheduler let go of what it wanted
        at, words = _heard.get(self._driver, (self._began, {}))
        told = words.get(run_id)
        return msgspec.convert(told, Word) if told is not None else None, time.monotonic() - at


def _news(told: Mapping[str, Any]) -> News:
    return News(**{**told, "metrics": tuple(map(tuple, told["metrics"]))})

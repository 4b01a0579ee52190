"""Runs on a Ray cluster, as tasks beside an actor that carries words between them and the driver.

joblib's backend for Ray gives no way to end a task that runs, nor to hear of it before its end; tasks and an actor do.
Ray's reports of usage to its makers are switched off before it is imported.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any

from nbops import __version__
from nbops.errors import MissingError, RetrainError
from nbops.optional import need
from nbops.retrain.runners import Site, worker
from nbops.retrain.runners.luggage import Luggage
from nbops.retrain.runners.remote import NOBODY, RemoteRunner
from nbops.retrain.runners.worker import News, Order, Word

_POLL_S = 0.25
_PROBE_S = 60.0
_STARTS = 3
_INSTALL = "pip install 'nbops[ray]'"


def runner(site: Site) -> RemoteRunner:
    """Open a runner on a Ray cluster, or on a Ray of this machine when none is given.

    Args:
        site: its ``scheduler`` is what ``ray.init`` takes: ``10.0.0.5:6379`` or ``auto`` on a machine of the cluster,
            ``ray://10.0.0.5:10001`` from outside; without it ``RAY_ADDRESS`` says where, else a Ray is started for
            the sweep on this machine.

    Raises:
        MissingError: ray is not installed here.
        RetrainError: the cluster cannot be reached, or has another Python or nbops, or none.
    """
    opened = RemoteRunner(site)
    opened.cluster = RayCluster(site.scheduler, jobs=site.jobs, heard=opened.heard)
    return opened


class RayCluster:
    """A driver of a Ray cluster."""

    def __init__(self, scheduler: str | None, *, jobs: int, heard: Callable[[News], None]) -> None:
        address = scheduler or os.environ.get("RAY_ADDRESS")
        self._ray = _imported(is_own=address is None)
        self._heard = heard
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            _join(self._ray, address, jobs)
        elif scheduler is not None:
            raise RetrainError(
                f"this process is connected to a Ray already, and {scheduler} would be another",
                code="cluster_taken",
                hint="leave out --scheduler, or ray.shutdown() first",
            )
        self._tasks: dict[str, Any] = {}
        self._packed: Any = None
        self._is_closed = threading.Event()
        try:
            _refuse_others(self._ray)
            self._mailbox = self._ray.remote(num_cpus=0)(Mailbox).remote()
        except RetrainError:
            self._let_go()
            raise
        self._perform = self._ray.remote(num_cpus=1, max_retries=0, max_calls=0)(_perform)
        self._listener = threading.Thread(target=self._listen, name="nbops-ray", daemon=True)
        self._listener.start()

    def submit(self, order: Order, luggage: Luggage) -> Future[bytes]:
        if self._packed is None:
            self._packed = self._ray.put(luggage)
        task = self._perform.remote(order, self._packed, self._mailbox)
        self._tasks[order.run.id] = task
        result: Future[bytes] = Future()
        task.future().add_done_callback(lambda done: self._settle(result, done))
        return result

    def tell(self, run_id: str, word: Word) -> None:
        self._mailbox.tell.remote(run_id, asdict(word))

    def drop(self, run_id: str) -> None:
        task = self._tasks.pop(run_id, None)
        if task is None:
            return
        done, _ = self._ray.wait([task], timeout=0)
        if done:
            self._mailbox.forget.remote(run_id)
            return
        self.tell(run_id, NOBODY)
        self._ray.cancel(task, force=False)

    def close(self) -> None:
        self._is_closed.set()
        self._listener.join()
        self._ray.kill(self._mailbox)
        self._let_go()

    def _let_go(self) -> None:
        if self._is_ours:
            self._ray.shutdown()

    def _listen(self) -> None:
        while not self._is_closed.wait(_POLL_S):
            try:
                told = self._ray.get(self._mailbox.taken.remote(), timeout=30)
            except self._ray.exceptions.RayError as error:
                # Runs that nobody hears of any more are given up by whoever waits for them.
                _log().warning("nbops hears nothing of its runs on Ray: %s", error)
                continue
            for news in told:
                self._heard(News(**news))

    def _settle(self, result: Future[bytes], task: Future[bytes]) -> None:
        error = task.exception()
        if error is None:
            result.set_result(task.result())
            return
        cause = getattr(error, "cause", None)
        if isinstance(cause, BaseException):
            error = cause
        if type(error).__name__ in _LOST:
            error = RetrainError("the worker that had begun this run was lost", code="worker_lost")
        result.set_exception(error)


_LOST = {
    "WorkerCrashedError", "NodeDiedError", "LocalRayletDiedError", "OutOfMemoryError", "ObjectLostError",
    "OwnerDiedError", "RaySystemError", "TaskCancelledError",
}  # fmt: skip


class Mailbox:
    """Keeps what runs tell until the driver takes it, and what the driver tells until runs ask; an actor."""

    def __init__(self) -> None:
        self._news: list[dict[str, Any]] = []
        self._words: dict[str, dict[str, Any]] = {}

    def say(self, news: dict[str, Any]) -> None:
        self._news.append(news)

    def tell(self, run_id: str, word: dict[str, Any]) -> None:
        self._words[run_id] = word

    def forget(self, run_id: str) -> None:
        self._words.pop(run_id, None)

    def taken(self) -> list[dict[str, Any]]:
        news, self._news = self._news, []
        return news

    def asked(self, run_id: str) -> dict[str, Any] | None:
        return self._words.get(run_id)


def _log() -> Any:
    import logging

    return logging.getLogger(__name__)


def _imported(*, is_own: bool) -> Any:
    # Read when Ray is imported or started; a person who has set it otherwise has said so.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if is_own and "ray" not in sys.modules:
        _keep_token_in_memory()
    try:
        return need("ray", to="retrain on Ray")
    except MissingError as error:
        raise MissingError(error.message, code=error.code, hint=_INSTALL) from error


def _keep_token_in_memory() -> None:
    """Give a Ray that is started here a token of its own; Ray would leave one in ``~/.ray`` for good."""
    if not any(name in os.environ for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")):
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _join(ray: Any, address: str | None, jobs: int) -> None:
    own: dict[str, Any] = {"address": "local", "num_cpus": jobs, "include_dashboard": False}
    options = {"address": address} if address else own
    error = _tried(ray, options)
    # Ray's own limit of 15 seconds is too short for a busy machine: its start is tried again.
    for _ in range(0 if address else _STARTS - 1):
        if error is not None:
            _log().warning("Ray did not start and is started again: %s", _first_line(error))
            error = _tried(ray, options)
    if error is None:
        return
    raise RetrainError(
        f"no Ray can be joined at {address or 'this machine'}: {_first_line(error)}",
        code="cluster_unreachable",
        hint="ray start --head; then --scheduler HOST:6379, or ray://HOST:10001",
    ) from error


def _tried(ray: Any, options: dict[str, Any]) -> Exception | None:
    try:
        ray.init(log_to_driver=False, logging_level="warning", configure_logging=False, **options)
    except Exception as error:  # noqa: BLE001 - Ray itself raises plain Exception when a node is not up in time
        ray.shutdown()
        # Its stack holds the node, whose processes Ray ends when this one ends.
        return error.with_traceback(None)
    return None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _refuse_others(ray: Any) -> None:
    """Ask one worker; Ray itself refuses another Python."""
    try:
        there = ray.get(ray.remote(num_cpus=0, max_retries=0)(_version).remote(), timeout=_PROBE_S)
    except ray.exceptions.RayError as error:
        if "nbops" not in str(error):
            raise RetrainError(f"Ray's workers do not answer: {error}", code="cluster_unreachable") from error
        there = "not installed"
    if there != __version__:
        raise RetrainError(
            f"Ray's workers have nbops {there}, and this is {__version__}",
            code="worker_mismatch",
            hint=f"pip install nbops=={__version__}, on every machine of the cluster",
        )


# ── on the worker ─────────────────────────────────────────────────────────────────────────────────────────────────


def _version() -> str:
    return __version__


def _perform(order: Order, luggage: Luggage, mailbox: Any) -> bytes:
    return worker.perform(order, luggage, _RayLine(mailbox))


class _RayLine:
    def __init__(self, mailbox: Any) -> None:
        import ray

        self._ray = ray
        self._mailbox = mailbox
        self._heard_at = time.monotonic()

    def say(self, news: News) -> None:
        self._mailbox.say.remote(asdict(news))

    def heard(self, run_id: str) -> tuple[Word | None, float]:
        try:
            told = self._ray.get(self._mailbox.asked.remote(run_id), timeout=5)
        except self._ray.exceptions.RayError:
            return None, time.monotonic() - self._heard_at
        self._heard_at = time.monotonic()
        return Word(**told) if told is not None else None, 0.0

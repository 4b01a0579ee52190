"""Runs and what is logged into them: the same calls in a notebook, a script, a thread and a retraining kernel.

A call goes to the innermost run that is open where it is made. Inside a thread without a run of its own, that is the
innermost one of the main thread, so a worker pool inside ``with nbops.run(…)`` logs where one expects.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nbops.capture import values
from nbops.errors import UsageError
from nbops.masking import OFF, Masker, masker_of
from nbops.optional import loaded
from nbops.records import Artifact, CellError, Metric, Param, Run, RunStatus, new_id

if TYPE_CHECKING:
    from nbops.capture.session import Session

_LONGEST_MESSAGE = 10_000
_innermost: ContextVar[ActiveRun | None] = ContextVar("nbops_innermost_run", default=None)


class ActiveRun:
    """A run that is open: what is logged goes into it until its ``with`` block ends.

    Made by ``nbops.run(name)``; a session's own run is one too, without a block.
    """

    def __init__(self, session: Session, *, id: str, name: str, outer: ActiveRun | None) -> None:
        self.id = id
        self.name = name
        self.outer = outer
        self.is_open = True
        self.said: set[str] = set()
        """Names of parameters that were logged by hand, which autologging leaves alone."""
        self._session = session

    def __enter__(self) -> Self:
        _innermost.set(self)
        if threading.current_thread() is threading.main_thread():
            self._session.innermost = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end(error)

    def __repr__(self) -> str:
        return f"<run {self.name!r} {self.id[:8]} {'open' if self.is_open else 'ended'}>"

    def end(self, error: BaseException | None = None) -> None:
        """Close the run; an exception closes it as failed, an interrupt as interrupted."""
        if not self.is_open:
            return
        self.is_open = False
        # Blocks of generators and threads may end in any order; the innermost run is found past the closed ones.
        if _innermost.get() is self:
            _innermost.set(self.outer)
        if self._session.innermost is self:
            self._session.innermost = self.outer
        self._session.leave(self, *outcome(error, masker_of(self._session.settings)))

    def log_param(self, name: str, value: object) -> None:
        """Set one parameter; logging it again replaces it."""
        self.log_params({name: value})

    def log_params(self, params: Mapping[str, object]) -> None:
        """Set several parameters."""
        call = 'nbops.log_params({"depth": 4, "lr": 0.1})'
        if not isinstance(params, Mapping):
            raise UsageError(f"parameters come as a dict, not as a {type(params).__name__}", hint=call)
        self.said.update(params)
        now = time.time()
        self._session.writer.log_params(
            [
                Param(run_id=self.id, name=values.as_name(name, call), value=values.as_param(value), at=now)
                for name, value in params.items()
            ]
        )

    def log_metric(self, name: str, value: object, step: object = None) -> None:
        """Append one value of a metric."""
        number = value if type(value) is float else values.as_metric(_metric_name(name), value)
        metric = Metric(
            run_id=self.id,
            name=_metric_name(name),
            step=None if step is None else values.as_step(step),
            value=number,
            at=time.time(),
        )
        self._session.writer.log_metric(metric)

    def log_metrics(self, metrics: Mapping[str, object], step: object = None) -> None:
        """Append one value to each of several metrics."""
        if not isinstance(metrics, Mapping):
            raise UsageError(
                f"metrics come as a dict, not as a {type(metrics).__name__}",
                hint='nbops.log_metrics({"loss": 0.3, "accuracy": 0.9}, step=1)',
            )
        now, whole = time.time(), values.as_step(step)
        self._session.writer.log_metrics(
            [
                Metric(
                    run_id=self.id,
                    name=_metric_name(name),
                    step=whole,
                    value=values.as_metric(name, value),
                    at=now,
                )
                for name, value in metrics.items()
            ]
        )

    def log_artifact(self, path_or_object: object, name: str | None = None) -> Artifact | None:
        """Keep a file or an object's bytes under the run; None when they could not be stored, which is told."""
        from nbops.capture import artifacts

        return artifacts.log(self._session, self.id, path_or_object, name)


def open_run(session: Session, name: str) -> ActiveRun:
    """Open a named run inside the innermost one."""
    outer = innermost(session)
    active = ActiveRun(session, id=new_id(), name=name, outer=outer)
    session.enter(active)
    return active


def innermost(session: Session) -> ActiveRun:
    """The innermost run that is open here: in this context, else in the main thread, else the session's own."""
    for start in (_innermost.get(), session.innermost):
        active = start
        while active is not None and not active.is_open:
            active = active.outer
        if active is not None and active._session is session:
            return active
    return session.root


def failure(error: BaseException, mask: Masker = OFF) -> CellError:
    """Describe an exception of a run, bounded; its traceback stands with the cell."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - an exception's broken __str__ must not replace it in the user's cell
        message = ""
    return CellError(name=type(error).__name__, message=mask.head(message, _LONGEST_MESSAGE))


def outcome(error: BaseException | None, mask: Masker = OFF) -> tuple[RunStatus, CellError | None]:
    if error is None or isinstance(error, GeneratorExit):
        return "finished", None
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", failure(error, mask)
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return "finished", None
    return ("cancelled" if is_cancelled(error) else "failed"), failure(error, mask)


def is_cancelled(error: BaseException) -> bool:
    """Tell whether this is what a cancelled asyncio task raises; without asyncio there is none."""
    asyncio = loaded("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _metric_name(name: object) -> str:
    # The common case costs nothing; names that are not text are looked at once more for the message.
    if type(name) is str and 0 < len(name) <= 250:
        return name
    return values.as_name(name, 'nbops.log_metric("accuracy", 0.93)')


def run_record(
    *, id: str, name: str, kind: Any, parent_id: str | None = None, execution_id: str | None = None, **more: Any
) -> Run:
    """Make the row of a run that begins now in this process."""
    from nbops.capture import place
    from nbops.store.process import this_host, this_process

    return Run(
        id=id,
        name=name,
        kind=kind,
        parent_id=parent_id,
        execution_id=execution_id,
        started_at=time.time(),
        user=place.user(),
        host=this_host(),
        pid=os.getpid(),
        process=this_process(),
        **more,
    )

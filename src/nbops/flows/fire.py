"""Firing a schedule: is it due and not done yet, run the notebook, record how it ended, tell who wants to hear.

This is what every timer calls, as ``nbops fire SCHEDULE``, as often as it likes: a time that was fired is not fired
again, and all that were missed are caught up by a single run.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from nbops.errors import NbopsError
from nbops.flows.notices import tell_of_firing
from nbops.masking.asking import restored
from nbops.records import Firing, FiringStatus, Run, Schedule
from nbops.schedule import Clock, Observation, firings, observe
from nbops.settings import Settings

if TYPE_CHECKING:
    from nbops.store.interface import Store

_ASK_EVERY_S = 2.0
_ENDS: dict[str, FiringStatus] = {"finished": "finished", "cancelled": "cancelled"}


class Fired(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a call to fire."""

    schedule: Schedule
    message: str
    firing: Firing | None = None
    """The firing that stands for the time, whoever carried it out; None when there was nothing to do."""
    run: Run | None = None

    @property
    def status(self) -> str:
        """The firing's own; ``idle`` when there was nothing to do."""
        return "idle" if self.firing is None else self.firing.status

    @property
    def failed(self) -> bool:
        """Whether a timer should call this a failure."""
        return self.status in ("failed", "interrupted")


def fire(
    schedule: Schedule,
    *,
    now: bool,
    wait: bool,
    store: Store,
    settings: Settings,
    pause: Callable[[float], None] = time.sleep,
) -> Fired:
    """Fire a schedule if it is due and nobody has done it.

    Args:
        schedule: as the store has it.
        now: a person asks: whatever its times and conditions say, also while it is paused.
        wait: where another process carries the firing out, wait for its end, and take over when it dies.
        store: the project's.
        settings: the project's.
        pause: how to wait, given seconds.

    Returns:
        The firing that stands for the time, and what there is to say.

    Raises:
        StoreError: the store that all share cannot be asked, so nothing was fired.
        NbopsError: a condition cannot be looked at.
    """
    if now:
        firing = firings.made(schedule, due_at=None, cause="person", reason="a person asked")
        return _claimed(schedule, firing, store=store, settings=settings)
    if schedule.paused_at is not None:
        return Fired(schedule=schedule, message=f"{schedule.name} is paused; nbops unpause {schedule.name}")
    due_at = firings.due(schedule, time.time())
    if due_at is None:
        return Fired(schedule=schedule, message=f"nothing is due; {_next(schedule)}")
    earlier = firings.standing(schedule, due_at, store)
    if earlier is not None:
        earlier = _awaited(earlier, store, pause) if wait else earlier
        if not (_has_died(earlier, schedule, settings, store) and earlier.attempt <= schedule.retries):
            return _done_already(schedule, earlier, store)
    attempt = 1 if earlier is None else earlier.attempt + 1
    return _looked(schedule, due_at, attempt, store=store, settings=settings, pause=pause)


def _awaited(firing: Firing, store: Store, pause: Callable[[float], None]) -> Firing:
    while firing.status == "running" and not firings.is_dead(firing, time.time()):
        pause(_ASK_EVERY_S)
        firing = store.get(Firing, firing.id)
    return firing


def _has_died(firing: Firing, schedule: Schedule, settings: Settings, store: Store) -> bool:
    """Whether a firing's process is gone before its end; who finds that out first records it and tells."""
    if firings.is_dead(firing, time.time()):
        buried = firings.bury(firing, store)
        tell_of_firing(buried, schedule, None, store=store, settings=settings)
        return True
    return firing.status == "interrupted"


def _done_already(schedule: Schedule, firing: Firing, store: Store) -> Fired:
    firing = store.get(Firing, firing.id)
    where = f" on {firing.host}" if firing.host else ""
    said = "goes on" if firing.status == "running" else f"was {firing.status}"
    message = f"the firing of {_when(schedule, firing.due_at)} {said}{where}; {_next(schedule)}"
    return Fired(schedule=schedule, firing=firing, message=message)


def _looked(
    schedule: Schedule,
    due_at: float,
    attempt: int,
    *,
    store: Store,
    settings: Settings,
    pause: Callable[[float], None],
) -> Fired:
    """Ask the conditions, if there are any, and go on."""
    if not schedule.conditions:
        reason = f"{schedule.cron} was due at {_when(schedule, due_at)}"
        firing = firings.made(schedule, due_at=due_at, cause="schedule", reason=reason, attempt=attempt)
        return _claimed(schedule, firing, store=store, settings=settings)
    found = observe(schedule, root=Path(settings.root), store=store, pause=pause)
    if not found.reason:
        return Fired(schedule=schedule, message=f"{found.note}; looked at for {_when(schedule, due_at)}")
    firing = firings.made(schedule, due_at=due_at, cause="trigger", reason=found.reason, attempt=attempt)
    return _claimed(schedule, firing, found, store=store, settings=settings)


def _claimed(
    schedule: Schedule, firing: Firing, found: Observation | None = None, *, store: Store, settings: Settings
) -> Fired:
    """Take the firing, unless another process was quicker or an earlier firing goes on."""
    for other in firings.going_on(schedule, store):
        _has_died(other, schedule, settings, store)
    unless = {} if schedule.overlap == "allow" else {"schedule_id": schedule.id, "status": "running"}
    if not store.claim(firing, **unless):
        return _not_ours(schedule, firing, store, settings)
    if found is not None:
        store.update(Schedule, schedule.id, seen=found.seen)
    return _carried_out(schedule, firing, store=store, settings=settings)


def _not_ours(schedule: Schedule, firing: Firing, store: Store, settings: Settings) -> Fired:
    taken = store.find(Firing, id=firing.id)
    if taken:
        return _done_already(schedule, taken[0], store)
    others = firings.going_on(schedule, store)
    because = f"firing {others[0].id} goes on on {others[0].host}" if others else "another firing went on"
    skipped = firings.skip(firing, because, store)
    tell_of_firing(skipped, schedule, None, store=store, settings=settings)
    return Fired(schedule=schedule, firing=skipped, message=f"skipped: {because}")


def _carried_out(schedule: Schedule, firing: Firing, *, store: Store, settings: Settings) -> Fired:
    run: Run | None = None
    end: dict[str, Any] = {"status": "cancelled", "error": "it was interrupted"}
    try:
        with _ended_by_sigterm(), firings.signs_of_life(firing, store):
            run = _run(schedule, firing, store, settings)
        end = {"status": _ENDS.get(run.status, "failed"), "error": run.error.message if run.error else None}
    except NbopsError as error:
        # The notebook could not even begin: it is gone, or its parameters are others now.
        end = {"status": "failed", "error": str(error)}
    finally:
        run = run or _last_run(firing, store)
        store.update(Firing, firing.id, run_id=run.id if run else None, ended_at=time.time(), **end)
        ended = store.get(Firing, firing.id)
        tell_of_firing(ended, schedule, run, store=store, settings=settings)
    said = f"{ended.reason}: {ended.status}" + (f", {ended.error}" if ended.error else "")
    return Fired(schedule=schedule, firing=ended, run=run, message=said)


def _last_run(firing: Firing, store: Store) -> Run | None:
    found = store.find(Run, firing_id=firing.id, limit=1)
    return found[0] if found else None


def _run(schedule: Schedule, firing: Firing, store: Store, settings: Settings) -> Run:
    from nbops.retrain import run_notebook
    from nbops.retrain.parameters import from_text, inspect

    notebook = Path(settings.root, schedule.notebook)
    return run_notebook(
        notebook,
        parameters=from_text(
            inspect(notebook), {name: str(restored(value)) for name, value in schedule.params.items()}
        ),
        store=store,
        settings=settings,
        cause=firing.cause,
        firing_id=firing.id,
        name=schedule.name,
        kernel=schedule.kernel,
        timeout_s=schedule.timeout_s,
        retries=schedule.retries,
        runner=schedule.runner,
        scheduler=schedule.scheduler,
        ship=schedule.ship,
    )


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let a timer's own stop (systemd, a cluster, ``watch``) end the kernels as Ctrl-C does, and be recorded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signum: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _when(schedule: Schedule, moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, ZoneInfo(schedule.timezone)):%Y-%m-%d %H:%M %Z}"


def _next(schedule: Schedule) -> str:
    return f"next at {_when(schedule, Clock(schedule.cron, schedule.timezone).after(time.time()))}"

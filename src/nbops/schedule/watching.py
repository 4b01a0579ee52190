"""``nbops watch``: one long-lived process that stands in for all timers.

APScheduler keeps the times; the store keeps the truth. Schedules are read again every few seconds, so that those made,
changed, paused or removed by any process count at once. Each firing is a process of its own, ``nbops fire SCHEDULE``:
what it leaks or breaks ends with it, and a timer elsewhere that calls the same does no harm, because a time is fired
once.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbops.errors import NbopsError
from nbops.records import Schedule
from nbops.schedule import firings
from nbops.schedule.clock import Clock
from nbops.schedule.conditions import observe
from nbops.settings import Settings

if TYPE_CHECKING:
    from nbops.store.interface import Store

LOG = logging.getLogger("nbops.watch")
READ_EVERY_S = 5.0
"""How often the store is read again, in seconds."""
AGAIN_AFTER_S = 30.0
"""How long after it could not be begun, for want of the store, a firing is tried again, in seconds."""
_GLANCE_S = 0.2
_GRACE_S = 45.0
Start = Callable[[Schedule], "subprocess.Popen[Any]"]


class Watcher:
    """Fires a project's schedules when they are due, until it is told to stop.

    Args:
        store: the project's.
        settings: the project's.
        jobs: how many firings may go on at a time; the rest wait their turn.
        start: begins a firing; a process of its own when not given.
    """

    def __init__(self, store: Store, settings: Settings, *, jobs: int = 2, start: Start | None = None) -> None:
        from apscheduler.schedulers.background import BackgroundScheduler

        self._store = store
        self._settings = settings
        self._jobs = jobs
        self._start = start or (lambda schedule: _process(schedule, settings))
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            # One late call stands for all that were missed, however late: what is owed is asked of the store.
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._known: dict[str, Schedule] = {}
        self._waiting: deque[Schedule] = deque()
        self._running: list[tuple[Schedule, subprocess.Popen[Any]]] = []
        self._owed: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._is_blind = False

    def stop(self) -> None:
        """End it soon: nothing begins any more, and what goes on is interrupted and recorded as cancelled."""
        self._stop.set()

    def run(self) -> None:
        """Go on until ``stop`` is called."""
        LOG.info("watching %s, at most %d firings at a time", self._settings.root, self._jobs)
        self._scheduler.start()
        read_at = time.monotonic()
        try:
            while not self._stop.wait(_GLANCE_S):
                if time.monotonic() >= read_at:
                    read_at = time.monotonic() + READ_EVERY_S
                    self.read()
                self._reap()
                self._begin()
        finally:
            self._scheduler.shutdown(wait=True)
            self._end()
            LOG.info("stopped")

    def read(self) -> None:
        """Bring the times up to what the store says; while it says nothing, those that are known go on."""
        # Its own sleep is measured by a clock that stands still while the machine sleeps.
        self._scheduler.wakeup()
        try:
            found = {schedule.id: schedule for schedule in self._store.find(Schedule, paused_at=None)}
        except NbopsError as error:
            if not self._is_blind:
                LOG.warning("the store cannot be read, the known schedules go on: %s", error.message)
            self._is_blind = True
            return
        if self._is_blind:
            LOG.info("the store can be read again")
            self._is_blind = False
        for gone in self._known.keys() - found.keys():
            if self._scheduler.get_job(gone) is not None:
                self._scheduler.remove_job(gone)
            LOG.info("%s: no longer watched", self._known.pop(gone).name)
        for schedule in found.values():
            self._take_up(schedule)
        for owed, at in list(self._owed.items()):
            if time.monotonic() >= at:
                del self._owed[owed]
                self.tick(owed)

    def _take_up(self, schedule: Schedule) -> None:
        known = self._known.get(schedule.id)
        self._known[schedule.id] = schedule
        try:
            clock = Clock(schedule.cron, schedule.timezone)
        except NbopsError as error:  # a zone that this machine does not know
            if known is None:
                LOG.error("%s: %s", schedule.name, error.message)
            return
        following = clock.after(time.time())
        if known is not None and _times(known) == _times(schedule) and not self._is_late(schedule, following):
            return
        # The first call comes at once: it finds out whether a time was missed.
        self._scheduler.add_job(
            self.tick, _trigger(clock), args=[schedule.id], id=schedule.id, replace_existing=True, next_run_time=_now()
        )
        shown = datetime.fromtimestamp(following, clock.zone).strftime("%Y-%m-%d %H:%M:%S %Z")
        LOG.info("%s: %s, next at %s", schedule.name, clock.describe(), shown)

    def _is_late(self, schedule: Schedule, following: float) -> bool:
        """Whether the clock was set back after the job's next time was computed."""
        job = self._scheduler.get_job(schedule.id)
        return job is None or job.next_run_time.timestamp() > following + 1

    def tick(self, schedule_id: str) -> None:
        """A time of a schedule has come: begin a firing if nobody has, and its conditions say so."""
        schedule = self._known.get(schedule_id)
        if schedule is None or self._stop.is_set():
            return
        try:
            if self._is_due(schedule):
                with self._lock:
                    if schedule.id not in {each.id for each in self._waiting}:
                        self._waiting.append(schedule)
        except NbopsError as error:
            # The store is away, or what a condition looks at is.
            LOG.warning("%s: cannot tell whether to fire: %s", schedule.name, error.message)
            self._owe(schedule)

    def _is_due(self, schedule: Schedule) -> bool:
        due_at = firings.due(schedule, time.time())
        if due_at is None or firings.standing(schedule, due_at, self._store) is not None:
            return False
        if not schedule.conditions:
            return True
        # Looked at here, without waiting for it to come to rest, so that nothing new costs no process.
        found = observe(schedule, root=Path(self._settings.root), store=self._store, pause=None)
        return bool(found.reason)

    def _begin(self) -> None:
        while self._waiting and len(self._running) < self._jobs:
            with self._lock:
                schedule = self._waiting.popleft()
            try:
                process = self._start(schedule)
            except OSError as error:
                LOG.error("%s: cannot be begun: %s", schedule.name, error)
                self._owe(schedule)
                continue
            LOG.info("%s: firing, process %d", schedule.name, process.pid)
            self._running.append((schedule, process))

    def _reap(self) -> None:
        for schedule, process in list(self._running):
            code = process.poll()
            if code is None:
                continue
            self._running.remove((schedule, process))
            LOG.info("%s: process %d ended with exit code %d", schedule.name, process.pid, code)
            if code:
                # Where it failed before it could claim the time, that is still owed; otherwise this finds nothing.
                self._owe(schedule)

    def _owe(self, schedule: Schedule) -> None:
        self._owed[schedule.id] = time.monotonic() + AGAIN_AFTER_S

    def _end(self) -> None:
        for _, process in self._running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_S
        for schedule, process in self._running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                LOG.warning("%s: process %d did not end and is killed", schedule.name, process.pid)
                process.kill()
                process.wait()


def watch(store: Store, settings: Settings, *, jobs: int) -> int:
    """Watch a project's schedules until SIGTERM or Ctrl-C.

    Args:
        store: the project's.
        settings: the project's.
        jobs: how many firings may go on at a time.

    Returns:
        0, the exit code of a service that was told to stop.
    """
    watcher = Watcher(store, settings, jobs=jobs)
    with _told_on_stderr(), _stopped_by_signals(watcher):
        watcher.run()
    return 0


@contextmanager
def _told_on_stderr() -> Iterator[None]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    LOG.addHandler(handler)
    before = LOG.level, LOG.propagate
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.level, LOG.propagate = before


@contextmanager
def _stopped_by_signals(watcher: Watcher) -> Iterator[None]:
    def stop(_signum: int, _frame: object) -> None:
        watcher.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _process(schedule: Schedule, settings: Settings) -> subprocess.Popen[Any]:
    words = [sys.executable, "-m", "nbops", "-C", settings.root, "fire", schedule.id]
    # A session of its own: Ctrl-C in the watcher's terminal is the watcher's to pass on.
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True)


def _trigger(clock: Clock) -> Any:
    from apscheduler.triggers.base import BaseTrigger

    class ClockTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
        def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
            # After the last call, so that what passed meanwhile is one late call rather than none.
            return datetime.fromtimestamp(clock.after((previous or now).timestamp()), clock.zone)

    return ClockTrigger()


def _times(schedule: Schedule) -> tuple[str, str, float]:
    return schedule.cron, schedule.timezone, schedule.active_since


def _now() -> datetime:
    return datetime.now(UTC)

"""The long-lived process that stands in for all timers."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbops.errors import StoreError
from nbops.records import Firing, Run, Schedule
from nbops.schedule import firings
from nbops.schedule.watching import Watcher
from nbops.settings import Settings
from nbops.store.interface import Store

YEARLY = "0 0 1 1 *"


def eventually(true: Callable[[], Any], *, within_s: float = 30.0) -> Any:
    """Wait for something that other threads and processes bring about."""
    deadline = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
    return found


class Firer:
    """Begins a harmless process for each firing, and claims its time as the real one does."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.begun: list[str] = []
        self.claims = True
        self.seconds = 0.0
        self.most_at_a_time = 0
        self._processes: list[subprocess.Popen[Any]] = []

    def __call__(self, schedule: Schedule) -> subprocess.Popen[Any]:
        if self.claims:
            due_at = firings.due(schedule, time.time())
            self.store.claim(firings.made(schedule, due_at=due_at, cause="schedule", reason="due"))
        self.begun.append(schedule.name)
        program = f"import time; time.sleep({self.seconds}); raise SystemExit({int(not self.claims)})"
        self._processes.append(subprocess.Popen([sys.executable, "-c", program]))
        self.most_at_a_time = max(self.most_at_a_time, sum(each.poll() is None for each in self._processes))
        return self._processes[-1]


class Unplugged:
    """A store that can be away for a while."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_away = False
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        if self.is_away:
            self.refused += 1
            raise StoreError("the disk is gone")
        return getattr(self._store, name)


@pytest.fixture
def plug(store: Store) -> Unplugged:
    return Unplugged(store)


@pytest.fixture
def firer(store: Store) -> Firer:
    return Firer(store)


@pytest.fixture
def watcher(plug: Any, settings: Settings, firer: Firer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a watcher in a thread, looking at the store more often than a real one."""
    monkeypatch.setattr("nbops.schedule.watching.READ_EVERY_S", 0.1)
    monkeypatch.setattr("nbops.schedule.watching.AGAIN_AFTER_S", 0.2)
    made = Watcher(plug, settings, jobs=2, start=firer)
    thread = threading.Thread(target=made.run)
    thread.start()
    yield made
    made.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_a_time_that_was_missed_is_caught_up_once(watcher: Any, store: Store, firer: Firer, schedule: Any) -> None:
    store.put(schedule(cron=YEARLY))
    eventually(lambda: firer.begun)
    # Two more looks at the store find nothing to do.
    store.put(schedule(name="other", cron=YEARLY))
    eventually(lambda: "other" in firer.begun)
    assert sorted(firer.begun) == ["other", "train"]


def test_schedules_that_are_paused_changed_or_removed_count_at_once(
    watcher: Any, store: Store, firer: Firer, schedule: Any
) -> None:
    later = schedule(cron=YEARLY, active_since=time.time())
    store.put(later)
    eventually(lambda: watcher._scheduler.get_job(later.id))
    store.update(Schedule, later.id, paused_at=time.time())
    eventually(lambda: watcher._scheduler.get_job(later.id) is None)
    assert firer.begun == []
    store.update(Schedule, later.id, paused_at=None, active_since=0.0)
    eventually(lambda: firer.begun == ["train"])
    store.delete(Schedule, later.id)
    eventually(lambda: watcher._scheduler.get_job(later.id) is None)


def test_no_more_firings_go_on_at_a_time_than_said(watcher: Any, store: Store, firer: Firer, schedule: Any) -> None:
    firer.seconds = 0.3
    store.put(*(schedule(name=f"s{number}", cron=YEARLY) for number in range(5)))
    eventually(lambda: len(firer.begun) == 5)
    assert firer.most_at_a_time <= 2


def test_a_firing_that_could_not_claim_its_time_is_tried_again(
    watcher: Any, store: Store, firer: Firer, schedule: Any
) -> None:
    firer.claims = False
    store.put(schedule(cron=YEARLY))
    eventually(lambda: len(firer.begun) >= 2)
    firer.claims = True
    eventually(lambda: store.count(Firing) == 1)


def test_a_store_that_is_away_for_a_while_stops_nothing(
    watcher: Any, store: Store, plug: Unplugged, firer: Firer, schedule: Any
) -> None:
    later = schedule(cron=YEARLY, active_since=time.time())
    store.put(later)
    eventually(lambda: watcher._scheduler.get_job(later.id))
    plug.is_away = True
    eventually(lambda: plug.refused > 2)
    assert watcher._scheduler.get_job(later.id) is not None
    store.update(Schedule, later.id, active_since=0.0)
    plug.is_away = False
    eventually(lambda: firer.begun == ["train"])


def test_a_clock_that_was_set_back_does_not_hold_the_next_time(watcher: Any, store: Store, schedule: Any) -> None:
    from datetime import UTC, datetime, timedelta

    later = schedule(cron=YEARLY, active_since=time.time())
    store.put(later)
    job = eventually(lambda: watcher._scheduler.get_job(later.id))
    # As it is computed on a machine that believed to be some years ahead when it started.
    watcher._scheduler.modify_job(later.id, next_run_time=datetime.now(UTC) + timedelta(days=3000))
    eventually(lambda: watcher._scheduler.get_job(later.id).next_run_time < datetime.now(UTC) + timedelta(days=367))
    assert job is not None


@pytest.mark.kernel
def test_the_service_fires_and_ends_at_sigterm_with_its_runs_recorded(
    store: Store, schedule: Any, write_notebook: Any, project: Path
) -> None:
    write_notebook("import pathlib, time\npathlib.Path('began').touch()\ntime.sleep(600)")
    store.put(schedule(cron=YEARLY))
    log = project / "watch.log"
    with log.open("w") as file:
        service = subprocess.Popen(
            [sys.executable, "-m", "nbops", "-C", str(project), "watch"], stdout=file, stderr=subprocess.STDOUT
        )
        eventually(lambda: (project / "began").exists() or service.poll() is not None, within_s=90)
        service.send_signal(signal.SIGTERM)
        assert service.wait(90) == 0, log.read_text()
    assert [firing.status for firing in store.find(Firing)] == ["cancelled"]
    assert [run.status for run in store.find(Run)] == ["cancelled"]
    said = log.read_text()
    assert "train: firing, process" in said
    assert said.rstrip().endswith("stopped")

"""Firing a schedule with real kernels: once for each time, caught up once, told to who wants to hear."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import nbformat
import pytest

from nbops.errors import ConflictError, NbopsError, NotFoundError, StoreError, UsageError
from nbops.flows.fire import fire
from nbops.records import Firing, Run, Schedule, new_id
from nbops.schedule import firings
from nbops.store.process import this_host
from nbops.views import bundle_of
from nbops.workspace import Workspace

MINUTELY = "* * * * *"


@pytest.fixture
def workspace(project: Path) -> Iterator[Workspace]:
    with Workspace.opened(project) as opened:
        yield opened


@pytest.fixture
def notebook(project: Path) -> Callable[..., str]:
    def write(*cells: str, parameters: str = "days = 7") -> str:
        node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        node.cells.insert(0, nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        node.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
        nbformat.write(node, project / "train.ipynb")
        return str(project / "train.ipynb")

    return write


def long_active(workspace: Workspace, schedule: Schedule, **fields: Any) -> Schedule:
    """Let a schedule be as if it had been made long ago, so that a time of it is due."""
    workspace.store.update(Schedule, schedule.id, active_since=0.0, **fields)
    return workspace.store.get(Schedule, schedule.id)


def a_claim(workspace: Workspace, schedule: Schedule, **fields: Any) -> Firing:
    """A firing of the time that is due, which another process has."""
    due_at = firings.due(schedule, time.time())
    assert due_at is not None
    made = firings.made(schedule, due_at=due_at, cause="schedule", reason="due")
    claimed = msgspec.structs.replace(made, **fields)
    assert workspace.store.claim(claimed)
    return claimed


# A yearly clock cannot come to its next time while a test runs.
YEARLY = "0 0 1 1 *"


@pytest.mark.kernel
def test_a_time_is_fired_once_with_its_cause_and_its_parameters(workspace: Workspace, notebook: Any) -> None:
    made = workspace.schedule(
        notebook("import nbops\nnbops.log_metric('days', days)"), cron=YEARLY, param={"days": "30"}
    )
    long_active(workspace, made.schedule)

    fired, again = workspace.fire("train"), workspace.fire("train")

    assert fired.run is not None
    assert (fired.status, again.status, again.run) == ("finished", "finished", None)
    assert "was finished" in again.message
    (run,) = workspace.store.find(Run)
    assert (run.cause, run.firing_id) == ("schedule", fired.firing.id if fired.firing else None)
    assert workspace.store.params(run.id)["days"] == 30
    (firing,) = workspace.firings("train")
    assert (firing.run_id, firing.status) == (run.id, "finished")
    assert YEARLY in firing.reason


def test_the_list_says_at_which_times_a_condition_is_looked_at(workspace: Workspace, notebook: Any) -> None:
    workspace.schedule(notebook("1"), cron=YEARLY, when=["new-data:*.csv", "metric:auc<0.9"])

    assert f"{YEARLY} if new-data:*.csv or metric:auc<0.9" in bundle_of(workspace.schedules())["text/plain"]


@pytest.mark.kernel
@pytest.mark.xdist_group("cluster-dask")
def test_a_firing_runs_on_an_engine(workspace: Workspace, notebook: Callable[..., str], dask: Any) -> None:
    path = notebook("import pathlib\npathlib.Path('made.txt').write_text(pathlib.Path('rows.csv').read_text())")
    Path(path).with_name("rows.csv").write_text("1,2")
    schedule = workspace.schedule(
        path, cron=YEARLY, runner="dask", scheduler=dask.address, ship=["rows.csv"]
    ).schedule  # fmt: skip
    assert (schedule.runner, schedule.scheduler, schedule.ship) == ("dask", dask.address, ["rows.csv"])
    assert f"dask {dask.address}" in bundle_of(schedule)["text/plain"]

    fired = fire(schedule, now=True, wait=False, store=workspace.store, settings=workspace.settings)

    assert fired.run is not None
    assert (fired.run.status, fired.run.error) == ("finished", None)
    # What a worker wrote comes home beside the run, not into the project.
    files = Path(workspace.settings.folder, "runs", fired.run.id, "files")
    assert (files / "made.txt").read_text() == "1,2"


def test_a_runner_that_does_not_fit_is_refused_when_the_schedule_is_made(
    workspace: Workspace, notebook: Callable[..., str]
) -> None:
    path = notebook("1")
    with pytest.raises(UsageError, match="no scheduler"):
        workspace.schedule(path, cron=YEARLY, scheduler="tcp://10.0.0.5:8786")
    with pytest.raises(UsageError, match="ships nothing"):
        workspace.schedule(path, cron=YEARLY, ship=["rows.csv"])
    with pytest.raises(NbopsError, match="slurm"):
        workspace.schedule(path, cron=YEARLY, runner="slurm")
    assert workspace.store.find(Schedule) == []


def test_times_before_it_was_made_are_not_owed(workspace: Workspace, notebook: Any) -> None:
    workspace.schedule(notebook(), cron=YEARLY)
    fired = workspace.fire("train")
    assert (fired.status, fired.firing) == ("idle", None)
    assert fired.message.startswith("nothing is due; next at")


@pytest.mark.kernel
def test_two_timers_at_the_same_time_run_it_once(workspace: Workspace, notebook: Any, project: Path) -> None:
    made = workspace.schedule(notebook("import time\ntime.sleep(0.5)"), cron=YEARLY)
    long_active(workspace, made.schedule)
    calls = [
        subprocess.Popen(
            [sys.executable, "-m", "nbops", "-C", str(project), "fire", "train"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [call.communicate()[0] for call in calls]
    assert [call.returncode for call in calls] == [0, 0], said
    assert workspace.store.count(Run) == workspace.store.count(Firing) == 1


@pytest.mark.postgres
@pytest.mark.kernel
def test_two_machines_that_share_a_store_fire_a_time_once(
    notebook: Any, project: Path, tmp_path: Path, postgres_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = notebook()
    other = tmp_path / "other"
    (other / ".nbops").mkdir(parents=True)
    monkeypatch.setenv("NBOPS_STORE", postgres_address)
    with Workspace.opened(project) as here, Workspace.opened(other) as there:
        schedule = long_active(here, here.schedule(path, cron=YEARLY).schedule)
        assert here.fire("train").status == "finished"
        fired = there.fire("train")
        assert (fired.status, fired.run) == ("finished", None)
        assert "was finished" in fired.message

        # A firing that another machine left dead is found and recorded from here.
        left = msgspec.structs.replace(
            firings.made(schedule, due_at=None, cause="person", reason="x"), host="elsewhere", alive_at=1.0
        )
        assert here.store.claim(left)
        there.pause("train")
        assert there.fire("train", now=True).failed, "the notebook is on the first machine only"
        assert here.store.get(Firing, left.id).status == "interrupted"


@pytest.mark.postgres
def test_without_the_shared_store_nothing_is_fired(
    notebook: Any, project: Path, own_postgres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = notebook()
    monkeypatch.setenv("NBOPS_STORE", own_postgres.new_schema("fire"))
    monkeypatch.setenv("NBOPS_CONNECT_TIMEOUT_S", "1")
    with Workspace.opened(project) as workspace:
        long_active(workspace, workspace.schedule(path, cron=YEARLY).schedule)
        own_postgres.stop()
        with pytest.raises(StoreError, match="decides who does what once"):
            workspace.fire("train")
        assert workspace.store.count(Run) == 0


def test_a_paused_schedule_lets_its_times_pass_and_does_not_catch_up(workspace: Workspace, notebook: Any) -> None:
    long_active(workspace, workspace.schedule(notebook(), cron=YEARLY).schedule)
    assert workspace.pause("train").paused_at is not None
    assert "paused" in workspace.fire("train").message
    assert workspace.schedules()[0].next_at is None
    assert workspace.unpause("train").paused_at is None
    assert "nothing is due" in workspace.fire("train").message


@pytest.mark.kernel
def test_a_person_may_fire_at_any_time(workspace: Workspace, notebook: Any) -> None:
    workspace.schedule(notebook(), cron=YEARLY)
    workspace.pause("train")
    fired = workspace.fire("train", now=True)
    assert fired.run is not None
    assert (fired.status, fired.run.cause) == ("finished", "person")


def test_a_firing_that_goes_on_forbids_the_next(workspace: Workspace, notebook: Any) -> None:
    schedule = long_active(workspace, workspace.schedule(notebook(), cron=YEARLY).schedule)
    other = msgspec.structs.replace(firings.made(schedule, due_at=None, cause="person", reason="x"), pid=os.getpid())
    workspace.store.put(other)
    fired = workspace.fire("train")
    assert fired.status == "skipped"
    assert other.id in fired.message
    assert workspace.fire("train").status == "skipped", "the time has passed"


@pytest.mark.kernel
def test_overlaps_are_run_where_they_are_allowed(workspace: Workspace, notebook: Any) -> None:
    made = workspace.schedule(notebook(), cron=YEARLY, overlap="allow")
    schedule = long_active(workspace, made.schedule)
    workspace.store.put(firings.made(schedule, due_at=None, cause="person", reason="x"))
    assert workspace.fire("train").status == "finished"


@pytest.mark.parametrize(
    "fields",
    [{"host": "elsewhere", "alive_at": 1.0}, {"pid": 2**22 + 1, "process": "", "host": this_host()}],
    ids=["another machine without a sign", "a process that is gone"],
)
@pytest.mark.kernel
def test_a_dead_firing_is_told_and_taken_over_as_often_as_it_may_be_tried(
    workspace: Workspace, notebook: Any, fields: dict[str, Any]
) -> None:
    made = workspace.schedule(notebook(), cron=YEARLY, retries=1)
    schedule = long_active(workspace, made.schedule)
    dead = a_claim(workspace, schedule, **fields)

    fired = workspace.fire("train")

    assert fired.firing is not None
    assert (fired.status, fired.firing.attempt, fired.firing.due_at) == ("finished", 2, dead.due_at)
    assert workspace.store.get(Firing, dead.id).status == "interrupted"


def test_a_dead_firing_is_not_tried_again_without_retries(workspace: Workspace, notebook: Any) -> None:
    schedule = long_active(workspace, workspace.schedule(notebook(), cron=YEARLY).schedule)
    a_claim(workspace, schedule, host="elsewhere", alive_at=1.0)
    fired = workspace.fire("train")
    assert (fired.status, fired.failed) == ("interrupted", True)


def test_whoever_waits_has_the_result_of_the_process_that_was_quicker(workspace: Workspace, notebook: Any) -> None:
    schedule = long_active(workspace, workspace.schedule(notebook(), cron=YEARLY).schedule)
    other = a_claim(workspace, schedule, host="elsewhere")
    waits = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            workspace.store.update(Firing, other.id, status="failed", error="disk full", ended_at=time.time())

    fired = fire(schedule, now=False, wait=True, store=workspace.store, settings=workspace.settings, pause=pause)
    assert (fired.status, fired.failed, len(waits)) == ("failed", True, 3)


@pytest.mark.kernel
def test_a_run_that_fails_is_tried_again_and_told(
    workspace: Workspace, notebook: Any, inbox: Any, monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    (project / "pyproject.toml").write_text('[tool.nbops.notify.team]\nkind = "webhook"\nurl_env = "HOOK"\n')
    monkeypatch.setenv("HOOK", inbox.url)
    made = workspace.schedule(notebook("1 / 0"), cron=YEARLY, retries=1, notify=["team"])
    long_active(workspace, made.schedule)

    fired = workspace.fire("train")

    assert fired.failed
    assert workspace.store.count(Run, status="failed") == 2
    ((_, told),) = inbox.requests
    assert (told["status"], told["title"], told["schedule"]) == ("failed", "train has failed", "train")
    assert told["text"] == "cell 2: ZeroDivisionError: division by zero"
    assert told["facts"]["why"].startswith(YEARLY)


def test_a_notebook_that_is_gone_is_a_failed_firing(workspace: Workspace, notebook: Any) -> None:
    path = notebook()
    long_active(workspace, workspace.schedule(path, cron=YEARLY).schedule)
    Path(path).unlink()
    fired = workspace.fire("train")
    assert fired.failed
    assert "there is no notebook" in fired.message


@pytest.mark.kernel
def test_sigterm_ends_the_run_and_it_is_recorded_as_cancelled(
    workspace: Workspace, notebook: Any, project: Path
) -> None:
    path = notebook("import pathlib, time\npathlib.Path('began').touch()\ntime.sleep(600)")
    made = workspace.schedule(path, cron=YEARLY)
    long_active(workspace, made.schedule)
    call = subprocess.Popen(
        [sys.executable, "-m", "nbops", "-C", str(project), "fire", "train"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not (project / "began").exists():
        assert call.poll() is None
        time.sleep(0.05)
    call.send_signal(signal.SIGTERM)
    assert call.wait(60) == 130
    assert [firing.status for firing in workspace.firings()] == ["cancelled"]
    assert [run.status for run in workspace.store.find(Run)] == ["cancelled"]


@pytest.mark.kernel
def test_new_data_fires_with_the_reason_and_only_once(workspace: Workspace, notebook: Any, project: Path) -> None:
    made = workspace.schedule(notebook(), cron=MINUTELY, when=["new-data:data/*.csv"], debounce="0s")
    long_active(workspace, made.schedule)
    assert "nothing new" in workspace.fire("train").message
    (project / "data").mkdir()
    (project / "data" / "a.csv").write_text("1")

    fired = workspace.fire("train")

    assert fired.run is not None
    assert (fired.run.cause, fired.firing.reason if fired.firing else "") == ("trigger", "new data: data/a.csv")
    seen = workspace.store.get(Schedule, made.schedule.id).seen["new-data:data/*.csv"]
    assert seen["files"] == "1"


def test_a_schedule_is_changed_only_when_that_is_said(workspace: Workspace, notebook: Any) -> None:
    path = notebook()
    first = workspace.schedule(path, cron=YEARLY, param={"days": "1"})
    with pytest.raises(ConflictError, match="'train' already"):
        workspace.schedule(path, cron=MINUTELY)
    changed = workspace.schedule(path, cron=MINUTELY, replace=True)
    assert (changed.schedule.id, changed.schedule.cron) == (first.schedule.id, MINUTELY)
    assert [state.schedule.cron for state in workspace.schedules()] == [MINUTELY]


def test_what_was_typed_wrong_is_refused_and_nothing_is_made(workspace: Workspace, notebook: Any) -> None:
    path = notebook()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "--cron"),
        ({"cron": "0 3 * *"}, "4 fields"),
        ({"cron": YEARLY, "param": {"dys": "3"}}, "did you mean 'days'"),
        ({"cron": YEARLY, "timezone": "Berlin"}, "Berlin"),
        ({"cron": YEARLY, "notify": ["team"]}, "no channel 'team'"),
        ({"cron": YEARLY, "kernel": "julia"}, "julia"),
        ({"cron": YEARLY, "cooldown": "soon"}, "--cooldown"),
        ({"cron": YEARLY, "output": "out"}, "--output"),
        ({"when": ["new-data"]}, "KIND:WHAT"),
        ({"cron": YEARLY, "name": "a\nb"}, "name of a schedule"),
    ]
    for options, said in wrong:
        with pytest.raises(UsageError, match=said):
            workspace.schedule(path, **options)
    assert workspace.schedules() == []


def test_removing_a_schedule_leaves_its_firings(workspace: Workspace, notebook: Any) -> None:
    schedule = workspace.schedule(notebook(), cron=YEARLY).schedule
    workspace.store.put(
        Firing(
            id=new_id(), schedule_id=schedule.id, schedule="train", due_at=1.0, cause="person", reason="x",
            alive_at=1.0, started_at=1.0, status="finished",
        )
    )  # fmt: skip
    workspace.unschedule("train")
    assert workspace.schedules() == []
    assert len(workspace.firings()) == 1
    with pytest.raises(NotFoundError):
        workspace.fire("train")


def test_files_are_written_for_review_and_nothing_is_installed(
    workspace: Workspace, notebook: Any, project: Path
) -> None:
    made = workspace.schedule(notebook(), cron=YEARLY, to="systemd", output="review")
    assert made.schedule.installed == []
    assert sorted(path.suffix for path in (project / "review").iterdir()) == [".service", ".timer"]

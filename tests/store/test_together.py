"""Many processes, threads and forks on one store, and processes that die: nothing that had returned is lost."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbops.records import CellExecution, Metric, Run, Sweep, new_id
from nbops.store import sqlite
from nbops.store.process import is_alive, started_ticks, this_host, this_process
from nbops.store.sqlite import SqliteStore

# `make bench` asks for the long forms.
PROCESSES, CELLS = 8, int(os.environ.get("STORE_CELLS", "150"))
KILLS = int(os.environ.get("STORE_KILLS", "20"))

WRITER = textwrap.dedent(
    """
    import os, sys, time
    from pathlib import Path
    from nbops.records import CellExecution, Run, new_id
    from nbops.store.process import this_host, this_process
    from nbops.store.sqlite import SqliteStore
    store = SqliteStore(Path(sys.argv[1]), timeout_s=30)
    run = Run(id=new_id(), name=sys.argv[2], kind="session", started_at=time.time(), host=this_host(), pid=os.getpid(),
              process=this_process())
    store.put(run)
    print("run", run.id, flush=True)
    for position in range(1, int(sys.argv[3]) + 1):
        id = new_id()
        now = time.time()
        store.hot.open_cell(CellExecution(id=id, run_id=run.id, position=position, source="x = 1", started_at=now))
        print("open", id, flush=True)
        store.hot.log_metric(run.id, "m", position, step=position, at=time.time())
        print("metric", position, flush=True)
        store.hot.close_cell(id, status="ok", ended_at=time.time())
        print("closed", id, flush=True)
    """
)


def writer(path: Path, name: str, cells: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(cells)], stdout=subprocess.PIPE, text=True
    )


def test_eight_processes_write_at_once_and_none_is_lost(tmp_path: Path) -> None:
    # None of them makes the file first: they also race for its tables.
    path = tmp_path / "store.db"
    processes = [writer(path, f"p{n}", CELLS) for n in range(PROCESSES)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * PROCESSES

    with SqliteStore(path) as store:
        assert store.count(CellExecution, status="ok") == PROCESSES * CELLS
        assert sum(len(store.metrics(run.id)) for run in store.find(Run)) == PROCESSES * CELLS
        assert store.check() == []
        assert store.last_change() == PROCESSES * (1 + 3 * CELLS)


def test_killed_at_any_moment_every_call_that_returned_is_there(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    chance = random.Random(7)
    for number in range(KILLS):
        process = writer(path, f"k{number}", 100_000)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(chance.random() * 0.06)
        process.send_signal(signal.SIGKILL)
        lines = (first + process.communicate()[0]).splitlines()
        # The last line may be cut in the middle.
        _assert_kept(path, [line.split() for line in lines[:-1]] or [lines[0].split()])


def _assert_kept(path: Path, said: list[list[str]]) -> None:
    with SqliteStore(path) as store:
        assert store.check() == []
        run_id = said[0][1]
        cells = {cell.id: cell for cell in store.find(CellExecution, run_id=run_id)}
        metrics = {metric.step for metric in store.metrics(run_id)}
        for word, value in said:
            if word == "open":
                assert value in cells
            elif word == "closed":
                assert cells[value].status == "ok"
            elif word == "metric":
                assert int(value) in metrics
        assert store.recover() == [run_id]
        assert store.get(Run, run_id).status == "interrupted"
        assert {cell.status for cell in store.find(CellExecution, run_id=run_id)} <= {"ok", "interrupted"}


def test_threads_share_one_store(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "store.db") as store:
        run = Run(id=new_id(), name="r", kind="session", started_at=1.0)
        store.put(run)
        faults: list[BaseException] = []

        def work(name: str) -> None:
            try:
                for n in range(100):
                    store.hot.log_metric(run.id, name, n, step=n, at=1.0)
                    if n % 10 == 0:
                        store.put(Run(id=new_id(), name=name, kind="named", started_at=1.0, ended_at=2.0))
                        assert store.search_runs(f"metrics.{name} >= 0")
            except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
                faults.append(error)

        threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        assert len(store.metrics(run.id)) == 600
        assert store.count(Run) == 61


def test_a_forked_child_writes_on_connections_of_its_own(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "store.db") as store:
        run = Run(id=new_id(), name="r", kind="session", started_at=1.0)
        store.put(run)
        stop = threading.Event()

        def busy() -> None:
            while not stop.is_set():
                store.hot.log_metric(run.id, "parent", 1.0, step=None, at=1.0)
                store.count(Run)

        thread = threading.Thread(target=busy)
        thread.start()
        children = []
        for n in range(5):
            pid = _fork()
            if pid == 0:
                # Whatever happens, the child must not run the parent's tests.
                try:
                    store.hot.log_metric(run.id, f"child{n}", 1.0, step=None, at=1.0)
                    store.put(Run(id=new_id(), name=f"child{n}", kind="named", started_at=1.0))
                    store.close()
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(pid)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        stop.set()
        thread.join()
        assert codes == [0] * 5
        assert {summary.run.name for summary in store.search_runs()} == {"r", *(f"child{n}" for n in range(5))}
        assert {m.name for m in store.metrics(run.id)} == {"parent", *(f"child{n}" for n in range(5))}
        assert store.check() == []


def _fork() -> int:
    import warnings

    with warnings.catch_warnings():
        # Python warns of what is tested here: a fork beside threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def test_runs_of_dead_processes_are_closed_at_the_next_opening_and_others_left_alone(tmp_path: Path) -> None:
    done = subprocess.Popen(["true"])
    done.wait()
    common = {"kind": "session", "started_at": 10.0, "host": this_host()}
    runs = {
        "dead": Run(id=new_id(), name="dead", pid=done.pid, **common),
        "alive": Run(id=new_id(), name="alive", pid=os.getpid(), process=this_process(), **common),
        "pid taken by a later process": Run(
            id=new_id(), name="later", pid=os.getpid(), process=this_process().rpartition("/")[0] + "/1", **common
        ),
        "before the reboot": Run(id=new_id(), name="boot", pid=os.getpid(), process="0ldb00t/1/2", **common),
        "elsewhere": Run(id=new_id(), name="far", kind="session", started_at=1.0, host="far", pid=done.pid),
        "another container": Run(
            id=new_id(), name="container", pid=1, process=f"{this_process().split('/')[0]}/1/1", **common
        ),
        "unknown": Run(id=new_id(), name="unknown", pid=0, **common),
    }  # type: ignore[arg-type]
    with SqliteStore(tmp_path / "store.db") as store:
        store.put(*runs.values())
        open_cell = CellExecution(id=new_id(), run_id=runs["dead"].id, position=2, source="x", started_at=20.0)
        store.put(open_cell, CellExecution(id=new_id(), run_id=runs["dead"].id, position=1, source="x", started_at=11.0,
                                           ended_at=12.0, status="ok"))  # fmt: skip
        store.log_metrics([Metric(run_id=runs["dead"].id, name="m", step=None, value=1.0, at=25.0)])
        sweeps = [
            Sweep(id=name, name=name, notebook="n", space={}, total=1, started_at=1.0, host=this_host(), pid=pid)
            for name, pid in (("dead", done.pid), ("alive", os.getpid()))
        ]
        store.put(*sweeps)
        closed = store.recover()

        assert sorted(store.get(Run, key).name for key in closed) == ["boot", "dead", "later"]
        assert store.get(Run, runs["dead"].id).ended_at == 25.0
        assert store.get(CellExecution, open_cell.id).status == "interrupted"
        assert store.get(CellExecution, open_cell.id).ended_at is None
        assert store.count(CellExecution, status="ok") == 1
        assert {run.name for run in store.find(Run, status="running")} == {"alive", "far", "container", "unknown"}
        assert [store.get(Sweep, sweep.id).status for sweep in sweeps] == ["failed", "running"]
        assert store.recover() == []


def test_a_process_is_told_from_a_later_one() -> None:
    child = subprocess.Popen(["sleep", "30"])
    ticks = started_ticks(child.pid)
    boot, namespace, _ = this_process().split("/")
    assert is_alive(child.pid, f"{boot}/{namespace}/{ticks}") is True
    assert is_alive(child.pid, f"{boot}/{namespace}/{(ticks or 0) + 1}") is False
    child.kill()
    # Dead but not yet waited for: its entry is still there.
    deadline = time.monotonic() + 5
    while is_alive(child.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_alive(child.pid) is False
    child.wait()
    assert is_alive(-1) is None


def test_a_clock_that_jumps_back_breaks_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SqliteStore(tmp_path / "store.db") as store:
        run = Run(id=new_id(), name="r", kind="named", started_at=time.time())
        store.put(run)
        for step, at in enumerate([100.0, 50.0, -3.0, 75.0]):
            store.hot.log_metric(run.id, "m", step, step=step, at=at)
        store.update(Run, run.id, status="finished", ended_at=run.started_at - 3600)

        assert [metric.step for metric in store.metrics(run.id)] == [0, 1, 2, 3]
        (summary,) = store.search_runs("duration_s = 0")
        assert summary.metrics == {"m": 3.0}
        told = store.changes(0)
        assert [change.seq for change in told] == sorted({change.seq for change in told})


def test_a_watcher_in_another_process_sees_that_something_was_written(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with SqliteStore(path) as writer_, SqliteStore(path, read_only=True) as watcher:
        before = watcher.version()
        assert watcher.version() == before
        writer_.put(Run(id=new_id(), name="r", kind="named", started_at=1.0))
        assert watcher.version() != before
        assert watcher.last_change() == 1


def test_the_change_log_stays_short_but_keeps_what_was_not_forwarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "KEPT_CHANGES", 100)
    with SqliteStore(tmp_path / "store.db") as store:
        store.log_metrics([Metric(run_id="r", name="m", step=n, value=n, at=1.0) for n in range(1_000)])
        store._write(lambda execute: execute("INSERT INTO forwards VALUES ('team', 300, 1.0)", ()))
        store.forwards_to = "team"
        store.upkeep()
        assert store.changes(0, limit=1)[0].seq == 301
        store._write(lambda execute: execute("UPDATE forwards SET seq = 5000", ()))
        store.upkeep()
        assert store.changes(0, limit=1)[0].seq == 901
        assert store.last_change() == 1_000
        assert len(store.metrics("r")) == 1_000


def test_an_interrupt_leaves_no_transaction_open(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "store.db") as store:
        run = Run(id=new_id(), name="r", kind="named", started_at=1.0)

        def interrupted(execute: Callable[..., int]) -> None:
            execute("INSERT INTO metrics (run_id, name, at) VALUES ('r', 'm', 1.0)", ())
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            store._write(interrupted)
        store.put(run)
        with SqliteStore(store.path, read_only=True) as other:
            assert other.find(Run) == [run]
            assert other.metrics("r") == []


def test_the_write_ahead_log_is_folded_in_beside_the_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_UPKEEP_EVERY", 50)
    with SqliteStore(tmp_path / "store.db") as store:
        for n in range(500):
            store.hot.log_metric("r", "m", n, step=n, at=1.0)
        assert store._upkeep is not None
        store._upkeep.join()
        store.upkeep()
        # What was folded in can be read without the log.
        (tmp_path / "copy.db").write_bytes((tmp_path / "store.db").read_bytes())
    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("SELECT count(*) FROM metrics").fetchone() == (500,)
    copy.close()

"""What goes wrong around a cell: the store, our own hooks, what the user redefines. The cell never notices."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nbops
from nbops import capture
from nbops.capture import here
from nbops.records import CellExecution, Metric, Run
from nbops.settings import load_settings
from nbops.store import open_store


def recorder() -> capture.Recorder:
    current = capture.current()
    assert current is not None
    return current


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def notices(captured: str) -> list[str]:
    return [line for line in captured.splitlines() if line.startswith("nbops: ")]


@pytest.fixture
def quick_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbops.capture.writer._FIRST_RETRY_S", 0.05)
    monkeypatch.setattr("nbops.capture.writer._LAST_RETRY_S", 0.1)


class Fault:
    """Something that is wrong with a project's store, and its cure."""

    def __init__(self, project: Path) -> None:
        self.path = project / ".nbops" / "store.db"

    def begin(self) -> None: ...
    def end(self) -> None: ...


class Locked(Fault):
    def begin(self) -> None:
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute("CREATE TABLE IF NOT EXISTS other (x)")
        self.connection.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        self.connection.execute("ROLLBACK")
        self.connection.close()


class Corrupt(Fault):
    def begin(self) -> None:
        self.path.write_bytes(b"this is no database, it only stands where one should be" * 100)

    def end(self) -> None:
        self.path.unlink()


class Newer(Fault):
    def begin(self) -> None:
        open_store(load_settings()).close()
        with sqlite3.connect(self.path) as connection:
            connection.execute("PRAGMA user_version = 999")
        connection.close()

    def end(self) -> None:
        self.path.unlink()


class IsAFolder(Fault):
    def begin(self) -> None:
        self.path.mkdir()

    def end(self) -> None:
        self.path.rmdir()


FAULTS = [Locked, Corrupt, Newer, IsAFolder]


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_a_store_that_cannot_be_opened_stops_no_cell_and_gets_everything_later(
    kind: type[Fault],
    project: Path,
    bare: Any,
    quick_retry: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NBOPS_CONNECT_TIMEOUT_S", "0.1")
    fault = kind(project)
    fault.begin()
    bare.load()
    result = bare(
        "import nbops\nx = 6 * 7\nnbops.log_metric('answer', x)\nwith nbops.run('inside'): nbops.log_param('p', 1)"
    )
    said = notices(capsys.readouterr().err)
    assert result.success
    assert bare.ip.user_ns["x"] == 42
    assert len(said) == 1
    assert "your cells go on" in said[0]
    assert recorder().notice is not None

    fault.end()
    until(lambda: recorder().session.writer.trouble is None)
    bare("y = 1")
    assert ["every record that waited is stored" in line for line in notices(capsys.readouterr().err)] == [True]
    assert [cell.source for cell in recorder().cells()][-1] == "y = 1"
    with here.reading() as store:
        assert store.count(CellExecution, status="ok") == 2
        assert [metric.value for metric in store.metrics(recorder().run_id)] == [42]
        assert store.find(Run, name="inside")[0].status == "finished"


def test_a_store_that_is_locked_in_the_middle_loses_nothing(
    project: Path, bare: Any, quick_retry: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NBOPS_CONNECT_TIMEOUT_S", "0.1")
    bare.load()
    bare("a = 1")
    fault = Locked(project)
    fault.begin()
    for number in range(5):
        assert bare(f"b = {number}").success
    fault.end()
    until(lambda: recorder().session.writer.trouble is None)
    assert len(notices(capsys.readouterr().err)) == 2
    assert [(cell.source, cell.status, cell.position) for cell in recorder().cells()] == [
        ("a = 1", "ok", 1), *((f"b = {number}", "ok", number + 2) for number in range(5)),
    ]  # fmt: skip


def test_a_store_that_is_deleted_in_the_middle_is_made_again_with_its_run(
    project: Path, shell: Any, quick_retry: None, capsys: pytest.CaptureFixture[str]
) -> None:
    shell("a = 1")
    for path in (project / ".nbops").glob("store.db*"):
        path.unlink()
    time.sleep(0.3)
    assert shell("b = 2").success
    until(lambda: recorder().session.writer.trouble is None)
    shell("c = 3")
    with here.reading() as store:
        assert store.get(Run, recorder().run_id).status == "running"
    assert [cell.source for cell in recorder().cells()] == ["b = 2", "c = 3"]


@pytest.mark.parametrize("where", ["missing drive", "read-only"])
def test_a_place_that_cannot_be_written_stops_no_cell(
    where: str, project: Path, bare: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if where == "missing drive":
        monkeypatch.setenv("NBOPS_STORE", "/no/such/drive/store.db")
    else:
        # /proc refuses everybody, root included.
        monkeypatch.setenv("NBOPS_STORE", "/proc/store.db")
    bare.load()
    assert bare("x = 1").success
    said = capsys.readouterr().err
    assert len(notices(said)) == 1
    assert "→" in said
    capture.stop()
    assert "could not be stored" in capsys.readouterr().err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root: sudo make test")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_fills_up_stops_no_cell_and_gets_everything_when_there_is_room(
    small_disk: Path, bare: Any, quick_retry: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_disk / ".nbops").mkdir()
    monkeypatch.chdir(small_disk)
    bare.load()
    bare("a = 1")
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    for number in range(20):
        assert bare(f"text = '{'x' * 2000}'; number = {number}").success
    assert nbops.log_artifact(os.urandom(100_000), "big.bin") is None
    said = notices(capsys.readouterr().err)
    ballast.unlink()
    until(lambda: recorder().session.writer.trouble is None)
    assert bare.ip.user_ns["number"] == 19
    assert "is full" in said[0]
    assert "'big.bin' could not be stored" in said[1]
    assert len(said) == 2
    assert [cell.status for cell in recorder().cells()] == ["ok"] * 21


def test_three_failures_of_our_own_switch_recording_off_with_one_notice(
    shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(recorder()._outlets, "begin", broken)
    for number in range(5):
        assert shell(f"x = {number}").success
    said = capsys.readouterr()
    assert shell.ip.user_ns["x"] == 4
    assert len(notices(said.err)) == 1
    assert "RuntimeError: a bug of ours" in said.err
    assert "Error in callback" not in said.out
    assert not recorder().is_on
    assert recorder().notice == "recording switched itself off: RuntimeError: a bug of ours"


def test_unload_and_load_end_one_session_and_begin_another(
    shell: Any, cells: Callable[..., list[CellExecution]], runs: Callable[..., list[Run]]
) -> None:
    shell("a = 1")
    capture.stop()
    shell("b = 2")
    shell.load()
    shell("c = 3")
    assert [cell.source for cell in cells()] == ["a = 1", "c = 3"]
    assert [run.status for run in runs()] == ["finished", "running"]


def test_reloading_within_a_cell_goes_on_with_the_session(
    project: Path, bare: Any, cells: Callable[..., list[CellExecution]], runs: Callable[..., list[Run]]
) -> None:
    bare("%load_ext nbops")
    bare("%reload_ext nbops")
    bare("x = 1")
    bare("%unload_ext nbops\nlast = 1")
    bare("y = 2")
    assert [(cell.source, cell.status) for cell in cells()] == [
        ("%load_ext nbops", "ok"), ("%reload_ext nbops", "ok"), ("x = 1", "ok"), ("%unload_ext nbops\nlast = 1", "ok"),
    ]  # fmt: skip
    assert [run.status for run in runs()] == ["finished"]
    assert "nbops" not in bare.ip.magics_manager.magics["line"]


def test_nothing_of_ours_is_left_in_the_shell_after_unloading(shell: Any) -> None:
    before = (sys.stdout.write, sys.stderr.write)
    shell("print('x')")
    capture.stop()
    assert (sys.stdout.write, sys.stderr.write) == before
    assert "publish" not in vars(shell.ip.display_pub)
    assert "write_format_data" not in vars(shell.ip.displayhook)
    assert not any("nbops" in str(callback) for hooks in shell.ip.events.callbacks.values() for callback in hooks)


def test_recording_can_be_switched_off_by_a_setting(project: Path, bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBOPS_RECORD", "no")
    bare("%load_ext nbops")
    assert capture.current() is None
    assert not (project / ".nbops" / "store.db").exists()
    bare("%unload_ext nbops")


def test_a_run_that_is_deleted_while_it_is_open_ends_quietly(shell: Any) -> None:
    with nbops.run("deleted") as run, here.reading() as store:
        store.delete(Run, run.id)
    assert shell("x = 1").success


def test_a_crowd_of_threads_and_cells_writes_every_metric(shell: Any) -> None:
    source = (
        "import nbops, threading\n"
        "def work():\n"
        "    for step in range(200): nbops.log_metric('m', step, step=step)\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]"
    )
    assert shell(source).success
    with here.reading() as store:
        found: list[Metric] = store.metrics(recorder().run_id)
    assert len(found) == 800

"""Whatever happens to the disk under the store is told with its cure, and nothing that had returned is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbops.errors import NbopsError, StoreCorruptError, StoreError, StoreLockedError
from nbops.records import CellExecution, Metric, Run, new_id
from nbops.settings import load_settings
from nbops.store import faults, open_store, rescue
from nbops.store.mounts import is_network
from nbops.store.sqlite import SqliteStore


def a_run(**fields: object) -> Run:
    return Run(id=new_id(), name="r", kind="session", started_at=1.0, **fields)  # type: ignore[arg-type]


def code_of(caught: pytest.ExceptionInfo[NbopsError]) -> str:
    assert caught.value.hint
    return caught.value.code


def test_a_folder_of_the_project_is_made_and_ignored_by_git(tmp_path: Path) -> None:
    open_store(load_settings(tmp_path, env={})).close()

    assert (tmp_path / ".nbops" / ".gitignore").read_text() == "*\n"


def test_a_missing_drive_is_told_and_nothing_is_made_there(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, env={"NBOPS_STORE": str(tmp_path.parent / "unmounted" / "store.db")})
    for read_only in (False, True):
        with pytest.raises(StoreError, match="is its drive mounted") as caught:
            open_store(settings, read_only=read_only)
        assert code_of(caught) == "store_missing"
    assert not (tmp_path.parent / "unmounted").exists()


def test_reading_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store") as caught:
        SqliteStore(tmp_path / "store.db", read_only=True)
    assert code_of(caught) == "store_missing"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this was a shopping list, " * 100)
    with pytest.raises(StoreCorruptError) as caught:
        SqliteStore(path)
    assert code_of(caught) == "store_corrupt"
    assert path.read_bytes() == b"this was a shopping list, " * 100


@pytest.fixture
def damaged(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "store.db"
    with SqliteStore(path) as store:
        run = a_run()
        store.put(run)
        store.put(*(CellExecution(id=new_id(), run_id=run.id, position=n, source="x" * 500, started_at=1.0)
                    for n in range(400)))  # fmt: skip
        store.log_metrics([Metric(run_id=run.id, name="m", step=n % 3, value=1.0, at=1.0) for n in range(50)])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xff" * 8192)
    return path, run.id


def test_damage_is_found_by_check(damaged: tuple[Path, str]) -> None:
    with SqliteStore(damaged[0], read_only=True) as store:
        try:
            problems = store.check()
        except StoreCorruptError as error:
            problems = [error.message]
    assert problems


def test_a_damaged_store_is_rescued_by_the_command_its_error_names(damaged: tuple[Path, str]) -> None:
    path, run_id = damaged
    with SqliteStore(path, read_only=True) as store, pytest.raises(StoreCorruptError) as caught:
        store.find(CellExecution)
    assert caught.value.hint == f"python -m nbops.store.rescue {path}"

    command = [sys.executable, *caught.value.hint.split()[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with SqliteStore(path) as store:
        assert store.check() == []
        assert store.get(Run, run_id).name == "r"
        assert 300 < store.count(CellExecution) <= 400
        assert len(store.metrics(run_id)) == 50
    assert path.with_name("store.db.damaged-1").exists()


def test_rescuing_nothing_is_told(tmp_path: Path) -> None:
    assert rescue.main([str(tmp_path / "none.db")]) == 1
    assert rescue.main([]) == 2


def test_a_store_that_another_process_holds_is_told_after_the_wait(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "store.db", timeout_s=0.2) as store:
        other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for write in (lambda: store.put(a_run()), lambda: store.hot.log_metric("r", "m", 1.0, step=None, at=1.0)):
            with pytest.raises(StoreLockedError) as caught:
                write()
            assert code_of(caught) == "store_locked"
        assert store.count(Run) == 0
        other.execute("ROLLBACK")
        other.close()
        store.put(a_run())
        assert store.count(Run) == 1


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        SqliteStore(tmp_path)


NOBODY = """
import os, sys
from pathlib import Path
from nbops.errors import StoreError
from nbops.records import Run
from nbops.store.sqlite import SqliteStore
os.setgid(65534); os.setuid(65534)
path = Path(sys.argv[1])
try:
    store = SqliteStore(path)
    store.put(Run(id="b", name="r", kind="session", started_at=1.0))
    print("wrote")
except StoreError as error:
    print(error.code, bool(error.hint))
print(SqliteStore(path, read_only=True).count(Run))
"""


@pytest.mark.parametrize("closed", [True, False], ids=["alone", "while another has it open"])
def test_a_read_only_folder_is_told_and_can_still_be_read(tmp_path: Path, closed: bool) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody who may not write here")
    folder = tmp_path / "p"
    folder.mkdir(mode=0o755)
    for parent in folder.parents:
        if parent.owner() == "root" and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    store = SqliteStore(folder / "store.db")
    store.put(a_run())
    if closed:
        store.close()
    folder.chmod(0o555)
    done = subprocess.run([sys.executable, "-c", NOBODY, str(folder / "store.db")], capture_output=True, text=True,
                          check=False)  # fmt: skip
    store.close()
    assert done.stdout == "store_readonly True\n1\n", done.stderr


def test_nothing_is_written_through_a_store_opened_for_reading(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    SqliteStore(path).close()
    with SqliteStore(path, read_only=True) as store:
        for write in (lambda: store.put(a_run()), lambda: store.hot.log_metric("r", "m", 1.0, step=None, at=1.0),
                      lambda: store.delete(Run, "x")):  # fmt: skip
            with pytest.raises(StoreError) as caught:
                write()
            assert code_of(caught) == "store_readonly"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    point = tmp_path / "small"
    point.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(point)], capture_output=True,
                          text=True, check=False)  # fmt: skip
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=True)


def test_a_disk_that_fills_up_is_told_and_keeps_what_had_returned(small_disk: Path) -> None:
    store = SqliteStore(small_disk / "store.db")
    run = a_run()
    store.put(run)
    returned: list[str] = []

    def fill() -> None:
        for position in range(5_000):
            cell = CellExecution(id=new_id(), run_id=run.id, position=position, source="x" * 900, started_at=1.0)
            store.hot.open_cell(cell)
            returned.append(cell.id)

    with pytest.raises(StoreError) as caught:
        fill()
    assert code_of(caught) == "store_full"
    assert len(returned) > 50
    assert {cell.id for cell in store.find(CellExecution)} == set(returned)

    # Room again: the same store goes on.
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    store.put(a_run())
    assert store.check() == []
    store.close()
    with SqliteStore(small_disk / "store.db") as again:
        assert {cell.id for cell in again.find(CellExecution)} == set(returned)


def test_a_store_deleted_under_a_kernel_is_noticed(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "store.db") as store:
        run = a_run()
        store.put(run)
        cell = CellExecution(id=new_id(), run_id=run.id, position=1, source="x", started_at=1.0)
        store.hot.open_cell(cell)
        (tmp_path / "store.db").unlink()
        later = CellExecution(id=new_id(), run_id=run.id, position=2, source="x", started_at=9.0)
        with pytest.raises(StoreError, match="moved or deleted") as caught:
            store.hot.open_cell(later)
        assert code_of(caught) == "store_moved"


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home rw,relatime shared:2 - nfs4 server:/home rw,vers=4.2
31 30 8:2 / /home/ada/fast rw,relatime - xfs /dev/sdb rw
32 22 0:41 / /mnt/my\\040share rw - cifs //server/share rw
33 22 0:42 / /stack rw - ext4 /dev/sdc rw
34 33 0:43 / /stack rw - fuse.sshfs ada@server: rw
"""


@pytest.mark.parametrize(
    ("path", "network"),
    [
        ("/var/p/.nbops/store.db", False),
        ("/home/ada/p/.nbops/store.db", True),
        ("/home/ada/fast/p/store.db", False),
        ("/homeless/store.db", False),
        ("/mnt/my share/store.db", True),
        ("/stack/store.db", True),
    ],
)
def test_network_file_systems_are_recognised(path: str, network: bool) -> None:
    assert is_network(Path(path), MOUNTS) is network


def test_on_a_network_file_system_a_rollback_journal_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbops.store import sqlite

    # A store that was made on a local disk, and then found itself on a network: its header says WAL.
    with SqliteStore(tmp_path / "store.db") as store:
        store.put(a_run())
    monkeypatch.setattr(sqlite, "is_network", lambda path: True)
    with SqliteStore(tmp_path / "store.db") as store:
        store.put(a_run(ended_at=2.0))
        assert store.writer().execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert store.writer().execute("PRAGMA synchronous").fetchone() == (2,)
        assert store.count(Run) == 2
    assert not (tmp_path / "store.db-wal").exists()


def test_write_ahead_logging_is_chosen_where_it_works(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "store.db") as store:
        store.put(a_run(ended_at=2.0))
        assert store.writer().execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store.writer().execute("PRAGMA synchronous").fetchone() == (1,)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SQLITE_BUSY_SNAPSHOT", "store_locked"),
        ("SQLITE_CORRUPT_VTAB", "store_corrupt"),
        ("SQLITE_FULL", "store_full"),
        ("SQLITE_READONLY", "store_readonly"),
        ("SQLITE_IOERR_READ", "store_io"),
        ("SQLITE_ERROR", "store"),
    ],
)
def test_every_kind_of_error_of_sqlite_becomes_ours_with_a_cure(tmp_path: Path, name: str, code: str) -> None:
    error = sqlite3.OperationalError("what SQLite said")
    error.sqlite_errorname = name
    ours = faults.of_sqlite(error, tmp_path / "store.db")
    assert (ours.code, bool(ours.hint)) == (code, True)
    assert str(tmp_path) in ours.message

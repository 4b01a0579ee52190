"""The store in one SQLite file: what every process of a project writes to, several at once.

Write-ahead logging with ``synchronous=NORMAL``: a commit survives a killed process and costs microseconds; the ends of
runs and new model versions are committed with ``FULL``, which also survives a loss of power. On network file systems,
where write-ahead logging cannot work, a rollback journal takes its place.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from nbops.errors import StoreError, StoreLockedError, StoreVersionError
from nbops.masking import OFF, Masker
from nbops.records import Record, Run, Sweep
from nbops.store import faults, migrations
from nbops.store.hot import HotPath
from nbops.store.mounts import is_network
from nbops.store.process import is_alive, this_host
from nbops.store.sql import Execute, Row, SqlStore, settles
from nbops.store.tables import table_of

KEPT_CHANGES = 100_000
"""How many changes are kept for followers; those not yet forwarded stay as well."""
_FORGOTTEN = 1_000_000  # a shared store that nobody forwards to any more must not hold the log for ever
_UPKEEP_EVERY = 1_000  # commits between two check-points and prunings
_WORTH_REWRITING = 10  # at least one page in so many is empty
APPLICATION_ID = 0x6E626F70  # "nbop", in the file's header


class SqliteStore(SqlStore):
    """See ``nbops.store.interface.Store``; any thread may call, and a forked child opens its own connections.

    Args:
        path: the database file; it is made when it is not there and the store is not read-only.
        read_only: never write, not even the tables.
        timeout_s: how long to wait for another process that is writing, in seconds.
        mask: takes secrets out of what is written; nothing is masked when not given.

    Raises:
        StoreError: or one of its kinds, when the file cannot be opened.
    """

    dialect = "sqlite"

    def __init__(
        self, path: str | Path, *, read_only: bool = False, timeout_s: float = 5.0, mask: Masker = OFF
    ) -> None:
        self.mask = mask
        self.path = Path(path)
        self.location = str(self.path)
        self.is_read_only = read_only
        self.timeout_s = timeout_s
        self.forwards_to: str | None = None
        self._lock = threading.RLock()
        self._read_lock = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._inside: sqlite3.Connection | None = None
        self._upkeep: threading.Thread | None = None
        self._closed = False
        self._commits = 0
        with faults.mapped(self.path):
            if read_only:
                self._open_reader()
            else:
                self._open_writer()
        self.hot = HotPath(self)
        _open_stores.add(self)

    # ── connections ────────────────────────────────────────────────────────────────────────────────────────────────

    def writer(self) -> sqlite3.Connection:
        """Return the connection that writes, opened when needed; the caller holds the lock."""
        connection = self._writer
        if connection is None:
            if self.is_read_only:
                raise StoreError(
                    f"the store {self.path} was opened for reading only", code="store_readonly", hint="nbops status"
                )
            self._refuse_closed()
            self._open_writer()
            connection = self._writer
            assert connection is not None
        return connection

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreError(f"the store {self.path} was closed", code="store_closed", hint="%reload_ext nbops")

    def _open_writer(self) -> None:
        if not self.path.parent.is_dir():
            raise faults.missing(self.path)
        connection = self._connect(str(self.path))
        # Counts for a new file only. A cell's commit writes whole pages: half the usual size is a tenth quicker there.
        connection.execute("PRAGMA page_size = 2048")
        try:
            self._choose_journal(connection)
            if _version(connection) != migrations.CURRENT:
                self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        self._writer = connection

    def _connect(self, address: str, *, uri: bool = False) -> sqlite3.Connection:
        return sqlite3.connect(
            address, uri=uri, isolation_level=None, check_same_thread=False, cached_statements=256,
            timeout=self.timeout_s,
        )  # fmt: skip

    def _choose_journal(self, connection: sqlite3.Connection) -> None:
        """Write-ahead logging where it works, else a rollback journal with full syncs."""
        mode = "delete" if is_network(self.path) else "wal"
        if self._switch_journal(connection, mode) == "wal":
            connection.execute("PRAGMA synchronous = NORMAL")
            # Check-points happen beside the cells (upkeep); this is only the backstop.
            connection.execute("PRAGMA wal_autocheckpoint = 8000")
        else:
            connection.execute("PRAGMA synchronous = FULL")

    def _switch_journal(self, connection: sqlite3.Connection, mode: str) -> str:
        # The switch itself does not wait for others, so two kernels that start together would fail here.
        deadline = time.monotonic() + self.timeout_s
        while True:
            try:
                return str(connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0])
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        migrations.pending(_version(connection), self.location)
        connection.execute("BEGIN EXCLUSIVE")
        try:
            # Read again: another process may have done it while this one waited.
            migrations.migrate(
                lambda: _version(connection),
                lambda script, record: _run_script(connection, script, record),
                location=self.location,
                dialect="sqlite",
            )
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _open_reader(self) -> None:
        self._refuse_closed()
        if not self.path.parent.is_dir():
            raise faults.missing(self.path)
        if not self.path.exists():
            raise StoreError(f"there is no store at {self.path}", code="store_missing", hint="nbops demo")
        address = self.path.absolute().as_uri()
        try:
            connection, version = self._connect_to_read(f"{address}?mode=ro")
        except sqlite3.OperationalError:
            if self._wal_bytes():
                raise
            # A folder that may not be written has no place for the shared memory; without a log none is needed.
            connection, version = self._connect_to_read(f"{address}?mode=ro&immutable=1")
        if version != migrations.CURRENT:
            connection.close()
            migrations.pending(version, self.location)
            raise StoreVersionError(
                f"the store {self.path} has the older version {version}; opening it for writing brings it up to date",
                hint="nbops status",
            )
        connection.execute("PRAGMA cache_size = -16000")
        self._reader = connection

    def _connect_to_read(self, address: str) -> tuple[sqlite3.Connection, int]:
        connection = self._connect(address, uri=True)
        try:
            return connection, _version(connection)
        except BaseException:
            connection.close()
            raise

    def _wal_bytes(self) -> int:
        try:
            return Path(f"{self.path}-wal").stat().st_size
        except FileNotFoundError:
            return 0

    # ── reading and writing ────────────────────────────────────────────────────────────────────────────────────────

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._read_lock, faults.mapped(self.path):
            if self._reader is None:
                self._open_reader()
            assert self._reader is not None
            return self._reader.execute(sql, values).fetchall()

    def _rows_inside(self, sql: str, values: Sequence[Any]) -> list[Row]:
        assert self._inside is not None
        return self._inside.execute(sql, values).fetchall()

    def _write(self, work: Callable[[Execute], Any], *, durable: bool = False) -> Any:
        with self._lock, faults.mapped(self.path):
            connection = self.writer()
            # The level cannot be changed inside the transaction.
            if durable:
                connection.execute("PRAGMA synchronous = FULL")
            try:
                return self._transaction(connection, work)
            finally:
                if durable:
                    self._relax(connection)

    def _transaction(self, connection: sqlite3.Connection, work: Callable[[Execute], Any]) -> Any:
        def execute(sql: str, values: Sequence[Any]) -> int:
            try:
                return connection.execute(sql, values).rowcount
            except (UnicodeEncodeError, OverflowError):
                return connection.execute(sql, [storable(value) for value in values]).rowcount

        try:
            # Inside, because an interrupt may strike between any two lines, and nothing must stay open.
            connection.execute("BEGIN IMMEDIATE")
            self._inside = connection
            result = work(execute)
            connection.execute("COMMIT")
        except BaseException:
            # A full disk has rolled back already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            self._inside = None
        self.count_commit()
        return result

    def _relax(self, connection: sqlite3.Connection) -> None:
        if str(connection.execute("PRAGMA journal_mode").fetchone()[0]) == "wal":
            connection.execute("PRAGMA synchronous = NORMAL")

    def put(self, *records: Record) -> None:
        """Insert or replace whole records, all of them or none."""
        if len(records) == 1 and not settles(records[0]):
            (record,) = self.masked(records)
            table = table_of(type(record))
            self.hot.run(table.upsert, table.row(record))
        else:
            super().put(*records)

    # ── news, upkeep, end ──────────────────────────────────────────────────────────────────────────────────────────

    def version(self) -> int:
        """A number that changes when anybody has written; the cheapest question there is, for watchers."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def count_commit(self, commits: int = 1) -> None:
        """Count towards the next upkeep, which runs in a thread of its own."""
        self._commits += commits
        if self._commits >= _UPKEEP_EVERY:
            self._commits = 0
            self.upkeep(wait=False)

    def upkeep(self, *, wait: bool = True) -> None:
        """Move the write-ahead log into the file and prune the change log."""
        if self.is_read_only or (self._upkeep is not None and self._upkeep.is_alive()):
            return
        thread = threading.Thread(target=self._tidy, name="nbops-store-upkeep")
        self._upkeep = thread
        thread.start()
        if wait:
            thread.join()

    def _tidy(self) -> None:
        # A connection of its own, so that no cell waits. What fails here (a busy or full disk) fails again, and is
        # told, where somebody writes; a thread has nobody to tell.
        with contextlib.suppress(sqlite3.Error, OSError):
            connection = self._connect(str(self.path))
            try:
                self._prune(connection)
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                connection.close()

    def _prune(self, connection: sqlite3.Connection) -> None:
        newest = int(connection.execute("SELECT max(seq) FROM changes").fetchone()[0] or 0)
        bound = newest - KEPT_CHANGES
        told = connection.execute("SELECT min(seq) FROM forwards").fetchone()[0]
        if told is not None:
            bound = min(bound, max(int(told), newest - _FORGOTTEN if self.forwards_to is None else 0))
        oldest = connection.execute("SELECT min(seq) FROM changes").fetchone()[0]
        # In steps: a writer waits for one step at most.
        while oldest is not None and oldest <= bound:
            oldest = min(int(oldest) + 5_000, bound + 1)
            connection.execute("DELETE FROM changes WHERE seq < ?", (oldest,))
            if oldest > bound:
                break

    def compact(self) -> int:
        """Give space that rows left behind back to the disk; returns how many bytes, 0 where somebody writes just now.

        Whoever wants to write meanwhile waits, so it is not for the time in which a notebook runs.
        """
        if self.is_read_only:
            return 0
        before = self._disk_bytes()
        # Others come first: where they hold the file too long, there will be another day.
        with contextlib.suppress(StoreLockedError), self._lock, faults.mapped(self.path):
            connection = self.writer()
            self._prune(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            free, pages = (
                int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("freelist_count", "page_count")
            )
            # Rewriting the whole file is worth it only where a good part of it is empty.
            if free * _WORTH_REWRITING > pages:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return max(0, before - self._disk_bytes())

    def _disk_bytes(self) -> int:
        return self.path.stat().st_size + self._wal_bytes()

    def recover(self) -> list[str]:
        """Mark runs and cells of processes of this machine that died without a word as interrupted, sweeps as failed.

        Returns:
            Ids of the runs that were closed so; their end is the last sign of life they gave.
        """
        found = self.find(Run, status="running", host=this_host())
        dead = [run.id for run in found if is_alive(run.pid, run.process) is False]
        sweeps = self.find(Sweep, status="running", host=this_host())
        stopped = [sweep.id for sweep in sweeps if is_alive(sweep.pid, sweep.process) is False]
        if dead or stopped:
            self._write(lambda execute: _interrupt(execute, dead, stopped))
        return dead

    def _damage(self) -> list[str]:
        rows = self._rows("PRAGMA integrity_check(100)")
        return [str(row[0]) for row in rows if row[0] != "ok"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left and let go of the database; safe to call twice."""
        _open_stores.discard(self)
        self._closed = True
        if self._upkeep is not None and self._upkeep is not threading.current_thread():
            self._upkeep.join()
        with self._lock, self._read_lock:
            self.let_go()

    def hold_for_fork(self) -> None:
        """Finish what goes on and close the connections, so that neither side of a fork shares them."""
        if self._upkeep is not None and self._upkeep is not threading.current_thread():
            self._upkeep.join()
        self._lock.acquire()
        self._read_lock.acquire()
        if self._inside is None:
            self.let_go()

    def resume_in_parent(self) -> None:
        """Let the other threads go on after a fork."""
        self._read_lock.release()
        self._lock.release()

    def resume_in_child(self) -> None:
        """Start anew in a forked child: its locks were held by threads that are not here."""
        self._lock = threading.RLock()
        self._read_lock = threading.RLock()
        self._upkeep = None
        self.hot.rebind()

    def let_go(self) -> None:
        """Close both connections; they are opened again when needed. The caller holds both locks."""
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None


def storable(value: Any) -> Any:
    """Make a value that SQLite refuses storable: lone surrogates are spelled out, wide integers become text."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return str(value)
    return value


def _interrupt(execute: Execute, runs: list[str], sweeps: list[str]) -> None:
    for run_id in runs:
        execute(_LAST_SIGN, (run_id,) * 4)
        execute("UPDATE cells SET status = 'interrupted' WHERE run_id = ? AND status = 'running'", (run_id,))
    for sweep_id in sweeps:
        # A search whose driver died is not going on; `resume` takes it up again.
        execute("UPDATE sweeps SET status = 'failed' WHERE id = ? AND status = 'running'", (sweep_id,))


# A cell that was killed gets no end, since nobody saw it; its run ends with the last sign of life.
_LAST_SIGN = """
UPDATE runs SET status = 'interrupted', ended_at = max(
    started_at,
    coalesce((SELECT max(coalesce(ended_at, started_at)) FROM cells WHERE run_id = ?), 0),
    coalesce((SELECT max(at) FROM last_metrics WHERE run_id = ?), 0),
    coalesce((SELECT max(at) FROM params WHERE run_id = ?), 0)
) WHERE id = ? AND status = 'running'
"""


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _run_script(connection: sqlite3.Connection, script: str, record: tuple[int, str, float, str]) -> None:
    for statement in statements(script):
        connection.execute(statement)
    connection.execute("INSERT INTO migrations (number, name, at, nbops) VALUES (?, ?, ?, ?)", record)
    connection.execute(f"PRAGMA user_version = {record[0]}")


def statements(script: str) -> Iterator[str]:
    """Split a script into statements (``executescript`` would commit the transaction it runs in)."""
    lines: list[str] = []
    for line in script.splitlines():
        lines.append(line)
        if line.rstrip().endswith(";") and sqlite3.complete_statement("\n".join(lines)):
            yield "\n".join(lines)
            lines = []


# ── forks ──────────────────────────────────────────────────────────────────────────────────────────────────────────
# SQLite's locks do not survive a fork: a child that merely opens the same file anew would believe that it holds its
# parent's. So every connection is closed before the fork, and both sides open their own when they need one.

_open_stores: weakref.WeakSet[SqliteStore] = weakref.WeakSet()
_held: list[SqliteStore] = []


def _before_fork() -> None:
    for store in list(_open_stores):
        store.hold_for_fork()
        _held.append(store)


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().resume_in_parent()


def _after_fork_in_child() -> None:
    while _held:
        _held.pop().resume_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)

"""The team's store: the same tables in PostgreSQL, told of every journal's rows.

One connection under a lock, opened when needed and opened again when it broke. Whoever writes notifies the channel
``nbops``; ``news`` waits for that.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

from nbops.errors import ConflictError, NbopsError, StoreError, StoreLockedError, StoreVersionError
from nbops.optional import need
from nbops.records import NOUNS, Param
from nbops.store import migrations
from nbops.store.blobs import without_password
from nbops.store.shared import RefusedError, Turn, Write
from nbops.store.sql import LOG_PARAM, Execute, Row, SqlStore, checked_name
from nbops.store.tables import KINDS, param_row, quoted, table_of

if TYPE_CHECKING:
    import psycopg

CHANNEL = "nbops"
_TURNS = "SELECT pg_advisory_xact_lock(hashtext('nbops'), hashtext(current_schema()))"


class PostgresStore(SqlStore):
    """See ``nbops.store.interface.Store``; any thread may call, and a forked child opens its own connection.

    Args:
        address: ``postgresql://user:password@host:port/database``; ``?options=-csearch_path%3Dteam`` chooses a schema.
        read_only: never write, not even the tables.
        timeout_s: how long to wait for the server, and for others that hold what is needed, in seconds.

    Raises:
        StoreError: the server cannot be reached or refuses us.
        MissingError: psycopg is not installed.
    """

    dialect = "postgres"

    def __init__(self, address: str, *, read_only: bool = False, timeout_s: float = 5.0) -> None:
        self._address = address
        self.location = without_password(address)
        self.is_read_only = read_only
        self.timeout_s = timeout_s
        self._lock = threading.RLock()
        self._connection: psycopg.Connection[Row] | None = None
        self._pid = os.getpid()
        self._closed = False
        with self._lock, self._mapped():
            self._connected()

    # ── connection ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _connected(self) -> psycopg.Connection[Row]:
        if self._closed:
            raise StoreError(f"the store {self.location} was closed", code="store_closed", hint="%reload_ext nbops")
        if self._connection is None or self._connection.closed:
            self._connection = None
            connection = self._connect()
            try:
                self._migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _connect(self) -> psycopg.Connection[Row]:
        connect = need("psycopg", to=f"use the store {self.location}").connect
        milliseconds = max(1, int(self.timeout_s * 1000))
        connection: psycopg.Connection[Row] = connect(
            self._address,
            autocommit=True,
            # libpq counts in whole seconds, and takes 1 for 2.
            connect_timeout=max(2, round(self.timeout_s)),
            tcp_user_timeout=milliseconds,
            keepalives_idle=15,
            application_name="nbops",
        )
        # A writer that waits for its turn does not wait for ever.
        connection.execute(f"SET lock_timeout = {milliseconds}")
        if self.is_read_only:
            connection.execute("SET default_transaction_read_only = on")
        return connection

    def _migrate(self, connection: psycopg.Connection[Row]) -> None:
        if not migrations.pending(_version(connection), self.location):
            return
        if self.is_read_only:
            raise StoreError(
                f"the store {self.location} has no tables of this nbops; opening it for writing makes them",
                code="store_empty",
                hint="nbops sync",
            )
        with connection.transaction():
            connection.execute(_TURNS)
            migrations.migrate(
                lambda: _version(connection),
                lambda script, record: _run_script(connection, script, record),
                location=self.location,
                dialect="postgres",
            )

    def _own(self) -> None:
        """In a forked child the connection is the parent's: leave it alone and open another."""
        if self._pid != os.getpid():
            # psycopg sends no farewell for a connection that another process opened, so dropping it is safe.
            self._lock, self._connection, self._pid = threading.RLock(), None, os.getpid()

    # ── reading and writing ────────────────────────────────────────────────────────────────────────────────────────

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        self._own()
        with self._lock, self._mapped():
            for attempt in range(2):
                connection = self._connected()
                try:
                    return connection.execute(marked(sql), [storable(value) for value in values]).fetchall()
                except self._broken():
                    # A server that was restarted: reading again is safe, once.
                    if attempt or not connection.closed:
                        raise
        raise AssertionError("unreachable")

    def _rows_inside(self, sql: str, values: Sequence[Any]) -> list[Row]:
        return self._rows(sql, values)

    def _write(self, work: Callable[[Execute], Any], *, durable: bool = False) -> Any:
        self._own()
        if self.is_read_only:
            raise StoreError(
                f"the store {self.location} was opened for reading only", code="store_readonly", hint="nbops status"
            )
        with self._lock, self._mapped():
            # Nothing is sent on a connection that is known to be broken; one that breaks now tells the caller.
            connection = self._alive()
            with connection.transaction(), connection.cursor() as cursor:

                def execute(sql: str, values: Sequence[Any]) -> int:
                    return cursor.execute(marked(sql), [storable(value) for value in values]).rowcount

                return work(execute)

    def _alive(self) -> psycopg.Connection[Row]:
        connection = self._connected()
        try:
            connection.execute("SELECT 1")
        except self._broken():
            if not connection.closed:
                raise
            connection = self._connected()
        return connection

    def _broken(self) -> type[Exception]:
        import psycopg

        return psycopg.OperationalError

    def _take_turns(self, execute: Execute) -> None:
        execute(_TURNS, ())

    def log_params(self, params: Sequence[Param]) -> None:
        """Set parameters; a name that the run has already is replaced."""
        rows = [(p.run_id, checked_name(p.name), *as_text(*param_row(p.value)), p.at) for p in params]
        if rows:
            self._write(lambda execute: [execute(LOG_PARAM, row) for row in rows])

    @contextlib.contextmanager
    def turn(self) -> Iterator[Turn]:
        """Open a transaction in which no other forwarder has its turn."""
        self._own()
        with self._lock, self._mapped():
            connection = self._alive()
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute(_TURNS)
                yield _Turn(cursor)

    # ── news, end ──────────────────────────────────────────────────────────────────────────────────────────────────

    def version(self) -> int:
        """A number that changes when anybody has written."""
        return self.last_change()

    def news(self, *, timeout_s: float | None = None) -> Iterator[str]:
        """Give the table name of each write that others announce, on a connection of its own.

        Args:
            timeout_s: end after so many seconds without any; never when not given.

        Returns:
            An iterator that ends with ``timeout_s``; close it to stop listening.
        """
        with self._mapped():
            connection = self._connect()
            try:
                connection.execute(f"LISTEN {CHANNEL}")
                while True:
                    heard = False
                    for notice in connection.notifies(timeout=timeout_s, stop_after=1):
                        heard = True
                        yield notice.payload
                    if not heard:
                        return
            finally:
                connection.close()

    def compact(self) -> int:
        """Make the space of rows that are gone usable again, without stopping anybody; returns bytes given back."""
        before = self._size()
        self._own()
        with self._lock, self._mapped():
            connection = self._connected()
            for kind in NOUNS:
                connection.execute(marked(f"VACUUM (ANALYZE) {table_of(kind).name}"))
            for name in ("params", "metrics", "last_metrics", "tags", "changes"):
                connection.execute(marked(f"VACUUM (ANALYZE) {name}"))
        return max(0, before - self._size())

    def _size(self) -> int:
        rows = self._rows(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_catalog.pg_class "
            "WHERE relkind = 'r' AND relnamespace = to_regnamespace(quote_ident(current_schema()))"
        )
        return int(rows[0][0] or 0)

    def _damage(self) -> list[str]:
        # The server watches over its own files; what can be asked from here is whether every table can be read.
        found = []
        for name in ("metrics", "params", "changes"):
            try:
                self._rows(f"SELECT count(*) FROM {name}")
            except StoreError as error:
                found.append(error.message)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the server; safe to call twice."""
        self._own()
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # ── errors ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        psycopg = need("psycopg", to=f"use the store {self.location}")
        try:
            yield
        except psycopg.Error as error:
            raise self._ours(error) from _scrubbed(error, self._address)

    def _ours(self, error: psycopg.Error) -> NbopsError:
        """The one place that maps PostgreSQL's errors."""
        from psycopg import errors

        text = _without_secret(str(error).strip().partition("\n")[0], self._address)
        parts = urlsplit(self._address)
        server = f"-h {shlex.quote(parts.hostname)} " if parts.hostname else ""
        server += f"-p {_port(self._address)}"
        if isinstance(error, errors.LockNotAvailable | errors.QueryCanceled | errors.DeadlockDetected):
            return StoreLockedError(f"others hold the store {self.location} too long ({text})", hint="nbops sync")
        if isinstance(error, errors.UniqueViolation):
            return ConflictError(f"the store {self.location} has that already ({text})", hint="nbops models")
        if isinstance(error, errors.DiskFull | errors.OutOfMemory):
            return StoreError(f"the server of {self.location} is full", code="store_full", hint=f"pg_isready {server}")
        if isinstance(error, errors.ReadOnlySqlTransaction | errors.InsufficientPrivilege):
            return StoreError(
                f"the store {self.location} may not be written ({text})", code="store_readonly", hint="nbops doctor"
            )
        if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn):
            return StoreVersionError(
                f"the store {self.location} has other tables than this nbops expects ({text})", hint="nbops doctor"
            )
        if "authentication failed" in text or "no password supplied" in text:
            return StoreError(
                f"the server refuses us at {self.location} ({text})", code="store_refused", hint="export NBOPS_STORE=…"
            )
        if self._is_unreachable(error):
            return StoreError(
                f"the store {self.location} cannot be reached ({text})",
                code="store_unreachable",
                hint=f"pg_isready {server}",
            )
        return StoreError(f"the store {self.location} failed: {text}", hint="nbops doctor")

    def _is_unreachable(self, error: psycopg.Error) -> bool:
        return isinstance(error, self._broken())


# ── forwarding ─────────────────────────────────────────────────────────────────────────────────────────────────────

_RUN_PARTS = ("cells", "artifacts", "fits", "params", "metrics", "last_metrics", "tags")
_CARRIED_METRIC = (
    "INSERT INTO metrics (run_id, name, step, value, at, number) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (run_id, number, name, at) DO NOTHING"
)
Statement = tuple[str, Sequence[Any]]


class _Turn:
    """See ``nbops.store.shared.Turn``."""

    def __init__(self, cursor: psycopg.Cursor[Row]) -> None:
        self._cursor = cursor

    def apply(self, writes: Sequence[Write]) -> None:
        """Apply all of them, or none."""
        import psycopg

        statements = [statement for write in writes for statement in _statements(write)]
        try:
            with self._cursor.connection.transaction():
                _send(self._cursor, statements)
        except psycopg.errors.ProgramLimitExceeded as error:
            raise RefusedError(str(error).partition("\n")[0]) from error
        except psycopg.OperationalError:
            raise  # the server's trouble, not the row's: it is tried again
        except psycopg.Error as error:
            if self._cursor.connection.closed:
                raise
            raise RefusedError(str(error).partition("\n")[0]) from error

    def prune(self, keep: int) -> None:
        """Forget all but the newest changes."""
        self._cursor.execute("DELETE FROM changes WHERE seq <= (SELECT max(seq) FROM changes) - %s", (keep,))


def _statements(write: Write) -> list[Statement]:
    noun, row = write.noun, write.row
    if noun == "params":
        run, name, value, number, kind, at = row.values()
        return [(LOG_PARAM, (run, name, *as_text(value, number, kind), at))]
    if noun == "metrics":
        return [(_CARRIED_METRIC, (*row.values(), int(write.what)))]
    if write.what == "*":
        return [(table_of(KINDS[noun]).upsert, list(row.values()))]
    if write.what == "-":
        return _removal(noun, write.id)
    sets = ", ".join(f"{quoted(name)} = ?" for name in row)
    return [(f"UPDATE {noun} SET {sets} WHERE id = ?", [*row.values(), write.id])]


def _removal(noun: str, id: str) -> list[Statement]:
    statements: list[Statement] = [(f"DELETE FROM {noun} WHERE id = ?", (id,))]
    if noun == "runs":
        statements += [(f"DELETE FROM {part} WHERE run_id = ?", (id,)) for part in _RUN_PARTS]
        statements.append(("UPDATE runs SET parent_id = NULL WHERE parent_id = ?", (id,)))
    return statements


def _send(cursor: psycopg.Cursor[Row], statements: list[Statement]) -> None:
    # Neighbours of one form go over together, in one exchange.
    start = 0
    while start < len(statements):
        sql, end = statements[start][0], start
        while end < len(statements) and statements[end][0] == sql:
            end += 1
        rows = [[storable(value) for value in values] for _, values in statements[start:end]]
        cursor.executemany(marked(sql), rows)
        start = end


def _version(connection: psycopg.Connection[Row]) -> int:
    # Asked of the catalogue's own table: to_regclass may answer from before the wait for our turn.
    found = connection.execute(
        "SELECT 1 FROM pg_catalog.pg_class "
        "WHERE relname = 'migrations' AND relnamespace = to_regnamespace(quote_ident(current_schema()))"
    ).fetchone()
    if found is None:
        return 0
    row = connection.execute("SELECT max(number) FROM migrations").fetchone()
    return int(row[0] or 0) if row else 0


def _run_script(connection: psycopg.Connection[Row], script: str, record: tuple[int, str, float, str]) -> None:
    connection.execute(script.encode())
    connection.execute("INSERT INTO migrations (number, name, at, nbops) VALUES (%s, %s, %s, %s)", record)


@lru_cache(maxsize=512)
def marked(sql: str) -> bytes:
    """Write ``?`` as psycopg wants it; our SQL has no other question mark and no quoted one."""
    return sql.replace("%", "%%").replace("?", "%s").encode()


def storable(value: Any) -> Any:
    """Make a value storable: PostgreSQL's text has no NUL and no lone surrogates."""
    if isinstance(value, str) and not value.isascii():
        value = value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, str) and "\0" in value:
        return value.replace("\0", "\\x00")
    return value


def as_text(value: object, number: float | None, kind: str) -> tuple[str | None, float | None, str]:
    """A parameter's row with its value as text, the one type its column has here."""
    return (None if value is None else str(value)), number, kind


def _port(address: str) -> int:
    try:
        return urlsplit(address).port or 5432
    except ValueError:
        return 5432


def _without_secret(text: str, address: str) -> str:
    text = without_password(text)
    with contextlib.suppress(ValueError):
        secret = urlsplit(address).password
        for word in {secret, unquote(secret)} if secret else ():
            text = text.replace(word, "***")
    return text


def _scrubbed(error: Exception, address: str) -> Exception:
    """Make sure that not even the chain of causes shows a password."""
    error.args = tuple(_without_secret(arg, address) if isinstance(arg, str) else arg for arg in error.args)
    return error

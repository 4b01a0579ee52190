"""The team's store, local first: every write is committed to this machine's journal, and forwarded behind its back.

A slow or unplugged server so costs a cell nothing and loses nothing. What is forwarded is what the journal's change log
names, in its order, by id: doing it twice changes nothing. The place that was reached is kept in the journal itself.
Reads prefer the shared store, after what waits has been forwarded; while it is unplugged they fall back to the journal,
and one notice says so. Numbers of model versions come from the shared store alone.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from nbops.errors import NbopsError, NotFoundError, StoreError
from nbops.records import Metric, Model, ModelVersion, Param, Record, Run
from nbops.store.forwarding import Forwarder
from nbops.store.interface import Change, RunSummary, Shelf, Store
from nbops.store.shared import SharedStore, backend_of, open_shared
from nbops.store.sql import Execute, settles
from nbops.store.sqlite import SqliteStore
from nbops.store.tables import quoted, table_of

if TYPE_CHECKING:
    from nbops.store.hot import HotPath

R = TypeVar("R", bound=Record)
T = TypeVar("T")

_LOG = logging.getLogger("nbops")
_PAUSE_S = 0.5  # between two looks at the journal
_RETRY_S = (1.0, 30.0)  # first and longest pause after the server was not there
_UNPLUGGED = ("store_unreachable", "store_refused", "store_empty")


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """How the journal stands against the shared store."""

    forwarded: int
    """How many changes went over just now."""
    waiting: int
    """How many are still here only."""
    refused: list[str]
    """What the shared store would not take, each with its reason; tried again at every ``sync``."""
    message: str
    """Why something waits; empty when nothing does."""


class JournaledStore:
    """See ``nbops.store.interface.Store``; any thread may call.

    Args:
        journal: this machine's SQLite store, open; it is closed with this store.
        address: of the shared store, ``postgresql://…`` or of another backend.
        timeout_s: how long to wait for the server, in seconds.

    Raises:
        StoreError: no store backend has the address's scheme.
    """

    def __init__(self, journal: SqliteStore, address: str, *, timeout_s: float = 5.0) -> None:
        backend_of(address)  # before anything waits for a store that nobody can open
        self.journal = journal
        self.is_read_only = journal.is_read_only
        self.timeout_s = timeout_s
        self._address = address
        self._shared: SharedStore | None = None
        self._plug = threading.RLock()
        self._pause_s, self._try_at = 0.0, 0.0
        self._noticed = False
        self._closed = False
        self._news = (0, 0)  # the shared store's last number that was seen, and the journal's at that moment
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self.forwarder = Forwarder(journal, address)
        self.location = self.forwarder.target
        journal.forwards_to = self.location
        if not self.is_read_only:
            self._start()

    @property
    def hot(self) -> HotPath:
        """The quick writes of the journal; the forwarder finds them by itself."""
        return self.journal.hot

    # ── the plug ───────────────────────────────────────────────────────────────────────────────────────────────────

    def shared(self) -> SharedStore:
        """Return the shared store, or raise StoreError while it is unplugged (without asking it all the time)."""
        self._own()
        with self._plug:
            if self._closed:
                raise StoreError(f"the store {self.location} was closed", code="store_closed", hint="%reload_ext nbops")
            if self._shared is not None:
                return self._shared
            if time.monotonic() < self._try_at:
                raise StoreError(
                    f"the store {self.location} cannot be reached", code="store_unreachable", hint="nbops sync"
                )
            try:
                self._shared = open_shared(self._address, read_only=self.is_read_only, timeout_s=self.timeout_s)
            except StoreError as error:
                self._unplugged(error)
                raise
            self._pause_s = 0.0
            if self._noticed:
                self._noticed = False
                _LOG.warning("nbops: the store %s is back; what waited is being forwarded", self.location)
            return self._shared

    def _unplugged(self, error: StoreError) -> None:
        """Leave the server alone for a while, and say once that it is gone."""
        with self._plug:
            if self._shared is not None:
                self._shared.close()
                self._shared = None
            self._pause_s = min(max(self._pause_s * 2, _RETRY_S[0]), _RETRY_S[1])
            self._try_at = time.monotonic() + self._pause_s
            if not self._noticed:
                self._noticed = True
                _LOG.warning("nbops: %s; recording goes on here and is forwarded later\n  → nbops sync", error.message)

    def _own(self) -> None:
        if self._pid == os.getpid():
            return
        # A forked child: neither the thread nor the connection came along.
        self._pid = os.getpid()
        self._plug = threading.RLock()
        self._shared, self._thread = None, None
        self._stop, self._wake = threading.Event(), threading.Event()
        self.forwarder = Forwarder(self.journal, self._address)
        if not self.is_read_only:
            self._start()

    @property
    def is_plugged(self) -> bool:
        """Whether the shared store answered when it was last asked."""
        return self._shared is not None

    def _read(self, ask: Callable[[Store], T]) -> T:
        """Ask the shared store after it was told everything, else the journal."""
        try:
            shared = self.shared()
            if not self.is_read_only:
                self.forwarder.forward(shared)
            return ask(shared)
        except StoreError as error:
            if error.code not in _UNPLUGGED:
                raise
            if self._shared is not None:
                self._unplugged(error)
            return ask(self.journal)

    # ── forwarding ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._follow, name="nbops-forwarder", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        stop, wake = self._stop, self._wake
        while not stop.is_set():
            wake.wait(_PAUSE_S)
            wake.clear()
            # A thread has nobody to tell: what is unplugged is said by _unplugged, what is wrong with the journal by
            # whoever writes to it, what is refused by sync.
            with contextlib.suppress(NbopsError):
                self._forward_in_background()

    def _forward_in_background(self) -> None:
        if self._stop.is_set() or not self.forwarder.waiting():
            return
        try:
            self.forwarder.forward(self.shared(), until=self._stop)
        except StoreError as error:
            if error.code in _UNPLUGGED and self._shared is not None:
                self._unplugged(error)

    def sync(self, told: Callable[[int], object] | None = None) -> Synced:
        """Forward everything now, what was refused before as well.

        Args:
            told: called after each batch with how many changes went over.

        Returns:
            What went over and what is left, with the reason.

        Example:
            store.sync().waiting == 0
        """
        self._try_at = 0.0
        forwarded, message = 0, ""
        try:
            forwarded = self.forwarder.forward(self.shared(), again=True, told=told)
        except StoreError as error:
            if error.code in _UNPLUGGED and self._shared is not None:
                self._unplugged(error)
            message = error.message
        return Synced(
            forwarded=forwarded,
            waiting=self.forwarder.waiting(),
            refused=self.forwarder.refused(),
            message=message,
        )

    # ── writing: the journal first ─────────────────────────────────────────────────────────────────────────────────

    def put(self, *records: Record) -> None:
        """Insert or replace whole records, all of them or none."""
        self._own()
        records = tuple(self.journal.masked(records))
        # Whole records are meant whole: the shared row may differ from the journal's where another machine wrote.
        told = [(table_of(type(record)).name, record.id, "*") for record in records]
        rows = [(table.upsert, table.row(record)) for record in records for table in (table_of(type(record)),)]
        if rows:
            is_durable = any(map(settles, records))
            self._journal(lambda execute: [execute(sql, row) for sql, row in rows], told, durable=is_durable)

    def update(self, kind: type[R], id: str, /, **fields: Any) -> None:
        """Set some fields of one record; NotFoundError when there is none."""
        self._own()
        if not fields or "id" in fields:
            self._read(lambda store: store.update(kind, id, **fields))
            return
        fields = self.journal.masked_fields(kind, fields)
        table = table_of(kind)
        sql = f"UPDATE {table.name} SET {', '.join(f'{quoted(name)} = ?' for name in fields)} WHERE id = ?"
        values = [*(table.value(name, value) for name, value in fields.items()), id]
        told = [(table.name, id, "," + ",".join(fields))]

        def work(execute: Execute) -> int:
            return execute(sql, values)

        is_durable = kind is Run and "ended_at" in fields
        if not self._journal(work, told, only_if_touched=True, durable=is_durable):
            # Somebody else's record: bring it here first, so that the journal can carry the change.
            self.mirror(self.shared().get(kind, id))
            self._journal(work, told, durable=is_durable)

    def delete(self, kind: type[R], id: str) -> None:
        """Remove one record; a run takes its cells, params, metrics and artifacts with it."""
        self._own()
        try:
            self.journal.delete(kind, id)
        except NotFoundError:
            self.shared().get(kind, id)
            self._journal(lambda _: None, [(table_of(kind).name, id, "-")])
        self._wake.set()

    def _journal(
        self,
        work: Callable[[Execute], Any],
        told: list[tuple[str, str, str]],
        *,
        only_if_touched: bool = False,
        durable: bool = False,
    ) -> Any:
        def whole(execute: Execute) -> Any:
            result = work(execute)
            for row in told if result or not only_if_touched else ():
                execute("INSERT INTO changes (noun, id, what) VALUES (?, ?, ?)", row)
            return result

        result = self.journal._write(whole, durable=durable)
        self._wake.set()
        return result

    def mirror(self, *records: Record) -> None:
        """Write records that the shared store has into the journal, without forwarding them back."""

        def work(execute: Execute) -> None:
            before = self.journal._rows_inside("SELECT max(seq) FROM changes", ())[0][0] or 0
            for record in records:
                table = table_of(type(record))
                execute(table.upsert, table.row(record))
            execute("DELETE FROM changes WHERE seq > ?", (before,))

        self.journal._write(work)

    def add_version(self, version: Record) -> Record:
        """Store a ModelVersion under the next free number of its model, made by the store that all share."""
        self._own()
        if self.is_read_only:
            return self.journal.add_version(version)
        shared, numbered = self._decided(
            lambda shared: shared.add_version(*self.journal.masked([version])),
            f"a model version gets its number from {self.location}, which cannot be reached",
        )
        assert isinstance(numbered, ModelVersion)
        self.mirror(*shared.find(Model, name=numbered.model), numbered)
        return numbered

    def claim(self, record: Record, /, **unless: Any) -> bool:
        """Insert a record unless its id is taken, or another has the given values; decided by the shared store."""
        self._own()
        _, is_ours = self._decided(
            lambda shared: shared.claim(record, **unless),
            f"{self.location}, which decides who does what once, cannot be reached",
        )
        if is_ours:
            self.mirror(record)
        return is_ours

    def _decided(self, decide: Callable[[SharedStore], T], otherwise: str) -> tuple[SharedStore, T]:
        """Ask the shared store for what only it can decide; ``otherwise`` is said while it cannot be reached."""
        try:
            shared = self.shared()
            self.forwarder.forward(shared)
            return shared, decide(shared)
        except StoreError as error:
            if error.code not in _UNPLUGGED:
                raise
            if self._shared is not None:
                self._unplugged(error)
            raise StoreError(otherwise, code="store_unreachable", hint="nbops sync") from error

    def log_params(self, params: Sequence[Param]) -> None:
        """Set parameters; a name that the run has already is replaced."""
        self._own()
        self.journal.log_params(params)
        self._wake.set()

    def log_metrics(self, metrics: Sequence[Metric]) -> None:
        """Append metric values."""
        self._own()
        self.journal.log_metrics(metrics)
        self._wake.set()

    # ── reading: the shared store first ────────────────────────────────────────────────────────────────────────────

    def get(self, kind: type[R], id: str) -> R:
        """Return the record with exactly this id, or raise NotFoundError."""
        return self._read(lambda store: store.get(kind, id))

    def find(
        self, kind: type[R], /, *, order_by: str = "-id", limit: int | None = None, offset: int = 0, **equals: Any
    ) -> list[R]:
        """List records whose fields equal the given values; ``order_by`` is a field, ``-`` first for descending."""
        return self._read(lambda store: store.find(kind, order_by=order_by, limit=limit, offset=offset, **equals))

    def count(self, kind: type[R], /, **equals: Any) -> int:
        """Count records whose fields equal the given values."""
        return self._read(lambda store: store.count(kind, **equals))

    def resolve(self, kind: type[R], reference: str) -> R:
        """Find one record by unique id prefix, name, ``NAME@number``, ``NAME@alias`` or ``last``."""
        return self._read(lambda store: store.resolve(kind, reference))

    def params(self, run_id: str) -> dict[str, Any]:
        """Parameters of a run, by name."""
        return self._read(lambda store: store.params(run_id))

    def metrics(self, run_id: str, *, limit: int | None = None, offset: int = 0) -> list[Metric]:
        """Metric values of a run in the order they were logged; all of them when no limit is given."""
        return self._read(lambda store: store.metrics(run_id, limit=limit, offset=offset))

    def search_runs(
        self,
        where: str | None = None,
        *,
        order_by: str | None = None,
        limit: int | None = 100,
        offset: int = 0,
        shelf: Shelf = "listed",
        told: Callable[[int, int], None] | None = None,
    ) -> list[RunSummary]:
        """Runs that match an expression such as ``metrics.accuracy > 0.9 and params.depth = 4``, newest first."""
        return self._read(
            lambda store: store.search_runs(
                where, order_by=order_by, limit=limit, offset=offset, shelf=shelf, told=told
            )
        )

    def count_runs(self, where: str | None = None, *, shelf: Shelf = "listed") -> int:
        """Count the runs that ``search_runs`` would list without a limit."""
        return self._read(lambda store: store.count_runs(where, shelf=shelf))

    # ── room ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def digests(self, *, without: Collection[str] = ()) -> set[str]:
        """Every sha256 that any row names, of the journal and of the shared store; StoreError while it is unplugged."""
        # Never from the journal alone: what other machines refer to is not in it.
        shared = self.shared()
        if not self.is_read_only:
            self.forwarder.forward(shared)
        return shared.digests(without=without) | self.journal.digests(without=without)

    def compact(self) -> int:
        """Give space that rows left behind back to the disks of both; returns how many bytes."""
        return self.journal.compact() + self.shared().compact()

    def recover(self) -> list[str]:
        """Mark runs and cells of processes of this machine that died without a word as interrupted."""
        return self.journal.recover()

    # ── news ───────────────────────────────────────────────────────────────────────────────────────────────────────
    # Numbers are the shared store's. While it is unplugged they go on from the last one seen by the journal's own
    # steps; once it is back they are its own again, and a follower that is ahead of last_change() reads all anew.

    def changes(self, since: int, *, limit: int = 1000) -> list[Change]:
        """Writes after sequence number ``since``, oldest first."""

        def ask(store: Store) -> list[Change]:
            if store is not self.journal:
                return store.changes(since, limit=limit)
            base, here = self._news
            rows = self.journal.changes(here + max(since - base, 0), limit=limit)
            return [msgspec.structs.replace(row, seq=row.seq - here + base) for row in rows]

        return self._read(ask)

    def last_change(self) -> int:
        """Sequence number of the newest write."""

        def ask(store: Store) -> int:
            if store is not self.journal:
                self._news = (store.last_change(), self.journal.last_change())
                return self._news[0]
            base, here = self._news
            return base + self.journal.last_change() - here

        return self._read(ask)

    def version(self) -> int:
        """A number that changes when anybody has written."""
        return self.last_change()

    def news(self, *, timeout_s: float | None = None) -> Iterator[str]:
        """Give the table name of each write that any machine announces; see ``nbops.store.shared.SharedStore``."""
        return self.shared().news(timeout_s=timeout_s)

    def check(self) -> list[str]:
        """Problems of the journal's file and of the shared store; empty when both are sound."""
        problems = self.journal._damage()
        problems += [f"refused by {self.location}: {row}" for row in self.forwarder.refused()]
        return problems + self._read(lambda store: store.check())

    # ── end ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _forward_the_rest(self) -> None:
        """What cannot go over now goes over the next time the store is opened."""
        try:
            if self.forwarder.waiting():
                self.forwarder.forward(self.shared())
        except StoreError as error:
            _LOG.warning(
                "nbops: %s changes wait in %s (%s)\n  → nbops sync",
                self.forwarder.waiting(),
                self.journal.path,
                error.message,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Forward what waits if the server is there, and let go of both; safe to call twice."""
        if self._stop.is_set():
            return
        self._own()
        self._stop.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        if not self.is_read_only:
            self._forward_the_rest()
        with self._plug:
            self._closed = True
            if self._shared is not None:
                self._shared.close()
                self._shared = None
        self.journal.close()

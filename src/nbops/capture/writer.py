"""Writes that never stop the user: what the store cannot take waits in memory until it can.

A read-only or full disk, a locked or damaged database, a drive that is gone: the first failed write is told in one
notice, later ones only wait. A thread tries again, so that no cell ever waits for a broken store twice; when the store
is back, everything that waited is written in its order, and that is told as well.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from nbops.capture.notices import tell
from nbops.errors import NbopsError, NotFoundError, StoreError
from nbops.records import CellError, CellExecution, CellStatus, Lineage, Metric, OutputSummary, Param, Record
from nbops.settings import Settings

if TYPE_CHECKING:
    from nbops.store.journaled import JournaledStore
    from nbops.store.sqlite import SqliteStore

    OpenStore: TypeAlias = SqliteStore | JournaledStore
    Write: TypeAlias = Callable[[OpenStore], object]

_MOST_WAITING = 100_000
_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 30.0


class Writer:
    """Hands writes to the project's store, or keeps them while it cannot take any."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store: OpenStore | None = None
        self._waiting: deque[Write] = deque()
        self._lost = 0
        self._lock = threading.Lock()
        self._retrying = threading.Lock()
        self._closing = threading.Event()
        self._pid = os.getpid()
        self.anchors: list[Record] = []
        """What a new store in the old one's place is given first: the run that everything here belongs to."""
        self.trouble: NbopsError | None = None
        """Why writes wait just now; None when all is well."""
        self._connect()

    @property
    def store(self) -> OpenStore:
        """The open store, for reading.

        Raises:
            NbopsError: it cannot be opened just now.
        """
        if self._pid != os.getpid():
            self._begin_anew_in_child()
        if self._store is None:
            raise self.trouble or _closed()
        return self._store

    @property
    def waiting(self) -> int:
        """How many writes wait for the store."""
        return len(self._waiting)

    # The two writes around every cell are tried at once; what does not go through takes the way of all others.

    def open_cell(self, cell: CellExecution) -> None:
        """Write the row of an execution before it runs."""
        if self.trouble is None and self._store is not None:
            try:
                return self._store.hot.open_cell(cell)
            except StoreError as error:
                self._stumble(error)
        return self._write(lambda store: store.hot.open_cell(cell))

    def close_cell(
        self,
        cell: CellExecution,
        status: CellStatus,
        error: CellError | None,
        outputs: OutputSummary | None,
        lineage: Lineage | None,
    ) -> None:
        """Write how an execution ended, now."""
        now, count = time.time(), cell.execution_count
        if self.trouble is None and self._store is not None:
            try:
                return self._store.hot.end_cell(
                    cell.id, status, ended_at=now, execution_count=count, error=error, outputs=outputs, lineage=lineage
                )
            except NotFoundError:  # the store was replaced while the cell ran
                pass
            except StoreError as fault:
                self._stumble(fault)
        ended = msgspec.structs.replace(
            cell, status=status, ended_at=now, error=error, outputs=outputs, lineage=lineage
        )
        return self._write(lambda store: store.put(ended))

    def put(self, *records: Record) -> None:
        """Insert or replace records."""
        self._write(lambda store: store.put(*records))

    def update(self, kind: type[Record], id: str, **fields: Any) -> None:
        """Set fields of one record, unless someone has deleted it meanwhile."""

        def update(store: OpenStore) -> None:
            with contextlib.suppress(NotFoundError):
                store.update(kind, id, **fields)

        self._write(update)

    def log_params(self, params: Sequence[Param]) -> None:
        """Set parameters of a run."""
        self._write(lambda store: store.log_params(params))

    def log_metric(self, metric: Metric) -> None:
        """Append one metric value, the quick way."""
        self._write(
            lambda store: store.hot.log_metric(metric.run_id, metric.name, metric.value, step=metric.step, at=metric.at)
        )

    def log_metrics(self, metrics: Sequence[Metric]) -> None:
        """Append metric values of a run."""
        self._write(lambda store: store.log_metrics(metrics))

    def close(self) -> None:
        """Write what still waits and let go of the store; say so when something has to be given up."""
        self._closing.set()
        if self.trouble is not None:
            self._try_again()
        given_up = len(self._waiting) + self._lost
        if given_up:
            reason = self.trouble.message if self.trouble else "there were too many to keep"
            tell(f"{given_up} records could not be stored before this session ended: {reason}", hint="nbops doctor")
            self._waiting.clear()
        if self._store is not None:
            self._store.close()
        self._store, self.trouble = None, _closed()

    def _write(self, write: Write) -> None:
        if self._pid != os.getpid():
            self._begin_anew_in_child()
        if self.trouble is not None:
            if self._store is None and self._closing.is_set():
                raise _closed()
            if self._keep(write):
                return
        try:
            write(self.store)
        except StoreError as error:
            self._stumble(error)
            self._keep(write)

    def _keep(self, write: Write) -> bool:
        """Let a write wait; False when the store has come back meanwhile."""
        with self._lock:
            if self.trouble is None:
                return False
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append(write)
            else:
                self._lost += 1
            return True

    def _stumble(self, error: NbopsError) -> None:
        with self._lock:
            was_well, self.trouble = self.trouble is None, error
        if was_well and not self._closing.is_set():
            tell(
                f"the store cannot be written; your cells go on and records wait in memory: {error.message}",
                hint=error.hint or "nbops doctor",
            )
            threading.Thread(target=self._recover, name="nbops-store-retry", daemon=True).start()

    def _recover(self) -> None:
        pause_s = _FIRST_RETRY_S
        while not self._closing.wait(pause_s):
            if self._try_again():
                tell("the store can be written again; every record that waited is stored", hint="nbops status")
                return
            pause_s = min(2 * pause_s, _LAST_RETRY_S)

    def _try_again(self) -> bool:
        """Write what waits in its order and tell whether the store is back; cells only append meanwhile."""
        with self._retrying:
            return self._written_in_order()

    def _written_in_order(self) -> bool:
        try:
            store = self._reopened()
            while True:
                while self._waiting:
                    self._waiting[0](store)
                    self._waiting.popleft()
                with self._lock:
                    if not self._waiting:
                        self.trouble = None
                        return True
        except StoreError as error:
            self.trouble = error
            return False

    def _reopened(self) -> OpenStore:
        # Anew each time: the file may be another one than the one that failed.
        if self._store is not None:
            self._store.close()
            self._store = None
        self._store = store = self._opened()
        for record in self.anchors:
            try:
                store.get(type(record), record.id)
            except NotFoundError:
                store.put(record)
        return store

    def _opened(self) -> OpenStore:
        from nbops.store import open_store

        store = open_store(self._settings)
        if store.is_read_only:
            store.close()
            raise StoreError(f"the store {store.location} is read-only", hint=f"chmod u+w {store.location}")
        return store

    def _begin_anew_in_child(self) -> None:
        # The store opens connections of its own in a forked child; what waits, and the thread that retries, are the
        # parent's.
        self._pid = os.getpid()
        self._waiting, self._lost = deque(), 0
        self._lock, self._retrying, self._closing = threading.Lock(), threading.Lock(), threading.Event()
        self.trouble = None
        if self._store is None:
            self._connect()

    def _connect(self) -> None:
        try:
            self._store = self._opened()
        except StoreError as error:
            self._stumble(error)


def _closed() -> StoreError:
    return StoreError("this session's recording has ended", code="store_closed", hint="%load_ext nbops")

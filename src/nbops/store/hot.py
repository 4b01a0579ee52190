"""The few writes that stand inside a user's cell: one statement, one commit, no more work than needed.

Each call is committed when it returns (it survives a killed process) and costs little over the database's bare commit,
because a lone statement is its own transaction and triggers write the change log with it. Use it so::

    hot = store.hot
    hot.open_cell(CellExecution(id=new_id(), run_id=…, position=…, source=…, started_at=time.time(), pid=…))
    …the cell runs…
    hot.end_cell(id, "ok", ended_at=time.time(), execution_count=3, outputs=OutputSummary(…))
    hot.log_metric(run_id, "loss", 0.31, step=7, at=time.time())

Nothing here is caught: a fault is a ``StoreError`` with its cure, and the caller in the cell's hook decides.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple, replace

from nbops.errors import NotFoundError, StoreError
from nbops.records import CellError, CellExecution, CellStatus, Lineage, OutputSummary, Param
from nbops.store import faults
from nbops.store.sql import LOG_METRIC, LOG_PARAM, checked_name
from nbops.store.tables import metric_value, param_row, quoted, table_of, to_json

if TYPE_CHECKING:
    from nbops.store.sqlite import SqliteStore

# Cells that follow each other faster share one look at the file; abs() because clocks jump.
_LOOK_EVERY_S = 0.2
_END_CELL = (
    "UPDATE cells SET status = ?, ended_at = ?, execution_count = ?, error = ?, outputs = ?, lineage = ? WHERE id = ?"
)


class HotPath:
    """The quick writes of one SQLite store; get it as ``store.hot``."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._cells = table_of(CellExecution)
        self._encoded = [index for index, column in enumerate(self._cells.columns) if column.encode]
        self._updates: dict[tuple[str, ...], str] = {}
        self._inode: tuple[int, int] | None = None
        self._looked_at = 0.0

    def open_cell(self, cell: CellExecution) -> None:
        """Commit a cell's row before the cell runs.

        Args:
            cell: the whole record; ``status`` is ``running``.

        Raises:
            StoreError: it could not be written; ``code`` says why.
        """
        if abs(cell.started_at - self._looked_at) > _LOOK_EVERY_S:
            self._looked_at = cell.started_at
            self._still_there()
        source, secrets = self._store.mask.source(cell.source)
        if secrets:
            cell = replace(cell, source=source, secrets=secrets)
            self._store.keep_secrets()
        # An open cell has only scalars; its fields are the columns in their order.
        row = astuple(cell)
        for index in self._encoded:
            if row[index] is not None:
                row = tuple(self._cells.row(cell))
                break
        self.run(self._cells.upsert, row)

    def close_cell(self, id: str, **fields: Any) -> None:
        """Commit what became of a cell: any fields of ``CellExecution``, as ``update`` takes them.

        Args:
            id: of the cell that ``open_cell`` wrote.
            fields: such as ``status="ok", ended_at=…, outputs=OutputSummary(…)``; the same names each time is quickest.

        Raises:
            NotFoundError: no cell has the id.
            StoreError: it could not be written.
        """
        names = tuple(fields)
        sql = self._updates.get(names)
        if sql is None:
            for name in names:
                self._cells.column(name)
            sql = f"UPDATE cells SET {', '.join(f'{quoted(name)} = ?' for name in names)} WHERE id = ?"
            self._updates[names] = sql
        columns = self._cells.fields
        fields = self._store.masked_fields(CellExecution, fields)
        values = [
            encode(value) if value is not None and (encode := columns[name].encode) else value
            for name, value in fields.items()
        ]
        values.append(id)
        if not self.run(sql, values):
            raise NotFoundError(f"no cell has the id {id!r}", code="cell_not_found", hint="nbops cells last")

    def end_cell(
        self,
        id: str,
        status: CellStatus,
        *,
        ended_at: float,
        execution_count: int | None,
        error: CellError | None = None,
        outputs: OutputSummary | None = None,
        lineage: Lineage | None = None,
    ) -> None:
        """Commit how a cell ended; what ``close_cell`` does for the fields of every cell, at half its cost.

        Raises:
            NotFoundError: no cell has the id.
            StoreError: it could not be written.
        """
        mask = self._store.mask
        shown = None if outputs is None else to_json(mask.record(outputs))
        failed = None if error is None else to_json(mask.record(error))
        # Names, digests and paths: nothing in it has the form of a secret, but a path may hold one.
        traced = None if lineage is None else mask.known(_compact(lineage))
        self._store.keep_secrets()
        if not self.run(_END_CELL, (status, ended_at, execution_count, failed, shown, traced, id)):
            raise NotFoundError(f"no cell has the id {id!r}", code="cell_not_found", hint="nbops cells last")

    def log_metric(self, run_id: str, name: str, value: float, *, step: int | None, at: float) -> None:
        """Commit one metric value.

        Args:
            run_id: the run that it belongs to.
            name: 1 to 500 characters.
            value: any float; NaN and infinities are kept.
            step: where in the run it was measured, if that has a number.
            at: seconds since the epoch.

        Raises:
            UsageError: the name cannot be one.
            StoreError: it could not be written.
        """
        self.run(LOG_METRIC, (run_id, checked_name(self._store.mask.name(name)), step, metric_value(value), at))

    def log_param(self, run_id: str, name: str, value: Any, *, at: float) -> None:
        """Commit one parameter, replacing the one of that name; arguments as for ``log_metric``."""
        (param,) = self._store.masked([Param(run_id=run_id, name=name, value=value, at=at)])
        self.run(LOG_PARAM, (run_id, checked_name(param.name), *param_row(param.value), at))

    def run(self, sql: str, values: Sequence[Any]) -> int:
        """Execute one statement that is its own transaction; returns how many rows it touched."""
        store = self._store
        with store._lock:
            try:
                connection = store._writer or store.writer()
                touched = connection.execute(sql, values).rowcount
            except (UnicodeEncodeError, OverflowError):
                from nbops.store.sqlite import storable

                return self.run(sql, [storable(value) for value in values])
            except sqlite3.Error as error:
                raise faults.of_sqlite(error, store.path) from error
        store.count_commit()
        return touched

    def _still_there(self) -> None:
        """A store deleted under a running kernel would swallow writes without a word."""
        try:
            status = os.stat(self._store.location)  # noqa: PTH116 - a Path would cost more than the question
        except FileNotFoundError:
            status = None
        seen = status and (status.st_dev, status.st_ino)
        if self._inode is None:
            self._inode = seen
        if seen is None or seen != self._inode:
            raise StoreError(
                f"the store {self._store.path} was moved or deleted while in use",
                code="store_moved",
                hint="%reload_ext nbops",
            )

    def rebind(self) -> None:
        """Forget what was learnt of the file; for a forked child."""
        self._inode = None
        self._looked_at = 0.0


def _compact(lineage: Lineage) -> str:
    """Leave out what is empty, as it is for most cells: a row that fits beside others is written quicker."""
    return to_json(
        {name: value for name, value in zip(Lineage.__struct_fields__, astuple(lineage), strict=True) if value}
    )

"""Save what can still be read of a damaged store: ``python -m nbops.store.rescue .nbops/store.db``.

Every row that SQLite can still give goes into a new store beside the damaged one; then the two change places, and the
damaged one stays under ``….damaged-N``.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path

from nbops.errors import NbopsError, StoreError
from nbops.store import faults
from nbops.store.sqlite import SqliteStore
from nbops.store.tables import KINDS, PARAM_COLUMNS, quoted, table_of

_OTHERS = {
    "params": PARAM_COLUMNS,
    "metrics": ("rowid", "run_id", "name", "step", "value", "at"),
}


def rescue(path: Path) -> dict[str, int]:
    """Copy what can be read of a damaged store into a new one that takes its place.

    Args:
        path: the damaged database file; no process may have it open.

    Returns:
        How many rows of each table were saved.

    Raises:
        StoreError: there is no such file, or the new one cannot be written.
    """
    if not path.is_file():
        raise StoreError(f"there is no store at {path}", code="store_missing", hint=f"ls {path.parent}")
    fresh = path.with_name(f"{path.name}.rescued")
    fresh.unlink(missing_ok=True)
    with SqliteStore(fresh) as store:
        saved = {name: _copy(path, store, name) for name in (*KINDS, *_OTHERS)}
    _change_places(path, fresh)
    return saved


def _copy(path: Path, store: SqliteStore, table: str) -> int:
    columns = _OTHERS.get(table) or tuple(table_of(KINDS[table]).fields)
    listed = ", ".join(quoted(name) for name in columns)
    insert = f"INSERT OR IGNORE INTO {table} ({listed}) VALUES ({', '.join('?' * len(columns))})"
    rows: dict[tuple[object, ...], None] = {}
    # From both ends: a damaged page stops a scan, and what lies behind it can be reached from the other side.
    key = "rowid" if table == "metrics" else ("run_id" if table == "params" else "id")
    for way in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error), contextlib.closing(_opened(path)) as damaged:
            for row in damaged.execute(f"SELECT {listed} FROM {table} NOT INDEXED ORDER BY {key} {way}"):
                rows[row] = None
    return sum(_insert(store, insert, row) for row in rows)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    # What is not text any more is not worth losing the rest of the row for.
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection


def _insert(store: SqliteStore, sql: str, row: tuple[object, ...]) -> int:
    with contextlib.suppress(StoreError):  # a row whose fields were damaged into what no row may hold
        return store.hot.run(sql, row)
    return 0


def _change_places(path: Path, fresh: Path) -> None:
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    with faults.mapped(path):
        path.rename(kept)
        for tail in ("-wal", "-shm", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{path}{tail}").rename(f"{kept}{tail}")
        fresh.rename(path)


def main(arguments: list[str]) -> int:
    """Rescue the store named on the command line and say what was saved."""
    if len(arguments) != 1:
        sys.stderr.write("python -m nbops.store.rescue FILE\n")
        return 2
    try:
        saved = rescue(Path(arguments[0]))
    except NbopsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{name:16} {rows:8}\n" for name, rows in saved.items() if rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

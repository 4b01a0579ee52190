"""Carries a journal's changes to a shared store: in order, by id, as often as needed, each counted once."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nbops.records import NOUNS
from nbops.store.blobs import without_password
from nbops.store.sql import LOG_PARAM
from nbops.store.sqlite import KEPT_CHANGES, SqliteStore
from nbops.store.tables import KINDS, PARAM_COLUMNS, quoted, table_of

if TYPE_CHECKING:
    from nbops.store.postgres import PostgresStore

_BATCH = 500
_PRUNE_EVERY = 5_000
_RUN_PARTS = ("cells", "artifacts", "params", "metrics", "last_metrics", "tags")
Step = tuple[str, str, str]
"""(noun, id, what) as the change log has it."""
Statement = tuple[str, Sequence[Any]]


class Forwarder:
    """Knows how far one shared store was told, and tells it the rest.

    Args:
        journal: the local store whose changes are carried.
        address: of the shared store; its name without a password is what the journal remembers.
    """

    def __init__(self, journal: SqliteStore, address: str) -> None:
        self.journal = journal
        self.target = without_password(address)
        self._lock = threading.RLock()
        self._done: int | None = None
        self._sent = 0

    def waiting(self) -> int:
        """How many changes are only here; 0 costs one small question."""
        newest = self.journal.last_change()
        if self._done is not None and self._done >= newest:
            return 0
        reached = self._reached() or 0
        self._done = reached
        return int(self.journal._rows("SELECT count(*) FROM changes WHERE seq > ?", (reached,))[0][0])

    def refused(self) -> list[str]:
        """What the shared store would not take, each with its reason."""
        rows = self.journal._rows(
            "SELECT noun, id, reason FROM refused WHERE target = ? ORDER BY noun, id LIMIT 100", (self.target,)
        )
        return ["{} {}: {}".format(*row) for row in rows]

    def forward(self, shared: PostgresStore, *, until: threading.Event | None = None, again: bool = False) -> int:
        """Tell the shared store everything that waits.

        Args:
            shared: the store to tell, connected.
            until: stop after the batch in which this is set.
            again: try what was refused before once more.

        Returns:
            How many changes went over.

        Raises:
            StoreError: it cannot be reached; what went over before is not lost, the rest waits.
        """
        with self._lock:
            sent = self._again(shared) if again else 0
            if not self.waiting():
                return sent
            if self._needs_all():
                sent += self._all(shared, until)
            while (until is None or not until.is_set()) and (count := self._batch(shared)):
                sent += count
            return sent

    def _reached(self) -> int | None:
        rows = self.journal._rows("SELECT seq FROM forwards WHERE target = ?", (self.target,))
        return int(rows[0][0]) if rows else None

    def _needs_all(self) -> bool:
        """Where changes were pruned that a shared store never saw, it is told every row."""
        oldest = self.journal._rows("SELECT min(seq) FROM changes")[0][0]
        return oldest is not None and int(oldest) > (self._reached() or 0) + 1

    def _all(self, shared: PostgresStore, until: threading.Event | None) -> int:
        newest, sent = self.journal.last_change(), 0
        for steps in self._everything():
            if until is not None and until.is_set():
                return sent
            with shared.transaction() as cursor:
                self._apply(cursor, steps)
            sent += len(steps)
        self._reach(newest)
        return sent

    def _everything(self) -> Iterator[list[Step]]:
        for noun in NOUNS:
            name, last = table_of(noun).name, ""
            while ids := self.journal._rows(f"SELECT id FROM {name} WHERE id > ? ORDER BY id LIMIT {_BATCH}", (last,)):
                last = str(ids[-1][0])
                yield [(name, str(row[0]), "*") for row in ids]
        yield [("params", str(run), str(name)) for run, name in self.journal._rows("SELECT run_id, name FROM params")]
        at = 0
        while rows := self.journal._rows(
            f"SELECT run_id, rowid FROM metrics WHERE rowid > ? ORDER BY rowid LIMIT {_BATCH}", (at,)
        ):
            at = int(rows[-1][1])
            yield [("metrics", str(run), str(number)) for run, number in rows]

    def _batch(self, shared: PostgresStore) -> int:
        if not self.waiting():
            return 0
        with shared.transaction() as cursor:
            # Read once this one has its turn: another process of this journal may just have told it newer rows, which
            # must not be overwritten by what was read before.
            reached = self._reached() or 0
            rows = self.journal._rows(
                f"SELECT seq, noun, id, what FROM changes WHERE seq > ? ORDER BY seq LIMIT {_BATCH}", (reached,)
            )
            self._apply(cursor, [(row[1], row[2], row[3]) for row in rows])
            self._prune(cursor, len(rows))
        if rows:
            self._reach(int(rows[-1][0]))
        return len(rows)

    def _prune(self, cursor: Any, sent: int) -> None:
        """Keep the shared change log as short as a journal's own."""
        self._sent += sent
        if self._sent >= _PRUNE_EVERY:
            self._sent = 0
            cursor.execute("DELETE FROM changes WHERE seq <= (SELECT max(seq) FROM changes) - %s", (KEPT_CHANGES,))

    def _reach(self, seq: int) -> None:
        self.journal._write(
            lambda execute: execute(
                "INSERT INTO forwards (target, seq, at) VALUES (?, ?, ?) ON CONFLICT (target) "
                "DO UPDATE SET seq = max(seq, excluded.seq), at = excluded.at",
                (self.target, seq, time.time()),
            )
        )
        self._done = seq

    # ── one batch ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _apply(self, cursor: Any, steps: list[Step]) -> None:
        import psycopg

        statements = self._statements(steps)
        try:
            with cursor.connection.transaction():
                _send(cursor, [statement for _, statement in statements])
            return
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.NotSupportedError, psycopg.ProgrammingError):
            pass
        except psycopg.OperationalError as error:
            if not isinstance(error, psycopg.errors.ProgramLimitExceeded):
                raise
        # Something in it is refused: send one by one and set that one aside, so that the rest is not held up.
        for step, statement in statements:
            self._one(cursor, step, statement)

    def _one(self, cursor: Any, step: Step, statement: Statement) -> bool:
        import psycopg

        try:
            with cursor.connection.transaction():
                _send(cursor, [statement])
        except psycopg.Error as error:
            if cursor.connection.closed:
                raise
            reason = str(error).partition("\n")[0]
            self.journal._write(
                lambda execute: execute(
                    "INSERT OR REPLACE INTO refused (target, noun, id, what, reason) VALUES (?, ?, ?, ?, ?)",
                    (self.target, *step, reason),
                )
            )
            return False
        return True

    def _again(self, shared: PostgresStore) -> int:
        rows = self.journal._rows("SELECT noun, id, what FROM refused WHERE target = ?", (self.target,))
        sent = 0
        for row in rows:
            with shared.transaction() as cursor:
                taken = [self._one(cursor, *pair) for pair in self._statements([(row[0], row[1], row[2])])]
            if all(taken):
                self._forgive((row[0], row[1], row[2]))
                sent += 1
        return sent

    def _forgive(self, step: Step) -> None:
        sql = "DELETE FROM refused WHERE target = ? AND noun = ? AND id = ? AND what = ?"
        self.journal._write(lambda execute: execute(sql, (self.target, *step)))

    def _statements(self, steps: Iterable[Step]) -> list[tuple[Step, Statement]]:
        """Turn changes into statements with the rows as they are now; one that is gone meanwhile has a later change."""
        fields: dict[tuple[str, str], set[str]] = defaultdict(set)
        params: dict[tuple[str, str], None] = {}
        metrics: dict[tuple[str, int], None] = {}
        for noun, key, what in steps:
            if noun == "params":
                params[key, what] = None
            elif noun == "metrics":
                metrics[key, int(what)] = None
            else:
                fields[noun, key].update(what.split(",") if what.startswith(",") else (what,))
        return [*self._of_records(fields), *self._of_params(list(params)), *self._of_metrics(list(metrics))]

    def _of_records(self, fields: dict[tuple[str, str], set[str]]) -> list[tuple[Step, Statement]]:
        removed: list[tuple[Step, Statement]] = []
        written: list[tuple[Step, Statement]] = []
        by_noun: dict[str, list[str]] = defaultdict(list)
        for noun, key in fields:
            by_noun[noun].append(key)
        for noun, ids in by_noun.items():
            table = table_of(KINDS[noun])
            marks = ", ".join("?" * len(ids))
            rows = {row[0]: row for row in self.journal._rows(f"{table.select} WHERE id IN ({marks})", ids)}
            for key in ids:
                changed = fields[noun, key] - {""}
                if "-" in changed:
                    removed += [((noun, key, "-"), statement) for statement in _removal(noun, key)]
                if key not in rows:
                    continue
                row = dict(zip(table.fields, rows[key], strict=True))
                if changed & {"*", "-"}:
                    written.append(((noun, key, "*"), (table.upsert, list(row.values()))))
                elif changed:
                    names = [name for name in table.fields if name in changed]
                    sql = f"UPDATE {noun} SET {', '.join(f'{quoted(name)} = ?' for name in names)} WHERE id = ?"
                    written.append(((noun, key, "," + ",".join(names)), (sql, [*(row[n] for n in names), key])))
        return removed + written

    def _of_params(self, keys: list[tuple[str, str]]) -> list[tuple[Step, Statement]]:
        from nbops.store.postgres import as_text

        found: list[tuple[Step, Statement]] = []
        for run_id, name in keys:
            sql = f"SELECT {', '.join(PARAM_COLUMNS)} FROM params WHERE run_id = ? AND name = ?"
            for run, own, value, number, kind, at in self.journal._rows(sql, (run_id, name)):
                found.append((("params", run_id, name), (LOG_PARAM, (run, own, *as_text(value, number, kind), at))))
        return found

    def _of_metrics(self, keys: list[tuple[str, int]]) -> list[tuple[Step, Statement]]:
        marks = ", ".join("?" * len(keys))
        rows = self.journal._rows(
            f"SELECT run_id, name, step, value, at, rowid FROM metrics WHERE rowid IN ({marks}) ORDER BY rowid",
            [number for _, number in keys],
        )
        return [(("metrics", str(row[0]), str(row[5])), (_METRIC, row)) for row in rows]


_METRIC = (
    "INSERT INTO metrics (run_id, name, step, value, at, number) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (run_id, number, name, at) DO NOTHING"
)


def _removal(noun: str, id: str) -> list[Statement]:
    statements: list[Statement] = [(f"DELETE FROM {noun} WHERE id = ?", (id,))]
    if noun == "runs":
        statements += [(f"DELETE FROM {part} WHERE run_id = ?", (id,)) for part in _RUN_PARTS]
        statements.append(("UPDATE runs SET parent_id = NULL WHERE parent_id = ?", (id,)))
    return statements


def _send(cursor: Any, statements: list[Statement]) -> None:
    from nbops.store.postgres import marked, storable

    # Neighbours of one form go over together, in one exchange.
    start = 0
    while start < len(statements):
        sql, end = statements[start][0], start
        while end < len(statements) and statements[end][0] == sql:
            end += 1
        rows = [[storable(value) for value in values] for _, values in statements[start:end]]
        cursor.executemany(marked(sql), rows)
        start = end

"""Carries a journal's changes to a shared store: in order, by id, as often as needed, each counted once."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from nbops.records import NOUNS
from nbops.store.blobs import without_password
from nbops.store.shared import RefusedError, SharedStore, Turn, Write
from nbops.store.sqlite import KEPT_CHANGES, SqliteStore
from nbops.store.tables import KINDS, PARAM_COLUMNS, table_of

_BATCH = 500
_PRUNE_EVERY = 5_000
Step = tuple[str, str, str]
"""(noun, id, what) as the change log has it."""


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

    def forward(
        self,
        shared: SharedStore,
        *,
        until: threading.Event | None = None,
        again: bool = False,
        told: Callable[[int], object] | None = None,
    ) -> int:
        """Tell the shared store everything that waits.

        Args:
            shared: the store to tell, connected.
            until: stop after the batch in which this is set.
            again: try what was refused before once more.
            told: called after each batch with how many changes it had.

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
                sent += self._all(shared, until, told)
            while (until is None or not until.is_set()) and (count := self._batch(shared)):
                sent += count
                if told is not None:
                    told(count)
            return sent

    def _reached(self) -> int | None:
        rows = self.journal._rows("SELECT seq FROM forwards WHERE target = ?", (self.target,))
        return int(rows[0][0]) if rows else None

    def _needs_all(self) -> bool:
        """Where changes were pruned that a shared store never saw, it is told every row."""
        oldest = self.journal._rows("SELECT min(seq) FROM changes")[0][0]
        return oldest is not None and int(oldest) > (self._reached() or 0) + 1

    def _all(self, shared: SharedStore, until: threading.Event | None, told: Callable[[int], object] | None) -> int:
        newest, sent = self.journal.last_change(), 0
        for steps in self._everything():
            if until is not None and until.is_set():
                return sent
            with shared.turn() as turn:
                self._apply(turn, steps)
            sent += len(steps)
            if told is not None:
                told(len(steps))
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

    def _batch(self, shared: SharedStore) -> int:
        if not self.waiting():
            return 0
        with shared.turn() as turn:
            # Read once this one has its turn: another process of this journal may just have told it newer rows, which
            # must not be overwritten by what was read before.
            reached = self._reached() or 0
            rows = self.journal._rows(
                f"SELECT seq, noun, id, what FROM changes WHERE seq > ? ORDER BY seq LIMIT {_BATCH}", (reached,)
            )
            self._apply(turn, [(row[1], row[2], row[3]) for row in rows])
            self._prune(turn, len(rows))
        if rows:
            self._reach(int(rows[-1][0]))
        return len(rows)

    def _prune(self, turn: Turn, sent: int) -> None:
        """Keep the shared change log as short as a journal's own."""
        self._sent += sent
        if self._sent >= _PRUNE_EVERY:
            self._sent = 0
            turn.prune(KEPT_CHANGES)

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

    def _apply(self, turn: Turn, steps: list[Step]) -> None:
        writes = self._writes(steps)
        try:
            turn.apply(writes)
        except RefusedError:
            # Send one by one and set that one aside, so that the rest is not held up.
            for write in writes:
                self._one(turn, write)

    def _one(self, turn: Turn, write: Write) -> bool:
        try:
            turn.apply([write])
        except RefusedError as error:
            values = (self.target, write.noun, write.id, write.what, str(error))
            self.journal._write(
                lambda execute: execute(
                    "INSERT OR REPLACE INTO refused (target, noun, id, what, reason) VALUES (?, ?, ?, ?, ?)", values
                )
            )
            return False
        return True

    def _again(self, shared: SharedStore) -> int:
        rows = self.journal._rows("SELECT noun, id, what FROM refused WHERE target = ?", (self.target,))
        sent = 0
        for row in rows:
            with shared.turn() as turn:
                taken = [self._one(turn, write) for write in self._writes([(row[0], row[1], row[2])])]
            if all(taken):
                self._forgive((row[0], row[1], row[2]))
                sent += 1
        return sent

    def _forgive(self, step: Step) -> None:
        sql = "DELETE FROM refused WHERE target = ? AND noun = ? AND id = ? AND what = ?"
        self.journal._write(lambda execute: execute(sql, (self.target, *step)))

    def _writes(self, steps: Iterable[Step]) -> list[Write]:
        """Turn changes into writes with the rows as they are now; one that is gone meanwhile has a later change."""
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

    def _of_records(self, fields: dict[tuple[str, str], set[str]]) -> list[Write]:
        removed: list[Write] = []
        written: list[Write] = []
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
                    removed.append(Write(noun, key, "-", {}))
                if key not in rows:
                    continue
                row = dict(zip(table.fields, rows[key], strict=True))
                if changed & {"*", "-"}:
                    written.append(Write(noun, key, "*", row))
                elif changed:
                    some = {name: value for name, value in row.items() if name in changed}
                    written.append(Write(noun, key, "," + ",".join(some), some))
        return removed + written

    def _of_params(self, keys: list[tuple[str, str]]) -> list[Write]:
        found: list[Write] = []
        for run_id, name in keys:
            sql = f"SELECT {', '.join(PARAM_COLUMNS)} FROM params WHERE run_id = ? AND name = ?"
            found += [
                Write("params", run_id, name, dict(zip(PARAM_COLUMNS, row, strict=True)))
                for row in self.journal._rows(sql, (run_id, name))
            ]
        return found

    def _of_metrics(self, keys: list[tuple[str, int]]) -> list[Write]:
        marks = ", ".join("?" * len(keys))
        rows = self.journal._rows(
            f"SELECT {', '.join(_METRIC_COLUMNS)}, rowid FROM metrics WHERE rowid IN ({marks}) ORDER BY rowid",
            [number for _, number in keys],
        )
        return [
            Write("metrics", str(row[0]), str(row[-1]), dict(zip(_METRIC_COLUMNS, row, strict=False))) for row in rows
        ]


_METRIC_COLUMNS = ("run_id", "name", "step", "value", "at")

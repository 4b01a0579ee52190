"""What a store does in SQL, whichever database runs it.

``SqlStore`` writes every statement once, with ``?`` for values; the databases below it (``sqlite``, ``postgres``) say
how a statement is run and what a transaction is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from nbops.errors import NotFoundError, StoreError, UsageError
from nbops.masking import OFF, Masker
from nbops.records import (
    NOUNS,
    Artifact,
    CellExecution,
    Fit,
    Metric,
    Model,
    ModelVersion,
    Param,
    Record,
    Run,
    Secret,
    new_id,
)
from nbops.store.tables import (
    PARAM_COLUMNS,
    Table,
    metric_value,
    param_row,
    param_value,
    quoted,
    table_of,
    to_json,
)

if TYPE_CHECKING:
    from nbops.store.interface import Change, RunSummary, Shelf
    from nbops.store.schema import Dialect

R = TypeVar("R", bound=Record)
T = TypeVar("T", bound=msgspec.Struct)
Row = tuple[Any, ...]
Execute = Callable[[str, Sequence[Any]], int]
"""Runs one statement in the open transaction and returns how many rows it touched."""

_MAX_NAME = 500
_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_CHUNK = 500

LOG_PARAM = (
    f"INSERT INTO params ({', '.join(PARAM_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run_id, name) "
    "DO UPDATE SET value = excluded.value, number = excluded.number, type = excluded.type, at = excluded.at"
)
LOG_METRIC = "INSERT INTO metrics (run_id, name, step, value, at) VALUES (?, ?, ?, ?, ?)"

_OF_A_RUN = ("cells", "artifacts", "fits", "params", "metrics", "last_metrics", "tags", "reproductions")


class SqlStore:
    """Everything of ``Store`` that is SQL alone; ``_rows`` and ``_write`` come from the database."""

    location: str
    is_read_only: bool
    dialect: Dialect
    mask: Masker = OFF
    """Takes secrets out of whatever is written."""

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        raise NotImplementedError

    def _write(self, work: Callable[[Execute], Any], *, durable: bool = False) -> Any:
        """Run ``work`` in one transaction; ``durable`` also against a loss of power."""
        raise NotImplementedError

    # ── records ────────────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, *records: Record) -> None:
        """Insert or replace whole records, all of them or none."""
        masked = self.masked(records)
        rows = [(table.upsert, table.row(record)) for record in masked for table in (table_of(type(record)),)]
        if rows:
            self._write(lambda execute: [execute(sql, row) for sql, row in rows], durable=any(map(settles, records)))

    def update(self, kind: type[R], id: str, /, **fields: Any) -> None:
        """Set some fields of one record; NotFoundError when there is none."""
        if not fields:
            self.get(kind, id)
            return
        table = table_of(kind)
        if "id" in fields:
            raise UsageError("an id is never changed", hint=f"store.put({kind.__name__}(id=…))")
        sql = f"UPDATE {table.name} SET {', '.join(f'{quoted(name)} = ?' for name in fields)} WHERE id = ?"
        fields = self.masked_fields(kind, fields)
        values = [*(table.value(name, value) for name, value in fields.items()), id]
        if not self._write(lambda execute: execute(sql, values), durable=kind is Run and "ended_at" in fields):
            raise _not_found(kind, id)

    # ── secrets ────────────────────────────────────────────────────────────────────────────────────────────────────

    def masked(self, records: Sequence[T]) -> list[T]:
        """Records without their secrets; secrets that are new to the project are put down as such."""
        masked = [self.mask.record(record) for record in records]
        self.keep_secrets()
        return masked

    def masked_fields(self, kind: type[Record], fields: dict[str, Any]) -> dict[str, Any]:
        """Fields of a record without their secrets."""
        masked = {name: self.mask.field(kind, name, value) for name, value in fields.items()}
        self.keep_secrets()
        return masked

    def keep_secrets(self) -> None:
        """Put down which secrets were masked for the first time: their ids and kinds, nothing of what they say."""
        fresh = self.mask.take_fresh()
        try:
            unknown = [secret for secret in fresh if not self.find(Secret, id=secret.id)]
            if unknown:
                self.put(*unknown)
        except StoreError:
            self.mask.give_back(fresh)
            raise

    # ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, kind: type[R], id: str) -> R:
        """Return the record with exactly this id, or raise NotFoundError."""
        found = self.find(kind, id=id)
        if not found:
            raise _not_found(kind, id)
        return found[0]

    def find(
        self, kind: type[R], /, *, order_by: str = "-id", limit: int | None = None, offset: int = 0, **equals: Any
    ) -> list[R]:
        """List records whose fields equal the given values; ``order_by`` is a field, ``-`` first for descending."""
        table = table_of(kind)
        where, values = _equal(table, equals, self.dialect)
        order = _order(table, order_by)
        page, more = self._page(limit, offset)
        return table.records(self._rows(f"{table.select}{where} ORDER BY {order}{page}", [*values, *more]))

    def count(self, kind: type[R], /, **equals: Any) -> int:
        """Count records whose fields equal the given values."""
        table = table_of(kind)
        where, values = _equal(table, equals, self.dialect)
        return int(self._rows(f"SELECT count(*) FROM {table.name}{where}", values)[0][0])

    def delete(self, kind: type[R], id: str) -> None:
        """Remove one record; a run takes its cells, fits, params, metrics and artifacts with it."""
        table = table_of(kind)

        def work(execute: Execute) -> int:
            gone = execute(f"DELETE FROM {table.name} WHERE id = ?", (id,))
            if gone and kind is Run:
                # The run first: then the triggers know that what follows needs no word of its own.
                for name in _OF_A_RUN:
                    execute(f"DELETE FROM {name} WHERE run_id = ?", (id,))
                execute("UPDATE runs SET parent_id = NULL WHERE parent_id = ?", (id,))
            return gone

        if not self._write(work):
            raise _not_found(kind, id)

    def resolve(self, kind: type[R], reference: str) -> R:
        """Find one record by unique id prefix, name, ``NAME@number``, ``NAME@alias`` or ``last``."""
        from nbops.store.references import References

        return References(self.find, self._rows).resolve(kind, reference)

    # ── versions, params, metrics ──────────────────────────────────────────────────────────────────────────────────

    def add_version(self, version: Record) -> Record:
        """Store a ModelVersion under the next free number of its model, made by the store that all share."""
        if not isinstance(version, ModelVersion):
            raise UsageError(f"only a ModelVersion has a number to be given, not a {type(version).__name__}")
        (version,) = self.masked([version])
        models, versions = table_of(Model), table_of(ModelVersion)

        def work(execute: Execute) -> ModelVersion:
            self._take_turns(execute)
            if not self._rows_inside("SELECT 1 FROM models WHERE name = ?", (version.model,)):
                execute(
                    models.upsert, models.row(Model(id=new_id(), name=version.model, created_at=version.created_at))
                )
            taken = self._rows_inside("SELECT max(number) FROM model_versions WHERE model = ?", (version.model,))
            numbered = msgspec.structs.replace(version, number=int(taken[0][0] or 0) + 1)
            execute(versions.upsert, versions.row(numbered))
            return numbered

        return cast(ModelVersion, self._write(work, durable=True))

    def claim(self, record: Record, /, **unless: Any) -> bool:
        """Insert a record unless its id is taken, or another has the given values; in one step for all processes."""
        table = table_of(type(record))
        where, values = _equal(table, unless, self.dialect)

        def work(execute: Execute) -> bool:
            self._take_turns(execute)
            if self._rows_inside(f"SELECT 1 FROM {table.name} WHERE id = ?", (record.id,)):
                return False
            if unless and self._rows_inside(f"SELECT 1 FROM {table.name}{where}", values):
                return False
            execute(table.upsert, table.row(record))
            return True

        return bool(self._write(work, durable=True))

    def _take_turns(self, execute: Execute) -> None:
        """Let no other process give numbers until this transaction ends."""

    def _rows_inside(self, sql: str, values: Sequence[Any]) -> list[Row]:
        """Read within the transaction that ``_write`` opened."""
        raise NotImplementedError

    def log_params(self, params: Sequence[Param]) -> None:
        """Set parameters; a name that the run has already is replaced."""
        rows = [(p.run_id, checked_name(p.name), *param_row(p.value), p.at) for p in self.masked(params)]
        if rows:
            self._write(lambda execute: [execute(LOG_PARAM, row) for row in rows])

    def log_metrics(self, metrics: Sequence[Metric]) -> None:
        """Append metric values."""
        rows = [(m.run_id, checked_name(m.name), m.step, metric_value(m.value), m.at) for m in self.masked(metrics)]
        if rows:
            self._write(lambda execute: [execute(LOG_METRIC, row) for row in rows])

    def params(self, run_id: str) -> dict[str, Any]:
        """Parameters of a run, by name."""
        rows = self._rows("SELECT name, value, type FROM params WHERE run_id = ? ORDER BY name", (run_id,))
        return {name: param_value(value, kind) for name, value, kind in rows}

    def metrics(self, run_id: str, *, limit: int | None = None, offset: int = 0) -> list[Metric]:
        """Metric values of a run in the order they were logged; all of them when no limit is given."""
        order = "rowid" if self.dialect == "sqlite" else "seq"
        page, more = self._page(limit, offset)
        sql = f"SELECT run_id, name, step, value, at FROM metrics WHERE run_id = ? ORDER BY {order}{page}"
        return [
            Metric(run_id=run, name=name, step=step, value=_nan(value), at=at)
            for run, name, step, value, at in self._rows(sql, (run_id, *more))
        ]

    # ── search ─────────────────────────────────────────────────────────────────────────────────────────────────────

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
        from nbops.store import where as language

        condition = language.condition(where, self.dialect, shelf=shelf)
        searches = language.searches(condition, language.orders(order_by), self.dialect)
        if len(searches) == 1:
            # The database passes over the offset by itself: 2 ms for 100,000 runs, against 130 ms for their ids.
            page, more = self._page(limit, max(offset, 0))
            return self._summaries(
                [str(row[0]) for row in self._rows(searches[0].sql + page, [*searches[0].values, *more])], told
            )
        ids: list[str] = []
        for sql, values in searches:
            wanted = None if limit is None else limit + offset - len(ids)
            if wanted is not None and wanted <= 0:
                break
            page, more = self._page(wanted, 0)
            ids += [str(row[0]) for row in self._rows(sql + page, [*values, *more])]
        return self._summaries(ids[max(offset, 0) :], told)

    def count_runs(self, where: str | None = None, *, shelf: Shelf = "listed") -> int:
        """Count the runs that ``search_runs`` would list without a limit."""
        from nbops.store import where as language

        condition = language.condition(where, self.dialect, shelf=shelf)
        sql = f"SELECT count(*) FROM runs r WHERE {condition.sql}"
        return int(self._rows(sql, condition.values)[0][0])

    def _summaries(self, ids: list[str], told: Callable[[int, int], None] | None) -> list[RunSummary]:
        from nbops.store.interface import RunSummary

        table = table_of(Run)
        found: dict[str, RunSummary] = {}
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            params: dict[str, dict[str, Any]] = {}
            metrics: dict[str, dict[str, float]] = {}
            # All marks, no values: the text holds question marks alone.
            sql = f"SELECT run_id, name, value, type FROM params WHERE run_id IN ({marks}) ORDER BY run_id, name"
            for run_id, name, value, kind in self._rows(sql, chunk):
                params.setdefault(run_id, {})[name] = param_value(value, kind)
            sql = f"SELECT run_id, name, value FROM last_metrics WHERE run_id IN ({marks}) ORDER BY run_id, name"
            for run_id, name, value in self._rows(sql, chunk):
                metrics.setdefault(run_id, {})[name] = _nan(value)
            cells = {str(row[0]): int(row[1]) for row in self._rows(_CELLS.format(marks=marks), chunk)}
            for row in self._rows(f"{table.select} WHERE id IN ({marks})", chunk):
                run = table.record(row)
                found[run.id] = RunSummary(
                    run=run,
                    params=params.get(run.id, {}),
                    metrics=metrics.get(run.id, {}),
                    cells=cells.get(run.id, 0),
                )
            if told is not None:
                told(start + len(chunk), len(ids))
        # One that was removed between the two questions is not there any more.
        return [found[run_id] for run_id in ids if run_id in found]

    # ── news ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def changes(self, since: int, *, limit: int = 1000) -> list[Change]:
        """Writes after sequence number ``since``, oldest first."""
        from nbops.store.interface import Change

        rows = self._rows("SELECT seq, noun, id FROM changes WHERE seq > ? ORDER BY seq LIMIT ?", (since, limit))
        return [Change(seq=row[0], noun=row[1], id=row[2]) for row in rows]

    def last_change(self) -> int:
        """Sequence number of the newest write."""
        return int(self._rows("SELECT max(seq) FROM changes")[0][0] or 0)

    # ── room ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def digests(self, *, without: Collection[str] = ()) -> set[str]:
        """Every sha256 that any row names, in whatever field: blobs and bundles that have to stay."""
        # Read from the text of all rows rather than from a list of fields: no field can be forgotten, and a digest
        # that somebody logged as a parameter holds what it names, too.
        found: set[str] = set()
        for kind in NOUNS:
            table = table_of(kind)
            texts = [quoted(column.name) for column in table.columns if column.sql_type == "TEXT"]
            # Models and modules know their run, too, and outlive it.
            owner = "run_id" if kind in (CellExecution, Artifact, Fit) else "id"
            select = f"SELECT id, {owner}, {', '.join(texts)} FROM {table.name}"
            last = ""
            while rows := self._rows(f"{select} WHERE id > ? ORDER BY id LIMIT {_CHUNK}", (last,)):
                last = str(rows[-1][0])
                found.update(_digests_in(rows, without))
        rows = self._rows("SELECT run_id, run_id, value FROM params WHERE length(value) >= 64")
        return found.union(_digests_in(rows, without))

    def compact(self) -> int:
        """Give space that rows left behind back to the disk; returns how many bytes."""
        raise NotImplementedError

    def check(self) -> list[str]:
        """Problems found by the database's own integrity check and by ours; empty when sound."""
        return [*self._damage(), *self._strays()]

    def _damage(self) -> list[str]:
        raise NotImplementedError

    def _strays(self) -> list[str]:
        """Rows that point at nothing."""
        found: list[str] = []
        for table, field, target, key in _REFERENCES:
            sql = (
                f"SELECT DISTINCT {quoted(field)} FROM {table} c WHERE {quoted(field)} IS NOT NULL "
                f"AND NOT EXISTS (SELECT 1 FROM {target} t WHERE t.{quoted(key)} = c.{quoted(field)}) LIMIT 20"
            )
            found += [f"{table}: {field} {row[0]!r} is not among the {target}" for row in self._rows(sql)]
        return found

    def _page(self, limit: int | None, offset: int) -> tuple[str, list[int]]:
        if limit is None and not offset:
            return "", []
        everything = -1 if self.dialect == "sqlite" else (1 << 62)
        return " LIMIT ? OFFSET ?", [everything if limit is None else max(limit, 0), max(offset, 0)]


# Counting the cells of a session that has half a million would take longer than the search; its last position says it.
_CELLS = """
SELECT r.id, CASE WHEN (SELECT max(position) FROM cells c WHERE c.run_id = r.id) > 1000
    THEN (SELECT max(position) FROM cells c WHERE c.run_id = r.id)
    ELSE (SELECT count(*) FROM cells c WHERE c.run_id = r.id) END
FROM runs r WHERE r.id IN ({marks})
"""

_REFERENCES = (
    ("cells", "run_id", "runs", "id"),
    ("params", "run_id", "runs", "id"),
    ("last_metrics", "run_id", "runs", "id"),
    ("artifacts", "run_id", "runs", "id"),
    ("fits", "run_id", "runs", "id"),
    ("runs", "parent_id", "runs", "id"),
    ("runs", "environment_id", "environments", "id"),
    ("runs", "sweep_id", "sweeps", "id"),
    ("model_versions", "model", "models", "name"),
    ("check_results", "model_version_id", "model_versions", "id"),
    ("bundles", "model_version_id", "model_versions", "id"),
    ("deployments", "bundle_id", "bundles", "id"),
    ("deployments", "endpoint", "endpoints", "name"),
    ("windows", "model_version_id", "model_versions", "id"),
)


def _digests_in(rows: list[Row], without: Collection[str]) -> Iterator[str]:
    for key, owner, *texts in rows:
        if key in without or owner in without:
            continue
        for text in texts:
            if isinstance(text, str) and len(text) >= 64:
                yield from _DIGEST.findall(text)


def checked_name(name: str) -> str:
    """Return a param's or metric's name, or raise UsageError when it cannot be one."""
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
        shown = repr(name) if len(repr(name)) < 60 else f"{repr(name)[:60]}…"
        raise UsageError(f"a name has 1 to {_MAX_NAME} characters, which {shown} has not", code="bad_name")
    return name


def settles(record: Record) -> bool:
    """Whether a record is worth waiting for the disk: a finished run, a registered model."""
    return isinstance(record, ModelVersion) or (isinstance(record, Run) and record.ended_at is not None)


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _equal(table: Table[Any], equals: dict[str, Any], dialect: str) -> tuple[str, list[Any]]:
    terms, values = [], []
    for name, value in equals.items():
        column = table.column(name)
        if value is None:
            # Most rows have none. SQLite cannot know that and would sort all of them; the sign keeps it from the index.
            sign = "+" if dialect == "sqlite" else ""
            terms.append(f"{sign}{quoted(name)} IS NULL")
            continue
        terms.append(f"{quoted(name)} = ?")
        values.append(to_json(value) if column.is_json else (int(value) if isinstance(value, bool) else value))
    return (f" WHERE {' AND '.join(terms)}" if terms else ""), values


def _order(table: Table[Any], order_by: str) -> str:
    terms = []
    names = [part.strip() for part in order_by.split(",")]
    for name in names:
        column = table.column(name.lstrip("-"))
        terms.append(f"{quoted(column.name)} {'DESC' if name.startswith('-') else 'ASC'}")
    if "id" not in {name.lstrip("-") for name in names}:
        terms.append(f'"id" {"DESC" if names[-1].startswith("-") else "ASC"}')
    return ", ".join(terms)


def _not_found(kind: type[Record], id: str) -> NotFoundError:
    from nbops.store.references import not_found

    return not_found(kind, id)

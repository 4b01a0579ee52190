"""A tree becomes SQL in which every value is a parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

from nbops.errors import UsageError
from nbops.records import RunKind, RunStatus
from nbops.store.interface import Shelf
from nbops.store.schema import Dialect
from nbops.store.tables import quoted
from nbops.store.where.moments import moment
from nbops.store.where.reading import parse, wrong
from nbops.store.where.tree import (
    LINKS,
    TEXTS,
    TIMES,
    All,
    Any_,
    Compare,
    Condition,
    Field,
    Node,
    Not,
    Operator,
    Order,
    Value,
)


def condition(text: str | None, dialect: Dialect, *, shelf: Shelf = "all") -> Condition:
    """Turn an expression into SQL over a run ``r``; no expression is true of every run of its shelf."""
    if text is None or not text.strip():
        return Condition(_SHELVES[shelf], [])
    writer = _Writer(text, dialect)
    # The plus keeps the shelf's own index out of it: what the expression asks for narrows down better.
    return Condition(f"{_SHELVES[shelf].replace('r.', '+r.')} AND {writer.node(parse(text))}", writer.values)


_SHELVES: dict[Shelf, str] = {
    "listed": "r.deleted_at IS NULL AND r.archived_at IS NULL",
    "archived": "r.archived_at IS NOT NULL AND r.deleted_at IS NULL",
    "deleted": "r.deleted_at IS NOT NULL",
    "all": "1 = 1",
}


class _Writer:
    """Writes each node as a term that is true or false, collecting the values in order."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        self.text = text
        self.dialect = dialect
        self.values: list[object] = []

    def node(self, node: Node) -> str:
        if isinstance(node, All):
            return "(" + " AND ".join([self.node(part) for part in node.parts]) + ")"
        if isinstance(node, Any_):
            return "(" + " OR ".join([self.node(part) for part in node.parts]) + ")"
        if isinstance(node, Not):
            return f"(NOT {self.node(node.part)})"
        if node.field.area == "run" and node.field.name not in LINKS:
            return self.of_run(node)
        return self.of_rows(node)

    # A run's own columns.

    def of_run(self, node: Compare) -> str:
        if node.values == (None,):
            return self.absent(
                node,
                f"r.{quoted(node.field.name)} IS NULL" if node.field.name != "duration_s" else "r.ended_at IS NULL",
            )
        name = node.field.name
        if name in TEXTS:
            return self.of_text(node)
        if node.operator == "~":
            raise self.wrong(node, f"{name} is no text, so ~ cannot search it")
        column = _DURATION if name == "duration_s" else f"r.{quoted(name)}"
        if name in TIMES:
            return self.of_time(node, column)
        return self.tested(node, column, [self.number(node, value) for value in node.values])

    def of_text(self, node: Compare) -> str:
        self.check_word(node)
        return self.tested(node, f"r.{quoted(node.field.name)}", list(node.texts))

    def check_word(self, node: Compare) -> None:
        known = {"status": get_args(RunStatus), "kind": get_args(RunKind)}.get(node.field.name)
        for word in node.texts if known and node.operator != "~" else ():
            if word not in (known or ()):
                raise self.wrong(node, f"{node.field.name} is one of {', '.join(known or ())}, never {word!r}")

    def of_time(self, node: Compare, column: str) -> str:
        if node.operator in ("in", "not in"):
            raise self.wrong(node, f"compare {node.field.name} with = < <= > >= and a date")
        start, end = self.moment(node)
        if node.operator in ("=", "!=") and end > start:
            self.values += [start, end]
            term = f"({column} IS NOT NULL AND {column} >= ? AND {column} < ?)"
            return term if node.operator == "=" else f"({column} IS NOT NULL AND NOT {term})"
        return self.tested(node, column, [start])

    def moment(self, node: Compare) -> tuple[float, float]:
        value, text = node.values[0], node.texts[0]
        if isinstance(value, float) and not math.isnan(value):
            return value, value
        found = moment(text)
        if found is None:
            raise self.wrong(
                node, f"{text!r} is no time; write 2026-11-23, 2026-11-23T14:30, yesterday or '7 days ago'"
            )
        return found

    # Rows that belong to a run: params, metrics, tags, modules, models, data.

    def of_rows(self, node: Compare) -> str:
        if node.values == (None,):
            self.check_absence(node)
            inside, values = self.presence(node.field)
            self.values += values
            return f"(r.id {'NOT IN' if node.operator == '=' else 'IN'} ({inside}))"
        inside, values = self.presence(node.field)
        self.values += values
        before = len(self.values)
        term = {"metrics": self.of_metric, "params": self.of_param, "tags": self.of_tag, "run": self.of_link}[
            node.field.area
        ](node)
        assert len(self.values) >= before
        return f"(r.id IN ({inside} AND {term}))"

    def presence(self, field: Field) -> tuple[str, list[object]]:
        if field.area == "run":
            return (_MODULES[self.dialect] if field.name == "module" else _LINKED[field.name]), []
        table = {"metrics": "last_metrics", "params": "params", "tags": "tags"}[field.area]
        return f"SELECT v.run_id FROM {table} v WHERE v.name = ?", [field.name]

    def of_metric(self, node: Compare) -> str:
        if node.operator == "~":
            raise self.wrong(node, "a metric is a number, so ~ cannot search it")
        numbers = [self.number(node, value) for value in node.values]
        if any(math.isnan(number) for number in numbers):
            if node.operator not in ("=", "!="):
                raise self.wrong(node, "nan compares with = and != only")
            return "v.value IS NULL" if node.operator == "=" else "v.value IS NOT NULL"
        return self.tested(node, "v.value", list(numbers))

    def of_param(self, node: Compare) -> str:
        if node.operator == "~":
            return self.tested(node, "v.value", list(node.texts))
        numbers = [_as_number(value, text) for value, text in zip(node.values, node.texts, strict=True)]
        if all(number is not None for number in numbers):
            return self.tested(node, "v.number", list(numbers))
        if any(number is not None for number in numbers):
            # A mixed list: each in its own way.
            parts = [
                self.of_param(Compare(node.field, "=", (value,), (text,), node.start, node.end))
                for value, text in zip(node.values, node.texts, strict=True)
            ]
            either = f"({' OR '.join(parts)})"
            return either if node.operator == "in" else f"(NOT {either})"
        return self.tested(node, "v.value", list(node.texts))

    def of_tag(self, node: Compare) -> str:
        return self.tested(node, "v.value", list(node.texts))

    def of_link(self, node: Compare) -> str:
        if node.operator in ("<", "<=", ">", ">="):
            raise self.wrong(node, f"compare {node.field.name} with = != ~ or in")
        names = _LINK_NAMES[node.field.name]
        negative = node.operator in ("!=", "not in")
        positive = _POSITIVE.get(node.operator, node.operator)
        parts = [
            self.tested(
                Compare(node.field, positive, node.values, node.texts, node.start, node.end), name, list(node.texts)
            )
            for name in names
        ]
        either = f"({' OR '.join(parts)})"
        return f"(NOT {either})" if negative else either

    # Both.

    def tested(self, node: Compare, column: str, values: Sequence[object]) -> str:
        """Write ``column operator value`` so that it is never NULL."""
        self.values += values
        if node.operator == "~":
            return f"({column} IS NOT NULL AND {self.contains(column)})"
        if node.operator in ("in", "not in"):
            marks = ", ".join("?" * len(values))
            return f"({column} IS NOT NULL AND {column} {node.operator.upper()} ({marks}))"
        sign = {"!=": "<>"}.get(node.operator, node.operator)
        return f"({column} IS NOT NULL AND {column} {sign} ?)"

    def contains(self, column: str) -> str:
        if self.dialect == "sqlite":
            return f"instr(lower(CAST({column} AS TEXT)), lower(?)) > 0"
        return f"strpos(lower(CAST({column} AS TEXT)), lower(CAST(? AS TEXT))) > 0"

    def absent(self, node: Compare, term: str) -> str:
        self.check_absence(node)
        return f"({term})" if node.operator == "=" else f"(NOT ({term}))"

    def check_absence(self, node: Compare) -> None:
        if node.operator not in ("=", "!="):
            raise self.wrong(node, "none compares with = and != only")

    def number(self, node: Compare, value: Value) -> float:
        if isinstance(value, bool | float):
            return float(value)
        found = _as_number(value, str(value))
        if found is None:
            raise self.wrong(node, f"{_shown(node.field)} is a number, so it cannot be compared with {value!r}")
        return found

    def wrong(self, node: Compare, message: str) -> UsageError:
        return wrong(self.text, message, node.start, node.end)


_DURATION = "(CASE WHEN r.ended_at < r.started_at THEN 0.0 ELSE r.ended_at - r.started_at END)"

# Modules that a run made, and those that it imported; a part of a session has imported what its session has.
_IMPORTED = (
    "SELECT v.run_id FROM (SELECT run_id, module, version FROM module_versions UNION ALL "
    "SELECT n.id, COALESCE(w.module, {name}), COALESCE(w.version, {number}) FROM runs n "
    "JOIN runs s ON s.id = COALESCE(n.parent_id, n.id) CROSS JOIN {each} "
    "LEFT JOIN module_versions w ON w.id = {version} WHERE s.modules <> '[]') v WHERE v.run_id IS NOT NULL"
)
_MODULES: dict[Dialect, str] = {
    "sqlite": _IMPORTED.format(
        name="json_extract(m.value, '$.name')",
        number="json_extract(m.value, '$.version')",
        each="json_each(s.modules) m",
        version="json_extract(m.value, '$.version_id')",
    ),
    "postgres": _IMPORTED.format(
        name="m.value->>'name'",
        number="m.value->>'version'",
        each="jsonb_array_elements(s.modules::jsonb) m(value)",
        version="m.value->>'version_id'",
    ),
}
_LINKED = {
    "model": "SELECT v.run_id FROM model_versions v WHERE v.run_id IS NOT NULL",
    "data": "SELECT v.run_id FROM datasets v WHERE v.run_id IS NOT NULL",
}
_POSITIVE: dict[Operator, Operator] = {"!=": "=", "not in": "in"}
_LINK_NAMES = {
    "module": ("v.module", "(v.module || '@' || v.version)"),
    "model": ("v.model", "(v.model || '@' || CAST(v.number AS TEXT))"),
    "data": ("v.name", "v.fingerprint"),
}


def _shown(field: Field) -> str:
    return field.name if field.area == "run" else f"{field.area}.{field.name}"


def _as_number(value: Value, text: str) -> float | None:
    if isinstance(value, bool | float):
        return None if isinstance(value, float) and math.isnan(value) else float(value)
    if value is None or len(text) > 40:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def searches(where: Condition, keys: list[Order], dialect: Dialect) -> list[Condition]:
    """Write the statements that give the ids of matching runs, one after the other, until enough are found.

    Args:
        where: what must be true of the run ``r``.
        keys: the ordering; none means newest first.
        dialect: the database.

    Returns:
        Statements without a limit. Ordering by one metric or param takes two: runs that have it come straight off its
        index in order, then those that have none.
    """
    if not keys:
        return [Condition(f"SELECT r.id FROM runs r WHERE {where.sql} ORDER BY r.id DESC", where.values)]
    if len(keys) == 1 and keys[0].field.area == "metrics":
        return _by_index(where, keys[0])
    return [_sorted(where, keys, dialect)]


def _by_index(where: Condition, key: Order) -> list[Condition]:
    way = "DESC" if key.descending else "ASC"
    name: list[object] = [key.field.name]
    having = (
        "SELECT r.id FROM last_metrics o CROSS JOIN runs r WHERE r.id = o.run_id AND o.name = ? "
        f"AND o.value IS NOT NULL AND {where.sql} ORDER BY o.value {way}, o.run_id {way}"
    )
    lacking = (
        f"SELECT r.id FROM runs r WHERE {where.sql} AND NOT EXISTS (SELECT 1 FROM last_metrics o "
        "WHERE o.run_id = r.id AND o.name = ? AND o.value IS NOT NULL) ORDER BY r.id DESC"
    )
    return [Condition(having, [*name, *where.values]), Condition(lacking, [*where.values, *name])]


def _sorted(where: Condition, keys: list[Order], dialect: Dialect) -> Condition:
    terms, joins = [], []
    values: list[object] = []
    for number, key in enumerate(keys):
        way = "DESC" if key.descending else "ASC"
        if key.field.area == "run":
            column = _DURATION if key.field.name == "duration_s" else f"r.{quoted(key.field.name)}"
            terms.append(f"{column} {way} NULLS LAST")
            continue
        table = {"metrics": "last_metrics"}.get(key.field.area, key.field.area)
        joins.append(f" LEFT JOIN {table} o{number} ON o{number}.run_id = r.id AND o{number}.name = ?")
        values.append(key.field.name)
        if key.field.area == "params":
            # Numbers in their order, then texts in theirs.
            terms.append(f"o{number}.number {way} NULLS LAST")
            terms.append(f"CASE WHEN o{number}.number IS NULL THEN o{number}.value END {way} NULLS LAST")
            continue
        terms.append(f"o{number}.value {way} NULLS LAST")
    terms.append("r.id DESC")
    sql = f"SELECT r.id FROM runs r{''.join(joins)} WHERE {where.sql} ORDER BY {', '.join(terms)}"
    return Condition(sql, [*values, *where.values])

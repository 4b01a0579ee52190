"""The expression language of searches: ``metrics.accuracy > 0.9 and params.depth = 4 and not tags.draft = yes``.

Text becomes a tree of frozen structs, the tree becomes SQL in which every value is a parameter; nothing of the text is
ever pasted. Errors show the place. The grammar::

    expression = all ("or" all)*
    all        = one ("and" one)*
    one        = "not" one | "(" expression ")" | field operator value | field ["not"] "in" "(" value ("," value)* ")"
    field      = "params." name | "metrics." name | "tags." name | name of a run's own field
    name       = letters, digits, "_", ".", "-", "/" … or anything between backticks
    operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" (contains, ignoring case)
    value      = number | "text" | 'text' | word | date | true | false | none

A comparison with something that a run does not have is false, ``!=`` too; ``params.depth = none`` asks
for exactly that.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import time
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import msgspec

from nbops.errors import UsageError
from nbops.records import RunKind, RunStatus
from nbops.store.interface import Shelf
from nbops.store.schema import Dialect
from nbops.store.tables import quoted

Value = str | float | bool | None
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~", "in", "not in"]

_MAX_LENGTH = 10_000
_MAX_TERMS = 200
_MAX_DEPTH = 50


class Field(msgspec.Struct, frozen=True):
    """What a comparison looks at: ``area`` is run, params, metrics or tags."""

    area: str
    name: str


class Compare(msgspec.Struct, frozen=True):
    """One comparison; ``in`` has several values."""

    field: Field
    operator: Operator
    values: tuple[Value, ...]
    texts: tuple[str, ...]
    """The values as they were written: ``depth = 010`` may mean the text."""
    start: int
    """Where it stands in the expression, for errors."""
    end: int


class All(msgspec.Struct, frozen=True):
    """True when every part is."""

    parts: tuple[Node, ...]


class Any_(msgspec.Struct, frozen=True):  # noqa: N801 - Any is taken
    """True when one part is."""

    parts: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True):
    """True when its part is not."""

    part: Node


Node = Compare | All | Any_ | Not


class Order(msgspec.Struct, frozen=True):
    """One key of an ordering."""

    field: Field
    descending: bool


class Condition(NamedTuple):
    """SQL over a run ``r`` that is true or false, never NULL, and its values."""

    sql: str
    values: list[object]


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<text>"(?:[^"\\]|\\.|"")*"|'(?:[^'\\]|\\.|'')*')
    | (?P<date>\d{4}-\d{2}-\d{2}(?:T[0-9:.]+(?:Z|[+-]\d{2}:?\d{2})?)?(?![\w.]))
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w]))
    | (?P<operator>!=|<=|>=|==|=|<|>|~|\(|\)|,)
    | (?P<word>[^\W\d]\w*(?:[.\-/:@+%]\w+|[.](?=`)|(?<=[.])`(?:[^`]|``)+`)*[/%]?
        |`(?:[^`]|``)+`|\w[\w.\-/:@+%]*|[./][\w.\-/:@+%]*\w)
    """,
    re.VERBOSE | re.DOTALL,
)
_RESERVED = {"and", "or", "not", "in"}
_OPERATORS = {"=", "==", "!=", "<", "<=", ">", ">=", "~"}


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def _wrong(text: str, message: str, start: int, end: int | None = None, *, what: str = "--where") -> UsageError:
    """Make the error that shows the place with carets."""
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", start)
    line = text[begin : stop if stop >= 0 else len(text)]
    at = start - begin
    cut = max(0, at - 60)
    shown = line[cut : at + 60]
    marks = "^" * max(1, min((end or start + 1) - start, len(shown) - (at - cut)))
    return UsageError(
        f"{message}\n    {shown}\n    {' ' * (at - cut)}{marks}",
        code="bad_expression",
        hint='nbops runs --where "metrics.accuracy > 0.9 and params.depth = 4"'
        if what == "--where"
        else "nbops runs --order-by -metrics.accuracy",
    )


def _tokens(text: str) -> list[_Token]:
    if len(text) > _MAX_LENGTH:
        raise UsageError(
            f"an expression has at most {_MAX_LENGTH} characters, this one {len(text)}", code="bad_expression"
        )
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong(text, f"{text[at]!r} cannot stand here", at)
        if match.lastgroup != "space":
            found.append(_Token(str(match.lastgroup), match.group(), at, match.end()))
        at = match.end()
    return found


class _Parser:
    """Recursive descent: one method for each line of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0
        self.terms = 0

    def parse(self) -> Node:
        node = self.any(0)
        if self.at < len(self.tokens):
            token = self.tokens[self.at]
            raise _wrong(self.text, f"expected 'and', 'or' or the end, not {token.text!r}", token.start, token.end)
        return node

    def any(self, depth: int) -> Node:
        parts = [self.all(depth)]
        while self.word("or"):
            parts.append(self.all(depth))
        return parts[0] if len(parts) == 1 else Any_(tuple(parts))

    def all(self, depth: int) -> Node:
        parts = [self.one(depth)]
        while self.word("and"):
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise _wrong(self.text, f"more than {_MAX_DEPTH} levels of parentheses", self.here())
        if self.word("not"):
            return Not(self.one(depth + 1))
        if self.sign("("):
            node = self.any(depth + 1)
            if not self.sign(")"):
                raise _wrong(self.text, "expected ')'", self.here())
            return node
        return self.compare()

    def compare(self) -> Compare:
        self.terms += 1
        token = self.next("a field such as metrics.accuracy, params.depth or status")
        if token.kind != "word" or token.text.lower() in _RESERVED:
            raise _wrong(self.text, f"expected a field, not {token.text!r}", token.start, token.end)
        if self.terms > _MAX_TERMS:
            raise _wrong(self.text, f"more than {_MAX_TERMS} comparisons", token.start)
        field = _field(self.text, token)
        if self.word("not"):
            if not self.word("in"):
                raise _wrong(self.text, "expected 'in' after 'not'", self.here())
            return self.among(field, "not in", token.start)
        if self.word("in"):
            return self.among(field, "in", token.start)
        sign = self.next("one of = != < <= > >= ~ in")
        if sign.kind != "operator" or sign.text not in _OPERATORS:
            raise _wrong(self.text, f"expected one of = != < <= > >= ~ in, not {sign.text!r}", sign.start, sign.end)
        value, last = self.value()
        operator: Operator = "=" if sign.text == "==" else sign.text  # type: ignore[assignment]
        return Compare(field, operator, (value,), (_plain(last),), token.start, last.end)

    def among(self, field: Field, operator: Operator, start: int) -> Compare:
        if not self.sign("("):
            raise _wrong(self.text, "expected '(' and values separated by commas", self.here())
        found = [self.value()]
        while self.sign(","):
            found.append(self.value())
            if len(found) > _MAX_TERMS:
                raise _wrong(self.text, f"more than {_MAX_TERMS} values", self.here())
        end = self.here()
        if not self.sign(")"):
            raise _wrong(self.text, "expected ',' or ')'", end)
        return Compare(field, operator, tuple(v for v, _ in found), tuple(_plain(t) for _, t in found), start, end + 1)

    def value(self) -> tuple[Value, _Token]:
        token = self.next('a value: a number, a "text", a word or a date')
        if token.kind == "number":
            return float(token.text), token
        if token.kind in ("text", "date"):
            return _plain(token), token
        if token.kind == "word" and token.text.lower() not in _RESERVED:
            return _WORDS.get(token.text.lower(), _plain(token)), token
        raise _wrong(self.text, f"expected a value, not {token.text!r}", token.start, token.end)

    def next(self, wanted: str) -> _Token:
        if self.at >= len(self.tokens):
            raise _wrong(self.text, f"expected {wanted}", len(self.text.rstrip()))
        self.at += 1
        return self.tokens[self.at - 1]

    def word(self, word: str) -> bool:
        return self._take("word", word)

    def sign(self, sign: str) -> bool:
        return self._take("operator", sign)

    def _take(self, kind: str, text: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at]
        if not found or found.kind != kind or found.text.lower() != text:
            return False
        self.at += 1
        return True

    def here(self) -> int:
        return self.tokens[self.at].start if self.at < len(self.tokens) else len(self.text)


_WORDS: dict[str, Value] = {
    "true": True, "false": False, "none": None, "null": None, "nan": math.nan, "inf": math.inf,
}  # fmt: skip


def _plain(token: _Token) -> str:
    if token.kind == "text":
        quote = token.text[0]
        return re.sub(r"\\(.)", r"\1", token.text[1:-1].replace(quote * 2, quote), flags=re.DOTALL)
    return token.text


_AREAS = {
    "params": "params",
    "param": "params",
    "metrics": "metrics",
    "metric": "metrics",
    "tags": "tags",
    "tag": "tags",
}
_TEXTS = {
    "id", "name", "kind", "status", "notebook", "cause", "user", "host", "git_commit", "git_branch", "note",
    "parent_id", "sweep_id", "firing_id", "environment_id", "execution_id", "output", "error",
}  # fmt: skip
_TIMES = {"started_at", "ended_at", "archived_at", "deleted_at"}
_NUMBERS = {"duration_s", "pid"}
_FLAGS = {"git_dirty"}
_LINKS = {"module", "model", "data"}
_RUN_FIELDS = _TEXTS | _TIMES | _NUMBERS | _FLAGS | _LINKS


def _field(text: str, token: _Token, *, what: str = "--where") -> Field:
    head, dot, rest = token.text.partition(".")
    if dot and head.lower() in _AREAS:
        if rest.startswith("`") and rest.endswith("`"):
            rest = rest[1:-1].replace("``", "`")
        if not rest:
            raise _wrong(text, f"expected a name after {token.text!r}", token.end, what=what)
        return Field(_AREAS[head.lower()], rest)
    if token.text in _RUN_FIELDS:
        return Field("run", token.text)
    import difflib

    known = sorted(_RUN_FIELDS | {"params.NAME", "metrics.NAME", "tags.NAME"})
    near = difflib.get_close_matches(token.text, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    raise _wrong(text, f"no field {token.text!r}; {advice}", token.start, token.end, what=what)


def parse(text: str) -> Node:
    """Read an expression into its tree.

    Args:
        text: such as ``metrics.accuracy > 0.9 and params.depth = 4``.

    Returns:
        The tree: ``Compare``, ``All``, ``Any_`` and ``Not``.

    Raises:
        UsageError: it is no expression; the message shows the place.

    Example:
        >>> parse("status = failed").values
        ('failed',)
    """
    return _Parser(text).parse()


def orders(text: str | None) -> list[Order]:
    """Read an ordering: fields separated by commas, each with ``-`` first for descending.

    Raises:
        UsageError: a part is no field; the message shows the place.

    Example:
        >>> orders("-metrics.accuracy, name")[0].descending
        True
    """
    keys: list[Order] = []
    if text is None or not text.strip():
        return keys
    at = 0
    for part in re.findall(r"(?:[^,`]|`(?:[^`]|``)*`?)+|,", text):
        if part == ",":
            at += 1
            continue
        name = part.strip()
        start = at + len(part) - len(part.lstrip())
        at += len(part)
        bare = name.lstrip("-+ ")
        match = _TOKEN.fullmatch(bare) if bare else None
        if match is None or match.lastgroup != "word" or len(name) - len(bare) > 1:
            raise _wrong(text, f"{name!r} is no field to order by", start, at, what="--order-by")
        token = _Token("word", bare, start + len(name) - len(bare), start + len(name))
        field = _field(text, token, what="--order-by")
        if field.name in _LINKS and field.area == "run":
            raise _wrong(text, f"runs cannot be ordered by {bare!r}", start, at, what="--order-by")
        keys.append(Order(field, name.startswith("-")))
    if not keys:
        raise _wrong(text, "expected a field to order by", 0, what="--order-by")
    return keys


# ── writing SQL ────────────────────────────────────────────────────────────────────────────────────────────────────


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
        if node.field.area == "run" and node.field.name not in _LINKS:
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
        if name in _TEXTS:
            return self.of_text(node)
        if node.operator == "~":
            raise self.wrong(node, f"{name} is no text, so ~ cannot search it")
        column = _DURATION if name == "duration_s" else f"r.{quoted(name)}"
        if name in _TIMES:
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
        found = _moment(text)
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
        positive: Operator = {"!=": "=", "not in": "in"}.get(node.operator, node.operator)  # type: ignore[assignment]
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
        return _wrong(self.text, message, node.start, node.end)


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


_UNITS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
    "year": 31_536_000,
}
_AGO = re.compile(r"(\d{1,6}(?:\.\d+)?)\s*(second|minute|hour|day|week|month|year)s?(?:\s+ago)?", re.IGNORECASE)


def _moment(text: str) -> tuple[float, float] | None:
    """Read a time as (start, end); a day has a length, an instant has none. Without a zone it is local time."""
    word = text.strip().lower()
    midnight = dt.datetime.combine(dt.date.today(), dt.time())
    days = {"today": 0, "yesterday": -1}
    if word == "now":
        return time.time(), time.time()
    if word in days:
        start = midnight + dt.timedelta(days=days[word])
        return start.timestamp(), (start + dt.timedelta(days=1)).timestamp()
    ago = _AGO.fullmatch(word)
    if ago:
        instant = time.time() - float(ago[1]) * _UNITS[ago[2].lower()]
        return instant, instant
    try:
        start = dt.datetime.fromisoformat(text.strip())
        end = start + dt.timedelta(days=1) if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text.strip()) else start
        return start.timestamp(), end.timestamp()
    except (ValueError, OverflowError, OSError):
        return None


# ── whole searches ─────────────────────────────────────────────────────────────────────────────────────────────────


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

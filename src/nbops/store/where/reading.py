"""Text becomes a tree; errors show the place."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from nbops.errors import UsageError
from nbops.store.where.tree import LINKS, RUN_FIELDS, All, Any_, Compare, Field, Node, Not, Operator, Order, Value

_MAX_LENGTH = 10_000
_MAX_TERMS = 200
_MAX_DEPTH = 50

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
_OPERATORS: dict[str, Operator] = {
    "=": "=", "==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "~": "~",
}  # fmt: skip


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def wrong(text: str, message: str, start: int, end: int | None = None, *, what: str = "--where") -> UsageError:
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
            raise wrong(text, f"{text[at]!r} cannot stand here", at)
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
            raise wrong(self.text, f"expected 'and', 'or' or the end, not {token.text!r}", token.start, token.end)
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
            raise wrong(self.text, f"more than {_MAX_DEPTH} levels of parentheses", self.here())
        if self.word("not"):
            return Not(self.one(depth + 1))
        if self.sign("("):
            node = self.any(depth + 1)
            if not self.sign(")"):
                raise wrong(self.text, "expected ')'", self.here())
            return node
        return self.compare()

    def compare(self) -> Compare:
        self.terms += 1
        token = self.next("a field such as metrics.accuracy, params.depth or status")
        if token.kind != "word" or token.text.lower() in _RESERVED:
            raise wrong(self.text, f"expected a field, not {token.text!r}", token.start, token.end)
        if self.terms > _MAX_TERMS:
            raise wrong(self.text, f"more than {_MAX_TERMS} comparisons", token.start)
        field = _field(self.text, token)
        if self.word("not"):
            if not self.word("in"):
                raise wrong(self.text, "expected 'in' after 'not'", self.here())
            return self.among(field, "not in", token.start)
        if self.word("in"):
            return self.among(field, "in", token.start)
        sign = self.next("one of = != < <= > >= ~ in")
        if sign.kind != "operator" or sign.text not in _OPERATORS:
            raise wrong(self.text, f"expected one of = != < <= > >= ~ in, not {sign.text!r}", sign.start, sign.end)
        value, last = self.value()
        operator = _OPERATORS[sign.text]
        return Compare(field, operator, (value,), (_plain(last),), token.start, last.end)

    def among(self, field: Field, operator: Operator, start: int) -> Compare:
        if not self.sign("("):
            raise wrong(self.text, "expected '(' and values separated by commas", self.here())
        found = [self.value()]
        while self.sign(","):
            found.append(self.value())
            if len(found) > _MAX_TERMS:
                raise wrong(self.text, f"more than {_MAX_TERMS} values", self.here())
        end = self.here()
        if not self.sign(")"):
            raise wrong(self.text, "expected ',' or ')'", end)
        return Compare(field, operator, tuple(v for v, _ in found), tuple(_plain(t) for _, t in found), start, end + 1)

    def value(self) -> tuple[Value, _Token]:
        token = self.next('a value: a number, a "text", a word or a date')
        if token.kind == "number":
            return float(token.text), token
        if token.kind in ("text", "date"):
            return _plain(token), token
        if token.kind == "word" and token.text.lower() not in _RESERVED:
            return _WORDS.get(token.text.lower(), _plain(token)), token
        raise wrong(self.text, f"expected a value, not {token.text!r}", token.start, token.end)

    def next(self, wanted: str) -> _Token:
        if self.at >= len(self.tokens):
            raise wrong(self.text, f"expected {wanted}", len(self.text.rstrip()))
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


def _field(text: str, token: _Token, *, what: str = "--where") -> Field:
    head, dot, rest = token.text.partition(".")
    if dot and head.lower() in _AREAS:
        if rest.startswith("`") and rest.endswith("`"):
            rest = rest[1:-1].replace("``", "`")
        if not rest:
            raise wrong(text, f"expected a name after {token.text!r}", token.end, what=what)
        return Field(_AREAS[head.lower()], rest)
    if token.text in RUN_FIELDS:
        return Field("run", token.text)
    import difflib

    known = sorted(RUN_FIELDS | {"params.NAME", "metrics.NAME", "tags.NAME"})
    near = difflib.get_close_matches(token.text, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    raise wrong(text, f"no field {token.text!r}; {advice}", token.start, token.end, what=what)


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
            raise wrong(text, f"{name!r} is no field to order by", start, at, what="--order-by")
        token = _Token("word", bare, start + len(name) - len(bare), start + len(name))
        field = _field(text, token, what="--order-by")
        if field.name in LINKS and field.area == "run":
            raise wrong(text, f"runs cannot be ordered by {bare!r}", start, at, what="--order-by")
        keys.append(Order(field, name.startswith("-")))
    if not keys:
        raise wrong(text, "expected a field to order by", 0, what="--order-by")
    return keys

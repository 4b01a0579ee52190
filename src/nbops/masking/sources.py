"""A cell's code without its secrets: what is left is still the cell, and runs where the secrets are at hand.

A literal that is a secret becomes ``nbops.secret("ID")``; one that holds a secret among other text becomes an f-string
with that call in it. Shell lines and magics get ``{nbops.secret("ID")}``, which IPython fills in, bodies of shell cells
``$NBOPS_SECRET_ID``. Comments, and code that cannot be read, get the mark that outputs get.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Callable, Iterator

import msgspec

from nbops.masking import texts, words
from nbops.masking.formats import Found, by_form
from nbops.masking.known import Values
from nbops.masking.literals import IDENTIFIERS, Literal, literals
from nbops.masking.marks import mark

_PYTHON_MAGICS = (
    "time",
    "timeit",
    "capture",
    "prun",
    "nbops",
    "memit",
    "mprun",
    "lprun",
    "skip",
    "snakeviz",
    "scalene",
    "heat",
)
_SHELL_MAGICS = ("bash", "sh", "script", "system", "sx", "!")
_MAGIC_LINE = re.compile(r"\s*[%!?]|\s*[\w.,\[\]'\" ]+=\s*[!%]|.*\?\s*$")
_PRAGMA = re.compile(r"pragma:\s*(?:allowlist|whitelist)[ -]secret|nbops:\s*not[ -]a[ -]secret", re.IGNORECASE)
_IMAGES = (
    "iVBOR",
    "/9j/",
    "R0lGOD",
    "UklGR",
    "JVBERi",
    "H4sI",
    "PD94",
    "PHN2",
    "AAAA",
    "ssh-",
    "sha",
    "Qm",
    "data:",
    "UEsDB",
    "MII",
)
_MOST_LITERAL = 200_000
_LONGEST_TOKEN = 2_000


class Edit(msgspec.Struct, frozen=True):
    """A piece of the cell that is written anew."""

    start: int
    end: int
    text: str


class Rewriter:
    """Rewrites one cell.

    Args:
        text: the cell as typed.
        values: what is known to be secret.
        id_of: gives the id of a value and remembers it as found, with its kind.
        is_allowed: tells whether somebody has said that a value is no secret.
    """

    def __init__(
        self, text: str, values: Values, id_of: Callable[[str, str], str], *, is_allowed: Callable[[str], bool]
    ) -> None:
        self.text = text
        self._values = values
        self._id_of = id_of
        self._is_value_allowed = is_allowed
        self._found: dict[str, str] = {}
        self._edits: list[Edit] = []
        self._lines = _line_starts(text)
        self._allowed = {n for n, line in enumerate(text.split("\n"), 1) if _PRAGMA.search(line)}

    def rewritten(self) -> str:
        """The cell without its secrets."""
        tree, outside = _read(self.text)
        if tree is None:
            return self._swept(self._marked(self.text))
        self._literals(tree)
        if self._found:
            # What was found further down may stand further up as well, under a name that says nothing.
            self._edits = []
            self._literals(tree)
        self._comments(outside)
        for number in outside:
            self._line(number)
        masked = self._applied()
        if self._edits and _read(masked)[0] is None:
            # A place where no call may stand: rather a cell that does not run than one that tells.
            masked = self.text
        return self._swept(masked)

    # ── literals ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _literals(self, tree: ast.Module) -> None:
        tokens: list[_Token] | None = None
        for one in literals(tree):
            if len(one.value) > _MOST_LITERAL or self._is_allowed(one):
                continue
            found = self._in_literal(one)
            if found:
                tokens = tokens if tokens is not None else _tokens(self.text, self._lines)
                self._replace(one, found, tokens)

    def _is_allowed(self, one: Literal) -> bool:
        node = one.node
        lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        if not self._allowed.isdisjoint(lines):
            self._values.allow(one.value)
        return self._is_value_allowed(one.value)

    def _in_literal(self, one: Literal) -> list[Found]:
        value = one.value
        if "\0" not in value:
            if len(value) <= _LONGEST_TOKEN and (whole := _whole(value)) is not None:
                return [whole]
            for name in one.names:
                if words.is_secret(name, value):
                    return [Found(0, len(value), words.kind_of(name))]
        found = [*texts.find(value), *_known(self._values, value)]
        if not found and not one.is_computed and _is_key(value, one.names):
            found = [Found(0, len(value), "random text")]
        return [
            item
            for item in texts.without_overlaps(found)
            if "\0" not in value[item.start : item.end] and not self._is_value_allowed(value[item.start : item.end])
        ]

    def _replace(self, one: Literal, found: list[Found], tokens: list[_Token]) -> None:
        start, end = self._span(one.node)
        value = one.value
        calls = [(value[item.start : item.end], self._noted(value[item.start : item.end], item.kind)) for item in found]
        is_whole = len(found) == 1 and (found[0].start, found[0].end) == (0, len(value))
        if one.is_pattern:
            self._edits.append(Edit(start, end, repr(self._marked(value))))
        elif is_whole and not one.is_computed:
            self._edits.append(
                Edit(start, end, f'nbops.secret("{calls[0][1]}")' + (".encode()" if one.is_bytes else ""))
            )
        elif one.is_bytes or isinstance(one.node, ast.BinOp):
            self._edits.append(Edit(start, end, _put_together(value, found, calls, is_bytes=one.is_bytes)))
        else:
            self._within(one, found, calls, [token for token in tokens if start <= token.start and token.end <= end])

    def _within(self, one: Literal, found: list[Found], calls: list[tuple[str, str]], tokens: list[_Token]) -> None:
        """Put calls into the literal as it was typed; where a secret was typed otherwise than it reads, write anew."""
        edits: dict[int, _Token] = {}
        for value, secret_id in calls:
            holder = next((token for token in tokens if value in edits.get(token.start, token).body), None)
            if holder is None:
                start, end = self._span(one.node)
                anew = (
                    _put_together(one.value, found, calls, is_bytes=False) if not one.is_computed else repr("[masked]")
                )
                self._edits.append(Edit(start, end, anew))
                return
            edits[holder.start] = edits.get(holder.start, holder).with_call(value, secret_id)
        self._edits += [Edit(token.start, token.end, token.text) for token in edits.values()]

    def _span(self, node: ast.expr) -> tuple[int, int]:
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0),
        )

    def _offset(self, line: int, column_bytes: int) -> int:
        start = self._lines[line - 1]
        if column_bytes == 0:
            return start
        following = self._lines[line] if line < len(self._lines) else len(self.text)
        row = self.text[start:following]
        return start + (column_bytes if row.isascii() else len(row.encode()[:column_bytes].decode("utf-8", "ignore")))

    # ── what is no code ────────────────────────────────────────────────────────────────────────────────────────────

    def _comments(self, outside: set[int]) -> None:
        if "#" not in self.text:
            return
        for start, end, line in _comment_spans(self.text, self._lines):
            if line not in outside:
                self._edits += self._marks(start, end)

    def _line(self, number: int) -> None:
        """A line that is a magic, or a shell's."""
        start = self._lines[number - 1]
        end = self._lines[number] if number < len(self._lines) else len(self.text)
        first = self.text.lstrip()[:40]
        if number in self._allowed:
            return
        for item in self._found_in(self.text[start:end]):
            secret_id = self._noted(self.text[start + item.start : start + item.end], item.kind)
            call = f'{{nbops.secret("{secret_id}")}}'
            if first.startswith("%%") and self.text[:start].strip():
                is_shell = first[2:].startswith(_SHELL_MAGICS)
                call = f"$NBOPS_SECRET_{secret_id.upper()}" if is_shell else mark(secret_id, item.kind)
            self._edits.append(Edit(start + item.start, start + item.end, call))

    def _marks(self, start: int, end: int) -> Iterator[Edit]:
        for item in self._found_in(self.text[start:end]):
            value = self.text[start + item.start : start + item.end]
            yield Edit(start + item.start, start + item.end, mark(self._noted(value, item.kind), item.kind))

    def _found_in(self, text: str) -> list[Found]:
        found = texts.without_overlaps([*texts.find(text), *_known(self._values, text)])
        return [item for item in found if not self._is_value_allowed(text[item.start : item.end])]

    def _marked(self, text: str) -> str:
        for item in reversed(self._found_in(text)):
            secret_id = self._noted(text[item.start : item.end], item.kind)
            text = text[: item.start] + mark(secret_id, item.kind) + text[item.end :]
        return text

    # ── together ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _noted(self, value: str, kind: str) -> str:
        known = self._values.whole(value)
        if known is not None:
            value, kind = known.value, known.kind
        self._found[value] = kind
        return self._id_of(value, kind)

    def _applied(self) -> str:
        text, last = self.text, len(self.text) + 1
        for edit in sorted(self._edits, key=lambda edit: (edit.start, edit.end), reverse=True):
            if edit.end <= last:
                text = text[: edit.start] + edit.text + text[edit.end :]
                last = edit.start
        return text

    def _swept(self, masked: str) -> str:
        """Look once more for each value: in other places, in other spellings."""
        for value in sorted(self._found, key=len, reverse=True):
            if len(value) >= 8 and value in masked:
                masked = masked.replace(value, mark(self._id_of(value, self._found[value]), self._found[value]))
        for start, end, known in reversed(self._values.find(masked)):
            masked = masked[:start] + mark(self._id_of(known.value, known.kind), known.kind) + masked[end:]
        return masked


def _known(values: Values, text: str) -> Iterator[Found]:
    for start, end, known in values.find(text):
        yield Found(start, end, known.kind)


def _whole(value: str) -> Found | None:
    """A literal that is a secret from end to end, by its form."""
    return next((item for item in by_form(value) if (item.start, item.end) == (0, len(value))), None)


def _is_key(value: str, names: list[str]) -> bool:
    """Whether a literal of no telling name is a key by its looks alone."""
    if not 24 <= len(value) <= 128 or value.startswith(_IMAGES) or ("/" in value[:-1].strip("/") and "." in value):
        return False
    spoken = {word.lower() for name in names for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", name)}
    has_digits = any(map(str.isdigit, value))
    return has_digits and spoken.isdisjoint(IDENTIFIERS) and words.looks_random(value, 24)


class _Token(msgspec.Struct, frozen=True):
    """A string literal as typed: one token of it."""

    start: int
    end: int
    prefix: str
    quote: str
    body: str

    @property
    def text(self) -> str:
        return f"{self.prefix}{self.quote}{self.body}{self.quote}"

    def with_call(self, value: str, id: str) -> _Token:
        """Put a call in place of a value, which makes the literal an f-string where it was none."""
        prefix, body = self.prefix, self.body
        is_computed = "f" in prefix.lower()
        inner = "'" if self.quote[0] == '"' else '"'
        call = f"{{nbops.secret({inner}{id}{inner})}}"
        if not is_computed:
            body = body.replace("{", "{{").replace("}", "}}")
            value = value.replace("{", "{{").replace("}", "}}")
            prefix = "f" + prefix.lower().replace("u", "")
        return _Token(self.start, self.end, prefix, self.quote, body.replace(value, call))


def _put_together(value: str, found: list[Found], calls: list[tuple[str, str]], *, is_bytes: bool) -> str:
    """Write a literal anew as a sum of its parts."""
    parts, position = [], 0
    for item, (_, secret_id) in zip(found, calls, strict=True):
        if item.start > position:
            parts.append(_literal(value[position : item.start], is_bytes=is_bytes))
        parts.append(f'nbops.secret("{secret_id}")' + (".encode()" if is_bytes else ""))
        position = item.end
    if position < len(value):
        parts.append(_literal(value[position:], is_bytes=is_bytes))
    return f"({' + '.join(parts)})"


def _literal(text: str, *, is_bytes: bool) -> str:
    return repr(text.encode("latin-1")) if is_bytes else repr(text)


# ── reading a cell ─────────────────────────────────────────────────────────────────────────────────────────────────


def _read(text: str) -> tuple[ast.Module | None, set[int]]:
    """Read a cell as Python, and tell which lines (from 1) are none."""
    tree = _parsed(text)
    if tree is not None:
        return tree, set()
    lines = text.split("\n")
    outside: set[int] = set()
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        name = lines[first][2:].split()[:1]
        if not name or name[0] not in _PYTHON_MAGICS:
            return ast.Module([], []), set(range(1, len(lines) + 1))
        outside.add(first + 1)
    is_continued = False
    for number, line in enumerate(lines, 1):
        if is_continued or _MAGIC_LINE.match(line):
            outside.add(number)
            is_continued = line.endswith("\\")
    kept = [_blank(line) if n in outside else line for n, line in enumerate(lines, 1)]
    return _parsed("\n".join(kept)), outside


def _blank(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + "pass"


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _line_starts(text: str) -> list[int]:
    starts, position = [0], text.find("\n")
    while position >= 0:
        starts.append(position + 1)
        position = text.find("\n", position + 1)
    return starts


def _tokenized(text: str) -> Iterator[tokenize.TokenInfo]:
    lines = text.split("\n")
    kept = [_blank(line) if _MAGIC_LINE.match(line) else line for line in lines] if _parsed(text) is None else lines
    try:
        yield from tokenize.generate_tokens(io.StringIO("\n".join(kept) + "\n").readline)
    except (tokenize.TokenError, SyntaxError):
        return


def _tokens(text: str, starts: list[int]) -> list[_Token]:
    found, opened, depth = [], None, 0
    begins, ends = getattr(tokenize, "FSTRING_START", -1), getattr(tokenize, "FSTRING_END", -1)
    for token in _tokenized(text):
        if token.type == tokenize.STRING and depth == 0:
            found.append(_token(text, starts, token.start, token.end))
        elif token.type == begins:  # Python 3.12 and later take f-strings apart
            opened = opened or token.start
            depth += 1
        elif token.type == ends:
            depth -= 1
            if depth == 0 and opened is not None:
                found.append(_token(text, starts, opened, token.end))
                opened = None
    return found


def _token(text: str, starts: list[int], begin: tuple[int, int], end: tuple[int, int]) -> _Token:
    first, last = starts[begin[0] - 1] + begin[1], starts[end[0] - 1] + end[1]
    typed = text[first:last]
    prefix = typed[: len(typed) - len(typed.lstrip("rRbBuUfFtT"))]
    rest = typed[len(prefix) :]
    quote = rest[:3] if rest[:3] in ('"""', "'''") else rest[:1]
    return _Token(first, last, prefix, quote, rest[len(quote) : len(rest) - len(quote)])


def _comment_spans(text: str, starts: list[int]) -> Iterator[tuple[int, int, int]]:
    for token in _tokenized(text):
        if token.type == tokenize.COMMENT:
            start = starts[token.start[0] - 1] + token.start[1]
            yield start, start + len(token.string), token.start[0]

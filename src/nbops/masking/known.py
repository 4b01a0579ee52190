"""Values that this process knows to be secret, however it learnt of them, and every spelling they may appear in.

A value is learnt once (from the environment, a prompt, a literal, a parameter) and is from then on masked wherever it
stands: as it is, escaped as in a ``repr`` or JSON, percent-encoded, in base64, and cut short as tables show it.
"""

from __future__ import annotations

import binascii
import json
import re
import threading
import urllib.parse
from collections.abc import Iterable, Iterator

import msgspec

_MOST = 400
_BLOCK = 24
_LONGEST = 20_000


class Known(msgspec.Struct, frozen=True):
    """A value that is a secret."""

    value: str
    kind: str
    variable: str | None = None
    """The environment variable that it was seen in."""


class Values:
    """The secret values of one process; any thread may add and look."""

    MESSAGE = "nbops_secrets"
    """Type of the message by which a retraining kernel tells its driver what it has learnt."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Known] = {}
        self._allowed: set[str] = set()
        # In blocks, so that a new value costs one small pattern and not a new one of all.
        self._blocks: list[_Block] = []
        self.version = 0
        """Grows whenever something is learnt."""

    def learn(self, value: str, kind: str, *, variable: str | None = None, is_sure: bool = False) -> bool:
        """Take a value for a secret from now on.

        Args:
            value: the secret.
            kind: what it is, in words.
            variable: the environment variable that holds it.
            is_sure: whether a person has typed it as a secret; else a value that could be a common word is left out.

        Returns:
            Whether it is masked everywhere from now on.
        """
        from nbops.masking import words

        value = value.strip()
        if not 4 <= len(value) <= _LONGEST or value in self._allowed:
            return False
        if words.stands_in(value) or not (is_sure or words.is_telling(value)):
            return False
        known = self._known.get(value)
        if known is not None and (known.variable is not None or variable is None):
            return True
        with self._lock:
            self._known[value] = learnt = Known(value, kind if known is None else known.kind, variable)
            if known is not None:
                self._blocks = [block.without(value) for block in self._blocks]
            if not self._blocks or len(self._blocks[-1].members) >= _BLOCK:
                self._blocks.append(_Block([]))
            self._blocks[-1] = _Block([*self._blocks[-1].members, learnt])
            if len(self._known) > _MOST:
                for old in self._blocks.pop(0).members:
                    self._known.pop(old.value, None)
            self.version += 1
        return True

    def allow(self, value: str) -> None:
        """Never take a value for a secret: somebody has said that it is none."""
        value = value.strip()
        with self._lock:
            self._allowed.add(value)
            if self._known.pop(value, None) is not None:
                self._blocks = [block.without(value) for block in self._blocks]
                self.version += 1

    def is_allowed(self, value: str) -> bool:
        """Whether somebody has said that a value is no secret."""
        return value.strip() in self._allowed

    def get(self, value: str) -> Known | None:
        """What is known of a value."""
        return self._known.get(value.strip())

    def all(self) -> list[Known]:
        """What is known, oldest first."""
        return list(self._known.values())

    def forget(self) -> None:
        """Forget all of it, for a test that begins anew."""
        with self._lock:
            self._known, self._blocks, self._allowed = {}, [], set()
            self.version += 1

    def find(self, text: str) -> list[tuple[int, int, Known]]:
        """Each place where a known value stands in a text, in any spelling, in order and without overlaps.

        Example:
            >>> values = Values()
            >>> values.learn("s3cret-word", "password")
            True
            >>> [(start, end) for start, end, _ in values.find("it is s3cret-word.")]
            [(6, 17)]
        """
        found = [place for block in self._blocks for place in block.find(text)]
        if len(found) < 2:
            return found
        kept: list[tuple[int, int, Known]] = []
        for place in sorted(found, key=lambda place: (place[0], -place[1])):
            if not kept or place[0] >= kept[-1][1]:
                kept.append(place)
        return kept

    def is_in(self, text: str) -> bool:
        """Whether any known value stands in a text."""
        return any(block.is_in(text) for block in self._blocks)

    def whole(self, text: str) -> Known | None:
        """The known value that a text is from end to end, in any spelling."""
        return next((known for start, end, known in self.find(text) if (start, end) == (0, len(text))), None)


class _Block:
    """Some values, and the pattern of all their spellings, made when it is first asked."""

    def __init__(self, members: list[Known]) -> None:
        self.members = members
        self._forms: dict[str, Known] | None = None
        self._pattern: re.Pattern[str] | None = None
        # No spelling is shorter than the value, but for what base64 leaves out at its ends.
        self._shortest = min((len(known.value) for known in members), default=0)

    def without(self, value: str) -> _Block:
        """The block without a value; itself if it has not got it."""
        kept = [known for known in self.members if known.value != value]
        return self if len(kept) == len(self.members) else _Block(kept)

    def find(self, text: str) -> Iterator[tuple[int, int, Known]]:
        if not self.members or len(text) < self._shortest:
            return
        for match in self._made().finditer(text):
            known = self._of(match.group())
            if known is not None:
                yield match.start(), match.end(), known

    def is_in(self, text: str) -> bool:
        return bool(self.members) and len(text) >= self._shortest and self._made().search(text) is not None

    def _made(self) -> re.Pattern[str]:
        if self._pattern is None:
            self._forms = {form: known for known in self.members for form in spellings(known.value)}
            forms = self._forms
            heads = sorted({form[:_HEAD] for form in forms if len(form) >= 2 * _HEAD and not form.startswith("-----")})
            # Tables show the beginning of a long value, and dots.
            cut = "|".join(re.escape(head) + r"[^\s\"'…]{0,200}?(?:\.\.\.|…)" for head in heads)
            self._pattern = re.compile(f"{_any_of(forms)}|{cut}" if cut else _any_of(forms))
        return self._pattern

    def _of(self, form: str) -> Known | None:
        forms = self._forms or {}
        head = form[:_HEAD]
        return forms.get(form) or next((known for whole, known in forms.items() if whole.startswith(head)), None)


_HEAD = 12


def _any_of(forms: Iterable[str]) -> str:
    """A pattern for any of many texts, the longest first, parted by their first letters: it is tried at every place."""
    by_letters: dict[str, dict[str, list[str]]] = {}
    for form in sorted(forms, key=len, reverse=True):
        by_letters.setdefault(form[0], {}).setdefault(form[1], []).append(form)
    return "|".join(
        f"(?={re.escape(first)})(?:"
        + "|".join(f"(?=.{re.escape(second)})(?:{'|'.join(map(_guarded, those))})" for second, those in seconds.items())
        + ")"
        for first, seconds in by_letters.items()
    )


def _guarded(form: str) -> str:
    # A short value may be a part of a word that has nothing to do with it.
    if len(form) >= 10:
        return re.escape(form)
    before = r"(?<![A-Za-z0-9])" if form[0].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if form[-1].isalnum() else ""
    return before + re.escape(form) + after


def spellings(value: str) -> set[str]:
    """Every way in which a value may stand in a text.

    Example:
        >>> {"two words", "two%20words", "two+words"} <= spellings("two words")
        True
    """
    found = {value, repr(value)[1:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    found.add(value.replace("\\", "\\\\").replace('"', '\\"'))
    found |= {urllib.parse.quote(value), urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value)}
    found |= {form.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d") for form in found}
    found |= {value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    if "\n" in value:
        found |= {value.replace("\n", "\\n"), value.replace("\n", "\r\n")}
        # Shown with the lines of something else around them, such as a traceback's numbers.
        found |= {
            line.strip() for line in value.splitlines() if len(line.strip()) >= 24 and not line.startswith("-----")
        }
    if len(value) >= 6:
        found |= _in_base64(value.encode("utf-8", "surrogatepass"))
        if len(value) >= 8:
            found.add(value.encode("utf-8", "surrogatepass").hex())
    return {form for form in found if len(form) >= 4}


def _in_base64(data: bytes) -> set[str]:
    """A value's letters in base64, at each of the three places where it may begin in a longer text: ``user:value``."""
    found: set[str] = set()
    for shift in range(3):
        coded = binascii.b2a_base64(b"\0" * shift + data, newline=False).decode().rstrip("=")
        whole_bits = (shift + len(data)) * 8
        core = coded[(0, 2, 3)[shift] : whole_bits // 6]
        if len(core) >= 8:
            found |= {core, core.replace("+", "-").replace("/", "_")}
    return found


VALUES = Values()
"""What this process knows."""

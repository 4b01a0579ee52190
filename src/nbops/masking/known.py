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
        self._forms: dict[str, Known] = {}
        self._pattern: re.Pattern[str] | None = None
        self._is_new = False
        self._shortest = 0
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
        if not 4 <= len(value) <= _LONGEST or (not is_sure and not words.is_telling(value)):
            return False
        if is_sure and words.stands_in(value):
            return False
        if value in self._allowed:
            return False
        known = self._known.get(value)
        if known is not None and (known.variable is not None or variable is None):
            return True
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.pop(next(iter(self._known)))
            self._known[value] = Known(value, kind if known is None else known.kind, variable)
            self._is_new = True
            self.version += 1
        return True

    def allow(self, value: str) -> None:
        """Never take a value for a secret: somebody has said that it is none."""
        with self._lock:
            self._allowed.add(value.strip())
            if self._known.pop(value.strip(), None) is not None:
                self._is_new = True

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
        """Forget all of it; for tests and forked servers that begin anew."""
        with self._lock:
            self._known, self._forms, self._pattern, self._is_new = {}, {}, None, False
            self._allowed = set()

    def find(self, text: str) -> Iterator[tuple[int, int, Known]]:
        """Give each place where a known value stands in a text, in any spelling.

        Example:
            >>> values = Values()
            >>> values.learn("s3cret-word", "password")
            True
            >>> [(start, end) for start, end, _ in values.find("it is s3cret-word.")]
            [(6, 17)]
        """
        if not self._known or (len(text) < self._shortest and not self._is_new):
            return
        if self._is_new:
            self._rebuild()
        assert self._pattern is not None
        for match in self._pattern.finditer(text):
            form = match.group()
            known = self._forms.get(form) or self._of_head(form)
            if known is not None:
                yield match.start(), match.end(), known

    def is_in(self, text: str) -> bool:
        """Whether any known value stands in a text."""
        if not self._known or (len(text) < self._shortest and not self._is_new):
            return False
        if self._is_new:
            self._rebuild()
        assert self._pattern is not None
        return self._pattern.search(text) is not None

    def _rebuild(self) -> None:
        with self._lock:
            self._is_new = False
            forms: dict[str, Known] = {}
            for known in self._known.values():
                for form in spellings(known.value):
                    forms.setdefault(form, known)
            self._forms = forms
            self._shortest = min(map(len, forms))
            heads = sorted({form[:_HEAD] for form in forms if len(form) >= 2 * _HEAD and not form.startswith("-----")})
            # Tables show the beginning of a long value, and dots.
            cut = "|".join(re.escape(head) + r"[^\s\"'…]{0,200}?(?:\.\.\.|…)" for head in heads)
            self._pattern = re.compile(f"{_any_of(forms)}|{cut}" if cut else _any_of(forms))

    def _of_head(self, form: str) -> Known | None:
        head = form[:_HEAD]
        return next((known for whole, known in self._forms.items() if whole.startswith(head)), None)


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

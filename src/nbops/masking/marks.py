"""What stands where a secret stood, and whether two sources are the same but for that."""

from __future__ import annotations

import re

_CALL = re.compile(
    r"\{?nbops\.secret\(['\"]([0-9a-f]{12})['\"]\)(?:\.encode\(\))?\}?|\[masked: ([0-9a-f]{12}) [^\]\n]*\]"
    r"|\$NBOPS_SECRET_([0-9A-F]{12})"
)


def mark(id: str, kind: str) -> str:
    """What stands in an output in place of a secret.

    Example:
        >>> mark("3f2a9c1d0b7e", "API key")
        '[masked: 3f2a9c1d0b7e API key]'
    """
    return f"[masked: {id} {kind}]"


_TEXT = r"[A-Za-z]{0,2}(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
_TYPED_LITERAL = rf"(?:{_TEXT}(?:\s*\+?\s*{_TEXT}){{0,50}})"
_TYPED = r"(?:[^\n]{1,20000}?|-----BEGIN[\s\S]{1,20000}?-----)"
"""What may have been typed where a call stands now, and where another mark does."""


def marks_in(text: str) -> list[str]:
    """Ids of the secrets that were masked in a text, in order, each once.

    Example:
        >>> marks_in('a = nbops.secret("3f2a9c1d0b7e")')
        ['3f2a9c1d0b7e']
    """
    return list(dict.fromkeys(next(filter(None, match.groups())).lower() for match in _CALL.finditer(text)))


def is_same_source(recorded: str, typed: str) -> bool:
    """Whether a cell as it is typed says what was recorded, secrets aside.

    Args:
        recorded: the source as it was kept.
        typed: the source as it stands in a notebook's file.

    Example:
        >>> is_same_source('a = nbops.secret("3f2a9c1d0b7e"); b = 1', "a = 'whatever'; b = 1")
        True
    """
    if recorded == typed:
        return True
    if not marks_in(recorded):
        return False
    pattern, last = "", 0
    for match in _CALL.finditer(recorded):
        pattern += _loosely(recorded[last : match.start()])
        pattern += _TYPED_LITERAL if match.group().startswith("nbops") else _TYPED
        last = match.end()
    return re.fullmatch(pattern + _loosely(recorded[last:]), typed) is not None


def _loosely(text: str) -> str:
    """A pattern for the text around a mark: a literal that became an f-string was none, and had single braces."""
    escaped = re.escape(text)
    escaped = re.sub(r"\bf(?=[rR]?(?:\"|'))", "[fF]?", escaped)
    return escaped.replace(r"\{\{", r"\{{1,2}").replace(r"\}\}", r"\}{1,2}")

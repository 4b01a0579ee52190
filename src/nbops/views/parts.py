"""What a view is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["plain", "good", "bad", "busy", "faint"]

TONES: dict[str, Tone] = {
    "ok": "good", "finished": "good", "ready": "good", "up": "good", "passed": "good", "stable": "good",
    "equal": "good", "within tolerance": "good", "reproduced": "good", "clean": "good", "different": "bad",
    "failed": "bad", "error": "bad", "drifted": "bad", "missing": "bad", "invalid": "bad", "exited": "bad",
    "unchanged": "good", "edited": "busy", "running": "busy", "starting": "busy", "warning": "busy",
    "interrupted": "busy", "cancelled": "faint", "stopped": "faint", "skipped": "faint", "too few rows": "faint",
}  # fmt: skip
"""How a word of status is coloured."""


@dataclass(frozen=True)
class Heading:
    """A line above what follows."""

    text: str
    aside: str = ""


@dataclass(frozen=True)
class Note:
    """A sentence."""

    text: str
    tone: Tone = "faint"


@dataclass(frozen=True)
class Facts:
    """Names with their values."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """Rows under columns; numbers stand right-aligned."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    """Columns that hold numbers."""
    status: frozenset[int] = frozenset()
    """Columns that hold words of status."""
    marked: frozenset[int] = field(default_factory=frozenset)
    """Rows to point out."""
    groups: Mapping[int, str] = field(default_factory=dict)
    """Headings between rows, each by the number of the row that it stands above."""
    empty: str = "nothing here yet"


@dataclass(frozen=True)
class Code:
    """Text in a fixed width, kept as it is."""

    text: str
    language: Literal["python", "diff", "text"] = "text"


Part = Heading | Note | Facts | Table | Code

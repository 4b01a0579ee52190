"""What moving runs between two trackers came to, and what one of them could not hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import msgspec

_SHOWN = 5


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the other side cannot hold, or holds differently."""

    why: str
    """One sentence: what happened to it."""
    count: int
    """How often."""
    where: list[str]
    """The first few places: a run's or model's name with what it was."""


class Transferred(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that were moved to or from MLflow."""

    direction: Literal["export", "import"]
    server: str
    """Its address, without any password."""
    experiments: list[str]
    made: int = 0
    """Runs that the other side did not have."""
    updated: int = 0
    """Runs that it had, and that are now as they are here."""
    unchanged: int = 0
    params: int = 0
    metrics: int = 0
    """Values, not names."""
    artifacts: int = 0
    cells: int = 0
    models: int = 0
    """Versions."""
    left_out: list[LeftOut] = []


@dataclass
class Tally:
    """Counts while runs are moved."""

    direction: Literal["export", "import"]
    server: str
    experiments: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    left: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    def add(self, what: str, count: int = 1) -> None:
        """Count something that was moved, under its name in ``Transferred``."""
        self.counts[what] += count

    def leave(self, where: str, why: str, count: int = 1) -> None:
        """Remember what could not be moved as it is."""
        before, places = self.left.get(why, (0, []))
        if len(places) < _SHOWN and where not in places:
            places = [*places, where]
        self.left[why] = (before + count, places)

    def result(self) -> Transferred:
        """What it came to."""
        return Transferred(
            direction=self.direction,
            server=self.server,
            experiments=sorted(set(self.experiments)),
            left_out=[LeftOut(why=why, count=count, where=places) for why, (count, places) in self.left.items()],
            **self.counts,
        )

"""Where the points of a sweep come from, and what becomes of them: a grid here, samplers beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from nbops.records import Metric, Run


@dataclass(frozen=True)
class Trial:
    """One point of the space, on its first or a later attempt."""

    number: int
    given: dict[str, Any]
    attempt: int = 1


class Search(Protocol):
    """Gives points and learns from what they bring; called from the driver's thread only."""

    def ask(self) -> Trial | None:
        """The next point; None when there is none any more."""
        ...

    def tell(self, trial: Trial, run: Run, reached: list[float] | None, logged: list[Metric]) -> None:
        """A point has come to its end; ``reached`` are its objectives, None when it has none."""
        ...

    def should_stop(self, trial: Trial, logged: list[Metric]) -> bool:
        """Tell from the values that a live run has logged so far whether going on is in vain."""
        ...


class Listed:
    """Points that are known beforehand, in their order: a grid, or a single run."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self._waiting = deque(trials)

    def ask(self) -> Trial | None:
        return self._waiting.popleft() if self._waiting else None

    def tell(self, trial: Trial, run: Run, reached: list[float] | None, logged: list[Metric]) -> None:
        """Nothing to learn."""

    def should_stop(self, trial: Trial, logged: list[Metric]) -> bool:
        return False

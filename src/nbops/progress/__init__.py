"""One source of progress: rooms say what goes on, the door that called them shows it.

A room writes ``with stage("Build the image", total=4) as now: now.advance(note="requirements")``. Whoever wants to see
it follows with ``watching(sink)``; without a sink nothing is shown and nothing is paid.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol


@dataclass
class Stage:
    """Something that takes time: where it stands now."""

    title: str
    total: float | None = None
    """How many units there are in all; None when that is unknown."""
    unit: str = ""
    done: float = 0
    note: str = ""
    """What is going on just now."""
    started_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    failed: bool = False
    _sink: Sink | None = None

    def advance(self, by: float = 1, *, note: str | None = None, total: float | None = None) -> None:
        """Say that some units are done, and what goes on now."""
        self.done += by
        if total is not None:
            self.total = total
        if note is not None:
            self.note = note
        if self._sink is not None:
            self._sink.moved(self)

    def say(self, note: str) -> None:
        """Say what goes on now."""
        self.advance(0, note=note)

    @property
    def seconds(self) -> float:
        """How long it has taken so far, in seconds."""
        return (self.ended_at or time.monotonic()) - self.started_at


class Sink(Protocol):
    """Where progress is shown: a terminal, a notebook output, a row of the panel."""

    def began(self, stage: Stage) -> None:
        """A stage starts."""
        ...

    def moved(self, stage: Stage) -> None:
        """A stage has come further, or says something else."""
        ...

    def ended(self, stage: Stage) -> None:
        """A stage is over; ``failed`` tells how."""
        ...


# A context variable follows into threads only where they copy the context; rooms that start threads do so.
_sink: ContextVar[Sink | None] = ContextVar("nbops_progress_sink", default=None)


@contextlib.contextmanager
def stage(title: str, *, total: float | None = None, unit: str = "") -> Iterator[Stage]:
    """Announce something that takes time.

    Args:
        title: what is being done, as an imperative: ``"Build the image"``.
        total: how many units it has, when that is known.
        unit: what the units are called in the plural: ``"runs"``.

    Returns:
        A context manager that gives the ``Stage`` to advance.

    Example:
        >>> with stage("Count", total=2) as now:
        ...     now.advance()
        >>> now.done, now.failed
        (1, False)
    """
    sink = _sink.get()
    now = Stage(title, total, unit, _sink=sink)
    if sink is not None:
        sink.began(now)
    try:
        yield now
    except BaseException:
        now.failed = True
        raise
    finally:
        now.ended_at = time.monotonic()
        if sink is not None:
            sink.ended(now)


@contextlib.contextmanager
def watching(sink: Sink) -> Iterator[None]:
    """Show every stage that begins inside on ``sink``."""
    token = _sink.set(sink)
    try:
        yield
    finally:
        _sink.reset(token)

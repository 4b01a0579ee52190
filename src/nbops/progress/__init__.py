"""One source of progress: rooms say what goes on, the door that called them shows it.

A room writes ``with stage("Build the image", total=4) as now: now.advance(note="requirements")``. Whoever wants to see
it follows with ``watching(sink)``; without a sink nothing is shown and nothing is paid.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
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
    cancels: str | None = None
    """What ``nbops cancel`` takes to end it from elsewhere; None where only an interrupt ends it."""
    before: float = 0
    """Units of ``done`` that were done before it began."""
    is_shown: bool = False
    has_given_way: bool = False
    """Whether it ended because another one says more; nothing of it stays."""
    thread: int = field(default_factory=threading.get_ident)
    """The thread that began it, which cleans up after it."""
    _sink: Sink | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def advance(self, by: float = 1, *, note: str | None = None, total: float | None = None) -> None:
        """Say that some units are done, and what goes on now."""
        self.done += by
        if total is not None:
            self.total = total
        if note is not None:
            self.note = note
        if self._sink is not None and self.is_shown:
            self._sink.moved(self)

    def reach(self, done: float, total: float) -> None:
        """Say how many of how many units are done."""
        self.advance(done - self.done, total=total)

    def say(self, note: str) -> None:
        """Say what goes on now."""
        self.advance(0, note=note)

    def _show(self, unless: Callable[[], bool] | None = None) -> None:
        """Begin to show it, unless it is over: a timer may come too late."""
        with self._turn:
            if self._sink is not None and self.ended_at is None and not (unless and unless()):
                try:
                    self._sink.began(self)
                finally:
                    self.is_shown = True  # not before: the sink has to know it when it moves

    def give_way(self) -> None:
        """Be over where it is shown, because another stage says more."""
        with self._turn:
            self.has_given_way = self.is_shown
        if self.has_given_way:
            self._end()

    def _end(self) -> None:
        with self._turn:
            if self.ended_at is not None:
                return
            self.ended_at = time.monotonic()
        if self._sink is not None and self.is_shown:
            self._sink.ended(self)

    @property
    def seconds(self) -> float:
        """How long it has taken so far, in seconds."""
        return (self.ended_at or time.monotonic()) - self.started_at

    @property
    def count(self) -> str:
        """How far it has come: ``3/8 runs``; empty where the end is unknown."""
        return f"{_amount(self.done)}/{_amount(self.total)} {self.unit}".rstrip() if self.total else ""

    @property
    def left_s(self) -> float | None:
        """How long the rest will take at the pace so far, in seconds; None where that cannot be told."""
        done = self.done - self.before
        if self.ended_at is not None or self.total is None or done <= 0:
            return None
        return self.seconds / done * max(0.0, self.total - self.done)

    @property
    def left(self) -> str:
        """What is left, in words: ``about 4 min left``; empty where that cannot be told."""
        rest = self.left_s
        if rest is None or rest < 1:
            return ""
        size, unit = next((pair for pair in ((3600, "h"), (60, "min")) if rest >= 2 * pair[0]), (1, "s"))
        return f"about {rest / size:.0f} {unit} left"


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 or float(number).is_integer() else f"{number:.3g}"


class Sink(Protocol):
    """Where progress is shown: a terminal, a notebook output, a row of the panel.

    Called from whichever thread: a stage that is only shown when it takes long begins on a timer's.
    """

    def began(self, stage: Stage) -> None:
        """A stage starts."""
        ...

    def moved(self, stage: Stage) -> None:
        """A stage has come further, or says something else."""
        ...

    def ended(self, stage: Stage) -> None:
        """A stage is over; ``failed`` tells how, and ``has_given_way`` that another one stands in its place."""
        ...


PATIENCE_S = 1.0
"""People wait so long for an answer before they wonder what goes on."""

# A context variable follows into threads only where they copy the context; rooms that start threads do so.
_sink: ContextVar[Sink | None] = ContextVar("nbops_progress_sink", default=None)


@contextlib.contextmanager
def stage(
    title: str,
    *,
    total: float | None = None,
    unit: str = "",
    cancels: str | None = None,
    after_s: float = 0,
    unless: Callable[[], bool] | None = None,
) -> Iterator[Stage]:
    """Announce something that takes time.

    Args:
        title: what is being done, as an imperative: ``"Build the image"``.
        total: how many units it has, when that is known.
        unit: what the units are called in the plural: ``"runs"``.
        cancels: what ``nbops cancel`` takes to end it from elsewhere: a sweep's id.
        after_s: show it only when it has taken so many seconds. For what is mostly quick: ``PATIENCE_S``.
        unless: do not show it then where this is true.

    Returns:
        A context manager that gives the ``Stage`` to advance.

    Example:
        >>> with stage("Count", total=2) as now:
        ...     now.advance()
        >>> now.done, now.failed
        (1, False)
    """
    sink = _sink.get()
    now = Stage(title, total, unit, cancels=cancels, _sink=sink)
    # A display that a timer begins belongs to the cell that is running here.
    later = threading.Timer(after_s, contextvars.copy_context().run, (now._show, unless))
    later.daemon = True
    try:
        if after_s <= 0:
            now._show()
        elif sink is not None:
            later.start()
        yield now
    except BaseException:
        now.failed = True
        raise
    finally:
        later.cancel()
        now._end()


@contextlib.contextmanager
def watching(sink: Sink) -> Iterator[None]:
    """Show every stage that begins inside on ``sink``."""
    token = _sink.set(sink)
    try:
        yield
    finally:
        _sink.reset(token)


class Pace:
    """Tells whether news may be shown now: so often in the long run, and a few at once after a silence.

    A room that says what it does next and is then silent for as long as that takes has said it right after something
    else; were that dropped, what it did before would stand there all the while.

    Args:
        every_s: seconds between news in the long run.
        at_once: how many may come together.

    Example:
        >>> pace = Pace(every_s=60, at_once=2)
        >>> pace.allows(), pace.allows(), pace.allows()
        (True, True, False)
    """

    def __init__(self, every_s: float, *, at_once: int = 8) -> None:
        self._every_s = every_s
        self._most = float(at_once)
        self._left = self._most
        self._asked_at = time.monotonic()

    def allows(self) -> bool:
        """Whether what there is to say may be shown; what may counts as shown."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._asked_at) / self._every_s)
        self._asked_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@contextlib.contextmanager
def answering(title: str) -> Iterator[None]:
    """Say of a whole command that it goes on, where its rooms have not said more themselves by then.

    Args:
        title: what the command does, as an imperative.

    Returns:
        A context manager for the time of the command.

    Example:
        >>> with answering("List the models"):
        ...     pass
    """
    sink = _sink.get()
    if sink is None:
        yield
        return
    heard = _Heard(sink)
    # A little later than theirs, which begin a little later than the command.
    with stage(title, after_s=1.5 * PATIENCE_S, unless=lambda: heard.has_any) as heard.before, watching(heard):
        yield


class _Heard:
    """Hands stages on, in place of the one that stood before them."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.before: Stage | None = None
        self.has_any = False

    def began(self, stage: Stage) -> None:
        self.has_any = True
        if self.before is not None:
            self.before.give_way()
        self._sink.began(stage)

    def moved(self, stage: Stage) -> None:
        self._sink.moved(stage)

    def ended(self, stage: Stage) -> None:
        self._sink.ended(stage)


class Stopped(KeyboardInterrupt):
    """Somebody asked for an end from outside; rooms clean up after it as after Ctrl-C."""


class Stoppable:
    """Hands stages on, and ends what is going on at its next sign of life once somebody has asked for that.

    Only the thread that began the first stage is ended: it is the one that cleans up after all others.

    Args:
        sink: where progress is shown.

    Example:
        >>> class Silent:
        ...     began = moved = ended = lambda self, stage: None
        >>> sink = Stoppable(Silent())
        >>> sink.stop()
        >>> with contextlib.suppress(Stopped), watching(sink), stage("Count"):
        ...     print("one")
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._asked = threading.Event()
        self._thread: int | None = None

    def stop(self) -> None:
        """Ask for an end, from any thread."""
        self._asked.set()

    @property
    def is_asked(self) -> bool:
        """Whether somebody has asked for an end."""
        return self._asked.is_set()

    def began(self, stage: Stage) -> None:
        """A stage starts, unless it is over."""
        if self._thread is None:
            self._thread = stage.thread
        self._sink.began(stage)
        self._look()

    def moved(self, stage: Stage) -> None:
        """A stage has come further, unless it is over."""
        self._sink.moved(stage)
        self._look()

    def ended(self, stage: Stage) -> None:
        """A stage is over; what it cleans up with is not disturbed."""
        self._sink.ended(stage)

    def _look(self) -> None:
        if self._asked.is_set() and self._thread == threading.get_ident():
            raise Stopped

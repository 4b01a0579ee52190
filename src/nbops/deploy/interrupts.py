"""Interrupts of the kernel while an endpoint is changed: none is lost, and none comes between a start and its record.

Python raises ``KeyboardInterrupt`` wherever the main thread happens to be. In an object's finalizer, or in a callback
of the garbage collector, it is at best printed: whoever pressed the button sees a rollout that goes on. So it is
written down when it comes, and raised at the next step if it has got nobody out by then.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class Interrupts:
    """Notices SIGINT for as long as the block lasts; in other threads, and where SIGINT is ignored, does nothing."""

    def __init__(self) -> None:
        self._former: Any = None
        self._has_come = False
        self._is_held = False

    def __enter__(self) -> Interrupts:
        former = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(former):
            self._former = former
            signal.signal(signal.SIGINT, self._notice)
        return self

    def __exit__(self, *_: object) -> None:
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)

    def check(self) -> None:
        """Raise the interrupt that has come and was lost.

        Raises:
            KeyboardInterrupt: there was one.
        """
        if self._has_come:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let an interrupt wait until the end of a few steps that belong together."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            self.check()

    def _notice(self, signum: int, frame: FrameType | None) -> None:
        self._has_come = True
        if not self._is_held:
            self._former(signum, frame)

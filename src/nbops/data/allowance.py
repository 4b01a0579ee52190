"""How long looking at an object may take, in time that was really spent on it."""

from __future__ import annotations

import time


class Allowance:
    """Seconds of this thread's own processor time.

    On a busy machine the clock runs on while others compute. Judged by the clock alone, five small objects would count
    as too much to look at, and what is known of data would depend on what else is running. The clock is asked first all
    the same, because it costs a tenth: the processor time is only looked at when the clock says that it is over.

    Args:
        seconds: how long it may take.

    Example:
        >>> Allowance(60).left() > 59
        True
        >>> Allowance(0).is_spent()
        True
    """

    __slots__ = ("_began", "_seconds", "_until")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.perf_counter() + seconds
        self._began = time.thread_time()

    def left(self) -> float:
        """Seconds that are left; zero or less when there are none."""
        left = self._until - time.perf_counter()
        return left if left > 0 else self._seconds - (time.thread_time() - self._began)

    def is_spent(self, ahead_s: float = 0.0) -> bool:
        """Whether there is no time left for what would take ``ahead_s`` seconds more."""
        return self._until - time.perf_counter() <= ahead_s and self.left() <= ahead_s

"""What is found out once in a process that will be forked, for all its forks.

Looking at an object writes to it: Python counts who refers to it. In a forked process that copies the page it lies
on, and a look at each of thousands of modules and classes copies tens of megabytes that were shared. So rooms that need
such a look register it here; the process that will be forked calls ``find_ahead`` when it has imported everything.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import TypeVar

Find = TypeVar("Find", bound=Callable[[], None])

_finds: list[Callable[[], None]] = []


def ahead(find: Find) -> Find:
    """Have a function called once before a process is forked for the first time.

    Args:
        find: finds something and keeps it where its own module looks first.

    Returns:
        The function.
    """
    _finds.append(find)
    return find


def find_ahead() -> None:
    """Call everything that was registered: all is imported, and forks come next."""
    for find in _finds:
        find()


class Newcomers:
    """The modules that were imported since the last look, without a touch of those that were there.

    Example:
        >>> newcomers = Newcomers()
        >>> "sys" in newcomers.look()
        True
        >>> newcomers.look()
        []
    """

    def __init__(self) -> None:
        self._count = 0
        self._newest: str | None = None

    def look(self) -> list[str]:
        """Names of the modules that came, the oldest first; all names where modules were taken away meanwhile."""
        count = len(sys.modules)
        if count == self._count:
            return []
        # In one call each, so that no other thread can import in between.
        last = list(itertools.islice(reversed(sys.modules), max(0, count - self._count) + 1))
        has_only_grown = count > self._count > 0 and last[-1] == self._newest
        found = last[-2::-1] if has_only_grown else [*sys.modules]
        self._count, self._newest = count, last[0]
        return found

"""Giving back what only loading needed, before the first request: memory of the C library, and pages of code."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

_DONTNEED = 4
"""Linux' number for "these pages are not needed soon"."""


def give_back() -> None:
    """Return memory to the system; where the C library or the system cannot, nothing happens.

    Most code of a large library runs once, when it is loaded. Its pages are those of the file, unchanged, and a server
    that sits beside many others should not hold them: what is called again comes back from the system's cache of files.
    """
    library = ctypes.CDLL(None)
    trim = getattr(library, "malloc_trim", None)
    if trim is not None:
        trim(0)
    advise = getattr(library, "madvise", None)
    if advise is not None and sys.platform == "linux":
        for start, length in _code():
            advise(ctypes.c_void_p(start), ctypes.c_size_t(length), _DONTNEED)


def _code() -> Iterator[tuple[int, int]]:
    """Return address and length of code that was mapped from files and cannot be written to.

    Nothing else will do: what may be written to, or was relocated, differs from its file and would be lost.
    """
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return  # a system that does not show them
    for line in lines:
        place, rights, _, _, inode, *_ = line.split()
        if rights == "r-xp" and inode != "0":
            start, end = (int(part, 16) for part in place.split("-"))
            yield start, end - start

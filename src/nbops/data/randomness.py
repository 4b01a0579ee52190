"""Where the process-wide random generators stand, told quickly: it is asked twice with every cell."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

from nbops.optional import loaded

_DRAWN_AT_IMPORT: dict[str, Callable[[random.Random], object]] = {
    "rich.style": lambda generator: generator.getrandbits(24),
}
"""Modules that draw from the process-wide generator while they are imported, and what each takes.

Half of all notebooks import one of them somehow in their first cell; none of their results depends on it.
"""


def drawers() -> frozenset[str]:
    """Name the modules imported so far that draw a random number at their import."""
    return frozenset(name for name in _DRAWN_AT_IMPORT if name in sys.modules)


def is_drawn_at_import(before: Any, after: Any, *, known: frozenset[str]) -> bool:
    """Tell whether imports alone explain where the standard library's generator stands now.

    Args:
        before: what ``randomness()["random"]`` was.
        after: what it is now.
        known: what ``drawers()`` was before.

    Example:
        >>> now = randomness()["random"]
        >>> is_drawn_at_import(now, now, known=drawers())
        False
    """
    came = drawers() - known
    if not came:
        return False
    generator = random.Random()  # noqa: S311 - it is set to a state that is known
    generator.setstate(before)
    for name in sorted(came):
        _DRAWN_AT_IMPORT[name](generator)
    return bool(generator.getstate() == after)


def randomness() -> dict[str, Any]:
    """Tell where the process-wide random generators stand.

    Returns:
        ``random`` of the standard library, and ``numpy`` where it is loaded: values to be compared with later ones.

    Example:
        >>> import random
        >>> before = randomness()
        >>> _ = random.random()
        >>> randomness() == before
        False
    """
    # A tuple of integers: comparing it runs nobody's code.
    found: dict[str, Any] = {"random": random.getstate()}
    numpy_random = loaded("numpy.random")
    if numpy_random is not None:
        found["numpy"] = _NUMPY.look(numpy_random)
    return found


_TWISTER_BYTES = 625 * 4
"""624 words and the place among them, as numpy's Mersenne Twister has them in memory."""


def numpy_state(numpy_random: Any) -> tuple[bytes, bool]:
    """Tell where numpy's process-wide generator stands.

    Returns:
        Bytes that are the same in every process; and whether it keeps a second normal number that was drawn in advance,
        which lies outside of the generator's own memory.
    """
    if type(numpy_random.get_bit_generator()) is not numpy_random.MT19937:
        return repr(numpy_random.get_state(legacy=False)).encode(), False
    name, keys, position, has_gauss, gauss = numpy_random.get_state()
    return f"{name} {position} {has_gauss} {gauss!r} ".encode() + keys.tobytes(), bool(has_gauss)


class _NumpyState:
    """Where numpy's own generator stands, asked for in full only where its memory does not tell.

    Asking costs more than all the rest of looking at a hundred names, twice with every cell.
    """

    def __init__(self) -> None:
        self._memory = b""
        self._told = 0

    def look(self, numpy_random: Any) -> int:
        """Return a number to be compared with later ones."""
        memory = self._read(numpy_random)
        if not memory or memory != self._memory:
            told, has_more = numpy_state(numpy_random)
            self._told = hash(told)
            self._memory = b"" if has_more else memory
        return self._told

    def _read(self, numpy_random: Any) -> bytes:
        generator = numpy_random.get_bit_generator()
        if type(generator) is not numpy_random.MT19937:
            return b""
        import ctypes

        return ctypes.string_at(generator.ctypes.state_address, _TWISTER_BYTES)


_NUMPY = _NumpyState()

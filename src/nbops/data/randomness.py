"""Where the process-wide random generators stand, told quickly: it is asked twice with every cell."""

from __future__ import annotations

import random
from typing import Any

from nbops.optional import loaded


def randomness() -> dict[str, int]:
    """Tell where the process-wide random generators stand.

    Returns:
        ``random`` of the standard library, and ``numpy`` where it is loaded: numbers to be compared with later ones.

    Example:
        >>> import random
        >>> before = randomness()
        >>> _ = random.random()
        >>> randomness() == before
        False
    """
    # A tuple of integers: hashing it runs nobody's code.
    found = {"random": hash(random.getstate())}
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

"""Locks that the system frees when their process ends, however it ends."""

from __future__ import annotations

import sys
from typing import IO, Any


def locked(file: IO[Any]) -> bool:
    """Lock an open file until it is closed.

    Args:
        file: opened for writing.

    Returns:
        False where another process, or another opening of the file in this one, has it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryFile() as file:
        ...     locked(file)
        True
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

"""What recording has to say to the person at the notebook: rarely, in two lines, never as an exception."""

from __future__ import annotations

import contextlib
import sys


def tell(message: str, *, hint: str) -> None:
    """Show one notice: what happened, and what to do.

    Args:
        message: one sentence with the values that matter.
        hint: the cure, as a command where there is one.
    """
    stream = sys.stderr
    # Whoever closed or replaced stderr has decided not to read notices; that must not stop their cell.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stream.write(f"nbops: {message}\n  → {hint}\n")
        stream.flush()

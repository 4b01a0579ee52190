"""Silence around our own work in a user's process."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

# As ``warnings.simplefilter("ignore")`` would write it.
_IGNORE: Any = ("ignore", None, Warning, None, 0)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Ignore warnings inside, and leave those of the user's own code as they were.

    ``warnings.catch_warnings`` makes Python forget which warnings it has shown "once": around every cell, a library's
    warning would come back with each of them. So the filter is put in and taken out without telling Python.

    Example:
        >>> with quiet():
        ...     warnings.warn("nobody sees this", stacklevel=1)
    """
    filters: Any = warnings.filters
    filters.insert(0, _IGNORE)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # somebody else has set the filters anew meanwhile
            filters.remove(_IGNORE)

"""Libraries that not everybody has, asked for with a purpose and recognised without importing them; what came in."""

from __future__ import annotations

import importlib
import itertools
import sys
from types import ModuleType

from nbops.errors import MissingError

# What to install for a module whose distribution or extra has another name.
_INSTALL = {
    "cryptography": "nbops[sign]",
    "mlflow": "nbops[mlflow]",
    "psycopg": "nbops[postgres]",
    "s3fs": "nbops[s3]",
    "sklearn": "scikit-learn",
}


def need(name: str, *, to: str) -> ModuleType:
    """Import a library, or say what it is needed for and how to get it.

    Args:
        name: the module's import name, such as ``"docker"``.
        to: what it is needed for, as an infinitive: ``"deploy a model"``.

    Returns:
        The imported module.

    Raises:
        MissingError: the library cannot be imported; the hint installs it.

    Example:
        >>> need("json", to="read a file").__name__
        'json'
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        distribution = _INSTALL.get(name, name.partition(".")[0])
        raise MissingError(
            f"to {to}, nbops needs {name!r}, which cannot be imported here ({error})",
            code="library_missing",
            hint=f"pip install '{distribution}'",
        ) from error


def loaded(name: str) -> ModuleType | None:
    """Return a module only if something has already imported it.

    An object can be a DataFrame only if pandas is loaded: this answers "is it one?" at no cost.

    Args:
        name: the module's import name.

    Returns:
        The module, or None when nobody has imported it yet.

    Example:
        >>> loaded("sys") is not None
        True
    """
    return sys.modules.get(name)


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

"""Importing scikit-learn and skops without what they only look whether it is there.

skops lists all of scikit-learn when it is imported, and with that comes what its tests need (pytest) and every library
of arrays that is installed (dask, torch, cupy); scikit-learn itself imports pandas and then asks for it by other ways.
In an environment that notebooks are written in, this is half of the server's start. Whoever needs one of them imports
it afterwards as ever.
"""

from __future__ import annotations

import importlib
import importlib.abc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

from nbops_serving.manifest import Manifest

UNNEEDED = frozenset({"cupy", "dask", "pandas", "pytest", "rich", "torch"})


class _Absent(importlib.abc.MetaPathFinder):
    """Finds none of them, as where they are not installed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in UNNEEDED:
            raise ModuleNotFoundError(f"{fullname} is left out here", name=fullname)
        return None


def import_lightly(manifest: Manifest) -> None:
    """Import what reads a bundle's model and computes it; to be called before anything of the model is loaded.

    Args:
        manifest: the bundle's; nothing is imported unless it is scikit-learn that the model needs.

    Raises:
        ModuleNotFoundError: skops or scikit-learn is not installed.
    """
    if manifest.flavour == "skops":
        needed = "skops.io"
    elif any(name.startswith("sklearn.") for name in manifest.types):
        needed = "sklearn.base"
    else:
        return
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        with _no_docstrings_read():
            importlib.import_module(needed)
    finally:
        sys.meta_path.remove(absent)


@contextmanager
def _no_docstrings_read() -> Iterator[None]:
    """Let scipy take its functions for ones without docstrings, as they are where Python runs with ``-OO``.

    It parses six hundred of them while it is imported, to add what each function is capable of, and that takes a fifth
    of the whole.
    """
    try:
        reader = importlib.import_module("scipy._lib._docscrape").NumpyDocString
        parse = reader._parse
    except (ImportError, AttributeError):  # another scipy, which may have nothing of the kind
        yield
        return
    reader._parse = lambda self: None
    try:
        yield
    finally:
        reader._parse = parse

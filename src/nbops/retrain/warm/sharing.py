"""What keeps a kernel from touching, and so copying, the memory that it shares with its zygote.

Looking at an object writes to it: Python counts who refers to it. In a forked process that copies the page it lies on,
and a look at each of thousands of modules and classes copies tens of megabytes that were shared. So the zygote makes
such looks once, and its forks look only at what came since.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib.metadata
import io
import sys
import threading
from typing import Any, NoReturn

from nbops.optional import Newcomers

# Modules of recorded kernels that look at all modules or classes, if they are there.
_LOOKING = ("nbops.capture.autolog.hooks", "nbops.capture.imports", "nbops.retrain.inputs")
_before: frozenset[str] = frozenset()
"""Names of the modules that every kernel begins with."""


def find_ahead() -> None:
    """In the zygote, when all is imported: find what every kernel would look for among it."""
    global _before
    _before = frozenset(sys.modules)
    for name in _LOOKING:
        if name in sys.modules:
            sys.modules[name].find_ahead()
    _list_files_for_ipykernel()
    _find_plugins_for_narwhals()


def _find_plugins_for_narwhals() -> None:
    """Have narwhals, by which scikit-learn knows frames, read once that no installed package has a plugin for it."""
    dependencies = sys.modules.get("narwhals.stable.v2.dependencies")
    # A plugin would be imported by the look, and nobody knows whether it survives a fork.
    if dependencies is not None and not importlib.metadata.entry_points(group="narwhals.plugins"):
        dependencies.is_into_dataframe(None)


class _File:
    """As much of a module as ipykernel reads, in memory of its own."""

    __slots__ = ("__file__",)

    def __init__(self, path: str) -> None:
        self.__file__ = path[:1] + path[1:]


class _Sys:
    """``sys`` for ipykernel's own module: the same, but for a table of modules that costs nothing to read."""

    def __init__(self) -> None:
        files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
        self._files = {name[:1] + name[1:]: _File(path) for name, path in files.items() if isinstance(path, str)}
        self._newcomers = Newcomers()
        self._newcomers.look()

    @property
    def modules(self) -> dict[str, Any]:
        return self._files | {name: sys.modules[name] for name in self._newcomers.look()}

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


def _list_files_for_ipykernel() -> None:
    """Let a kernel's debugger have its list of all modules' files without a touch of each module."""
    from ipykernel import ipkernel

    ipkernel.sys = _Sys()  # type: ignore[attr-defined,assignment] # as much of it as is used there


def leave() -> NoReturn:
    """End a kernel as an interpreter does, but leave standing what its zygote had imported.

    Taking that down would write to each of its objects, and so copy nearly all the memory that is shared with the
    zygote, right before it is given back. What the notebook has made is taken down: threads are joined, exit functions
    run (IPython's clears the namespace), modules imported since the fork go, files are written out.
    """
    threading._shutdown()  # type: ignore[attr-defined] # as the interpreter does, and multiprocessing's forks
    atexit._run_exitfuncs()
    for name in sys.modules.keys() - _before:
        del sys.modules[name]
    gc.collect()
    for thing in gc.get_objects():
        if issubclass(type(thing), io.IOBase):
            with contextlib.suppress(OSError, ValueError):
                thing.flush()
    # With its own exit functions, for libraries written in C. It keeps the lock: no other thread wakes up meanwhile.
    ctypes.PyDLL(None).exit(0)
    raise AssertionError("exit() came back")

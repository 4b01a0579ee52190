"""In the kernel of a reproduction: recorded modules are imported, and nothing is written outside the working folder.

An IPython extension. Modules of the user's own come from the files that hold them as they were, whatever ``sys.path``
says. ``open`` for writing goes into the mirrored folder, wherever the path leads, and what was written there is what is
read back; anything else that would change a file outside is refused. Not held back are other programs (``!cmd``), and
libraries that write absolute paths without Python.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

VARIABLE = "NBOPS_SCENE"
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Event → which of its arguments are paths that it changes.
_CHANGING = {
    "os.remove": (0,), "os.rename": (0, 1), "os.rmdir": (0,), "os.mkdir": (0,), "os.truncate": (0,), "os.link": (1,),
    "os.symlink": (1,), "os.chmod": (0,), "os.chown": (0,), "os.utime": (0,), "shutil.rmtree": (0,),
    "sqlite3.connect": (0,),
}  # fmt: skip


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel is told."""

    root: str
    """The project's folder: nothing in it is changed, wherever it is."""
    tree: str
    """The folder below which absolute paths are mirrored."""
    written: list[str] = []
    """Files that the run wrote: they stay as they are even where everything is temporary."""
    allowed: list[str] = []
    """Folders that may be written to all the same: bytes kept by their hash."""
    asks_secrets: bool = False
    """Whether masked sources call ``nbops.secret``, which their notebook need not have imported."""
    modules: dict[str, str]
    """Import name → file that holds it as it was."""


def load_ipython_extension(shell: Any) -> None:
    """Set the scene, before the first cell."""
    scene = msgspec.json.decode(Path(os.environ[VARIABLE]).read_bytes(), type=Scene)
    sys.meta_path.insert(0, _Recorded(scene.modules))
    if scene.asks_secrets:
        shell.user_ns["nbops"] = importlib.import_module("nbops")
    guard = _Guard(scene)
    builtins.open = io.open = guard.open
    sys.addaudithook(guard.audit)


class _Recorded(importlib.abc.MetaPathFinder):
    """Finds modules where they are as they were."""

    def __init__(self, modules: dict[str, str]) -> None:
        self._modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        file = self._modules.get(fullname)
        if file is None:
            return None
        inside = [os.path.dirname(file)] if file.endswith("__init__.py") else None  # noqa: PTH120 - as importlib wants it
        return importlib.util.spec_from_file_location(fullname, file, submodule_search_locations=inside)


class _Guard:
    """Keeps what is written inside the tree."""

    def __init__(self, scene: Scene) -> None:
        self._tree = scene.tree
        self._open: Callable[..., Any] = builtins.open
        self._own = (*(_real(folder) + os.sep for folder in (scene.tree, *scene.allowed)), "/dev/", "/proc/")
        self._root = _real(scene.root) + os.sep
        self._written = frozenset(map(_real, scene.written))
        # Caches and settings of libraries: ``~/.cache``, ``~/.config``, ``~/.ipython``; and what is temporary anyway.
        self._others = (_real(os.path.expanduser("~")) + os.sep + ".", _real(tempfile.gettempdir()) + os.sep)  # noqa: PTH111 - its own open is led here

    def open(self, file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        """``open``, with paths outside led to their mirror."""
        return self._open(self._led(file, mode), mode, *args, **options)

    def _led(self, file: Any, mode: str) -> Any:
        if type(file) is int or not isinstance(file, str | bytes | os.PathLike):
            return file
        path = os.path.abspath(os.fsdecode(file))  # noqa: PTH100 - a link is mirrored by its own name
        if self._is_inside(path):
            return file
        mirrored = self._tree + path
        is_writing = any(letter in mode for letter in "wax+")
        if not is_writing:
            return mirrored if os.path.isfile(mirrored) else file  # noqa: PTH113 - as above
        above = os.path.dirname(path)  # noqa: PTH120 - as above
        if os.path.isdir(above):  # noqa: PTH112 - as above
            os.makedirs(self._tree + above, exist_ok=True)  # noqa: PTH103 - as above
        is_kept = any(letter in mode for letter in "a+")
        if is_kept and os.path.isfile(path) and not os.path.exists(mirrored):  # noqa: PTH110, PTH113 - as above
            with self._open(path, "rb") as before, self._open(mirrored, "wb") as copy:
                copy.write(before.read())
        return mirrored

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Refuse what would change something outside."""
        if event == "open":
            path, mode, flags = args
            if type(mode) is str:
                if not any(letter in mode for letter in "wax+"):
                    return
            elif not (flags or 0) & _WRITING:
                return
            self._check(path)
        elif event in _CHANGING:
            for place in _CHANGING[event]:
                if len(args) > place:
                    self._check(args[place])

    def _check(self, given: Any) -> None:
        if not isinstance(given, str | bytes | os.PathLike):
            return  # a descriptor: it was opened by its name before
        text = os.fsdecode(given)
        if text == ":memory:" or text.startswith("file:") or not text:
            return
        if not self._is_inside(_real(text)):
            raise PermissionError(f"a reproduction writes nothing outside its own folder, and this is outside: {text}")

    def _is_inside(self, path: str) -> bool:
        if path.startswith(self._own):
            return True
        return path.startswith(self._others) and not path.startswith(self._root) and path not in self._written


def _real(path: str) -> str:
    return os.path.realpath(path)

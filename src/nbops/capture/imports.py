"""Which modules of the user's own a process has imported, and the native libraries it computes with.

A module's text is part of what a number depends on, and its file may be another one tomorrow. It is looked for where
``sys.modules`` has grown, and where a module that is known was loaded again.
"""

from __future__ import annotations

import hashlib
import os
import site
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

from nbops.optional import Newcomers, loaded
from nbops.records import ImportedModule, ModuleVersion, ThreadPool

_MOST_MODULES = 300
# Who brings libraries with threads of their own.
_COMPUTING = ("numpy", "scipy.linalg", "sklearn", "lightgbm", "xgboost", "torch", "numexpr")


class Imports:
    """What one process has imported so far.

    Args:
        root: the project's folder; paths inside it are told relative to it.
        versions: gives the module versions of a file's content, by its sha256.
    """

    def __init__(self, root: str, versions: Callable[[str], list[ModuleVersion]]) -> None:
        self._root = root
        self._versions = versions
        self._newcomers = _ahead.newcomers if _ahead is not None else Newcomers()
        self._waiting = [*_ahead.own] if _ahead is not None else []
        self._seen: set[str] = set()
        self._files: dict[str, tuple[str, int, object]] = {}
        """Module → its file, when that was written, and the spec that the module was loaded by."""
        self._computing: list[str] | None = None
        """What computes here, at the last look; None before the first."""
        self.modules: list[ImportedModule] = []
        self.thread_pools: list[ThreadPool] = []
        self._foreign = _foreign_folders()

    def look(self, execution_id: str | None) -> bool:
        """Look what was imported since the last look; True where something that is recorded changed.

        Args:
            execution_id: the execution that has just ended.
        """
        changed = self._loaded_again(execution_id)
        came = [*self._waiting, *self._newcomers.look()]
        if not came and self._computing is not None:
            return changed
        self._waiting.clear()
        for name in came:
            if name not in self._seen:
                self._seen.add(name)
                path = _own_file(name, self._foreign)
                changed |= path is not None and self._note(name, path, execution_id)
        return self._looked_at_threads() or changed

    def _loaded_again(self, execution_id: str | None) -> bool:
        """Known modules that compute with another text now."""
        if "IPython.extensions.autoreload" in sys.modules:
            # It puts new code into the functions of a module whose file was written, and leaves the module as it is.
            found = [name for name, (path, written, _) in self._files.items() if _written_at(path) not in (0, written)]
        else:
            # Whoever reloads a module gives it another spec; asking the disk would cost a plain cell a tenth more.
            found = [name for name, (_, _, spec) in self._files.items() if _spec_of(name) is not spec]
        noted = [self._note(name, self._files[name][0], execution_id) for name in found]
        return any(noted)

    def _note(self, name: str, path: str, execution_id: str | None) -> bool:
        try:
            text = Path(path).read_bytes()
        except OSError:
            return False
        digest = hashlib.sha256(text).hexdigest()
        self._files[name] = (path, _written_at(path), _spec_of(name))
        known = [module.digest for module in self.modules if module.name == name]
        if (known and known[-1] == digest) or len(self.modules) >= _MOST_MODULES:
            return False
        version = _of_module(name, self._versions(digest))
        self.modules.append(
            ImportedModule(
                name=name,
                path=_within(self._root, path),
                digest=digest,
                version=version.version if version is not None else "",
                version_id=version.id if version is not None else None,
                execution_id=execution_id,
            )
        )
        return True

    def _looked_at_threads(self) -> bool:
        computing = _computing()
        if computing == self._computing:
            return False
        self._computing = computing
        if _ahead is not None and computing == _ahead.computing:
            found = _ahead.thread_pools
        else:
            found = _thread_pools() if computing else []
        changed, self.thread_pools = found != self.thread_pools, found
        return changed


def _computing() -> list[str]:
    return [name for name in _COMPUTING if loaded(name) is not None]


def _thread_pools() -> list[ThreadPool]:
    """The native libraries of this process; found by a walk over all libraries it has loaded."""
    try:
        import threadpoolctl
    except ImportError:
        return []
    return [
        ThreadPool(
            library=str(pool["internal_api"]),
            version=str(pool.get("version") or ""),
            core=str(pool.get("architecture") or ""),
            threads=int(pool["num_threads"]),
        )
        for pool in threadpoolctl.threadpool_info()
    ]


class _Ahead:
    """What stands in all forks of a process: which of its modules are the user's own, and its native libraries."""

    def __init__(self) -> None:
        self.newcomers, foreign = Newcomers(), _foreign_folders()
        self.own = [name for name in self.newcomers.look() if _own_file(name, foreign) is not None]
        self.computing = _computing()
        self.thread_pools = _thread_pools() if self.computing else []


_ahead: _Ahead | None = None


def find_ahead() -> None:
    """Look once for all forks of this process, which has imported everything."""
    global _ahead
    _ahead = _Ahead()


def _foreign_folders() -> tuple[str, ...]:
    """Where modules lie that are not the user's own."""
    # Of `site`, which every interpreter has loaded: `sysconfig` reads a file of build settings for its paths.
    installed = (Path(os.__file__).parent, *site.getsitepackages())
    own = Path(__file__).parents[1]
    return (*(str(folder) + os.sep for folder in (*installed, own, own.with_name("nbops_serving"))),)


def _own_file(name: str, foreign: tuple[str, ...]) -> str | None:
    """The source of a module of the user's own; None for all others."""
    module = sys.modules.get(name)
    # Read past lazy modules' __getattr__: looking must import nothing.
    path = vars(module).get("__file__") if isinstance(module, ModuleType) else None
    if name == "__main__" or type(path) is not str or not path.endswith(".py"):
        return None
    path = os.path.abspath(path)  # noqa: PTH100 - a Path would cost more for thousands of modules
    if path.startswith(foreign) or "/site-packages/" in path or "/dist-packages/" in path:
        return None
    return path


def _of_module(name: str, versions: Iterable[ModuleVersion]) -> ModuleVersion | None:
    """The version that is this module, under its own name or under the one that belongs to its content alone."""
    frozen = f"__{name.rpartition('__')[2]}"
    for version in versions:
        if version.module == name or name == f"{version.module.replace('.', '__')}{frozen}":
            return version
    return None


def _spec_of(name: str) -> object:
    module = sys.modules.get(name)
    return module.__dict__.get("__spec__") if isinstance(module, ModuleType) else None


def _written_at(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - may be asked after every cell
    except OSError:
        return 0


def _within(root: str, path: str) -> str:
    try:
        return Path(path).relative_to(root).as_posix()
    except ValueError:
        return path

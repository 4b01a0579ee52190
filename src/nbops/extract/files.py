"""Where a module lives in the project, and writing it so that no moment leaves half of it."""

from __future__ import annotations

import contextlib
import keyword
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from nbops.errors import ConflictError, ExtractError, UsageError
from nbops.source.writing import write_whole


def checked_name(module: str) -> str:
    """Return a dotted module name that can be imported and hides nothing, or say what is wrong with it.

    Raises:
        UsageError: it is not a dotted name, or its package is one of Python's own.

    Example:
        >>> checked_name("churn.features")
        'churn.features'
    """
    parts = module.split(".")
    wrong = next((part for part in parts if not part.isidentifier() or keyword.iskeyword(part)), None)
    if wrong is not None:
        raise UsageError(
            f"--to {module!r} is not a module name: {wrong!r} cannot be imported",
            hint="nbops extract NAME --to pkg.module",
        )
    if parts[0] in sys.stdlib_module_names:
        raise UsageError(
            f"--to {module!r} would hide Python's own module {parts[0]!r}", hint=f"nbops extract NAME --to my_{module}"
        )
    return module


def source_folder(root: Path) -> Path:
    """The folder that modules are imported from: ``src`` where the project has one, else the project itself."""
    return root / "src" if (root / "src").is_dir() else root


def module_path(root: Path, module: str) -> Path:
    """Where a module's file is: ``src/a/b.py`` if ``src`` exists, else ``a/b.py``.

    Raises:
        ConflictError: a package stands where the module should be, or a module where its package should be.

    Example:
        >>> module_path(Path("/nowhere"), "churn.features").as_posix()
        '/nowhere/churn/features.py'
    """
    folder = source_folder(root)
    path = folder.joinpath(*module.split(".")).with_suffix(".py")
    package = path.with_suffix("")
    if (package / "__init__.py").exists() and not path.exists():
        raise ConflictError(
            f"{module} is a package ({package}), so it cannot be a module",
            hint=f"nbops extract NAME --to {module}.functions",
        )
    for parent in path.relative_to(folder).parents:
        if parent.name and (folder / parent).with_suffix(".py").exists():
            taken = (folder / parent).with_suffix(".py")
            raise ConflictError(f"{taken} is a module, so {module} cannot be inside it", hint="choose another --to")
    return path


def search_folders(root: Path, notebook: str | None) -> list[Path]:
    """Folders of the project that its modules may import from: the source folder, the root, the notebook's own."""
    folders = [source_folder(root), root]
    if notebook:
        folders.append((root / notebook).parent)
    return list(dict.fromkeys(folder.absolute() for folder in folders))


def write(path: Path, data: bytes) -> None:
    """Replace a file in one step, so that whoever looks sees the old one or the new one.

    Raises:
        ExtractError: the file cannot be written.
    """
    try:
        write_whole(path, data)
    except OSError as error:
        raise ExtractError(f"{path} cannot be written: {error.strerror}", hint=f"ls -ld {path.parent}") from error


def write_module(root: Path, module: str, source: str) -> Path:
    """Write a module's file and the ``__init__.py`` of packages that lack one."""
    path = module_path(root, module)
    folder = source_folder(root)
    for parent in reversed(path.relative_to(folder).parents):
        package = folder / parent
        if parent.name and not (package / "__init__.py").exists():
            write(package / "__init__.py", b"")
    if not path.exists() or path.read_bytes() != source.encode():
        write(path, source.encode())
    return path


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let an interrupt that comes when everything is decided come too late: what is written takes milliseconds."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        # None stands for a handler that was not set from Python, and cannot be set again from there.
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)


@contextlib.contextmanager
def only_one(root: Path, module: str) -> Iterator[None]:
    """Let one process at a time make a version of a module, so that two never take the same number."""
    folder = root / ".nbops" / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / f"{module}.lock").open("w")
    except OSError as error:
        raise ExtractError(f"{folder} cannot be written: {error.strerror}", hint=f"ls -ld {root}") from error
    with file:
        _lock(file)
        yield


def _lock(file: IO[str]) -> None:
    try:
        import fcntl
    except ImportError:
        return  # Windows has no flock; there, versions are numbered by one process at a time
    # Some network file systems have no locks; a project there is used by one person at a time.
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX)

"""Who works, on which machine, in which notebook: read off the process, without asking any server."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbops.settings import STORE_FOLDER


def user() -> str:
    """Name of the account that runs this process; empty when the system does not tell."""
    named = os.environ.get("LOGNAME") or os.environ.get("USER") or os.environ.get("USERNAME")
    if named:
        return named
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):  # no such module on Windows; an id without an account in some containers
        return ""


def host() -> str:
    """Name of this machine."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")


def folder(root: str) -> str | None:
    """The current folder, relative to the project when inside (``.`` for the project itself); None where it is gone."""
    try:
        here = Path.cwd()
    except OSError:
        return None
    return here.relative_to(root).as_posix() if here.is_relative_to(root) else str(here)


def key(root: str) -> bytes:
    """What texts are hashed with in this project, so that nobody who has only the store can guess them.

    It is made at its first use and never leaves the project's folder; empty where it cannot be kept.
    """
    path = Path(root) / STORE_FOLDER / "key"
    fresh = path.with_name(f"key.{os.getpid()}")
    try:
        if not path.exists():
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:  # noqa: PTH123 - with its mode
                file.write(os.urandom(32))
            with contextlib.suppress(FileExistsError):  # another kernel was first, and its key counts
                os.link(fresh, path)
            fresh.unlink()
        return path.read_bytes()
    except OSError:
        return b""


def notebook(namespace: Mapping[str, Any], root: str) -> str | None:
    """Find the path of the notebook whose kernel this is.

    Args:
        namespace: the shell's variables; VS Code leaves the path there.
        root: the project's folder.

    Returns:
        The path, relative to the project when it is inside, with ``/`` between its parts; None outside a notebook.

    Example:
        >>> notebook({"__vsc_ipynb_file__": "/home/ana/churn/train.ipynb"}, "/home/ana/churn")
        'train.ipynb'
    """
    named = os.environ.get("NBOPS_NOTEBOOK") or namespace.get("__vsc_ipynb_file__")
    if not isinstance(named, str):
        named = os.environ.get("JPY_SESSION_NAME")
    # A console's session has a name too, but it is not a file.
    if not named or not named.endswith(".ipynb"):
        return None
    return _within(root, _located(named))


def script() -> str:
    """Name for the run of a plain script: its file's name, else ``python``."""
    started = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else ""
    return started if started not in ("", "-c", "-m", "__main__") else "python"


def _located(named: str) -> Path:
    """Make a path absolute; the server names it from its own root, the kernel works in the notebook's folder."""
    path = Path(named)
    if path.is_absolute():
        return path
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / path).is_file():
            return folder / path
    return here / path.name


def _within(root: str, path: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()

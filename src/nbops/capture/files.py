"""Files that a cell read or wrote: seen when Python opens them, or named by the cell where a library opens its own.

An audit hook cannot be taken out again, so there is one for the process, and it does nothing between cells. It does not
see files that pyarrow opens (Parquet, Feather); those are found through the paths that stand in the cell.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from nbops.records import Evidence, FileTouch

_MOST_FILES = 1_000
_MOST_RECORDED = 200
_CHUNK = 1 << 20


class _Opening(msgspec.Struct):
    """What is known of a file that the running cell opened."""

    is_written: bool
    before: FileTouch | None = None
    """What the cell read of it, told just before the same cell wrote it."""


_opened: dict[str, _Opening] | None = None
"""Path → opening, while a cell runs."""
_last_read: Callable[[str], FileTouch | None] | None = None
"""Tells what a file holds that is about to be written by the cell that has read it."""
_is_installed = False
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is None or event != "open":
        return
    path, mode, flags = arguments
    if type(path) is bytes:
        path = os.fsdecode(path)
    if type(path) is not str or len(_opened) >= _MOST_FILES:
        return  # a file descriptor: it was opened by its name before
    named = mode if type(mode) is str else ""
    is_writing = any(letter in named for letter in "wax+") if named else bool((flags or 0) & _WRITING)
    known = _opened.get(path)
    if known is None:
        known = _opened[path] = _Opening(is_written=False)
        is_read = "r" in named  # r+, which changes in place what stands there
    else:
        is_read = not known.is_written
    if is_writing and not known.is_written:
        known.is_written = True  # first: to look at the file opens it
        if is_read and _last_read is not None:
            known.before = _last_read(path)


class Files:
    """What is known of the files of one session.

    Args:
        root: the project's folder; paths inside it are told relative to it.
        budget_s: seconds that reading the files of one cell may take.
    """

    def __init__(self, root: str, *, budget_s: float = 0.05) -> None:
        self._root = root
        self._budget_s = budget_s
        self._digests: dict[tuple[str, int, int], str] = {}
        self._until = 0.0
        paths = sysconfig.get_paths()
        self._ignored = (
            *{paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")},
            os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,  # noqa: PTH100, PTH120 - as below
            os.path.join(root, ".nbops") + os.sep,  # noqa: PTH118 - compared with texts, as all paths here are
            "/proc/", "/sys/", "/dev/", "/etc/", "/usr/share/",
        )  # fmt: skip

    def begin(self) -> None:
        """Note openings from now on."""
        global _opened, _last_read, _is_installed
        if not _is_installed:
            sys.addaudithook(_audit)
            _is_installed = True
        self._until = time.perf_counter() + self._budget_s
        _opened, _last_read = {}, self._read_before

    def end(self, named: Iterable[str], since: float) -> list[FileTouch]:
        """Stop noting, and tell which files were touched.

        Args:
            named: paths that stand in the cell's code or variables.
            since: when the cell began, in seconds since the epoch.
        """
        global _opened
        opened, _opened = _opened or {}, None
        deadline = time.perf_counter() + self._budget_s
        found: dict[str, FileTouch] = {}
        for path, opening in opened.items():
            touch = self._touch(path, "written" if opening.is_written else "read", "token", deadline)
            if touch is not None:
                found[touch.path] = touch
        for path in named:
            touch = self._touch(path, None, "named", deadline, since)
            if touch is not None:
                found.setdefault(touch.path, touch)
        read_before = [opening.before for opening in opened.values() if opening.before is not None]
        return [*read_before, *found.values()][:_MOST_RECORDED]

    def _read_before(self, path: str) -> FileTouch | None:
        """Tell what a file holds while the cell runs; its time counts from the cell's beginning or is cut short."""
        began = time.perf_counter()
        return self._touch(path, "read", "token", max(self._until, began + self._budget_s / 10))

    def _touch(
        self,
        path: str,
        action: Literal["read", "written"] | None,
        evidence: Evidence,
        deadline: float,
        since: float = 0.0,
    ) -> FileTouch | None:
        absolute = os.path.abspath(path)  # noqa: PTH100 - a Path would follow links
        if absolute.startswith(self._ignored) or absolute.endswith((".pyc", ".so", ".ipynb", "history.sqlite")):
            return None
        if "/ipykernel_" in absolute or "\0" in absolute:
            return None
        try:
            status = os.stat(absolute)  # noqa: PTH116 - as above
        except (OSError, ValueError):
            return None  # not a file, or gone again
        if not 0o100000 <= status.st_mode < 0o110000:
            return None
        if action is None:
            action = "written" if status.st_mtime >= since else "read"
        return FileTouch(
            path=_within(self._root, absolute),
            action=action,
            evidence=evidence,
            size_bytes=status.st_size,
            digest=self._digest(absolute, status, deadline),
        )

    def _digest(self, path: str, status: os.stat_result, deadline: float) -> str:
        key = (path, status.st_mtime_ns, status.st_size)
        known = self._digests.get(key)
        if known is not None:
            return known
        import xxhash

        state = xxhash.xxh3_128()
        try:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
                while piece := file.read(_CHUNK):
                    state.update(piece)
                    if time.perf_counter() > deadline:
                        return ""
        except OSError:
            return ""
        if len(self._digests) >= _MOST_FILES:
            self._digests.clear()
        self._digests[key] = state.hexdigest()
        return self._digests[key]


def _within(root: str, path: str) -> str:
    try:
        return Path(path).relative_to(root).as_posix()
    except ValueError:
        return path

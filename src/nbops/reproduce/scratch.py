"""The folder a reproduction works in: the project as the run found it, and nothing that it could spoil.

Absolute paths are mirrored below one folder, ``tree/home/ada/project/data.csv``, so that ``../shared/x.csv`` leads to
the same place as in the project. What the run read is put there as it was: copied, or linked where it is large and the
run never wrote it. What the run writes stays there and goes with the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from nbops.records import FileTouch, ImportedModule
from nbops.reproduce.plan import Plan
from nbops.store.locks import locked

_COPIED_BYTES = 64 << 20
_CHUNK = 1 << 20
_GIT_TIMEOUT_S = 30.0


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An input as it is to be put in place."""

    path: Path
    """Where it belongs, in the project or elsewhere."""
    content: bytes | None = None
    """Its recorded text, where the file there is another one now; None for the file as it is."""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """An input that cannot be had as it was."""

    what: str
    """``input data.csv``, ``module helpers``."""
    recorded: str
    now: str


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan needs to find, and what of it is another one now."""

    files: list[Found]
    modules: dict[str, Found]
    """Import name → its text."""
    changed: list[Changed]


def inputs_of(plan: Plan, *, root: Path, sources: dict[str, str]) -> Inputs:
    """Look for what a plan reads, by its hash.

    Args:
        plan: what is to be run.
        root: the project's folder.
        sources: recorded text of module versions, by its sha256.

    Returns:
        What there is. A file that is another one now is taken from the commit the run was recorded at, where that has
        it as it was; what cannot be had is in ``changed``, and its present form in its place.
    """
    files, modules, changed = [], {}, []
    for file in plan.files:
        found, trouble = _file(file, root, plan.run.git_commit)
        files += [found] if found else []
        changed += [trouble] if trouble else []
    for module in plan.modules:
        found, trouble = _module(module, root, plan.run.git_commit, sources)
        if found:
            modules[module.name] = found
        changed += [trouble] if trouble else []
    return Inputs(files=files, modules=modules, changed=changed)


def _file(file: FileTouch, root: Path, commit: str | None) -> tuple[Found | None, Changed | None]:
    path = root / file.path
    if path.is_file():
        size = path.stat().st_size
        # A file that took too long to hash while its cell ran is known by its size alone.
        if size == file.size_bytes and (not file.digest or _xxh3(path) == file.digest):
            return Found(path=path), None
    content = _committed(root, commit, file.path)
    if content is not None and file.digest and _xxh3_of(content) == file.digest:
        return Found(path=path, content=content), None
    recorded = file.digest[:16] or f"{file.size_bytes:,} bytes"
    now = _xxh3(path)[:16] if path.is_file() else "not there"
    trouble = Changed(what=f"input {file.path}", recorded=recorded, now=now)
    return (Found(path=path) if path.is_file() else None), trouble


def _module(
    module: ImportedModule, root: Path, commit: str | None, sources: dict[str, str]
) -> tuple[Found | None, Changed | None]:
    path = root / module.path
    present = path.read_bytes() if path.is_file() else None
    if present is not None and _sha256(present) == module.digest:
        return Found(path=path, content=present), None
    if module.digest in sources:
        return Found(path=path, content=sources[module.digest].encode()), None
    content = _committed(root, commit, module.path)
    if content is not None and _sha256(content) == module.digest:
        return Found(path=path, content=content), None
    now = "not there" if present is None else _sha256(present)[:16]
    trouble = Changed(what=f"module {module.name}", recorded=module.digest[:16], now=now)
    return (None if present is None else Found(path=path, content=present)), trouble


def _committed(root: Path, commit: str | None, path: str) -> bytes | None:
    """A file as a commit has it; None where it has none, or there is no git."""
    if commit is None or Path(path).is_absolute():
        return None
    command = ["git", "show", f"{commit}:./{path}"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, timeout=_GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


class Scratch:
    """A working folder for one reproduction.

    Args:
        folder: where it is made.
        root: the project's folder, which is mirrored in it.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        self.root = self.mirrored(root)

    def mirrored(self, path: Path) -> Path:
        """Where an absolute path is in this folder."""
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - a link is mirrored by its own name
        return self.tree.joinpath(*absolute.parts[1:])

    def fill(self, inputs: Inputs, *, written: frozenset[Path], cwd: Path) -> None:
        """Put everything in its place.

        Args:
            inputs: what was found.
            written: absolute paths that the run writes, so that they must be copies.
            cwd: the folder it begins in.
        """
        self.mirrored(cwd).mkdir(parents=True, exist_ok=True)
        for path in written:
            self.mirrored(path).parent.mkdir(parents=True, exist_ok=True)
        for found in [*inputs.files, *inputs.modules.values()]:
            place = self.mirrored(found.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            if found.content is not None:
                place.write_bytes(found.content)
            elif found.path.stat().st_size <= _COPIED_BYTES or found.path in written:
                shutil.copy2(found.path, place)
            else:
                place.symlink_to(found.path.resolve())


@contextlib.contextmanager
def scratch(folder: Path, *, root: Path) -> Iterator[Scratch]:
    """Make a working folder for the time of a ``with`` block, and clear away what killed reproductions have left.

    Args:
        folder: where all of them are; a new one is made in it.
        root: the project's folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear(folder.parent)
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        locked(lock)
        try:
            yield Scratch(folder, root)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _clear(above: Path) -> None:
    for left in above.iterdir():
        lock = left / "lock"
        if not lock.is_file():
            continue
        with lock.open("r+") as file:
            is_abandoned = locked(file)
        if is_abandoned:
            shutil.rmtree(left, ignore_errors=True)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _xxh3(path: Path) -> str:
    import xxhash

    state = xxhash.xxh3_128()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            state.update(piece)
    return str(state.hexdigest())


def _xxh3_of(content: bytes) -> str:
    import xxhash

    return str(xxhash.xxh3_128_hexdigest(content))

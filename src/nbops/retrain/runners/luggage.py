"""What travels with a notebook to a machine that has none of the project: its own modules and the files it names.

Modules are found by the notebook's imports, and by the imports of what they bring; files by the texts in its code and
its parameters that are paths, and by what an earlier run had read. Hidden files never travel, nor does anything
outside the project except modules.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
import importlib.util
import io
import os
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nbops.errors import RetrainError, UsageError
from nbops.records import Run
from nbops.retrain import recipe
from nbops.retrain.inputs import Inputs

if TYPE_CHECKING:
    from nbops.retrain.runners import Site

# Packages that a worker must have installed itself: it is refused without them.
_OURS = {"nbops", "nbops_serving"}
_GLOB = set("*?[")
_LONGEST_PATH = 1000
_MOST_FILES = 20_000
# Where modules travel that lie outside the project: an editable install, a folder of PYTHONPATH.
ELSEWHERE = ".modules"
PROJECT = "project"


@dataclass(frozen=True)
class Luggage:
    """Files of a project, packed once for all runs of a sweep."""

    digest: str
    packed: bytes
    """A tar file, gzipped, with ``project/…``."""
    notebook: str
    """Where the notebook lies in it, from ``project``; only its folder has to exist."""
    python_path: tuple[str, ...]
    """Folders in it that modules are imported from, from ``project``."""
    left_out: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Path in it of a file that is too large to travel → where it lies here, and its bytes."""


def pack(site: Site) -> Luggage:
    """Collect and pack what the runs of a notebook need.

    Args:
        site: the notebook, the project, and what else is to be shipped.

    Raises:
        UsageError: a file that is to be shipped is not there, or lies outside the project.
    """
    search = _Search(site)
    search.modules(_sources(site))
    for text in search.texts():
        search.named(text)
    for text in _parameter_texts(site):
        search.named(text)
    search.read_before()
    for pattern in site.ship:
        search.asked(pattern)
    return search.packed()


def unpack(packed: bytes, folder: Path) -> None:
    """Put what was packed into a folder: files and folders below it, and nothing else.

    Raises:
        RetrainError: something would land outside of the folder, or is no plain file; nothing is written then.
    """
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        members = tar.getmembers()
        for member in members:
            inside = PurePosixPath(member.name)
            if inside.is_absolute() or ".." in inside.parts or not (member.isreg() or member.isdir()):
                raise RetrainError(f"{member.name!r} cannot be unpacked: it is no plain file below its folder")
        # Python 3.11.2, which Debian 12 has, knows of no filters yet.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(folder, members)  # noqa: S202 - looked at one by one above


class _Search:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._root = _absolute(site.settings.root)
        path = _absolute(site.book.path)
        self._is_inside = path.is_relative_to(self._root)
        self._folder = path.parent
        self._code: dict[str, Path] = {}
        self._data: dict[str, Path] = {}
        self._trees: list[ast.AST] = []
        self._seen_modules: set[str] = set()

    # ── modules ───────────────────────────────────────────────────────────────────────────────────────────────────

    def modules(self, sources: Iterable[str]) -> None:
        """Take the project's own modules that some code imports, and those that they import."""
        waiting = [name for source in sources for name in self._imports(source)]
        while waiting:
            name = waiting.pop()
            if name in self._seen_modules or name in _OURS or name in sys.stdlib_module_names:
                continue
            self._seen_modules.add(name)
            for path in self._module(name):
                if path.suffix == ".py":
                    waiting += self._imports(path.read_text("utf-8", "replace"))

    def _imports(self, source: str) -> list[str]:
        tree = _parsed(source)
        self._trees.append(tree)
        found = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found += [alias.name.partition(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.append(node.module.partition(".")[0])
        return found

    def _module(self, name: str) -> list[Path]:
        """Take one top-level module or package; none for those that are installed."""
        for folder in (self._folder, self._root / "src", self._root):
            for path in (folder / name, folder / f"{name}.py"):
                if (path.is_dir() and any(path.glob("*.py"))) or path.is_file():
                    return self._taken(path, folder, name)
        found = _own_elsewhere(name)
        return self._taken(found, found.parent, name) if found is not None else []

    def _taken(self, path: Path, folder: Path, name: str) -> list[Path]:
        files = list(_files_of(path)) if path.is_dir() else [path]
        for file in files:
            inside = self._inside(file)
            self._code[inside or f"{ELSEWHERE}/{file.relative_to(folder).as_posix()}"] = file
        return files

    # ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def texts(self) -> Iterator[str]:
        """Every text in the code that may be a path."""
        for tree in self._trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value

    def named(self, text: str) -> None:
        """Take the files that a text names, if it names any."""
        if not 0 < len(text) <= _LONGEST_PATH or "\n" in text or "\0" in text:
            return
        for path in self._matching(text):
            self._take(path)

    def _matching(self, text: str) -> list[Path]:
        try:
            if _GLOB & set(text):
                # A pattern from the root of the disk is no path of a project.
                return [] if Path(text).is_absolute() else sorted(self._folder.glob(text))
            path = Path(text)
            path = path if path.is_absolute() else self._folder / path
            return [path] if path.exists() else []
        except (OSError, ValueError, NotImplementedError):
            return []  # a text that is no path at all

    def _take(self, path: Path) -> None:
        path = _absolute(path)
        if path.is_dir():
            # The folder of the notebook, or one around it, is the project and not an input.
            if not self._folder.is_relative_to(path):
                for file in _files_of(path):
                    self._take(file)
            return
        inside = self._inside(path)
        if inside is not None and path.is_file() and not _is_hidden(inside) and len(self._data) < _MOST_FILES:
            self._data[inside] = path

    def _inside(self, path: Path) -> str | None:
        """Where a file of the project lies in the luggage; None for one outside."""
        if path.is_relative_to(self._root):
            return path.relative_to(self._root).as_posix()
        if not self._is_inside and path.is_relative_to(self._folder):
            return path.relative_to(self._folder).as_posix()
        return None

    def read_before(self) -> None:
        """Take what the last finished run of this notebook had read."""
        import msgspec

        from nbops.retrain.execution import relative

        site = self._site
        notebook = relative(site.book.path, site.settings)
        for run in site.store.find(Run, notebook=notebook, status="finished", limit=1):
            try:
                read = msgspec.json.decode(recipe.inputs_file(run.id, site.settings).read_bytes(), type=Inputs)
            except (OSError, msgspec.MsgspecError):
                continue  # a run of an older nbops, or one that was told to record nothing
            for path in read.files:
                self._take(Path(path))

    def asked(self, pattern: str) -> None:
        """Take what the user asked for, or refuse it."""
        found = self._matching(pattern)
        if not found:
            raise UsageError(
                f"--ship {pattern}: there is no such file in {self._folder}",
                code="file_not_found",
                hint=f"ls {self._folder}",
            )
        for path in found:
            if self._inside(_absolute(path)) is None:
                raise UsageError(
                    f"--ship {pattern}: {path} lies outside the project {self._root}, where no run would look for it",
                    hint=f"copy it into {self._root}",
                )
            self._take(path)

    # ── packing ───────────────────────────────────────────────────────────────────────────────────────────────────

    def packed(self) -> Luggage:
        """Pack all of it: code always, data as long as there is room, small files first."""
        room = self._site.settings.ship_bytes
        left_out: dict[str, tuple[str, int]] = {}
        files = dict(self._code)
        data = {name: path for name, path in self._data.items() if name not in files}
        for name, path in sorted(data.items(), key=lambda item: (item[1].stat().st_size, item[0])):
            size = path.stat().st_size
            room -= size
            if room < 0:
                left_out[name] = (str(path), size)
            else:
                files[name] = path
        pyproject = self._root / "pyproject.toml"
        if pyproject.is_file():
            files["pyproject.toml"] = pyproject  # [tool.nbops] tells the kernel what is recorded
        packed = _tar(files)
        path = self._site.book.path
        return Luggage(
            digest=hashlib.sha256(packed).hexdigest()[:32],
            packed=packed,
            notebook=self._inside(_absolute(path)) or path.name,
            python_path=("src", ".", ELSEWHERE),
            left_out=left_out,
        )


def _sources(site: Site) -> list[str]:
    return [cell.source for cell in site.book.node.cells if cell.cell_type == "code"]


def _parameter_texts(site: Site) -> Iterator[str]:
    for parameter in site.book.known.parameters:
        if isinstance(parameter.default, str):
            yield parameter.default


def _parsed(source: str) -> ast.Module:
    """The tree of some code; of its import lines alone where magics or another language are between them."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        body: list[ast.stmt] = []
        for line in source.splitlines():
            try:
                body += ast.parse(line.strip()).body
            except (SyntaxError, ValueError):
                continue  # a magic, or a line of a statement that spans several
        return ast.Module(body=body, type_ignores=[])


def _own_elsewhere(name: str) -> Path | None:
    """A module outside the project that nobody installed from a package: its file, or its folder."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.has_location:
        return None
    path = Path(spec.origin).resolve()
    installed = {Path(where).resolve() for where in sysconfig.get_paths().values()}
    if any(path.is_relative_to(where) for where in installed) or "site-packages" in path.parts:
        return None
    if path.suffix not in importlib.machinery.SOURCE_SUFFIXES:
        return None
    return path.parent if path.name == "__init__.py" else path


def _absolute(path: str | Path) -> Path:
    # Not resolved: what a link in the project leads to travels under the link's own name.
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps the ".." in it


def _files_of(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        if path.is_file() and not _is_hidden(inside) and "__pycache__" not in path.parts:
            yield path


def _is_hidden(inside: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(inside).parts)


def _tar(files: Mapping[str, Path]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", compresslevel=1) as tar:
        for name, path in sorted(files.items()):
            tar.add(path.resolve(), arcname=f"{PROJECT}/{name}", filter=_anonymous)
    return target.getvalue()


def _anonymous(info: tarfile.TarInfo) -> Any:
    """Who owns a file here is nobody's affair there."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info

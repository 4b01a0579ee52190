"""Where a notebook stands while it runs, and the files that it runs with ``%run``, as far as they are at hand."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbops.extract.hidden import is_inside
from nbops.source import Unit, read_notebook
from nbops.source.magics import body_of, magic_call
from nbops.source.trees import dotted_name


@dataclass(frozen=True)
class FileRun:
    """A file that ``%run`` ran."""

    path: Path
    has_own_namespace: bool
    """Whether its functions look names up in the file, as those of a ``.py`` do without ``-i``."""
    texts: Callable[[], list[str]]
    """Its cells; raises what reading the file does."""


class Place:
    """Follows ``%cd`` and ``%%writefile`` from statement to statement.

    Args:
        folder: where the notebook began; None where that is not known.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._written: dict[Path, str] = {}

    def note(self, unit: Unit) -> None:
        """Take in where a statement goes and which file it writes."""
        call = unit.node.value if isinstance(unit.node, ast.Expr) else None
        if not isinstance(call, ast.Call):
            return
        magic = magic_call(call)
        if magic is None:
            if dotted_name(call.func) in {"os.chdir", "chdir"}:
                given = call.args[0] if call.args else None
                self._go(given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else "$")
        elif magic[0] == "run_line_magic" and magic[1] in {"cd", "pushd"}:
            self._go(" ".join(word for word in magic[2].split() if word != "-q").strip("\"'") or "~")
        elif magic[0] == "run_cell_magic" and magic[1] in {"writefile", "file"}:
            self._write(magic[2].split(), body_of(call))

    def _go(self, target: str) -> None:
        is_plain = not target.startswith("-") and not set(target) & set("${")
        folder = self.folder / Path(target).expanduser() if self.folder is not None and is_plain else None
        self.folder = folder.resolve() if folder is not None and folder.is_dir() else None

    def _write(self, words: list[str], body: str) -> None:
        names = [word.strip("\"'") for word in words if not word.startswith("-")]
        if self.folder is None or len(names) != 1:
            return
        path = (self.folder / names[0]).resolve()
        self._written[path] = self._written.get(path, "") + body if {"-a", "--append"} & set(words) else body

    def file_run(self, unit: Unit) -> FileRun | None:
        """The file that a ``%run`` line names, if its text is at hand."""
        magic = magic_call(unit.node.value) if isinstance(unit.node, ast.Expr) else None
        if self.folder is None or magic is None or magic[:2] != ("run_line_magic", "run"):
            return None
        words = [word.strip("\"'") for word in magic[2].split() if not word.startswith("-")]
        if not words:
            return None
        path = self.folder / words[0]
        candidates = [path] if path.suffix else [path.with_suffix(".py"), path.with_suffix(".ipynb")]
        for candidate in (place.resolve() for place in candidates):
            if candidate in self._written or candidate.is_file():
                return self._run_of(candidate, inside=is_inside(magic[2]))
        return None

    def _run_of(self, path: Path, *, inside: bool) -> FileRun:
        written = self._written.get(path)

        def texts() -> list[str]:
            if path.suffix == ".ipynb":
                return [cell.source for cell in read_notebook(path)]
            return [path.read_text("utf-8") if written is None else written]

        return FileRun(path, has_own_namespace=path.suffix != ".ipynb" and not inside, texts=texts)

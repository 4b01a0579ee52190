"""Everything that was executed, statement by statement, and which of it a name stands for at which moment.

A notebook's modules are slices of this log: what is emitted is emitted in the order it ran. So a default, a base class
or a decorator sees the definition that was current when its statement ran, and a function's body sees the last one.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from nbops.errors import NbopsError
from nbops.extract.live import agrees
from nbops.source import Alias, CellNames, SourceCell, Unit, analyse, read_notebook


@dataclass(frozen=True, eq=False)
class Step:
    """One executed statement."""

    position: int
    unit: Unit
    cell: SourceCell
    is_certain: bool = True
    """False in a cell that failed: the statement may not have been reached."""

    def __repr__(self) -> str:
        return f"Step({self.position}, {self.unit!r})"


@dataclass(frozen=True)
class Unread:
    """A cell or magic that may define names nobody can see."""

    cell: SourceCell
    what: str
    text: str


class Log:
    """The executed statements of a notebook in order, indexed by the names they bind.

    Args:
        cells: recorded executions in the order they ran, or a notebook's cells.
        namespace: the live objects, to tell which statements of a failed cell were reached.
        folder: where ``%run other.ipynb`` looks for the other file.
    """

    def __init__(
        self, cells: Sequence[SourceCell], namespace: Mapping[str, object] | None = None, *, folder: Path | None = None
    ) -> None:
        self.cells = list(cells)
        self.namespace = namespace
        self._folder = folder
        self._running: list[Path] = []
        self.steps: list[Step] = []
        self.unread: list[Unread] = []
        self.binders: dict[str, list[Step]] = defaultdict(list)
        self.deleters: dict[str, list[Step]] = defaultdict(list)
        self.stars: list[Step] = []
        future = False
        for cell in self.cells:
            future = self._add(cell, future=future)

    def _add(self, cell: SourceCell, *, future: bool) -> bool:
        names = analyse(cell.source, future=future)
        if cell.status == "invalid":  # nothing of a cell that IPython could not compile ever ran
            self.unread.append(Unread(cell, names.plain.problem or "it was not valid when it was run", cell.source))
            return future
        if names.plain.problem is not None:
            self.unread.append(Unread(cell, names.plain.problem, cell.source))
        elif names.plain.opaque is not None:
            self.unread.append(Unread(cell, names.plain.opaque, cell.source))
        self.unread += [
            Unread(cell, magic, magic) for magic in names.unread if magic.startswith(("%load ", "%store", "%sql"))
        ]
        is_certain = cell.status in {None, "ok"} or _asks_below(names, cell)
        for unit in names.units:
            if cell.status == "running" and any(magic.startswith("%nbops") for magic in unit.magics):
                is_certain = False  # this line is running now; what stands below it has not run yet
            run = _run_file(unit, self._folder)
            if run is not None and run not in self._running:
                self._run(run, cell, future=future)
            else:
                self._append(unit, cell, is_certain=is_certain)
        return future or names.has_future_annotations

    def _run(self, path: Path, cell: SourceCell, *, future: bool) -> None:
        """Take in what ``%run`` executed, as if it stood in the cell."""
        self._running.append(path)
        try:
            inner = [c.source for c in read_notebook(path)] if path.suffix == ".ipynb" else [path.read_text("utf-8")]
        except (NbopsError, OSError, UnicodeDecodeError) as error:
            self.unread.append(Unread(cell, str(error), f"%run {path.name}"))
        else:
            for source in inner:
                future = self._add(msgspec.structs.replace(cell, source=source), future=future)
        self._running.pop()

    def _append(self, unit: Unit, cell: SourceCell, *, is_certain: bool) -> None:
        step = Step(len(self.steps), unit, cell, is_certain)
        self.steps.append(step)
        if not step.is_certain and not self._was_reached(step):
            return
        for name in unit.binds:
            self.binders[name].append(step)
        for name in unit.deletes:
            self.deleters[name].append(step)
        if unit.star is not None:
            self.stars.append(step)

    def _was_reached(self, step: Step) -> bool:
        """Whether the live objects show that a statement of a failed cell ran."""
        if self.namespace is None:
            return False
        return bool(step.unit.binds) and all(self._may_have_made(step, name) for name in step.unit.binds)

    def _may_have_made(self, step: Step, name: str) -> bool:
        if self.namespace is None or name not in self.namespace:
            return False
        verdict = agrees(step.unit, name, self.namespace[name])
        # Of what cannot be compared, the only statement that makes a name is taken to have made it.
        return verdict is True or (verdict is None and not self.binders.get(name))

    def is_counted(self, step: Step) -> bool:
        """Whether a statement is known to have run."""
        return step.is_certain or any(step in self.binders[name] for name in step.unit.binds)

    def bindings(self, name: str, before: int | None = None) -> list[Step]:
        """Statements that together make a name's value at a moment: the last sure binding and what may follow it.

        Args:
            name: the global name.
            before: position of the statement that looks it up; the end of the log when not given.

        Returns:
            Steps in order; empty when the name is unbound at that moment.
        """
        end = len(self.steps) if before is None else before
        gone = max((step.position for step in self.deleters.get(name, []) if step.position < end), default=-1)
        found: list[Step] = []
        for step in reversed(self.binders.get(name, [])):
            if step.position >= end:
                continue
            if step.position < gone:
                break
            found.append(step)
            if name in step.unit.surely_binds and not _adds_submodule(step.unit, name):
                break
        return found[::-1]

    def imports_of(self, name: str, before: int | None = None) -> list[tuple[Step, Alias]]:
        """The aliases behind a name that only imports bind at that moment; ``import a.b`` adds to ``import a``."""
        found = self.bindings(name, before)
        if not found or any(step.unit.kind != "import" for step in found):
            return []
        return [(step, alias) for step in found for alias in step.unit.aliases if alias.bound == name]

    def star_before(self, name: str, before: int | None = None) -> list[Step]:
        """Star imports that ran after the last sure binding of a name, latest first: they may have replaced it."""
        end = len(self.steps) if before is None else before
        bound = [step.position for step in self.bindings(name, before) if name in step.unit.surely_binds]
        start = max(bound, default=-1)
        return [step for step in reversed(self.stars) if start < step.position < end]

    @functools.cached_property
    def writers(self) -> dict[str, list[Step]]:
        """Statements whose functions set a global name when they are called."""
        found: dict[str, list[Step]] = defaultdict(list)
        for step in self.steps:
            if "global" in step.unit.bare:
                for name in step.unit.reads.written:
                    found[name].append(step)
        return found

    def unread_runs(self) -> list[Unread]:
        """``%run`` of files that cannot be read here."""
        return [
            Unread(step.cell, magic, magic)
            for step in self.steps
            if step.unit.kind == "effect"
            for magic in step.unit.magics
            if magic.startswith("%run")
        ]

    def hidden(self, name: str) -> Iterator[Unread]:
        """Cells that cannot be read and seem to define a name."""
        pattern = re.compile(
            rf"^\s*(?:(?:async\s+)?def|class|type|cdef\s+\w+|cpdef\s+\w+)\s+{re.escape(name)}\b|^{re.escape(name)}\s*=|"
            rf"^\s*(?:import|from)\b.*\b{re.escape(name)}\b",
            re.MULTILINE,
        )
        return (unread for unread in self.unread if pattern.search(unread.text))


def _asks_below(names: CellNames, cell: SourceCell) -> bool:
    """Whether a cell that is running now asks for nbops itself, so that what stands above has run."""
    return cell.status == "running" and any(magic.startswith(("%nbops", "%%nbops")) for magic in names.unread)


def _run_file(unit: Unit, folder: Path | None) -> Path | None:
    """The file that a ``%run`` line names, if it can be read here."""
    if folder is None or unit.kind != "effect" or not unit.magics or not unit.magics[0].startswith("%run "):
        return None
    words = [word.strip("\"'") for word in unit.magics[0].split()[1:] if not word.startswith("-")]
    if not words:
        return None
    path = folder / words[0]
    candidates = [path] if path.suffix else [path.with_suffix(".py"), path.with_suffix(".ipynb")]
    return next((candidate.resolve() for candidate in candidates if candidate.is_file()), None)


def _adds_submodule(unit: Unit, name: str) -> bool:
    return any(alias.bound == name and alias.attribute is None and not alias.renamed for alias in unit.aliases)

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
from nbops.extract.place import FileRun, Place
from nbops.source import CellNames, SourceCell, Unit, analyse, plain
from nbops.source.magics import is_python
from nbops.source.touches import MUTATORS

_DEFINING = (
    r"^\s*(?:(?:async\s+)?def|class|type|cdef\s+\w+|cpdef\s+\w+)\s+{name}\b|^{name}\s*=(?!=)|"
    r"^\s*(?:import|from)\b.*\b{name}\b"
)
_CHANGING = (
    r"^{name}\s*[-+*/|&@%^<>]+=(?!=)|(?<![\w.]){name}(?:\[[^\]]*\]|\.\w+)+\s*[-+*/|&@%^]?=(?!=)|"
    rf"(?<![\w.]){{name}}(?:\[[^\]]*\]|\.\w+)*\.(?:{'|'.join(sorted(MUTATORS))})\("
)


@dataclass(frozen=True, eq=False)
class Step:
    """One executed statement."""

    position: int
    unit: Unit
    cell: SourceCell
    is_certain: bool = True
    """False in a cell that failed: the statement may not have been reached."""
    space: int = 0
    """Of a file that ``%run`` ran in a namespace of its own, its number: its functions look names up there."""

    def __repr__(self) -> str:
        return f"Step({self.position}, {self.unit!r})"


@dataclass(frozen=True)
class Unread:
    """A cell or magic that may define names nobody can see."""

    cell: SourceCell
    what: str
    text: str
    position: int
    """Of the statement that ran next."""
    is_dark: bool = False
    """Whether it may have run without anything of it being read."""


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
        self._place = Place(folder)
        self._running: list[Path] = []
        self._space = 0
        self._spaces = 0
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
            self._leave(cell, names.plain.problem or "it was not valid when it was run", cell.source)
            return future
        if names.plain.problem is not None:
            self._leave(cell, names.plain.problem, cell.source, is_dark=True)
        elif names.plain.opaque is not None:
            is_dark = is_python(names.plain.opaque.lstrip("%")) and plain(names.plain.text).tree is None
            self._leave(cell, names.plain.opaque, cell.source, is_dark=is_dark)
        for magic in names.unread:
            if magic.startswith(("%load ", "%store", "%sql")):
                self._leave(cell, magic, magic)
        is_certain = cell.status in {None, "ok"} or _asks_below(names, cell)
        for unit in names.units:
            if cell.status == "running" and any(magic.startswith("%nbops") for magic in unit.magics):
                is_certain = False  # this line is running now; what stands below it has not run yet
            self._place.note(unit)
            run = self._place.file_run(unit)
            if run is None or run.path in self._running or not self._run(run, cell, future=future):
                self._append(unit, cell, is_certain=is_certain)
        return future or names.has_future_annotations

    def _leave(self, cell: SourceCell, what: str, text: str, *, is_dark: bool = False) -> None:
        self.unread.append(Unread(cell, what, text, len(self.steps), is_dark))

    def _run(self, run: FileRun, cell: SourceCell, *, future: bool) -> bool:
        """Take in what ``%run`` executed, as if it stood in the cell; tell whether it could be read."""
        try:
            texts = run.texts()
        except (NbopsError, OSError, UnicodeDecodeError):
            return False  # it then is a statement that may set any name
        outside = self._space
        if run.has_own_namespace:
            self._spaces += 1
            self._space = self._spaces
        self._running.append(run.path)
        for text in texts:
            future = self._add(msgspec.structs.replace(cell, source=text), future=future)
        self._running.pop()
        self._space = outside
        return True

    def _append(self, unit: Unit, cell: SourceCell, *, is_certain: bool) -> None:
        step = Step(len(self.steps), unit, cell, is_certain, self._space)
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
        return step.is_certain or any(step in self.binders.get(name, ()) for name in step.unit.binds)

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
            Unread(step.cell, magic, magic, step.position)
            for step in self.steps
            if step.unit.kind == "effect"
            for magic in step.unit.magics
            if magic.startswith("%run")
        ]

    def hidden(self, name: str) -> Iterator[Unread]:
        """Cells that cannot be read and seem to define a name."""
        pattern = re.compile(_DEFINING.format(name=re.escape(name)), re.MULTILINE)
        return (unread for unread in self.unread if pattern.search(unread.text))

    def changed_unread(self, name: str, after: int, before: int | None) -> Unread | None:
        """A cell between two statements that cannot be read, ran all the same, and seems to define or change a name."""
        end = len(self.steps) if before is None else before
        between = [u for u in self.unread if u.is_dark and after < u.position <= end and u.cell.status in {None, "ok"}]
        mentions = [unread for unread in between if name in unread.text]
        if not mentions:
            return None
        pattern = re.compile(f"{_DEFINING}|{_CHANGING}".format(name=re.escape(name)), re.MULTILINE)
        return next((unread for unread in mentions if pattern.search(unread.text)), None)


def _asks_below(names: CellNames, cell: SourceCell) -> bool:
    """Whether a cell that is running now asks for nbops itself, so that what stands above has run."""
    return cell.status == "running" and any(magic.startswith(("%nbops", "%%nbops")) for magic in names.unread)


def _adds_submodule(unit: Unit, name: str) -> bool:
    return any(alias.bound == name and alias.attribute is None and not alias.renamed for alias in unit.aliases)

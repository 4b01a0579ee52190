"""The executions of one session as a graph: who wrote what, who stands where, who leads to whom."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from nbops.errors import NbopsError
from nbops.records import CellExecution, Edge, Run
from nbops.source import SourceCell, read_notebook
from nbops.store.interface import Store

MOST_EXECUTIONS = 5_000
"""How far back in a session it is looked."""
STATE = ("random:", "file:")
"""How edges begin that are not names of the notebook."""


class Story:
    """What ran in one session.

    Args:
        executions: of one session, in the order they ran.
        notebook: the cells of the notebook's file in their order, where it is known.
        saved_at: when that file was written, in seconds since the epoch.
    """

    def __init__(
        self, executions: Sequence[CellExecution], notebook: Sequence[SourceCell] = (), saved_at: float = 0.0
    ) -> None:
        self.executions = list(executions)
        self.by_id = {execution.id: execution for execution in executions}
        self.saved_at = saved_at
        ran = {execution.cell_id for execution in executions if execution.cell_id}
        # A file of which no cell ran is another one, or its cells have no ids.
        is_same = any(cell.cell_id in ran for cell in notebook if cell.cell_id)
        self.notebook = {cell.cell_id: cell for cell in notebook if cell.cell_id} if is_same else {}

    @cached_property
    def newest(self) -> dict[str, CellExecution]:
        """Each cell's last execution, by the cell's key."""
        return {key_of(execution): execution for execution in self.executions}

    @cached_property
    def _places(self) -> dict[str, float]:
        """Where each cell stands: in the notebook's file where that is known, else in the order of first runs."""
        first: dict[str, float] = {}
        for execution in self.executions:
            first.setdefault(key_of(execution), execution.position)
        if not self.notebook:
            return first
        places: dict[str, float] = {key: place for place, key in enumerate(self.notebook)}
        # What is not in the file any more stood, as far as one knows, behind the cell that first ran before it.
        last = -1.0
        for key in first:
            last = places.setdefault(key, last + 0.5)
        return places

    def place(self, execution: CellExecution) -> float:
        """Where the cell of an execution stands from the top."""
        return self._places[key_of(execution)]

    @cached_property
    def writers(self) -> dict[str, list[tuple[CellExecution, str]]]:
        """Name → executions that wrote or deleted it, in order, each with what it held afterwards."""
        found: dict[str, list[tuple[CellExecution, str]]] = {}
        for execution in self.executions:
            if execution.lineage is None:
                continue
            for one in execution.lineage.writes:
                found.setdefault(one.name, []).append((execution, one.digest))
            for name in execution.lineage.deleted:
                found.setdefault(name, []).append((execution, ""))
            for file in execution.lineage.files:
                if file.action == "written":
                    found.setdefault(f"file:{file.path}", []).append((execution, file.digest))
        return found

    def edges(self, execution: CellExecution) -> list[Edge]:
        """What an execution read, and what it changed in place without its code saying so."""
        if execution.lineage is None:
            return []
        edges = list(execution.lineage.edges)
        known = {edge.name for edge in edges}
        for one in execution.lineage.writes:
            if one.evidence != "named" and one.name not in known:
                before = self.writer_before(one.name, execution)
                if before is not None:
                    edges.append(Edge(name=one.name, source_id=before.id, evidence=one.evidence))
        return edges

    def writer_before(self, name: str, execution: CellExecution) -> CellExecution | None:
        """The execution that last wrote a name before another one ran."""
        writers = self.writers.get(name, [])
        place = bisect_left(writers, execution.position, key=lambda one: one[0].position)
        return writers[place - 1][0] if place else None

    def leading_to(self, targets: Iterable[CellExecution]) -> list[CellExecution]:
        """Every execution that the given ones stand on, and they themselves, in the order they ran."""
        found: dict[str, CellExecution] = {}
        pending = list(targets)
        while pending:
            execution = pending.pop()
            if execution.id in found:
                continue
            found[execution.id] = execution
            pending += [
                self.by_id[edge.source_id]
                for edge in self.edges(execution)
                if edge.source_id is not None and edge.source_id in self.by_id
            ]
        return sorted(found.values(), key=lambda execution: execution.position)

    def running_at(self, at: float) -> CellExecution | None:
        """The execution that ran at a time."""
        for execution in reversed(self.executions):
            if execution.started_at <= at:
                return execution if execution.ended_at is None or at <= execution.ended_at else None
        return None


def story_of(store: Store, run: Run, *, root: Path) -> Story:
    """Read what ran in the session of a run.

    Args:
        store: the project's store.
        run: a session, a notebook's execution, or a named part of a session.
        root: the project's folder, which the notebook's path is relative to.
    """
    session, notebook = run.id, run.notebook
    if run.kind == "named" and run.parent_id is not None:
        session = run.parent_id
        parents = store.find(Run, id=session, limit=1) if notebook is None else []
        notebook = parents[0].notebook if parents else notebook
    executions = store.find(CellExecution, run_id=session, order_by="-position", limit=MOST_EXECUTIONS)[::-1]
    path = root / notebook if notebook else None
    if path is None or not path.is_file():
        return Story(executions)
    try:
        return Story(executions, read_notebook(path), path.stat().st_mtime)
    except (NbopsError, OSError):
        return Story(executions)  # a file that cannot be read says nothing of its cells


def key_of(execution: CellExecution) -> str:
    """What makes two executions the same cell; without an id from the front end each is a cell of its own."""
    return execution.cell_id or execution.id


def label(execution: CellExecution) -> str:
    """How people know an execution: ``In [7]``, else its place in the session."""
    if execution.execution_count is not None:
        return f"In [{execution.execution_count}]"
    return f"cell {execution.position}"

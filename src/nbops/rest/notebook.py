"""What is recorded of one notebook: which cells ran, in which order, and which of them stand on values that changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from nbops.records import CellExecution, Run
from nbops.source.names import MUTATORS, analyse
from nbops.store.interface import Store

MOST_EXECUTIONS = 500
"""How far back in a session it is looked; a longer one is judged by its newest executions."""


class NotebookCell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell's newest execution, and what it has to do with the others."""

    execution: CellExecution
    reads: list[str]
    """Names bound by other cells that it looks up."""
    writes: list[str]
    """Names that it binds or changes in place."""
    changed: list[str]
    """Those of ``reads`` that another cell set again after this one ran: its result is stale."""


class NotebookCells(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of one notebook: its newest run, and each cell's newest execution."""

    run: Run | None
    cells: list[NotebookCell]
    """In the order they ran."""
    executions: int
    """How many executions the run has, those of the same cell counted each."""


def notebook_cells(store: Store, *, root: Path, path: Path) -> NotebookCells:
    """Say what is recorded of a notebook.

    Args:
        store: the project's store.
        root: the project's folder.
        path: the notebook.
    """
    # A run knows its notebook relative to the project when inside it.
    known = path.relative_to(root) if path.is_relative_to(root) else path
    # Named runs are parts of the session that has the cells.
    whole = [run for run in store.find(Run, notebook=str(known), deleted_at=None, limit=50) if run.kind != "named"]
    if not whole:
        return NotebookCells(run=None, cells=[], executions=0)
    run = whole[0]
    ran = store.find(CellExecution, run_id=run.id, order_by="-position", limit=MOST_EXECUTIONS)
    return NotebookCells(run=run, cells=judged(ran[::-1]), executions=store.count(CellExecution, run_id=run.id))


def judged(ran: Sequence[CellExecution]) -> list[NotebookCell]:
    """Judge each cell's newest execution by all that ran.

    Args:
        ran: executions of one session, oldest first.

    Example:
        >>> def cell(position, cell_id, source):
        ...     return CellExecution(
        ...         id=str(position), run_id="r", position=position, cell_id=cell_id, source=source, started_at=0.0
        ...     )
        >>> found = judged([cell(1, "a", "x = 1"), cell(2, "b", "y = x"), cell(3, "a", "x = 2")])
        >>> [(each.execution.cell_id, each.changed) for each in found]
        [('b', ['x']), ('a', [])]
    """
    names = [_names(execution.source) for execution in ran]
    bound = {name for _, writes in names for name in writes}
    newest = {execution.cell_id or execution.id: index for index, execution in enumerate(ran)}
    return [_judge(ran, names, index, bound) for index in sorted(newest.values())]


def _judge(
    ran: Sequence[CellExecution], names: Sequence[tuple[frozenset[str], frozenset[str]]], index: int, bound: set[str]
) -> NotebookCell:
    reads, writes = names[index]
    # What a cell sets itself it did not take from another one: x = x + 1 is not stale by its own doing.
    taken = (reads & bound) - writes
    later = _union(names[other][1] for other in range(index + 1, len(ran)) if ran[other].cell_id != ran[index].cell_id)
    return NotebookCell(
        execution=ran[index], reads=sorted(reads & bound), writes=sorted(writes), changed=sorted(taken & later)
    )


def _names(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names a cell reads, and those it binds or changes in place."""
    units = analyse(source).units
    reads = _union(unit.reads.now | unit.reads.later for unit in units)
    binds = _union(unit.binds for unit in units)
    touched = frozenset(
        touch.name
        for unit in units
        for touch in unit.touches
        if touch.how == "store" or (touch.how == "method" and touch.detail in MUTATORS)
    )
    return reads, binds | touched


def _union(parts: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*parts)

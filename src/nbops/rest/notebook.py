"""What is recorded of one notebook: which cells ran, in which order, and which of them stand on values that changed."""

from __future__ import annotations

from pathlib import Path

import msgspec

from nbops.lineage import CellState, judge, story_of
from nbops.lineage.states import lives
from nbops.lineage.story import STATE, Story
from nbops.records import Run
from nbops.store.interface import Store


class NotebookCell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell's newest execution, and what it has to do with the others."""

    execution: CellState
    """With what has become of it since, as ``nbops cells`` says it."""
    reads: list[str]
    """Names that it took from other cells."""
    writes: list[str]
    """Names that it bound or changed in place."""
    lives: bool
    """Whether a name still holds what it gave: then its cell is missed when it is gone."""


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
    story = story_of(store, whole[0], root=root)
    newest = sorted(story.newest.values(), key=lambda execution: execution.position)
    cells = [_cell(story, state) for state in judge(story, newest)]
    return NotebookCells(run=whole[0], cells=cells, executions=len(story.executions))


def _cell(story: Story, state: CellState) -> NotebookCell:
    lineage = state.lineage
    reads = {edge.name for edge in lineage.edges if edge.source_id != state.id} if lineage is not None else set()
    return NotebookCell(
        execution=state,
        reads=sorted(name for name in reads if not name.startswith(STATE)),
        writes=[one.name for one in lineage.writes] if lineage is not None else [],
        lives=lives(story, state),
    )

"""What a cell has shown at its last executions, to be put side by side."""

from __future__ import annotations

import msgspec

from nbops.records import Artifact, CellExecution
from nbops.store.interface import Store


class ShownOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a cell with the displays that are kept of it."""

    execution: CellExecution
    outputs: list[Artifact]
    """In the order they were shown; ``content`` gives their bytes."""


def outputs_of(store: Store, reference: str, *, limit: int | None = 10) -> list[ShownOutputs]:
    """Put what a cell has shown side by side.

    Args:
        store: the project's store.
        reference: an execution of the cell: its id or a unique start of it.
        limit: how many executions at most.

    Returns:
        The execution itself first, then the cell's others, newest first: those of its session, and of earlier ones
        those of which displays are kept.

    Raises:
        NotFoundError: no execution has the id.
        UsageError: several have.
    """
    asked = store.resolve(CellExecution, reference)
    kept = store.find(Artifact, run_id=asked.run_id, execution_id=asked.id, kind="output", order_by="id")
    if asked.cell_id is None:
        return [ShownOutputs(execution=asked, outputs=kept)]
    same = {one.id: one for one in store.find(CellExecution, run_id=asked.run_id, cell_id=asked.cell_id)}
    by_execution: dict[str, list[Artifact]] = {asked.id: kept}
    for cell in {artifact.cell for artifact in kept} or _cells_of(store, same):
        for artifact in store.find(Artifact, kind="output", cell=cell, order_by="id"):
            if artifact.execution_id is not None and artifact.execution_id != asked.id:
                by_execution.setdefault(artifact.execution_id, []).append(artifact)
    for key in by_execution.keys() - same.keys():
        same |= {one.id: one for one in store.find(CellExecution, id=key, limit=1)}
    others = sorted(same.keys() - {asked.id}, reverse=True)
    return [ShownOutputs(execution=same[key], outputs=by_execution.get(key, [])) for key in [asked.id, *others][:limit]]


def _cells_of(store: Store, executions: dict[str, CellExecution]) -> set[str]:
    """How outputs know a cell of which this execution shows nothing, by what its others have shown."""
    run_id = next(iter(executions.values())).run_id
    shown = store.find(Artifact, run_id=run_id, kind="output")
    return {artifact.cell for artifact in shown if artifact.execution_id in executions} - {""}

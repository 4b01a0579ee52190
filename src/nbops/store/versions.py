"""Which outputs of a cell are old enough to go."""

from __future__ import annotations

from nbops.records import Artifact
from nbops.store.interface import Store


def superseded(store: Store, cell: str, *, keep: int) -> list[Artifact]:
    """Find what a cell showed before its last executions.

    Args:
        store: the project's store.
        cell: the cell as its outputs know it, ``NOTEBOOK#CELL_ID``.
        keep: of how many executions the outputs stay.

    Returns:
        The outputs of all earlier ones.
    """
    ages: dict[str | None, int] = {}
    shown = store.find(Artifact, kind="output", cell=cell, order_by="-id")
    return [one for one in shown if ages.setdefault(one.execution_id, len(ages)) >= keep]

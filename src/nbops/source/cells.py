"""A code cell as the rooms above see it: its text, and what is known of its last execution."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nbops.records import CellExecution


class SourceCell(msgspec.Struct, frozen=True, kw_only=True):
    """The source of one code cell, from a notebook file or from a recorded execution."""

    index: int
    """Place among the cells it came with, counted from 1 as people count."""
    source: str
    """As typed, before IPython's transforms; lines end in ``\\n``."""
    cell_id: str | None = None
    execution_count: int | None = None
    execution_id: str | None = None
    """The recorded execution; None when the cell was read from a file."""
    status: str | None = None
    """How that execution ended; None when it is not known whether the cell ran."""
    tags: list[str] = []
    ended_at: float | None = None
    secrets: list[str] = []
    """Ids of the secrets that were masked in its source."""

    @property
    def label(self) -> str:
        """How messages call it: ``cell 3``, or ``In [7]`` where the session counted."""
        if self.execution_id is not None and self.execution_count is not None:
            return f"In [{self.execution_count}]"
        return f"cell {self.index}"


def from_executions(executions: list[CellExecution]) -> list[SourceCell]:
    """Turn a session's recorded executions, in the order they ran, into cells.

    Args:
        executions: the records, oldest first.

    Returns:
        One cell for each, repeated executions included.

    Example:
        >>> ran = CellExecution(id="e1", run_id="r", position=1, source="x = 1", status="ok", started_at=0.0)
        >>> from_executions([ran])[0].source
        'x = 1'
    """
    return [
        SourceCell(
            index=position,
            source=with_newlines(execution.source),
            cell_id=execution.cell_id,
            execution_count=execution.execution_count,
            execution_id=execution.id,
            status=execution.status,
            ended_at=execution.ended_at,
            secrets=execution.secrets or [],
        )
        for position, execution in enumerate(executions, 1)
    ]


def from_texts(texts: Sequence[str], *, status: str | None = None) -> list[SourceCell]:
    """Turn texts of which no execution was recorded into cells.

    Args:
        texts: in the order they ran.
        status: how they ended; None when nobody knows.

    Returns:
        One cell for each that is not empty, by its place.

    Example:
        >>> [cell.label for cell in from_texts(["x = 1", "", "y = 2"])]
        ['cell 1', 'cell 3']
    """
    return [
        SourceCell(index=index, source=with_newlines(text), status=status)
        for index, text in enumerate(texts, 1)
        if text.strip()
    ]


def with_newlines(text: str) -> str:
    """Return text with every line ended by ``\\n``, as the compiler sees it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")

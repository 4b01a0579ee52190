"""Cells of a run that nobody recorded, read from the executed notebook afterwards.

A kernel of another language, or of an environment without nbops, has no recorder in it. Its run has its cells all the
same: source, times, outputs and errors stand in the notebook that papermill has filled.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any

from nbops.masking import Masker
from nbops.records import CellError, CellExecution, CellStatus, OutputSummary, Run, new_id

if TYPE_CHECKING:
    from nbops.store.interface import Store

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def complete(run: Run, nb: Any, *, store: Store, output_bytes: int, masker: Masker) -> None:
    """Record a run's cells from its executed notebook, unless its kernel has recorded them.

    Args:
        run: the run, ended.
        nb: the executed notebook.
        store: where the cells go.
        output_bytes: how much of a cell's text is kept.
        masker: takes secrets out of it before it is cut.
    """
    if store.count(CellExecution, run_id=run.id):
        return
    began = [cell for cell in nb.cells if cell.cell_type == "code" and _moment(cell, "start_time") is not None]
    executed = [cell for cell in began if cell.source.strip()]
    store.put(
        *(_execution(run, cell, position, output_bytes, masker) for position, cell in enumerate(executed, start=1))
    )


def _execution(run: Run, cell: Any, position: int, output_bytes: int, masker: Masker) -> CellExecution:
    error = _error(cell)
    ended_at = _moment(cell, "end_time")
    status: CellStatus = "ok" if error is None else "error"
    if error is None and (ended_at is None or cell.execution_count is None):
        status = "interrupted"
    return CellExecution(
        id=new_id(),
        run_id=run.id,
        position=position,
        source=cell.source,
        status=status,
        started_at=_moment(cell, "start_time") or run.started_at,
        ended_at=ended_at,
        cell_id=cell.get("id"),
        execution_count=cell.execution_count,
        error=error,
        outputs=_shown(cell, output_bytes, masker),
        host=run.host,
        pid=run.pid,
    )


def _moment(cell: Any, name: str) -> float | None:
    text = cell.metadata.get("papermill", {}).get(name)
    return datetime.datetime.fromisoformat(text).timestamp() if text else None


def _error(cell: Any) -> CellError | None:
    for output in cell.outputs:
        if output.output_type == "error":
            traceback = _ANSI.sub("", "\n".join(output.traceback))
            return CellError(name=output.ename, message=output.evalue, traceback=traceback)
    return None


def _shown(cell: Any, output_bytes: int, masker: Masker) -> OutputSummary | None:
    texts: list[str] = []
    types: dict[str, None] = {}
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append(output.text)
        elif "data" in output:
            texts.append(str(output.data.get("text/plain", "")))
            types.update(dict.fromkeys(output.data))
    text = "".join(texts)
    if not text and not types:
        return None
    total = len(text.encode("utf-8", "replace"))
    head = masker.head(text, output_bytes).encode("utf-8", "replace")[:output_bytes].decode("utf-8", "ignore")
    return OutputSummary(text=head, total_bytes=total, media_types=list(types))

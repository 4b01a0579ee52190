"""What a reproduction runs: recorded executions as they ran, and what they need to find again.

A plan is made of records alone and starts nothing, so that everything that stands in the way is told before a kernel
starts.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nbops.masking.marks import marks_in
from nbops.records import CellExecution, FileTouch, ImportedModule, Run

# What an IPython kernel has before the first cell.
_GIVEN = frozenset({"In", "Out", "exit", "quit", "open", "get_ipython", "display"})
_LEFT_OUT = {
    "running": "it runs just now",
    "interrupted": "it was interrupted, and nobody knows how far it had come",
    "cancelled": "it was cancelled, and nobody knows how far it had come",
    "exited": "it ended its kernel",
    "invalid": "it could not be parsed, so nothing of it ran",
}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Executions to run again, and what they read that they do not make themselves."""

    run: Run
    executions: list[CellExecution]
    """In the order they ran; a cell that ran twice stands there twice, with the text of each time."""
    left_out: list[tuple[CellExecution, str]]
    """Executions that are not run again, each with the reason."""
    files: list[FileTouch]
    """Read by them and written by none of them before."""
    written: list[str]
    """Paths that they write."""
    modules: list[ImportedModule]
    """Modules of the user's own, each as it was seen last."""
    missing: list[str]
    """Names that were there before recording began: no recorded cell makes them."""
    secrets: list[str]
    """Ids of the secrets that masked sources ask for."""


def plan_of(run: Run, executions: Sequence[CellExecution]) -> Plan:
    """Say what has to be run, and what for.

    Args:
        run: the session or papermill execution they ran in.
        executions: what is to be run again, in the order it ran.

    Returns:
        The plan; nothing was looked at outside of the records.

    Example:
        >>> run = Run(id="r", name="a", kind="session", started_at=0.0)
        >>> cell = CellExecution(id="c", run_id="r", position=1, source="x = 1", status="invalid", started_at=0.0)
        >>> plan_of(run, [cell]).left_out[0][1]
        'it could not be parsed, so nothing of it ran'
    """
    chosen = [execution for execution in executions if execution.status not in _LEFT_OUT]
    left_out = [(execution, _LEFT_OUT[execution.status]) for execution in executions if execution not in chosen]
    files, written = _files(chosen)
    modules = _modules(run, chosen)
    paths = {module.path for module in modules}
    return Plan(
        run=run,
        executions=chosen,
        left_out=left_out,
        files=[file for file in files if file.path not in paths],
        written=written,
        modules=modules,
        missing=_missing(chosen),
        secrets=sorted({found for execution in chosen for found in marks_in(execution.source)}),
    )


def _files(executions: Sequence[CellExecution]) -> tuple[list[FileTouch], list[str]]:
    read: dict[str, FileTouch] = {}
    written: dict[str, None] = {}
    for execution in executions:
        for file in execution.lineage.files if execution.lineage is not None else []:
            if file.action == "written":
                written[file.path] = None
            elif file.path not in written:
                read.setdefault(file.path, file)
    return list(read.values()), list(written)


def _modules(run: Run, executions: Sequence[CellExecution]) -> list[ImportedModule]:
    """As they were when the last of the executions had run."""
    ended = {execution.id for execution in executions}
    last = max((execution.id for execution in executions), default="")
    found: dict[str, ImportedModule] = {}
    for module in run.modules:
        seen_at = module.execution_id
        if seen_at is None or seen_at in ended or seen_at <= last:  # ids sort by time
            found[module.name] = module
    return list(found.values())


def _missing(executions: Sequence[CellExecution]) -> list[str]:
    found: set[str] = set()
    made: set[str] = set()
    for execution in executions:
        if execution.lineage is None:
            continue
        for edge in execution.lineage.edges:
            if edge.source_id is None and edge.name not in made and ":" not in edge.name:
                found.add(edge.name)
        made |= {written.name for written in execution.lineage.writes}
    return sorted(name for name in found if name not in _GIVEN and not name.startswith("_"))

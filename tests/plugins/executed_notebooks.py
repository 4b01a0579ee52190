"""What stands in a notebook that a run has executed."""

from __future__ import annotations

import nbformat

from nbops.records import Run


def printed(run: Run) -> str:
    """All text that a run's cells have printed, as its executed notebook has it."""
    assert run.output is not None, run.error
    node = nbformat.read(run.output, as_version=4)
    return "".join(output.get("text", "") for cell in node.cells for output in cell.get("outputs", []))

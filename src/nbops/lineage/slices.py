"""The smallest notebook that leads to a result: the executions that it stands on, as and in the order they ran."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from nbops.errors import UsageError
from nbops.lineage.story import Story, label
from nbops.masking.marks import marks_in
from nbops.progress import PATIENCE_S, Stage, stage
from nbops.records import CellExecution, Secret
from nbops.source.writing import write_whole


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """A notebook that was cut out of a session."""

    path: str
    of: str
    """The result that it leads to."""
    cells: int
    of_cells: int
    """How many executions the session has."""
    missing: list[str]
    """Names that were there before recording began: the notebook cannot make them."""
    secrets: list[str] = []
    """Secrets that it needs where it runs: ``3f2a9c1d0b7e (GitHub token, from GITHUB_TOKEN)``."""


def write_slice(
    story: Story, targets: Sequence[CellExecution], *, of: str, to: Path, secrets: Sequence[Secret] = ()
) -> Slice:
    """Write the executions that lead to a result as a notebook.

    A cell that ran several times with an effect stands there several times, with the text that ran each time. One that
    failed is marked, so that the rest still runs.

    Args:
        story: the session it was made in.
        targets: the executions that made the result.
        of: what the result is called.
        to: the notebook to write; one that is there is replaced.
        secrets: what the project knows of those that were masked.

    Returns:
        What was written.

    Raises:
        UsageError: no cell is known that made it, or ``to`` is not a notebook's name.
    """
    if not targets:
        raise UsageError(f"no recorded cell made {of}", hint="nbops cells last")
    if to.suffix != ".ipynb":
        raise UsageError(f"{to} is not the name of a notebook", hint=f"--output {to.with_suffix('.ipynb')}")
    with stage(f"Write {to.name}", total=3, after_s=PATIENCE_S) as now:
        return _written(story, story.leading_to(targets), of, to, secrets, now)


def _written(
    story: Story, chosen: Sequence[CellExecution], of: str, to: Path, secrets: Sequence[Secret], now: Stage
) -> Slice:
    nbformat: Any = import_module("nbformat")
    new: Any = import_module("nbformat.v4")
    now.advance(note=f"look at what {len(chosen):,} executions read")
    missing = sorted(
        {edge.name for execution in chosen for edge in story.edges(execution) if edge.source_id not in story.by_id}
    )
    about = f"What leads to {of}: {len(chosen)} of {len(story.executions)} recorded executions, as they ran."
    if missing:
        about += f"\n\nMade before recording began, and missing here: `{'`, `'.join(missing)}`."
    needed = _needed(chosen, secrets)
    if needed:
        listed = "\n".join(f"- `{secret_id}`: {said}" for secret_id, said in needed.items())
        about += (
            f"\n\nSecrets it needs, each from `NBOPS_SECRET_<ID>`, the variable it came from, or a prompt:\n\n{listed}"
        )
    now.advance(note=f"write {len(chosen):,} cells")
    cells = [new.new_markdown_cell(about)]
    if needed:
        cells.append(new.new_code_cell("import nbops"))
    for execution in chosen:
        cell = new.new_code_cell(execution.source)
        cell.metadata["nbops"] = {"execution_id": execution.id, "cell": label(execution)}
        if execution.status != "ok":
            cell.metadata["tags"] = ["raises-exception"]
        cells.append(cell)
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new.new_notebook(cells=cells, metadata={"kernelspec": spec, "language_info": {"name": "python"}})
    try:
        write_whole(to, f"{nbformat.writes(notebook)}\n".encode())
    except OSError as error:
        raise UsageError(f"cannot write {to}: {error.strerror}", hint=f"ls -ld {to.parent}") from error
    now.advance()
    return Slice(
        path=str(to),
        of=of,
        cells=len(chosen),
        of_cells=len(story.executions),
        missing=missing,
        secrets=[f"{secret_id} ({said})" for secret_id, said in needed.items()],
    )


def _needed(chosen: Sequence[CellExecution], secrets: Sequence[Secret]) -> dict[str, str]:
    """The secrets that cells ask for, by id, and what is known of each."""
    known = {secret.id: secret for secret in secrets}
    found: dict[str, str] = {}
    for execution in chosen:
        for secret_id in marks_in(execution.source):
            secret = known.get(secret_id)
            came_from = f", from {secret.variable}" if secret is not None and secret.variable else ""
            found[secret_id] = (secret.kind if secret is not None else "secret") + came_from
    return found

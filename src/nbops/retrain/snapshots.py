"""What a sweep needs to go on after its driver's end: the notebook as it was, and one driver at a time."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbops.errors import ConflictError, NotFoundError
from nbops.masking import masker_of
from nbops.masking.marks import is_same_source, marks_in
from nbops.settings import Settings
from nbops.store.locks import locked

if TYPE_CHECKING:
    from nbops.retrain.driver import Notebook

_NOTEBOOK = "notebook.ipynb"
_OUTPUT = "output"


def keep(sweep_id: str, book: Notebook, settings: Settings) -> None:
    """Keep the notebook that a sweep begins with, and where its results go."""
    from nbops.retrain import client

    client.save(book.node, str(_folder(sweep_id, settings) / _NOTEBOOK), masker=masker_of(settings))
    if book.output is not None:
        (_folder(sweep_id, settings) / _OUTPUT).write_text(book.output, "utf-8")


def output_of(sweep_id: str, settings: Settings) -> str | None:
    """Where the executed notebooks of a sweep go; None for the project's own folder."""
    path = _folder(sweep_id, settings) / _OUTPUT
    return path.read_text("utf-8") if path.is_file() else None


def kept(sweep_id: str, settings: Settings, *, notebook: Path | None = None) -> Any:
    """Return the notebook that a sweep began with.

    Args:
        sweep_id: the sweep.
        settings: the project's.
        notebook: the notebook's own file: secrets that were masked come from there, where its cells say the same.

    Raises:
        NotFoundError: this project's folder does not have it.
    """
    from nbops.retrain import parameters

    path = _folder(sweep_id, settings) / _NOTEBOOK
    if not path.is_file():
        raise NotFoundError(
            f"the notebook that sweep {sweep_id[:13]} began with is not kept here ({path})",
            code="snapshot_not_found",
            hint="resume it in the project folder where it was started",
        )
    node = parameters.load(path)
    _restore(node, notebook)
    return node


def _restore(node: Any, notebook: Path | None) -> None:
    """Put cells back as they were typed, if all that differs is that their secrets were masked."""
    from nbops.retrain import parameters

    masked = [cell for cell in node.cells if cell.cell_type == "code" and marks_in(cell.source)]
    if not masked or notebook is None or not notebook.is_file():
        return
    typed = {cell.get("id"): cell.source for cell in parameters.load(notebook).cells if cell.cell_type == "code"}
    for cell in masked:
        source = typed.get(cell.get("id"))
        if source is not None and is_same_source(cell.source, source):
            cell.source = source


@contextlib.contextmanager
def driving(sweep_id: str, settings: Settings, *, patience_s: float = 0) -> Iterator[None]:
    """Be the only process that drives a sweep.

    Args:
        sweep_id: the sweep.
        settings: the project's.
        patience_s: how long to wait for another one that is about to let go of it, in seconds.

    Raises:
        ConflictError: another one does.
    """
    until = time.monotonic() + patience_s
    folder = _folder(sweep_id, settings)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "driver").open("a+") as file:
        while not (is_ours := locked(file)) and time.monotonic() < until:
            time.sleep(0.1)
        if not is_ours:
            file.seek(0)
            raise ConflictError(
                f"sweep {sweep_id[:13]} is driven by process {file.read().strip() or 'unknown'} already",
                code="sweep_is_driven",
                hint=f"nbops cancel {sweep_id[:13]}",
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _folder(sweep_id: str, settings: Settings) -> Path:
    return settings.folder / "sweeps" / sweep_id

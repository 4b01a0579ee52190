"""What travels beside a run in MLflow because MLflow has no place for it: the folder ``nbops`` of its artifacts.

``run.json`` holds the record with its environment, fits, the types of parameters and the names that MLflow refused;
``cells.jsonl`` every cell execution, ``notebook.ipynb`` the same for people, ``outputs/`` what they showed;
``profile-….json`` what is known of the values of a dataset. Everything is data: reading it back runs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from nbops.records import Artifact, CellExecution, Dataset, Environment, Fit, Run, Sweep
from nbops.store.interface import Store

FOLDER = "nbops"
FORMAT = 1
_RUN, _CELLS, _NOTEBOOK, _SWEEP = "run.json", "cells.jsonl", "notebook.ipynb", "sweep.json"
RUN, CELLS, OUTPUTS = f"{FOLDER}/{_RUN}", f"{FOLDER}/{_CELLS}", f"{FOLDER}/outputs"
"""Where they are among a run's artifacts."""
_PAGE = 500


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """``run.json``: what a run is here beyond what MLflow holds of it."""

    format: int = FORMAT
    run: Run
    environment: Environment | None = None
    params: dict[str, Any] = {}
    """Parameters with their types and at full length."""
    names: dict[str, str] = {}
    """MLflow's name of a parameter, metric or tag → the name here, where they differ."""
    stepless: list[str] = []
    """Metrics that were logged without a step; MLflow counts them 0, 1, 2, …"""
    artifacts: dict[str, Artifact] = {}
    """Path in MLflow → record."""
    datasets: list[Dataset] = []
    fits: list[Fit] = []


def write_run(folder: Path, carried: Carried, store: Store, profiles: Mapping[str, bytes]) -> str:
    """Write a run's folder.

    Args:
        folder: an empty one.
        carried: what ``run.json`` shall hold.
        store: where the run's cells are.
        profiles: digest → profile of one of its datasets, as JSON.

    Returns:
        A digest of all of it: the same while nothing has changed.
    """
    (folder / _RUN).write_bytes(msgspec.json.format(msgspec.json.encode(carried, order="sorted"), indent=1))
    for digest, profile in profiles.items():
        (folder / profile_of(digest)).write_bytes(profile)
    cells = 0
    with (folder / _CELLS).open("wb") as file:
        for cell in cells_of(store, carried.run.id):
            file.write(msgspec.json.encode(cell) + b"\n")
            cells += 1
    if cells:
        _write_notebook(folder / _NOTEBOOK, cells_of(store, carried.run.id))
    else:
        (folder / _CELLS).unlink()
    return _digest(folder)


def profile_of(digest: str) -> str:
    """The file that holds the profile of this digest."""
    return f"profile-{digest}.json"


def write_sweep(folder: Path, sweep: Sweep) -> str:
    """Write the folder of the run that stands for a sweep; arguments and result as for ``write_run``."""
    (folder / _SWEEP).write_bytes(msgspec.json.encode(sweep, order="sorted"))
    return _digest(folder)


def cells_of(store: Store, run_id: str) -> Iterator[CellExecution]:
    """Give a run's cell executions in the order they ran, a page at a time."""
    offset = 0
    while page := store.find(CellExecution, run_id=run_id, order_by="position", limit=_PAGE, offset=offset):
        yield from page
        offset += len(page)


def read_run(folder: Path) -> Carried | None:
    """Read ``run.json``; None where there is none, or one of a newer format than this."""
    found: Carried | None = _read(folder / _RUN, Carried)
    return found


def read_sweep(folder: Path) -> Sweep | None:
    """Read the sweep that a run in MLflow stands for; None where there is none."""
    found: Sweep | None = _read(folder / _SWEEP, Sweep)
    return found


def read_cells(folder: Path) -> Iterator[CellExecution]:
    """Give the cell executions that were written; none where there is no file of them."""
    path = folder / _CELLS
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            yield msgspec.json.decode(line, type=CellExecution)


def _read(path: Path, kind: Any) -> Any:
    if not path.exists():
        return None
    try:
        found = msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError:
        return None  # somebody else's file of that name, or a newer nbops's: what MLflow itself holds is used
    return found if getattr(found, "format", FORMAT) <= FORMAT else None


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            whole.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:32]


def _write_notebook(path: Path, cells: Iterator[CellExecution]) -> None:
    """Every execution as a cell with what it printed: what a person opens first."""
    with path.open("wb") as file:
        file.write(
            b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {"language_info": {"name": "python"}}, "cells": ['
        )
        for place, cell in enumerate(cells):
            file.write((b",\n" if place else b"\n") + msgspec.json.encode(_notebook_cell(cell)))
        file.write(b"\n]}\n")


def _notebook_cell(cell: CellExecution) -> dict[str, Any]:
    outputs: list[dict[str, Any]] = []
    if cell.outputs is not None and cell.outputs.text:
        outputs.append({"output_type": "stream", "name": "stdout", "text": cell.outputs.text})
    if cell.error is not None:
        error = cell.error
        lines = error.traceback.splitlines()
        outputs.append({"output_type": "error", "ename": error.name, "evalue": error.message, "traceback": lines})
    return {
        # One cell may have run twice, and a notebook's ids are unique.
        "id": cell.id[:32],
        "cell_type": "code",
        "source": cell.source,
        "metadata": {"nbops": {"status": cell.status, "position": cell.position}},
        "execution_count": cell.execution_count,
        "outputs": outputs,
    }

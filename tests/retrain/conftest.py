"""A project with a store, and ways to write a notebook, run it and sweep over it in one line each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nbops.records import Run, Sweep
from nbops.retrain import run_notebook, sweep
from nbops.settings import Settings
from nbops.store.interface import Store

WriteNotebook = Callable[..., Path]


@pytest.fixture
def write_notebook(project: Path) -> WriteNotebook:
    """Write a notebook of code cells; a ``parameters`` text becomes the tagged first cell."""

    def write(*cells: str, parameters: str | None = None, name: str = "train.ipynb", kernel: str = "python3") -> Path:
        node = nbformat.v4.new_notebook()
        node.metadata["kernelspec"] = {"name": kernel, "language": "python", "display_name": kernel}
        if parameters is not None:
            node.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        node.cells.extend(nbformat.v4.new_code_cell(cell) for cell in cells)
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(node, path)
        return path

    return write


@pytest.fixture
def run(store: Store, settings: Settings) -> Callable[..., Run]:
    """Run a notebook once."""

    def go(notebook: Path, **options: Any) -> Run:
        return run_notebook(notebook, store=store, settings=settings, **options)

    return go


@pytest.fixture
def search(store: Store, settings: Settings) -> Callable[..., Sweep]:
    """Run a notebook over a grid, or in a search."""

    def go(notebook: Path, **options: Any) -> Sweep:
        return sweep(notebook, store=store, settings=settings, **options)

    return go

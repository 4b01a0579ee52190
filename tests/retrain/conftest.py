"""A project with a store, and a way to write a notebook in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

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

"""A shell that records, and the project's own view of what it recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from shells import lent_shell

from nbops import capture
from nbops.settings import load_settings
from nbops.workspace import Workspace


class Session:
    """A notebook at work: cells by the ids a front end would give them."""

    def __init__(self, folder: Path, shell: Any) -> None:
        self.folder = folder
        self.ip = shell
        capture.start(shell)
        self.workspace = Workspace(load_settings())

    def run(self, **cells: str) -> None:
        """Run cells, each given as its id and its source."""
        for cell_id, source in cells.items():
            self.ip.run_cell(source, store_history=True, cell_id=cell_id)

    def save(self, **cells: str) -> None:
        """Write the notebook's file with these cells."""
        code = [new_code_cell(source, id=cell_id) for cell_id, source in cells.items()]
        nbformat.write(new_notebook(cells=code), self.folder / "work.ipynb")

    def marks(self) -> dict[str, str]:
        """What is said of each cell's last execution."""
        return {cell.cell_id or "": cell.marks for cell in self.workspace.cells("last") if not cell.is_superseded}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    (tmp_path / ".nbops").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBOPS_NOTEBOOK", "work.ipynb")
    with lent_shell() as shell:
        made = Session(tmp_path, shell)
        yield made
        made.workspace.store.close()

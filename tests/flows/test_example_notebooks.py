"""Each example notebook runs from top to bottom through papermill, as a reader would run it."""

import shutil
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from nbops.records import CellExecution, ModelVersion, Run
from nbops.settings import load_settings
from nbops.store import open_store

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "example_notebooks").glob("*.ipynb"))


@pytest.mark.kernel
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("engine", ["nbops", None], ids=["our engine", "plain papermill"])
def test_example_runs_and_is_recorded(notebook: Path, engine: str | None, project: Path) -> None:
    copy = Path(shutil.copy(notebook, project))
    before = copy.read_bytes()
    papermill.execute_notebook(copy, project / "out.ipynb", engine_name=engine, cwd=project, progress_bar=False)
    assert copy.read_bytes() == before
    with open_store(load_settings(project)) as store:
        (run,) = store.find(Run)
        cells = store.find(CellExecution, run_id=run.id, order_by="position", limit=None)
        recorded = [cell.source for cell in cells]
        assert run.status == "finished"
        assert {cell.status for cell in cells} == {"ok"}
        assert recorded == [source for source in _sources(project / "out.ipynb") if source in recorded]
        assert store.count(ModelVersion, run_id=run.id) == 1
        assert {metric.name for metric in store.metrics(run.id)} == {
            "accuracy", "auc", "accuracy_score", "roc_auc_score",
        }  # fmt: skip


def _sources(path: Path) -> list[str]:
    notebook: Any = nbformat.read(path, as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]

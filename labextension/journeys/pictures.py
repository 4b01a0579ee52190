"""Take the pictures of ``docs/panel.md`` from the real thing: ``python labextension/journeys/pictures.py``."""

from __future__ import annotations

import runpy
import tempfile
from pathlib import Path

import lab

if __name__ == "__main__":
    lab.PICTURES = lab.ROOT / "docs" / "images"
    tests = lab.ROOT / "tests" / "browser"
    with tempfile.TemporaryDirectory() as scratch, lab.serving(Path(scratch)) as running:
        runpy.run_path(str(tests / "sample.py"))["fill"](running.folder, hostile_names=False)
        runpy.run_path(str(tests / "sample.py"))["write_notebook"](running.folder / "churn.ipynb")
        runpy.run_path(str(tests / "sample.py"))["write_cells"](running.folder / "runs.ipynb", "%nbops runs")
        runpy.run_path(str(tests / "sample.py"))["write_cells"](running.folder / "deploy.ipynb", "%nbops deploy")
        running.journey("pictures", notebook="churn.ipynb", layers={"runs-list": "runs.ipynb", "deploy-form": "deploy.ipynb"})

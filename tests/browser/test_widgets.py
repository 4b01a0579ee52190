"""Outputs that answer while their notebook is live, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

from nbops.workspace import Workspace

if TYPE_CHECKING:
    from lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(240)]


def write_notebook(path: Path, *sources: str) -> None:
    """Write a Python notebook of these cells."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, path)


RUNS = """
import nbops
for number in range(120):
    with nbops.run(f"run {number:03}"):
        nbops.log_param("depth", number % 8)
        nbops.log_metric("score", float(number))
"""


def test_a_list_of_runs_is_searched_sorted_paged_and_compared_where_it_stands(lab: Lab) -> None:
    path = lab.folder / "runs.ipynb"
    write_notebook(path, "%load_ext nbops", RUNS, "%nbops runs")

    found = lab.journey("widgets", notebook="runs.ipynb")

    assert (found["first"], found["last"]) == (50, 21)
    assert found["static_is_hidden"]
    assert found["best"] == "run 119"
    assert found["focus_stays"] == "score ▼"
    assert found["refused"]
    assert "Parameters" in found["compared"]
    assert found["static_is_back"]
    assert found["violations"] == []
    saved = nbformat.read(path, as_version=4)
    (output,) = saved.cells[2].outputs
    assert sorted(output.data) == ["text/html", "text/plain"]
    assert max(len(form.encode()) for form in output.data.values()) <= 10_000
    assert "widgets" not in saved.metadata


FIT = """
import numpy as np
from sklearn.linear_model import LogisticRegression
rows = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.5]])
churn = LogisticRegression().fit(rows, [0, 0, 1, 1])
"""


def test_a_model_is_deployed_from_a_form_by_keyboard_cancelled_once_and_refused_once(lab: Lab) -> None:
    path = lab.folder / "deploy.ipynb"
    write_notebook(path, "%load_ext nbops", FIT, "%nbops deploy")

    try:
        found = lab.journey("deploy-form", timeout_s=200, notebook="deploy.ipynb")
    finally:
        with Workspace.opened(lab.folder) as workspace:
            for endpoint in workspace.endpoints():
                workspace.stop(endpoint.name)

    assert found["models"] == ["churn (variable)"]
    assert found["name"] == "churn"
    assert found["violations"] == []
    assert "cannot be an endpoint's name" in found["refused"]
    assert found["more"] == [
        "Base image", "Platform", "Save as", "Push to", "Port", "API keys", "TLS certificate", "TLS private key",
    ]  # fmt: skip
    assert "API keys cannot be read from" in found["keyless"]
    assert "churn" in found["deployed"]
    (output,) = nbformat.read(path, as_version=4).cells[2].outputs
    assert sorted(output.data) == ["text/html", "text/plain"]
    assert "http://127.0.0.1" in output.data["text/plain"]
    assert "data-nbops-layer" not in output.data["text/html"]

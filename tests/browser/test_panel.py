"""What a person sees in the side panel, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

if TYPE_CHECKING:
    from conftest import Lab

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(240)]


def write_notebook(path: Path, *sources: str) -> None:
    """Write a Python notebook of these cells."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def test_a_cell_that_is_run_appears_in_the_open_panel(lab: Lab) -> None:
    write_notebook(
        lab.folder / "first.ipynb",
        "%load_ext nbops",
        "import nbops\naccuracy = 0.5",
        "nbops.log_param('depth', 4)\nnbops.log_metric('accuracy', accuracy)",
        "1 / 0",
    )

    found = lab.journey("record")

    assert found["requests_before_opening"] == 0
    assert "accuracy" in found["runs"][0]
    assert [cell.split("\n")[0] for cell in found["cells"]] == ["1", "2", "3", "4"]
    assert "ZeroDivisionError" in found["cells"][3]

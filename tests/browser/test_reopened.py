"""A notebook that ran without anybody looking is opened in a real browser."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(240)]

HOSTILE = "<img src=x onerror=window.hacked=1>"
TWO_RUNS = f"""
import nbops
ids = []
for number in range(2):
    with nbops.run({HOSTILE!r} + str(number)) as run:
        ids.append(run.id)
        nbops.log_param('<script>window.hacked = 2</script>', number)
        for step in range(3):
            nbops.log_metric('loss', number + 1 / (step + 1), step)
"""
CELLS = [
    "%load_ext nbops",
    TWO_RUNS,
    "%nbops runs",
    "get_ipython().run_line_magic('nbops', f'compare {ids[0]} {ids[1]}')",
    "get_ipython().run_line_magic('nbops', f'plot {ids[0]}')",
    "%nbops show last",
]


def test_what_lines_said_is_read_untrusted_trusted_and_converted_and_nothing_runs(lab: Lab, tmp_path: Path) -> None:
    page = run_and_convert(lab.folder / "work.ipynb", tmp_path)

    found = lab.journey("reopened", notebook="ran.ipynb", page=str(page))

    for name in ("untrusted", "trusted", "converted"):
        seen: dict[str, Any] = found[name]
        said = "\n".join(seen["texts"])
        assert HOSTILE + "0" in said, name
        assert "loss" in said, name
        assert seen["pictures"], name
        assert min(seen["pictures"]) > 300, name
        assert (seen["complaints"], seen["hacked"], seen["violations"]) == (0, None, []), name


def run_and_convert(path: Path, folder: Path) -> Path:
    """Run a notebook by papermill beside itself, and convert what came out to a page."""
    import papermill
    from nbconvert import HTMLExporter

    (path.parent / ".nbops").mkdir()
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    written.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(written, path)
    ran = path.with_name("ran.ipynb")
    papermill.execute_notebook(str(path), str(ran), cwd=str(path.parent), progress_bar=False, log_output=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbconvert misses alternative texts, which its own template drops
        text, _ = HTMLExporter().from_filename(str(ran))
    page = folder / "ran.html"
    page.write_text(text, encoding="utf-8")
    return page

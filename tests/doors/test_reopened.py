"""What a notebook shows is still there when its file is opened elsewhere: after papermill, untrusted, converted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter, MarkdownExporter

CELLS = [
    "%load_ext nbops",
    "import nbops\nfor step in range(3):\n    nbops.log_metric('loss', 1 / (step + 1), step)",
    "%nbops runs",
    "%nbops show last",
    "%nbops plot last",
    "%nbops retrain small.ipynb --grid n=1,2,3,4 --grid k=a,b --objective max:score",
    "%nbops show small",
]
SMALL = ("n = 1\nk = 'a'", "import nbops\nnbops.log_metric('score', n / 3 + (k == 'b'))")


def notebook_of(*sources: str) -> nbformat.NotebookNode:
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    written.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return written


@pytest.fixture(scope="module")
def reopened(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """A notebook that papermill ran, read back from its file."""
    import papermill

    folder: Path = tmp_path_factory.mktemp("reopened")
    (folder / ".nbops").mkdir()
    small = notebook_of(*SMALL)
    small.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(small, folder / "small.ipynb")
    nbformat.write(notebook_of(*CELLS), folder / "work.ipynb")
    papermill.execute_notebook(
        str(folder / "work.ipynb"), str(folder / "ran.ipynb"), cwd=str(folder), progress_bar=False, log_output=False
    )
    return nbformat.read(folder / "ran.ipynb", as_version=4)


def shown(notebook: nbformat.NotebookNode) -> list[Any]:
    """Every rich output of the three views, in their order."""
    return [
        output
        for cell in notebook.cells
        if cell.source.startswith("%nbops")
        for output in cell.outputs
        if output.get("data")
    ]


def test_each_output_has_plain_text_and_needs_no_live_kernel(reopened: nbformat.NotebookNode) -> None:
    outputs = shown(reopened)
    assert len(outputs) >= 4
    for output in outputs:
        assert output.data["text/plain"].strip()
        assert not [kind for kind in output.data if "widget" in kind or "javascript" in kind]
        assert "data-nbops-layer" not in output.data.get("text/html", "")
        assert not re.search("<script|<object|<iframe|javascript:| on[a-z]+=", output.data.get("text/html", ""))
    assert "widgets" not in reopened.metadata


def test_a_list_takes_at_most_ten_kilobytes(reopened: nbformat.NotebookNode) -> None:
    lists = [output for output in shown(reopened) if "image/png" not in output.data]
    assert max(len(form.encode()) for output in lists for form in output.data.values()) <= 10_000


def test_a_plot_is_pixels_with_words_for_who_cannot_see_them(reopened: nbformat.NotebookNode) -> None:
    plot = next(output for output in shown(reopened) if "image/png" in output.data)
    # HTML beside it would be shown in its place, and is empty where it is not trusted.
    assert sorted(plot.data) == ["image/png", "text/plain"]
    assert "loss" in plot.data["text/plain"]
    assert plot.metadata["image/png"]["alt"] == plot.data["text/plain"]
    assert plot.metadata["image/png"]["width"] > 300


def test_a_sweep_shows_its_runs_where_it_was_run_and_its_plots_where_it_is_opened(
    reopened: nbformat.NotebookNode,
) -> None:
    retrained, opened = ([output for output in cell.outputs if output.get("data")] for cell in reopened.cells[-2:])
    assert [output for output in retrained if "image/png" in output.data] == []
    for table in (retrained[-1], opened[-1]):
        assert "8 of 8: 8 finished" in table.data["text/plain"]
        assert re.search(r"\* +\d+ .* finished +4 +b +2.33333", table.data["text/plain"])
        assert "2.33333" in table.data["text/html"]
    captions = [output.data["text/plain"] for output in opened if "image/png" in output.data]
    assert [caption.split(" ")[0] for caption in captions] == ["What", "Parameters", "8"]


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_converted_page_has_the_tables_and_the_picture(reopened: nbformat.NotebookNode, is_trusted: bool) -> None:
    page, _ = HTMLExporter(sanitize_html=not is_trusted).from_notebook_node(reopened)
    assert page.count('scope="col"') >= 5
    assert "data:image/png;base64," in page
    # nbconvert's default template drops alternative texts; the caption stands in the table below the picture, too.
    assert "Metrics over steps." in page


def test_a_page_of_a_template_that_knows_alternative_texts_has_the_caption(reopened: nbformat.NotebookNode) -> None:
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(reopened)
    assert "Metrics over steps." in re.findall(r'<img[^>]*alt="([^"]*)"', page)[0]


def test_what_converts_to_text_keeps_aligned_tables(reopened: nbformat.NotebookNode) -> None:
    text, kept = MarkdownExporter().from_notebook_node(reopened)
    assert "Metrics over steps." in text
    assert [name for name in kept["outputs"] if name.endswith(".png")]

"""The list of cells, the status, the panel and the pages say the same of a session."""

from __future__ import annotations

from typing import Any

import pytest

from nbops import capture
from nbops.flows.show import Trust
from nbops.rest.notebook import notebook_cells
from nbops.views.answers import view_of
from nbops.workspace import Live


def panel(session: Any) -> dict[str, str]:
    path = session.folder / "work.ipynb"
    found = notebook_cells(session.workspace.store, root=session.folder, path=path)
    return {cell.execution.cell_id: cell.execution.marks for cell in found.cells}


def status(session: Any) -> list[str]:
    recorder = capture.current()
    live = Live(
        namespace={}, executions=list, earlier=list, run_id=recorder.run_id, execution_id=None, notebook=None,
        recording=True, offer=lambda _: None,
    )  # fmt: skip
    session.workspace.live = live
    try:
        doubts: list[str] = session.workspace.status().doubts
        return doubts
    finally:
        session.workspace.live = None


@pytest.mark.parametrize("lived", ["z", "nothing"])
def test_panel_cells_and_status_agree(session: Any, lived: str) -> None:
    session.run(a="x = [1]", b="y = x", c="z = 3", d="total = sum(y)")
    session.run(b="y = x + [2]", a="x = [5]")
    session.save(a="x = [5]", b="y = x + [2]  # other", d="total = sum(y)")
    if lived == "nothing":
        session.run(d2="z = 4")
    marks = session.marks()
    assert "stale: x" in marks["b"]
    assert "edited since" in marks["b"]
    assert ("cell deleted" in marks["c"]) == (lived == "z")
    assert panel(session) == marks
    said = [doubt.split("] ", 1)[1] for doubt in status(session)]
    assert sorted(said) == sorted(mark for mark in marks.values() if mark)


def test_the_panel_tells_names_in_and_out(session: Any) -> None:
    session.run(a="import random; x = [1]", b="x.append(random.random()); y = len(x)")
    session.save(a="import random; x = [1]", b="x.append(random.random()); y = len(x)")
    found = notebook_cells(session.workspace.store, root=session.folder, path=session.folder / "work.ipynb")
    assert [(cell.reads, cell.writes, cell.lives) for cell in found.cells] == [
        ([], ["random", "x"], True),
        (["random", "x"], ["x", "y"], True),
    ]
    assert (found.executions, found.run.notebook) == (2, "work.ipynb")


def test_a_notebook_that_was_never_recorded_has_nothing(session: Any) -> None:
    found = notebook_cells(session.workspace.store, root=session.folder, path=session.folder / "new.ipynb")
    assert (found.run, found.cells, found.executions) == (None, [], 0)


def test_a_page_marks_each_metric_by_the_cells_it_stands_on(session: Any) -> None:
    session.run(a="import nbops; x = 1", b="nbops.log_metric('clean', x)", c="y = 2; y2 = y")
    session.run(c="y = 3; y2 = y", d="nbops.log_metric('loss', y2)", c2="", b2="1")
    session.save(a="import nbops; x = 1", b="nbops.log_metric('clean', x)", d="nbops.log_metric('loss', y2)")
    page = session.workspace.show("last")
    assert page.trust["clean"] == Trust(verdict="clean", reasons=[])
    assert page.trust["loss"].verdict == "tainted"
    assert page.trust["loss"].reasons == [
        f"{reason.cell}: {reason.message}" for reason in session.workspace.lineage("last", metric="loss").reasons
    ]
    table = next(part for part in view_of(page) if getattr(part, "columns", [""])[-1] == "trust")
    assert {row[0]: row[-1].split(":")[0] for row in table.rows} == {"clean": "clean", "loss": "tainted"}


def test_a_run_of_no_cells_has_no_marks(session: Any) -> None:
    session.run(a="x = 1")
    assert session.workspace.show("last").trust == {}

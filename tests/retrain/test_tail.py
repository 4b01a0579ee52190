"""The last lines that a run has printed: while it goes on, when it has failed, and without its notebook at hand."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from nbops.records import CellError, CellExecution, OutputSummary, Run, new_id
from nbops.retrain import cancel, run_notebook
from nbops.retrain.tail import tail_of
from nbops.settings import Settings
from nbops.store.interface import Store
from nbops.views import to_text, view_of


@pytest.fixture
def run(store: Store, project: Path) -> Run:
    made = Run(
        id=new_id(), name="train n=1", kind="notebook", status="failed", started_at=1.0,
        output=str(project / "x.ipynb"),
        error=CellError(name="ValueError", message="no", traceback="Traceback: here", cell_index=2),
    )  # fmt: skip
    store.put(made)
    return made


def outputs(*found: dict[str, Any]) -> str:
    return json.dumps({"cells": [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": list(found)}]})


def test_lines_of_streams_and_results_are_read_from_the_executed_notebook(store: Store, run: Run) -> None:
    stream = {"output_type": "stream", "text": ["first\n", "\x1b[31msecond\x1b[0m\n"]}
    result = {"output_type": "execute_result", "data": {"text/plain": "third"}}
    Path(str(run.output)).write_text(outputs(stream, result))

    assert tail_of(run, store=store, lines=10).text == "first\nsecond\nthird"
    cut = tail_of(run, store=store, lines=2)
    assert (cut.text, cut.left_out) == ("second\nthird", 1)
    shown = to_text(view_of(cut))
    assert "third" in shown
    assert "cell 3 of the executed notebook" in shown
    assert "Traceback: here" in shown


def test_without_the_notebook_the_recorded_cells_tell(store: Store, run: Run) -> None:
    assert tail_of(run, store=store, lines=10).text == ""
    cell = CellExecution(
        id=new_id(), run_id=run.id, position=1, source="print()", started_at=1.0,
        outputs=OutputSummary(text="from the store\n", total_bytes=15),
    )  # fmt: skip
    store.put(cell)

    assert tail_of(run, store=store, lines=10).text == "from the store"


@pytest.mark.kernel
def test_a_run_that_goes_on_is_heard(store: Store, settings: Settings, write_notebook: Any) -> None:
    notebook = write_notebook("import time\nprint('epoch 1', flush=True)\ntime.sleep(600)")
    thread = threading.Thread(target=lambda: run_notebook(notebook, store=store, settings=settings))
    thread.start()
    until = time.monotonic() + 60
    while not (runs := store.find(Run)) or tail_of(runs[0], store=store, lines=5).text != "epoch 1":
        assert time.monotonic() < until
        time.sleep(0.1)

    cancel(runs[0].id, store=store)
    thread.join(30)
    assert not thread.is_alive()

"""Runs of a notebook in real kernels: what is recorded, and how each kind of failure ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from executed_notebooks import printed

from nbops.errors import ConflictError, MissingError, UsageError
from nbops.progress import Stage, watching
from nbops.records import CellExecution, Run
from nbops.retrain import cancel
from nbops.settings import Settings
from nbops.store.interface import Store

pytestmark = pytest.mark.kernel


def test_a_run_is_recorded_with_parameters_cells_metrics_and_the_executed_notebook(
    run: Any, store: Store, write_notebook: Any
) -> None:
    notebook = write_notebook(
        "import nbops\nnbops.log_metric('score', lr * depth)\nprint(lr, depth)",
        parameters="lr = 0.1\ndepth = 3  # 1..8",
    )

    done = run(notebook, parameters={"depth": "4"}, cause="schedule")

    assert (done.status, done.kind, done.cause, done.notebook) == ("finished", "notebook", "schedule", "train.ipynb")
    assert store.get(Run, done.id).status == "finished"
    assert store.params(done.id) == {"lr": 0.1, "depth": 4}
    assert [(metric.name, metric.value) for metric in store.metrics(done.id)] == [("score", 0.4)]
    assert printed(done) == "0.1 4\n"
    source = nbformat.read(notebook, as_version=4)
    cells = store.find(CellExecution, order_by="position", run_id=done.id)
    assert [cell.source.splitlines()[0] for cell in cells] == ["lr = 0.1", "# Parameters", "import nbops"]
    assert [cells[0].cell_id, cells[2].cell_id] == [cell.id for cell in source.cells]


def test_values_that_json_does_not_know_arrive_in_the_notebook_as_they_were_given(
    run: Any, write_notebook: Any
) -> None:
    notebook = write_notebook(
        "print(repr(size), repr(names), since.isoformat(), repr(data), type(rate).__name__)",
        parameters=(
            "from datetime import date\nfrom pathlib import Path\nimport numpy as np\n"
            "size = (1, 2)\nnames = {'a'}\nsince = date(2024, 1, 1)\ndata = Path('x')\nrate = np.float32(0.5)"
        ),
    )

    given = {"size": (3, 4), "names": {"b"}, "since": "2025-02-03", "data": "{ü} b", "rate": 0.25}
    done = run(notebook, parameters=given)

    assert printed(done) == "(3, 4) {'b'} 2025-02-03 PosixPath('{ü} b') float32\n"
    assert done.output is not None
    recorded = json.loads(Path(done.output).read_text())["metadata"]["papermill"]["parameters"]
    assert recorded == {"size": [3, 4], "names": ["b"], "since": "2025-02-03", "data": "{ü} b", "rate": 0.25}


@pytest.mark.parametrize("metadata", [{}, {"kernelspec": {"name": "python3", "display_name": "Python 3"}}])
def test_a_notebook_that_does_not_say_its_language_has_its_kernels(
    run: Any, write_notebook: Any, metadata: dict[str, Any]
) -> None:
    path = write_notebook("assert n == 2", parameters="n = 1")
    node = nbformat.read(path, as_version=4)
    node.metadata = nbformat.from_dict(metadata)
    nbformat.write(node, path)

    done = run(path, parameters={"n": 2})

    assert (done.status, done.error) == ("finished", None)


def test_braces_and_other_scripts_in_file_names_are_no_trouble(run: Any, write_notebook: Any) -> None:
    done = run(write_notebook("print('ok')", name="mo del/{run} тест ü.ipynb"))

    assert (done.status, done.notebook) == ("finished", "mo del/{run} тест ü.ipynb")
    assert printed(done) == "ok\n"


def test_the_kernel_works_in_the_notebooks_folder(run: Any, write_notebook: Any, project: Path) -> None:
    notebook = write_notebook("import os\nprint(os.getcwd())", name="deep/train.ipynb")

    assert printed(run(notebook)) == f"{project / 'deep'}\n"


def test_the_source_notebook_is_left_alone(run: Any, write_notebook: Any) -> None:
    notebook = write_notebook("print(lr)", parameters="lr = 1")
    before = notebook.read_bytes()

    run(notebook, parameters={"lr": 2})

    assert notebook.read_bytes() == before


@pytest.mark.parametrize(
    ("given", "message"),
    [({"dept": 4}, "did you mean 'depth'"), ({"depth": "deep"}, "not an int")],
    ids=["name", "type"],
)
def test_a_wrong_parameter_is_refused_before_anything_starts(
    run: Any, store: Store, write_notebook: Any, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run(write_notebook("print(depth)", parameters="depth = 3"), parameters=given)

    assert store.count(Run) == 0


def test_a_missing_kernel_is_refused_with_those_that_are_there(run: Any, store: Store, write_notebook: Any) -> None:
    with pytest.raises(UsageError, match=r"no kernel 'conda-env-old' here; installed are: .*python3"):
        run(write_notebook("1", kernel="conda-env-old"))

    assert store.count(Run) == 0


def test_a_failing_cell_is_named_with_its_traceback_and_the_partial_notebook_is_kept(
    run: Any, write_notebook: Any
) -> None:
    done = run(write_notebook("print('before')", "values = []\nvalues[3]", "print('never')"))

    assert done.status == "failed"
    assert done.error is not None
    assert (done.error.name, done.error.message, done.error.cell_index) == ("IndexError", "list index out of range", 1)
    assert "----> 2 values[3]" in done.error.traceback
    assert "\x1b" not in done.error.traceback
    assert printed(done) == "before\n"


FAILURES = [
    pytest.param("input('name? ')", "StdinNotImplementedError", id="asks for input"),
    pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "KernelDied", id="kernel killed"),
    pytest.param("import sys; sys.exit('no data')", "SystemExit", id="exits with a message"),
    pytest.param("raise KeyboardInterrupt", "KeyboardInterrupt", id="interrupted"),
    pytest.param("if True print(1)", "SyntaxError", id="invalid syntax"),
    pytest.param("import no_such_module_anywhere", "ModuleNotFoundError", id="missing module"),
]


@pytest.mark.parametrize(("cell", "name"), FAILURES)
def test_every_way_to_fail_is_a_failed_run_with_the_cell(run: Any, write_notebook: Any, cell: str, name: str) -> None:
    done = run(write_notebook("x = 1", cell))

    assert done.status == "failed"
    assert done.error is not None
    assert (done.error.name, done.error.cell_index) == (name, 1)


def test_sys_exit_without_a_message_ends_a_run_well(run: Any, write_notebook: Any) -> None:
    done = run(write_notebook("print('done')", "import sys; sys.exit()", "raise ValueError"))

    assert (done.status, done.error) == ("finished", None)


def test_a_hanging_notebook_is_interrupted_at_its_time_limit_and_tells_where_it_was(
    run: Any, write_notebook: Any
) -> None:
    done = run(write_notebook("import time", "time.sleep(600)"), timeout_s=2)

    assert done.status == "failed"
    assert done.error is not None
    assert (done.error.name, done.error.cell_index) == ("RunTimeout", 1)
    assert "time.sleep(600)" in done.error.traceback


def test_a_notebook_that_ignores_interrupts_is_ended_all_the_same(
    run: Any, write_notebook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbops.retrain.driver._INTERRUPT_GRACE_S", 0.5)
    stubborn = (
        "import time\nwhile True:\n    try:\n        time.sleep(600)\n    except KeyboardInterrupt:\n        pass"
    )

    done = run(write_notebook(stubborn), timeout_s=2)

    assert done.error is not None
    assert (done.status, done.error.name) == ("failed", "RunTimeout")


def test_no_process_of_a_run_outlives_it(run: Any, write_notebook: Any) -> None:
    leaking = "import subprocess\nprint(subprocess.Popen(['sleep', '600']).pid)"

    pid = int(printed(run(write_notebook(leaking))))

    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_a_flood_of_output_is_cut_in_the_notebook(run: Any, write_notebook: Any) -> None:
    done = run(write_notebook("for _ in range(300):\n    print('x' * 100_000)", "print('after')"))

    text = printed(done)
    assert done.status == "finished"
    assert 9_000_000 < len(text) < 10_500_000
    assert "the rest is left out" in text
    assert text.endswith("after\n")


def test_executed_notebooks_go_to_any_file_system(run: Any, write_notebook: Any) -> None:
    import fsspec

    notebook = write_notebook("print('over there')", name="{a} ü.ipynb")

    done = run(notebook, output="memory://results/nightly/")

    assert done.output == f"memory://results/nightly/{done.id}/{{a}} ü.ipynb"
    with fsspec.open(done.output, "r", encoding="utf-8") as file:
        assert "over there" in file.read()


def test_executed_notebooks_go_to_a_folder(run: Any, write_notebook: Any, project: Path) -> None:
    done = run(write_notebook("print('here')"), output="results")

    assert done.output == str(project / "results" / done.id / "train.ipynb")
    assert printed(done) == "here\n"


def test_an_address_that_nothing_can_write_is_refused_before_anything_starts(
    run: Any, store: Store, write_notebook: Any
) -> None:
    with pytest.raises(MissingError, match="cannot be written to carrier-pigeon://loft"):
        run(write_notebook("1"), output="carrier-pigeon://loft")

    assert store.count(Run) == 0


def test_a_run_goes_on_when_its_notebook_cannot_be_saved(
    run: Any, write_notebook: Any, settings: Settings, store: Store
) -> None:
    settings.folder.joinpath("runs").write_text("a file where the folder should be")

    done = run(write_notebook("import nbops\nnbops.log_metric('score', 1)"))

    assert done.status == "finished"
    assert done.output is None
    assert "could not be saved" in done.note
    assert len(store.metrics(done.id)) == 1


def test_a_run_can_be_cancelled_from_elsewhere(run: Any, store: Store, write_notebook: Any) -> None:
    notebook = write_notebook("import time; time.sleep(600)")
    ended: list[Run] = []
    thread = threading.Thread(target=lambda: ended.append(run(notebook)))
    thread.start()
    while store.count(CellExecution) == 0:
        time.sleep(0.05)
    [live] = store.find(Run)

    cancel(live.id, store=store)
    thread.join(30)

    assert [done.status for done in ended] == ["cancelled"]
    assert store.get(Run, live.id).status == "cancelled"
    with pytest.raises(ConflictError, match="is cancelled and cannot be cancelled"):
        cancel(live.id, store=store)


def test_cells_of_a_kernel_without_a_recorder_are_read_from_its_notebook(
    run: Any, store: Store, write_notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To nbops this kernel speaks another language, so that nothing of ours is loaded into it.
    spec = tmp_path / "jupyter" / "kernels" / "calc"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Calc", "language": "calc"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

    done = run(write_notebook("print('ü' * 3)", "", "1 / 0", "never", kernel="calc"))

    cells = store.find(CellExecution, run_id=done.id, order_by="position")
    found = [(cell.position, cell.source, cell.status, cell.execution_count) for cell in cells]
    assert found == [(1, "print('ü' * 3)", "ok", 1), (2, "1 / 0", "error", 2)]
    assert cells[0].outputs is not None
    assert (cells[0].outputs.text, cells[0].outputs.total_bytes) == ("üüü\n", 7)
    assert cells[1].error is not None
    assert cells[1].error.name == "ZeroDivisionError"
    assert all(cell.ended_at is not None and cell.ended_at >= cell.started_at for cell in cells)


class Shown:
    def __init__(self) -> None:
        self.stages: list[Stage] = []

    def began(self, stage: Stage) -> None:
        self.stages.append(stage)

    def moved(self, stage: Stage) -> None:
        pass

    def ended(self, stage: Stage) -> None:
        pass


def test_progress_of_a_single_run_is_told_in_cells(run: Any, write_notebook: Any) -> None:
    shown = Shown()
    with watching(shown):
        run(write_notebook("1", "2"))

    [stage] = shown.stages
    assert (stage.title, stage.unit, stage.total, stage.done) == ("Run train.ipynb", "cells", 2, 2)


def test_papermill_from_a_shell_records_with_our_engine(store: Store, write_notebook: Any, project: Path) -> None:
    notebook = write_notebook("import nbops\nnbops.log_metric('score', lr)", parameters="lr = 0.1\ndepth = 3")
    command = [sys.executable, "-m", "papermill", "--engine", "nbops", "--no-progress-bar", "-p", "lr", "0.5"]

    subprocess.run(
        [*command, notebook.name, "out.ipynb"], check=True, cwd=project, env=os.environ | {"NBOPS_CAUSE": "schedule"}
    )

    [done] = store.find(Run)
    assert (done.kind, done.status, done.cause, done.notebook) == ("notebook", "finished", "schedule", "train.ipynb")
    assert done.output == str(project / "out.ipynb")
    assert store.params(done.id) == {"lr": 0.5, "depth": 3}
    assert [metric.value for metric in store.metrics(done.id)] == [0.5]
    assert store.count(CellExecution, run_id=done.id) == 3


def test_papermill_from_a_shell_records_a_failure_and_fails_as_papermill_does(
    store: Store, write_notebook: Any, project: Path
) -> None:
    write_notebook("1 / 0")
    command = [sys.executable, "-m", "papermill", "--engine", "nbops", "--no-progress-bar", "train.ipynb", "out.ipynb"]

    result = subprocess.run(command, cwd=project, capture_output=True, text=True)

    [done] = store.find(Run)
    assert result.returncode != 0
    assert "ZeroDivisionError" in result.stderr
    assert done.error is not None
    assert (done.status, done.error.name, done.error.cell_index) == ("failed", "ZeroDivisionError", 0)


def test_papermill_from_a_shell_runs_without_a_store_and_says_so(write_notebook: Any, project: Path) -> None:
    write_notebook("print(1)")
    (project / ".nbops" / "store.db").write_bytes(b"this is no database at all, but it is long enough to look at" * 20)
    command = [sys.executable, "-m", "papermill", "--engine", "nbops", "--no-progress-bar", "train.ipynb", "out.ipynb"]

    result = subprocess.run(command, cwd=project, capture_output=True, text=True)

    assert result.returncode == 0, result.stderr
    assert "nbops does not record this run" in result.stderr
    assert (project / "out.ipynb").is_file()

"""What a sweep relies on, asked of every runner: the same notebook gives the same, wherever it is run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nbops.records import Artifact, CellExecution, Run, Sweep
from nbops.retrain import cancel, resume, sweep
from nbops.retrain.runners import RUNNERS
from nbops.settings import Settings
from nbops.store.blobs import Blobs
from nbops.store.interface import Store

pytestmark = pytest.mark.kernel

# Each cluster is started once: all of its tests are run by the same process.
RUNNER_NAMES = [pytest.param(name, marks=pytest.mark.xdist_group(f"cluster-{name}")) for name in sorted(RUNNERS)]


@pytest.fixture(params=RUNNER_NAMES)
def where(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How a runner is asked for."""
    if request.param == "dask":
        return {"runner": "dask", "scheduler": request.getfixturevalue("dask").address}
    if request.param == "ray":
        request.getfixturevalue("ray")
    return {"runner": request.param}


@pytest.fixture
def go(store: Store, settings: Settings) -> Callable[..., Sweep]:
    def run(notebook: Path, **options: Any) -> Sweep:
        return sweep(notebook, store=store, settings=settings, **options)

    return run


def written(project: Path, *cells: str, parameters: str) -> Path:
    node = nbformat.v4.new_notebook()
    node.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    node.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    node.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
    path = project / "work" / "train.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(node, path)
    return path


def runs_of(store: Store, done: Sweep) -> dict[Any, Run]:
    return {store.params(run.id)["n"]: run for run in store.find(Run, sweep_id=done.id, order_by="id")}


def test_a_run_brings_everything_home_and_equals_a_local_one(
    where: dict[str, Any], go: Callable[..., Sweep], store: Store, settings: Settings, project: Path
) -> None:
    (project / "src" / "mine").mkdir(parents=True)
    (project / "src" / "mine" / "__init__.py").write_text("")
    (project / "src" / "mine" / "sums.py").write_text(
        "import beside\ndef total(rows): return sum(rows) * beside.FACTOR"
    )
    notebook = written(
        project,
        "import sys; sys.path += ['../src']\n"
        "import numpy as np, nbops\nfrom mine.sums import total\n"
        "rows = np.loadtxt('../data/rows.csv')\n"
        "for step in range(3):\n"
        "    nbops.log_metric('score', float(np.sin(total(rows) * n + step)), step=step)\n"
        "nbops.log_param('rows', len(rows))\n"
        "open(f'made-{n}.txt', 'w').write(f'made by {n}')\n"
        "nbops.log_artifact(f'made-{n}.txt')",
        parameters="n = 1",
    )
    (project / "work" / "beside.py").write_text("FACTOR = 1 / 3\n")
    (project / "data").mkdir()
    (project / "data" / "rows.csv").write_text("0.1\n0.2\n0.7\n")

    there = go(notebook, grid={"n": [1, 2]}, objective="max:score", jobs=2, **where)

    assert (there.status, there.runner) == ("finished", where["runner"])
    runs = runs_of(store, there)
    run = runs[2]
    assert (run.status, run.error, run.cause) == ("finished", None, "sweep")
    assert [cell.status for cell in store.find(CellExecution, run_id=run.id)] == ["ok"] * 3
    assert store.params(run.id) == {"n": 2, "rows": 3}
    assert run.environment_id is not None
    [artifact] = store.find(Artifact, run_id=run.id, kind="logged")
    assert Blobs(settings.blobs).get(artifact.digest) == b"made by 2"
    assert run.output is not None
    executed = nbformat.read(run.output, as_version=4)
    assert executed.metadata.papermill["output_path"] == run.output
    assert executed.cells[1].source == "# Parameters\nn = 2"
    if where["runner"] != "local":
        assert (settings.folder / "runs" / run.id / "files" / "work" / "made-2.txt").read_text() == "made by 2"

    here = go(notebook, grid={"n": [1, 2]}, objective="max:score", jobs=2, again=True)

    ours = runs_of(store, here)
    for n in (1, 2):
        logged = [[metric.value for metric in store.metrics(of[n].id)] for of in (runs, ours)]
        assert logged[0] == logged[1], "bit by bit"
        assert len(logged[0]) == 3


def test_a_finished_run_stands_for_the_same_run_on_any_runner(
    where: dict[str, Any], go: Callable[..., Sweep], store: Store, project: Path
) -> None:
    (project / "work").mkdir()
    (project / "work" / "rows.csv").write_text("1\n2\n")
    notebook = written(
        project, "import nbops\nnbops.log_metric('score', len(open('rows.csv').readlines()) * n)", parameters="n = 1"
    )
    first = runs_of(store, go(notebook, grid={"n": [3]}, objective="max:score", **where))[3]

    again = runs_of(store, go(notebook, grid={"n": [3]}, objective="max:score"))[3]

    assert again.tags["reused"] == first.id
    (project / "work" / "rows.csv").write_text("1\n2\n3\n")
    assert "reused" not in runs_of(store, go(notebook, grid={"n": [3]}, objective="max:score"))[3].tags


def test_a_failed_run_says_which_cell_and_the_sweep_goes_on(
    where: dict[str, Any], go: Callable[..., Sweep], store: Store, project: Path
) -> None:
    notebook = written(project, "import nbops\nnbops.log_metric('score', 6 / (n - 2))", "n", parameters="n = 1")

    done = go(notebook, grid={"n": [2, 4]}, objective="max:score", jobs=2, **where)

    runs = runs_of(store, done)
    failed = runs[2]
    assert (done.status, failed.status, runs[4].status) == ("finished", "failed", "finished")
    assert failed.error is not None
    assert (failed.error.name, failed.error.message, failed.error.cell_index) == (
        "ZeroDivisionError",
        "division by zero",
        2,
    )  # fmt: skip
    assert "6 / (n - 2)" in failed.error.traceback
    assert failed.output is not None
    assert "ZeroDivisionError" in Path(failed.output).read_text()


def test_a_run_that_takes_too_long_is_interrupted_where_it_is(
    where: dict[str, Any], go: Callable[..., Sweep], store: Store, project: Path
) -> None:
    notebook = written(project, "x = 1", "import time\ntime.sleep(600)", parameters="n = 1")

    done = go(notebook, grid={"n": [1]}, timeout_s=4, **where)

    run = runs_of(store, done)[1]
    assert run.error is not None
    assert (run.status, run.error.name) == ("failed", "RunTimeout")
    # The limit counts from the start of the kernel, which takes a busy machine longer than this.
    assert run.error.cell_index in range(4)


def test_what_a_run_logs_is_here_while_it_goes_on_and_cancel_ends_running_and_waiting_ones(
    where: dict[str, Any], go: Callable[..., Sweep], store: Store, settings: Settings, project: Path
) -> None:
    notebook = written(
        project,
        "import nbops, time\nnbops.log_metric('score', n, step=0)\ntime.sleep(600)",
        parameters="n = 1",
    )
    ended: list[Sweep] = []
    thread = threading.Thread(
        target=lambda: ended.append(go(notebook, grid={"n": [1, 2, 3, 4]}, objective="max:score", jobs=4, **where))
    )
    thread.start()
    until = time.monotonic() + 120
    while not any(store.metrics(run.id) for run in store.find(Run)):
        assert time.monotonic() < until
        time.sleep(0.1)

    [under_way] = store.find(Sweep)
    cancel(under_way.id, store=store)
    thread.join(120)

    assert not thread.is_alive()
    runs = store.find(Run, sweep_id=under_way.id)
    assert (ended[0].status, {run.status for run in runs}) == ("cancelled", {"cancelled"})
    assert len(runs) == 4
    assert {len(store.metrics(run.id)) for run in runs} <= {0, 1}, "nothing that had come before is here twice"


def test_resume_runs_what_is_left_wherever_it_is_asked_to(
    where: dict[str, Any], go: Callable[..., Sweep], store: Store, settings: Settings, project: Path
) -> None:
    gate = project / "go-on"
    notebook = written(
        project,
        f"import pathlib, nbops\nassert n == 1 or pathlib.Path({str(gate)!r}).exists()\nnbops.log_metric('score', n)",
        parameters="n = 1",
    )
    begun = go(notebook, grid={"n": [1, 2]}, objective="max:score")
    store.update(Sweep, begun.id, status="cancelled", retries=1)
    gate.touch()

    done = resume(begun.id, store=store, settings=settings, **where)

    runs = store.find(Run, sweep_id=begun.id, order_by="id")
    assert [(run.tags["trial"], run.status) for run in runs] == [("1", "finished"), ("2", "failed"), ("2", "finished")]
    assert (done.status, done.runner) == ("finished", where["runner"])


def test_a_run_is_stopped_in_the_middle_of_its_cell_by_what_it_logs(
    where: dict[str, Any], go: Callable[..., Sweep], store: Store, project: Path
) -> None:
    # Five runs of which the pruner learns what is good; the sixth is bad, would never end, and knows nothing of Optuna.
    notebook = written(
        project,
        "import pathlib, time, nbops\n"
        f"turn = len(list(pathlib.Path({str(project)!r}).glob('turn-*')))\n"
        f"pathlib.Path({str(project)!r}, f'turn-{{turn}}').touch()\n"
        "for step in range(3 if turn < 5 else 10_000):\n"
        "    nbops.log_metric('score', 10.0 - turn / 10 if turn < 5 else 0.0, step=step)\n"
        "    time.sleep(0 if turn < 5 else 0.1)",
        "ended = True",
        parameters="n = 1  # 1..100",
    )

    done = go(notebook, search=["n"], trials=6, sampler="random", objective="max:score", jobs=1, again=True, **where)

    runs = store.find(Run, sweep_id=done.id, order_by="id")
    assert [run.status for run in runs] == ["finished"] * 5 + ["cancelled"]
    stopped = runs[-1]
    assert (stopped.tags["pruned"], stopped.error) == ("yes", None)
    assert stopped.note == "stopped early: other runs were better at this step"
    assert 0 < len(store.metrics(stopped.id)) < 10_000
    assert done.status == "finished"
    assert stopped.output is not None
    cells = nbformat.read(stopped.output, as_version=4).cells
    assert [cell.execution_count is not None for cell in cells if "ended = True" in cell.source] == [False]

"""Sweeps: many runs of one notebook side by side, the best of them, and their end before time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import fsspec
import pytest

from nbops.errors import UsageError
from nbops.progress import Stage, watching
from nbops.records import CellExecution, Run, Sweep
from nbops.retrain import cancel
from nbops.retrain.objective import Objective
from nbops.store.interface import Store
from nbops.workspace import Workspace

pytestmark = pytest.mark.kernel


@pytest.fixture
def scored(write_notebook: Any) -> Path:
    path: Path = write_notebook(
        "import nbops\nnbops.log_metric('score', lr * depth)", parameters="lr = 0.1\ndepth = 3  # 1..8"
    )
    return path


class Notes:
    def __init__(self) -> None:
        self.stage: Stage | None = None
        self.notes: list[str] = []

    def began(self, stage: Stage) -> None:
        self.stage = stage

    def moved(self, stage: Stage) -> None:
        self.notes.append(stage.note)

    def ended(self, stage: Stage) -> None:
        pass


def test_every_combination_is_run_and_the_best_is_known(search: Any, store: Store, scored: Path) -> None:
    notes = Notes()
    with watching(notes):
        done = search(scored, grid={"lr": [0.1, 0.2], "depth": "2,8"}, objective="max:score", jobs=2)

    runs = store.find(Run, order_by="id", sweep_id=done.id)
    assert (done.status, done.total, done.space) == ("finished", 4, {"lr": [0.1, 0.2], "depth": [2, 8]})
    points = {(store.params(run.id)["lr"], store.params(run.id)["depth"]) for run in runs}
    assert points == {(0.1, 2), (0.1, 8), (0.2, 2), (0.2, 8)}
    assert {run.status for run in runs} == {"finished"}
    assert {run.cause for run in runs} == {"sweep"}
    assert [run.tags["trial"] for run in runs] == ["1", "2", "3", "4"]
    assert sorted(run.name for run in runs) == [
        "train lr=0.1 depth=2",
        "train lr=0.1 depth=8",
        "train lr=0.2 depth=2",
        "train lr=0.2 depth=8",
    ]
    assert done.best_run_id is not None
    assert store.params(done.best_run_id) == {"lr": 0.2, "depth": 8}
    assert notes.stage is not None
    assert (notes.stage.total, notes.stage.done, notes.stage.unit) == (4, 4, "runs")
    assert notes.notes[-1] == "best score 1.6 (lr=0.2, depth=8)"


def test_executed_notebooks_of_a_sweep_go_where_they_are_asked_to(project: Path, scored: Path) -> None:
    with Workspace.opened(project) as workspace:
        done = workspace.retrain("train.ipynb", grid={"lr": "0.1,0.2"}, output="memory://bucket/nightly")
        runs = workspace.store.find(Run, sweep_id=done.id)

    assert {run.output for run in runs} == {f"memory://bucket/nightly/{run.id}/train.ipynb" for run in runs}
    for run in runs:
        with fsspec.open(run.output, "r", encoding="utf-8") as file:
            assert "injected-parameters" in file.read()


def test_a_secret_that_is_varied_is_in_no_name(search: Any, store: Store, write_notebook: Any) -> None:
    notebook = write_notebook("1", parameters="api_token = ''\nseed = 0")

    done = search(notebook, grid={"api_token": ["x9Kq2mVbT7rWzL4pHs8d"]}, name="nightly")

    [run] = store.find(Run, sweep_id=done.id)
    assert run.name.startswith("nightly api_token=")
    assert "x9Kq2m" not in run.name


def test_runs_go_on_side_by_side(search: Any, write_notebook: Any, project: Path) -> None:
    # Each run waits until the other has been there: one after the other they would time out.
    meet = f"""
    import pathlib, time
    pathlib.Path({str(project)!r}, f"here-{{me}}").touch()
    until = time.time() + 60
    while not pathlib.Path({str(project)!r}, f"here-{{3 - me}}").exists():
        assert time.time() < until
        time.sleep(0.02)
    """

    done = search(write_notebook(textwrap.dedent(meet), parameters="me = 1"), grid={"me": [1, 2]}, jobs=2)

    assert done.status == "finished"


def test_one_failure_does_not_end_the_sweep(search: Any, store: Store, write_notebook: Any) -> None:
    notebook = write_notebook("import nbops\nnbops.log_metric('score', 10 / (n - 2))", parameters="n = 1")

    done = search(notebook, grid={"n": [2, 3, 4]}, objective="min:score", jobs=2)

    statuses = {store.params(run.id)["n"]: run.status for run in store.find(Run, sweep_id=done.id)}
    assert statuses == {2: "failed", 3: "finished", 4: "finished"}
    assert done.status == "finished"
    assert done.best_run_id is not None
    assert store.params(done.best_run_id)["n"] == 4


def test_a_sweep_of_failures_has_failed(search: Any, write_notebook: Any) -> None:
    done = search(write_notebook("1 / 0", parameters="n = 1"), grid={"n": [1]}, objective="max:score")

    assert (done.status, done.best_run_id) == ("failed", None)


def test_a_failed_run_is_tried_again_as_often_as_asked(
    search: Any, store: Store, write_notebook: Any, project: Path
) -> None:
    flaky = f"""
    import pathlib
    mark = pathlib.Path({str(project)!r}, f"seen-{{n}}")
    if not mark.exists():
        mark.touch()
        raise OSError("the network was away")
    """

    done = search(write_notebook(textwrap.dedent(flaky), parameters="n = 1"), grid={"n": [1, 2]}, retries=1)

    runs = store.find(Run, sweep_id=done.id, order_by="id")
    assert {(run.tags["trial"], run.tags.get("attempt", "1"), run.status) for run in runs} == {
        ("1", "1", "failed"),
        ("1", "2", "finished"),
        ("2", "1", "failed"),
        ("2", "2", "finished"),
    }
    assert done.status == "finished"


WRONG = [
    pytest.param({"grid": {"dept": [1]}}, "did you mean 'depth'", id="unknown name"),
    pytest.param({"grid": {"depth": [1, 99]}}, "outside 1..8", id="value outside"),
    pytest.param({"grid": {"depth": []}}, "has no values", id="empty list"),
    pytest.param({"grid": {"depth": " , "}}, "has no values", id="empty text"),
    pytest.param({"grid": {"depth": [1]}, "fixed": {"depth": 2}}, "given more than once", id="twice"),
    pytest.param({"grid": {"depth": "1..8"}}, "is a range, and a grid wants its values", id="range in a grid"),
    pytest.param({"grid": {"depth": [1]}, "objective": "max:a,min:b"}, "takes one objective", id="two objectives"),
    pytest.param({"grid": {"depth": [1]}, "objective": "accuracy"}, "'accuracy' is not an objective", id="objective"),
    pytest.param({"grid": {"depth": [1]}, "jobs": 0}, "at least one run", id="no jobs"),
    pytest.param({"grid": {"depth": [1]}, "retries": -1}, "cannot be less than none", id="retries"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_a_wrong_sweep_is_refused_before_anything_starts(
    search: Any, store: Store, scored: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        search(scored, **options)

    assert (store.count(Sweep), store.count(Run)) == (0, 0)


def test_every_run_gets_the_notebook_as_it_was_at_the_start(search: Any, store: Store, write_notebook: Any) -> None:
    notebook = write_notebook(
        "import nbops, pathlib\npathlib.Path('train.ipynb').write_text('broken')\nnbops.log_metric('n', n)",
        parameters="n = 1",
    )

    done = search(notebook, grid={"n": [1, 2]})

    assert {run.status for run in store.find(Run, sweep_id=done.id)} == {"finished"}


def test_a_sweep_can_be_cancelled_from_elsewhere(
    search: Any, store: Store, write_notebook: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    notebook = write_notebook("import time; time.sleep(600)", parameters="n = 1")
    ended: list[Sweep] = []
    thread = threading.Thread(target=lambda: ended.append(search(notebook, grid={"n": [1, 2, 3]}, jobs=2)))
    thread.start()
    while store.count(CellExecution) < 1:
        time.sleep(0.05)

    cancel(store.find(Sweep)[0].id, store=store)
    thread.join(30)

    assert [done.status for done in ended] == ["cancelled"]
    assert {run.status for run in store.find(Run)} == {"cancelled"}
    assert store.count(Run) == 2
    assert "Kernel died" not in "".join(capfd.readouterr())


def test_ctrl_c_cancels_cleanly_and_leaves_no_kernel(store: Store, write_notebook: Any, project: Path) -> None:
    notebook = write_notebook(
        f"import os, pathlib, time\npathlib.Path({str(project)!r}, f'pid-{{n}}').write_text(str(os.getpid()))",
        "time.sleep(600)",
        parameters="n = 1",
    )
    script = f"""
    from nbops.retrain import sweep
    from nbops.settings import load_settings
    from nbops.store import open_store
    settings = load_settings()
    sweep({str(notebook)!r}, store=open_store(settings), settings=settings, grid={{"n": [1, 2, 3]}}, jobs=2)
    """
    driver = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], cwd=project, stderr=subprocess.PIPE)
    pids = [project / "pid-1", project / "pid-2"]
    while not all(path.exists() and path.read_text() for path in pids):
        assert driver.poll() is None
        time.sleep(0.05)

    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate(timeout=30)

    assert b"KeyboardInterrupt" in said
    assert not any(Path(f"/proc/{path.read_text()}").exists() for path in pids)
    [done] = store.find(Sweep)
    assert done.status == "cancelled"
    assert {run.status for run in store.find(Run)} == {"cancelled"}


def test_kernels_end_when_their_driver_is_killed(store: Store, write_notebook: Any, project: Path) -> None:
    notebook = write_notebook(
        f"import os, pathlib, time\npathlib.Path({str(project)!r}, 'pid').write_text(str(os.getpid()))",
        "time.sleep(600)",
    )
    script = f"""
    from nbops.retrain import run_notebook
    from nbops.settings import load_settings
    from nbops.store import open_store
    settings = load_settings()
    run_notebook({str(notebook)!r}, store=open_store(settings), settings=settings)
    """
    driver = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], cwd=project)
    while not (project / "pid").exists() or not (project / "pid").read_text():
        assert driver.poll() is None
        time.sleep(0.05)
    pid = int((project / "pid").read_text())

    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()

    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("text", ["accuracy", "up:accuracy", "max:", ":x", ""])
def test_an_objective_needs_a_direction_and_a_name(text: str) -> None:
    with pytest.raises(UsageError, match="is not an objective"):
        Objective.parse(text)


def test_nan_is_better_than_nothing_at_all_never() -> None:
    assert not Objective("max", "x").is_better(float("nan"), None)
    assert Objective("max", "x").is_better(0.0, None)
    assert not Objective("min", "x").is_better(0.0, -1.0)

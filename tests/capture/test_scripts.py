"""Plain scripts, retraining kernels' environment, and the end of processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbops.records import CellExecution, Environment, Run, new_id
from nbops.settings import load_settings
from nbops.store import open_store


def script(project: Path, source: str, **env: str) -> subprocess.CompletedProcess[str]:
    (project / "train.py").write_text(source)
    return subprocess.run(
        [sys.executable, "train.py"], cwd=project, env=os.environ | env, capture_output=True, text=True, timeout=60
    )


def test_a_script_has_a_run_of_its_own(project: Path, runs: Callable[[], list[Run]]) -> None:
    done = script(
        project, "import nbops\nnbops.log_param('lr', 0.1)\nnbops.log_metric('loss', 0.5)", TZ="UTC", API_KEY="x"
    )
    (run,) = runs()
    assert (done.returncode, done.stderr) == (0, "")
    assert (run.name, run.kind, run.status, run.cause) == ("train", "named", "finished", "person")
    with open_store(load_settings()) as store:
        environment = store.get(Environment, run.environment_id or "")
        assert store.params(run.id) == {"lr": 0.1}
    assert environment.variables["TZ"] == "UTC"
    assert "API_KEY" not in environment.variables
    assert "pandas" in environment.packages


def test_a_script_that_dies_has_a_failed_run(project: Path, runs: Callable[[], list[Run]]) -> None:
    done = script(project, "import nbops\nnbops.log_metric('loss', 0.5)\nraise ValueError('no rows')")
    (run,) = runs()
    assert done.returncode == 1
    assert "ValueError: no rows" in done.stderr
    assert run.error is not None
    assert (run.status, run.error.name) == ("failed", "ValueError")


def test_a_script_that_is_killed_has_an_interrupted_run(project: Path, runs: Callable[[], list[Run]]) -> None:
    script(project, "import nbops, os, signal\nnbops.log_metric('loss', 0.5)\nos.kill(os.getpid(), signal.SIGKILL)")
    (run,) = runs()
    assert run.status == "interrupted"


def test_importing_nbops_records_nothing(project: Path, runs: Callable[[], list[Run]]) -> None:
    script(project, "import nbops\nprint(nbops.__version__)")
    assert runs() == []


def test_workers_of_a_pool_log_into_their_parents_run(project: Path, runs: Callable[[], list[Run]]) -> None:
    done = script(
        project,
        "import multiprocessing, nbops\n"
        "def work(number): nbops.log_metric('worker', number)\n"
        "nbops.log_metric('parent', 1)\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: pool.map(work, range(20))\n"
        "nbops.log_metric('parent', 2)\n",
    )
    (run,) = runs()
    with open_store(load_settings()) as store:
        logged = [metric.value for metric in store.metrics(run.id) if metric.name == "worker"]
    assert (done.returncode, run.status) == (0, "finished")
    assert sorted(logged) == list(range(20))


def test_a_given_run_is_used_and_left_to_its_driver(project: Path, runs: Callable[[], list[Run]]) -> None:
    given = Run(id=new_id(), name="sweep #1", kind="notebook", cause="sweep", started_at=time.time(), pid=os.getpid())
    with open_store(load_settings()) as store:
        store.put(given)
        script(project, "import nbops\nnbops.log_metric('loss', 0.5)", NBOPS_RUN=given.id, NBOPS_CAUSE="sweep")
        (run,) = store.find(Run)
        metrics = store.metrics(given.id)
    assert (run.id, run.status, run.ended_at) == (given.id, "running", None)
    assert run.environment_id is not None
    assert [metric.value for metric in metrics] == [0.5]


def test_a_given_run_that_nobody_made_is_made_and_ended(project: Path, runs: Callable[[], list[Run]]) -> None:
    wanted = new_id()
    script(project, "import nbops\nnbops.log_metric('loss', 0.5)", NBOPS_RUN=wanted, NBOPS_CAUSE="schedule")
    (run,) = runs()
    assert (run.id, run.kind, run.cause, run.status) == (wanted, "notebook", "schedule", "finished")


@pytest.mark.kernel
def test_a_kernel_that_is_killed_leaves_an_interrupted_cell(
    tmp_path: Path,
    kernel_in: Callable[..., Any],
    cells: Callable[..., list[CellExecution]],
    runs: Callable[..., list[Run]],
) -> None:
    kernel = kernel_in(arguments=("--ext=nbops",))
    kernel.run("x = 1")
    kernel.send("import nbops\nnbops.log_metric('loss', 0.5)\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    deadline = time.monotonic() + 20
    while kernel.manager.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    recorded, (run,) = cells(tmp_path), runs(tmp_path)
    assert [cell.status for cell in recorded] == ["ok", "interrupted"]
    assert run.status == "interrupted"
    with open_store(load_settings(tmp_path)) as store:
        assert [metric.value for metric in store.metrics(run.id)] == [0.5]
        assert store.check() == []


@pytest.mark.kernel
def test_a_kernel_that_is_shut_down_ends_its_session(
    tmp_path: Path,
    kernel_in: Callable[..., Any],
    cells: Callable[..., list[CellExecution]],
    runs: Callable[..., list[Run]],
) -> None:
    kernel = kernel_in(env={"JPY_SESSION_NAME": str(tmp_path / "sub" / "nb.ipynb")})
    kernel.run("%load_ext nbops\nimport nbops")
    kernel.run("exit")
    kernel.stop()
    assert [cell.status for cell in cells(tmp_path)] == ["ok", "ok"]
    assert [(run.status, run.notebook) for run in runs(tmp_path)] == [("finished", "sub/nb.ipynb")]


@pytest.mark.kernel
def test_a_retraining_kernel_records_into_the_run_it_was_given(
    tmp_path: Path, kernel_in: Callable[..., Any], cells: Callable[..., list[CellExecution]]
) -> None:
    given = Run(id=new_id(), name="nb", kind="notebook", started_at=time.time(), pid=os.getpid())
    with open_store(load_settings(tmp_path)) as store:
        store.put(given)
    kernel = kernel_in(
        env={"NBOPS_RUN": given.id, "NBOPS_CAUSE": "sweep", "NBOPS_NOTEBOOK": "nb.ipynb"}, arguments=("--ext=nbops",)
    )
    kernel.run("%load_ext nbops", cell_id="first")
    kernel.run("import nbops; nbops.log_metric('loss', 1)", cell_id="second")
    kernel.stop()
    with open_store(load_settings(tmp_path)) as store:
        (run,) = store.find(Run)
        assert [metric.value for metric in store.metrics(given.id)] == [1]
    assert [(cell.run_id, cell.position, cell.cell_id) for cell in cells(tmp_path)] == [
        (given.id, 1, "first"), (given.id, 2, "second"),
    ]  # fmt: skip
    assert (run.status, run.environment_id is not None) == ("running", True)

"""What goes wrong between a driver and a cluster's workers: each of them may be lost, or be of the wrong kind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clusters import Dask, dask_cluster

from nbops import clusters
from nbops.errors import MissingError, RetrainError, UsageError
from nbops.records import Run, Sweep
from nbops.retrain import resume, sweep
from nbops.retrain.runners import worker
from nbops.retrain.runners.worker import News, Order, Word
from nbops.settings import Settings
from nbops.store.interface import Store

on_the_dask_cluster = pytest.mark.xdist_group("cluster-dask")


def wait_until(holds: Callable[[], Any], seconds: float = 120) -> Any:
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.1)
    return found


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.kernel
@on_the_dask_cluster
def test_a_run_whose_worker_is_lost_has_failed_and_is_tried_again_elsewhere(
    store: Store, settings: Settings, write_notebook: Any, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    told.mkdir()
    notebook = write_notebook(
        f"import pathlib, os, time\nmark = pathlib.Path({str(told)!r}, 'kernel')\n"
        "if not mark.exists():\n    mark.write_text(str(os.getpid()))\n    time.sleep(600)\n"
        "import nbops\nnbops.log_metric('score', n)",
        parameters="n = 1",
    )
    with dask_cluster(tmp_path / "cluster", workers=1) as cluster:
        lost = cluster.processes[-1]
        ended: list[Sweep] = []

        def kill_when_it_runs() -> None:
            wait_until((told / "kernel").exists)
            lost.kill()
            cluster.add_worker()

        killer = threading.Thread(target=kill_when_it_runs)
        killer.start()
        ended.append(
            sweep(
                notebook, store=store, settings=settings, grid={"n": [5]}, objective="max:score", retries=1,
                runner="dask", scheduler=cluster.address,
            )
        )  # fmt: skip
        killer.join()

        [done] = ended
        runs = store.find(Run, sweep_id=done.id, order_by="id")
        assert [(run.status, run.tags.get("attempt")) for run in runs] == [("failed", None), ("finished", "2")]
        assert runs[0].error is not None
        assert runs[0].error.name == "WorkerLost"
        assert done.status == "finished"
        kernel = int((told / "kernel").read_text())
        wait_until(lambda: not is_there(kernel), 30)


@pytest.mark.kernel
@on_the_dask_cluster
def test_runs_of_a_driver_that_was_killed_end_on_their_workers_and_resume_runs_them_again(
    store: Store, settings: Settings, write_notebook: Any, project: Path, dask: Dask
) -> None:
    notebook = write_notebook(
        "import pathlib, os, time\n"
        f"mark = pathlib.Path({str(project)!r}, 'kernel')\n"
        "if not mark.exists():\n    mark.write_text(str(os.getpid()))\n    time.sleep(600)",
        parameters="n = 1",
    )
    script = f"""
    from nbops.retrain import sweep
    from nbops.settings import load_settings
    from nbops.store import open_store

    settings = load_settings({str(project)!r}, env={{}})
    with open_store(settings) as store:
        sweep({str(notebook)!r}, store=store, settings=settings, grid={{"n": [1]}}, runner="dask",
              scheduler={dask.address!r})
    """
    driver = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], cwd=project)
    mark = project / "kernel"
    wait_until(lambda: mark.exists() and mark.read_text())

    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()

    kernel = int(mark.read_text())
    wait_until(lambda: not is_there(kernel), 60)
    store.recover()  # type: ignore[attr-defined] # as the next opening of the store does
    [begun] = store.find(Sweep)
    done = resume(begun.id, store=store, settings=settings)
    assert done.runner == "dask"
    assert [run.status for run in store.find(Run, order_by="id")] == ["interrupted", "finished"]


class Told:
    """A client that was told these versions by its workers, in the form that distributed tells them."""

    def __init__(self, **packages: str | None) -> None:
        self._packages = packages

    def get_versions(self, packages: list[str]) -> dict[str, Any]:
        assert packages == ["nbops"]
        return {"workers": {"tcp://10.0.0.7:4000": {"packages": self._packages}}}


PYTHON = ".".join(map(str, sys.version_info))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Told(python="3.9.2.final.0", nbops="0.1.0"), "has Python 3.9, and this is"),
        (Told(python=PYTHON, nbops=None), "has nbops not installed, and this is 0.1.0"),
        (Told(python=PYTHON, nbops="0.0.9"), "has nbops 0.0.9, and this is 0.1.0"),
    ],
    ids=["another Python", "no nbops", "another nbops"],
)
def test_workers_that_cannot_run_notebooks_of_this_project_are_refused(told: Told, said: str) -> None:
    with pytest.raises(RetrainError, match=said) as caught:
        clusters.refuse_others(told, RetrainError)
    assert caught.value.code == "worker_mismatch"
    assert caught.value.hint is not None


def test_a_scheduler_that_does_not_answer_is_refused_before_anything_is_recorded(
    store: Store, settings: Settings, write_notebook: Any, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "CONNECT_S", 1)
    notebook = write_notebook("1", parameters="n = 1")

    with pytest.raises(RetrainError, match=f"no dask scheduler answers at tcp://127.0.0.1:{free_port}"):
        sweep(
            notebook, store=store, settings=settings, grid={"n": [1]}, runner="dask",
            scheduler=f"tcp://127.0.0.1:{free_port}",
        )  # fmt: skip

    assert (store.find(Sweep), store.find(Run)) == ([], [])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"runner": "dusk"}, "did you mean 'dask'"),
        ({"scheduler": "tcp://10.0.0.5:8786"}, "the local runner has no scheduler"),
        ({"ship": ["x"]}, "the local runner ships nothing"),
    ],
    ids=["unknown runner", "local with a scheduler", "local with something to ship"],
)
def test_options_that_do_not_fit_the_runner_are_refused(
    store: Store, settings: Settings, write_notebook: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        sweep(write_notebook("1", parameters="n = 1"), store=store, settings=settings, grid={"n": [1]}, **options)
    assert store.find(Sweep) == []


def test_an_engine_that_is_not_installed_is_asked_for_by_its_extra(
    store: Store, settings: Settings, write_notebook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingError) as caught:
        sweep(write_notebook("1", parameters="n = 1"), store=store, settings=settings, grid={"n": [1]}, runner="dask")
    assert caught.value.hint == "pip install 'nbops[dask]'"


class Line:
    """A driver that always says the same."""

    def __init__(self, word: Word | None, silence: float = 0.0) -> None:
        self._word = word
        self._silence = silence
        self.told: list[News] = []

    def say(self, news: News) -> None:
        self.told.append(news)

    def heard(self, run_id: str) -> tuple[Word | None, float]:
        return self._word, self._silence


def an_order(settings: Settings, **changes: Any) -> Order:
    fields: dict[str, Any] = {
        "run": Run(id="r1", name="train", kind="notebook", started_at=1.0), "notebook": "", "source": None,
        "parameters": {}, "kernel_name": "python3", "is_cold": True, "settings": settings, "variables": {},
        "own_variables": frozenset(), "packages": (), "python": sys.version_info[:2], "nbops": "0.1.0",
    }  # fmt: skip
    return Order(**fields | changes)


@pytest.mark.parametrize(
    ("changes", "line", "code"),
    [
        ({"python": (3, 9)}, Line(None), "worker_mismatch"),
        ({"nbops": "9.9"}, Line(None), "worker_mismatch"),
        ({}, Line(Word("another start")), "worker_lost"),
        ({}, Line(None, silence=float("inf")), "driver_lost"),
    ],
    ids=["another Python", "another nbops", "begun elsewhere before", "the driver has gone"],
)
def test_a_worker_refuses_a_run_that_it_must_not_begin(
    settings: Settings, changes: dict[str, Any], line: Line, code: str
) -> None:
    with pytest.raises(RetrainError) as caught:
        worker.perform(an_order(settings, **changes), None, line)  # type: ignore[arg-type] # it is never looked at
    assert caught.value.code == code

"""Finished runs stand for new ones only where nothing that decides them has changed; stopped sweeps go on."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbops.errors import ConflictError, NotFoundError
from nbops.records import CellExecution, Run, Sweep
from nbops.retrain import cancel, inputs, recipe, resume, run_notebook
from nbops.settings import Settings
from nbops.store import open_store
from nbops.store.interface import Store

pytestmark = pytest.mark.kernel

SCORE = "import nbops, pathlib\nnbops.log_metric('score', n * float(pathlib.Path('data.csv').read_text()))"


@pytest.fixture
def notebook(write_notebook: Any, project: Path) -> Path:
    (project / "data.csv").write_text("2")
    path: Path = write_notebook(SCORE, parameters="n = 1")
    return path


def reused(store: Store, done: Sweep) -> int:
    return sum(recipe.REUSED in run.tags for run in store.find(Run, sweep_id=done.id))


def inputs_of(run: Run, settings: Settings) -> inputs.Inputs:
    return msgspec.json.decode(recipe.inputs_file(run.id, settings).read_bytes(), type=inputs.Inputs)


def test_a_finished_sweep_is_not_run_again(search: Any, store: Store, notebook: Path) -> None:
    first = search(notebook, grid={"n": [1, 2]}, objective="max:score", jobs=2)

    second = search(notebook, grid={"n": [1, 2, 3]}, objective="max:score")
    third = search(notebook, grid={"n": [1, 2]}, objective="max:score")

    assert [reused(store, done) for done in (first, second, third)] == [0, 2, 2]
    copies = store.find(Run, sweep_id=third.id, order_by="id")
    assert [run.name for run in copies] == ["train n=1", "train n=2"]
    assert [(store.params(run.id), store.metrics(run.id)[0].value) for run in copies] == [
        ({"n": 1}, 2.0),
        ({"n": 2}, 4.0),
    ]
    # The best run is the one that did the work: models and cells are its.
    assert third.best_run_id == first.best_run_id


def test_asked_for_again_it_is_run_again(search: Any, store: Store, notebook: Path) -> None:
    search(notebook, grid={"n": [1]})

    assert reused(store, search(notebook, grid={"n": [1]}, again=True)) == 0


CHANGES = [
    pytest.param(lambda project: (project / "data.csv").write_text("3"), id="data"),
    pytest.param(lambda project: (project / "data.csv").unlink(), id="data gone"),
    pytest.param(lambda project: (project / "mine.py").write_text("FACTOR = 20"), id="own module"),
    pytest.param(lambda project: (project / "parts" / "b.csv").touch(), id="listed folder"),
    pytest.param(lambda project: (project / "optional.json").write_text("{}"), id="file that was not there"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_input_means_run(search: Any, store: Store, write_notebook: Any, project: Path, change: Any) -> None:
    (project / "data.csv").write_text("2")
    (project / "mine.py").write_text("FACTOR = 1")
    (project / "parts").mkdir()
    notebook = write_notebook(
        "import os, pathlib, pandas, mine\n"
        "text = pathlib.Path('data.csv').read_text() if pathlib.Path('data.csv').exists() else ''\n"
        "parts = os.listdir('parts')\n"
        "try:\n    open('optional.json')\nexcept FileNotFoundError:\n    pass",
        parameters="n = 1",
    )
    search(notebook, grid={"n": [1]})
    assert reused(store, search(notebook, grid={"n": [1]})) == 1

    change(project)

    assert reused(store, search(notebook, grid={"n": [1]})) == 0


def test_changed_code_or_parameters_mean_run(search: Any, store: Store, write_notebook: Any) -> None:
    search(write_notebook("1", parameters="n = 1"), grid={"n": [1]})

    assert reused(store, search(write_notebook("2", parameters="n = 1"), grid={"n": [1]})) == 0
    assert reused(store, search(write_notebook("1", parameters="n = 1\nm = 2"), grid={"n": [1]}, fixed={"m": 3})) == 0


FORKS = """
import os
pid = os.fork()
if not pid:
    os._exit(0)
os.waitpid(pid, 0)
"""
CONNECTS = """
import socket
with socket.socket() as connection:
    connection.settimeout(1)
    try:
        connection.connect(("127.0.0.1", 9))
    except OSError:
        pass
"""
CHANGES_ITS_INPUT = "text = open('data.csv').read()\nprint('1', file=open('data.csv', 'a'), flush=True)"
OPAQUE = [
    pytest.param("!cat data.csv", "another program", id="program"),
    pytest.param(FORKS, "a worker process", id="fork"),
    pytest.param(CONNECTS, "a connection", id="connection"),
    pytest.param("import sqlite3; sqlite3.connect('a.db').close()", "a database", id="database"),
    pytest.param("import pyarrow.dataset", "pyarrow.dataset reads files unseen", id="native reader"),
    pytest.param(CHANGES_ITS_INPUT, "changed during the run", id="changed"),
]


@pytest.mark.parametrize(("cell", "why"), OPAQUE)
def test_an_opaque_input_means_run(
    store: Store, settings: Settings, write_notebook: Any, project: Path, cell: str, why: str
) -> None:
    (project / "data.csv").write_text("2")

    done = run_notebook(write_notebook(cell), store=store, settings=settings)

    assert done.status == "finished", done.error
    assert why in inputs_of(done, settings).opaque
    assert not inputs.unchanged(recipe.inputs_file(done.id, settings), inputs.digest)


def test_ordinary_work_is_not_opaque(store: Store, settings: Settings, write_notebook: Any, project: Path) -> None:
    (project / "data.csv").write_text("a,b\n1,2\n3,4\n5,6\n7,8\n")
    notebook = write_notebook(
        "import nbops, pandas as pd, tempfile, pathlib\nframe = pd.read_csv('data.csv')\nframe.to_pickle('copy.pkl')",
        "frame = pd.read_pickle('copy.pkl')\nprint(frame.sum())\nframe",
        "from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor\n"
        "HistGradientBoostingRegressor().fit(frame[['a']], frame['b'])\n"
        "RandomForestRegressor(5, n_jobs=2).fit(frame[['a']], frame['b'])\nnbops.log_metric('rows', len(frame))",
    )

    done = run_notebook(notebook, store=store, settings=settings)

    found = inputs_of(done, settings)
    assert found.opaque == ""
    # What the run wrote itself is no input of it.
    assert [path for path in found.files if path.startswith(str(project))] == [str(project / "data.csv")]


KILLED = """
from nbops.retrain import sweep
from nbops.settings import load_settings
from nbops.store import open_store
settings = load_settings()
sweep("train.ipynb", store=open_store(settings), settings=settings, grid={"n": list(range(6))}, jobs=2, name="long",
      objective="max:score")
"""
COUNTED = """
import nbops, pathlib, time
with pathlib.Path("log").open("a") as log:
    log.write(f"begin {n}\\n")
time.sleep(0.3)
nbops.log_metric("score", n)
"""


def test_a_sweep_goes_on_after_its_driver_is_killed_with_no_run_lost_and_none_run_twice(
    settings: Settings, write_notebook: Any, project: Path
) -> None:
    notebook = write_notebook(textwrap.dedent(COUNTED), parameters="n = 0")
    driver = subprocess.Popen([sys.executable, "-c", KILLED], cwd=project)
    with open_store(settings) as watching:
        while watching.count(Run, status="finished") < 1:
            assert driver.poll() is None
            time.sleep(0.05)
    time.sleep(random.random())
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    notebook.write_text("the notebook is edited meanwhile, even broken")

    with open_store(settings) as store:
        [begun] = store.find(Sweep)
        before = {run.tags["trial"] for run in store.find(Run, sweep_id=begun.id, status="finished")}
        done = resume("long", store=store, settings=settings)
        runs = store.find(Run, sweep_id=begun.id)

    finished = Counter(run.tags["trial"] for run in runs if run.status == "finished")
    assert finished == {str(number): 1 for number in range(1, 7)}
    assert (done.id, done.status) == (begun.id, "finished")
    assert before
    assert next(run for run in runs if run.id == done.best_run_id).tags["trial"] == "6"
    begins = Counter((project / "log").read_text().split())
    assert all(begins[str(int(trial) - 1)] == 1 for trial in before)
    with open_store(settings) as store, pytest.raises(ConflictError, match="has finished"):
        resume("long", store=store, settings=settings)


def test_a_cancelled_sweep_goes_on_without_those_that_failed_for_good(
    search: Any, store: Store, settings: Settings, write_notebook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = write_notebook("import time\nassert n\nif n == 1: time.sleep(600)", parameters="n = 0")

    cut = search(notebook, grid={"n": [0, 1, 2]}, total_timeout_s=4)
    assert cut.status == "cancelled"
    store.update(Sweep, cut.id, timeout_s=2.0)
    done = resume(cut.id, store=store, settings=settings)

    counts = Counter((run.tags["trial"], run.status) for run in store.find(Run, sweep_id=done.id))
    assert done.status == "finished"
    assert counts["1", "failed"] == 1
    assert counts["3", "finished"] == 1


def test_what_ran_when_the_time_of_the_whole_was_over_is_run_again(
    search: Any, store: Store, settings: Settings, write_notebook: Any, project: Path
) -> None:
    notebook = write_notebook(
        "import pathlib, time\nwhile n and not pathlib.Path('gate').exists(): time.sleep(0.05)", parameters="n = 0"
    )

    cut = search(notebook, grid={"n": [0, 1]}, total_timeout_s=6, jobs=2)
    [stopped] = [run for run in store.find(Run, sweep_id=cut.id) if run.tags["trial"] == "2"]
    (project / "gate").touch()
    done = resume(cut.id, store=store, settings=settings)

    assert stopped.error is not None
    assert (cut.status, stopped.status, stopped.error.name) == ("cancelled", "cancelled", "OutOfTime")
    finished = Counter(run.tags["trial"] for run in store.find(Run, sweep_id=done.id, status="finished"))
    assert (done.status, finished) == ("finished", {"1": 1, "2": 1})


def test_a_sweep_goes_on_right_after_it_was_cancelled(
    search: Any, store: Store, settings: Settings, write_notebook: Any, project: Path
) -> None:
    gate = project / "gate"
    notebook = write_notebook(
        f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.05)", parameters="n = 1"
    )
    thread = threading.Thread(target=lambda: search(notebook, grid={"n": [1]}))
    thread.start()
    while not store.count(CellExecution):
        time.sleep(0.05)
    [under_way] = store.find(Sweep)

    cancel(under_way.id, store=store)
    resumed: list[Sweep] = []
    second = threading.Thread(target=lambda: resumed.append(resume(under_way.id, store=store, settings=settings)))
    second.start()
    thread.join(30)
    gate.touch()
    second.join(30)

    assert [done.status for done in resumed] == ["finished"]
    assert [run.status for run in store.find(Run, order_by="id")] == ["cancelled", "finished"]


def test_two_drivers_cannot_drive_one_sweep(search: Any, store: Store, settings: Settings, notebook: Path) -> None:
    done = search(notebook, grid={"n": [1]})
    store.update(Sweep, done.id, status="failed")

    with (settings.folder / "sweeps" / done.id / "driver").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="is driven by process"):
            resume(done.id, store=store, settings=settings)


def test_a_sweep_from_elsewhere_cannot_be_resumed_here(store: Store, settings: Settings) -> None:
    record = Sweep(
        id="0" * 32, name="x", notebook="x.ipynb", space={}, total=1, started_at=time.time(), status="failed"
    )
    store.put(record)

    with pytest.raises(NotFoundError, match="is not kept here"):
        resume(record.id, store=store, settings=settings)

"""Searches: a sampler chooses the points, runs that are behind are stopped, and other programs can open the study."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nbops.errors import UsageError
from nbops.records import Run, Sweep
from nbops.retrain import front, parameters, recipe, resume, space, study
from nbops.retrain.declarations import Parameter, of_source
from nbops.retrain.space import Range
from nbops.settings import Settings
from nbops.store import open_store
from nbops.store.interface import Store

pytest.importorskip("optuna", reason="no Optuna: pip install optuna")

BOWL = "import nbops\nnbops.log_metric('loss', (x - 0.3) ** 2 + (depth - 4) ** 2)"
DECLARED = "x: float = 0.5  # 0..1\ndepth = 2  # 1..8\nkind = 'a'  # {a, b}\nseed = 7\nflag = False\nname = 'n'"


def declared(name: str) -> Parameter:
    return next(parameter for parameter in of_source(DECLARED) if parameter.name == name)


DIMENSIONS = [
    pytest.param("x", None, Range(0, 1), id="as declared"),
    pytest.param("depth", None, Range(1, 8, is_whole=True), id="whole numbers as declared"),
    pytest.param("kind", None, ["a", "b"], id="choices as declared"),
    pytest.param("flag", None, [False, True], id="bool"),
    pytest.param("x", "0.1..0.5", Range(0.1, 0.5), id="range"),
    pytest.param("x", "log:1e-3..1", Range(0.001, 1, is_log=True), id="log before"),
    pytest.param("x", "1e-3..1 log", Range(0.001, 1, is_log=True), id="log behind"),
    pytest.param("depth", "2,4", [2, 4], id="text of a list"),
    pytest.param("depth", [2, "4"], [2, 4], id="list"),
    pytest.param("seed", Range(1, 5), Range(1, 5, is_whole=True), id="range object"),
]


@pytest.mark.parametrize(("name", "wanted", "expected"), DIMENSIONS)
def test_a_dimension_is_read_as_it_is_written(name: str, wanted: object, expected: object) -> None:
    assert space.dimension(declared(name), wanted) == expected


@pytest.mark.parametrize(("name", "wanted", "expected"), DIMENSIONS)
def test_a_dimension_comes_back_from_the_record(name: str, wanted: object, expected: object) -> None:
    known = parameters.NotebookParameters(notebook="a", parameters=[declared(name)], has_cell=True)
    kept = space.stored(declared(name), space.dimension(declared(name), wanted))

    assert space.recalled(known, {name: json.loads(json.dumps(kept))}) == {name: expected}


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        ("depth", "0..99", "outside 1..8"),
        ("x", "1..0", "lower end first"),
        ("x", "log:0..1", "lower end above 0"),
        ("seed", None, "does not say which values of 'seed' make sense"),
        ("kind", "1..2", "kind is str, which has no range"),
        ("depth", " , ", "has no values"),
        ("depth", 3, "neither a range nor a list"),
    ],
)
def test_a_dimension_that_cannot_be_is_refused(name: str, wanted: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        space.dimension(declared(name), wanted)


WRONG = [
    pytest.param({"search": ["x"]}, "how many runs it may make", id="no trials"),
    pytest.param({"search": ["x"], "trials": 3, "objective": None}, "what is better", id="no objective"),
    pytest.param({"search": ["x"], "trials": 3, "objective": "max:a,min:a"}, "one metric in two ways", id="both ways"),
    pytest.param({"search": ["x"], "trials": 3, "sampler": "magic"}, "no sampler 'magic'", id="sampler"),
    pytest.param({"search": ["x"], "trials": 3, "prune": "hard"}, "no pruner 'hard'", id="pruner"),
    pytest.param({"search": ["y"], "trials": 3}, "no parameter 'y'", id="name"),
    pytest.param({"search": "x", "trials": 3}, "wants names", id="text"),
    pytest.param({"search": ["x"], "grid": {"x": [1]}, "trials": 3}, "given more than once", id="twice"),
    pytest.param(
        {"search": ["x"], "trials": 3, "sampler": "cmaes", "objective": "min:a,min:b"},
        "takes one objective",
        id="cmaes",
    ),
]


@pytest.mark.kernel
@pytest.mark.parametrize(("options", "message"), WRONG)
def test_a_wrong_search_is_refused_before_anything_starts(
    search: Any, store: Store, write_notebook: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        search(write_notebook(BOWL, parameters=DECLARED), **({"objective": "min:loss"} | options))

    assert (store.count(Sweep), store.count(Run)) == (0, 0)


@pytest.mark.kernel
@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes"])
def test_a_search_draws_from_its_space_and_other_programs_can_open_its_study(
    search: Any, store: Store, settings: Settings, write_notebook: Any, sampler: str
) -> None:
    import optuna

    notebook = write_notebook(BOWL, parameters=DECLARED)

    done = search(
        notebook,
        search={"x": None, "depth": "2..6"},
        grid={"kind": ["a", "b"]},
        fixed={"seed": 3},
        trials=6,
        sampler=sampler,
        objective="min:loss",
        jobs=2,
    )

    runs = store.find(Run, sweep_id=done.id)
    points = [store.params(run.id) for run in runs]
    assert (done.status, done.search, done.total, len(runs)) == ("finished", sampler, 6, 6)
    assert done.space == {"kind": ["a", "b"], "x": ["0.0..1.0"], "depth": ["2..6"]}
    assert all(0 <= point["x"] <= 1 and 2 <= point["depth"] <= 6 and point["seed"] == 3 for point in points)
    assert len({point["x"] for point in points}) > 1
    losses = {run.id: store.metrics(run.id)[0].value for run in runs}
    assert done.best_run_id == min(losses, key=lambda run_id: losses[run_id])
    backend = optuna.storages.journal.JournalFileBackend(str(study.journal_of(settings)))
    opened = optuna.load_study(study_name=study.name_of(done), storage=optuna.storages.JournalStorage(backend))
    assert opened.best_value == min(losses.values())
    assert opened.best_trial.user_attrs["run_id"] == done.best_run_id
    assert opened.user_attrs["objectives"] == ["min:loss"]


@pytest.mark.kernel
def test_without_names_everything_with_a_range_is_searched(search: Any, write_notebook: Any) -> None:
    done = search(write_notebook(BOWL, parameters=DECLARED), trials=1, objective="min:loss")

    assert set(done.space) == {"x", "depth", "kind"}


@pytest.mark.kernel
def test_a_point_that_was_run_before_is_told_and_not_run_again(search: Any, store: Store, write_notebook: Any) -> None:
    notebook = write_notebook("import nbops\nnbops.log_metric('loss', n)", parameters="n = 1")
    search(notebook, grid={"n": [1, 2]})

    done = search(notebook, grid={"n": [1, 2]}, trials=3, sampler="random", objective="min:loss")

    assert all(recipe.REUSED in run.tags for run in store.find(Run, sweep_id=done.id))
    assert done.best_run_id is not None


STEPS = """
import nbops, time
for step in range(12):
    nbops.log_metric("loss", level, step=step)
    time.sleep(0.3 if level > 1 else 0)
"""


@pytest.mark.kernel
def test_a_run_that_is_behind_is_stopped_in_the_middle_of_its_cell(
    search: Any, store: Store, write_notebook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbops.retrain.driver._ASK_STORE_EVERY_S", 0.1)
    notebook = write_notebook(STEPS, parameters="level = 0.5  # 0..9")
    # The first five set the bar; the sixth is far above it.
    good = {f"good {number}": 0.1 * number for number in range(5)}

    import optuna

    class Given(optuna.samplers.BaseSampler):
        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            return {}

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
            return {}

        def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> float:
            return [*good.values(), 8.0][trial.number]

    monkeypatch.setattr("optuna.samplers.RandomSampler", lambda seed: Given())
    done = search(notebook, search=["level"], trials=6, sampler="random", objective="min:loss")

    runs = store.find(Run, sweep_id=done.id, order_by="id")
    assert [run.status for run in runs] == ["finished"] * 5 + ["cancelled"]
    pruned = runs[-1]
    assert (pruned.tags["pruned"], pruned.error) == ("yes", None)
    assert 0 < len(store.metrics(pruned.id)) < 12
    assert done.status == "finished"


@pytest.mark.kernel
def test_two_objectives_have_a_front(search: Any, store: Store, write_notebook: Any) -> None:
    notebook = write_notebook(
        "import nbops\nnbops.log_metrics({'gain': n, 'cost': {1: 1, 2: 5, 3: 3}[n]})", parameters="n = 1"
    )

    done = search(notebook, grid={"n": [1, 2, 3]}, trials=6, sampler="nsga2", objective="max:gain,min:cost")

    drawn = {store.params(run.id)["n"] for run in store.find(Run, sweep_id=done.id)}
    # 3 gains more than 2 and costs less; 1 is the cheapest.
    unbeaten = [n for n in (3, 2, 1) if n in drawn and not (n == 2 and 3 in drawn)]
    assert [store.params(run.id)["n"] for run in front(done.id, store=store)] == unbeaten


KILLED = """
from nbops.retrain import sweep
from nbops.settings import load_settings
from nbops.store import open_store
settings = load_settings()
sweep("train.ipynb", store=open_store(settings), settings=settings, search=["x"], trials=6, jobs=2, name="long",
      objective="min:loss")
"""


@pytest.mark.kernel
def test_a_search_goes_on_after_its_driver_is_killed(settings: Settings, write_notebook: Any, project: Path) -> None:
    cell = """
    import nbops, time
    time.sleep(0.4)
    nbops.log_metric("loss", x)
    """
    write_notebook(textwrap.dedent(cell), parameters="x = 0.5  # 0..1")
    driver = subprocess.Popen([sys.executable, "-c", KILLED], cwd=project)
    with open_store(settings) as watching:
        while watching.count(Run, status="finished") < 2:
            assert driver.poll() is None
            time.sleep(0.05)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()

    with open_store(settings) as store:
        before = {run.id for run in store.find(Run, status="finished")}
        done = resume("long", store=store, settings=settings)
        runs = store.find(Run, sweep_id=done.id)

    finished = [run for run in runs if run.status == "finished"]
    assert done.status == "finished"
    assert before <= {run.id for run in finished}
    assert len(finished) == 6
    assert max(Counter(run.tags["trial"] for run in finished).values()) == 1


@pytest.mark.kernel
def test_the_dashboard_of_optuna_reads_the_study(
    search: Any, settings: Settings, write_notebook: Any, free_port: int
) -> None:
    pytest.importorskip("optuna_dashboard", reason="no optuna-dashboard: pip install optuna-dashboard")
    done = search(write_notebook(BOWL, parameters=DECLARED), search=["x"], trials=2, objective="min:loss")
    command = [sys.executable, "-c", "from optuna_dashboard._cli import main; main()"]
    command += ["--host", "127.0.0.1", "--port", str(free_port), str(study.journal_of(settings))]
    dashboard = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        answer = None
        deadline = time.monotonic() + 60
        while answer is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/api/studies", timeout=10) as response:
                    answer = json.load(response)
            except OSError:
                time.sleep(0.2)
    finally:
        dashboard.kill()
        dashboard.wait()

    assert answer is not None
    assert [found["study_name"] for found in answer["study_summaries"]] == [study.name_of(done)]

"""A copy that is cut short goes on where it stopped; what cannot work is told with its cure; nothing is left behind."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bridge_projects import Project
from mlflow_server import MlflowServer

from nbops.bridge import connected
from nbops.errors import NbopsError
from nbops.records import Metric, Run

pytestmark = [pytest.mark.mlflow, pytest.mark.xdist_group("mlflow")]
VALUES = 6_000


def a_long_run(project: Project) -> Run:
    run = project.run("long")
    project.metric(run, "loss", *[float(n) for n in range(VALUES)])
    return run


def told(uri: str, run: Run) -> tuple[str, int] | None:
    """MLflow's id of a run, and how many of its values it has."""
    with connected(uri, timeout_s=5, makes=False) as server:
        client = server.client
        experiments = [one.experiment_id for one in client.search_experiments()]
        found = client.search_runs(experiments, f"tags.`nbops.run_id` = '{run.id}'")
        assert len(found) <= 1
        return (found[0].info.run_id, len(client.get_metric_history(found[0].info.run_id, "loss"))) if found else None


# Dies as a killed process does: after a batch has gone over, or when its values have and the tag that says so has not.
DYING = """
import os, signal, sys
from mlflow import MlflowClient
from nbops.cli.shell import perform
log_batch, calls = MlflowClient.log_batch, []
def dying(self, run_id, metrics=(), params=(), tags=(), **more):
    calls.extend(metrics[:1])
    is_last = len(calls) == 3
    told = () if is_last and sys.argv[1] == "half" else tags
    log_batch(self, run_id, metrics=metrics, params=params, tags=told, **more)
    if is_last:
        os.kill(os.getpid(), signal.SIGKILL)
MlflowClient.log_batch = dying
perform(sys.argv[2:])
"""


@pytest.mark.parametrize("moment", ["whole", "half"])
@pytest.mark.parametrize("mlflow_uri", ["server", "files"], indirect=True)
def test_a_killed_export_goes_on_and_tells_nothing_twice(
    projects: Callable[[], Project], mlflow_uri: str, experiment: str, moment: str
) -> None:
    here = projects()
    run = a_long_run(here)
    words = ["mlflow", "export", "--to", mlflow_uri, "--experiment", experiment]
    killed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DYING, moment, *words], cwd=here.settings.root, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    cut = told(mlflow_uri, run)
    assert cut is not None
    assert cut[1] == 3 * 999

    went = here.export(to=mlflow_uri, experiment=experiment)
    assert told(mlflow_uri, run) == (cut[0], VALUES)
    assert (went.made, went.updated, went.metrics) == (0, 1, VALUES - cut[1])


def test_an_import_that_was_cut_short_shows_as_running_and_goes_on(
    projects: Callable[[], Project], mlflow_server: MlflowServer, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = projects(), projects()
    run = a_long_run(here)
    here.artifact(run, "a.txt", b"a")
    here.export(to=mlflow_server.uri, experiment=experiment)
    log, calls = there.store.log_metrics, iter(range(100))

    def interrupted(metrics: object) -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt
        log(metrics)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(there.store, "log_metrics", interrupted)
        with pytest.raises(KeyboardInterrupt):
            there.take(mlflow_server.uri, experiment)
    assert there.store.get(Run, run.id).status == "running"
    assert 0 < len(there.store.metrics(run.id)) < VALUES

    came = there.take(mlflow_server.uri, experiment)
    assert (came.made, came.updated, came.artifacts) == (0, 1, 1)
    assert there.series(run.id) == here.series(run.id)
    assert there.store.get(Run, run.id).status == "finished"


def test_a_run_that_mlflow_refuses_keeps_back_none_after_it(
    projects: Callable[[], Project], mlflow_server: MlflowServer, experiment: str
) -> None:
    here = projects()
    bad = here.run("bad")
    # MLflow has no time before 1970.
    here.store.log_metrics([Metric(run_id=bad.id, name="m", step=1, value=1.0, at=-1.0)])
    good = here.run("good")
    went = here.export(to=mlflow_server.uri, experiment=experiment)
    assert told(mlflow_server.uri, good) is not None
    assert [left.where for left in went.left_out] == [["bad"]]
    assert "was refused" in went.left_out[0].why


@pytest.mark.parametrize(
    ("uri", "code", "said"),
    [
        ("http://127.0.0.1:9", "mlflow_unreachable", "no MLflow answers at http://127.0.0.1:9"),
        ("http://ada:s3cret@127.0.0.1:9", "mlflow_unreachable", "http://ada:***@127.0.0.1:9"),
        ("ftp://somewhere/x", "bad_uri", "is no address of MLflow"),
        ("127.0.0.1:5000", "bad_uri", "is a folder to MLflow"),
        ("", "bad_uri", "is no address of MLflow"),
        ("nowhere/mlruns", "mlflow_not_found", "there is no MLflow store at file:///"),
        ("sqlite:///nowhere.db", "mlflow_not_found", "there is no MLflow store at sqlite:///nowhere.db"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_at_once(
    projects: Callable[[], Project], uri: str, code: str, said: str
) -> None:
    here = projects()
    with pytest.raises(NbopsError) as caught:
        here.take(uri)
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)
    assert said in caught.value.message
    assert "s3cret" not in str(caught.value)


def test_an_experiment_that_is_not_there_is_told_with_near_names(
    projects: Callable[[], Project], mlflow_server: MlflowServer, experiment: str
) -> None:
    here = projects()
    here.run()
    here.export(to=mlflow_server.uri, experiment=experiment)
    with pytest.raises(NbopsError, match="has no experiment") as caught:
        here.take(mlflow_server.uri, experiment[:-1])
    assert caught.value.code == "experiment_not_found"
    assert experiment in caught.value.message


def test_runs_and_an_expression_at_once_are_refused(projects: Callable[[], Project]) -> None:
    with pytest.raises(NbopsError, match="not both"):
        projects().export("last", to="mlruns", where="status = finished")


def test_the_process_is_left_as_it_was(projects: Callable[[], Project], tmp_path: Path) -> None:
    here = projects()
    here.run()
    before, level = dict(os.environ), logging.getLogger("mlflow").level
    here.export(to=str(tmp_path / "mlruns"))
    from mlflow.telemetry import get_telemetry_client

    assert dict(os.environ) == before
    assert logging.getLogger("mlflow").level == level
    assert get_telemetry_client() is None, "MLflow must not count its use over the network on our behalf"

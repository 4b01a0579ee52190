"""What goes to an MLflow and comes back into another project is what it was, however often it is sent."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from bridge_projects import Project, without
from mlflow_server import MlflowServer

from nbops.bundle import load
from nbops.records import (
    Artifact,
    CellExecution,
    Dataset,
    Environment,
    Fit,
    Metric,
    Model,
    ModelVersion,
    Run,
    Sweep,
    new_id,
)

pytestmark = [pytest.mark.mlflow, pytest.mark.xdist_group("mlflow")]
Full = tuple[Project, dict[str, Run]]
MLFLOWS = ("mlflow.run_id", "mlflow.experiment")


def as_it_was(there: Run, here: Run) -> None:
    """Every field is the same but those that are of one machine, and the two tags that say where it came from."""
    tags = {name: value for name, value in there.tags.items() if name not in MLFLOWS}
    assert set(there.tags) - set(tags) == set(MLFLOWS)
    assert without(msgspec.structs.replace(there, tags=tags), "output") == without(here, "output")


def test_everything_comes_back_as_it_was_and_nothing_twice(
    full: Full, projects: Callable[[], Project], mlflow_uri: str, experiment: str, model_name: str
) -> None:
    here, runs = full
    there = projects()
    went, came = here.export(to=mlflow_uri, experiment=experiment), there.take(mlflow_uri, experiment)

    for run in runs.values():
        _is_as_it_was(there, here, run)
    for kind in (Environment, Sweep):
        assert there.store.find(kind) == here.store.find(kind)
    assert there.store.check() == []
    _model_is_as_it_was(there, here)
    assert (went.made, went.models, went.metrics, went.artifacts, went.cells) == (3, 1, 2_506, 4, 1)
    assert (came.made, came.models, came.metrics, came.artifacts, came.cells) == (3, 1, 2_506, 4, 1)
    assert came.left_out == []

    before = there.store.last_change()
    for again in (here.export(to=mlflow_uri, experiment=experiment), there.take(mlflow_uri, experiment)):
        assert (again.made, again.updated, again.unchanged) == (0, 0, 3)
        assert (again.params, again.metrics, again.artifacts, again.cells, again.models) == (0,) * 5
    assert there.store.last_change() == before


def _is_as_it_was(there: Project, here: Project, run: Run) -> None:
    as_it_was(there.store.get(Run, run.id), here.store.get(Run, run.id))
    ours, theirs = here.store.params(run.id), there.store.params(run.id)
    assert {name: repr(value) for name, value in theirs.items()} == {name: repr(value) for name, value in ours.items()}
    assert there.series(run.id) == here.series(run.id)
    for kind in (CellExecution, Dataset, Artifact, Fit):
        assert there.store.find(kind, run_id=run.id) == here.store.find(kind, run_id=run.id)
    for artifact in here.store.find(Artifact, run_id=run.id):
        assert there.blobs.get(artifact.digest) == here.blobs.get(artifact.digest)


def _model_is_as_it_was(there: Project, here: Project) -> None:
    import pandas as pd

    (ours,), (theirs,) = here.store.find(ModelVersion), there.store.find(ModelVersion)
    assert theirs == ours
    assert there.store.find(Model)[0].aliases == here.store.find(Model)[0].aliases == {"production": 1}
    sample = pd.DataFrame({"age": [1.0, 55.0], "n": [2, 3]})
    assert list(load(theirs, there.blobs).predict(sample)) == list(load(ours, here.blobs).predict(sample))


def test_what_is_new_goes_after(
    full: Full, projects: Callable[[], Project], mlflow_server: MlflowServer, experiment: str
) -> None:  # fmt: skip
    here, runs = full
    there, fit = projects(), runs["fit"]
    live = here.run("live", status="running", ended_at=None)
    here.metric(live, "loss", 0.5)
    here.export(to=mlflow_server.uri, experiment=experiment)
    there.take(mlflow_server.uri, experiment)
    assert there.store.get(Run, live.id).status == "running"

    here.store.log_metrics([Metric(run_id=live.id, name="loss", step=1, value=0.25, at=live.started_at + 1)])
    here.params(live, late=1)
    here.artifact(live, "late.txt", b"late")
    here.store.update(Run, live.id, status="finished", ended_at=live.started_at + 9, tags={"stage": "done"}, note="n")
    here.params(fit, depth=8)
    again = here.export(to=mlflow_server.uri, experiment=experiment)
    assert (again.made, again.updated, again.metrics, again.artifacts) == (0, 2, 1, 1)
    assert [left.where for left in again.left_out if "first value for ever" in left.why] == [["fit: depth"]]
    came = there.take(mlflow_server.uri, experiment)

    assert (came.made, came.metrics, came.artifacts) == (0, 1, 1)
    as_it_was(there.store.get(Run, live.id), here.store.get(Run, live.id))
    assert there.series(live.id) == here.series(live.id)
    assert there.store.params(live.id) == {"late": 1}


def test_its_own_runs_are_left_alone_by_an_import(full: Full, mlflow_server: MlflowServer, experiment: str) -> None:
    here, _ = full
    here.export(to=mlflow_server.uri, experiment=experiment)
    before = here.store.last_change()
    came = here.take(mlflow_server.uri, experiment)
    assert (came.made, came.updated, came.unchanged) == (0, 0, 3)
    assert here.store.last_change() == before


def test_named_runs_take_their_parts_and_an_expression_what_matches(
    full: Full, mlflow_server: MlflowServer, experiment: str
) -> None:
    here, runs = full
    assert here.export(runs["session"].id, to=mlflow_server.uri, experiment=experiment).made == 2
    assert here.export("grid", to=mlflow_server.uri, experiment=experiment).made == 1
    other = here.run("other", tags={"pick": "me"})
    went = here.export(to=mlflow_server.uri, experiment=experiment, where="tags.pick = me")
    assert (went.made, went.unchanged) == (1, 0)
    assert here.export(other.id, to=mlflow_server.uri).experiments == [experiment]


def test_what_is_in_the_trash_stays_there(
    full: Full, projects: Callable[[], Project], mlflow_server: MlflowServer, experiment: str
) -> None:  # fmt: skip
    here, runs = full
    there = projects()
    here.export(to=mlflow_server.uri, experiment=experiment)
    there.take(mlflow_server.uri, experiment)
    there.store.update(Run, runs["tried"].id, deleted_at=5.0, tags={})
    came = there.take(mlflow_server.uri, experiment)
    assert [left.where for left in came.left_out] == [["train.ipynb"]]
    assert there.store.get(Run, runs["tried"].id).deleted_at == 5.0


def test_a_model_without_a_run_travels_in_a_run_of_its_own(
    full: Full, projects: Callable[[], Project], mlflow_server: MlflowServer, model_name: str
) -> None:
    here, _ = full
    (first,) = here.store.find(ModelVersion)
    second = here.store.add_version(msgspec.structs.replace(first, id=new_id(), run_id=None, dataset_ids=[]))
    assert here.export(to=mlflow_server.uri).models == 2
    there = projects()
    there.take(mlflow_server.uri)
    found = there.store.find(ModelVersion, model=model_name, order_by="number")
    assert [(one.number, one.id, one.run_id) for one in found] == [
        (1, first.id, first.run_id), (2, second.id, None)
    ]  # fmt: skip
    assert there.store.count(Run, name=f"{model_name}@2") == 0

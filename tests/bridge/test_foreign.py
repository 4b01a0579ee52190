"""What others keep in MLflow comes here whole; what they wrote is never run, and models are trusted by name only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bridge_projects import Project
from mlflow_server import MlflowServer

from nbops.bundle import load
from nbops.errors import BundleError
from nbops.records import Artifact, CellExecution, Dataset, Model, ModelVersion, Run, new_id

pytestmark = [pytest.mark.mlflow, pytest.mark.xdist_group("mlflow")]

THEIRS = """
import json, sys
import mlflow, pandas as pd, numpy as np
from mlflow.entities import Metric
from mlflow.models import infer_signature
from sklearn.linear_model import Ridge, LogisticRegression

experiment, model = sys.argv[1:]
mlflow.set_experiment(experiment)
frame = pd.DataFrame({"age": np.arange(20.0), "city": ["x", "y"] * 10})
with mlflow.start_run(run_name="parent", description="a note") as parent:
    mlflow.set_tags({"team": "a", "mlflow.source.git.commit": "c" * 40})
    mlflow.log_params({"depth": 4, "lr": "1e-3", "warm": True, "none": None})
    mlflow.log_input(mlflow.data.from_pandas(frame, name="train"), context="training")
    client = mlflow.MlflowClient()
    for first in (0, 750):
        values = [Metric("loss", 1 / (n + 1), 1_700_000_000_000 + n, n) for n in range(first, first + 750)]
        client.log_batch(parent.info.run_id, metrics=values)
    mlflow.log_metrics({"nan": float("nan"), "inf": float("inf"), "low": float("-inf")}, step=-2)
    mlflow.log_text("hello", "deep/er/a.txt")
    with mlflow.start_run(run_name="child", nested=True) as child:
        X = frame[["age"]]
        y = X["age"] > 9
        fitted = LogisticRegression().fit(X, y)
        mlflow.sklearn.log_model(fitted, name="model", signature=infer_signature(X, fitted.predict(X)),
                                 registered_model_name=model, pip_requirements=["scikit-learn==1.9.1"])
        mlflow.sklearn.log_model(Ridge().fit(X.to_numpy(), y), name="pickled", input_example=X.to_numpy()[:2],
                                 serialization_format="cloudpickle", registered_model_name=model,
                                 pip_requirements=["mlflow", "scikit-learn==1.9.1"])
try:
    with mlflow.start_run(run_name="killed"):
        raise KeyboardInterrupt
except KeyboardInterrupt:
    pass
client.set_registered_model_alias(model, "champion", 2)
print(json.dumps({"parent": parent.info.run_id, "child": child.info.run_id}))
"""


def test_runs_that_others_made_come_whole_and_once(
    in_mlflow: Callable[..., str], mlflow_server: MlflowServer, projects: Callable[[], Project], experiment: str,
    model_name: str,
) -> None:  # fmt: skip
    ids = json.loads(in_mlflow(THEIRS, experiment, model_name).splitlines()[-1])
    here = projects()
    came = here.take(mlflow_server.uri, experiment)

    runs = {run.name: run for run in here.store.find(Run)}
    parent, child = runs["parent"], runs["child"]
    assert (came.made, came.models, came.metrics) == (3, 2, 1_503)
    assert parent.tags["mlflow.run_id"] == ids["parent"]
    assert (parent.tags["team"], parent.tags["mlflow.experiment"]) == ("a", experiment)
    assert (parent.note, parent.git_commit, parent.cause, child.parent_id) == ("a note", "c" * 40, "mlflow", parent.id)
    assert {run.name: run.status for run in runs.values()} == {
        "parent": "finished", "child": "finished", "killed": "failed"
    }  # fmt: skip
    assert here.store.params(parent.id) == {"depth": 4, "lr": "1e-3", "warm": True, "none": None}
    assert [summary.run.name for summary in here.store.search_runs("params.lr < 0.01 and metrics.inf > 9e99")] == [
        "parent"
    ]
    series = here.series(parent.id)
    assert [(step, value) for step, value, _ in series["loss"]] == [(n, repr(1 / (n + 1))) for n in range(1_500)]
    assert {name: series[name][0][:2] for name in ("nan", "inf", "low")} == {
        "nan": (-2, "nan"), "inf": (-2, "inf"), "low": (-2, "-inf")
    }  # fmt: skip
    (dataset,) = here.store.find(Dataset)
    assert (dataset.name, dataset.rows, dataset.columns, dataset.fingerprint[:7], dataset.run_id) == (
        "train", 20, ["age", "city"], "mlflow:", parent.id
    )  # fmt: skip
    (text,) = here.store.find(Artifact, run_id=parent.id)
    assert (text.name, here.blobs.get(text.digest)) == ("deep/er/a.txt", b"hello")
    assert {"model/MLmodel", "pickled/model.pkl"} <= {one.name for one in here.store.find(Artifact, run_id=child.id)}

    first, second = here.store.find(ModelVersion, order_by="number")
    assert (first.flavour, first.type_name, first.run_id) == (
        "skops", "sklearn.linear_model._logistic.LogisticRegression", child.id
    )  # fmt: skip
    assert [(column.name, column.kind) for column in first.signature.columns] == [("age", "number")]
    assert (second.flavour, second.type_name, second.signature.takes) == (
        "pickle", "sklearn.linear_model._ridge.Ridge", "array"
    )  # fmt: skip
    assert second.requirements == ["scikit-learn==1.9.1"]
    assert load(second, here.blobs).predict([[1.0]]).shape == (1,)
    assert here.store.find(Model)[0].aliases == {"champion": 2}

    again = here.take(mlflow_server.uri, experiment)
    assert (again.made, again.updated, again.unchanged, again.metrics, again.models) == (0, 0, 3, 0, 0)


EVIL = """
import os, pickle, sys, tempfile
from pathlib import Path
import mlflow

class Evil:
    def __reduce__(self):
        return os.system, (f"touch {sys.argv[3]}",)
    def predict(self, X):
        return X

mlflow.set_experiment(sys.argv[1])
client = mlflow.MlflowClient()
folder = Path(tempfile.mkdtemp())
(folder / "model.pkl").write_bytes(pickle.dumps(Evil(), protocol=4))
(folder / "MLmodel").write_text('''
flavors:
  sklearn: {pickled_model: model.pkl, serialization_format: pickle}
signature:
  inputs: '[{"type": "double", "name": "age", "required": true}]'
''')
with mlflow.start_run() as run:
    mlflow.log_artifacts(str(folder), "bad")
client.create_registered_model(sys.argv[2])
client.create_model_version(sys.argv[2], f"{run.info.artifact_uri}/bad", run.info.run_id)
"""


def test_a_model_file_is_never_run_and_kept_as_a_model_only_when_its_names_are_trusted(
    in_mlflow: Callable[..., str], mlflow_server: MlflowServer, projects: Callable[[], Project], experiment: str,
    model_name: str, tmp_path: Path,
) -> None:  # fmt: skip
    touched = tmp_path / "touched"
    in_mlflow(EVIL, experiment, model_name, str(touched))
    here = projects()
    came = here.take(mlflow_server.uri, experiment)

    assert [(left.where, left.why[-24:]) for left in came.left_out] == [
        ([f"{model_name}@1"], "trusts: --trust posix.system"[-24:])
    ]  # fmt: skip
    assert here.store.count(ModelVersion) == 0
    assert {one.name for one in here.store.find(Artifact)} == {"bad/MLmodel", "bad/model.pkl"}

    trusted = here.take(mlflow_server.uri, experiment, trust=("posix.system",))
    assert (trusted.models, trusted.left_out) == (1, [])
    assert not touched.exists(), "an import must not run what it imports, trusted or not"


FORGED = """
import json, sys, tempfile
from pathlib import Path
import mlflow

victim, cell = sys.argv[2:4]
mlflow.set_experiment(sys.argv[1])
folder = Path(tempfile.mkdtemp())
run = dict(id="f" * 32, name="forged", kind="session", started_at=1.0)
(folder / "run.json").write_text(json.dumps(dict(format=1, run=run, environment=None,
    datasets=[dict(id=victim, name="d", fingerprint="x", rows=1, columns=[], at=1.0)])))
(folder / "cells.jsonl").write_text(json.dumps(
    dict(id=cell, run_id="f" * 32, position=1, source="forged", started_at=1.0)) + "\\n")
with mlflow.start_run(tags={"nbops.run_id": "f" * 32}):
    mlflow.log_artifacts(str(folder), "nbops")
with mlflow.start_run(run_name="bad id", tags={"nbops.run_id": "../../etc"}):
    pass
"""


def test_what_claims_to_come_from_here_replaces_nothing_that_is_here(
    in_mlflow: Callable[..., str], mlflow_server: MlflowServer, projects: Callable[[], Project], experiment: str
) -> None:
    here = projects()
    run = here.run("mine")
    cell = CellExecution(id=new_id(), run_id=run.id, position=1, source="mine", started_at=1.0)
    dataset = Dataset(id=new_id(), name="mine", fingerprint="xxh3:1", rows=3, columns=["a"], run_id=run.id, at=1.0)
    here.store.put(cell, dataset)
    in_mlflow(FORGED, experiment, dataset.id, cell.id)
    here.take(mlflow_server.uri, experiment)

    assert here.store.find(CellExecution) == [cell]
    assert here.store.find(Dataset) == [dataset]
    assert {one.name for one in here.store.find(Run)} == {"mine", "bad id"} | {here.store.get(Run, "f" * 32).name}
    assert all(len(one.id) == 32 and set(one.id) <= set("0123456789abcdef") for one in here.store.find(Run))


def test_mlflow_loads_what_nbops_registered(
    in_mlflow: Callable[..., str], mlflow_server: MlflowServer, full: tuple[Project, dict[str, Run]], experiment: str,
    model_name: str,
) -> None:  # fmt: skip
    here, _ = full
    here.export(to=mlflow_server.uri, experiment=experiment)
    script = """
    import sys, mlflow, pandas as pd
    rows = pd.DataFrame({"age": [1.0, 55.0], "n": [2, 3]})
    model = mlflow.sklearn.load_model(f"models:/{sys.argv[1]}@production")
    served = mlflow.pyfunc.load_model(f"models:/{sys.argv[1]}/1")
    print(list(map(int, model.predict(rows))), list(map(int, served.predict(rows))), served.metadata.get_input_schema())
    run = mlflow.search_runs(search_all_experiments=True, filter_string="tags.team = 'a' and tags.nbops.run_id != 'x'")
    """
    said = in_mlflow(script, model_name)
    assert said.startswith("[0, 1] [0, 1] ['age': double (required), 'n': long (required)]")


def test_a_model_of_the_notebooks_own_classes_needs_trust_in_their_source(
    mlflow_server: MlflowServer, projects: Callable[[], Project], experiment: str, model_name: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, in_mlflow: Callable[..., str],
) -> None:  # fmt: skip
    import numpy as np

    from nbops.flows.register import register_model

    package = f"own_{new_id()[-8:]}"
    source = "class Half:\n    def predict(self, X):\n        return [float(row[0]) / 2 for row in X]\n"
    (tmp_path / f"{package}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    half = __import__(package).Half()
    here, there = projects(), projects()
    run = here.run()
    register_model(
        half, name=model_name, sample=np.ones((3, 1)), store=here.store, blobs=here.blobs,
        root=Path(here.settings.root), run_id=run.id,
    )  # fmt: skip
    here.export(to=mlflow_server.uri, experiment=experiment)
    script = "import sys, mlflow; print(mlflow.sklearn.load_model(f'models:/{sys.argv[1]}/1').predict([[3.0]]))"
    assert in_mlflow(script, model_name).strip() == "[1.5]"

    came = there.take(mlflow_server.uri, experiment)
    assert [left.why.partition(": --")[2] for left in came.left_out] == [f"trust {package}.Half --trust {package}"]
    assert there.store.count(ModelVersion) == 0
    there.take(mlflow_server.uri, experiment, trust=(package,))
    (version,) = there.store.find(ModelVersion)
    assert load(version, there.blobs).predict([[3.0]]) == [1.5]
    with pytest.raises(BundleError, match="asks for"):
        load(type(version)(**{**{f: getattr(version, f) for f in version.__struct_fields__}, "types": []}), there.blobs)

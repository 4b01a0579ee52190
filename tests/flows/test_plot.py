"""Pictures of runs, models and endpoints, kept with them; and which rows they say they are made of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from nbops.errors import NotFoundError, UsageError
from nbops.flows.register import register_model
from nbops.records import Artifact, Deployment, Endpoint, Metric, ModelVersion, Param, Run, Sweep, new_id
from nbops.views import bundle_of
from nbops.workspace import Live, Workspace
from nbops_serving.log import Header, Record, Writer

ROWS = 300


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    (tmp_path / ".nbops").mkdir()
    monkeypatch.chdir(tmp_path)
    with Workspace.opened(tmp_path) as opened:
        yield opened


def table(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": generator.normal(40, 10, rows), "noise": generator.normal(size=rows)})
    frame["churned"] = (frame["age"] + generator.normal(0, 5, rows) > 40).astype(int)
    frame["price"] = frame["age"] * 2
    return frame


def logged(workspace: Workspace, model: Any, name: str, target: str) -> ModelVersion:
    frame = table()
    sample = frame[["age", "noise"]]
    fitted = model.fit(sample, frame[target])
    return register_model(
        fitted, name=name, sample=sample, store=workspace.store, blobs=workspace.blobs, root=workspace.root
    )


def run(workspace: Workspace, name: str, *, steps: int = 3, **fields: Any) -> Run:
    made = Run(id=new_id(), name=name, kind="named", started_at=1.0, **fields)
    workspace.store.put(made)
    points = [Metric(run_id=made.id, name="loss", step=step, value=1 / (step + 1), at=1.0) for step in range(steps)]
    workspace.store.log_metrics(points)
    return made


def kinds(plots: list[Artifact]) -> list[str]:
    return [plot.name.rsplit(" ", 1)[1].removesuffix(".png") for plot in plots]


def test_metrics_of_a_run_are_kept_with_it(workspace: Workspace) -> None:
    made = run(workspace, "train")
    plotted = workspace.plot(["train"])
    (plot,) = plotted.plots
    assert (plot.kind, plot.of, plot.run_id, plot.media_type) == ("plot", made.id, made.id, "image/png")
    assert "loss: train 0.3333 at step 2" in plot.caption
    assert workspace.blobs.get(plot.digest).startswith(b"\x89PNG")
    assert workspace.store.find(Artifact, kind="plot", of=made.id) == [plot]
    assert plot.caption in bundle_of(plotted)["text/plain"]


def test_a_picture_drawn_again_takes_the_place_of_the_one_before(workspace: Workspace) -> None:
    made = run(workspace, "train")
    workspace.plot(["train"])
    (plot,) = workspace.plot(["train"]).plots
    assert workspace.store.find(Artifact, kind="plot", of=made.id) == [plot]


def test_runs_with_one_value_each_are_drawn_beside_each_other(workspace: Workspace) -> None:
    run(workspace, "first", steps=1)
    run(workspace, "second", steps=1)
    (plot,) = workspace.plot(["first", "second"]).plots
    assert "first 1 at step 0, second 1 at step 0" in plot.caption
    with pytest.raises(UsageError, match="more than one value"):
        workspace.plot(["first"])


def test_all_runs_of_a_sweep_are_drawn_together(workspace: Workspace) -> None:
    sweep = Sweep(id=new_id(), name="depths", notebook="train.ipynb", space={"depth": [1, 2]}, total=2, started_at=1.0)
    workspace.store.put(sweep)
    run(workspace, "one", sweep_id=sweep.id)
    run(workspace, "two", sweep_id=sweep.id)
    (plot,) = workspace.plot(["depths"]).plots
    assert (plot.of, plot.run_id) == (sweep.id, None)
    assert "one 0.3333" in plot.caption
    assert "two 0.3333" in plot.caption


def swept(workspace: Workspace, objective: str | None, *, reaches: bool = True) -> Sweep:
    sweep = Sweep(
        id=new_id(), name="churn", notebook="churn.ipynb", space={"depth": [1, 2, 3, 4, 5, 6], "kind": ["a", "b"]},
        objective=objective, total=7, started_at=1.0,
    )  # fmt: skip
    workspace.store.put(sweep)
    for trial in range(1, 8):
        fields = {"sweep_id": sweep.id, "tags": {"trial": str(trial)}, "ended_at": 9.0 - trial}
        made = run(workspace, f"churn depth={trial}", steps=0, **fields, status="finished" if trial < 7 else "failed")
        params = {"depth": trial, "kind": "ab"[trial % 2]}
        workspace.store.log_params([Param(run_id=made.id, name=n, value=v, at=1.0) for n, v in params.items()])
        if reaches and trial < 7:
            values = {"auc": trial / 10, "seconds": float(abs(trial - 3))}
            workspace.store.log_metrics(
                [Metric(run_id=made.id, name=name, step=None, value=value, at=1.0) for name, value in values.items()]
            )
    return sweep


def test_a_sweep_is_drawn_by_what_its_runs_tried_and_reached(workspace: Workspace) -> None:
    sweep = swept(workspace, "max:auc")
    plotted = workspace.plot(["churn"])
    assert kinds(plotted.plots) == ["parallel", "importance", "history"]
    assert list(plotted.left_out) == ["metrics"]
    parallel, importance, history = (plot.caption for plot in plotted.plots)
    assert parallel == "What 6 runs of churn tried and reached; best: auc 0.6 with depth=6, kind=a."
    assert "vary among the runs of churn: depth" in importance
    assert history == "6 runs of churn in the order they ended. The best auc, 0.6, was the 1st."
    assert [plot.id for plot in workspace.show(sweep.id).plots] == [plot.id for plot in plotted.plots]


def test_two_objectives_have_a_front(workspace: Workspace) -> None:
    swept(workspace, "max:auc,min:seconds")
    (plot,) = workspace.plot(["churn"], kind=["front"]).plots
    assert plot.caption.startswith("4 of 6 runs of churn are beaten by no other in auc (max) and seconds (min)")


def test_a_sweep_that_has_reached_nothing_says_so(workspace: Workspace) -> None:
    swept(workspace, "max:auc", reaches=False)
    with pytest.raises(UsageError, match="no run has reached auc yet"):
        workspace.plot(["churn"])
    with pytest.raises(UsageError, match="front is no plot of churn"):
        workspace.plot(["churn"], kind=["front"])


def test_a_sweep_without_an_objective_has_nothing_to_compare(workspace: Workspace) -> None:
    swept(workspace, None)
    with pytest.raises(UsageError, match="it has no objective"):
        workspace.plot(["churn"], kind=["history"])


def test_without_the_truth_only_what_its_own_sample_tells_is_drawn(workspace: Workspace) -> None:
    logged(workspace, LogisticRegression(), "churn", "churned")
    plotted = workspace.plot(["churn"])
    assert kinds(plotted.plots) == ["importance"]
    assert "of its own training sample" in plotted.plots[0].caption
    assert plotted.plots[0].caption.index("age") < plotted.plots[0].caption.index("noise")
    assert list(plotted.left_out) == ["confusion", "roc", "precision-recall", "calibration"]
    with pytest.raises(UsageError, match="truth of the 300 rows of its own training sample is not known") as caught:
        workspace.plot(["churn@1"], kind=["roc"])
    assert "--data test.parquet --target" in caught.value.hint


def test_a_classifier_is_held_against_rows_of_a_file(workspace: Workspace, tmp_path: Path) -> None:
    logged(workspace, LogisticRegression(), "churn", "churned")
    table(seed=1).to_csv(tmp_path / "test.csv", index=False)
    plotted = workspace.plot(["churn@1"], data="test.csv", target="churned", output="churn.svg")
    assert kinds(plotted.plots) == ["importance", "confusion", "roc", "precision-recall", "calibration"]
    assert plotted.left_out == {}
    assert all("rows of test.csv" in plot.caption for plot in plotted.plots)
    assert sorted(path.name for path in tmp_path.glob("*.svg")) == sorted(Path(file).name for file in plotted.files)


def test_the_projects_held_out_rows_are_taken_without_being_asked_for(workspace: Workspace, tmp_path: Path) -> None:
    logged(workspace, LogisticRegression(), "churn", "churned")
    table(seed=1).to_parquet(tmp_path / "test.parquet")
    demand = '[tool.nbops.checks.held_out]\ndata = "test.parquet"\ntarget = "churned"\n'
    (tmp_path / "pyproject.toml").write_text(demand)
    assert "300 rows of test.parquet" in workspace.plot(["churn"], kind=["roc"]).plots[0].caption
    table().drop(columns="noise").to_parquet(tmp_path / "test.parquet")
    assert "of its own training sample" in workspace.plot(["churn"]).plots[0].caption


def test_a_regression_is_drawn_as_residuals_and_empty_truths_are_left_out(workspace: Workspace, tmp_path: Path) -> None:
    logged(workspace, LinearRegression(), "price", "price")
    rows = table(seed=1)
    rows.loc[:9, "price"] = None
    rows.to_parquet(tmp_path / "test.parquet")
    plotted = workspace.plot(["price"], data="test.parquet", target="price", kind=["residuals"])
    assert "10 of them left out, whose truth is missing" in plotted.plots[0].caption
    assert "mean absolute" in plotted.plots[0].caption


def test_in_a_notebook_rows_and_truth_are_variables(workspace: Workspace) -> None:
    logged(workspace, LogisticRegression(), "churn", "churned")
    frame = table()
    workspace.live = Live(
        namespace={"X": frame[["age", "noise"]], "y": frame["churned"].astype(float)},
        executions=list, earlier=list, run_id=None, execution_id=None, notebook=None, recording=False,
        offer=lambda _: None,
    )  # fmt: skip
    (plot,) = workspace.plot(["churn"], kind=["roc"], data="X", target="y").plots
    assert "300 rows of X (the very rows that it was trained on)" in plot.caption


def test_what_is_wrong_is_said_with_its_cure(workspace: Workspace, tmp_path: Path) -> None:
    logged(workspace, LogisticRegression(), "churn", "churned")
    table().drop(columns="noise").to_parquet(tmp_path / "narrow.parquet")
    with pytest.raises(UsageError, match="lacks noise"):
        workspace.plot(["churn"], kind=["roc"], data="narrow.parquet", target="churned")
    with pytest.raises(UsageError, match="no file"):
        workspace.plot(["churn"], kind=["roc"], data="gone.parquet", target="churned")
    table().to_parquet(tmp_path / "test.parquet")
    with pytest.raises(UsageError, match="there is no 'label'"):
        workspace.plot(["churn"], kind=["roc"], data="test.parquet", target="label")
    with pytest.raises(UsageError, match="latency is no plot of churn@1"):
        workspace.plot(["churn"], kind=["latency"])
    with pytest.raises(UsageError, match="no format"):
        workspace.plot(["churn"], output="churn.bmp")
    with pytest.raises(NotFoundError):
        workspace.plot(["nobody"])


def test_an_endpoint_is_drawn_from_its_prediction_log(workspace: Workspace, tmp_path: Path) -> None:
    version = logged(workspace, LogisticRegression(), "churn", "churned")
    endpoint = Endpoint(
        id=new_id(), name="live", engine="process", address="http://127.0.0.1:1", created_at=0, updated_at=0
    )
    deployment = Deployment(
        id=new_id(), endpoint="live", bundle_id=new_id(), model_version_id=version.id, number=1, engine="process",
        status="ready", started_at=1.0, log_path=str(tmp_path / "log"),
    )  # fmt: skip
    workspace.store.put(endpoint, deployment)
    at = time.time() - 3600
    rows = (table(seed=2)[["age", "noise"]] + [30, 0]).to_numpy().tolist()
    writer = Writer(str(tmp_path / "log"), Header(["age", "noise"], "churn", 1, version.id, "host", 1, at))
    for place, row in enumerate(rows):
        writer.add(Record(new_id(), at + place, 2.0, 200, [row], [1]))
    writer.close()
    plotted = workspace.plot(["live"])
    assert kinds(plotted.plots) == ["drift", "latency"]
    drift, latency = plotted.plots
    assert "300 rows that were asked beside the 300 that churn@1 was trained on" in drift.caption
    assert "Drifted: age" in drift.caption
    assert "p50 2 ms" in latency.caption
    assert {plot.of for plot in plotted.plots} == {endpoint.id}
    with pytest.raises(Exception, match="answered nothing in that time"):
        workspace.plot(["live"], kind=["latency"], hours=0.001)

"""Projects to move runs between, and one with something of everything."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from nbops.bridge import Transferred
from nbops.flows.mlflow import export_runs, import_runs
from nbops.records import (
    Artifact,
    CellError,
    CellExecution,
    Dataset,
    Edge,
    Environment,
    Fit,
    Lineage,
    Metric,
    Model,
    ModelVersion,
    OutputSummary,
    Param,
    Run,
    Score,
    Seen,
    Sweep,
    new_id,
)
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs


class Project:
    """An opened project, and short words for what tests do with it."""

    def __init__(self, folder: Path) -> None:
        (folder / ".nbops").mkdir(parents=True)
        self.settings = load_settings(folder, env={})
        self.store = open_store(self.settings)
        self.blobs = Blobs(self.settings.blobs)

    def run(self, name: str = "fit", **fields: Any) -> Run:
        known: dict[str, Any] = {"kind": "named", "status": "finished", "started_at": 1_700_000_000.123456}
        run = Run(id=new_id(), name=name, **{**known, "ended_at": known["started_at"] + 5, **fields})
        self.store.put(run)
        return run

    def metric(self, run: Run, name: str, *values: float, steps: bool = True) -> None:
        self.store.log_metrics(
            [
                Metric(run_id=run.id, name=name, step=step if steps else None, value=value, at=run.started_at + step)
                for step, value in enumerate(values)
            ]
        )

    def params(self, run: Run, **values: Any) -> None:
        self.store.log_params([Param(run_id=run.id, name=name, value=value, at=1.0) for name, value in values.items()])

    def artifact(self, run: Run, name: str, data: bytes) -> Artifact:
        artifact = Artifact(
            id=new_id(), run_id=run.id, name=name, digest=self.blobs.put(data), size_bytes=len(data), at=time.time()
        )
        self.store.put(artifact)
        return artifact

    def export(self, *references: str, to: str, **more: Any) -> Transferred:
        return export_runs(
            references, to=to, store=self.store, blobs=self.blobs, settings=self.settings,
            **{"experiment": "test", **more},
        )  # fmt: skip

    def take(self, source: str, *experiments: str, trust: tuple[str, ...] = ()) -> Transferred:
        return import_runs(
            source=source, experiments=experiments, trust=trust, store=self.store, blobs=self.blobs,
            settings=self.settings,
        )  # fmt: skip

    def series(self, run_id: str) -> dict[str, list[tuple[int | None, str, float]]]:
        """Name → its values in order, comparable although NaN is not equal to itself."""
        found: dict[str, list[tuple[int | None, str, float]]] = {}
        for one in self.store.metrics(run_id):
            found.setdefault(one.name, []).append((one.step, repr(one.value), round(one.at, 3)))
        return found


def fill(project: Project, model_name: str) -> dict[str, Run]:
    """Put one of everything into a project; returns its runs by a short name."""
    environment_ = Environment(
        id="e" * 32, python="3.11", platform="Linux", packages={"numpy": "2.4"}, variables={"TZ": "UTC"}, created_at=1.0
    )
    sweep = Sweep(
        id=new_id(), name="grid", notebook="train.ipynb", space={"lr": [0.1]}, total=1, status="finished",
        started_at=1_700_000_000.0, ended_at=1_700_000_100.0,
    )  # fmt: skip
    project.store.put(environment_, sweep)
    session = project.run(
        "churn.ipynb", kind="session", notebook="churn.ipynb", user="ada", host="h", git_commit="c" * 40,
        git_branch="main", environment_id=environment_.id, tags={"team": "a", "f(x)": "odd"}, note="first\ntry",
    )  # fmt: skip
    cell = CellExecution(
        id=new_id(), run_id=session.id, position=1, source="x = 1", status="error", started_at=1.5, ended_at=2.5,
        cell_id="abc", execution_count=1, error=CellError(name="E", message="m", traceback="t"),
        outputs=OutputSummary(text="printed", total_bytes=7),
        lineage=Lineage(edges=[Edge(name="y", source_id=None, evidence="named")]),
    )  # fmt: skip
    project.store.put(cell)
    fit = project.run("fit", parent_id=session.id, execution_id=cell.id, status="cancelled")
    project.params(fit, depth=4, lr=1e-3, opt="4", flag=True, nothing=None, long="x" * 7_000, **{"f1[0]": 0.5})
    project.metric(fit, "loss", *[1 / (n + 1) for n in range(2_500)])
    project.metric(fit, "odd", float("nan"), float("inf"), float("-inf"), 0.0)
    project.metric(fit, "once", 0.25, 0.5, steps=False)
    project.artifact(fit, "report.json", b"{}")
    project.artifact(fit, "plots/ä b.bin", bytes(range(256)))
    for text in (b"<b>1</b>", b"<b>2</b>"):
        shown = project.artifact(fit, "output-1.html", text)
        project.store.update(Artifact, shown.id, kind="output", cell="churn.ipynb#abc", execution_id=cell.id)
    project.store.put(
        Fit(id=new_id(), run_id=fit.id, type_name="sklearn.svm.SVC", method="fit", status="finished", started_at=1.0,
            took_s=0.5, x=Seen(type="list", shape=[3]), scores=[Score(name="score", value=0.5, at=2.0)])
    )  # fmt: skip
    project.store.put(
        Dataset(id=new_id(), name="train", fingerprint="xxh3:" + "a" * 32, rows=60, columns=["age", "n"], run_id=fit.id,
                at=1.0)
    )  # fmt: skip
    tried = project.run("train.ipynb", kind="notebook", sweep_id=sweep.id, notebook="train.ipynb", status="failed")
    version = _registered(project, fit, model_name)
    model = project.store.resolve(Model, model_name)
    project.store.update(Model, model.id, aliases={"production": version.number})
    return {"session": session, "fit": fit, "tried": tried}


def _registered(project: Project, run: Run, name: str) -> ModelVersion:
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from nbops.flows.register import register_model

    sample = pd.DataFrame({"age": np.arange(60.0), "n": np.arange(60) % 7})
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(sample, sample["age"] > 30)
    return register_model(
        model, name=name, sample=sample, store=project.store, blobs=project.blobs, root=Path(project.settings.root),
        run_id=run.id,
    )  # fmt: skip


def without(record: msgspec.Struct, *names: str) -> dict[str, Any]:
    """A record's fields but some."""
    return {name: value for name, value in msgspec.structs.asdict(record).items() if name not in names}

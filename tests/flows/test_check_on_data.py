"""Checks that look at data: held-out rows and their segments, the age of the data, the trust in what made the model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from nbops.bundle import pack
from nbops.errors import NbopsError
from nbops.flows.check import FreshData, Subject, check
from nbops.flows.check.demands import demands_of
from nbops.flows.register import register_model
from nbops.records import Dataset, Deployment, Endpoint, ModelVersion, new_id
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops.store.interface import Store
from nbops_serving.manifest import Column


class Project:
    """A project with a model that leaves whoever is older than 50, and rows that it has not seen."""

    def __init__(self, root: Path, store: Store, blobs: Blobs) -> None:
        self.root, self.store, self.blobs = root, store, blobs
        rng = np.random.default_rng(5)
        self.sample = pd.DataFrame({"age": rng.uniform(18, 90, 200), "months": rng.uniform(0, 60, 200)})

    def model(self, *, turned: bool = False, name: str = "churn", **fields: Any) -> ModelVersion:
        leaves = (self.sample.age > 50) != turned
        fitted = LogisticRegression(max_iter=500).fit(self.sample, np.where(leaves, "leaves", "stays"))
        return self.keep(fitted, name=name, **fields)

    def keep(self, fitted: Any, *, name: str = "churn", **fields: Any) -> ModelVersion:
        made = register_model(fitted, name=name, sample=self.sample, store=self.store, blobs=self.blobs, root=self.root)
        changed = msgspec.structs.replace(made, **fields)
        if fields:
            self.store.update(ModelVersion, made.id, **fields)
        return changed

    def hold_out(self, name: str = "held_out.csv", **columns: Any) -> None:
        rng = np.random.default_rng(8)
        age = rng.uniform(18, 90, 120)
        rows = pd.DataFrame(
            {"age": age, "months": rng.uniform(0, 60, 120), "left": np.where(age > 50, "leaves", "stays")}
        )
        rows = rows.assign(**columns)
        rows.to_csv(self.root / name, index=False) if name.endswith("csv") else rows.to_parquet(self.root / name)

    def demand(self, text: str) -> None:
        (self.root / "pyproject.toml").write_text(f"[tool.nbops.checks]\n{text}\n", "utf-8")

    def result(self, version: ModelVersion, name: str) -> Any:
        found = check(version, store=self.store, blobs=self.blobs, root=self.root)
        return next(result for result in found if result.check == name)


@pytest.fixture
def here(project: Path) -> Iterator[Project]:
    settings = load_settings(project, env={})
    with open_store(settings) as store:
        yield Project(project, store, Blobs(settings.blobs))


HELD_OUT = '[tool.nbops.checks.held_out]\ndata = "held_out.csv"\ntarget = "left"\n'


@pytest.mark.parametrize("name", ["held_out.csv", "held_out.parquet"])
def test_scores_on_held_out_rows_have_to_reach_their_bars(here: Project, name: str) -> None:
    here.hold_out(name)
    version = here.model()
    demand = HELD_OUT.replace("held_out.csv", name)
    here.demand(demand + 'metrics = { accuracy = 0.9, roc_auc = 0.95, f1_macro = 0.9, log_loss = "max 0.5" }')
    result = here.result(version, "held_out")
    assert result.verdict == "passed", result.message
    assert result.message.startswith("on 120 held-out rows accuracy ")
    assert result.measured["accuracy"] > 0.9
    here.demand(demand + "metrics = { accuracy = 1.01 }")
    result = here.result(version, "held_out")
    assert result.verdict == "failed"
    assert ", below 1.01" in result.message


def test_a_model_that_has_it_wrong_is_red_however_good_its_run_was(here: Project) -> None:
    here.hold_out()
    here.demand(HELD_OUT + "metrics = { accuracy = 0.9 }")
    assert here.result(here.model(turned=True), "held_out").verdict == "failed"


def test_a_number_that_is_predicted_has_scores_of_its_own(here: Project) -> None:
    here.hold_out(left=lambda rows: 2 * rows.age)
    here.demand(HELD_OUT + 'metrics = { r2 = 0.99, rmse = "max 0.001", mae = "max 0.001" }')
    fitted = LinearRegression().fit(here.sample, 2 * here.sample.age)
    assert here.result(here.keep(fitted, name="price"), "held_out").verdict == "passed"


def test_a_segment_that_is_left_behind_is_red_and_named(here: Project) -> None:
    """Over all rows the bar is reached; in the south, a tenth of them, every second answer is wrong."""
    rng = np.random.default_rng(8)
    south = np.arange(120) % 3 == 0
    age = rng.uniform(18, 90, 120)
    left = np.where((age > 50) != (south & (np.arange(120) % 2 == 0)), "leaves", "stays")
    region = np.where(south, "south", np.where(np.arange(120) == 1, "island", "north"))
    here.hold_out(age=age, left=left, region=region)
    here.demand(HELD_OUT + "metrics = { accuracy = 0.7 }\nsegments = { region = { accuracy = 0.9 } }")
    result = here.result(here.model(), "held_out")
    assert result.verdict == "failed"
    assert "region = south: accuracy is " in result.message
    assert "north" not in result.message
    assert set(result.measured) == {"accuracy", "accuracy[region=south]", "accuracy[region=north]"}
    here.demand(HELD_OUT + "segments = { region = { accuracy = 0.4 } }")
    assert here.result(here.model(), "held_out").message.endswith("2 segments held; 1 of under 30 rows were not judged")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tool.nbops.checks.held_out]\ndata = "gone.csv"\ntarget = "left"', "there is no file"),
        ('[tool.nbops.checks.held_out]\ndata = "held_out.csv"\ntarget = "y"', "has no column 'y'"),
        (HELD_OUT + "segments = { country = { accuracy = 1 } }", "has no column 'country'"),
        (HELD_OUT + "metrics = { rmse = 1 }", "has no metric 'rmse'"),
    ],
)
def test_rows_that_cannot_be_scored_are_red_with_the_reason(here: Project, text: str, said: str) -> None:
    here.hold_out()
    here.demand(text)
    result = here.result(here.model(), "held_out")
    assert result.verdict == "failed"
    assert said in result.message


def test_both_models_are_asked_the_same_rows_where_the_margin_says_so(here: Project) -> None:
    here.hold_out()
    worse, better = here.model(turned=True), here.model()
    here.demand('better = { metric = "accuracy", by = 0.5, on = "held_out" }\n' + HELD_OUT)
    make_live(here.store, worse)
    assert here.result(better, "better").verdict == "passed"
    make_live(here.store, better)
    result = here.result(worse, "better")
    assert result.verdict == "failed"
    assert "against" in result.message


def make_live(store: Store, version: ModelVersion) -> None:
    deployment = Deployment(
        id=new_id(), endpoint="churn", bundle_id=new_id(), model_version_id=version.id, number=version.number,
        engine="process", status="ready", started_at=time.time(),
    )  # fmt: skip
    known = store.find(Endpoint, name="churn")
    now = time.time()
    store.put(
        deployment,
        Endpoint(
            id=known[0].id if known else new_id(), name="churn", engine="process", address="http://127.0.0.1:1",
            split={deployment.id: 100}, created_at=now, updated_at=now,
        ),
    )  # fmt: skip


def dataset(store: Store, *, days: float, fingerprint: str = "f") -> str:
    made = Dataset(
        id=new_id(), name="customers", fingerprint=fingerprint, rows=1, columns=[], at=time.time() - days * 86_400
    )
    store.put(made)
    return made.id


def test_data_that_is_older_than_it_may_be_is_red(here: Project) -> None:
    here.demand("fresh = { days = 30 }")
    assert here.result(here.model(dataset_ids=[dataset(here.store, days=3)]), "fresh").verdict == "passed"
    result = here.result(here.model(dataset_ids=[dataset(here.store, days=40, fingerprint="g")]), "fresh")
    assert result.verdict == "failed"
    assert result.message == "customers was first seen 40.0 days ago, the data may be 30 days old"


def test_a_new_fit_on_old_data_does_not_make_it_fresh(here: Project) -> None:
    here.demand("fresh = { days = 30 }")
    dataset(here.store, days=40)
    assert here.result(here.model(dataset_ids=[dataset(here.store, days=1)]), "fresh").verdict == "failed"


def test_the_newest_value_of_a_column_may_say_how_old_the_data_is(here: Project) -> None:
    here.demand('fresh = { days = 30, column = "seen_at" }')
    version = here.model()
    columns = [
        *version.signature.columns,
        Column(name="seen_at", kind="datetime", maximum=time.time() - 10 * 86_400),
    ]
    asked = msgspec.structs.replace(version, signature=msgspec.structs.replace(version.signature, columns=columns))
    bundle = pack(version, store=here.store, blobs=here.blobs, root=here.root)
    subject = Subject(
        version=asked,
        bundle=bundle,
        live=None,
        demands=demands_of(here.root),
        root=here.root,
        store=here.store,
        blobs=here.blobs,
    )
    assert FreshData().run(subject).message == "the newest seen_at is 10.0 days ago, the data may be 30 days old"
    here.demand('fresh = { days = 30, column = "age" }')
    assert "'age' is number and says nothing" in here.result(version, "fresh").message


def test_data_that_nobody_recorded_is_not_called_fresh(here: Project) -> None:
    here.demand("fresh = { days = 30 }")
    assert here.result(here.model(dataset_ids=[]), "fresh").message.startswith("no data is recorded")


def test_without_a_recorded_cell_a_trust_mark_cannot_be_had(here: Project) -> None:
    here.demand('trust = "clean"')
    assert here.result(here.model(run_id=None), "trust").message == "no run is recorded that made this version"


def test_demands_that_make_no_sense_are_refused(here: Project) -> None:
    version = here.model()
    for text in ('trust = "perfect"', "fresh = { days = 0 }", 'better = { metric = "a", on = "moon" }'):
        here.demand(text)
        with pytest.raises(NbopsError, match="cannot be understood"):
            here.result(version, "trust")

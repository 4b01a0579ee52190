"""Checks before release: what breaks a client, misses a bar or answers otherwise stops a version, and says why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from nbops.errors import SettingsError
from nbops.flows import check as checks
from nbops.flows.check import check, incompatibilities
from nbops.flows.register import register_model
from nbops.records import Deployment, Endpoint, Metric, ModelVersion, Run, new_id
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops.store.interface import Store
from nbops_serving.manifest import Column, Signature


class Project:
    """A project with models in it."""

    def __init__(self, root: Path, store: Store, blobs: Blobs) -> None:
        self.root, self.store, self.blobs = root, store, blobs

    def model(
        self, *, columns: tuple[str, ...] = ("age", "income"), metrics: dict[str, float] | None = None
    ) -> ModelVersion:
        """Fit and register a small model, made by a run with these metrics."""
        rng = np.random.default_rng(7)
        sample = pd.DataFrame({name: rng.normal(size=60) for name in columns})
        fitted = LogisticRegression().fit(sample, np.where(sample[columns[0]] > 0, "leaves", "stays"))
        run = Run(id=new_id(), name="fit", kind="named", started_at=time.time())
        self.store.put(run)
        found = metrics or {}
        self.store.log_metrics(
            [Metric(run_id=run.id, name=name, step=None, value=value, at=time.time()) for name, value in found.items()]
        )
        return register_model(
            fitted, name="churn", sample=sample, store=self.store, blobs=self.blobs, root=self.root, run_id=run.id
        )

    def make_live(self, version: ModelVersion) -> None:
        """Record that clients are answered by a version."""
        deployment = Deployment(
            id=new_id(), endpoint="churn", bundle_id=new_id(), model_version_id=version.id, number=version.number,
            engine="process", status="ready", started_at=time.time(),
        )  # fmt: skip
        now = time.time()
        self.store.put(
            deployment,
            Endpoint(
                id=new_id(), name="churn", engine="process", address="http://127.0.0.1:1", split={deployment.id: 100},
                created_at=now, updated_at=now,
            ),
        )  # fmt: skip

    def demand(self, text: str) -> None:
        (self.root / "pyproject.toml").write_text(f"[tool.nbops.checks]\n{text}\n", "utf-8")

    def verdicts(self, version: ModelVersion) -> dict[str, str]:
        return {result.check: result.verdict for result in self.check(version)}

    def message(self, version: ModelVersion, name: str) -> str:
        return next(result.message for result in self.check(version) if result.check == name)

    def check(self, version: ModelVersion) -> list[Any]:
        return list(check(version, store=self.store, blobs=self.blobs, root=self.root))


@pytest.fixture
def here(project: Path) -> Iterator[Project]:
    settings = load_settings(project, env={})
    with open_store(settings) as store:
        yield Project(project, store, Blobs(settings.blobs))


def test_a_first_version_without_demands_is_proven_and_nothing_else_is_asked(here: Project) -> None:
    assert here.verdicts(here.model()) == {
        "parity": "passed",
        "schema": "skipped",
        "metrics": "skipped",
        "held_out": "skipped",
        "better": "skipped",
        "functions": "skipped",
        "fresh": "skipped",
        "trust": "skipped",
        "vulnerabilities": "skipped",
    }


def test_verdicts_are_recorded_with_what_was_measured(here: Project) -> None:
    version = here.model()
    results = here.check(version)
    assert here.store.find(checks.CheckResult, model_version_id=version.id, order_by="id") == results
    assert results[0].measured["rows"] >= 60


def test_a_metric_below_its_bar_is_red_with_both_numbers(here: Project) -> None:
    here.demand('metrics = { auc = 0.9, loss = "max 0.3" }')
    assert here.message(here.model(metrics={"auc": 0.8, "loss": 0.4}), "metrics") == (
        "auc is 0.8, below 0.9; loss is 0.4, more than 0.3"
    )
    assert here.verdicts(here.model(metrics={"auc": 0.9, "loss": 0.3}))["metrics"] == "passed"


def test_a_metric_that_was_never_logged_or_is_not_a_number_is_red(here: Project) -> None:
    here.demand("metrics = { auc = 0.9 }")
    assert "the run has no metric 'auc'; it has: f1" in here.message(here.model(metrics={"f1": 0.5}), "metrics")
    assert here.verdicts(here.model(metrics={"auc": float("nan")}))["metrics"] == "failed"


def test_a_version_has_to_be_better_than_the_live_one_by_the_margin(here: Project) -> None:
    here.demand('better = { metric = "auc", by = 0.01 }')
    here.make_live(here.model(metrics={"auc": 0.8}))
    assert here.verdicts(here.model(metrics={"auc": 0.805}))["better"] == "failed"
    assert here.verdicts(here.model(metrics={"auc": 0.82}))["better"] == "passed"


def test_a_smaller_loss_is_better_when_the_objective_says_so(here: Project) -> None:
    here.demand('better = { metric = "loss", objective = "min" }')
    here.make_live(here.model(metrics={"loss": 0.8}))
    assert here.verdicts(here.model(metrics={"loss": 0.7}))["better"] == "passed"
    assert here.verdicts(here.model(metrics={"loss": 0.9}))["better"] == "failed"


def test_a_column_that_live_clients_do_not_send_is_red(here: Project) -> None:
    here.make_live(here.model())
    assert here.verdicts(here.model())["schema"] == "passed"
    said = here.message(here.model(columns=("age", "income", "city_size")), "schema")
    assert said == "clients of churn@1 would be refused or misled: it needs 'city_size', which they do not send"


def test_a_model_whose_bytes_were_altered_is_red_and_not_packed(here: Project) -> None:
    version = here.model()
    path = here.blobs.path(version.digest)
    path.chmod(0o644)
    path.write_bytes(b"something else")
    results = here.check(version)
    assert [(result.check, result.verdict) for result in results] == [("parity", "failed")]
    assert "are not the ones that were registered" in results[0].message


def test_a_check_that_fails_in_its_own_way_is_a_red_verdict(here: Project) -> None:
    here.demand('metrics = { auc = "about 0.9" }')
    assert "'about 0.9' is not a bar" in here.message(here.model(metrics={"auc": 1.0}), "metrics")


RULES = """
def knows_the_old(predict, rows):
    assert set(predict([{**row, "age": 9.0} for row in rows])) == {"leaves"}

def is_never_sure(predict, rows):
    raise ValueError(f"asked with {len(rows)} rows")
"""


def test_functions_of_the_project_are_asked_of_the_model(here: Project) -> None:
    (here.root / "rules_of_churn.py").write_text(RULES, "utf-8")
    version = here.model()
    here.demand('functions = ["rules_of_churn:knows_the_old"]')
    assert here.message(version, "functions") == "1 functions held on 60 rows"
    here.demand('functions = ["rules_of_churn:knows_the_old", "rules_of_churn:is_never_sure", "rules_of_churn:gone"]')
    said = here.message(version, "functions")
    assert said.startswith("rules_of_churn:is_never_sure: asked with 60 rows; rules_of_churn:gone: ")


def test_a_function_that_was_changed_is_asked_as_it_is_now(here: Project) -> None:
    path = here.root / "changing_rules.py"
    here.demand('functions = ["changing_rules:rule"]')
    version = here.model()
    path.write_text("def rule(predict, rows):\n    raise ValueError('not yet')\n", "utf-8")
    assert here.verdicts(version)["functions"] == "failed"
    path.write_text("def rule(predict, rows):\n    pass  # now it holds, whatever is asked\n", "utf-8")
    assert here.verdicts(version)["functions"] == "passed"


@pytest.mark.parametrize(
    "text", ["memory_mb = 0", "metrics = 3", "bettr = { }", 'better = { metric = "a", objective = "up" }', "a = = b"]
)
def test_demands_that_cannot_be_understood_are_refused(here: Project, text: str) -> None:
    version = here.model()
    here.demand(text)
    with pytest.raises(SettingsError, match="cannot be understood"):
        here.check(version)


NUMBER, INTEGER = Column(name="a", kind="number"), Column(name="a", kind="integer")
TEXT, OPTIONAL = Column(name="a", kind="text"), Column(name="a", kind="number", optional=True)


@pytest.mark.parametrize(
    ("live", "new", "said"),
    [
        pytest.param([NUMBER], [NUMBER], [], id="same"),
        pytest.param([INTEGER], [NUMBER], [], id="wider"),
        pytest.param([NUMBER], [INTEGER], ["'a' has to be integer and was number"], id="narrower"),
        pytest.param([NUMBER], [TEXT], ["'a' has to be text and was number"], id="another kind"),
        pytest.param([OPTIONAL], [NUMBER], ["'a' may not be missing any more"], id="required now"),
        pytest.param([NUMBER], [OPTIONAL], [], id="optional now"),
        pytest.param([NUMBER], [], [], id="not needed any more"),
        pytest.param([], [OPTIONAL], [], id="one more that may be missing"),
        pytest.param([], [NUMBER], ["it needs 'a', which they do not send"], id="one more"),
    ],
)
def test_what_breaks_a_client(live: list[Column], new: list[Column], said: list[str]) -> None:
    assert incompatibilities(Signature(columns=live), Signature(columns=new)) == said


def test_another_kind_of_answer_and_a_class_that_is_gone_break_clients_too() -> None:
    live = Signature(columns=[], output="class", classes=["no", "yes"])
    assert incompatibilities(live, msgspec.structs.replace(live, classes=["yes", "never"])) == [
        "it never answers 'no' any more"
    ]
    assert incompatibilities(live, Signature(columns=[], output="number")) == [
        "it answers with a number instead of a class"
    ]

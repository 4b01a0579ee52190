"""What every rung must hold: the notebook's answers within its own tolerance, or a reason why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nbops.bundle import load, pack, register
from nbops.bundle.rung import RUNGS, NoRungError, rung_named
from nbops.errors import BundleError, UsageError
from nbops.records import ModelVersion
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops_serving.bundle import open_bundle
from nbops_serving.rungs import open_rung

FRAME = pd.DataFrame({"a": np.linspace(-1, 1, 60), "b": np.cos(np.arange(60.0))})
ROWS = [tuple(row) for row in FRAME.to_numpy().tolist()]

SCALED_SUM = '''
"""A rung for one kind of model: a straight line."""
import json

class Straight:
    tolerance = 1e-9
    packages = ()

    def build(self, model, version, evidence):
        from nbops.bundle.rung import NoRungError
        if not hasattr(model, "coef_") or hasattr(model, "classes_"):
            raise NoRungError(f"a {type(model).__name__} is no straight line")
        return {"line.json": json.dumps([model.coef_.tolist(), float(model.intercept_)]).encode()}

    def open(self, bundle):
        return Answering(*json.loads(bundle.read("line.json")))

class Answering:
    is_light = True

    def __init__(self, coefficients, intercept):
        self.coefficients, self.intercept = coefficients, intercept

    def answer(self, rows):
        from nbops_serving.plan import Answer
        return Answer([sum(c * v for c, v in zip(self.coefficients, row)) + self.intercept for row in rows])
'''


@pytest.fixture
def rooms(project: Path) -> Any:
    settings = load_settings(project, env={})
    with open_store(settings) as store:
        yield {"store": store, "blobs": Blobs(settings.blobs)}


@pytest.fixture(params=[*RUNGS, "straight"])
def rung(request: pytest.FixtureRequest, install: Any) -> str:
    if request.param == "straight":
        install("straight", SCALED_SUM, rungs={"straight": "Straight"})
    return str(request.param)


@pytest.fixture
def model(rung: str) -> Any:
    if rung == "straight":
        return LinearRegression().fit(FRAME, FRAME["a"] * 2 - FRAME["b"])
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, np.where(FRAME["a"] > 0, "up", "down"))


def packed(model: Any, rooms: Any, project: Path, rung: str | None = None) -> Any:
    version = register(model, name="line", sample=FRAME, **rooms)
    return open_bundle(pack(version, root=project, rung=rung, **rooms).path)


def test_it_answers_as_the_model_does_all_at_once_and_one_by_one(
    rung: str, model: Any, rooms: Any, project: Path
) -> None:
    opened = open_rung(packed(model, rooms, project, rung))
    expected = model.predict(FRAME).tolist()

    def same(found: list[Any]) -> bool:
        return found == (pytest.approx(expected, rel=1e-9) if isinstance(expected[0], float) else expected)

    assert same(opened.answer(ROWS).predictions)
    assert same([opened.answer([row]).predictions[0] for row in ROWS])
    assert isinstance(opened.is_light, bool)


def test_probabilities_come_with_the_predictions_of_a_classifier(
    rung: str, model: Any, rooms: Any, project: Path
) -> None:
    opened = open_rung(packed(model, rooms, project, rung))
    found = opened.answer(ROWS).probabilities

    if hasattr(model, "predict_proba"):
        assert np.abs(np.array(found) - model.predict_proba(FRAME)).max() <= rung_named(rung).tolerance
    else:
        assert not found


def test_what_it_needs_is_written_into_the_bundle(rung: str, model: Any, rooms: Any, project: Path) -> None:
    bundle = packed(model, rooms, project, rung)
    version = rooms["store"].resolve(ModelVersion, "line")
    files = rung_named(rung).build(load(version, rooms["blobs"]), version, None)

    assert bundle.manifest.rung == rung
    assert set(files) <= set(bundle.manifest.files)
    names = {pin.partition("==")[0] for pin in bundle.manifest.requirements}
    assert {*rung_named(rung).packages} <= names


def test_the_same_model_gives_the_same_bundle(rung: str, model: Any, rooms: Any, project: Path) -> None:
    version = register(model, name="line", sample=FRAME, **rooms)
    first, again = (pack(version, root=project, rung=rung, **rooms).digest for _ in range(2))

    assert first == again


def test_a_model_that_it_cannot_compute_is_refused_with_a_reason(rung: str, rooms: Any) -> None:
    chain = RegressorChain(LinearRegression()).fit(FRAME, FRAME)
    version = register(chain, name="chain", sample=FRAME, **rooms)

    if rung == "original":  # it computes every model, and needs nothing beside it
        assert rung_named(rung).build(chain, version, None) == {}
        return
    with pytest.raises(NoRungError, match=r"\w"):
        rung_named(rung).build(chain, version, None)


# ── other people's ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_another_packages_rung_is_tried_before_the_original(install: Any, rooms: Any, project: Path) -> None:
    install("chains", CHAINS, requires=("numpy", "nbops"), rungs={"chains": "Chains"})
    chain = RegressorChain(LinearRegression()).fit(FRAME, FRAME)

    manifest = packed(chain, rooms, project).manifest
    assert manifest.rung == "chains"
    assert {"plan", "onnx"} == set(manifest.gate.fallen)
    assert "chains==1.0" in manifest.requirements
    assert not [pin for pin in manifest.requirements if pin.startswith(("nbops==", "scikit-learn=="))]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("LIE = 0.001", "differs by"),
        ("LIE = None", "TypeError"),
    ],
    ids=["another answer", "an exception"],
)
def test_another_packages_rung_that_is_wrong_is_left_for_the_original(
    install: Any, rooms: Any, project: Path, fault: str, reason: str
) -> None:
    install("chains", CHAINS.replace("LIE = 0.0", fault), rungs={"chains": "Chains"})
    chain = RegressorChain(LinearRegression()).fit(FRAME, FRAME)

    manifest = packed(chain, rooms, project).manifest
    assert manifest.rung == "original"
    assert reason in manifest.gate.fallen["chains"]


def test_a_rung_that_was_asked_for_and_cannot_be_had_is_refused(rooms: Any, project: Path) -> None:
    chain = RegressorChain(LinearRegression()).fit(FRAME, FRAME)

    with pytest.raises(BundleError, match=r"cannot be served on the rung 'plan': no plan for RegressorChain") as caught:
        packed(chain, rooms, project, "plan")
    assert (caught.value.code, caught.value.hint) == ("rung_refused", "unset NBOPS_RUNG")


def test_an_unknown_rung_is_told_with_the_known_ones(rooms: Any, project: Path) -> None:
    with pytest.raises(UsageError, match="no rung 'plam'; did you mean 'plan'"):
        packed(LinearRegression().fit(FRAME, FRAME["a"]), rooms, project, "plam")


CHAINS = """
import json

LIE = 0.0

class Chains:
    tolerance = 1e-9
    packages = ()

    def build(self, model, version, evidence):
        return {"chain.json": json.dumps([[one.coef_.tolist(), float(one.intercept_)] for one in model.estimators_])
                .encode()}

    def open(self, bundle):
        return Answering(json.loads(bundle.read("chain.json")))

class Answering:
    is_light = False

    def __init__(self, lines):
        self.lines = lines

    def answer(self, rows):
        from nbops_serving.plan import Answer
        found = []
        for row in rows:
            values = list(row)
            for coefficients, intercept in self.lines:
                values.append(sum(c * v for c, v in zip(coefficients, values)) + intercept + LIE)
            found.append(values[len(row):])
        return Answer(found)
"""

"""Bundles: named by their content, whole or not there, with the fastest rung that answers alike."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OutputCodeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nbops.bundle import load
from nbops.errors import BundleError
from nbops_serving.bundle import open_bundle
from nbops_serving.manifest import Policy

NUMBERS = ["n0", "n1", "n2", "n3"]


def linear(table):
    columns = make_column_transformer((StandardScaler(), NUMBERS), (OneHotEncoder(), ["city"]), ("drop", ["plan"]))
    return make_pipeline(columns, LogisticRegression()).fit(table.whole, table.two)


def test_the_same_version_gives_the_same_bundle(shop, table):
    version = shop.register(linear(table), table.whole)
    first, again = shop.pack(version), shop.pack(version)
    assert first == again
    assert Path(first.path).name == first.digest
    assert hashlib.sha256((Path(first.path) / "manifest.json").read_bytes()).hexdigest() == first.digest


def test_a_bundle_of_a_plan_needs_no_scikit_learn(shop, table):
    bundle = shop.pack(shop.register(linear(table), table.whole))
    names = {pin.partition("==")[0] for pin in bundle.requirements}
    assert bundle.rung == "plan"
    assert {"numpy", "msgspec", "uvicorn", "httptools", "uvloop"} <= names
    assert not names & {"scikit-learn", "pandas", "scipy", "skops"}
    assert sorted(path.name for path in Path(bundle.path).iterdir()) == [
        "manifest.json",
        "plan.msgpack",
        "requirements.txt",
    ]


def test_a_bundle_of_the_original_needs_what_the_model_needs(shop, table):
    model = make_pipeline(StandardScaler(), OutputCodeClassifier(LogisticRegression(), random_state=0)).fit(
        table.whole[NUMBERS], table.two
    )
    bundle = shop.pack(shop.register(model, table.whole[NUMBERS]))
    names = {pin.partition("==")[0] for pin in bundle.requirements}
    assert bundle.rung == "original"
    assert {"scikit-learn", "pandas", "skops", "uvicorn"} <= names
    assert not names & {"jupyterlab", "papermill", "nbops"}
    manifest = open_bundle(bundle.path).manifest
    assert manifest.gate is not None
    assert manifest.gate.fallen["plan"] == "no plan for OutputCodeClassifier"
    assert set(manifest.gate.fallen) == {"plan", "onnx"}


def test_a_damaged_bundle_is_written_again(shop, table):
    version = shop.register(linear(table), table.whole)
    bundle = shop.pack(version)
    (Path(bundle.path) / "plan.msgpack").write_bytes(b"")
    assert shop.pack(version) == bundle
    open_bundle(bundle.path, digest=bundle.digest)


def test_the_manifest_proves_its_rung_and_shows_real_rows(shop, table):
    manifest = shop.manifest(linear(table), table.whole)
    assert manifest.gate is not None
    assert (manifest.gate.rows > 600, manifest.gate.worst < 1e-14, manifest.gate.fallen) == (True, True, {})
    assert manifest.example == table.whole.head(5).to_dict("records")
    assert manifest.expected == linear(table).predict(table.whole.head(5)).tolist()
    assert manifest.classes_follow_probabilities


def test_a_category_that_the_model_refuses_is_known_before_it_is_asked(shop, table):
    assert shop.manifest(linear(table), table.whole).policy == Policy(refused=["city"])


def test_the_profile_travels_with_the_bundle(shop, table):
    version = shop.register(linear(table), table.whole, profile=b'{"rows": 600}')
    assert (Path(shop.pack(version).path) / "profile.json").read_bytes() == b'{"rows": 600}'


class Moody:
    """Answers otherwise each time it is asked."""

    asked = 0

    def predict(self, values):
        self.asked += 1
        return [float(self.asked)] * len(values)


def test_a_model_that_answers_otherwise_is_not_packed(shop):
    version = shop.register(Moody(), np.zeros((5, 1)))
    with pytest.raises(BundleError) as caught:
        shop.pack(version)
    assert caught.value.code == "answers_differ"


def test_a_wrong_plan_falls_to_the_original(shop, table, monkeypatch):
    """The gate, not the writer of plans, decides: a model whose coefficients lie has a plan that answers otherwise."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(table.whole[NUMBERS], table.two)
    version = shop.register(model, table.whole[NUMBERS])
    honest = load(version, shop.blobs)
    lying = load(version, shop.blobs)
    lying[-1].coef_ = lying[-1].coef_ * 1.0001
    from nbops.bundle import ladder
    from nbops.bundle.packing import _evidence, _manifest
    from nbops_serving.rungs import Original

    evidence = _evidence(version, shop.blobs)
    start = _manifest(version, evidence, Policy())
    climbed = ladder.climb(lying, version, evidence, Original(honest, start), start)
    assert climbed.rung == "original"
    assert "differs by" in climbed.gate.fallen["plan"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": pd.Categorical(["x", "y", "z"] * 50, categories=["z", "y", "x"]), "b": np.arange(150.0)}),
        pd.DataFrame({"a": pd.array([1, None, 3] * 50, dtype="Int64"), "b": np.arange(150, dtype="float32")}),
        pd.DataFrame({"a": [True, False, True] * 50, "b": np.arange(150, dtype="uint8")}),
    ],
    ids=["categorical", "nullable integers and float32", "booleans and small integers"],
)
def test_a_frame_is_held_as_it_was_in_training(shop, frame):
    target = np.arange(150) % 2
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype").fit(frame, target)
    manifest = shop.manifest(model, frame)
    assert manifest.gate is not None
    assert manifest.gate.worst == 0.0
    assert [dtype.name for dtype in manifest.dtypes] == [str(dtype) for dtype in frame.dtypes]


def test_dates_reach_the_model_as_dates(shop):
    frame = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=40), "b": np.arange(40.0)})
    model = Weekday()
    manifest = shop.manifest(model, frame)
    assert manifest.example[0]["day"] == "2026-01-01T00:00:00"
    assert manifest.expected == [3, 4, 5, 6, 0]


class Weekday:
    def predict(self, frame):
        return frame["day"].dt.day_of_week


def test_two_processes_may_pack_the_same_at_once(shop, table):
    from concurrent.futures import ThreadPoolExecutor

    version = shop.register(linear(table), table.whole)
    with ThreadPoolExecutor(4) as pool:
        digests = {bundle.digest for bundle in pool.map(lambda _: shop.pack(version), range(4))}
    assert len(digests) == 1
    assert [path.name for path in (shop.root / ".nbops" / "bundles").iterdir()] == list(digests)

"""ONNX: a rung that is believed only as far as its answers agree."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from nbops_serving.bundle import open_bundle

pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")

NUMBERS = ["n0", "n1", "n2", "n3"]


def columns():
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer((StandardScaler(), NUMBERS), (encoder, ["city", "plan"]))


def test_a_model_without_a_plan_is_served_as_onnx_where_it_answers_alike(shop, table):
    model = make_pipeline(columns(), SVC(C=0.5)).fit(table.whole, table.two)
    bundle = shop.pack(shop.register(model, table.whole))
    manifest = open_bundle(bundle.path).manifest
    assert (bundle.rung, manifest.tolerance) == ("onnx", 1e-5)
    names = {pin.partition("==")[0] for pin in bundle.requirements}
    assert "onnxruntime" in names
    assert not names & {"scikit-learn", "pandas", "scipy"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "nbops_serving", bundle.path], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready", ready
        rows = table.whole.head(20).to_dict("records")
        answer = httpx.post(f"http://127.0.0.1:{ready['port']}/predict", json={"rows": rows}).json()
    finally:
        process.terminate()
        process.communicate()
    assert answer["predictions"] == model.predict(table.whole.head(20)).tolist()


def test_an_array_goes_in_as_one_tensor(shop, table):
    numbers = table.whole[NUMBERS].to_numpy(dtype=np.float32)
    model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=3000, random_state=0, tol=1e-3).fit(
        numbers, table.number / 10
    )
    manifest = shop.manifest(model, numbers)
    assert manifest.rung in ("onnx", "original")
    assert manifest.gate is not None
    assert manifest.gate.worst <= manifest.tolerance


def test_a_graph_that_answers_otherwise_is_not_served(shop, table):
    """Single precision puts some values on the other side of a threshold; values chosen so that it does."""
    values = np.linspace(1, 1 + 1e-6, 200).reshape(-1, 1)
    target = (np.arange(200) // 3) % 2
    model = BaggingClassifier(DecisionTreeClassifier(), 5, random_state=0).fit(values * 1.0, target)
    wide = make_pipeline(StandardScaler(), model).fit(values, target)
    manifest = shop.manifest(wide, values)
    assert manifest.gate is not None
    assert manifest.rung == "original"
    assert "differs by" in manifest.gate.fallen["onnx"]


def test_the_same_version_gives_the_same_graph(shop, table):
    model = make_pipeline(columns(), SVC(C=0.5)).fit(table.whole, table.two)
    version = shop.register(model, table.whole)
    assert shop.pack(version).digest == shop.pack(version).digest

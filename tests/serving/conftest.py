"""Real bundles and real servers for the tests of serving."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OutputCodeClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nbops.bundle import pack, register
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs


@dataclass
class Server:
    """A server process that has said it is ready."""

    process: subprocess.Popen[str]
    address: str
    ready: dict[str, Any]

    def post(self, content: bytes | str | dict[str, Any], **headers: str) -> httpx.Response:
        body = json.dumps(content) if isinstance(content, dict) else content
        sent = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        return httpx.post(f"{self.address}/predict", content=body, headers=sent, timeout=30)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.address}{path}", timeout=30)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=30)


Start = Callable[..., Server]


def launch(bundle: str | Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    """Start the server's process without waiting for it."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "nbops_serving", str(bundle), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="session")
def start_server() -> Iterator[Start]:
    """Start servers; all of them are gone at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(bundle: str | Path, *options: str, **environment: str) -> Server:
        process = launch(bundle, *options, **environment)
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        ready = json.loads(line)
        assert ready["event"] == "ready", ready
        return Server(process, f"http://127.0.0.1:{ready['port']}", ready)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@dataclass
class Customers:
    """A table with numbers, a missing value, and categories; and who left."""

    frame: pd.DataFrame
    left: np.ndarray[Any, Any]

    def rows(self, count: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.frame.head(count).to_dict("records")
        return rows


@pytest.fixture(scope="session")
def customers() -> Customers:
    generator = np.random.default_rng(7)
    count = 400
    frame = pd.DataFrame(
        {
            "age": generator.integers(18, 90, count),
            "spent": generator.normal(100, 30, count),
            "city": generator.choice(["Lima", "Oslo", "Rome"], count),
        }
    )
    left = (frame["age"] / 50 + (frame["city"] == "Oslo") + generator.normal(0, 0.3, count) > 1.5).to_numpy()
    return Customers(frame, left)


def pipeline(model: Any, *, unknown: str = "ignore") -> Pipeline:
    columns = make_column_transformer(
        (StandardScaler(), ["age", "spent"]), (OneHotEncoder(handle_unknown=unknown, sparse_output=False), ["city"])
    )
    return make_pipeline(columns, model)


@dataclass
class Packed:
    """A model as it was fitted, and its bundle."""

    model: Any
    path: Path
    digest: str


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Packed]:
    """Register and pack a model in a project of its own."""

    def make(model: Any, sample: Any, *, name: str = "churn") -> Packed:
        root = tmp_path_factory.mktemp("project")
        (root / ".nbops").mkdir()
        settings = load_settings(root, env={})
        blobs, store = Blobs(settings.blobs), open_store(settings)
        try:
            version = register(model, name=name, sample=sample, store=store, blobs=blobs)
            bundle = pack(version, store=store, blobs=blobs, root=root)
        finally:
            store.close()
        return Packed(model, Path(bundle.path), bundle.digest)

    return make


@pytest.fixture(scope="session")
def linear(bundled: Callable[..., Packed], customers: Customers) -> Packed:
    """Served by its plan; takes categories it has not seen."""
    return bundled(pipeline(LogisticRegression()).fit(customers.frame, customers.left), customers.frame)


@pytest.fixture(scope="session")
def strict(bundled: Callable[..., Packed], customers: Customers) -> Packed:
    """Served by the estimator itself; refuses categories it has not seen."""
    model = pipeline(OutputCodeClassifier(LogisticRegression(), random_state=0), unknown="error").fit(
        customers.frame, customers.left
    )
    return bundled(model, customers.frame, name="strict")


@pytest.fixture(scope="session")
def linear_server(linear: Packed, start_server: Start, tmp_path_factory: pytest.TempPathFactory) -> Server:
    return start_server(linear.path, "--log", str(tmp_path_factory.mktemp("log")))


@pytest.fixture(scope="session")
def strict_server(strict: Packed, start_server: Start) -> Server:
    return start_server(strict.path)

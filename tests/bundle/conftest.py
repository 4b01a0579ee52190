"""A project with a store, and tables to fit models on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbops.bundle import pack, register
from nbops.records import Bundle, ModelVersion
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops.store.interface import Store
from nbops_serving.bundle import open_bundle
from nbops_serving.manifest import Manifest


@dataclass
class Shop:
    """The rooms a bundle is made with."""

    root: Path
    store: Store
    blobs: Blobs

    def register(self, model: Any, sample: Any, **options: Any) -> ModelVersion:
        return register(model, **{"name": "churn", "store": self.store, "blobs": self.blobs, **options}, sample=sample)

    def pack(self, version: ModelVersion) -> Bundle:
        return pack(version, store=self.store, blobs=self.blobs, root=self.root)

    def manifest(self, model: Any, sample: Any, **options: Any) -> Manifest:
        bundle = self.pack(self.register(model, sample, **options))
        return open_bundle(bundle.path, digest=bundle.digest).manifest


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    root = tmp_path / "shop"
    (root / ".nbops").mkdir(parents=True)
    settings = load_settings(root, env={})
    store = open_store(settings)
    yield Shop(root, store, Blobs(settings.blobs))
    store.close()


@dataclass
class Table:
    """Numbers and categories, whole and with holes, and what is to be learnt from them."""

    whole: pd.DataFrame
    holes: pd.DataFrame
    two: np.ndarray[Any, Any]
    three: np.ndarray[Any, Any]
    number: np.ndarray[Any, Any]


NUMBERS = ["n0", "n1", "n2", "n3"]
CATEGORIES = ["city", "plan"]


@pytest.fixture(scope="session")
def table() -> Table:
    generator = np.random.default_rng(3)
    count = 600
    whole = pd.DataFrame({name: generator.normal(place, place + 1, count) for place, name in enumerate(NUMBERS)})
    whole["city"] = generator.choice(["Lima", "Oslo", "Rome"], count)
    whole["plan"] = generator.choice(list("abcdefg"), count)
    holes = whole.copy()
    for name in ("n1", "n3", "city"):
        holes.loc[generator.random(count) < 0.15, name] = None
    signal = whole["n0"] + (whole["city"] == "Oslo") + generator.normal(0, 0.5, count)
    return Table(
        whole=whole,
        holes=holes,
        two=np.where(signal > 0.5, "stays", "leaves"),
        three=np.digitize(signal, [0, 1]),
        number=(signal * 10).to_numpy(),
    )

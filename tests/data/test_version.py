"""Versions of variables: the same in every process, another where anything that counts is another."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbops.data import version

MAKING = """
import warnings; warnings.simplefilter("ignore")
import dataclasses, datetime, random
from collections import Counter, defaultdict, namedtuple
from pathlib import Path
import numpy as np, pandas as pd, scipy.sparse
from sklearn.cluster import KMeans
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from nbops.data import version

P = namedtuple("P", "a b")

@dataclasses.dataclass
class C:
    a: int = 1
    b: object = None

X = np.random.RandomState(0).rand(60, 3); y = (X[:, 0] > 0.5).astype(int)
made = {
    "frame": pd.DataFrame({"a": X[:, 0], "b": ["x", "y", None] * 20}), "series": pd.Series(X[:, 1], name="s"),
    "array": X, "objects": np.array([1, "a", None], dtype=object), "scalar": np.float64(2.5), "index": pd.Index(["a"]),
    "sparse": scipy.sparse.csr_matrix(X), "generator": np.random.default_rng(0), "state": np.random.RandomState(1),
    "python_random": random.Random(3), "text": "hello", "bytes": b"x", "set": {"a", "b", "c", "d"},
    "nested": {"a": [1, (2.5, None)], "b": {"c": {"d", "e"}}}, "counter": Counter("hello"),
    "default": defaultdict(list, {"x": [1]}), "tuple": P(1, "x"), "data": C(1, X), "time": pd.Timestamp("2020-01-01"),
    "date": datetime.date(2020, 1, 1), "path": Path("data/a.csv"), "slice": slice(1, 2), "range": range(5),
    "forest": RandomForestClassifier(5, random_state=0).fit(X, y),
    "boosting": GradientBoostingRegressor(n_estimators=3, random_state=0).fit(X, y),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y),
    "search": GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2).fit(X, y),
    "clusters": KMeans(2, random_state=0, n_init=1).fit(X),
    "words": TfidfVectorizer().fit(["a bb cc", "bb dd"]), "onehot": OneHotEncoder().fit([["a"], ["b"]]),
}
for name, thing in made.items():
    print(name, version(thing, key=b"key", budget_s=10))
"""


def versions_in(hash_seed: str) -> dict[str, str]:
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"}
    said = subprocess.run([sys.executable, "-c", MAKING], env=env, check=True, capture_output=True, text=True).stdout
    return dict(line.split(" ", 1) for line in said.splitlines())


def test_equal_content_has_one_version_in_every_process_whatever_its_hash_seed() -> None:
    first = versions_in("1")
    assert len(first) == 30
    assert "" not in first.values()
    assert versions_in("2") == first


def test_what_is_boosted_elsewhere_has_a_version() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    table = np.random.RandomState(0).rand(80, 3)
    fits = [lightgbm.LGBMRegressor(n_estimators=n, verbose=-1).fit(table, table[:, 0]) for n in (3, 3, 4)]
    first, again, other = (version(fit, key=b"k", budget_s=10) for fit in fits)
    assert first.startswith("value:")
    assert (first == again, first == other) == (True, False)


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        ([1, 2], (1, 2)),
        ({"a": 1}, {"a": 2}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
        (np.zeros(3), np.zeros(3, dtype="f4")),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        ("a", "b"),
        (Counter("aab"), Counter("abb")),
        (Pair(1, 2), Pair(2, 1)),
        (np.random.RandomState(1), np.random.RandomState(2)),
    ],
)
def test_other_content_has_another_version(one: Any, other: Any) -> None:
    assert version(one, key=b"k")
    assert version(one, key=b"k") != version(other, key=b"k")


def test_the_time_that_a_library_measured_is_no_content() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    table = np.random.RandomState(0).rand(40, 2)
    search = GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2).fit(table, (table[:, 0] > 0.5).astype(int))
    before = version(search, key=b"k", budget_s=10)
    search.refit_time_ += 1
    search.cv_results_["mean_fit_time"] += 1
    assert version(search, key=b"k", budget_s=10) == before
    search.cv_results_["mean_test_score"] += 1
    assert version(search, key=b"k", budget_s=10) != before


def test_texts_cannot_be_guessed_without_the_key() -> None:
    held = {"password": "hunter2"}
    assert version(held) == ""
    assert version("hunter2") == ""
    assert version(held, key=b"a") != version(held, key=b"b")
    assert "hunter2" not in version("hunter2", key=b"a")


class Sly:
    """Whoever asks it anything is told off."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    def __hash__(self) -> int:
        raise AssertionError("hashed")

    def __reduce__(self) -> Any:
        raise AssertionError("pickled")


def circle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    "thing",
    [Path.open, len, np, Sly, (n for n in range(3)), circle(), threading.Lock(), sys.__stdout__, object],
    ids=lambda thing: type(thing).__name__,
)
def test_what_nobody_else_can_tell_has_no_version(thing: Any) -> None:
    assert version(thing, key=b"k", budget_s=0.05) == ""


def test_objects_of_the_users_are_read_and_never_asked() -> None:
    sly = object.__new__(Sly)
    object.__setattr__(sly, "held", 1)
    first = version([sly], key=b"k")
    object.__setattr__(sly, "held", 2)
    assert first
    assert first != version([sly], key=b"k")


def test_what_takes_too_long_has_no_version() -> None:
    assert version([[n] for n in range(100_000)], key=b"k", budget_s=0.001) == ""
    assert version(np.zeros(10_000_000), budget_s=0.001) == ""

"""A module never works at import: what a global was made by is named, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nbops.errors import ExtractError
from nbops.records import ModuleVersion

Take = Callable[..., ModuleVersion]

WORK = {
    "a fit": ("from sklearn.linear_model import LinearRegression", "G = LinearRegression().fit([[1.0]], [1.0])"),
    "a figure": ("import matplotlib.pyplot as plt", "G = plt.figure()"),
    "a drawing": ("import matplotlib.pyplot as plt", "G = plt.plot([1, 2])"),
    "a file read": ("import pandas as pd", "G = pd.read_csv('d.csv')"),
    "a file opened": ("", "G = open('d.csv').read()"),
    "a request": ("import urllib.request", "G = urllib.request.urlopen('http://127.0.0.1:9/').read()"),
    "a print": ("", "G = print('made') or 3"),
    "a process": ("import subprocess", "G = subprocess.check_output(['true'])"),
    "a clock": ("import time", "G = time.time()"),
    "a random number": ("import random", "G = random.random()"),
    "what the environment says": ("import os", "G = os.environ['HOME']"),
    "a wait": ("import time", "G = time.sleep(0) or 3"),
}


@pytest.mark.parametrize(("imports", "work"), WORK.values(), ids=WORK)
def test_a_global_made_by_work_is_refused_with_its_name(take: Take, root: Path, imports: str, work: str) -> None:
    with pytest.raises(ExtractError, match=r"\bG\b"):
        take("f", imports, work, "def f(x): return x, G")
    assert list((root / "src").rglob("*.py")) == []


@pytest.mark.parametrize(("imports", "work"), WORK.values(), ids=WORK)
def test_the_same_global_may_become_a_parameter(take: Take, imports: str, work: str) -> None:
    source = take("f", imports, work, "def f(x): return x, G", parameters=["G"]).source
    assert "def f(x, *, G" in source
    assert work not in source

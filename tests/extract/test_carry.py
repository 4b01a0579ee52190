"""Data that functions read: a parameter, a pin, or a refusal that names everything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from extract_sessions import namespace_of, ran

from nbops import extract
from nbops.errors import ExtractError, UsageError
from nbops.records import ModuleVersion

Take = Callable[..., ModuleVersion]
DATA = "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})\nn = len(df)\nlimits = {'low': 1}"


def _live(*sources: str) -> dict[str, Any]:
    return {"cells": ran(DATA, *sources), "namespace": namespace_of(DATA, *sources)}


def test_every_blocker_is_named_with_its_cell_and_its_cure(take: Take) -> None:
    with pytest.raises(ExtractError) as refused:
        take("f", **_live("def f(): return df.a.sum() + n + missing"))

    text = str(refused.value)
    assert "df (In [1]) is a DataFrame of shape (3, 1) and calls pandas.DataFrame(), needed by f" in text
    assert "n (In [1]) is an int and is computed from df (In [1]), needed by f" in text
    assert "missing (In [2]) is not defined in any cell, needed by f" in text
    assert "--parameter df or --pin df" in text
    assert "nbops extract f --parameter" in text.splitlines()[-1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(x):  # c\n    return df.a.sum() + x", "def f(x, *, df):  # c\n    return df.a.sum() + x"),
        ("def f(): return len(df)", "def f(*, df): return len(df)"),
        ("def f(*args, k=1): return len(df)", "def f(*args, k=1, df): return len(df)"),
        ("def f(x, *, k=1, **o): return len(df)", "def f(x, *, k=1, df, **o): return len(df)"),
        ("f = lambda x: len(df) + x", "f = lambda x, *, df: len(df) + x"),
        ("async def f(): return len(df)", "async def f(*, df): return len(df)"),
        (
            "def f():\n    def g(): return len(df)\n    return g()",
            "def f(*, df):\n    def g(): return len(df)\n    return g()",
        ),
    ],
    ids=["comment", "none", "star", "keywords", "lambda", "async", "nested"],
)
def test_data_becomes_a_keyword_parameter(take: Take, before: str, after: str) -> None:
    assert after in take("f", **_live(before), parameters=["df"]).source


def test_parameters_are_handed_on_by_whoever_calls(take: Take) -> None:
    sources = (
        "def rows(): return len(df)",
        "def share(x):\n    return x / rows()",
        "def both(x): return share(x,) + rows()",
    )

    source = take("both", **_live(*sources), parameters=["df"]).source

    assert "def rows(*, df): return len(df)" in source
    assert "def share(x, *, df):\n    return x / rows(df=df)" in source
    assert "def both(x, *, df): return share(x,df=df) + rows(df=df)" in source


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def g(x): return len(df)\ndef f(xs): return list(map(g, xs))", "handed on as a value"),
        ("class f:\n    def m(self): return df", "is not a function"),
        ("def f():\n    global df\n    df = df + 1", "through `global`"),
        ("def f(x=len(df)): return x", "before any argument could bring it"),
    ],
)
def test_what_cannot_take_a_parameter_is_refused(take: Take, source: str, message: str) -> None:
    with pytest.raises(ExtractError, match=message):
        take("f", **_live(source), parameters=["df"])


def test_a_pin_is_loaded_by_hash_when_first_needed(take: Take, root: Path) -> None:
    function = "def f(x):\n    'Doc.'\n    return int(df.a.sum()) + x + limits['low']"

    version = take("f K", **_live(function, "class K:\n    def m(self): return len(df)"), pins=["df", "limits"])

    assert list(version.pins) == ["df"]
    assert "limits = {'low': 1}" in version.source  # what a person can read is written, not pickled
    assert (root / "src/churn/_pins" / f"{version.pins['df']}.joblib").is_file()
    program = "from churn.features import f, K; print(f(1), K().m())"
    done = subprocess.run([sys.executable, "-c", program], cwd=root / "src", capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["8", "3"]
    assert extract.import_version(version, root=root).f(1) == 8


def test_a_pin_that_holds_the_notebooks_own_code_is_refused(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = (
        "import numpy as np\ndef error(a, b): return a - b\nheld = [np.random.rand(3), error]",
        "def f(): return held",
    )
    namespace = namespace_of(*sources)
    monkeypatch.setattr(sys.modules["__main__"], "error", namespace["error"], raising=False)  # as in a notebook

    with pytest.raises(ExtractError, match=r"held cannot be pinned: it holds error of the notebook"):
        take("f", cells=ran(*sources), namespace=namespace, pins=["held"])


def test_an_altered_pin_is_not_loaded(take: Take, root: Path) -> None:
    version = take("f", **_live("def f(): return len(df)"), pins=["df"])
    module = extract.import_version(version, root=root)
    (root / ".nbops/modules/_pins" / f"{version.pins['df']}.joblib").write_bytes(b"other")

    with pytest.raises(ValueError, match="is not what was pinned"):
        module.f()


def test_pinning_twice_gives_the_same_bytes(take: Take) -> None:
    first = take("f", **_live("def f(): return len(df)"), pins=["df"])

    assert take("f", **_live("def f(): return len(df)"), pins=["df"]) == first


def test_a_pin_without_a_kernel_is_a_wrong_call(take: Take) -> None:
    with pytest.raises(UsageError, match="needs the live object"):
        take("f", DATA, "def f(): return len(df)", pins=["df"])


def test_a_name_that_is_both_is_a_wrong_call(take: Take) -> None:
    with pytest.raises(UsageError, match="both a parameter and a pin"):
        take("f", **_live("def f(): return len(df)"), pins=["df"], parameters=["df"])

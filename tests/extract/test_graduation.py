"""What a pickled pipeline needs from the notebook travels with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, sys, io, pickle
from pathlib import Path
import joblib, numpy as np, msgspec
from nbops.errors import NbopsError
from nbops.extract import graduate, main_objects
from nbops.source import SourceCell

sources = json.loads(sys.argv[1])
cells, namespace = [], sys.modules["__main__"].__dict__
for index, source in enumerate(sources, 1):
    exec(compile(source, f"<cell {index}>", "exec", dont_inherit=True), namespace)
    cells.append(SourceCell(index=index, source=source, status="ok"))
folder = Path(sys.argv[2])
try:
    graduated = graduate(model, cells=cells, namespace=namespace, root=folder)
except NbopsError as error:
    print(json.dumps({"error": str(error)}))
    raise SystemExit
graduated.write(folder)
with graduated.repointed():
    joblib.dump(model, folder / "model.joblib")
for value in graduated.objects.values():
    assert value.__module__ == "__main__"
assert not set(graduated.modules) & set(sys.modules)
print(json.dumps({"names": list(graduated.names), "notes": graduated.notes, "modules": list(graduated.modules),
                  "here": np.asarray(model.transform(np.ones((2, 2)))).tolist()}))
"""
LOAD = """
import json, sys; sys.path.insert(0, ".")
import joblib, numpy as np
print(json.dumps(np.asarray(joblib.load("model.joblib").transform(np.ones((2, 2)))).tolist()))
"""
IMPORTS = (
    "import functools\nimport numpy as np\nfrom sklearn.pipeline import make_pipeline\n"
    "from sklearn.preprocessing import FunctionTransformer\nfrom sklearn.base import BaseEstimator, TransformerMixin"
)


def _graduate(folder: Path, *sources: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([IMPORTS, *sources]), str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _loaded_elsewhere(folder: Path) -> Any:
    done = subprocess.run([sys.executable, "-I", "-c", LOAD], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_functions_classes_lambdas_and_what_they_need_are_found_elsewhere(tmp_path: Path) -> None:
    answer = _graduate(
        tmp_path,
        "FACTOR = 2.5\ndef scale(X):\n    return X * FACTOR",
        "class Shift(TransformerMixin, BaseEstimator):\n    def fit(self, X, y=None):\n        return self\n"
        "    def transform(self, X):\n        return scale(X) + 1",
        "@functools.lru_cache\ndef unused(): ...",
        "model = make_pipeline(FunctionTransformer(scale), Shift(), FunctionTransformer(lambda X: X - 0.5))\n"
        "model.fit(np.ones((2, 2)))",
    )

    assert set(answer["names"]) == {"__main__.scale", "__main__.Shift", "__main__.<lambda>"}
    assert _loaded_elsewhere(tmp_path) == answer["here"]


def test_data_that_functions_read_travels_with_the_model(tmp_path: Path) -> None:
    answer = _graduate(
        tmp_path,
        "means = np.random.default_rng(3).normal(size=2)\ndef centre(X):\n    return X - means",
        "model = FunctionTransformer(centre).fit(np.ones((2, 2)))",
    )

    assert answer["notes"] == ["means travels with the model as it is now"]
    assert _loaded_elsewhere(tmp_path) == answer["here"]


def test_what_may_have_been_set_out_of_sight_travels_as_it_is(tmp_path: Path) -> None:
    answer = _graduate(
        tmp_path,
        "rounded = functools.partial(np.round, decimals=1)",
        "exec('step' + ' = 1')",
        "def centre(X):\n    return rounded(X / 3)",
        "model = FunctionTransformer(centre).fit(np.ones((2, 2)))",
    )

    assert answer["notes"] == ["rounded travels with the model as it is now"]
    assert _loaded_elsewhere(tmp_path) == answer["here"] == [[0.3, 0.3], [0.3, 0.3]]


def test_a_closure_with_a_name_of_its_own_is_rebuilt(tmp_path: Path) -> None:
    answer = _graduate(
        tmp_path,
        "def make_scaler(factor):\n    def scale(X):\n        return X * factor\n    return scale",
        "triple = make_scaler(3)\nmodel = FunctionTransformer(triple).fit(np.ones((2, 2)))",
    )

    assert _loaded_elsewhere(tmp_path) == answer["here"] == [[3.0, 3.0], [3.0, 3.0]]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "def make(f):\n    return lambda X: X * f\nmodel = FunctionTransformer(make(3))",
            "holds values of the function",
        ),
        (
            "def make(f):\n    def g(X): return X * f\n    return g\nmodel = FunctionTransformer(make(3))",
            "no global name",
        ),
        ("import threading\nmodel = FunctionTransformer(kw_args={'l': threading.Lock()})", "cannot be pickled"),
        ("def f(X): return X + nowhere\nmodel = FunctionTransformer(f)", "nowhere .* is not defined"),
    ],
    ids=["lambda", "closure", "lock", "undefined"],
)
def test_what_cannot_travel_is_refused(tmp_path: Path, source: str, message: str) -> None:
    import re

    assert re.search(message, _graduate(tmp_path, source)["error"])


def test_an_object_of_libraries_alone_needs_nothing(tmp_path: Path) -> None:
    assert _graduate(tmp_path, "model = FunctionTransformer(np.log1p).fit(np.ones((2, 2)))")["modules"] == []

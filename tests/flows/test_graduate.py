"""What a model needs from the notebook travels with it, wherever the notebook's text is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

IMPORTS = """
import json, sys
import numpy as np, pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
import nbops
"""
DEFINITIONS = """
SCALE = 3.0
offsets = pd.Series({"a": 1.0, "b": 2.0})

def scaled(values):
    return np.asarray(values) * SCALE

class Scaled(BaseEstimator, TransformerMixin):
    power = 1
    def fit(self, X, y=None):
        return self
    def transform(self, X):
        return (scaled(X) + offsets.to_numpy()) ** self.power

Scaled.power = 2
frame = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0)[::-1] ** 2})
"""
FIT = """
model = make_pipeline(Scaled(), FunctionTransformer(lambda values: values - 0.5), LinearRegression())
model.fit(frame, frame["a"])
"""
KEEP = """
version = nbops.log_model(model, name="scaled", sample=frame)
said = {"sources": sorted(version.sources), "notes": version.notes, "here": model.predict(frame)[:3].tolist(),
        "modules": version.module_version_ids, "owner": Scaled.__module__}
print("\\0" + json.dumps(said))
"""
ELSEWHERE = """
import json, sys
import numpy as np, pandas as pd
import nbops
frame = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0)[::-1] ** 2})
print(json.dumps(nbops.load_model("scaled").predict(frame)[:3].tolist()))
"""
SESSION = """
import sys, json
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
sys.modules["__main__"] = shell.user_module
for source in json.loads(sys.argv[1]):
    shell.run_cell(source, store_history=True).raise_error()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".nbops").mkdir()
    (tmp_path / "src").mkdir()
    return tmp_path


def script(project: Path, *parts: str) -> dict[str, Any]:
    (project / "train.py").write_text("\n".join(parts))
    return _said([sys.executable, "train.py"], project)


def session(project: Path, *cells: str) -> dict[str, Any]:
    return _said([sys.executable, "-c", SESSION, json.dumps(cells)], project)


def _said(command: list[str], project: Path) -> dict[str, Any]:
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout.partition("\0")[2].partition("\n")[0])
    return answer


def elsewhere(project: Path) -> Any:
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_scripts_definitions_travel_with_its_model(project: Path) -> None:
    said = script(project, IMPORTS, DEFINITIONS, FIT, KEEP, "Scaled.power = 3")

    assert [path.partition("_")[0] for path in said["sources"]] == ["", "notebook"]
    assert said["notes"] == ["offsets travels with the model as it is now"]
    assert said["owner"] == "__main__"
    assert elsewhere(project) == pytest.approx(said["here"])


@pytest.mark.parametrize("first", ["%load_ext nbops", "pass"], ids=["recorded", "unrecorded"])
def test_a_sessions_definitions_travel_with_its_model(project: Path, first: str) -> None:
    said = session(project, first, IMPORTS, DEFINITIONS, FIT, KEEP)

    assert elsewhere(project) == pytest.approx(said["here"])


def test_what_ran_before_recording_began_travels_too(project: Path) -> None:
    said = session(project, IMPORTS, DEFINITIONS, FIT, "%load_ext nbops", KEEP)

    assert elsewhere(project) == pytest.approx(said["here"])


def test_an_extracted_module_is_taken_only_while_everything_in_it_is_the_same(project: Path) -> None:
    plain = DEFINITIONS.replace("offsets.to_numpy()", "SCALE")
    fit = FIT.replace("FunctionTransformer(lambda values: values - 0.5), ", "")
    extracted = "%nbops extract Scaled --to shop.scaling"

    same = session(project, "%load_ext nbops", IMPORTS, plain, extracted, fit, KEEP)
    changed = session(project, "%load_ext nbops", IMPORTS, plain, fit, "Scaled.power = 1", KEEP)

    assert (same["sources"], len(same["modules"])) == (["shop/__init__.py", "shop/scaling.py"], 1)
    assert (len(changed["sources"]), changed["modules"]) == (1, [])
    assert elsewhere(project) == pytest.approx(changed["here"])


REFUSED = """
def double(rows):
    return [row["a"] * get_ipython().counter + missing for row in rows]

try:
    nbops.log_model(double, name="double")
except nbops.errors.NbopsError as error:
    print("\\0" + json.dumps({"code": error.code, "text": str(error)}))
"""


def test_what_cannot_travel_is_refused_with_every_reason(project: Path) -> None:
    said = script(project, IMPORTS, "import nbops.errors", REFUSED)

    assert said["code"] == "cannot_travel"
    assert "get_ipython" in said["text"]
    assert "missing" in said["text"]

"""The check of a model's trust mark, on sessions that were really recorded."""

from __future__ import annotations

from typing import Any

import pytest

SEEDED = "np.random.seed(3)\nX = np.random.normal(size=(60, 2))"
UNSEEDED = "X = np.random.normal(size=(60, 2))"
FIT = """\
from sklearn.linear_model import LinearRegression
model = LinearRegression().fit(X, X[:, 0])
nbops.log_model(model, name="price", sample=X)"""


@pytest.mark.parametrize(
    ("data", "demand", "verdict", "said"),
    [
        pytest.param(SEEDED, "clean", "passed", "it is clean", id="clean"),
        pytest.param(SEEDED, "reproduced", "failed", "it is clean, asked for reproduced", id="not reproduced"),
        pytest.param(UNSEEDED, "clean", "failed", "it is tainted, asked for clean: ", id="unseeded"),
    ],
)
def test_a_model_needs_the_mark_that_the_project_demands(
    session: Any, data: str, demand: str, verdict: str, said: str
) -> None:
    (session.folder / "pyproject.toml").write_text(f'[tool.nbops.checks]\ntrust = "{demand}"\n', "utf-8")
    session.run(imports="import numpy as np, nbops", data=data, fit=FIT)
    result = next(one for one in session.workspace.check("price") if one.check == "trust")
    assert result.verdict == verdict
    assert result.message.startswith(said)

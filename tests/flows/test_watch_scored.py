"""A scored file is measured like live traffic: column by column, against the training data of its model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nbops.errors import MonitorError, NotFoundError, UsageError
from nbops.flows.register import register_model
from nbops.records import Window
from nbops.testing import project


def people(seed: int, age: float = 40.0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    cities = generator.choice(["Lima", "Oslo", "Rome"], 800)
    return pd.DataFrame({"age": generator.normal(age, 9, 800), "city": cities, "note": "x"})


@pytest.fixture
def workspace(tmp_path: Path):
    frame = people(1)[["age", "city"]]
    columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["city"]))
    model = make_pipeline(columns, LogisticRegression()).fit(frame, frame["age"] > 40)
    with project(tmp_path) as opened:
        register_model(model, name="churn", sample=frame, store=opened.store, blobs=opened.blobs, root=opened.root)
        yield opened


@pytest.mark.parametrize("suffix", ["parquet", "csv.gz"])
def test_drift_of_a_scored_file_is_told_by_column(workspace, tmp_path, suffix):
    older = people(2, age=52).astype({"city": object})
    older.loc[:9, "city"] = "Mars"
    older.to_parquet(tmp_path / "in.parquet")
    out = str(tmp_path / f"out.{suffix}")
    scored = workspace.score("churn", str(tmp_path / "in.parquet"), out)
    window = workspace.monitor(scored=out)
    drifted = {column.column: column.drifted for column in window.columns}
    assert drifted == {"age": True, "city": False, "prediction": True}
    assert (window.verdict, window.rows, window.errors, window.requests) == ("drifted", 790, scored.refused, 800)
    assert (window.endpoint, window.scored) == ("", out)
    assert workspace.store.get(Window, window.id) == window


def test_rows_like_those_of_training_are_stable(workspace, tmp_path):
    people(3).to_csv(tmp_path / "in.csv", index=False)
    workspace.score("churn", str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert workspace.monitor(scored=str(tmp_path / "out.csv")).verdict == "stable"


def test_what_was_not_scored_here_is_refused(workspace, tmp_path):
    people(3).to_csv(tmp_path / "in.csv", index=False)
    with pytest.raises(MonitorError, match="has no column prediction, model, error"):
        workspace.monitor(scored=str(tmp_path / "in.csv"))
    people(3).assign(prediction=True, error=None, model="other@7").to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(NotFoundError, match="scored by other@7, which is not in this store"):
        workspace.monitor(scored=str(tmp_path / "other.csv"))
    with pytest.raises(UsageError, match="an endpoint"):
        workspace.monitor()

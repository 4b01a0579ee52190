"""Autologging in real kernels, in scripts and in retraining runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from nbops.records import CellExecution, Dataset, Fit, Run
from nbops.settings import load_settings
from nbops.store import open_store

pytestmark = pytest.mark.kernel

DATA = """
import numpy as np, pandas as pd
rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
y = (X["a"] > 0).astype(int)
"""
OWN = """
from sklearn.base import BaseEstimator, ClassifierMixin
class Cut(ClassifierMixin, BaseEstimator):
    def __init__(self, at=0.0):
        self.at = at
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self
    def predict(self, X):
        return (np.asarray(X)[:, 0] > self.at).astype(int)
"""


def fits(folder: Path) -> list[Fit]:
    with open_store(load_settings(folder), read_only=True) as store:
        return store.find(Fit, order_by="id")


def ok(kernel: Any, source: str) -> Any:
    reply = kernel.run(source)
    assert reply["status"] == "ok", reply
    return reply


def test_names_that_were_bound_before_the_extension_are_logged_and_unloading_leaves_nothing(
    tmp_path: Path, kernel_in: Callable[..., Any]
) -> None:
    kernel = kernel_in()
    ok(kernel, DATA + "from sklearn.linear_model import LogisticRegression\nfrom sklearn.metrics import accuracy_score")
    ok(kernel, "before = vars(LogisticRegression)['fit']")
    ok(kernel, "%load_ext nbops")
    ok(kernel, "model = LogisticRegression().fit(X, y)\nprint(accuracy_score(y, model.predict(X)))")
    (fit,) = fits(tmp_path)
    with open_store(load_settings(tmp_path), read_only=True) as store:
        cell = store.get(CellExecution, fit.execution_id or "")
        logged = store.metrics(fit.run_id)
    assert cell.source.startswith("model = LogisticRegression")
    assert [(metric.name, f"{metric.value}") for metric in logged] == [
        ("training_accuracy_score", kernel.printed(ok(kernel, "print(accuracy_score(y, model.predict(X)))")).strip())
    ]
    ok(kernel, "%unload_ext nbops")
    ok(kernel, "assert vars(LogisticRegression)['fit'] is before\nLogisticRegression().fit(X, y)")
    assert len(fits(tmp_path)) == 1


def test_a_class_that_is_defined_and_fitted_in_one_cell_is_logged_and_travels_to_workers(kernel: Any) -> None:
    ok(kernel, DATA)
    ok(kernel, OWN + "own = Cut(0.5).fit(X, y)")
    ok(
        kernel,
        "class Duck:\n"
        "    def get_params(self, deep=True): return {'shift': 1}\n"
        "    def fit(self, X, y): return self\n"
        "    def predict(self, X): return np.zeros(len(X))\n"
        "duck = Duck().fit(X, y)",
    )
    ok(
        kernel,
        "from sklearn.model_selection import GridSearchCV\n"
        "search = GridSearchCV(Cut(), {'at': [-1.0, 0.0]}, cv=2, n_jobs=2).fit(X, y)\n"
        "assert search.best_params_ == {'at': 0.0}",
    )
    ok(kernel, "from nbops.capture import here; assert here.session().autologger.wait()")
    found = fits(kernel.folder)[-3:]
    assert [(fit.type_name, fit.status) for fit in found] == [
        ("__main__.Cut", "finished"),
        ("__main__.Duck", "finished"),
        ("sklearn.model_selection._search.GridSearchCV", "finished"),
    ]
    assert [fit.name for fit in found] == ["own", "duck", "search"]
    assert found[0].params == {"at": 0.5}
    ok(kernel, f"import nbops; assert nbops.load_model({found[0].id!r}).predict(X).tolist() == own.predict(X).tolist()")


def test_a_failing_fit_shows_the_traceback_it_would_show_without(kernel: Any) -> None:
    ok(kernel, DATA + "from sklearn.linear_model import LogisticRegression")
    failed = kernel.run("LogisticRegression().fit(X, y[:5])")
    assert failed["ename"] == "ValueError"
    assert "inconsistent numbers of samples" in failed["evalue"]
    assert not any("capture/autolog" in line for line in failed["traceback"])
    broken = kernel.run("class Broken:\n    fit = undefined_name")
    assert broken["ename"] == "NameError"
    assert not any("capture/autolog" in line for line in broken["traceback"])
    assert fits(kernel.folder)[-1].status == "failed"


def test_metrics_that_are_imported_after_the_answer_are_logged(tmp_path: Path, kernel_in: Callable[..., Any]) -> None:
    kernel = kernel_in()
    ok(kernel, "%load_ext nbops\n" + DATA)
    ok(
        kernel,
        "class Duck:\n"
        "    def get_params(self): return {}\n"
        "    def fit(self, X, y): return self\n"
        "    def predict(self, X): return (X['a'] > 0.1).astype(int)\n"
        "duck = Duck().fit(X, y)\nanswer = duck.predict(X[:30])",
    )
    ok(kernel, "from sklearn.metrics import f1_score\nvalue = f1_score(y[:30], answer)")
    assert [score.name for score in fits(tmp_path)[0].scores] == ["f1_score"]


def test_a_session_that_ends_at_once_has_kept_its_models_and_data(
    tmp_path: Path, kernel_in: Callable[..., Any]
) -> None:
    kernel = kernel_in()
    ok(kernel, "%load_ext nbops\n" + DATA + "from sklearn.linear_model import LinearRegression")
    ok(kernel, "for _ in range(5): LinearRegression().fit(X + _, y)")
    kernel.stop()
    found = fits(tmp_path)
    assert all(fit.model_digest and fit.x and fit.x.dataset_id for fit in found)
    with open_store(load_settings(tmp_path), read_only=True) as store:
        assert store.count(Dataset) == 6


def test_a_script_logs_from_its_first_call_of_nbops(project: Path) -> None:
    source = DATA + (
        "from sklearn.linear_model import LinearRegression\n"
        "LinearRegression().fit(X, y)\n"
        "import nbops\n"
        "with nbops.run('one'):\n    LinearRegression().fit(X, y)\n"
    )
    (project / "train.py").write_text(source)
    subprocess.run([sys.executable, "train.py"], cwd=project, env=os.environ, check=True, timeout=120)
    (fit,) = fits(project)
    with open_store(load_settings(project), read_only=True) as store:
        assert store.get(Run, fit.run_id).name == "one"
    assert fit.model_digest is not None


def test_a_retraining_run_logs_its_fits_and_keeps_the_drivers_parameters(project: Path) -> None:
    from nbops.retrain import run_notebook

    cells = [
        new_code_cell("max_iter = 100", metadata={"tags": ["parameters"]}),
        new_code_cell(DATA + "from sklearn.linear_model import LogisticRegression"),
        new_code_cell("model = LogisticRegression(C=0.5, max_iter=max_iter * 2).fit(X, y)\nmodel.score(X, y)"),
    ]
    nbformat.write(
        new_notebook(
            cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
        ),
        project / "train.ipynb",
    )
    settings = load_settings(project)
    with open_store(settings) as store:
        run = run_notebook(
            project / "train.ipynb", parameters={"max_iter": 70}, store=store, settings=settings, cause="person"
        )
        params, metrics = store.params(run.id), store.metrics(run.id)
        (fit,) = store.find(Fit)
    assert (run.status, fit.run_id) == ("finished", run.id)
    assert (params["max_iter"], params["C"], fit.params["max_iter"]) == (70, 0.5, 140)
    assert [metric.name for metric in metrics] == ["training_score"]
    assert fit.model_digest is not None

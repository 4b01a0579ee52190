"""Fits and scores of real estimators, logged without a call."""

from __future__ import annotations

import gc
import inspect
import operator
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import (
    accuracy_score,
    auc,
    f1_score,
    mean_squared_error,
    roc_auc_score,
    roc_curve,
    silhouette_score,
)
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import nbops
from nbops.capture import here
from nbops.records import Dataset, Fit, Metric, Run
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs

RNG = np.random.default_rng(7)
X = pd.DataFrame(RNG.normal(size=(120, 4)), columns=list("abcd"))
Y = pd.Series((X["a"] + 0.3 * RNG.normal(size=120) > 0).astype(int), name="y")
X_TRAIN, X_TEST, Y_TRAIN, Y_TEST = X[:80], X[80:], Y[:80], Y[80:]


@pytest.fixture(autouse=True)
def logging(project: Path) -> Iterator[None]:
    """Autologging of this process, as in a plain script."""
    nbops.autolog()
    yield
    here.ended()


def fits(**equals: Any) -> list[Fit]:
    assert here.session().autologger.wait()
    assert here.session().autologger.listening.failures == []
    with open_store(load_settings()) as store:
        return store.find(Fit, order_by="id", **equals)


def metrics(run: Run | None = None) -> list[tuple[str, float]]:
    with open_store(load_settings()) as store:
        run_id = here.session().root.id if run is None else run.id
        found: list[Metric] = store.metrics(run_id)
        return [(metric.name, metric.value) for metric in found]


def params(run_id: str | None = None) -> dict[str, Any]:
    with open_store(load_settings()) as store:
        return store.params(run_id or here.session().root.id)


def test_a_fit_is_kept_with_its_parameters_data_time_and_model() -> None:
    model = LogisticRegression(C=0.5).fit(X_TRAIN, Y_TRAIN)
    (fit,) = fits()
    assert (fit.type_name, fit.method, fit.status) == (
        "sklearn.linear_model._logistic.LogisticRegression", "fit", "finished",
    )  # fmt: skip
    assert fit.params["C"] == 0.5
    assert fit.took_s > 0
    assert fit.x is not None
    assert fit.y is not None
    assert (fit.x.name, fit.x.type, fit.x.shape) == ("X_TRAIN", "pandas.DataFrame", [80, 4])
    assert (fit.y.name, fit.y.type, fit.y.shape) == ("Y_TRAIN", "pandas.Series", [80])
    assert fit.fitted["coef_"] == [1, 4]
    with open_store(load_settings()) as store:
        data = store.get(Dataset, fit.x.dataset_id or "")
        blobs = Blobs(load_settings().blobs)
        assert (data.name, data.rows, data.columns) == ("X_TRAIN", 80, ["a", "b", "c", "d"])
        assert blobs.has(data.profile_digest or "")
        assert fit.model_bytes == len(blobs.get(fit.model_digest or ""))
    loaded = nbops.load_model(fit.id)
    assert np.array_equal(loaded.predict_proba(X_TEST), model.predict_proba(X_TEST))


def test_only_the_outermost_fit_of_a_pipeline_in_a_search_is_listed() -> None:
    pipeline = Pipeline([("scale", StandardScaler()), ("clf", LogisticRegression())])
    search = GridSearchCV(pipeline, {"clf__C": [0.1, 1.0]}, cv=2).fit(X_TRAIN, Y_TRAIN)
    (fit,) = fits()
    assert fit.type_name.endswith("GridSearchCV")
    assert fit.params["estimator__clf__solver"] == "lbfgs"
    assert fit.params["estimator"] == "Pipeline"
    assert (fit.scores[0].name, fit.scores[0].value) == ("best_score", search.best_score_)
    assert params()["best_clf__C"] == search.best_params_["clf__C"]


def test_parallel_loops_of_the_library_are_part_of_the_call_in_processes_and_in_threads() -> None:
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, n_jobs=2).fit(X_TRAIN, Y_TRAIN)
    BaggingClassifier(LogisticRegression(), n_estimators=4, n_jobs=2).fit(X_TRAIN, Y_TRAIN)
    import joblib

    with joblib.parallel_config(backend="threading", n_jobs=2):
        cross_val_score(LogisticRegression(), X_TRAIN, Y_TRAIN, cv=2)
    assert [fit.type_name.rpartition(".")[2] for fit in fits()] == ["GridSearchCV", "BaggingClassifier"]


def test_every_fit_of_a_loop_has_its_own_parameters_score_and_model() -> None:
    for depth in (1, 2, 3):
        model = RandomForestClassifier(3, max_depth=depth, random_state=0).fit(X_TRAIN, Y_TRAIN)
        accuracy_score(Y_TEST, model.predict(X_TEST))
    found = fits()
    assert [fit.params["max_depth"] for fit in found] == [1, 2, 3]
    assert [len(fit.scores) for fit in found] == [1, 1, 1]
    assert len({fit.model_digest for fit in found}) == 3
    assert params()["max_depth"] == "[1,2,3]"
    assert params()["n_estimators"] == 3


def test_each_run_has_the_parameters_and_scores_of_its_own_model() -> None:
    models = {}
    for c in (0.1, 10.0):
        with nbops.run(f"C = {c}"):
            models[c] = LogisticRegression(C=c).fit(X_TRAIN, Y_TRAIN)
    for model in models.values():
        accuracy_score(Y_TEST, model.predict(X_TEST))
    rows = nbops.runs("params.C = 10")
    assert rows["name"].tolist() == ["C = 10.0"]
    assert rows["metrics.accuracy_score"].notna().all()
    with nbops.run("evaluation") as active:
        models[0.1].score(X_TEST, Y_TEST)
    with open_store(load_settings()) as store:
        assert [metric.name for metric in store.metrics(active.id)] == ["score"]


def test_parameters_that_somebody_else_set_are_left_alone() -> None:
    with nbops.run("mine") as active:
        nbops.log_param("C", "as I say")
        LogisticRegression(C=0.5).fit(X_TRAIN, Y_TRAIN)
        nbops.log_param("max_iter", 7)
        LogisticRegression(max_iter=50).fit(X_TRAIN, Y_TRAIN)
    assert (params(active.id)["C"], params(active.id)["max_iter"]) == ("as I say", 7)


def test_transformers_alone_say_nothing_of_their_run() -> None:
    StandardScaler(with_mean=False).fit_transform(X_TRAIN)
    assert [fit.method for fit in fits()] == ["fit_transform"]
    assert params() == {}


def test_scores_are_logged_under_their_names_and_training_is_told_by_content() -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_TRAIN, Y_TRAIN)
    answers = model.predict(X_TEST)
    accuracy_score(Y_TEST, answers)
    f1_score(Y_TEST, answers, average="macro")
    copy_of_training = Y_TRAIN.to_numpy().copy()
    accuracy_score(copy_of_training, model.predict(X_TRAIN))
    model.score(X_TRAIN, Y_TRAIN)
    model.score(X=X_TEST, y=Y_TEST)
    assert [name for name, _ in metrics()] == [
        "accuracy_score", "f1_score_macro", "training_accuracy_score", "training_score", "score",
    ]  # fmt: skip
    (fit,) = fits()
    assert [(score.name, score.data, score.is_training) for score in fit.scores] == [
        ("accuracy_score", "Y_TEST", False),
        ("f1_score_macro", "Y_TEST", False),
        ("accuracy_score", "copy_of_training", True),
        ("score", "Y_TRAIN", True),
        ("score", "Y_TEST", False),
    ]


FOLLOWING: dict[str, Callable[[Any], Any]] = {
    "the answer": lambda model: model.predict(X_TEST),
    "a list of it": lambda model: list(model.predict(X_TEST)),
    "a Series of it": lambda model: pd.Series(model.predict(X_TEST)),
    "a threshold": lambda model: (model.predict_proba(X_TEST)[:, 1] > 0.3).astype(int),
    "the likeliest class": lambda model: model.classes_[model.predict_proba(X_TEST).argmax(axis=1)],
}


@pytest.mark.parametrize("answer", FOLLOWING.values(), ids=FOLLOWING)
def test_a_score_of_what_follows_from_an_answer_is_of_its_model(answer: Callable[[Any], Any]) -> None:
    model = LogisticRegression().fit(X_TRAIN, Y_TRAIN)
    accuracy_score(Y_TEST, answer(model))
    assert [score.name for fit in fits() for score in fit.scores] == ["accuracy_score"]


def test_a_score_of_what_no_estimator_answered_is_not_logged() -> None:
    model = LogisticRegression().fit(X_TRAIN, Y_TRAIN)
    model.predict(X_TEST)
    accuracy_score(Y_TEST, np.ones(len(Y_TEST), dtype=int))
    accuracy_score(Y_TEST, np.random.default_rng(0).integers(0, 2, len(Y_TEST)))
    accuracy_score(Y_TEST, DummyClassifier().fit(X_TRAIN, Y_TRAIN).predict(X_TEST))
    assert [len(fit.scores) for fit in fits()] == [0, 1]


def test_curves_and_what_is_computed_from_them_belong_to_the_model() -> None:
    model = LogisticRegression().fit(X_TRAIN, Y_TRAIN)
    probabilities = model.predict_proba(X_TEST)
    rising, true_rate, _ = roc_curve(Y_TEST, probabilities[:, 1])
    area = auc(rising, true_rate)
    assert metrics() == [("auc", area)]
    assert roc_auc_score(Y_TEST, probabilities[:, 1]) == area
    assert [score.data for score in fits()[0].scores] == ["Y_TEST", "Y_TEST"]


def test_clusters_are_scored_by_their_labels() -> None:
    model = KMeans(2, n_init=1, random_state=0).fit(X_TRAIN)
    silhouette_score(X_TRAIN, model.labels_)
    silhouette_score(X_TEST, model.fit_predict(X_TEST))
    assert [name for name, _ in metrics()] == ["training_silhouette_score", "training_silhouette_score"]
    assert [fit.method for fit in fits()] == ["fit", "fit_predict"]


def test_a_score_that_is_computed_again_is_appended_once() -> None:
    model = LinearRegression().fit(X_TRAIN, Y_TRAIN)
    for _ in range(2):
        mean_squared_error(Y_TEST, model.predict(X_TEST))
    assert [name for name, _ in metrics()] == ["mean_squared_error"] * 2


def test_a_failed_fit_is_logged_and_its_exception_is_the_users_own() -> None:
    error = RuntimeError("no rows")

    class Failing(BaseEstimator):
        def fit(self, x: Any, y: Any = None) -> Failing:
            raise error

    with pytest.raises(RuntimeError) as caught:
        Failing().fit(X_TRAIN)
    assert caught.value is error
    with pytest.raises(ValueError, match="'C' parameter"):
        LogisticRegression(C=-1).fit(X_TRAIN, Y_TRAIN)
    with pytest.raises(TypeError):
        LogisticRegression().fit()
    assert [(fit.status, fit.error.name if fit.error else "") for fit in fits()] == [
        ("failed", "RuntimeError"), ("failed", "InvalidParameterError"), ("failed", "TypeError"),
    ]  # fmt: skip


def test_secrets_in_parameters_names_and_messages_stay_out_of_the_store() -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"

    class Calling(BaseEstimator):
        def __init__(self, token: str = "", long: str = "") -> None:
            self.token, self.long = token, long

        def __getstate__(self) -> Any:
            raise RuntimeError("x " * 90 + token)

        def fit(self, x: Any) -> Calling:
            self.seen_ = token
            return self

    Calling(token, "x " * 240 + token).fit(X_TRAIN)
    (fit,) = fits()
    assert "masked" in fit.params["token"]
    here.ended()
    for path in Path(".nbops").rglob("*"):
        assert not path.is_file() or token[:20].encode() not in path.read_bytes()


def test_an_interrupted_fit_says_so() -> None:
    class Slow(BaseEstimator):
        def fit(self, x: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Slow().fit(X_TRAIN)
    assert fits()[0].status == "interrupted"


INPUTS: dict[str, tuple[Callable[[], Any], list[int], bool]] = {
    "array": (lambda: X_TRAIN.to_numpy(), [80, 4], True),
    "list": (lambda: X_TRAIN.to_numpy().tolist(), [80, 4], True),
    "sparse": (lambda: sparse.csr_matrix(X_TRAIN.to_numpy()), [80, 4], True),
    "Fortran order": (lambda: np.asfortranarray(X_TRAIN.to_numpy()), [80, 4], True),
    "read-only": (lambda: np.broadcast_to(X_TRAIN.to_numpy()[:, :1], (80, 3)), [80, 3], True),
}


@pytest.mark.parametrize(("make", "shape", "is_read"), INPUTS.values(), ids=INPUTS)
def test_every_kind_of_table_is_described(make: Callable[[], Any], shape: list[int], is_read: bool) -> None:
    LogisticRegression().fit(y=Y_TRAIN.tolist(), X=make())
    (fit,) = fits()
    assert fit.x is not None
    assert fit.y is not None
    assert (fit.x.shape, fit.y.shape) == (shape, [80])
    assert (fit.x.dataset_id is not None) is is_read
    assert fit.y.dataset_id is not None


def test_a_generator_is_left_to_the_fit() -> None:
    model = CountVectorizer().fit(text for text in ("one two", "two three"))
    assert sorted(model.vocabulary_) == ["one", "three", "two"]
    (fit,) = fits()
    assert fit.x is not None
    assert (fit.x.type, fit.x.shape, fit.x.dataset_id) == ("generator", [], None)


def test_equal_data_is_one_dataset_and_an_equal_model_one_blob() -> None:
    LinearRegression().fit(X_TRAIN, Y_TRAIN)
    assert here.session().autologger.wait()
    LinearRegression().fit(X_TRAIN.copy(), Y_TRAIN)
    first, second = fits()
    assert first.x is not None
    assert second.x is not None
    assert (first.x.dataset_id, first.model_digest) == (second.x.dataset_id, second.model_digest)


def test_data_is_named_as_it_was_when_it_was_fitted() -> None:
    array, frame = X_TRAIN.to_numpy().copy(), X_TRAIN.copy()
    LinearRegression().fit(array, Y_TRAIN)
    LinearRegression().fit(frame, Y_TRAIN)
    array[:] = 0
    frame["a"] = 0
    frame.loc[:, "b"] = 0
    from nbops.data import fingerprint

    with open_store(load_settings()) as store:
        found = [store.get(Dataset, fit.x.dataset_id).fingerprint for fit in fits() if fit.x and fit.x.dataset_id]
    assert found == [fingerprint(X_TRAIN.to_numpy()).digest, fingerprint(X_TRAIN).digest]


def test_batches_of_one_estimator_are_one_fit() -> None:
    model = SGDClassifier(random_state=0)
    for start in range(0, 80, 20):
        model.partial_fit(X_TRAIN[start : start + 20], Y_TRAIN[start : start + 20], classes=[0, 1])
    (fit,) = fits()
    assert (fit.method, fit.calls) == ("partial_fit", 4)
    assert fit.x is not None
    assert fit.x.shape == [80, 4]
    assert np.array_equal(nbops.load_model(fit.id).coef_, model.coef_)


def test_a_large_model_is_kept_when_it_stays_as_it_is_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    from nbops.capture.autolog import listening

    monkeypatch.setattr(listening, "SMALL", 1_000)
    model = RandomForestClassifier(5, random_state=0)
    keeper = here.session().autologger.listening.keeper
    with keeper._news:  # the thread waits while the lock is held
        model.fit(X_TRAIN, Y_TRAIN)
        changed = RandomForestClassifier(5, random_state=0).fit(X_TRAIN, Y_TRAIN)
        changed.estimators_.pop()
        RandomForestClassifier(5, random_state=0).fit(X_TRAIN, Y_TRAIN)
        gc.collect()
    kept, altered, gone = fits()
    assert np.array_equal(nbops.load_model(kept.id).predict_proba(X_TEST), model.predict_proba(X_TEST))
    assert (altered.model_digest, altered.notes) == (None, ["the model was changed before it could be kept"])
    assert (gone.model_digest, gone.notes) == (None, ["the model was gone before it could be kept"])
    with pytest.raises(nbops.errors.NotFoundError, match="was gone before"):
        nbops.load_model(gone.id)


def test_models_of_one_run_stay_within_the_limit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here.ended()
    monkeypatch.setenv("NBOPS_AUTOLOG_MODEL_BYTES", "1500")
    nbops.autolog()
    for c in (0.1, 1.0, 10.0):
        LogisticRegression(C=c).fit(X_TRAIN, Y_TRAIN)
    found = fits()
    assert [fit.model_digest is not None for fit in found] == [True, False, False]
    assert found[1].notes == ["the model is not kept: this run has 1,500 bytes of models (autolog_model_bytes)"]


def test_a_model_that_cannot_be_pickled_is_logged_without_its_bytes() -> None:
    class Holding(BaseEstimator):
        def fit(self, x: Any) -> Holding:
            self.lock_ = threading.Lock()
            return self

    Holding().fit(X_TRAIN)
    (fit,) = fits()
    assert fit.model_digest is None
    assert "cannot be pickled" in fit.notes[0]


def test_a_loop_of_a_thousand_fits_keeps_nothing_alive_and_the_store_small() -> None:
    small, answers = X_TRAIN.to_numpy()[:20], Y_TRAIN.to_numpy()[:20]
    resample = np.random.default_rng(0)
    for _ in range(1_000):
        chosen = resample.integers(0, 20, 20)
        LinearRegression().fit(small[chosen], answers[chosen])
    found = fits()
    autologger = here.session().autologger
    assert len(found) == 1_000
    assert len(autologger.listening.memory._estimators) == 0
    assert len(autologger.listening.keeper._waiting) == 0
    with open_store(load_settings()) as store:
        assert store.count(Dataset) <= 100
    size = sum(path.stat().st_size for path in Path(".nbops").rglob("*") if path.is_file())
    assert size < 20_000_000


SWITCHES: dict[str, Callable[[Any], Any]] = {
    "block": lambda fit: _in_block(fit),
    "call": lambda fit: nbops.autolog(False)(fit)(X_TRAIN, Y_TRAIN),
    "decorated": lambda fit: _decorated(fit),
}


def _in_block(fit: Any) -> None:
    with nbops.autolog(False):
        with nbops.autolog(True):
            pass
        fit(X_TRAIN, Y_TRAIN)


@nbops.autolog(False)
def _decorated(fit: Any) -> None:
    fit(X_TRAIN, Y_TRAIN)


@pytest.mark.parametrize("switch", SWITCHES.values(), ids=SWITCHES)
def test_it_is_switched_off_for_a_block_a_call_and_a_function(switch: Callable[[Any], Any]) -> None:
    switch(LinearRegression().fit)
    assert fits() == []
    LinearRegression().fit(X_TRAIN, Y_TRAIN)
    assert len(fits()) == 1


def test_it_is_switched_off_for_the_session_and_on_again() -> None:
    nbops.autolog(False)
    model = LinearRegression().fit(X_TRAIN, Y_TRAIN)
    assert fits() == []
    nbops.autolog()
    model.fit(X_TRAIN, Y_TRAIN)
    assert len(fits()) == 1


def test_the_setting_switches_it_off_and_a_call_on(monkeypatch: pytest.MonkeyPatch) -> None:
    here.ended()
    monkeypatch.setenv("NBOPS_AUTOLOG", "false")
    nbops.log_metric("begin", 1)
    LinearRegression().fit(X_TRAIN, Y_TRAIN)
    assert "fit" in vars(LinearRegression)
    assert type(vars(LinearRegression)["fit"]) is type(logging_free_function)
    nbops.autolog()
    LinearRegression().fit(X_TRAIN, Y_TRAIN)
    assert len(fits()) == 1


def logging_free_function() -> None:
    """Stands for the type of a plain function."""


def test_threads_of_the_users_own_log_each_fit() -> None:
    def train(c: float) -> None:
        LogisticRegression(C=c).fit(X_TRAIN, Y_TRAIN)

    threads = [threading.Thread(target=train, args=(c,)) for c in (0.1, 0.2, 0.3, 0.4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fit.params["C"] for fit in fits()) == [0.1, 0.2, 0.3, 0.4]


def test_a_forked_child_logs_nothing_and_hangs_nowhere() -> None:
    LinearRegression().fit(X_TRAIN, Y_TRAIN)
    child = os.fork()
    if child == 0:
        LinearRegression().fit(X_TRAIN, Y_TRAIN)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert len(fits()) == 1


def test_other_libraries_are_logged_as_scikit_learns_own() -> None:
    import lightgbm
    import xgboost

    xgboost.XGBClassifier(n_estimators=3, max_depth=2).fit(X_TRAIN, Y_TRAIN)
    booster = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(X_TRAIN, Y_TRAIN)
    accuracy_score(Y_TEST, booster.predict(X_TEST))
    found = fits()
    assert [fit.type_name for fit in found] == ["xgboost.sklearn.XGBClassifier", "lightgbm.sklearn.LGBMClassifier"]
    assert [fit.params["n_estimators"] for fit in found] == [3, 3]
    assert [len(fit.scores) for fit in found] == [0, 1]
    assert all(fit.model_digest for fit in found)


class Duck:
    """Follows the style without any base class of scikit-learn's."""

    def __init__(self, shift: float = 0.0) -> None:
        self.shift = shift

    def get_params(self) -> dict[str, Any]:
        return {"shift": self.shift, "odd": Odd()}

    def fit(self, x: Any, y: Any) -> Duck:
        self.mean_ = float(np.mean(y)) + self.shift
        return self

    def predict(self, x: Any) -> Any:
        return np.full(len(x), self.mean_)


class Odd:
    def __repr__(self) -> str:
        raise AssertionError("nobody asks for this text")


def test_a_class_of_ones_own_is_logged_by_its_style_alone() -> None:
    model = Duck(0.5).fit(X_TRAIN, Y_TRAIN)
    mean_squared_error(Y_TEST, model.predict(X_TEST))
    (fit,) = fits()
    assert fit.params == {"shift": 0.5, "odd": "Odd"}
    assert fit.fitted == {"mean_": model.mean_}
    assert [score.name for score in fit.scores] == ["mean_squared_error"]


def test_an_estimator_whose_own_methods_fail_is_logged_all_the_same() -> None:
    class Hostile(BaseEstimator):
        def get_params(self, deep: bool = True) -> dict[str, Any]:
            raise RuntimeError("not now")

        def __getstate__(self) -> Any:
            raise RuntimeError("not this")

        def fit(self, x: Any) -> Hostile:
            return self

    for _ in range(5):
        Hostile().fit(X_TRAIN)
    assert [fit.params for fit in fits()] == [{}] * 5


def test_classes_signatures_and_pickles_are_as_without_it() -> None:
    method = LogisticRegression().fit
    assert inspect.isfunction(LogisticRegression.fit)
    assert [*inspect.signature(method).parameters] == ["X", "y", "sample_weight"]
    assert inspect.getsource(method) == inspect.getsource(LogisticRegression.fit)
    assert (method.__name__, method.__qualname__) == ("fit", "LogisticRegression.fit")
    assert isinstance(clone(LogisticRegression(C=3)), LogisticRegression)
    assert b"nbops" not in pickle.dumps(LogisticRegression().fit(X_TRAIN, Y_TRAIN))
    assert pickle.loads(pickle.dumps(accuracy_score)) is accuracy_score
    assert [*inspect.signature(accuracy_score).parameters][:2] == ["y_true", "y_pred"]
    search = GridSearchCV(LogisticRegression(), {})
    assert hasattr(search, "predict_proba")
    assert not hasattr(GridSearchCV(LinearRegression(), {}), "predict_proba")


def test_a_class_that_is_pickled_by_value_takes_nothing_of_nbops_along() -> None:
    space: dict[str, Any] = {"__name__": "__main__", "BaseEstimator": BaseEstimator, "ClassifierMixin": ClassifierMixin}
    exec("class Mine(ClassifierMixin, BaseEstimator):\n    def fit(self, X, y):\n        return self", space)
    by_value = cloudpickle.dumps(space["Mine"])
    assert b"nbops" not in by_value
    assert inspect.isfunction(vars(pickle.loads(by_value))["fit"])


def test_everything_is_taken_out_again_when_the_session_ends() -> None:
    assert not inspect.isfunction(vars(LogisticRegression)["fit"])
    here.ended()
    assert inspect.isfunction(vars(LogisticRegression)["fit"])
    assert not any("autolog" in type(finder).__module__ for finder in sys.meta_path)
    assert type(__build_class__) is type(len)
    inner = next(cell.cell_contents for cell in accuracy_score.__closure__ if callable(cell.cell_contents))
    assert inner is accuracy_score.__wrapped__


def test_a_failure_of_ours_never_reaches_the_user(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nbops.capture.autolog import describe

    def broken(*_: Any) -> None:
        raise OSError("gone")

    monkeypatch.setattr(describe, "seen", broken)
    for _ in range(4):
        assert LinearRegression().fit(X_TRAIN, Y_TRAIN).coef_.shape == (4,)
    assert capsys.readouterr().err.count("autologging switched itself off") == 1


def test_a_model_whose_fit_was_logged_needs_no_sample(project: Path) -> None:
    frame = X_TRAIN.copy()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, Y_TRAIN)
    whole = nbops.log_model(model, name="churn")
    assert [(column.name, column.minimum) for column in whole.signature.columns] == [
        (name, X_TRAIN[name].min()) for name in "abcd"
    ]
    del frame
    gc.collect()
    from_rows = nbops.log_model(model, name="churn")
    assert from_rows.signature == whole.signature
    assert from_rows.profile_digest is not None
    assert whole.fit_id == fits()[0].id


def test_a_step_of_a_pipeline_does_not_pass_for_the_pipeline() -> None:
    columns = ColumnTransformer([("num", StandardScaler(), ["a", "b"])])
    model = make_pipeline(columns, LogisticRegression()).fit(X_TRAIN, Y_TRAIN)
    search = GridSearchCV(model, {}, cv=2).fit(X_TRAIN, Y_TRAIN)
    from nbops.capture.autolog import sample_of

    assert sample_of(model) is X_TRAIN
    assert sample_of(model[-1]) is None
    assert sample_of(search.best_estimator_) is X_TRAIN
    assert sample_of(LinearRegression()) is None


def test_fits_of_a_run_and_of_its_parts_are_listed_and_shown(project: Path) -> None:
    from nbops.views import bundle_of
    from nbops.workspace import Workspace

    LinearRegression().fit(X_TRAIN, Y_TRAIN)
    with nbops.run("part"):
        model = LogisticRegression(C=0.25).fit(X_TRAIN, Y_TRAIN)
        accuracy_score(Y_TEST, model.predict(X_TEST))
    root = here.session().root.id
    found = fits()
    with Workspace.opened(project) as workspace:
        assert [fit.id for fit in workspace.fits(root)] == [fit.id for fit in found]
        assert [fit.id for fit in workspace.fits(root, limit=1, offset=1)] == [found[1].id]
        page = bundle_of(workspace.show(root))["text/plain"]
        one = bundle_of(workspace.show(found[1].id))
    assert "LogisticRegression" in page
    assert "accuracy_score" in page
    assert "Y_TEST" in one["text/plain"]
    assert "0.25" in one["text/html"]


def test_a_deleted_run_takes_its_fits_along() -> None:
    with nbops.run("gone") as active:
        LinearRegression().fit(X_TRAIN, Y_TRAIN)
    assert len(fits(run_id=active.id)) == 1
    with open_store(load_settings()) as store:
        store.delete(Run, active.id)
    assert fits(run_id=active.id) == []


def test_a_model_with_names_that_nobody_knows_is_not_loaded() -> None:
    LinearRegression().fit(X_TRAIN, Y_TRAIN)
    (fit,) = fits()
    hostile = pickle.dumps(operator.attrgetter("x")).replace(b"_operator", b"posixxxxx")
    with open_store(load_settings()) as store:
        store.update(Fit, fit.id, model_digest=Blobs(load_settings().blobs).put(hostile))
    with pytest.raises(nbops.errors.BundleError, match="does not define"):
        nbops.load_model(fit.id)

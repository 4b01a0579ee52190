"""Trees of XGBoost and LightGBM answer without their library: bit for bit as plans, and within tolerance as graphs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nbops.bundle.evidence import Evidence, gather
from nbops.bundle.export import NoExportError, export
from nbops.bundle.ladder import prove
from nbops.bundle.plan_parts import NoPlanError
from nbops.bundle.plans import plan_of
from nbops.data import signature_of
from nbops_serving.plan import CompiledPlan, read_plan, write_plan
from nbops_serving.rungs import Onnx

ROWS = 800
QUIET = {"verbose": -1, "n_jobs": 1}


@pytest.fixture(scope="module")
def numbers() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({f"n{place}": rng.normal(size=ROWS) for place in range(4)})
    frame.loc[rng.random(ROWS) < 0.1, "n1"] = np.nan
    return frame.assign(count=rng.integers(0, 50, ROWS))


@pytest.fixture(scope="module")
def categories(numbers: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    city = pd.Categorical(rng.choice(list("abcdefghij"), ROWS))
    frame = numbers.assign(city=city, unused=pd.Categorical(rng.choice(list("xyz"), ROWS)))
    frame.loc[rng.random(ROWS) < 0.05, "city"] = np.nan
    return frame


@pytest.fixture(scope="module")
def texts(numbers: pd.DataFrame) -> pd.DataFrame:
    return numbers.assign(city=np.random.default_rng(7).choice([f"c{place}" for place in range(30)], ROWS))


def two(frame: pd.DataFrame) -> Any:
    return (frame.n0 + frame.n1.fillna(0) + (frame["count"] > 25) > 0.3).astype(int).to_numpy()


def named(frame: pd.DataFrame) -> Any:
    return np.where(two(frame) > 0, "yes", "no")


def three(frame: pd.DataFrame) -> Any:
    return two(frame) + (frame.n2 > 0).to_numpy()


def positive(frame: pd.DataFrame) -> Any:
    return np.exp(frame.n0 + 0.1 * frame.n2).to_numpy()


def by_city(frame: pd.DataFrame) -> Any:
    return (frame.city.isin(list("acf")) ^ (frame.n0 > 0)).astype(int).to_numpy()


def encoded(model: Any) -> Any:
    """Behind a sparse matrix, in which XGBoost takes zeros for missing and LightGBM does not."""
    columns = (StandardScaler(), ["n0", "n2"]), (OneHotEncoder(handle_unknown="ignore"), ["city"])
    return make_pipeline(make_column_transformer(*columns, sparse_threshold=1.0), model)


XGB_CAT = {"n_estimators": 15, "enable_categorical": True, "n_jobs": 1}
NUMERIC = [
    pytest.param(lambda: xgboost.XGBClassifier(n_estimators=20), two, id="xgboost, two classes"),
    pytest.param(lambda: xgboost.XGBClassifier(n_estimators=8), three, id="xgboost, three classes"),
    pytest.param(lambda: xgboost.XGBRFClassifier(n_estimators=10), two, id="xgboost, a random forest"),
    pytest.param(lambda: xgboost.XGBRegressor(n_estimators=20), positive, id="xgboost, a number"),
    pytest.param(
        lambda: xgboost.XGBRegressor(objective="count:poisson", n_estimators=10), positive, id="xgboost, counts"
    ),
    pytest.param(
        lambda: xgboost.XGBRegressor(objective="reg:quantileerror", quantile_alpha=0.3, n_estimators=10),
        positive,
        id="xgboost, a quantile",
    ),
    pytest.param(lambda: lightgbm.LGBMClassifier(n_estimators=20, **QUIET), named, id="lightgbm, two classes"),
    pytest.param(lambda: lightgbm.LGBMClassifier(n_estimators=8, **QUIET), three, id="lightgbm, three classes"),
    pytest.param(
        lambda: lightgbm.LGBMClassifier(n_estimators=8, boosting_type="dart", **QUIET), two, id="lightgbm, dart"
    ),
    pytest.param(lambda: lightgbm.LGBMRegressor(n_estimators=20, **QUIET), positive, id="lightgbm, a number"),
    pytest.param(
        lambda: lightgbm.LGBMRegressor(objective="poisson", n_estimators=10, **QUIET), positive, id="lightgbm, counts"
    ),
]


def fitted(model: Any, frame: pd.DataFrame, target: Any) -> tuple[Any, Evidence]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LightGBM says of each encoded frame that it has no names
        model.fit(frame, target)
        return model, gather(model, frame, signature_of(frame, model=model))


def planned(model: Any, frame: pd.DataFrame, known: Evidence) -> CompiledPlan:
    return CompiledPlan(read_plan(write_plan(plan_of(model, signature_of(frame, model=model), known.dtypes))))


@pytest.mark.parametrize(("make", "target"), NUMERIC)
def test_a_booster_answers_from_a_plan_and_from_a_graph_as_itself(
    make: Callable[[], Any], target: Callable[..., Any], numbers: pd.DataFrame
) -> None:
    model, known = fitted(make(), numbers, target(numbers))
    assert prove(planned(model, numbers, known), known, tolerance=1e-15, single=True) <= 1e-15
    signature = signature_of(numbers, model=model)
    graph = Onnx(export(model, signature, name="m"), signature, has_probabilities=bool(known.answers.probabilities))
    prove(graph, known, tolerance=1e-5, single=True)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: xgboost.XGBClassifier(**XGB_CAT), id="xgboost"),
        pytest.param(
            lambda: xgboost.XGBClassifier(**XGB_CAT, max_cat_to_onehot=20), id="xgboost, one against the rest"
        ),
        pytest.param(lambda: lightgbm.LGBMClassifier(n_estimators=15, **QUIET), id="lightgbm"),
        pytest.param(
            lambda: HistGradientBoostingClassifier(max_iter=15, categorical_features="from_dtype"), id="scikit-learn"
        ),
    ],
)
def test_splits_by_categories_are_looked_up(make: Callable[[], Any], categories: pd.DataFrame) -> None:
    model, known = fitted(make(), categories, by_city(categories))
    assert prove(planned(model, categories, known), known, tolerance=0.0, single=True) == 0.0
    assert any("a value nobody has seen" in row for row in known.edges)


def test_a_split_between_missing_and_all_other_numbers_is_no_leaf(categories: pd.DataFrame) -> None:
    told = (categories.n1.isna() ^ categories.city.isin(list("acf"))).to_numpy()
    model, known = fitted(
        HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype"), categories, told
    )
    nodes = [predictor.nodes for [predictor] in model._predictors]
    assert any(np.isinf(each["num_threshold"][each["is_leaf"] == 0]).any() for each in nodes)
    assert prove(planned(model, categories, known), known, tolerance=0.0, single=True) == 0.0


def test_splits_by_categories_have_no_graph(categories: pd.DataFrame) -> None:
    model, _ = fitted(xgboost.XGBClassifier(**XGB_CAT), categories, by_city(categories))
    with pytest.raises(NoExportError, match="XGBClassifier that takes categories as they are"):
        export(model, signature_of(categories, model=model), name="m")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: xgboost.XGBClassifier(n_estimators=10), id="xgboost"),
        pytest.param(lambda: lightgbm.LGBMClassifier(n_estimators=10, **QUIET), id="lightgbm"),
    ],
)
def test_zeros_of_a_sparse_matrix_are_what_the_library_takes_them_for(
    make: Callable[[], Any], texts: pd.DataFrame
) -> None:
    model, known = fitted(encoded(make()), texts, two(texts))
    assert prove(planned(model, texts, known), known, tolerance=0.0, single=True) == 0.0


def test_a_plain_booster_of_either_library_has_a_plan(numbers: pd.DataFrame) -> None:
    options = {"objective": "binary:logistic", "nthread": 1}
    for model in (
        xgboost.train(options, xgboost.DMatrix(numbers, two(numbers)), 5),
        lightgbm.train({"objective": "binary", **QUIET}, lightgbm.Dataset(numbers, two(numbers)), 5),
    ):
        known = gather(model, numbers, signature_of(numbers, model=model))
        assert prove(planned(model, numbers, known), known, tolerance=0.0, single=True) == 0.0


def test_only_the_trees_up_to_the_best_one_answer(numbers: pd.DataFrame) -> None:
    kept, seen = numbers.iloc[:600], numbers.iloc[600:]
    noisy = np.random.default_rng(8).permutation(two(kept))
    model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=2)
    model.fit(kept, noisy, eval_set=[(seen, two(seen))], verbose=False)
    known = gather(model, numbers, signature_of(numbers, model=model))
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    assert prove(planned(model, numbers, known), known, tolerance=0.0, single=True) == 0.0


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        pytest.param(xgboost.XGBClassifier(n_estimators=2, booster="dart"), "dart", id="xgboost, dart"),
        pytest.param(xgboost.XGBClassifier(n_estimators=2, missing=-1.0), "missing", id="xgboost, another marker"),
        pytest.param(lightgbm.LGBMRegressor(n_estimators=2, linear_tree=True, **QUIET), "linear", id="linear trees"),
        pytest.param(
            lightgbm.LGBMClassifier(n_estimators=2, boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, **QUIET),
            "averaged",
            id="averaged trees",
        ),
        pytest.param(
            lightgbm.LGBMClassifier(n_estimators=2, zero_as_missing=True, **QUIET), "zero", id="zero for missing"
        ),
    ],
)
def test_what_is_no_plain_sum_of_trees_has_neither_plan_nor_graph(
    model: Any, reason: str, numbers: pd.DataFrame
) -> None:
    model.fit(numbers, two(numbers))
    signature = signature_of(numbers, model=model)
    with pytest.raises(NoPlanError, match=reason):
        plan_of(model, signature)
    with pytest.raises(NoExportError, match=reason):
        export(model, signature, name="m")


def test_a_served_booster_needs_nothing_of_its_library(shop: Any, numbers: pd.DataFrame) -> None:
    model = xgboost.XGBClassifier(n_estimators=5).fit(numbers, two(numbers))
    bundle = shop.pack(shop.register(model, numbers))
    assert bundle.rung == "plan"
    assert not any(pin.startswith(("xgboost", "scikit-learn")) for pin in bundle.requirements)

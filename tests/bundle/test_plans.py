"""Plans answer as the pipeline does: to the last bit, on training rows and at the edges."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from nbops.bundle.evidence import UNSEEN
from nbops.bundle.plan_parts import NoPlanError
from nbops.bundle.plans import plan_of
from nbops.data import signature_of
from nbops_serving.manifest import Dtype
from nbops_serving.plan import CompiledPlan, RefusedRowError, read_plan, write_plan

NUMBERS = ["n0", "n1", "n2", "n3"]
CATEGORIES = ["city", "plan"]


def plain() -> Any:
    return make_column_transformer((StandardScaler(), NUMBERS), (OneHotEncoder(handle_unknown="ignore"), CATEGORIES))


def dense() -> Any:
    return make_column_transformer(
        (StandardScaler(), NUMBERS), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES)
    )


def imputed() -> Any:
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median", add_indicator=True), RobustScaler()), NUMBERS),
        (
            make_pipeline(
                SimpleImputer(strategy="most_frequent"),
                OneHotEncoder(
                    handle_unknown="infrequent_if_exist", min_frequency=90, drop="first", sparse_output=False
                ),
            ),
            CATEGORIES,
        ),
    )


def mostly_zero() -> Any:
    return make_column_transformer((OneHotEncoder(handle_unknown="ignore"), CATEGORIES), sparse_threshold=1.0)


def ordinal() -> Any:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_column_transformer((encoder, CATEGORIES), remainder="passthrough")


def chosen() -> Any:
    log = FunctionTransformer(np.square)
    return make_column_transformer(
        (make_pipeline(MinMaxScaler(clip=True), log), ["n0", "n1"]), (MaxAbsScaler(), ["n2"]), ("drop", CATEGORIES),
        remainder="passthrough",
    )  # fmt: skip


EXACT = [
    pytest.param(plain, LogisticRegression(), "two", "whole", id="logistic regression"),
    pytest.param(dense, LogisticRegression(), "three", "whole", id="multinomial logistic regression"),
    pytest.param(mostly_zero, LogisticRegression(), "two", "whole", id="sparse one-hot"),
    pytest.param(imputed, LogisticRegression(), "two", "holes", id="imputed, rare categories joined"),
    pytest.param(chosen, LogisticRegression(), "two", "whole", id="functions, clipping, dropped columns"),
    pytest.param(dense, SGDClassifier(loss="log_loss", random_state=0), "three", "whole", id="one against the rest"),
    pytest.param(dense, RidgeClassifier(), "three", "whole", id="ridge classifier"),
    pytest.param(dense, LinearSVC(), "two", "whole", id="linear support vectors"),
    pytest.param(dense, LinearRegression(), "number", "whole", id="linear regression"),
    pytest.param(imputed, Ridge(), "number", "holes", id="ridge"),
    pytest.param(dense, ElasticNet(), "number", "whole", id="elastic net"),
    pytest.param(dense, DecisionTreeClassifier(random_state=0), "three", "whole", id="tree"),
    pytest.param(
        ordinal, DecisionTreeRegressor(random_state=0), "number", "holes", id="regression tree, missing values"
    ),
    pytest.param(plain, RandomForestClassifier(20, random_state=0, n_jobs=2), "three", "whole", id="forest"),
    pytest.param(ordinal, RandomForestClassifier(20, random_state=0), "two", "holes", id="forest, missing values"),
    pytest.param(ordinal, RandomForestRegressor(20, random_state=0), "number", "whole", id="regression forest"),
    pytest.param(dense, ExtraTreesClassifier(20, random_state=0), "two", "whole", id="extra trees"),
    pytest.param(dense, ExtraTreesRegressor(20, random_state=0), "number", "whole", id="regression extra trees"),
    pytest.param(ordinal, HistGradientBoostingClassifier(max_iter=20), "two", "holes", id="boosting"),
    pytest.param(ordinal, HistGradientBoostingClassifier(max_iter=10), "three", "holes", id="boosting, three classes"),
    pytest.param(ordinal, HistGradientBoostingRegressor(max_iter=20), "number", "holes", id="boosting regression"),
    pytest.param(dense, GradientBoostingClassifier(n_estimators=10), "two", "whole", id="gradient boosting"),
    pytest.param(dense, GradientBoostingClassifier(n_estimators=5), "three", "whole", id="gradient boosting, three"),
    pytest.param(
        dense,
        GradientBoostingRegressor(n_estimators=10, loss="huber"),
        "number",
        "whole",
        id="gradient boosting regression",
    ),
    pytest.param(dense, LinearDiscriminantAnalysis(), "three", "whole", id="linear discriminant"),
    pytest.param(
        plain, GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2), "two", "whole", id="the best of a search"
    ),
]


@dataclass
class Case:
    """A fitted pipeline, its plan, and the rows it was fitted on."""

    pipeline: Pipeline
    plan: CompiledPlan
    frame: Any
    target: str
    rows: str
    has_edges: bool


@pytest.fixture(scope="module", params=[pytest.param(case.values, id=case.id) for case in EXACT])
def case(request: pytest.FixtureRequest, table: Any) -> Case:
    columns, model, target, rows = request.param
    frame = getattr(table, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = make_pipeline(columns(), model).fit(frame, getattr(table, target))
    return Case(pipeline, compiled(pipeline, frame), frame, target, rows, columns is not chosen)


def compiled(model: Any, frame: Any) -> CompiledPlan:
    plan = plan_of(model, signature_of(frame, model=model))
    return CompiledPlan(read_plan(write_plan(plan)))


def rows_of(frame: Any) -> list[tuple[Any, ...]]:
    return [tuple(None if value != value else value for value in row) for row in frame.itertuples(index=False)]


def test_single_rows_are_answered_to_the_last_bit(case):
    for place in range(12):
        row = case.frame.iloc[[place]]
        answer = case.plan.answer(rows_of(row))
        assert answer.predictions == case.pipeline.predict(row).tolist()
        if hasattr(case.pipeline, "predict_proba"):
            assert answer.probabilities == case.pipeline.predict_proba(row).tolist()


def test_many_rows_are_answered_alike(case):
    answer = case.plan.answer(rows_of(case.frame))
    expected = case.pipeline.predict(case.frame)
    if case.target == "number":
        np.testing.assert_allclose(answer.predictions, expected, rtol=1e-13)
    else:
        assert answer.predictions == expected.tolist()
    if hasattr(case.pipeline, "predict_proba"):
        shares = case.pipeline.predict_proba(case.frame)
        np.testing.assert_allclose(answer.probabilities, shares, rtol=1e-13, atol=1e-15)


def test_rows_at_the_edges_are_answered_alike(case):
    if not case.has_edges:
        return  # it drops the columns that have edges
    edges = case.frame.head(6).copy()
    edges.loc[0, "city"] = UNSEEN
    edges.loc[1, "plan"] = UNSEEN
    edges.loc[2, NUMBERS] = [1e9, -1e9, 0.0, 1e-300]
    edges.loc[3, NUMBERS] = edges.loc[4, NUMBERS]
    if case.rows == "holes":
        edges.loc[4, [*NUMBERS, *CATEGORIES]] = None
        edges.loc[5, ["n0", "city"]] = None
    for place in range(len(edges)):
        row = edges.iloc[[place]]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = case.pipeline.predict(row).tolist()
        except ValueError:
            continue  # it has no answer for a missing value that training never saw; such rows are refused before
        assert case.plan.answer(rows_of(row)).predictions == expected


def test_a_category_that_the_pipeline_refuses_is_refused(table):
    columns = make_column_transformer((OneHotEncoder(), CATEGORIES), (StandardScaler(), NUMBERS))
    pipeline = make_pipeline(columns, LogisticRegression()).fit(table.whole, table.two)
    row = table.whole.head(1).assign(city="Mars")
    with pytest.raises(ValueError, match="unknown categories"):
        pipeline.predict(row)
    with pytest.raises(RefusedRowError):
        compiled(pipeline, table.whole).answer(rows_of(row))


def test_a_score_of_exactly_zero_means_the_class_that_it_means_to_the_model():
    values, target = np.array([[0.0], [0.0], [1.0], [1.0]]), [0, 1, 0, 1]
    model = GradientBoostingClassifier(n_estimators=1, max_depth=1).fit(values, target)
    assert model.decision_function(values).tolist() == [0.0] * 4
    assert compiled(model, values).answer([(0.0,)]).predictions == model.predict([[0.0]]).tolist()


def test_a_value_that_a_column_of_categories_cannot_hold_counts_as_missing(table):
    frame = table.holes.astype({"city": "category"})
    pipeline = make_pipeline(imputed(), LogisticRegression()).fit(frame, table.two)
    dtypes = [Dtype(name=str(dtype)) for dtype in frame.dtypes]
    plan = CompiledPlan(plan_of(pipeline, signature_of(frame, model=pipeline), dtypes))
    row = frame.head(1).assign(city=pd.Categorical([None], categories=frame["city"].cat.categories))
    asked = rows_of(frame.head(1).astype(object).assign(city=UNSEEN))
    assert plan.answer(asked).probabilities == pipeline.predict_proba(row).tolist()


def test_columns_are_found_by_place_by_mask_and_by_selection(table):
    numbers = table.whole[NUMBERS]
    columns = make_column_transformer(
        (StandardScaler(), [0, -1]), (MinMaxScaler(), np.array([False, True, False, False])), remainder="passthrough"
    )
    steps = (columns, VarianceThreshold(), SelectKBest(k=2), LogisticRegression())
    pipeline = make_pipeline(*steps).fit(numbers, table.two)
    answer = compiled(pipeline, numbers).answer(rows_of(numbers.head(1)))
    assert answer.probabilities == pipeline.predict_proba(numbers.head(1)).tolist()


def test_the_same_pipeline_gives_the_same_bytes(table):
    frame = table.whole
    pipeline = make_pipeline(plain(), RandomForestClassifier(5, random_state=0)).fit(frame, table.two)
    signature = signature_of(frame, model=pipeline)
    assert write_plan(plan_of(pipeline, signature)) == write_plan(plan_of(pipeline, signature))


class OwnScaler(StandardScaler):
    """Computes something else than the class it derives from."""

    def transform(self, X: Any, copy: bool | None = None) -> Any:  # noqa: N803 - scikit-learn's word
        return super().transform(X, copy) * 2


@pytest.mark.parametrize(
    "steps",
    [
        (StandardScaler(), SVC()),
        (PolynomialFeatures(), RidgeClassifier()),
        (OwnScaler(), LogisticRegression()),
        (FunctionTransformer(lambda values: values * 2), LogisticRegression()),
        (GradientBoostingClassifier(n_estimators=2, init=GaussianNB()),),
    ],
    ids=["support vectors", "polynomials", "a class of one's own", "a function of one's own", "a start of one's own"],
)
def test_what_a_plan_does_not_know_has_none(steps, table):
    numbers = table.whole[NUMBERS]
    pipeline = make_pipeline(*steps).fit(numbers, table.two)
    with pytest.raises(NoPlanError):
        plan_of(pipeline, signature_of(numbers, model=pipeline))

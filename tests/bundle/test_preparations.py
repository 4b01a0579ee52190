"""The estimator is given what its pipeline would give it, without the pipeline: or the pipeline is called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OutputCodeClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, RobustScaler, StandardScaler
from sklearn.svm import SVR

from nbops.bundle import pack
from nbops.bundle.evidence import gather
from nbops.bundle.preparations import preparation_of
from nbops.data import signature_of
from nbops_serving.answers import RefusedRowError
from nbops_serving.bundle import OpenBundle, open_bundle
from nbops_serving.preparation import PREPARATION_FILE, read_preparation
from nbops_serving.rungs import open_rung
from nbops_serving.table import Coded, Table

NUMBERS = ["n0", "n1", "n2", "n3"]
CATEGORIES = ["city", "plan"]


def mixed(*, sparse: bool = False, unknown: str = "ignore") -> Any:
    """Numbers with holes scaled, categories encoded."""
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        (OneHotEncoder(handle_unknown=unknown, sparse_output=sparse), CATEGORIES),
        sparse_threshold=1.0,
    )


def packed(shop: Any, model: Any, sample: Any) -> OpenBundle:
    version = shop.register(model, sample)
    bundle = pack(version, store=shop.store, blobs=shop.blobs, root=shop.root, rung="original")
    return open_bundle(bundle.path, digest=bundle.digest)


def layout_of(bundle: OpenBundle) -> str:
    return read_preparation(bundle.read(PREPARATION_FILE)).layout


def rows_of(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [
        tuple(None if value != value else value for value in row) for row in frame.itertuples(index=False, name=None)
    ]


KINDS = [
    pytest.param(mixed(), OutputCodeClassifier(LogisticRegression(), random_state=0), "rows", id="dense"),
    pytest.param(mixed(sparse=True), KNeighborsClassifier(), "sparse", id="sparse"),
    pytest.param(
        mixed(),
        GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [3, 5]}, cv=2),
        "rows",
        id="a search as the last step",
    ),
    pytest.param(mixed(), make_pipeline(PCA(3), KNeighborsClassifier()), "rows", id="a pipeline as the last step"),
]


@pytest.mark.parametrize(("first", "model", "layout"), KINDS)
def test_the_answers_are_the_pipelines_own(shop, table, first, model, layout):
    frame = table.holes[[*NUMBERS, *CATEGORIES]].assign(city=table.whole["city"], plan=table.whole["plan"])
    pipeline = make_pipeline(first, model).fit(frame, table.three)
    bundle = packed(shop, pipeline, frame)
    rung = open_rung(bundle)
    rows = rows_of(frame.head(40))

    assert layout_of(bundle) == layout
    assert rung.answer(rows).predictions == pipeline.predict(frame.head(40)).tolist()
    for place, row in enumerate(rows[:10]):
        answer = rung.answer([row])
        assert answer.predictions == pipeline.predict(frame.iloc[[place]]).tolist()
        if bundle.manifest.has_probabilities:
            assert answer.probabilities == pipeline.predict_proba(frame.iloc[[place]]).tolist()


def test_the_layout_in_memory_is_the_pipelines_too(shop, table):
    frame = table.whole[NUMBERS]
    model = make_pipeline(StandardScaler(), KNeighborsRegressor()).fit(frame, table.number)
    bundle = packed(shop, model, frame)
    given = model[:1].transform(frame)

    assert layout_of(bundle) == ("rows" if given.flags.c_contiguous else "columns")
    assert open_rung(bundle).answer(rows_of(frame)).predictions == model.predict(frame).tolist()


def test_steps_that_plans_do_not_know_are_called(shop, table):
    frame = table.whole[NUMBERS]
    model = make_pipeline(RobustScaler(), PolynomialFeatures(2), KNeighborsRegressor()).fit(frame, table.number)
    bundle = packed(shop, model, frame)

    assert read_preparation(bundle.read(PREPARATION_FILE)).replaces == 1
    assert open_rung(bundle).answer(rows_of(frame.head(9))).predictions == model.predict(frame.head(9)).tolist()


def test_the_best_of_a_search_over_pipelines_is_prepared(shop, table):
    frame = table.whole[[*NUMBERS, *CATEGORIES]]
    pipeline = make_pipeline(mixed(), KNeighborsRegressor())
    model = GridSearchCV(pipeline, {"kneighborsregressor__n_neighbors": [2, 4]}, cv=2).fit(frame, table.number)
    bundle = packed(shop, model, frame)

    assert PREPARATION_FILE in bundle.manifest.files
    assert open_rung(bundle).answer(rows_of(frame.head(9))).predictions == model.predict(frame.head(9)).tolist()


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        pytest.param(make_pipeline(PolynomialFeatures(2), KNeighborsRegressor()), NUMBERS, id="unknown first step"),
        pytest.param(KNeighborsRegressor(), NUMBERS, id="no pipeline"),
        pytest.param(
            make_pipeline(StandardScaler().set_output(transform="pandas"), KNeighborsRegressor()),
            NUMBERS,
            id="a frame between the steps",
        ),
    ],
)
def test_what_is_not_known_is_left_to_the_whole_pipeline(shop, table, model, columns):
    frame = table.whole[columns]
    bundle = packed(shop, model.fit(frame, table.number), frame)

    assert PREPARATION_FILE not in bundle.manifest.files
    assert open_rung(bundle).answer(rows_of(frame.head(9))).predictions == model.predict(frame.head(9)).tolist()


class Doubling(StandardScaler):
    """A scaler of somebody's own: its class says nothing about what it computes."""

    def transform(self, values: Any) -> Any:
        return 2 * super().transform(values)


def test_a_transformer_of_somebodys_own_is_called(table):
    frame = table.whole[NUMBERS]
    model = make_pipeline(Doubling(), KNeighborsRegressor()).fit(frame, table.number)
    signature = signature_of(frame, model=model)

    assert preparation_of(model, signature, gather(model, frame, signature)) is None


def test_batches_that_come_by_column_are_answered_alike(shop, table):
    frame = table.whole[[*NUMBERS, *CATEGORIES]].head(60)
    model = make_pipeline(mixed(), KNeighborsClassifier(3)).fit(frame, table.two[:60])
    columns: list[Any] = [frame[name].to_numpy() for name in NUMBERS]
    for name in CATEGORIES:
        texts = sorted(set(frame[name]))
        columns.append(Coded(np.array([texts.index(text) for text in frame[name]]), texts))

    answer = open_rung(packed(shop, model, frame)).answer(Table(columns, len(frame)))
    assert answer.predictions == model.predict(frame).tolist()
    assert answer.probabilities == model.predict_proba(frame).tolist()


def test_a_category_that_the_encoder_refuses_is_refused(shop, table):
    frame = table.whole[[*NUMBERS, *CATEGORIES]]
    model = make_pipeline(mixed(unknown="error"), KNeighborsRegressor()).fit(frame, table.number)
    rung = open_rung(packed(shop, model, frame))

    bad = (0.0, 0.0, 0.0, 0.0, "Atlantis", "a")
    for rows in ([bad], [*rows_of(frame.head(2)), bad]):
        with pytest.raises(RefusedRowError, match="has not seen"):
            rung.answer(rows)


def test_what_is_infinite_is_the_pipelines_to_refuse(shop, table):
    frame = table.whole[NUMBERS]
    model = make_pipeline(StandardScaler(), SVR()).fit(frame, table.number)
    rung = open_rung(packed(shop, model, frame))

    with pytest.raises(ValueError, match="Input X contains infinity"):
        rung.answer([(np.inf, 0.0, 0.0, 0.0)])


def test_what_has_no_logarithm_is_refused_by_the_estimator(shop, table):
    values = table.whole[NUMBERS].abs().to_numpy() + 1
    model = make_pipeline(FunctionTransformer(np.log), SVR()).fit(values, table.number)
    rung = open_rung(packed(shop, model, values))

    with pytest.raises(ValueError, match="contains NaN"):
        rung.answer([(-1.0, 1.0, 1.0, 1.0)])

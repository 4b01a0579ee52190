"""Models as people fit them: each is served with its own answers, and on the fastest rung that gives them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import StackingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import Lars, LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from nbops_serving.bundle import open_bundle
from nbops_serving.plan import RefusedRowError
from nbops_serving.rows import Reader
from nbops_serving.rungs import open_rung, predict_of

NUMBERS = ["n0", "n1", "n2", "n3"]
TEXTS = ["a fine film", "a dull film", "a fine plot", "dull", "fine", "what a dull plot"] * 5
LIKED = [int("fine" in text) for text in TEXTS]


def served(shop, model, sample, rows):
    """What the packed model answers to rows, and the rung it stands on."""
    bundle = shop.pack(shop.register(model, sample))
    opened = open_bundle(bundle.path, digest=bundle.digest)
    return opened.manifest.rung, open_rung(opened).answer(rows).predictions


@pytest.mark.parametrize(
    "sample",
    [pd.Series(TEXTS, name="review"), TEXTS, np.array(TEXTS), np.array(TEXTS, dtype=object)],
    ids=["Series", "list", "array", "array of objects"],
)
def test_a_text_pipeline_takes_texts_without_a_table(shop, sample):
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(sample, LIKED)
    long = "a film that is longer than any text of the training data, but fine"
    _, predictions = served(shop, model, sample, [("fine",), ("dull",), (long,)])
    assert predictions == model.predict(["fine", "dull", long]).tolist()


def test_a_model_of_a_plain_array_of_numbers_takes_numbers(shop):
    sample = np.linspace(0, 1, 50)
    model = IsotonicRegression(out_of_bounds="clip").fit(sample, sample**2)
    assert served(shop, model, sample, [(0.5,), (7.0,)])[1] == model.predict([0.5, 7.0]).tolist()


def test_a_column_of_pandas_categories_keeps_the_plan(shop, table):
    frame = table.holes[["city"]].astype({"city": "category"})
    encoder = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    model = make_pipeline(encoder, LogisticRegression()).fit(frame, table.two)
    rung, predictions = served(shop, model, frame, [("a city nobody has seen",), (None,)])
    unseen = pd.DataFrame({"city": pd.Categorical([None, None], categories=frame["city"].cat.categories)})
    assert (rung, predictions) == ("plan", model.predict(unseen).tolist())


@pytest.mark.parametrize(
    "model",
    [
        StackingRegressor([("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3))]),
        MultiOutputRegressor(Ridge()),
    ],
    ids=["stacked", "several outputs"],
)
def test_a_model_of_a_table_of_numbers_reaches_onnx(shop, table, model):
    frame = table.whole[NUMBERS]
    several = np.column_stack([table.number, -table.number])
    model.fit(frame, several if isinstance(model, MultiOutputRegressor) else table.number)
    rows = [tuple(row) for row in frame.head(3).itertuples(index=False)]
    rung, predictions = served(shop, model, frame, rows)
    assert rung == "onnx"
    np.testing.assert_allclose(predictions, model.predict(frame.head(3)), rtol=1e-4)


def test_a_booster_of_xgboost_is_asked_without_its_matrix(shop, table):
    xgboost = pytest.importorskip("xgboost")
    frame = table.whole[NUMBERS]
    model = xgboost.train({}, xgboost.DMatrix(frame, table.number), 3)
    rows = [tuple(row) for row in frame.head(3).itertuples(index=False)]
    assert served(shop, model, frame, rows)[1] == model.predict(xgboost.DMatrix(frame.head(3))).tolist()


@pytest.mark.parametrize("model", [KNeighborsRegressor(), KMeans(3, n_init=1, random_state=0)], ids=["knn", "kmeans"])
def test_distances_are_not_left_to_single_precision(shop, table, model):
    """Far outside, every distance is the same in single precision, and so would be every answer."""
    frame = table.whole[NUMBERS]
    fitted = make_pipeline(StandardScaler(), model).fit(frame, table.number)
    far = [(1e12, 0.0, 0.0, 0.0), (0.0, -1e12, 0.0, 0.0), (0.0, 0.0, 1e12, 0.0)]
    rung, predictions = served(shop, fitted, frame, far)
    assert rung == "original"
    assert predictions == fitted.predict(pd.DataFrame(far, columns=NUMBERS)).tolist()


def test_a_logarithm_of_what_has_none_is_refused_as_in_the_notebook(shop, table):
    frame = np.exp(table.whole[NUMBERS])
    model = make_pipeline(FunctionTransformer(np.log), StandardScaler(), LogisticRegression()).fit(frame, table.two)
    bundle = shop.pack(shop.register(model, frame))
    rung = open_rung(open_bundle(bundle.path, digest=bundle.digest))
    assert bundle.rung == "plan"
    assert (
        rung.answer([(1.0, 2.0, 3.0, 4.0)]).predictions
        == model.predict(pd.DataFrame([[1.0, 2.0, 3.0, 4.0]], columns=NUMBERS)).tolist()
    )
    with pytest.raises(RefusedRowError, match="not a finite number"):
        rung.answer([(1.0, -2.0, 3.0, 4.0)])


@pytest.mark.parametrize("name", ['height (")', "back\\slash", "two\nlines", "{brace}", "Größe in m²"])
def test_a_column_may_have_any_name(shop, table, name):
    frame = table.whole[NUMBERS].rename(columns={"n0": name})
    model = LogisticRegression().fit(frame, table.two)
    bundle = shop.pack(shop.register(model, frame))
    opened = open_bundle(bundle.path, digest=bundle.digest)
    body = json.dumps({"rows": frame.head(3).to_dict("records")}).encode()
    rows, _ = Reader(opened.manifest.signature, opened.manifest.policy).read(body)
    assert open_rung(opened).answer(rows).predictions == model.predict(frame.head(3)).tolist()


def test_a_parameter_may_be_a_number_of_numpy(shop, table):
    frame = table.whole[NUMBERS]
    model = Lars().fit(frame, table.number)  # its eps is numpy's own float
    assert shop.register(model, frame).params["eps"] == float(np.finfo(float).eps)


def test_an_example_may_hold_scalars_of_numpy(shop, table):
    frame = pd.DataFrame({"n0": [np.float64(value) for value in table.whole["n0"]]}, dtype=object)
    model = LogisticRegression().fit(frame, table.two)
    assert served(shop, model, frame, [(0.5,)])[1] == model.predict(pd.DataFrame({"n0": [0.5]})).tolist()


def test_a_pipeline_that_ends_in_a_transformer_answers_what_it_makes_of_a_row(shop, table):
    frame = table.whole[NUMBERS]
    model = make_pipeline(StandardScaler(), PCA(2)).fit(frame)
    rows = [tuple(row) for row in frame.head(3).itertuples(index=False)]
    np.testing.assert_allclose(served(shop, model, frame, rows)[1], model.transform(frame.head(3)), rtol=1e-4)


def test_a_transformer_that_makes_sparse_matrices_answers_plain_numbers(shop, table):
    frame = table.whole[["city"]]
    model = OneHotEncoder(handle_unknown="ignore").fit(frame)
    assert served(shop, model, frame, [("nowhere",)])[1] == [[0.0] * len(model.categories_[0])]


@pytest.mark.parametrize(("classes", "said"), [(np.array(["no", "yes"]), ["yes", "no"]), (None, [1, 0])])
def test_what_has_only_probabilities_says_the_likeliest_class(classes, said):
    class Judge:
        classes_ = classes

        def predict_proba(self, shares):
            return np.column_stack([1 - shares, shares])

    predictions = predict_of(Judge())(np.array([0.8, 0.3]))
    assert (predictions, {type(one) for one in predictions}) == (said, {type(said[0])})

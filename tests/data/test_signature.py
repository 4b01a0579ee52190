import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nbops.data import signature_of
from nbops.errors import UsageError
from nbops_serving.manifest import Column, Signature


def column_of(values, **options):
    return signature_of(pd.DataFrame({"c": pd.Series(values, **options)})).columns[0]


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        pytest.param([1.5, 2.5], {}, Column(name="c", kind="number", minimum=1.5, maximum=2.5), id="floats"),
        pytest.param(
            [1.5, None, np.inf],
            {},
            Column(name="c", kind="number", optional=True, minimum=1.5, maximum=1.5),
            id="floats-with-gaps-and-infinity",
        ),
        pytest.param([1, 9], {}, Column(name="c", kind="integer", minimum=1, maximum=9), id="integers"),
        pytest.param(
            [1, None],
            {"dtype": "Int64"},
            Column(name="c", kind="integer", optional=True, minimum=1, maximum=1),
            id="Int64",
        ),
        pytest.param([True, False], {}, Column(name="c", kind="boolean"), id="booleans"),
        pytest.param(
            [True, None], {"dtype": object}, Column(name="c", kind="boolean", optional=True), id="object-bools"
        ),
        pytest.param(
            [3, None, 1],
            {"dtype": object},
            Column(name="c", kind="integer", optional=True, minimum=1, maximum=3),
            id="object-ints",
        ),
        pytest.param(
            [decimal.Decimal("1.5"), decimal.Decimal(2)],
            {"dtype": object},
            Column(name="c", kind="number", minimum=1.5, maximum=2),
            id="decimals",
        ),
        pytest.param(
            [2**70, 1],
            {"dtype": object},
            Column(name="c", kind="number", minimum=1, maximum=float(2**70)),
            id="huge-ints",
        ),
        pytest.param(["b", "a"] * 10, {}, Column(name="c", kind="category", categories=["a", "b"]), id="few-texts"),
        pytest.param(
            ["b", "a", None] * 10,
            {"dtype": object},
            Column(name="c", kind="category", optional=True, categories=["a", "b"]),
            id="object-texts",
        ),
        pytest.param(["b", "a"], {}, Column(name="c", kind="text"), id="too-few-rows-to-call-it-a-category"),
        pytest.param([f"t{n}" for n in range(30)], {}, Column(name="c", kind="text"), id="all-different-texts"),
        pytest.param(
            pd.Categorical(["b"], categories=["b", "a", "never"]),
            {},
            Column(name="c", kind="category", categories=["a", "b", "never"]),
            id="categorical-keeps-unseen",
        ),
        pytest.param(
            pd.Categorical([10, None, 20]),
            {},
            Column(name="c", kind="integer", optional=True, minimum=10, maximum=20),
            id="numbered-categories",
        ),
        pytest.param(
            pd.to_datetime(["1970-01-02", None]),
            {},
            Column(name="c", kind="datetime", optional=True, minimum=86400, maximum=86400),
            id="datetimes",
        ),
        pytest.param(
            pd.to_datetime(["1970-01-02T01:00+01:00"]),
            {},
            Column(name="c", kind="datetime", minimum=86400, maximum=86400),
            id="zoned-datetimes",
        ),
        pytest.param(
            [datetime.date(1970, 1, 2)],
            {"dtype": object},
            Column(name="c", kind="datetime", minimum=86400, maximum=86400),
            id="dates",
        ),
        pytest.param(
            [None, None], {"dtype": object}, Column(name="c", kind="number", optional=True), id="nothing-seen"
        ),
        pytest.param([], {"dtype": float}, Column(name="c", kind="number"), id="no-rows"),
        pytest.param(["\ud800", "x"], {"dtype": object}, Column(name="c", kind="text"), id="lone-surrogate"),
    ],
)
def test_column_is_described_by_what_it_holds(values, options, expected):
    assert column_of(values, **options) == expected


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(pd.DataFrame({"a": [1, 2], "b": ["x", None]}), id="pandas"),
        pytest.param(pa.table({"a": [1, 2], "b": ["x", None]}), id="arrow"),
        pytest.param([{"a": 1, "b": "x"}, {"a": 2}], id="dicts"),
    ],
)
def test_every_kind_of_table_has_the_same_columns(sample):
    assert signature_of(sample).columns == [
        Column(name="a", kind="integer", minimum=1, maximum=2),
        Column(name="b", kind="text", optional=True),
    ]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([1, None]), "integer"),
        (pa.array([1.0, None]), "number"),
        (pa.array([True, None]), "boolean"),
        (pa.array(["a"] * 10).dictionary_encode(), "category"),
        (pa.array([1, 2]).dictionary_encode(), "integer"),
        (pa.array([datetime.date(2020, 1, 1)]), "datetime"),
        (pa.array([decimal.Decimal("1.10")]), "number"),
        (pa.array([None]), "number"),
        (pa.array(["a"], type=pa.string_view()), "text"),
        (pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()]), "category"),
        (pa.chunked_array([], type=pa.dictionary(pa.int8(), pa.string())), "category"),
    ],
)
def test_arrow_types_are_understood(column, kind):
    assert signature_of(pa.table({"c": column})).columns[0].kind == kind


def test_array_columns_are_numbered():
    assert signature_of(np.array([[1.0, 2.0]])) == Signature(
        columns=[
            Column(name="x0", kind="number", minimum=1, maximum=1),
            Column(name="x1", kind="number", minimum=2, maximum=2),
        ],
        takes="array",
    )


def test_array_takes_the_names_its_model_was_fitted_with():
    frame = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    signature = signature_of(frame.to_numpy(), model=LogisticRegression().fit(frame, [0, 1]))
    assert [column.name for column in signature.columns] == ["a", "b"]
    assert signature.takes == "frame"


@pytest.mark.parametrize(
    "model", [LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())], ids=["plain", "pipeline"]
)
def test_model_fitted_without_names_takes_an_array(model):
    frame = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    model.fit(frame.to_numpy(), [0, 1])
    assert signature_of(frame, model=model).takes == "array"


def test_model_fitted_with_names_takes_a_frame():
    frame = pd.DataFrame({"a": [0.0, 1.0]})
    assert signature_of(frame, model=LogisticRegression().fit(frame, [0, 1])).takes == "frame"


def test_dicts_are_taken_as_rows():
    assert signature_of([{"a": 1}]).takes == "rows"


@pytest.mark.parametrize(
    ("model", "output", "classes"),
    [
        (LogisticRegression().fit([[0], [1]], ["no", "yes"]), "class", ["no", "yes"]),
        (LogisticRegression().fit([[0], [1]], [False, True]), "class", [False, True]),
        (make_pipeline(StandardScaler(), LogisticRegression()).fit([[0], [1]], [3, 7]), "class", [3, 7]),
        (LinearRegression().fit([[0], [1]], [0, 1]), "number", None),
        (make_pipeline(StandardScaler(), LinearRegression()).fit([[0], [1]], [0, 1]), "number", None),
        (KMeans(1, n_init=1).fit([[0.0], [1.0]]), "value", None),
        (RandomForestClassifier(2).fit([[0], [1]], [[0, 1], [1, 0]]), "value", None),
        (None, "value", None),
    ],
    ids=["texts", "booleans", "pipeline", "regressor", "regressor-pipeline", "clusters", "several-outputs", "no-model"],
)
def test_output_is_read_from_the_model(model, output, classes):
    signature = signature_of(np.array([[0.5]]), model=model)
    assert (signature.output, signature.classes) == (output, classes)


@pytest.mark.parametrize(
    ("sample", "name", "takes"),
    [
        pytest.param(pd.Series(["a b", "c"], name="review"), "review", "series", id="a Series"),
        pytest.param(pd.Series(["a b", "c"]), "text", "series", id="a Series without a name"),
        pytest.param(["a b", "c"], "text", "values", id="a list of texts"),
        pytest.param(np.array(["a b", "c"]), "text", "values", id="an array of texts"),
        pytest.param(np.array([1.5, 2.5]), "value", "values", id="an array of numbers"),
    ],
)
def test_a_single_column_needs_no_table_around_it(sample, name, takes):
    signature = signature_of(sample)
    assert ([column.name for column in signature.columns], signature.takes) == ([name], takes)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ([], "an empty list"),
        (np.zeros((1, 1, 1)), "shape \\(1, 1, 1\\)"),
        ({"a": [1]}, "got a dict"),
        ([1, [2]], "got a list"),
        ("text", "got a str"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "share a name: a"),
        (pd.DataFrame({"a": [[1], [2]]}), "column 'a' holds values that a request cannot carry"),
        (pd.DataFrame({"a": pd.to_timedelta([1])}), "column 'a' holds"),
        (pd.DataFrame({"a": [1, "x"]}, dtype=object), "column 'a' holds"),
    ],
)
def test_what_is_no_table_is_refused_with_the_right_call(sample, message):
    with pytest.raises(UsageError, match=message) as raised:
        signature_of(sample)
    assert raised.value.hint


def test_sample_of_another_width_than_the_model_is_refused():
    with pytest.raises(UsageError, match="fitted on 1 columns, the sample has 2"):
        signature_of(np.zeros((2, 2)), model=LinearRegression().fit([[0], [1]], [0, 1]))

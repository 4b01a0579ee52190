"""Rows that came by column have the answers and the notes that they have one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from nbops_serving.arrow import plain_table
from nbops_serving.bundle import offer_modules, open_bundle
from nbops_serving.rows import Reader
from nbops_serving.rungs import open_rung
from nbops_serving.table import Table, packed, unpacked


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    """Numbers, integers, truths, and texts, some of them missing."""
    generator = np.random.default_rng(3)
    count = 300
    return pd.DataFrame(
        {
            "spent": np.where(generator.random(count) < 0.2, np.nan, generator.normal(100, 30, count)),
            "visits": generator.integers(0, 9, count),
            "member": generator.random(count) < 0.5,
            "city": generator.choice(["Lima", "Oslo", "Rome"], count),
            "plan": pd.Series(generator.choice(["a", "b", "c"], count)).where(generator.random(count) < 0.8, None),
        }
    )


MODELS = [
    LogisticRegression(),
    RandomForestClassifier(5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5),
    KNeighborsClassifier(3),
    GaussianNB(),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_a_table_is_answered_as_its_rows_are(bundled, visits, model):
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["spent", "visits"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "plan"]),
        (OrdinalEncoder(), ["member"]),
    )
    label = (visits["visits"] > 4) ^ (visits["city"] == "Oslo")
    opened = open_bundle(bundled(make_pipeline(columns, model).fit(visits, label), visits).path)
    offer_modules(opened)
    rung, reader = open_rung(opened), Reader(opened.manifest.signature, opened.manifest.policy)
    table = plain_table(pa.Table.from_pandas(visits, preserve_index=False), opened.manifest.signature.columns)
    assert table is not None
    assert table.rows == reader.check(visits.astype(object).where(visits.notna(), None).to_dict("records"))[0]
    assert rung.answer(table) == rung.answer(table.rows)


def test_a_table_has_the_notes_that_its_rows_have(linear, customers):
    signature = open_bundle(linear.path).manifest.signature
    reader = Reader(signature, open_bundle(linear.path).manifest.policy)
    frame = customers.frame.head(4).assign(age=[30, 200, -5, 40], city=["Mars", "Oslo", "Rome", "Venus"])
    table = plain_table(pa.Table.from_pandas(frame, preserve_index=False), signature.columns)
    assert table is not None
    notes = reader.notes_by_column(table)
    assert notes == reader.notes(table.rows)
    assert [(note.row, note.code) for note in notes] == [
        (0, "unseen"), (1, "out_of_range"), (2, "out_of_range"), (3, "unseen"),
    ]  # fmt: skip


def test_a_batch_refused_by_the_model_names_its_row(strict_server, customers):
    frame = customers.frame.head(50).copy()
    frame.loc[31, "city"] = "Mars"
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    answer = strict_server.post(sink.getvalue().to_pybytes(), content_type="application/vnd.apache.arrow.stream")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["row"] == 31


@pytest.mark.parametrize(
    "changed",
    [
        {"age": pa.array([1.5, 2.0])},
        {"age": pa.array([1, None])},
        {"spent": pa.array([1.0, np.nan])},
        {"spent": pa.array([1.0, np.inf])},
        {"spent": pa.array(["1", "2"])},
        {"city": pa.array([1, 2])},
        {"city": pa.array(["Oslo", None])},
        {"city": pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["Oslo", None]))},
        {"more": pa.array([1, 2])},
    ],
    ids=[
        "fractions",
        "no integer",
        "not a number",
        "infinite",
        "numbers as texts",
        "texts as numbers",
        "no text",
        "no text in a dictionary",
        "one more",
    ],
)
def test_what_is_not_plainly_of_its_kind_is_looked_at_row_by_row(linear, changed):
    columns = {"age": pa.array([30, 31]), "spent": pa.array([1.0, 2.0]), "city": pa.array(["Oslo", "Rome"])}
    signature = open_bundle(linear.path).manifest.signature
    assert plain_table(pa.table(columns), signature.columns) is not None
    assert plain_table(pa.table({**columns, **changed}), signature.columns) is None


def test_chunks_with_dictionaries_of_their_own_are_one_column(linear):
    signature = open_bundle(linear.path).manifest.signature
    pieces = [
        pa.table({"age": [age], "spent": [1.0], "city": pa.array([city]).dictionary_encode()})
        for age, city in [(30, "Oslo"), (31, "Rome"), (32, "Oslo")]
    ]
    table = plain_table(pa.concat_tables(pieces), signature.columns)
    assert table is not None
    assert table.rows == [(30, 1.0, "Oslo"), (31, 1.0, "Rome"), (32, 1.0, "Oslo")]


def test_a_table_survives_being_packed(visits):
    table = Table([visits["spent"].to_numpy(), visits["visits"].to_numpy(), visits["member"].to_numpy()], len(visits))
    assert unpacked(packed(table)).rows == table.rows

"""Rows, however they are decoded: what training knew of them is said, and nothing depends on the way through."""

from __future__ import annotations

import json
import math

import pytest

from nbops_serving.manifest import Column, Policy, Signature
from nbops_serving.problems import Refusal
from nbops_serving.rows import Reader

COLUMNS = [
    Column(name="age", kind="integer", minimum=18.5, maximum=89.0),
    Column(name="spent", kind="number", minimum=-1.5, optional=True),
    Column(name="class", kind="category", categories=["gold", "ünïcode", ""]),
    Column(name="is new", kind="boolean", optional=True),
    Column(name="note", kind="text"),
    Column(name="any", kind="number", minimum=-math.inf, maximum=math.inf),
]
ROW = {"age": 30, "spent": 0.5, "class": "gold", "is new": True, "note": "any", "any": 1}

CASES = {
    "all as in training": {},
    "the smallest": {"age": 19, "spent": -1.5},
    "the largest": {"age": 89, "spent": 1e308},
    "too small": {"age": 18, "spent": -1.6},
    "too large": {"age": 90},
    "an integer as a number": {"age": 30.0, "spent": 3},
    "another category": {"class": "silver"},
    "an empty category": {"class": ""},
    "a category beyond ASCII": {"class": "ünïcode"},
    "missing where it may": {"spent": None, "is new": None},
}


@pytest.fixture
def reader() -> Reader:
    return Reader(Signature(columns=COLUMNS), Policy())


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_the_quick_way_gives_the_rows_and_notes_of_the_careful_one(reader, changes):
    row = {**ROW, **changes}
    assert reader.read(json.dumps({"rows": [row, ROW]}).encode()) == reader.check([row, ROW])


@pytest.mark.parametrize(
    "changes", [{"age": None}, {"age": 1.5}, {"class": 3}, {"note": None}, {"is new": 1}, {"spent": "1"}]
)
def test_the_quick_way_refuses_what_the_careful_one_refuses(reader, changes):
    with pytest.raises(Refusal) as found:
        reader.read(json.dumps({"rows": [{**ROW, **changes}]}).encode())
    assert [error.field for error in found.value.violations] == list(changes)


@pytest.mark.parametrize(
    "column",
    [
        Column(name="a", kind="category", categories=[]),
        Column(name="a", kind="category", categories=[f"c{place}" for place in range(2_000)]),
        Column(name="a", kind="category"),
    ],
    ids=["no categories", "thousands of them", "not known"],
)
def test_categories_that_no_type_can_say_are_still_noted(column):
    rows, notes = Reader(Signature(columns=[column]), Policy()).read(b'{"rows": [{"a": "other"}]}')
    assert (rows, [note.code for note in notes]) == ([("other",)], ["unseen"] if column.categories is not None else [])

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nbops.data import ColumnProfile, merged, profile_from_json, profile_of
from nbops.data.grid import Grid, cells_of, grid_for
from nbops.errors import UsageError


def column_of(values, **options):
    return profile_of(pd.DataFrame({"c": pd.Series(values, **options)})).columns[0]


def test_numbers_are_counted_once_each():
    rng = np.random.default_rng(1)
    values = rng.normal(3, 2, 50_000)
    values[:700] = np.nan
    profile = column_of(values)
    counts = profile.counts()
    assert (profile.kind, profile.rows, profile.missing, profile.present) == ("number", 50_000, 700, 49_300)
    assert counts.sum() == 49_300
    assert 0 < counts[0] <= 30
    assert 0 < counts[-1] <= 30
    known = values[700:]
    assert profile.mean == pytest.approx(known.mean())
    assert profile.deviation == pytest.approx(known.std())
    assert (profile.minimum, profile.maximum) == (known.min(), known.max())


def test_cells_tell_the_distribution():
    values = np.random.default_rng(2).normal(size=20_000)
    profile = column_of(values)
    below = np.cumsum(profile.counts())[:-1]
    exact = np.searchsorted(np.sort(values), profile.grid.edges())
    assert np.abs(below - exact).max() <= 1  # a border may fall to either side by rounding


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda rng, n: rng.lognormal(0, 3, n), id="lognormal"),
        pytest.param(lambda rng, n: rng.standard_cauchy(n), id="cauchy"),
        pytest.param(lambda rng, n: rng.pareto(0.5, n) * 1e6, id="pareto"),
        pytest.param(lambda rng, n: np.where(rng.random(n) < 0.6, 0, rng.lognormal(0, 4, n)), id="zero-inflated"),
    ],
)
def test_heavy_tails_do_not_crowd_one_cell(draw):
    values = np.sort(draw(np.random.default_rng(3), 100_000))
    profile = column_of(values)
    assert profile.grid.scale == "asinh"
    below = np.cumsum(profile.counts())[:-1] / len(values)
    distinct = np.flatnonzero(np.diff(values, prepend=np.nan)) / len(values)
    # Between two borders of cells there is little, but where one value holds it all.
    for share in np.arange(0.02, 1, 0.02):
        place = distinct[np.searchsorted(distinct, share) - 1]
        assert np.abs(below - place).min() < 0.01


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([3], 1),
        ([3, 3, 3], 1),
        ([-2, 5], 8),
        ([0, 4095], 4096),
        ([0.0, 2.0, None], 3),
        ([0, 4096], 4096),
    ],
)
def test_whole_numbers_have_a_cell_each(values, cells):
    assert column_of(values).grid.cells == cells


@pytest.mark.parametrize(
    "values",
    [
        [0.1],
        [0.1] * 1000,
        [0.1, np.inf, -np.inf, np.nan],
        [np.inf],
        [1e308, -1e308],
        [1e-200, 1e200, -1e-200, -1e200, 0.5],
        [1e-320, 2e-320],
        [1e16, 1e16 + 2, 1e16 + 4],
        [2.0**60, 2.0**60 + 256],
        [0.1] * 5000 + [0.2],
        [np.nan],
        [],
    ],
    ids=str,
)
def test_odd_numbers_are_counted_too(values):
    profile = column_of(np.array(values, dtype=float))
    assert profile.counts().sum() == profile.present == np.sum(~np.isnan(values))
    assert profile_from_json(profile_of(pd.DataFrame({"c": values}, dtype=float)).to_json()).columns[0] == profile


def test_constant_column_tells_any_other_value():
    reference = profile_of(pd.DataFrame({"c": [0.1] * 100}))
    counts = profile_of(pd.DataFrame({"c": [0.1, 0.1000001, 0.09, np.inf]}), like=reference).columns[0].counts()
    assert counts.tolist() == [1, 1, 2]


def test_infinite_values_fall_into_the_tails_and_leave_the_moments_alone():
    profile = column_of([1.0, 2.0, 3.5, np.inf, -np.inf])
    assert (profile.mean, profile.maximum) == (pytest.approx(6.5 / 3), 3.5)
    assert (profile.counts()[0], profile.counts()[-1]) == (1, 1)


def test_texts_that_repeat_are_counted_by_value():
    assert column_of(["b"] * 10 + ["a"] * 5 + [None]) == ColumnProfile(
        name="c", kind="category", rows=16, missing=1, categories={"b": 10, "a": 5}
    )


def test_other_texts_are_counted_by_length():
    profile = column_of([f"{'x' * n}" for n in range(50)])
    assert (profile.kind, profile.minimum, profile.maximum, profile.categories) == ("text", 0, 49, None)


def test_booleans_are_categories():
    profile = column_of([True, True, None, False], dtype=object)
    assert (profile.kind, profile.missing, profile.categories) == ("boolean", 1, {"True": 2, "False": 1})


def test_categories_beyond_the_most_frequent_are_one():
    values = pd.Categorical([f"v{n:04}" for n in range(1500)] + ["v0000"])
    profile = column_of(values)
    assert (len(profile.categories), profile.other, len(profile.other_examples)) == (1000, 500, 5)
    assert profile.categories["v0000"] == 2


def test_declared_categories_count_even_unseen():
    assert column_of(pd.Categorical(["a"], categories=["a", "b"])).categories == {"a": 1, "b": 0}


def test_datetimes_are_counted_as_seconds():
    profile = column_of(pd.to_datetime(["1970-01-01", "1970-01-02", None]))
    assert (profile.kind, profile.missing, profile.maximum) == ("datetime", 1, 86400)


def test_what_cannot_be_counted_is_still_there():
    assert column_of([[1], None, {}], dtype=object) == ColumnProfile(name="c", kind="other", rows=3, missing=1)


def test_like_uses_the_same_cells_and_categories():
    reference = profile_of(pd.DataFrame({"n": np.arange(100) / 7, "t": ["a", "b"] * 50}))
    current = profile_of(pd.DataFrame({"t": ["b", "c", None], "n": [5.0, 99.0, None]}), like=reference)
    n, t = current.column("n"), current.column("t")
    assert n.grid == reference.column("n").grid
    assert (n.counts().sum(), n.counts()[-1], n.missing) == (2, 1, 1)
    assert (t.categories, t.other, t.other_examples, t.missing) == ({"a": 0, "b": 1}, 1, ["c"], 1)


@pytest.mark.parametrize(
    ("reference", "current", "expected"),
    [
        pytest.param(["1", "2"] * 10, [1, 2, 3], {"categories": {"1": 1, "2": 1}, "other": 1}, id="numbers-for-texts"),
        pytest.param(
            ["1", "2"] * 10, [1.0, None], {"categories": {"1": 1, "2": 0}, "missing": 1}, id="floats-for-texts"
        ),
        pytest.param([True, False], [1, 0, 0], {"categories": {"False": 2, "True": 1}}, id="numbers-for-booleans"),
        pytest.param([True, False], ["yes"] * 9, {"other": 9, "other_examples": ["yes"]}, id="texts-for-booleans"),
        pytest.param([1, 2, 3], [True, False], {"kind": "integer", "missing": 0}, id="booleans-for-integers"),
        pytest.param([1.5, 2, 3], ["x", None], {"kind": "text", "missing": 1, "grid": None}, id="texts-for-numbers"),
        pytest.param([1.5, 2, 3], pd.to_datetime(["2020"]), {"kind": "datetime", "grid": None}, id="dates-for-numbers"),
        pytest.param([f"t{n}" for n in range(30)], [7], {"kind": "integer", "grid": None}, id="numbers-for-long-texts"),
        pytest.param(["a", "b"] * 10, [[1]], {"kind": "other", "categories": None}, id="lists-for-texts"),
    ],
)
def test_another_kind_of_value_than_profiled_is_kept_visible(reference, current, expected):
    before = profile_of(pd.DataFrame({"c": reference}))
    after = profile_of(pd.DataFrame({"c": current}), like=before).columns[0]
    assert {name: getattr(after, name) for name in expected} == expected


def test_array_takes_the_names_of_the_profile_it_is_like():
    reference = profile_of(pd.DataFrame({"a": [1.5, 2.5], "b": [0.5, 0.25]}))
    current = profile_of(np.array([[1.7, 0.3]]), like=reference)
    assert [column.name for column in current.columns] == ["a", "b"]


def test_profile_survives_json():
    frame = pd.DataFrame({"n": np.random.default_rng(0).normal(size=1000), "t": ["a", "b"] * 500})
    profile = profile_of(frame, prediction=np.arange(1000) % 3)
    raw = profile.to_json()
    assert msgspec.json.decode(raw)["columns"][1]["categories"] == {"a": 500, "b": 500}
    assert profile_from_json(raw) == profile


@pytest.mark.parametrize(
    ("raw", "message"),
    [(b"{}", "no profile"), (b"\x00", "no profile"), (b'{"rows":1,"columns":[],"format":9}', "format 9")],
)
def test_unreadable_profile_is_refused(raw, message):
    with pytest.raises(UsageError, match=message):
        profile_from_json(raw)


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (np.array([0, 1, 1]), "category"),
        (np.array(["no", "yes", "yes"]), "text"),
        (np.array([0.5, 1.5, 2.5]), "number"),
        (np.array([[0.5], [1.5], [2.5]]), "number"),
        ([True, False, True], "boolean"),
    ],
)
def test_answers_of_the_model_are_profiled(answers, kind):
    assert profile_of([{"a": 1}] * 3, prediction=answers).prediction.kind == kind


def test_several_outputs_have_no_profile():
    assert profile_of([{"a": 1}] * 3, prediction=np.zeros((3, 2))).prediction is None


def test_answers_to_other_rows_are_refused():
    with pytest.raises(UsageError, match="2 predictions do not belong to 3 rows"):
        profile_of([{"a": 1}] * 3, prediction=[1, 2])


def test_merged_parts_equal_the_whole():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {"n": rng.normal(size=3000), "i": rng.integers(0, 50, 3000), "t": rng.choice(["a", "b", "c"], 3000)}
    )
    whole = profile_of(frame)
    parts = [profile_of(frame.iloc[start : start + 1000], like=whole) for start in (0, 1000, 2000)]
    total = merged(merged(parts[0], parts[1]), parts[2])
    for one, other in zip(total.columns, whole.columns, strict=True):
        assert one.counts().tolist() == other.counts().tolist()
        assert one.categories == other.categories
        assert one.mean == (None if other.mean is None else pytest.approx(other.mean))
        assert one.deviation == (None if other.deviation is None else pytest.approx(other.deviation))


def test_profiles_on_different_grids_are_not_added():
    with pytest.raises(UsageError, match="profiled in two ways"):
        merged(profile_of([{"a": 1.5}]), profile_of([{"a": 2.5}]))
    with pytest.raises(UsageError, match="different columns"):
        merged(profile_of([{"a": 1.5}]), profile_of([{"b": 2.5}]))


def test_arrow_and_pandas_have_one_profile():
    frame = pd.DataFrame({"n": [1.5, None, 3.0] * 5, "t": ["a", None, "b"] * 5, "i": [1, 2, 3] * 5})
    assert profile_of(pa.Table.from_pandas(frame)) == profile_of(frame)


numbers = hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats(width=64))


@given(numbers, numbers)
@settings(max_examples=200, deadline=None)
def test_any_numbers_are_counted_on_any_grid(reference, current):
    grid = grid_for(reference)
    known = current[~np.isnan(current)]
    cells = cells_of(known, grid)
    assert ((cells >= 0) & (cells <= grid.cells + 1)).all()
    order = np.argsort(known)
    assert (np.diff(cells[order]) >= 0).all()


def test_grid_borders_are_in_units_of_the_column():
    assert Grid(low=0, high=2, cells=2).edges().tolist() == [0, 1, 2]
    bent = Grid(low=0, high=1, cells=1, scale="asinh", centre=5, unit=2)
    assert bent.edges().tolist() == [5, 5 + 2 * np.sinh(1)]

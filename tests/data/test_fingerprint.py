import datetime
import decimal
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from nbops.data import fingerprint
from nbops.errors import UsageError

ROWS = 40_000  # more than one block of hashing


def digest(table, **options):
    return fingerprint(table, **options).digest


def make_frame():
    rng = np.random.default_rng(7)
    number = rng.normal(size=ROWS)
    number[::97] = np.nan
    texts = np.array([f"place {n}" if n % 11 else None for n in rng.integers(0, 500, ROWS)], dtype=object)
    return pd.DataFrame(
        {
            "number": number,
            "integer": rng.integers(-5, 5, ROWS),
            "small": rng.integers(0, 9, ROWS).astype("uint8"),
            "flag": rng.random(ROWS) < 0.5,
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 9999, ROWS), unit="s"),
            "zoned": pd.date_range("2020-01-01", periods=ROWS, freq="min", tz="Europe/Oslo"),
            "text": pd.Series(texts, dtype="str"),
            "object": texts,
            "category": pd.Categorical(texts),
            "masked": pd.array(np.where(rng.random(ROWS) < 0.1, None, 3), dtype="Int64"),
            "arrow": pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
            "period": pd.period_range("2000-01", periods=ROWS, freq="h"),
        }
    )


@pytest.fixture(scope="module")
def frame():
    return make_frame()


@pytest.mark.parametrize(
    "remade",
    [
        pytest.param(lambda f: f.copy(), id="copy"),
        pytest.param(lambda f: pd.concat([f, f]).iloc[ROWS:], id="slice-of-a-larger-frame"),
        pytest.param(lambda f: pd.concat([f.iloc[:777], f.iloc[777:33_000], f.iloc[33_000:]]), id="concat"),
        pytest.param(lambda f: pickle.loads(pickle.dumps(f)), id="pickle"),
        pytest.param(lambda f: pd.concat([f, f]).reset_index(drop=True).drop(range(ROWS)), id="filter"),
        pytest.param(lambda f: f.iloc[::-1].iloc[::-1], id="reversed-twice"),
        pytest.param(lambda f: f.set_axis(np.arange(ROWS) + 5), id="other-row-numbers"),
    ],
)
def test_equal_frames_have_one_version(frame, remade):
    assert fingerprint(remade(frame)) == fingerprint(frame)


def edited(column, row, value):
    def edit(frame):
        place = frame.columns.get_loc(column)
        frame.iloc[row, place] = value
        return frame

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(edited("number", 15_001, 0.123), id="number"),
        pytest.param(edited("number", 0, 0.123), id="missing-number-filled"),
        pytest.param(edited("number", 1, np.nan), id="number-lost"),
        pytest.param(edited("integer", ROWS - 1, 77), id="integer"),
        pytest.param(edited("text", 33_001, "elsewhere"), id="text"),
        pytest.param(edited("text", 33_001, ""), id="text-emptied"),
        pytest.param(edited("text", 33_001, None), id="text-lost"),
        pytest.param(edited("object", 33_001, "elsewhere"), id="object"),
        pytest.param(edited("when", 5, pd.Timestamp("1999-01-01")), id="datetime"),
        pytest.param(edited("masked", 5, 8), id="masked-integer"),
        pytest.param(edited("category", 39_000, "place 1"), id="category"),
        pytest.param(lambda f: f.rename(columns={"number": "n"}), id="rename"),
        pytest.param(lambda f: f.astype({"small": "int16"}), id="dtype"),
        pytest.param(lambda f: f.astype({"text": object}), id="text-as-objects"),
        pytest.param(lambda f: f.assign(zoned=f.zoned.dt.tz_convert("UTC")), id="time-zone"),
        pytest.param(lambda f: f.assign(flag=~f.flag), id="flags"),
        pytest.param(lambda f: f[f.columns[::-1]], id="column-order"),
        pytest.param(lambda f: f.iloc[::-1], id="row-order"),
        pytest.param(lambda f: f.iloc[:-1], id="row-dropped"),
        pytest.param(lambda f: f.drop(columns="flag"), id="column-dropped"),
        pytest.param(lambda f: f.set_axis(f["when"].to_numpy(), axis=0), id="datetime-index"),
        pytest.param(
            lambda f: f.assign(category=f.category.cat.reorder_categories(f.category.cat.categories[::-1])),
            id="category-order",
        ),
        pytest.param(lambda f: f.assign(category=f.category.cat.as_ordered()), id="category-ordered"),
        pytest.param(lambda f: f.assign(period=f.period + 1), id="period"),
    ],
)
def test_any_edit_makes_another_version(frame, edit):
    assert digest(edit(frame.copy())) != digest(frame)


def test_names_of_columns_count_by_type():
    assert digest(pd.DataFrame({1: [1]})) != digest(pd.DataFrame({"1": [1]}))


def test_texts_do_not_run_into_each_other():
    assert digest(pd.DataFrame({"a": ["ab", "c"]})) != digest(pd.DataFrame({"a": ["a", "bc"]}))


def test_missing_text_is_not_empty_text():
    assert digest(pd.DataFrame({"a": ["", "b"]})) != digest(pd.DataFrame({"a": [None, "b"]}))


def test_every_nan_is_the_same():
    odd = np.array([0x7FF8000000000001, 0xFFF8000000000000], dtype="u8").view("f8")
    assert digest(np.array([np.nan, np.nan])) == digest(odd)


def test_bytes_behind_missing_values_do_not_count():
    plain = pa.array(["a", None, "c"])
    dirty = pa.Array.from_buffers(
        pa.string(), 3, [plain.buffers()[0], pa.py_buffer(np.array([0, 1, 3, 4], "i4")), pa.py_buffer(b"aXXc")]
    )
    assert dirty.equals(plain)
    assert digest(pa.table({"a": dirty})) == digest(pa.table({"a": plain}))
    numbers = pa.Array.from_buffers(pa.int64(), 3, [plain.buffers()[0], pa.py_buffer(np.array([1, 99, 3], "i8"))])
    assert digest(pa.table({"a": numbers})) == digest(pa.table({"a": pa.array([1, None, 3])}))


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", None, "ccc", ""] * 3),
        pa.array(["a", None, "ccc", ""] * 3, type=pa.large_string()),
        pa.array(["a", None, "ccc", "a text longer than twelve bytes"] * 3, type=pa.string_view()),
        pa.array([True, None, False] * 4),
        pa.array([1, None, 3] * 4, type=pa.int16()),
        pa.array([1.5, None, float("nan")] * 4),
        pa.array([b"x", None, b"yy"] * 4),
        pa.array([[1, 2], None, []] * 4),
        pa.array([{"a": 1, "b": "x"}, None, {"a": 2, "b": None}] * 4),
        pa.array([decimal.Decimal("1.5"), None] * 6),
        pa.array([datetime.date(2020, 1, 1), None] * 6),
        pa.array([datetime.datetime(2020, 1, 1), None] * 6),
        pa.array(["a", None, "b"] * 4).dictionary_encode(),
        pa.nulls(12),
    ],
    ids=lambda column: str(column.type),
)  # fmt: skip
def test_arrow_chunks_and_offsets_do_not_count(column):
    plain = pa.table({"c": column})
    pieces = pa.chunked_array([column.slice(0, 0), column.slice(0, 5), column.slice(5)])
    shifted = pa.concat_arrays([column.slice(7, 3), column]).slice(3)
    assert digest(pa.table({"c": pieces})) == digest(plain) == digest(pa.table({"c": shifted}))
    assert digest(pa.table({"c": column.slice(1)})) != digest(plain)
    if column.null_count < len(column):
        swapped = pa.concat_arrays([column.slice(1, 1), column.slice(0, 1), column.slice(2)])
        assert digest(pa.table({"c": swapped})) != digest(plain)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(100_000.0).reshape(1000, 100),
        np.arange(600).reshape(10, 3, 20),
        np.arange(10) + 1j,
        np.array([1, 2.5, np.inf, -np.inf], dtype=np.longdouble),
        np.array(["a", "bcd"]),
        np.array([b"a", b"bcd"]),
        np.array(["2020-01-01", "NaT"], dtype="M8[s]"),
        np.array([(1, 2.5), (3, np.nan)], dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.array(5.0),
        np.zeros((0, 3)),
        np.array(["x", None, 3, 2.5, (1, "a"), {"k": [1]}, {2, 3}], dtype=object),
        np.array(["x", "y"], dtype=np.dtypes.StringDType()),
    ],
    ids=lambda array: f"{array.dtype.kind}{array.shape}",
)
def test_array_layout_does_not_count(array):
    assert digest(array.copy(order="F")) == digest(array) == digest(pickle.loads(pickle.dumps(array)))
    if array.ndim:
        wide = np.repeat(array, 2, axis=0)[::2]
        assert digest(wide) == digest(array)


def test_shape_and_dtype_of_an_array_count():
    versions = {
        digest(np.zeros((2, 3))),
        digest(np.zeros((3, 2))),
        digest(np.zeros(6)),
        digest(np.zeros((2, 3), dtype="f4")),
        digest(np.zeros((2, 3), dtype="i8")),
    }
    assert len(versions) == 5


def test_sparse_matrix_has_one_version_in_any_format():
    matrix = scipy.sparse.random(50, 20, density=0.2, rng=np.random.default_rng(3), format="csr")
    assert digest(matrix.tocsc()) == digest(matrix.tocoo()) == digest(matrix)
    assert digest(matrix * 2) != digest(matrix)


def test_a_list_of_dicts_is_a_table():
    assert fingerprint([{"a": 1, "b": "x"}, {"a": 2, "b": None}]).columns == ["a", "b"]
    assert digest([{"a": 1}]) == digest(pd.DataFrame({"a": [1]}))


def test_named_index_counts():
    frame = pd.DataFrame({"a": [1, 2]})
    assert digest(frame.rename_axis("key")) != digest(frame)
    assert digest(frame.set_axis(["x", "y"])) != digest(frame.set_axis(["x", "z"]))
    both = pd.MultiIndex.from_tuples([(1, "x"), (2, "y")])
    assert fingerprint(frame.set_axis(both)).columns == ["a", "None", "None"]


def test_objects_beyond_the_budget_are_sampled_and_say_so():
    rng = np.random.default_rng(1)
    texts = np.array([f"place {n}" for n in rng.integers(0, 500, 100_000)], dtype=object)
    frame = pd.DataFrame({"text": texts, "number": rng.normal(size=100_000)}, dtype=object).astype({"number": float})
    version = fingerprint(frame, budget_s=0.001)
    assert (version.evidence, version.digest.split(":")[0]) == ("sampled", "xxh3-sampled")
    assert fingerprint(frame.copy(), budget_s=0.001) == version
    assert fingerprint(frame, budget_s=1).evidence == "digest"
    frame.loc[54_321, "number"] = 0.5  # numbers are seen whole even then
    assert fingerprint(frame, budget_s=0.001) != version


class Slow:
    """Cannot be told without running the user's code, which must not happen."""

    def __repr__(self):
        raise AssertionError("repr was called")

    __str__ = __eq__ = __hash__ = __reduce__ = __repr__


def test_code_of_the_user_is_never_run():
    version = fingerprint(pd.DataFrame({"a": pd.Series([Slow(), Slow()], dtype=object)}))
    assert version.evidence == "sampled"


def test_objects_dearer_than_estimated_are_given_up():
    nested = np.empty(20_000, dtype=object)
    nested[:] = [{"key": list(range(40))} for _ in range(20_000)]
    assert fingerprint(pd.DataFrame({"a": nested}), budget_s=0.001).evidence == "sampled"
    whole = fingerprint(pd.DataFrame({"a": nested}), budget_s=60)
    assert whole.evidence == "digest"


def test_sets_and_texts_have_one_version_in_every_process():
    code = (
        "import numpy as np; from nbops.data import fingerprint\n"
        "a = np.empty(1, dtype=object); a[0] = {'x', 'yy', 'zzz', ('t', 1)}\n"
        "print(fingerprint(a).digest)"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(seen) == 1


@pytest.mark.parametrize("thing", [3, "text", {"a": 1}, [1, [2]], None])
def test_what_is_no_table_is_refused(thing):
    with pytest.raises(UsageError, match="a table is needed"):
        fingerprint(thing)


cells = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=5), st.booleans())


@given(st.lists(cells, max_size=12), st.integers(0, 12))
@settings(max_examples=150, deadline=None)
def test_any_column_of_objects_survives_copy_split_and_pickle(items, cut):
    frame = pd.DataFrame({"c": pd.Series(items, dtype=object)})
    version = digest(frame)
    assert digest(pickle.loads(pickle.dumps(frame))) == version
    if 0 < cut < len(items):
        assert digest(pd.concat([frame.iloc[:cut], frame.iloc[cut:]])) == version


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "?", "M8[ns]"])
@pytest.mark.parametrize("rows", [3, 70_001, 400_000])
def test_columns_that_lie_interleaved_have_the_version_of_columns_that_lie_apart(rows, dtype):
    chance = np.random.default_rng(1)
    values = chance.integers(0, 2**31, (rows, 7)).astype(dtype)
    if values.dtype.kind == "f":
        values[chance.random(values.shape) < 0.1] = np.nan
        bits = values.view(f"u{values.itemsize}")
        bits[0, 1] = np.array([-np.nan], values.dtype).view(bits.dtype)[0] | 5  # another NaN
    together = pd.DataFrame(values, copy=False)
    apart = pd.DataFrame({place: values[:, place].copy() for place in range(7)})
    assert together[3].to_numpy().strides == (7 * values.itemsize,)
    assert fingerprint(together) == fingerprint(apart)
    values[rows // 2, 6] = 0 if dtype != "?" else not values[rows // 2, 6]
    assert fingerprint(together) != fingerprint(apart)


def test_columns_of_different_arrays_are_not_mixed_up():
    one, other = np.arange(20.0).reshape(10, 2), np.arange(20.0, 40.0).reshape(10, 2)
    mixed = pd.concat([pd.DataFrame(one, copy=False), pd.DataFrame(other, columns=["c", "d"], copy=False)], axis=1)
    assert fingerprint(mixed) == fingerprint(pd.DataFrame({name: mixed[name].to_numpy().copy() for name in mixed}))

"""One view of every kind of table: named columns in a normal form that the rest of the room works on.

A DataFrame, a 2-D array, an Arrow table and a list of dicts differ in how they hold a number or a text. Here each
becomes ``Values``: numbers as one numpy array, texts as Arrow, and a word for what they are. Nothing is copied where
the memory can be shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nbops.errors import UsageError
from nbops.optional import loaded
from nbops_serving.manifest import Kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Shape = Literal["frame", "array", "rows", "series", "values"]

ACCEPTED = "a DataFrame, a Series, a numpy array, an Arrow table, a list of dicts or a list of texts"


@dataclass(frozen=True, slots=True)
class Values:
    """The content of one column.

    Exactly one of ``numbers`` and ``texts`` is there, and neither for values that are no data of ours (lists, mixed
    objects): then ``kind`` is ``other``.
    """

    kind: Kind | Literal["other"]
    rows: int
    missing: NDArray[np.bool_] | None = None
    """Which values are missing; None when ``numbers`` says it by NaN or NaT, or when nothing is missing."""
    numbers: NDArray[Any] | None = None
    """Numbers, booleans or ``datetime64``, 1-D."""
    texts: Any = None
    """An Arrow array or chunked array of strings, or of a dictionary with string values."""
    declared: tuple[str, ...] | None = None
    """Every category a categorical column allows, seen or not."""


@dataclass(frozen=True, slots=True)
class Table:
    """Any table, as its columns."""

    names: tuple[str, ...]
    columns: tuple[Values, ...]
    rows: int
    shape: Shape
    is_named: bool = True
    """False when the names are made up, because an array has none."""


def table_of(sample: Any) -> Table:
    """Read any table as named columns.

    Args:
        sample: a DataFrame, a 2-D numpy array, an Arrow table (or anything with ``__arrow_c_stream__``, such as a
            polars frame), or a list of dicts; or a single column, as what text is vectorised by takes it: a Series,
            a 1-D array, a list of texts or numbers.

    Returns:
        The columns in their order; those of an array are called ``x0``, ``x1``, …, and a single one without a name
        ``text`` or ``value``.

    Raises:
        UsageError: the sample is none of these, or two of its columns have the same name.

    Example:
        >>> table_of([{"a": 1, "b": "x"}, {"a": 2}]).names
        ('a', 'b')
    """
    pandas, numpy = loaded("pandas"), loaded("numpy")
    if pandas is not None and isinstance(sample, pandas.DataFrame):
        return _checked(_from_frame(sample))
    if numpy is not None and isinstance(sample, numpy.ndarray):
        return _from_array(sample)
    if isinstance(sample, list | tuple) and sample and all(isinstance(row, Mapping) for row in sample):
        return _from_rows(sample)
    if pandas is not None and isinstance(sample, pandas.Series):
        values = values_of_series(sample)
        return _single(values, "series", name=None if sample.name is None else column_name(sample.name))
    if isinstance(sample, list | tuple) and sample and all(isinstance(item, str | int | float) for item in sample):
        return _single(_from_list(sample), "values")
    if hasattr(sample, "__arrow_c_stream__"):
        return _checked(_from_arrow(sample))
    raise UsageError(
        f"a table is needed, got {_described(sample)}",
        code="not_a_table",
        hint=f"pass {ACCEPTED} with at least one row",
    )


def _described(sample: Any) -> str:
    kind = f"{type(sample).__module__}.{type(sample).__qualname__}".removeprefix("builtins.")
    return f"an empty {kind}" if isinstance(sample, list | tuple) and not sample else f"a {kind}"


def _checked(table: Table) -> Table:
    if len(set(table.names)) == len(table.names):
        return table
    twice = sorted({name for name in table.names if table.names.count(name) > 1})
    raise UsageError(
        f"columns of the table share a name: {', '.join(twice)}", code="columns_ambiguous", hint="rename the columns"
    )


def _from_frame(frame: Any) -> Table:
    names = tuple(column_name(name) for name in frame.columns)
    columns = tuple(values_of_series(frame.iloc[:, place]) for place in range(len(names)))
    return Table(names, columns, len(frame), "frame")


def column_name(name: object) -> str:
    """The text by which a column is known: levels of a MultiIndex are joined by dots."""
    return ".".join(str(level) for level in name) if isinstance(name, tuple) else str(name)


def _single(values: Values, shape: Shape, *, name: str | None = None) -> Table:
    made_up = "value" if values.texts is None else "text"
    return Table((name or made_up,), (values,), values.rows, shape, is_named=name is not None)


def _from_list(items: Sequence[Any]) -> Values:
    import numpy as np

    values = np.empty(len(items), dtype=object)
    values[:] = items
    return _from_objects(values)


def _from_array(array: Any) -> Table:
    if array.ndim == 1:
        return _single(_from_numpy(array), "values")
    if array.ndim != 2:
        raise UsageError(
            f"an array of rows and columns is needed, got one of shape {array.shape}",
            code="not_a_table",
            hint="reshape it with .reshape(len(array), -1)",
        )
    columns = tuple(_from_numpy(array[:, place]) for place in range(array.shape[1]))
    names = tuple(f"x{place}" for place in range(array.shape[1]))
    return Table(names, columns, array.shape[0], "array", is_named=False)


def _from_rows(rows: Sequence[Mapping[str, Any]]) -> Table:
    import numpy as np

    names = dict.fromkeys(name for row in rows for name in row)
    columns = []
    for name in names:
        values = np.empty(len(rows), dtype=object)
        for place, row in enumerate(rows):
            values[place] = row.get(name)
        columns.append(_from_objects(values))
    return Table(tuple(str(name) for name in names), tuple(columns), len(rows), "rows")


def _from_arrow(sample: Any) -> Table:
    import pyarrow as pa

    table = sample if isinstance(sample, pa.Table) else pa.table(sample)
    columns = tuple(_from_arrow_column(column) for column in table.columns)
    return Table(tuple(table.column_names), columns, table.num_rows, "frame")


def values_of_series(series: Any) -> Values:
    """Read one pandas Series in its normal form.

    Args:
        series: any Series; its index plays no part.

    Returns:
        Its values; numpy and Arrow memory is shared where the dtype allows.

    Example:
        >>> import pandas
        >>> values_of_series(pandas.Series([1.5, None])).kind
        'number'
    """
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _from_categorical(series)
    if isinstance(dtype, pd.StringDtype):
        return _texts(_as_arrow(series))
    if isinstance(dtype, pd.ArrowDtype):
        return _from_arrow_column(_as_arrow(series))
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _from_numpy(series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    if isinstance(dtype, pd.SparseDtype):
        return _from_numpy(series.sparse.to_dense().to_numpy())
    if hasattr(dtype, "numpy_dtype"):  # Int64, Float32, boolean: values and a mask
        missing = series.isna().to_numpy()
        filled = series.array.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        plain = _from_numpy(filled)
        return Values(plain.kind, plain.rows, missing=missing if missing.any() else None, numbers=plain.numbers)
    return _from_numpy(series.to_numpy())


def _as_arrow(series: Any) -> Any:
    import pyarrow as pa

    return pa.array(series.array, from_pandas=True)


def _from_categorical(series: Any) -> Values:
    import numpy as np
    import pyarrow as pa

    accessor = series.cat
    codes, categories = accessor.codes.to_numpy(), accessor.categories
    declared = _from_objects(categories.to_numpy(dtype=object))
    missing = codes < 0
    if declared.texts is None and declared.numbers is None:
        return Values("other", len(series), missing=missing)
    if declared.numbers is not None:
        # Numbered categories reach a model as numbers; position 0 stands in where a value is missing.
        numbers = declared.numbers[np.where(missing, 0, codes)] if len(categories) else np.zeros(len(series))
        return Values(declared.kind, len(series), missing=missing if missing.any() else None, numbers=numbers)
    texts = pa.DictionaryArray.from_arrays(pa.array(codes, mask=missing), declared.texts)
    names = tuple(declared.texts.to_pylist())
    return Values("category", len(series), missing=missing if missing.any() else None, texts=texts, declared=names)


def _from_numpy(array: Any) -> Values:
    code = array.dtype.kind
    if code == "f":
        return Values("number", len(array), numbers=array)
    if code in "iu":
        return Values("integer", len(array), numbers=array)
    if code == "b":
        return Values("boolean", len(array), numbers=array)
    if code == "M":
        return Values("datetime", len(array), numbers=array)
    if code in "OUT":
        return _from_objects(array.astype(object))
    return Values("other", len(array))


def _from_objects(objects: Any) -> Values:
    """Tell what Python objects in one column are, by what they all are."""
    import numpy as np
    import pandas as pd
    from pandas.api.types import infer_dtype

    seen, rows = infer_dtype(objects, skipna=True), len(objects)
    if seen == "string":
        return _texts(_text_array(objects))
    missing = np.asarray(pd.isna(objects), dtype=bool)
    where = missing if missing.any() else None
    if seen == "empty":
        return Values("number", rows, numbers=np.full(rows, np.nan))
    if seen == "boolean":
        return Values("boolean", rows, missing=where, numbers=np.where(missing, False, objects).astype(bool))
    if seen == "integer" and not _overflows(objects[~missing]):
        return Values("integer", rows, missing=where, numbers=np.where(missing, 0, objects).astype(np.int64))
    if seen in ("integer", "floating", "mixed-integer-float", "decimal"):
        return Values("number", rows, numbers=np.where(missing, np.nan, objects).astype(np.float64))
    if seen in ("datetime", "datetime64", "date"):
        times = pd.to_datetime(pd.Series(objects), utc=True).dt.tz_localize(None)
        return Values("datetime", rows, numbers=times.to_numpy())
    return Values("other", rows, missing=where)


def _overflows(integers: Any) -> bool:
    return len(integers) > 0 and (min(integers) < -(2**63) or max(integers) >= 2**63)


def _text_array(objects: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.array(objects, type=pa.large_string(), from_pandas=True)
    except UnicodeEncodeError:
        # A lone surrogate is no valid text, yet Python carries it and so must we.
        clean = [
            item.encode("utf-8", "backslashreplace").decode() if isinstance(item, str) else None for item in objects
        ]
        return pa.array(clean, type=pa.large_string())


def _texts(array: Any) -> Values:
    return Values("text", len(array), missing=_nulls(array), texts=array)


def _nulls(array: Any) -> Any:
    import numpy as np

    return np.asarray(array.is_null()) if array.null_count else None


def _from_arrow_column(column: Any) -> Values:
    import numpy as np
    import pyarrow as pa

    kind, rows = column.type, len(column)
    if pa.types.is_dictionary(kind):
        return _from_arrow_dictionary(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _texts(column)
    if pa.types.is_null(kind):
        return Values("number", rows, numbers=np.full(rows, np.nan))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return Values("datetime", rows, numbers=column.cast(pa.timestamp("us")).to_numpy())
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
        kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return Values("other", rows, missing=_nulls(column))
    missing = _nulls(column)
    filled = column if missing is None else column.fill_null(False if pa.types.is_boolean(kind) else 0)
    plain = _from_numpy(
        filled.to_numpy() if isinstance(filled, pa.ChunkedArray) else filled.to_numpy(zero_copy_only=False)
    )
    return Values(plain.kind, rows, missing=missing, numbers=plain.numbers)


def _from_arrow_dictionary(column: Any) -> Values:
    import pyarrow as pa

    value_type = column.type.value_type
    if not (pa.types.is_string(value_type) or pa.types.is_large_string(value_type)):
        return _from_arrow_column(column.cast(value_type))
    whole = column.unify_dictionaries().combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], type=column.type)
    names = tuple(sorted(item for item in whole.dictionary.to_pylist() if item is not None))
    return Values("category", len(whole), missing=_nulls(whole), texts=whole, declared=names)

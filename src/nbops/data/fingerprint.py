"""The version of a table: one digest of what it holds.

A copy, a slice, a concatenation or a pickled frame has the version of its equal; a renamed column, an edited value or
another dtype has not. The digest is xxh3_128, which is fast and not cryptographic: where trust hangs on it, hash the
stored bytes as well.

Two versions can be compared only if both have the evidence ``digest``, or both ``sampled``; the text shows which.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from nbops.data.allowance import Allowance
from nbops.data.canonical import SECONDS_PER_OBJECT, Canonical, OutOfTimeError, add_label, new_hash
from nbops.data.columns import ACCEPTED
from nbops.errors import UsageError
from nbops.optional import loaded


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """A table's version and how it is known."""

    digest: str
    """``xxh3:…`` of everything, or ``xxh3-sampled:…`` where Python objects were not all seen."""
    evidence: Literal["digest", "sampled"]
    rows: int
    columns: list[str]

    def __str__(self) -> str:
        return self.digest


def fingerprint(table: Any, *, budget_s: float = 0.05) -> Fingerprint:
    """Name the content of a table, so that equal tables have equal names.

    Args:
        table: a DataFrame, Series, numpy array, scipy sparse matrix, Arrow table (or anything with
            ``__arrow_c_stream__``), a list of dicts, or a list of texts or numbers. Of a frame's index
            everything counts but unnamed integers.
        budget_s: seconds of processor time that columns of Python objects may take; where they need longer, 4,096
            evenly spaced rows of them are hashed and the evidence is ``sampled``. All others are always hashed whole.

    Returns:
        The digest with its evidence, rows and column names.

    Raises:
        UsageError: this is no table.

    Example:
        >>> import pandas
        >>> frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
        >>> fingerprint(frame) == fingerprint(frame.copy())
        True
        >>> fingerprint(frame).evidence
        'digest'
    """
    parts = _parts_of(table)
    objects = sum(part.objects for part in parts.columns)
    allowed = Allowance(4 * budget_s)
    # The estimate decides; the clock only stops objects that are far dearer than texts and numbers.
    canonical = Canonical(is_sampled=objects * SECONDS_PER_OBJECT > budget_s, allowed=allowed)
    try:
        digest = _digest(parts, canonical)
    except OutOfTimeError:
        canonical = Canonical(is_sampled=True, allowed=allowed)
        digest = _digest(parts, canonical)
    return Fingerprint(
        digest=f"{'xxh3-sampled' if canonical.is_sampled else 'xxh3'}:{digest}",
        evidence="sampled" if canonical.is_sampled else "digest",
        rows=parts.rows,
        columns=[str(part.label[-1]) for part in parts.columns],
    )


_MANY_BYTES = 8 << 20
"""From here on threads are worth their start."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One column: its label, the name of the dtype that gives its bytes a meaning, and the bytes' owner."""

    label: tuple[object, ...]
    dtype: str
    data: Any
    """A numpy array, or an Arrow array or chunked array."""
    categories: Any = None
    """For categorical data, whose ``data`` are codes: the Series of categories."""

    @property
    def objects(self) -> int:
        dtype = getattr(self.data, "dtype", None)
        return int(self.data.size) if dtype is not None and dtype.kind in "OT" else 0


@dataclass(frozen=True, slots=True)
class _Parts:
    rows: int
    columns: list[_Part]


def _digest(parts: _Parts, canonical: Canonical) -> str:
    whole = new_hash()
    add_label(whole, (parts.rows, len(parts.columns)))
    numbers = _digests_of_numbers(parts.columns, canonical)
    for place, part in enumerate(parts.columns):
        add_label(whole, part.label)
        whole.update(_column_digest(part, canonical, numbers.get(place)))
    return str(whole.hexdigest())


def _digests_of_numbers(columns: Sequence[_Part], canonical: Canonical) -> dict[int, bytes]:
    """Place → digest of its content, for columns of plain numbers: those of a large table on all processors."""
    groups = _groups(columns)
    arrays = [[columns[place].data for place in group] for group in groups]
    if len(groups) > 1 and sum(array.nbytes for group in arrays for array in group) > _MANY_BYTES:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(_processors()) as pool:
            found = list(pool.map(canonical.of_interleaved, arrays))
    else:
        found = [canonical.of_interleaved(group) for group in arrays]
    places = [place for group in groups for place in group]
    return dict(zip(places, (digest for digests in found for digest in digests), strict=True))


def _groups(columns: Sequence[_Part]) -> list[list[int]]:
    """Columns of numbers that are hashed together: those that lie interleaved, in one group for each processor."""
    import numpy as np

    together: dict[object, list[int]] = {}
    for place, part in enumerate(columns):
        array = part.data
        if isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype.kind in "biufMm":
            is_alone = array.flags.c_contiguous or array.base is None
            shared = (id(array.base), array.strides, array.dtype.str, len(array))
            together.setdefault(place if is_alone else shared, []).append(place)
    size = -(-max(map(len, together.values()), default=1) // _processors())
    return [group[start : start + size] for group in together.values() for start in range(0, len(group), size)]


def _processors() -> int:
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 4)


def _column_digest(part: _Part, canonical: Canonical, content: bytes | None = None) -> bytes:
    import numpy as np

    state = new_hash()
    add_label(state, part.dtype)
    if part.categories is not None:
        state.update(_column_digest(_series_part((), part.categories), canonical))
    if content is None:
        content = canonical.of_array(part.data) if isinstance(part.data, np.ndarray) else canonical.of_arrow(part.data)
    state.update(content)
    return bytes(state.digest())


def _parts_of(table: Any) -> _Parts:
    pandas, numpy, sparse = loaded("pandas"), loaded("numpy"), loaded("scipy.sparse")
    if pandas is not None and isinstance(table, pandas.Series):
        return _frame_parts(table.to_frame())
    if pandas is not None and isinstance(table, pandas.DataFrame):
        return _frame_parts(table)
    if numpy is not None and isinstance(table, numpy.ndarray):
        shape = tuple(table.shape)
        return _Parts(shape[0] if shape else 1, [_Part(("array", shape, "values"), str(table.dtype), table)])
    if sparse is not None and sparse.issparse(table):
        return _sparse_parts(table)
    if hasattr(table, "__arrow_c_stream__"):
        return _arrow_parts(table)
    if isinstance(table, list) and all(isinstance(row, dict) for row in table):
        import pandas as pd

        return _frame_parts(pd.DataFrame(table, index=range(len(table))))
    if isinstance(table, list | tuple) and table and all(isinstance(item, str | int | float) for item in table):
        import pandas as pd

        return _frame_parts(pd.Series(table, dtype=object).to_frame())
    kind = f"{type(table).__module__}.{type(table).__qualname__}".removeprefix("builtins.")
    raise UsageError(f"a table is needed, got a {kind}", code="not_a_table", hint=f"pass {ACCEPTED}")


def _frame_parts(frame: Any) -> _Parts:
    columns = [_series_part(("column", name), frame.iloc[:, place]) for place, name in enumerate(frame.columns)]
    index = frame.index
    if index.nlevels > 1 or index.name is not None or index.dtype.kind not in "iu":
        # Unnamed integers are row numbers that a filter or a slice left behind; any other index is content.
        levels = (index.get_level_values(place) for place in range(index.nlevels))
        columns += [_series_part(("index", level.name), level.to_series()) for level in levels]
    return _Parts(len(frame), columns)


def _series_part(label: tuple[object, ...], series: Any) -> _Part:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = series.cat.codes.to_numpy().astype(np.int32)
        kind = "ordered category" if dtype.ordered else "category"
        return _Part(label, kind, codes, categories=series.cat.categories.to_series())
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _Part(label, str(dtype), series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    if isinstance(dtype, pd.PeriodDtype):
        return _Part(label, str(dtype), series.array.asi8)
    if isinstance(dtype, np.dtype):
        return _Part(label, str(dtype), series.to_numpy())
    if isinstance(dtype, pd.SparseDtype):
        return _Part(label, str(dtype), series.sparse.to_dense().to_numpy())
    if isinstance(dtype, pd.StringDtype | pd.ArrowDtype) or hasattr(dtype, "numpy_dtype"):
        return _Part(label, str(dtype), pa.array(series.array, from_pandas=True))
    return _Part(label, str(dtype), series.astype(object).to_numpy())  # intervals and foreign extension types


def _arrow_parts(table: Any) -> _Parts:
    import pyarrow as pa

    whole = table if isinstance(table, pa.Table) else pa.table(table)
    named = zip(whole.column_names, whole.columns, strict=True)
    return _Parts(whole.num_rows, [_Part(("column", name), str(column.type), column) for name, column in named])


def _sparse_parts(matrix: Any) -> _Parts:
    # Duplicates and unsorted indices are ways to store the same matrix.
    canonical = matrix.tocsr().copy()
    canonical.sum_duplicates()
    arrays = {
        "indptr": canonical.indptr.astype("i8"),
        "indices": canonical.indices.astype("i8"),
        "values": canonical.data,
    }
    shape = tuple(matrix.shape)
    parts = [_Part(("sparse", shape, name), str(array.dtype), array) for name, array in arrays.items()]
    return _Parts(shape[0], parts)

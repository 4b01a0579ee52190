"""From checked rows to what a model itself is given: a DataFrame, an array, a Series or a list of dicts.

Each column is held as it was in training: models take a category, a nullable integer or a text for what it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from nbops_serving.manifest import Dtype, Signature
from nbops_serving.rows import Row, utc
from nbops_serving.table import columns_of

Maker = Callable[[Sequence[Any]], Any]
"""Makes a column from its values, None where one is missing."""


def input_builder(signature: Signature, dtypes: list[Dtype]) -> Callable[[Sequence[Row]], Any]:
    """Return what makes the model's own kind of input from rows: a DataFrame, an array or a list of dicts.

    Args:
        signature: the columns, and in which form the model takes them.
        dtypes: how each column was held in training; the usual one for its kind when empty.

    Returns:
        A function from rows to the input of ``predict``.
    """
    names = [column.name for column in signature.columns]
    if signature.takes == "rows":
        return lambda rows: [dict(zip(names, row, strict=True)) for row in rows]
    if signature.takes == "array":
        return _array_builder(dtypes)
    held = dtypes or [Dtype(name=_USUAL[column.kind]) for column in signature.columns]
    if signature.takes in ("series", "values"):
        return _single_builder(names[0], held[0], is_series=signature.takes == "series")

    return _FrameBuilder(names, held)


class _FrameBuilder:
    """Makes DataFrames; pandas is loaded with the first one, which a server may never need."""

    def __init__(self, names: Sequence[str], held: Sequence[Dtype]) -> None:
        self._names, self._held = names, held

    @cached_property
    def _makers(self) -> list[Maker]:
        return [_maker(dtype) for dtype in self._held]

    def __call__(self, rows: Sequence[Row]) -> Any:
        import pandas as pd

        columns = zip(self._names, self._makers, columns_of(rows), strict=True)
        # joined into blocks, as pandas does unless it is told otherwise: what is picked out of it is quicker to pick
        return pd.DataFrame({name: make(values) for name, make, values in columns})


def _single_builder(name: str, dtype: Dtype, *, is_series: bool) -> Callable[[Sequence[Row]], Any]:
    def series(rows: Sequence[Row]) -> Any:
        import pandas as pd

        return pd.Series(_maker(dtype)(tuple(row[0] for row in rows)), name=name)

    def values(rows: Sequence[Row]) -> Any:
        import numpy as np

        # a text longer than any of training must not be cut to their width
        width = "O" if dtype.name.startswith(("str", "<U", "object")) else dtype.name
        return np.array([row[0] for row in rows], dtype=width)

    return series if is_series else values


_USUAL = {
    "number": "float64",
    "integer": "int64",
    "boolean": "bool",
    "text": "str",
    "category": "str",
    "datetime": "datetime64[us]",
}


def _array_builder(dtypes: list[Dtype]) -> Callable[[Sequence[Row]], Any]:
    import numpy as np

    dtype = np.dtype(dtypes[0].name) if dtypes else np.dtype(np.float64)
    return lambda rows: np.array(list(rows), dtype=dtype)


def _maker(dtype: Dtype) -> Maker:
    """Return what makes a column of one type from its values."""
    import numpy as np
    import pandas as pd

    name = dtype.name
    if name == "category":
        return _categories(dtype)
    if name.startswith("datetime64"):
        return _moments(name)
    if name == "object":
        return _objects
    if (name[0] in "fiu" and name[-1].isdigit()) or name == "bool":
        plain = np.dtype(name)
        return lambda values: np.array(values, dtype=plain)
    nullable: Any = pd.array
    return lambda values: nullable(list(values), dtype=name)


def _categories(dtype: Dtype) -> Maker:
    import pandas as pd

    known = dtype.categories or []
    held = pd.CategoricalDtype(pd.Index(known), ordered=dtype.is_ordered)
    code_of = {value: code for code, value in enumerate(known)}
    # a category that training never saw has no code: it reaches the model as a missing value
    return lambda values: pd.Categorical.from_codes([code_of.get(value, -1) for value in values], dtype=held)


def _moments(name: str) -> Maker:
    import pandas as pd

    zoned = name.endswith("]") and "," in name

    def make(values: Sequence[Any]) -> Any:
        moments = pd.DatetimeIndex([pd.NaT if value is None else utc(value) for value in values])
        return moments.tz_localize("UTC").astype(name) if zoned else moments.astype(name)

    return make


def _objects(values: Sequence[Any]) -> Any:
    import numpy as np

    filled = np.empty(len(values), dtype=object)
    filled[:] = [math.nan if value is None else value for value in values]
    return filled

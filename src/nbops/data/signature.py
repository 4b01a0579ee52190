"""What a model takes and what it answers, read off a sample of its training data."""

from __future__ import annotations

from typing import Any, Literal

from nbops.data.columns import Shape, Table, Values, table_of
from nbops.errors import UsageError
from nbops.optional import loaded
from nbops_serving.manifest import Column, Signature

MOST_CATEGORIES = 1_000
"""Text with more distinct values than this is text, not a category."""
ROWS_PER_CATEGORY = 5
"""How often each distinct value is seen, on average, before text counts as a category."""


def signature_of(sample: Any, *, model: Any = None) -> Signature:
    """Describe the input and the output of a model from a sample of what it was trained on.

    Args:
        sample: a DataFrame, a 2-D numpy array, an Arrow table or a list of dicts, the target not among the columns;
            or the one column that the model takes: a Series, a 1-D array, a list of texts.
        model: the fitted estimator; it tells what comes out (``classes_``, or that it is a regressor), whether it
            wants a DataFrame or an array, and the names of an array's columns (``feature_names_in_``).

    Returns:
        One ``Column`` per input with its kind, range or categories, and whether values may be missing. Minimum and
        maximum of a datetime column are seconds since the epoch.

    Raises:
        UsageError: the sample is no table, two columns share a name, a column holds what JSON cannot carry, or the
            model was fitted on another number of columns.

    Example:
        >>> signature_of([{"age": 31, "city": "Oslo"}, {"age": None, "city": "Rome"}]).columns[0]
        Column(name='age', kind='integer', optional=True, minimum=31.0, maximum=31.0, categories=None)
    """
    table = table_of(sample)
    names = _names(table, model)
    columns = [_column(name, values) for name, values in zip(names, table.columns, strict=True)]
    output, classes = _answer(model)
    return Signature(columns=columns, output=output, classes=classes, takes=_takes(table, model))


def _names(table: Table, model: Any) -> tuple[str, ...]:
    expected = getattr(model, "n_features_in_", None)
    if isinstance(expected, int) and expected != len(table.names):
        raise UsageError(
            f"the model was fitted on {expected} columns, the sample has {len(table.names)}",
            code="sample_mismatch",
            hint="pass rows of the X that the model was fitted on",
        )
    fitted = getattr(model, "feature_names_in_", None)
    if fitted is None or table.is_named:
        return table.names
    return tuple(str(name) for name in fitted)


def _column(name: str, values: Values) -> Column:
    if values.kind == "other":
        raise UsageError(
            f"column {name!r} holds values that a request cannot carry: neither numbers, booleans, texts nor dates",
            code="column_unsupported",
            hint=f"turn {name!r} into a number, text or datetime before the model, or drop it",
        )
    if values.numbers is None:
        return _text_column(name, values)
    present = _present(values)
    optional = len(present) < values.rows
    low, high = (None, None) if values.kind == "boolean" else _range(present)
    return Column(name=name, kind=values.kind, optional=optional, minimum=low, maximum=high)


def _present(values: Values) -> Any:
    """The values that are not missing; dates as seconds since the epoch."""
    import numpy as np

    numbers = values.numbers
    assert numbers is not None
    if values.missing is not None:
        numbers = numbers[~values.missing]
    if values.kind == "datetime":
        return numbers[~np.isnat(numbers)].astype("datetime64[us]").astype(np.int64) / 1e6
    if values.kind == "number":
        return numbers[~np.isnan(numbers)]
    return numbers


def _range(present: Any) -> tuple[float | None, float | None]:
    import numpy as np

    finite = present[np.isfinite(present)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (None, None)


def _text_column(name: str, values: Values) -> Column:
    optional = values.texts.null_count > 0
    if values.declared is not None:
        return Column(name=name, kind="category", optional=optional, categories=sorted(values.declared))
    present = values.rows - values.texts.null_count
    distinct = values.texts.unique().drop_null()
    if not present or len(distinct) > min(MOST_CATEGORIES, present / ROWS_PER_CATEGORY):
        return Column(name=name, kind="text", optional=optional)
    return Column(name=name, kind="category", optional=optional, categories=sorted(distinct.to_pylist()))


def _answer(model: Any) -> tuple[Literal["number", "class", "value"], list[str | int | float | bool] | None]:
    classes = getattr(model, "classes_", None)
    if classes is not None and getattr(classes, "ndim", None) == 1:
        return "class", [_plain(item) for item in classes]
    sklearn = loaded("sklearn.base")
    if sklearn is not None and isinstance(model, sklearn.BaseEstimator) and sklearn.is_regressor(model):
        return "number", None
    if getattr(model, "_estimator_type", None) == "regressor":
        return "number", None
    return "value", None


def _plain(item: Any) -> str | int | float | bool:
    value = item.item() if hasattr(item, "item") else item
    return value if isinstance(value, str | int | float | bool) else str(value)


def _takes(table: Table, model: Any) -> Shape:
    if table.shape == "array" and getattr(model, "feature_names_in_", None) is not None:
        return "frame"  # fitted with names: an array would be answered with a warning each time
    if table.shape == "frame" and _wants_array(model) and all(_is_numeric(values) for values in table.columns):
        return "array"
    return table.shape


def _is_numeric(values: Values) -> bool:
    return values.kind in ("number", "integer", "boolean") and values.missing is None


def _wants_array(model: Any) -> bool:
    """Whether scikit-learn itself says that the model was fitted without column names."""
    first = model.steps[0][1] if isinstance(getattr(model, "steps", None), list) and model.steps else model
    if not type(first).__module__.startswith("sklearn."):
        return False
    return hasattr(first, "n_features_in_") and not hasattr(first, "feature_names_in_")

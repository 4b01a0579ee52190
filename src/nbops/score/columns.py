"""Columns of a table as those of a signature: texts of a CSV, dictionaries and decimals become what a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbops_serving.manifest import Column
from nbops_serving.protocols import FROM_TEXT


def can_hold(held: Any, kind: str) -> bool:
    """Tell whether a column of an Arrow type may hold values of a kind at all.

    Args:
        held: the Arrow type.
        kind: of the signature's column.

    Example:
        >>> import pyarrow as pa
        >>> can_hold(pa.int32(), "number"), can_hold(pa.timestamp("us"), "number")
        (True, False)
    """
    import pyarrow as pa

    is_a = pa.types
    if is_a.is_dictionary(held):
        held = held.value_type
    is_text = is_a.is_string(held) or is_a.is_large_string(held) or is_a.is_string_view(held)
    if is_a.is_null(held) or is_text:
        return True  # a text may say a number, as it does in CSV
    if kind in ("number", "integer"):
        return bool(is_a.is_integer(held) or is_a.is_floating(held) or is_a.is_decimal(held))
    if kind == "boolean":
        return bool(is_a.is_boolean(held))
    return kind == "datetime" and bool(is_a.is_temporal(held))


def typed(batch: Any, columns: Sequence[Column]) -> tuple[Any, dict[str, list[Any]]]:
    """Give the columns of a batch that a model takes their kind.

    Args:
        batch: an Arrow record batch.
        columns: the signature's.

    Returns:
        The batch, with null where a text says nothing of the kind; and of each such column the values as they were
        read.
    """
    import pyarrow as pa

    as_written: dict[str, list[Any]] = {}
    arrays, fields = list(batch.columns), list(batch.schema)
    for column in columns:
        place = batch.schema.get_field_index(column.name)
        if place < 0:
            continue
        values, bad = _typed(arrays[place], column.kind)
        if bad is not None:
            as_written[column.name] = bad
        arrays[place], fields[place] = values, pa.field(column.name, values.type)
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields)), as_written


def _typed(values: Any, kind: str) -> tuple[Any, list[Any] | None]:
    import pyarrow as pa

    is_a = pa.types
    if is_a.is_dictionary(values.type):
        values = values.dictionary_decode()
    if is_a.is_decimal(values.type) or is_a.is_float16(values.type):
        return values.cast(pa.float64()), None
    if is_a.is_large_string(values.type) or is_a.is_string_view(values.type):
        values = values.cast(pa.string())
    wanted = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}.get(kind)
    if wanted is None or not (is_a.is_string(values.type) or is_a.is_null(values.type)):
        return values, None
    try:
        return values.cast(wanted), None
    except pa.ArrowInvalid:
        return _one_by_one(values, kind, wanted)


def _one_by_one(values: Any, kind: str, wanted: Any) -> tuple[Any, list[Any] | None]:
    import pyarrow as pa

    read = [None if text is None else FROM_TEXT[kind](text.strip()) for text in values.to_pylist()]
    known = [None if isinstance(value, str) or not _is_of(value, kind) else value for value in read]
    is_whole = all(one is other or one == other for one, other in zip(read, known, strict=True))
    return pa.array(known, wanted), None if is_whole else read


def _is_of(value: Any, kind: str) -> bool:
    return value is None or kind != "integer" or (float(value).is_integer() and abs(value) < 2**63)


def article(kind: str) -> str:
    """Name a kind in a sentence.

    Example:
        >>> article("integer")
        'an integer'
    """
    return f"an {kind}" if kind == "integer" else "a date" if kind == "datetime" else f"a {kind}"

"""Arrow IPC streams as rows, without trusting what they say of their own size.

A few bytes of a stream can stand for terabytes: a column of nulls has no body at all, and compressed buffers name the
size they want to have. So rows are counted before any is built, and compressed streams are refused.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

from nbops_serving.manifest import Column
from nbops_serving.problems import Refusal
from nbops_serving.rows import Note, Reader, Row
from nbops_serving.table import Coded, Table

_FILE_HEAD = b"ARROW1\0\0"
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3  # of the union MessageHeader in Arrow's Message.fbs


def read_arrow(reader: Reader, body: bytes) -> tuple[Sequence[Row], list[Note]]:
    """Read the rows of an Arrow IPC stream or file.

    Args:
        reader: checks them.
        body: the stream, not compressed; or the file, which is a stream between a head and a foot.

    Returns:
        The rows, and what their sender should know about them.

    Raises:
        Refusal: 415 where this server has no pyarrow, 400 for bytes that are no stream, 413 for too many rows, 422 for
            rows that do not fit.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise Refusal(415, "media_type", "this server reads no Arrow; send JSON or CSV") from error
    body = body.removeprefix(_FILE_HEAD)
    try:
        _check_size(body, reader.most_rows)
        with pa.ipc.open_stream(body) as stream:
            table = stream.read_all()
        table.validate(full=True)
        names = table.column_names
        if len(set(names)) != len(names):
            raise Refusal(400, "arrow_invalid", "two columns of the stream share a name")
        if (rows := plain_table(table, reader.signature.columns)) is not None:
            return rows, reader.notes_by_column(rows)
        values = [json_values(column) for column in table.columns]
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        raise Refusal(400, "arrow_invalid", "the body is no Arrow IPC stream") from error
    return reader.check([dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)])


def _check_size(body: bytes, most_rows: int) -> None:
    """Count the rows that a stream claims, and refuse buffers that would grow when they are read."""
    import pyarrow as pa

    rows = 0
    messages = pa.ipc.MessageReader.open_stream(body)
    while True:
        try:
            message = messages.read_next_message()
        except StopIteration:
            return
        length, is_compressed = _batch_of(bytes(message.metadata))
        rows += length
        if is_compressed:
            raise Refusal(415, "encoding", "compressed streams are not read; send it as it is")
        if not 0 <= rows <= most_rows:
            raise Refusal(413, "too_many_rows", f"more than {most_rows} rows in one request")


def _batch_of(metadata: bytes) -> tuple[int, bool]:
    """Return the rows of a message's batch and whether it is compressed, read off its flatbuffer.

    pyarrow tells neither before it has built the batch.
    """
    root = struct.unpack_from("<I", metadata, 0)[0]
    kind_at, header_at = _field(metadata, root, 1), _field(metadata, root, 2)
    kind = metadata[kind_at] if kind_at else 0
    if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH) or not header_at:
        return 0, False
    batch = _follow(metadata, header_at)
    if kind == _DICTIONARY_BATCH:
        data_at = _field(metadata, batch, 1)
        if not data_at:
            return 0, False
        batch = _follow(metadata, data_at)
    length_at = _field(metadata, batch, 0)
    length = struct.unpack_from("<q", metadata, length_at)[0] if length_at else 0
    return length, bool(_field(metadata, batch, 3))


def _field(metadata: bytes, table: int, index: int) -> int:
    """Return where a field of a flatbuffer's table lies; 0 when it is not there."""
    vtable = table - struct.unpack_from("<i", metadata, table)[0]
    size = struct.unpack_from("<H", metadata, vtable)[0]
    place = 4 + 2 * index
    offset: int = struct.unpack_from("<H", metadata, vtable + place)[0] if place < size else 0
    return table + offset if offset else 0


def _follow(metadata: bytes, place: int) -> int:
    offset: int = struct.unpack_from("<I", metadata, place)[0]
    return place + offset


def plain_table(table: Any, columns: Sequence[Column]) -> Table | None:
    """Return the columns of a signature, where every value is plainly of its kind.

    Args:
        table: an Arrow table or record batch.
        columns: the signature's.

    Returns:
        The rows by column; None where a closer look is needed: fields more or less, other types, numbers that are
        not finite, something missing where it may not be.
    """
    names = table.schema.names
    if len(names) != len(columns) or not table.num_rows or {column.name for column in columns} != set(names):
        return None
    found = []
    for column in columns:
        plain = _PLAIN[column.kind](table.column(column.name), column)
        if plain is None:
            return None
        found.append(plain)
    return Table(found, table.num_rows)


def _numbers(values: Any, column: Column) -> Any:
    import numpy as np
    import pyarrow as pa

    is_a, held = pa.types, values.type
    if not (is_a.is_float32(held) or is_a.is_float64(held) or is_a.is_integer(held)):
        return None
    if values.null_count and not column.optional:
        return None
    numbers = _array(values).astype(np.float64)
    # a sum that is finite has only finite parts; one that is not may still be of numbers that are missing
    is_plain = math.isfinite(numbers.sum()) or (column.optional and not np.isinf(numbers).any())
    return numbers if is_plain else None


def _array(values: Any) -> Any:
    import pyarrow as pa

    return values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(zero_copy_only=False)


def _integers(values: Any, column: Column) -> Any:
    import pyarrow as pa

    return _array(values) if pa.types.is_signed_integer(values.type) and not values.null_count else None


def _truths(values: Any, column: Column) -> Any:
    import pyarrow as pa

    return _array(values) if pa.types.is_boolean(values.type) and not values.null_count else None


def _texts(values: Any, column: Column) -> Any:
    import pyarrow as pa

    is_a, held = pa.types, values.type
    held = held.value_type if is_a.is_dictionary(held) else held
    if not (is_a.is_string(held) or is_a.is_large_string(held)) or (values.null_count and not column.optional):
        return None
    coded = values if is_a.is_dictionary(values.type) else values.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    if coded.dictionary.null_count:
        return None
    return Coded(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), coded.dictionary.to_pylist())


def _no_plain(values: Any, column: Column) -> Any:
    return None


_PLAIN: dict[str, Callable[[Any, Column], Any]] = {
    "number": _numbers,
    "integer": _integers,
    "boolean": _truths,
    "text": _texts,
    "category": _texts,
    "datetime": _no_plain,
}


def json_values(column: Any) -> list[Any]:
    """Return values as JSON would carry them: no NaN, times as text, decimals as numbers.

    Args:
        column: an Arrow array or chunked array.

    Returns:
        One value per row, None where it is missing.
    """
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        return [None if value is None or math.isnan(value) else value for value in column.to_pylist()]
    if pa.types.is_temporal(column.type):
        return [None if value is None else value.isoformat() for value in column.to_pylist()]
    if pa.types.is_decimal(column.type):
        return [None if value is None else float(value) for value in column.to_pylist()]
    values: list[Any] = column.to_pylist()
    return values

"""Columns as one stream of bytes, the same for equal columns whatever memory they lie in.

Offsets, chunks, strides, bit patterns of NaN and the bytes behind missing values are accidents of how a column came to
be. ``Canonical`` hashes what is left without them.
"""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nbops.data.allowance import Allowance

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 32_768
"""Values per step: small enough that what was checked for NaN is still in the cache when it is hashed."""
SAMPLED_ROWS = 4_096
"""Rows that stand for a column of Python objects when there is no time for all."""
SECONDS_PER_OBJECT = 40e-9
"""What hashing one Python object costs, roughly. A constant, so that equal tables are judged alike on any machine."""

_FLAT = frozenset({type(None), bool, int, float, complex, str, bytes})
# Their text says all they hold. By name, so that nobody pays for importing them.
_TOLD_BY_TEXT = frozenset({
    "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta", "decimal.Decimal",
    "fractions.Fraction", "uuid.UUID",
})  # fmt: skip


class OutOfTimeError(Exception):
    """Hashing Python objects one by one takes longer than it may."""


def new_hash() -> Any:
    """A fresh xxh3_128 state."""
    import xxhash

    return xxhash.xxh3_128()


def add_label(state: Any, value: Any) -> None:
    """Add a value by type and content, so that 1 and "1" differ; what marshal cannot write, by its text."""
    try:
        encoded = marshal.dumps(value, 2)
    except ValueError:
        encoded = str(value).encode("utf-8", "surrogatepass")
    state.update(len(encoded).to_bytes(8, "little"))
    state.update(encoded)


class Canonical:
    """Hashes columns, and knows afterwards whether it saw all of them.

    Args:
        is_sampled: whether columns of Python objects are told by a few evenly spaced rows.
        allowed: what columns of Python objects may take before they are given up with OutOfTimeError.
    """

    def __init__(self, *, is_sampled: bool, allowed: Allowance) -> None:
        self.is_sampled = is_sampled
        self._allowed = allowed

    def of_array(self, array: NDArray[Any]) -> bytes:
        """Digest of a numpy array of any dtype and strides, in C order; its shape is the caller's to add."""
        state = new_hash()
        self._add_array(state, array)
        return bytes(state.digest())

    def of_interleaved(self, columns: Sequence[NDArray[Any]]) -> list[bytes]:
        """Digests of 1-D arrays of one dtype and length, each as ``of_array`` gives it.

        For columns that share their memory value by value, as those of a C-ordered array do: one after the other, each
        would read the memory of all of them.
        """
        if len(columns) == 1:
            return [self.of_array(columns[0])]
        states = [new_hash() for _ in columns]
        _add_interleaved(states, columns)
        return [bytes(state.digest()) for state in states]

    def of_arrow(self, column: Any) -> bytes:
        """Digest of an Arrow array or chunked array."""
        import pyarrow as pa

        state = new_hash()
        _add_arrow(state, column.type, column.chunks if isinstance(column, pa.ChunkedArray) else [column])
        return bytes(state.digest())

    def _add_array(self, state: Any, array: NDArray[Any]) -> None:
        import numpy as np

        if array.dtype.kind in "OT":
            self._add_objects(state, array.astype(object).reshape(-1))
        elif array.dtype.names is not None:
            for name in array.dtype.names:  # one by one: padding between fields is noise
                add_label(state, name)
                self._add_array(state, array[name])
        elif array.dtype.char in "gG":
            for part in _without_padding(array):
                self._add_array(state, part)
        elif array.flags.c_contiguous or array.ndim == 1:
            _add_numbers(state, array.reshape(-1))
        elif array.size:
            step = max(1, BLOCK // array[0].size)
            for start in range(0, len(array), step):
                _add_numbers(state, np.ascontiguousarray(array[start : start + step]).reshape(-1))

    def _add_objects(self, state: Any, objects: NDArray[Any]) -> None:
        import numpy as np

        if self.is_sampled and len(objects) > SAMPLED_ROWS:
            objects = objects[np.linspace(0, len(objects) - 1, SAMPLED_ROWS).astype(np.int64)]
        for start in range(0, len(objects), BLOCK // 8):
            if not self.is_sampled and self._allowed.is_spent():
                raise OutOfTimeError
            self._add_object_block(state, objects[start : start + BLOCK // 8])

    def _add_object_block(self, state: Any, block: NDArray[Any]) -> None:
        texts = _as_texts(block)
        if texts is not None:
            state.update(b"text")
            _add_texts(state, [texts])
        else:
            state.update(b"item")
            add_label(state, [self._plain(item) for item in block])

    def _plain(self, item: Any) -> Any:
        """The same value out of builtins, which marshal writes in one way only."""
        import numpy as np

        kind = type(item)
        if kind in _FLAT:
            return item
        if kind in (list, tuple):
            return (kind.__name__, [self._plain(part) for part in item])
        if kind is dict:
            return ("dict", [(self._plain(key), self._plain(value)) for key, value in item.items()])
        if kind in (set, frozenset):
            return (kind.__name__, sorted(marshal.dumps(self._plain(part), 2) for part in item))
        if kind is np.ndarray:
            return ("array", item.dtype.str, item.shape, self.of_array(item))
        if isinstance(item, np.generic) and kind.__module__ == "numpy":
            return (kind.__name__, item.tobytes())
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name in _TOLD_BY_TEXT or name.startswith("pandas."):
            return (name, str(item))
        # Only the user's own code could say what this holds, and that is not run.
        self.is_sampled = True
        return ("unseen", name)


def _as_texts(block: NDArray[Any]) -> Any:
    """Objects that are all texts or missing, as Arrow; None when they are not."""
    import pyarrow as pa
    from pandas.api.types import infer_dtype

    if infer_dtype(block, skipna=True) not in ("string", "empty"):
        return None
    try:
        return pa.array(block, type=pa.large_string(), from_pandas=True)
    except (UnicodeEncodeError, pa.ArrowInvalid, pa.ArrowTypeError):
        return None  # a lone surrogate, or a subclass of str


def _without_padding(array: NDArray[Any]) -> list[NDArray[Any]]:
    """Only part of a long double's bytes is its value: split it into two plain doubles."""
    import numpy as np

    if array.dtype.char == "G":
        return [part for half in (array.real, array.imag) for part in _without_padding(half)]
    high = array.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinity less itself
        return [high, (array - high).astype(np.float64)]


def _add_interleaved(states: Sequence[Any], columns: Sequence[NDArray[Any]]) -> None:
    """Add columns side by side, so many rows at a time that all of them stay in the cache."""
    import numpy as np

    dtype = np.dtype(np.int64) if columns[0].dtype.kind in "Mm" else columns[0].dtype
    rows = max(64, BLOCK * 8 // (len(columns) * dtype.itemsize))
    beside = np.empty((len(columns), rows), dtype=dtype)
    for start in range(0, len(columns[0]), rows):
        block = beside[:, : min(rows, len(columns[0]) - start)]
        for row, column in zip(block, columns, strict=True):
            row[...] = column[start : start + rows].view(dtype)
        if _has_other_nan(block):
            np.copyto(block, np.nan, where=np.isnan(block))
        for state, row in zip(states, block, strict=True):
            state.update(row)


def _has_other_nan(block: NDArray[Any]) -> bool:
    """Whether a block has a NaN of other bits than the usual ones."""
    import numpy as np

    if block.dtype.kind != "f" or not (unknown := np.isnan(block)).any():
        return False
    # Nearly always every NaN has the usual bits already, and counting is cheaper than writing.
    bits = f"u{block.itemsize}"
    usual = np.array([np.nan], dtype=block.dtype).view(bits)
    return bool(np.count_nonzero(block.view(bits) == usual) != np.count_nonzero(unknown))


def _add_numbers(state: Any, values: NDArray[Any]) -> None:
    """Add values of fixed width block by block, with one bit pattern for NaN."""
    import numpy as np

    if values.dtype.kind in "Mm":
        values = values.view(np.int64)
    for start in range(0, len(values), BLOCK):
        block = np.ascontiguousarray(values[start : start + BLOCK])
        if block.dtype.kind == "c":
            block = block.view(block.real.dtype)
        if _has_other_nan(block):
            block = np.where(np.isnan(block), np.array([np.nan], dtype=block.dtype), block)
        state.update(block if block.dtype.kind in "biuf" else block.tobytes())


def _add_arrow(state: Any, kind: Any, chunks: list[Any]) -> None:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):  # counts by its values: how they are numbered differs from file to file
        _add_arrow(state, kind.value_type, [chunk.cast(kind.value_type) for chunk in chunks])
    elif types.is_string_view(kind):
        _add_texts(state, [chunk.cast(pa.large_string()) for chunk in chunks])
    elif types.is_string(kind) or types.is_large_string(kind):
        _add_texts(state, chunks)
    elif types.is_boolean(kind) or (types.is_primitive(kind) and kind.bit_width in (8, 16, 32, 64)):
        _add_primitives(state, kind, chunks)
    else:
        _add_message(state, kind, chunks)


def _add_texts(state: Any, chunks: list[Any]) -> None:
    """Add the lengths, the bytes and the gaps of texts: together they say everything, whatever the offsets."""
    import numpy as np
    import pyarrow.compute as pc

    lengths, content, gaps = new_hash(), new_hash(), new_hash()
    row = 0
    for chunk in chunks:
        missing = np.flatnonzero(np.asarray(chunk.is_null())) if chunk.null_count else None
        if missing is not None:
            gaps.update(missing + row)
            offsets, _ = _offsets_and_bytes(chunk)
            if (offsets[missing + 1] != offsets[missing]).any():
                # Bytes behind a missing value are no content.
                chunk = pc.fill_null(chunk, "")
        _add_lengths_and_bytes(lengths, content, chunk)
        row += len(chunk)
    for part in (lengths, content, gaps):
        state.update(part.digest())


def _add_lengths_and_bytes(lengths: Any, content: Any, chunk: Any) -> None:
    import numpy as np

    offsets, everything = _offsets_and_bytes(chunk)
    row = np.empty(BLOCK, dtype=np.uint32)
    for start in range(0, len(chunk), BLOCK):
        end = min(start + BLOCK, len(chunk))
        # 32 bits of a length are enough, for the bytes are hashed too.
        np.subtract(offsets[start + 1 : end + 1], offsets[start:end], out=row[: end - start], casting="unsafe")
        lengths.update(row[: end - start])
        content.update(everything[int(offsets[start]) : int(offsets[end])])


def _offsets_and_bytes(chunk: Any) -> tuple[NDArray[Any], memoryview]:
    import numpy as np
    import pyarrow as pa

    _, offsets, content = chunk.buffers()
    width = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
    if not len(chunk):
        return np.zeros(1, dtype=width), memoryview(b"")
    borders = np.frombuffer(offsets, dtype=width)[chunk.offset : chunk.offset + len(chunk) + 1]
    return borders, memoryview(content if content is not None else b"")


def _add_primitives(state: Any, kind: Any, chunks: list[Any]) -> None:
    import numpy as np
    import pyarrow as pa

    gaps, row = new_hash(), 0
    for chunk in chunks:
        missing = np.asarray(chunk.is_null()) if chunk.null_count else None
        if pa.types.is_boolean(kind):
            values = np.asarray(chunk.fill_null(False))
        else:
            code = f"{'f' if pa.types.is_floating(kind) else 'i'}{kind.bit_width // 8}"
            buffer = chunk.buffers()[1]
            values = np.frombuffer(buffer if buffer is not None else b"", dtype=code)
            values = values[chunk.offset : chunk.offset + len(chunk)]
        if missing is not None:
            gaps.update(np.flatnonzero(missing) + row)
            values = np.where(missing, np.zeros(1, dtype=values.dtype), values)
        _add_numbers(state, values)
        row += len(chunk)
    state.update(gaps.digest())


def _add_message(state: Any, kind: Any, chunks: list[Any]) -> None:
    """Add nested and rare types as one Arrow message, which starts every offset at zero."""
    import pyarrow as pa

    whole = pa.concat_arrays(chunks) if chunks else pa.array([], type=kind)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("values", kind)])) as stream:
        stream.write_batch(pa.record_batch([whole], names=["values"]))
    state.update(sink.getvalue())

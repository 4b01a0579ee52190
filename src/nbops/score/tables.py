"""Tables as streams: read batch by batch, written piece by piece, never whole in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbops.errors import UsageError

FORMATS = (".parquet", ".csv", ".arrow", ".arrows")
"""What can be read and written: Parquet, CSV with a header, an Arrow IPC file, an Arrow IPC stream."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table that is read in batches of about equal size."""

    schema: Any
    """The Arrow schema."""
    rows: int | None
    """How many rows there are; None where the format does not say."""
    batches: Callable[[int], Iterator[Any]]
    """Given a number of rows, the batches as Arrow record batches, from the first."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.schema.names)


def format_of(path: Path) -> str:
    """Return the format that a file's name says.

    Raises:
        UsageError: it says none that is known.

    Example:
        >>> format_of(Path("a/customers.PARQUET"))
        '.parquet'
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(
            f"{path.name} is of no known format; there are {', '.join(FORMATS)}",
            code="format_unknown",
            hint=f"name it {path.stem}.parquet or {path.stem}.csv",
        )
    return suffix


def open_source(path: Path, *, texts: list[str]) -> Source:
    """Open a table for reading in batches.

    Args:
        path: the file.
        texts: columns that are texts even where a CSV holds digits in them.

    Returns:
        The table; nothing but its head has been read.

    Raises:
        UsageError: the file is missing, of an unknown format, or not what its name says.
    """
    suffix = format_of(path)
    if not path.is_file():
        raise UsageError(f"there is no file {path}", code="file_missing", hint="ls " + str(path.parent))
    import pyarrow as pa

    try:
        if suffix == ".parquet":
            return _parquet(path)
        if suffix == ".csv":
            return _csv(path, texts)
        return _ipc(path, is_stream=suffix == ".arrows")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read as {suffix[1:]}: {error}", code="file_unreadable", hint=f"head -c 200 {path}"
        ) from error


def _parquet(path: Path) -> Source:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema, rows = file.schema_arrow, int(file.metadata.num_rows)

    def batches(size: int) -> Iterator[Any]:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=size)

    return Source(schema, rows, batches)


def _csv(path: Path, texts: list[str]) -> Source:
    import pyarrow as pa
    from pyarrow import csv

    convert = csv.ConvertOptions(column_types={name: pa.string() for name in texts}, strings_can_be_null=True)

    def opened() -> Any:
        return csv.open_csv(path, convert_options=convert, read_options=csv.ReadOptions(block_size=4 * 2**20))

    with opened() as reader:
        schema = reader.schema

    def batches(size: int) -> Iterator[Any]:
        with opened() as reader:
            for batch in reader:
                for start in range(0, batch.num_rows, size):
                    yield batch.slice(start, size)

    return Source(schema, None, batches)


def _ipc(path: Path, *, is_stream: bool) -> Source:
    import pyarrow as pa

    def stored(reader: Any) -> Iterator[Any]:
        if is_stream:
            yield from reader
        else:
            yield from (reader.get_batch(place) for place in range(reader.num_record_batches))

    def opened(file: Any) -> Any:
        return pa.ipc.open_stream(file) if is_stream else pa.ipc.open_file(file)

    with pa.memory_map(str(path)) as file:
        schema = opened(file).schema

    def batches(size: int) -> Iterator[Any]:
        with pa.memory_map(str(path)) as file:
            for batch in stored(opened(file)):
                for start in range(0, batch.num_rows, size):
                    yield batch.slice(start, size)

    return Source(schema, None, batches)


@contextlib.contextmanager
def open_sink(path: Path, schema: Any) -> Iterator[Callable[[Any], None]]:
    """Write a table piece by piece.

    Args:
        path: the file; its name says the format.
        schema: the Arrow schema of every piece.

    Returns:
        A context manager that gives a function to write one Arrow table with.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    writers: dict[str, Callable[[], Any]] = {
        ".parquet": lambda: pq.ParquetWriter(path, schema),
        ".csv": lambda: csv.CSVWriter(path, schema),
        ".arrow": lambda: pa.ipc.new_file(path, schema),
        ".arrows": lambda: pa.ipc.new_stream(path, schema),
    }
    with writers[format_of(path)]() as writer:
        yield writer.write_table

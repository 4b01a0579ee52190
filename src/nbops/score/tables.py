"""Tables as streams: read batch by batch, written piece by piece, never whole in memory.

A table is a file, a pattern, or a folder of files, on any file system that fsspec knows.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from nbops.errors import UsageError

FORMATS = (".parquet", ".csv", ".csv.gz", ".arrow", ".arrows")
"""What can be read and written: Parquet, CSV with a header, a gzipped one, an Arrow IPC file, an Arrow IPC stream."""
_PATTERN = set("*?[")


@dataclass(frozen=True, slots=True)
class Source:
    """A table that is read in batches of about equal size."""

    name: str
    """What it is called in messages: the last part of its address."""
    schema: Any
    """The Arrow schema."""
    rows: int | None
    """How many rows there are; None where the format does not say."""
    batches: Callable[[int], Iterator[Any]]
    """Given a number of rows, the batches as Arrow record batches, from the first."""
    key: str
    """Changes with the files: their names, sizes and times."""
    modified_at: float
    """When the newest of its files was written, seconds since the epoch, UTC."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.schema.names)


@dataclass(frozen=True, slots=True)
class Place:
    """Where files are: a file system and a path on it."""

    files: Any
    """The file system, as fsspec has it."""
    path: str
    is_local: bool

    @property
    def name(self) -> str:
        """The last part of the path."""
        return posixpath.basename(self.path.rstrip("/")) or self.path

    def beside(self, path: str) -> Place:
        """Another path on the same file system."""
        return Place(self.files, path, self.is_local)


def place_of(address: str | os.PathLike[str]) -> Place:
    """Find the file system of an address.

    Args:
        address: a path, or an address such as ``s3://bucket/customers.parquet``.

    Raises:
        UsageError: there is no such file system, or what it needs is not installed.

    Example:
        >>> place_of("memory://a/customers.csv").name
        'customers.csv'
    """
    import fsspec

    text = os.fspath(address)
    try:
        files, path = fsspec.core.url_to_fs(text)
    except (ValueError, ImportError) as error:
        protocol = text.partition("://")[0]
        extra = "'nbops[s3]'" if protocol == "s3" else f"'fsspec[{protocol}]'"
        raise UsageError(
            f"{text} cannot be reached: {error}", code="address_unknown", hint=f"pip install {extra}"
        ) from error
    return Place(files, path, "file" in files.protocol)


def format_of(path: str | os.PathLike[str]) -> str:
    """Return the format that a file's name says.

    Raises:
        UsageError: it says none that is known.

    Example:
        >>> format_of("a/customers.PARQUET")
        '.parquet'
        >>> format_of("customers.csv.gz")
        '.csv.gz'
    """
    name = PurePosixPath(os.fspath(path)).name
    found = next((suffix for suffix in FORMATS if name.lower().endswith(suffix)), None)
    if found is None:
        stem = name.partition(".")[0]
        raise UsageError(
            f"{name} is of no known format; there are {', '.join(FORMATS)}",
            code="format_unknown",
            hint=f"name it {stem}.parquet or {stem}.csv",
        )
    return found


def open_source(address: str | os.PathLike[str], *, texts: Sequence[str] | None) -> Source:
    """Open a table for reading in batches.

    Args:
        address: a file, a pattern such as ``data/*.parquet``, or a folder, whose files are read in the order of their
            names; hidden ones and those that begin with ``_`` are left out.
        texts: columns that are texts even where a CSV holds digits in them; None reads every column of a CSV as text.

    Returns:
        The table; nothing but the heads of its files has been read.

    Raises:
        UsageError: a file is missing, of no known format, not what its name says, or has other columns than the first.
    """
    place = place_of(address)
    parts = [_Part(place.beside(path), texts) for path in _paths(place)]
    first = parts[0].head()
    counts = [first.rows, *(_fitting(part, parts[0], first.schema) for part in parts[1:])]
    known = [count for count in counts if count is not None]

    def batches(size: int) -> Iterator[Any]:
        for part in parts:
            for batch in part.batches(size):
                yield batch if batch.schema == first.schema else batch.select(first.schema.names).cast(first.schema)

    stamp = " ".join(f"{part.place.path} {_state(part.place)}" for part in parts)
    return Source(
        name=place.name,
        schema=first.schema,
        rows=sum(known) if len(known) == len(parts) else None,
        batches=batches,
        key=hashlib.sha256(stamp.encode()).hexdigest(),
        modified_at=max(_modified_at(part.place) for part in parts),
    )


def _paths(place: Place) -> list[str]:
    files, path = place.files, place.path
    try:
        if _PATTERN & set(path) and not files.exists(path):
            found = sorted(one for one in files.glob(path) if not files.isdir(one))
        elif files.isdir(path):
            found = sorted(one for one in files.find(path) if _is_data(posixpath.relpath(one, path)))
        elif files.isfile(path):
            return [path]
        else:
            raise UsageError(
                f"there is no file {path}", code="file_missing", hint=f"ls {posixpath.dirname(path) or '.'}"
            )
    except OSError as error:
        raise UsageError(f"{path} cannot be listed: {error}", code="file_unreadable", hint=f"ls {path}") from error
    if not found:
        raise UsageError(f"there are no files in {path}", code="file_missing", hint=f"ls {posixpath.dirname(path)}")
    return found


def _is_data(path: str) -> bool:
    """Engines leave notes beside the data they write: ``_SUCCESS``, ``.part.crc``."""
    return not any(part.startswith((".", "_")) for part in path.split("/"))


def _state(place: Place) -> str:
    if place.is_local:
        state = Path(place.path).stat()
        return f"{state.st_size} {state.st_mtime_ns}"
    return str(place.files.ukey(place.path))


def _modified_at(place: Place) -> float:
    try:
        return float(place.files.modified(place.path).timestamp())
    except NotImplementedError:
        return time.time()  # a web server, say, which does not tell


@dataclass(frozen=True, slots=True)
class _Head:
    schema: Any
    rows: int | None


class _Part:
    """One file of a table."""

    def __init__(self, place: Place, texts: Sequence[str] | None) -> None:
        self.place = place
        self._texts = texts
        self._read = _READERS[format_of(place.path)]

    def head(self) -> _Head:
        """Read what the file says of itself."""
        with self._mapped():
            texts = self._kept_as_text()
            with self._opened() as file:
                head: _Head = next(self._read(file, 1, texts))
                return head

    def batches(self, size: int) -> Iterator[Any]:
        """Read the file from its beginning, in batches of at most ``size`` rows."""
        with self._mapped():
            texts = self._kept_as_text()
            with self._opened() as file:
                pieces = self._read(file, size, texts)
                next(pieces)
                for batch in pieces:
                    for start in range(0, batch.num_rows, size):
                        yield batch.slice(start, size)

    def _kept_as_text(self) -> Sequence[str]:
        """Columns of a CSV that are texts; there is no way to say "every one" before their names are known."""
        if self._texts is not None or not format_of(self.place.path).startswith(".csv"):
            return self._texts or ()
        from pyarrow import csv

        with self._opened() as file, csv.open_csv(file) as reader:
            names: list[str] = reader.schema.names
            return names

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        import pyarrow as pa

        with contextlib.ExitStack() as stack:
            if self.place.is_local:
                file = stack.enter_context(pa.OSFile(self.place.path))
            else:
                file = pa.PythonFile(stack.enter_context(self.place.files.open(self.place.path, "rb")), mode="r")
            yield pa.CompressedInputStream(file, "gzip") if self.place.path.lower().endswith(".gz") else file

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        """Say of any failure which file it is."""
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError, ValueError) as error:
            suffix = format_of(self.place.path)[1:]
            raise UsageError(
                f"{self.place.path} cannot be read as {suffix}: {error}",
                code="file_unreadable",
                hint=f"head -c 200 {self.place.path}",
            ) from error


def _fitting(part: _Part, first: _Part, schema: Any) -> int | None:
    """Hold a file against the first one; return its rows."""
    head = part.head()
    if head.schema.equals(schema):
        return head.rows
    names = set(head.schema.names)
    missing = [name for name in schema.names if name not in names]
    extra = [name for name in head.schema.names if name not in set(schema.names)]
    other = [
        f"{name} is {head.schema.field(name).type} and not {field.type}"
        for name, field in zip(schema.names, schema, strict=True)
        if name in names and not _can_become(head.schema.field(name).type, field.type)
    ]
    said = [f"lacks {', '.join(missing)}"] if missing else []
    said += [f"has {', '.join(extra)} besides"] if extra else []
    said += other
    if said:
        raise UsageError(
            f"{part.place.path} does not have the columns of {first.place.name}: {'; '.join(said)}",
            code="columns_differ",
            hint="score them one by one",
        )
    return head.rows


def _can_become(held: Any, wanted: Any) -> bool:
    """Whether values of one type can stand in a column of another without loss of sense."""
    import pyarrow as pa

    kinds = (
        lambda one: pa.types.is_integer(one) or pa.types.is_floating(one),
        lambda one: pa.types.is_string(one) or pa.types.is_large_string(one),
        pa.types.is_timestamp,
    )
    return held.equals(wanted) or pa.types.is_null(held) or any(kind(held) and kind(wanted) for kind in kinds)


# Each reader gives the head of an open file first, then its batches.


def _parquet(file: Any, size: int, texts: Sequence[str]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    # What it buffers ahead it keeps to the end: the memory would grow with the file.
    parquet = pq.ParquetFile(file, pre_buffer=False)
    yield _Head(parquet.schema_arrow, int(parquet.metadata.num_rows))
    yield from parquet.iter_batches(batch_size=size)


def _csv(file: Any, size: int, texts: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv

    convert = csv.ConvertOptions(column_types={name: pa.string() for name in texts}, strings_can_be_null=True)
    with csv.open_csv(file, convert_options=convert, read_options=csv.ReadOptions(block_size=_BLOCK_BYTES)) as reader:
        yield _Head(reader.schema, None)
        yield from reader


_BLOCK_BYTES = 4 * 2**20


def _ipc_file(file: Any, size: int, texts: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa

    reader = pa.ipc.open_file(file)
    yield _Head(reader.schema, None)
    yield from (reader.get_batch(place) for place in range(reader.num_record_batches))


def _ipc_stream(file: Any, size: int, texts: Sequence[str]) -> Iterator[Any]:
    import pyarrow as pa

    reader = pa.ipc.open_stream(file)
    yield _Head(reader.schema, None)
    yield from reader


_READERS: dict[str, Callable[[Any, int, Sequence[str]], Iterator[Any]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".csv.gz": _csv,
    ".arrow": _ipc_file,
    ".arrows": _ipc_stream,
}


@contextlib.contextmanager
def open_sink(path: str | os.PathLike[str], schema: Any) -> Iterator[Callable[[Any], None]]:
    """Write a table piece by piece.

    Args:
        path: the file, on this machine; its name says the format.
        schema: the Arrow schema of every piece.

    Returns:
        A context manager that gives a function to write one Arrow table with.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    plain = csv.WriteOptions(quoting_style="needed")
    writers: dict[str, Callable[[Any], Any]] = {
        ".parquet": lambda file: pq.ParquetWriter(file, schema),
        ".csv": lambda file: csv.CSVWriter(file, schema, write_options=plain),
        ".csv.gz": lambda file: csv.CSVWriter(file, schema, write_options=plain),
        ".arrow": lambda file: pa.ipc.new_file(file, schema),
        ".arrows": lambda file: pa.ipc.new_stream(file, schema),
    }
    suffix = format_of(path)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(pa.OSFile(os.fspath(path), "w"))
        if suffix == ".csv.gz":
            file = stack.enter_context(pa.CompressedOutputStream(file, "gzip"))
        yield stack.enter_context(writers[suffix](file)).write_table

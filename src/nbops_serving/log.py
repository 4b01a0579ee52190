"""The prediction log: what was asked and what was answered, kept beside the server and read by monitoring.

Writing (``Writer``) never waits for a disk: a request appends to a bounded queue, a thread of its own encodes and
writes a few times a second. When the disk is full or the queue overflows, records are dropped and counted, and
serving goes on.

Reading (``read``) is for whoever watches the model::

    for batch in read(folder, since=time.time() - 3600):
        batch.inputs["age"]        # list, one value per row; None where it was missing
        batch.predictions          # list, one per row
        batch.requests             # one Request per request: request_id, at, latency_ms, status, rows
        batch.request_of           # per row, its place in batch.requests
        batch.model, batch.version, batch.model_version_id

A folder holds parts named by start time and process. A part begins with a magic line; then come frames of
``length (u32), crc32 (u32), payload``, little-endian. The first frame is a ``Header``, each other one a block of
records, both msgpack. Rows that came by column are kept so: ``{"columns": …}`` with what ``nbops_serving.table.packed``
makes. A part that was cut off in the middle of a frame (a killed server, a full disk) is read up to there. Raise
``MAGIC``'s number when the layout changes, and keep reading the older ones (1 had no rows by column).
"""

from __future__ import annotations

import os
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

MAGIC = b"nbops predictions 2\n"
_READABLE = (b"nbops predictions 1\n", MAGIC)
SUFFIX = ".predictions"
PART_BYTES = 64 * 2**20
PART_SECONDS = 3600.0
MOST_QUEUED = 20_000
"""Requests that wait to be written, and …"""
MOST_QUEUED_ROWS = 500_000
"""… the rows in them; more are dropped and counted."""
_BLOCK_REQUESTS, _BLOCK_ROWS = 1000, 50_000
"""How much becomes one frame, unless a single request has more rows."""
FLUSH_SECONDS = 0.05
_FRAME = struct.Struct("<II")
_MOST_FRAME_BYTES = 2**30


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What all records of a part share."""

    columns: list[str]
    model: str
    version: int
    model_version_id: str
    host: str
    pid: int
    started_at: float


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One request as it is written."""

    request_id: str
    at: float
    latency_ms: float
    status: int
    rows: Any
    """Rows as sequences in the order of the header's columns, or a table; None for a request that was refused."""
    predictions: Any
    probabilities: Any = None
    code: str = ""
    """Why a request was refused."""


class Request(msgspec.Struct, frozen=True):
    """One request as it is read."""

    request_id: str
    at: float
    """Seconds since the epoch, UTC, when it arrived."""
    latency_ms: float
    status: int
    rows: int
    code: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """A stretch of the log, its rows by column."""

    model: str
    version: int
    model_version_id: str
    requests: list[Request]
    inputs: dict[str, list[Any]]
    """Column → one value per row, None where it was missing."""
    predictions: list[Any]
    """One per row."""
    probabilities: list[list[float] | None]
    """One per row; None where the model has none."""
    request_of: list[int]
    """For each row, the place of its request in ``requests``."""


def read(
    folder: str | os.PathLike[str],
    since: float | None = None,
    until: float | None = None,
    *,
    heard: Callable[[int], None] | None = None,
) -> Iterator[Batch]:
    """Read a prediction log.

    It may be read while servers write to it; what is not on the disk yet comes with the next call. Refused requests
    are among ``requests`` and have no rows.

    Args:
        folder: the folder given to the server as ``--log``.
        since: leave out requests that arrived before this time, seconds since the epoch.
        until: leave out requests that arrived at this time or later.
        heard: is told of every stretch of the log that was read how many bytes it had; ``size_of`` says how many
            there are.

    Returns:
        An iterator of batches, each part in the order in which its requests were answered.

    Raises:
        FileNotFoundError: there is no such folder.

    Example:
        >>> import tempfile
        >>> list(read(tempfile.mkdtemp()))
        []
    """
    earliest = -float("inf") if since is None else since
    latest = float("inf") if until is None else until
    for part in _parts(folder):
        if part.stat().st_mtime >= earliest:
            yield from _read_part(part, earliest, latest, heard or (lambda _: None))


def size_of(folder: str | os.PathLike[str], since: float | None = None) -> int:
    """Say how many bytes ``read`` will read; FileNotFoundError when there is no such folder."""
    states = [part.stat() for part in _parts(folder)]
    return sum(state.st_size for state in states if since is None or state.st_mtime >= since)


def _parts(folder: str | os.PathLike[str]) -> list[Path]:
    return sorted(entry for entry in Path(folder).iterdir() if entry.name.endswith(SUFFIX))


def _read_part(part: Path, since: float, until: float, heard: Callable[[int], None]) -> Iterator[Batch]:
    header: Header | None = None
    records = msgspec.msgpack.Decoder(list[Record])
    for payload in _frames(part):
        heard(_FRAME.size + len(payload))
        if header is None:
            header = msgspec.msgpack.decode(payload, type=Header)
            continue
        kept = [record for record in records.decode(payload) if since <= record.at < until]
        if kept:
            yield _batch(header, kept)


def _frames(part: Path) -> Iterator[bytes]:
    with part.open("rb") as file:
        if file.read(len(MAGIC)) not in _READABLE:
            return
        while len(head := file.read(_FRAME.size)) == _FRAME.size:
            length, checksum = _FRAME.unpack(head)
            payload = file.read(length) if length <= _MOST_FRAME_BYTES else b""
            if len(payload) != length or zlib.crc32(payload) != checksum:
                return  # the torn tail of a server that was killed, or a frame being written just now
            yield payload


def _batch(header: Header, records: list[Record]) -> Batch:
    rows: list[Sequence[Any]] = []
    predictions: list[Any] = []
    probabilities: list[list[float] | None] = []
    request_of: list[int] = []
    requests = []
    for place, record in enumerate(records):
        given = _rows_of(record)
        count = len(given)
        requests.append(Request(record.request_id, record.at, record.latency_ms, record.status, count, record.code))
        if not count:
            continue
        rows.extend(given)
        predictions.extend(record.predictions)
        probabilities.extend(record.probabilities or [None] * count)
        request_of.extend([place] * count)
    columns = zip(*rows, strict=True) if rows else ([] for _ in header.columns)
    inputs = {name: list(values) for name, values in zip(header.columns, columns, strict=True)}
    return Batch(
        model=header.model,
        version=header.version,
        model_version_id=header.model_version_id,
        requests=requests,
        inputs=inputs,
        predictions=predictions,
        probabilities=probabilities,
        request_of=request_of,
    )


def _rows_of(record: Record) -> Sequence[Sequence[Any]]:
    if not isinstance(record.rows, dict):
        return record.rows or []
    from nbops_serving.table import unpacked

    return unpacked(record.rows["columns"])


class Writer:
    """Appends records to the log from a thread of its own.

    One process and one writer per part; several processes may share the folder.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        header: Header,
        *,
        part_bytes: int = PART_BYTES,
        part_seconds: float = PART_SECONDS,
        most_queued: int = MOST_QUEUED,
        most_queued_rows: int = MOST_QUEUED_ROWS,
        counted: Callable[[str, int], None] = lambda name, records: None,
    ) -> None:
        self.folder = Path(folder)
        self.header = header
        self.part_bytes, self.part_seconds = part_bytes, part_seconds
        self.most_queued, self.most_queued_rows = most_queued, most_queued_rows
        self._counted = counted
        self.written = 0
        """Records that reached the file."""
        self.dropped = 0
        """Records that the disk refused."""
        self.overflowed = 0
        """Records that came while the queue was full."""
        self.problem = ""
        """The last error of the disk; empty when writing works."""
        self._queue: deque[Record] = deque()
        self._rows_in = self._rows_out = 0  # one for each thread, so that neither needs a lock
        self._encoder = msgspec.msgpack.Encoder(enc_hook=_encodable)
        self._wake = threading.Event()
        self._is_awake = False
        self._is_closing = False
        self._file: BinaryIO | None = None
        self._size = 0
        self._opened_at = 0.0
        self._part = 0
        self._thread = threading.Thread(target=self._run, name="nbops-prediction-log", daemon=True)
        self._thread.start()

    def add(self, record: Record) -> None:
        """Queue one record; never blocks, never raises."""
        if len(self._queue) >= self.most_queued or self._rows_in - self._rows_out >= self.most_queued_rows:
            self.overflowed += 1
            self._counted("log_overflowed", 1)
            return
        self._queue.append(record)
        self._rows_in += len(record.rows or ())
        if not self._is_awake:
            self._is_awake = True
            self._wake.set()

    def close(self) -> None:
        """Write what is queued and stop the thread."""
        self._is_closing = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_closing:
            self._wake.wait()
            if not self._is_closing:
                time.sleep(FLUSH_SECONDS)  # gather: one frame for many requests
            self._wake.clear()
            self._is_awake = False
            self._drain()
        self._drain()
        self._end_part()

    def _drain(self) -> None:
        while self._queue:
            block = self._block()
            try:
                self._write(self._encoder.encode(block))
            except OSError as error:
                # The disk is full, gone or read-only: serving is worth more than its record. The next block tries
                # again.
                self.dropped += len(block)
                self._counted("log_dropped", len(block))
                self.problem = str(error.strerror or error)
                self._give_up_part()
            else:
                self.written += len(block)
                self._counted("log_written", len(block))
                self.problem = ""
            self._rows_out += sum(len(record.rows or ()) for record in block)

    def _block(self) -> list[Record]:
        block: list[Record] = []
        rows = 0
        while self._queue and len(block) < _BLOCK_REQUESTS and rows < _BLOCK_ROWS:
            block.append(self._queue.popleft())
            rows += len(block[-1].rows or ())
        return block

    def _write(self, payload: bytes) -> None:
        now = time.time()
        if self._file is not None and (self._size >= self.part_bytes or now - self._opened_at >= self.part_seconds):
            self._end_part()
        file = self._file or self._begin_part(now)
        frame = _FRAME.pack(len(payload), zlib.crc32(payload)) + payload
        written = 0
        while written < len(frame):  # unbuffered: what is written survives a kill of this process
            written += file.write(memoryview(frame)[written:])
        self._size += len(frame)

    def _begin_part(self, now: float) -> BinaryIO:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._part += 1
        name = f"{int(now * 1000):013d}-{self.header.pid}-{self._part:06d}{SUFFIX}"
        payload = msgspec.msgpack.encode(self.header)
        start = MAGIC + _FRAME.pack(len(payload), zlib.crc32(payload)) + payload
        file = (self.folder / name).open("xb", buffering=0)
        self._file = file
        file.write(start)
        self._size, self._opened_at = len(start), now
        return file

    def _end_part(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            os.fsync(file.fileno())
            file.close()
        except OSError as error:
            self.problem = str(error.strerror or error)

    def _give_up_part(self) -> None:
        """Cut a half-written frame off, so that the part stays readable, and begin another one next time."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.truncate(self._size if self._size > len(MAGIC) else 0)
            file.close()
        except OSError as error:
            self.problem = str(error.strerror or error)


def _encodable(value: object) -> Any:
    from nbops_serving.table import Table, packed

    return {"columns": packed(value)} if isinstance(value, Table) else str(value)

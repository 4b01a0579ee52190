"""Who answers the batches of a table: this process, several of this machine, or the workers of a dask cluster.

All give the pieces in the table's order and hold only a few batches at a time. What was answered is on the disk of
whoever asked before it counts.
"""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import msgspec

from nbops.errors import ScoreError, UsageError
from nbops.score.answering import Piece, answer_batch

RunnerName = Literal["local", "dask"]
RUNNERS: tuple[str, ...] = get_args(RunnerName)

Batches = Iterable[tuple[int, Any]]
"""Batches by number; None for one that an earlier run has answered."""


@dataclass(frozen=True)
class Task:
    """What is the same for all batches of a table."""

    path: str
    """Folder of the bundle."""
    digest: str
    folder: str
    """Where answered batches are kept."""
    run: str


class Worker(Protocol):
    """Answers batches."""

    def answer(self, task: Task, batches: Batches) -> Iterator[tuple[int, Piece | None]]:
        """Answer batches and keep them; give what became of each, in their order, None for one that was answered."""
        ...


@contextlib.contextmanager
def worker_of(name: RunnerName, *, scheduler: str | None, jobs: int) -> Iterator[Worker]:
    """Open what answers.

    Raises:
        UsageError: a scheduler was named that the runner does not have.
        ScoreError: the cluster cannot be reached, or its workers cannot answer.
        MissingError: dask is not installed.
    """
    if name == "local":
        if scheduler is not None:
            raise UsageError(f"the local runner has no scheduler, and {scheduler} was given", hint="add --runner dask")
        yield Processes(jobs) if jobs > 1 else ThisProcess()
        return
    from nbops.clusters import Dask

    dask = Dask(scheduler, threads=jobs, to="score on dask", error=ScoreError)
    try:
        yield OnDask(dask.client)
    finally:
        dask.close()


class ThisProcess:
    """One batch after the other."""

    def answer(self, task: Task, batches: Batches) -> Iterator[tuple[int, Piece | None]]:
        for number, batch in batches:
            yield number, None if batch is None else _answer_and_keep(task, number, batch)


class Processes:
    """Several processes of this machine."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def answer(self, task: Task, batches: Batches) -> Iterator[tuple[int, Piece | None]]:
        import joblib

        parallel = joblib.Parallel(n_jobs=self._jobs, return_as="generator", pre_dispatch=2 * self._jobs)
        yield from parallel(joblib.delayed(_numbered)(task, number, batch) for number, batch in batches)


def _numbered(task: Task, number: int, batch: Any) -> tuple[int, Piece | None]:
    return number, None if batch is None else _answer_and_keep(task, number, batch)


def _answer_and_keep(task: Task, number: int, batch: Any) -> Piece:
    table, piece = answer_batch(task.path, task.digest, task.run, number, batch)
    keep(task.folder, number, table, piece)
    return piece


def keep(folder: str, number: int, table: Any, piece: Piece) -> None:
    """Leave an answered batch on the disk: its table first, then the note that it is whole."""
    import pyarrow as pa

    place = Path(folder)
    written = place / f"{number}.{os.getpid()}"
    with pa.ipc.new_file(written, table.schema) as writer:
        writer.write_table(table)
    written.replace(place / f"{number}.arrow")
    noted = place / f"{number}.{os.getpid()}.note"
    noted.write_bytes(msgspec.json.encode(piece))
    noted.replace(place / f"{number}.json")


class OnDask:
    """The workers of a dask cluster: the bundle travels once, batches and answers as Arrow."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def answer(self, task: Task, batches: Batches) -> Iterator[tuple[int, Piece | None]]:
        files = {path.relative_to(task.path).as_posix(): path.read_bytes() for path in _files(task.path)}
        # A task of its own: should the worker that holds it be lost, the scheduler makes it again elsewhere.
        bundle = self._client.submit(_same, files, key=f"nbops-bundle-{task.digest}", pure=False)
        most = 2 * max(sum(self._client.nthreads().values()), 1)
        waiting: deque[tuple[int, Any]] = deque()
        for number, batch in batches:
            waiting.append((number, None if batch is None else self._sent(task, bundle, number, batch)))
            if len(waiting) >= most:
                yield self._received(task, *waiting.popleft())
        while waiting:
            yield self._received(task, *waiting.popleft())

    def _sent(self, task: Task, bundle: Any, number: int, batch: Any) -> Any:
        key = f"nbops-score-{task.run}-{number}-{os.urandom(4).hex()}"
        return self._client.submit(_answer_there, bundle, task.digest, task.run, number, batch, key=key, pure=False)

    def _received(self, task: Task, number: int, sent: Any) -> tuple[int, Piece | None]:
        if sent is None:
            return number, None
        try:
            table, piece = sent.result()
        except Exception as error:
            # Whatever a worker raised comes here: a library that it lacks, the end of the worker itself.
            raise ScoreError(
                f"batch {number} could not be answered on the cluster: {type(error).__name__}: {error}",
                code="worker_failed",
                hint="the same command goes on where it stood; --runner local answers here",
            ) from error
        keep(task.folder, number, table, piece)
        return number, piece


def _files(folder: str) -> list[Path]:
    return sorted(path for path in Path(folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)


# ── on the worker ─────────────────────────────────────────────────────────────────────────────────────────────────


def _same(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return files


def _answer_there(files: Mapping[str, bytes], digest: str, run: str, number: int, batch: Any) -> tuple[Any, Piece]:
    return answer_batch(_unpacked(_Files(digest, files)), digest, run, number, batch)


@dataclass(frozen=True)
class _Files:
    """Files of a bundle, known by its digest."""

    digest: str
    content: Mapping[str, bytes]

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Files) and self.digest == other.digest


_folders: list[tempfile.TemporaryDirectory[str]] = []
"""Bundles of this worker; they go with it."""


@functools.lru_cache(maxsize=8)
def _unpacked(files: _Files) -> str:
    folder = tempfile.TemporaryDirectory(prefix="nbops-bundle-")
    _folders.append(folder)
    for name, content in files.content.items():
        path = Path(folder.name, name)
        if not path.resolve().is_relative_to(Path(folder.name).resolve()):
            raise ScoreError(f"{name} lies outside of the bundle", code="bundle_altered")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder.name

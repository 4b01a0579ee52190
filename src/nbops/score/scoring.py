"""Scoring a file, batch by batch; a run that was cut off goes on where it stood."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from nbops.errors import UsageError
from nbops.progress import Stage, stage
from nbops.records import Bundle
from nbops.score.answering import Piece, added_columns, opened
from nbops.score.columns import article, can_hold
from nbops.score.tables import Place, Source, format_of, open_sink, open_source, place_of
from nbops.score.workers import RunnerName, Task, Worker, worker_of
from nbops_serving.bundle import OpenBundle

BATCH_ROWS = 20_000
BadRows = Literal["keep", "reject"]
"""What becomes of rows that cannot be answered."""
BAD_ROWS: tuple[str, ...] = get_args(BadRows)


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file."""

    path: str
    rows: int
    refused: int
    """Rows that could not be answered; their ``error`` says why."""
    resumed: int
    """Rows that an earlier run had already answered."""


def score(
    bundle: Bundle,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    jobs: int = 1,
    batch_rows: int = BATCH_ROWS,
    bad_rows: BadRows = "keep",
    runner: RunnerName = "local",
    scheduler: str | None = None,
) -> Scored:
    """Predict for every row of a table.

    The output has the input's columns, then ``prediction``, ``probability_CLASS`` for each class where the model has
    probabilities, ``model``, ``request_id`` and ``error``. It appears when it is whole. Answered batches are kept on
    this disk meanwhile, beside it or, where it goes to another machine, in ``.nbops``: the same call after an
    interruption goes on with the first batch that is missing.

    Args:
        bundle: the model, as it was packed.
        source: a file, a pattern or a folder of ``.parquet``, ``.csv``, ``.csv.gz``, ``.arrow`` (IPC file) or
            ``.arrows`` (IPC stream), here or at an address such as ``s3://bucket/customers/``.
        out: where the answers go, here or at such an address; its name says the format.
        jobs: batches that are answered at a time: processes here, threads of a dask cluster that is started here.
        batch_rows: rows answered at a time; memory grows with this, not with the table.
        bad_rows: ``keep`` gives rows that cannot be answered an ``error``; ``reject`` writes nothing when there is one.
        runner: ``local``, or ``dask`` for the workers of a cluster, which need nbops and no shared disk.
        scheduler: address of dask's scheduler, ``tcp://10.0.0.5:8786``; dask's own configuration when not given.

    Returns:
        How many rows were answered and refused.

    Raises:
        UsageError: the table cannot be read, lacks columns of the model, has them of another type or has some of the
            output's names; or a row cannot be answered and is not to be kept.
        BundleError: the bundle was altered.
        ScoreError: the cluster cannot be reached, or its workers cannot answer.
        MissingError: dask is not installed.
    """
    target = place_of(out)
    format_of(target.path)
    model = opened(bundle.path, bundle.digest)[0]
    table = open_source(source, texts=None)
    _check_columns(model, table)
    pieces = _Pieces(target, table, bundle, batch_rows)
    with stage(f"Score {table.name}", total=table.rows, unit="rows") as now:
        resumed = sum(piece.rows for piece in pieces.done.values())
        rows, refused = 0, 0
        with worker_of(runner, scheduler=scheduler, jobs=jobs) as worker:
            for piece in pieces.answer(table, worker, now=now):
                if piece.refused and bad_rows == "reject":
                    raise _rejected(table, rows, piece, model)
                rows, refused = rows + piece.rows, refused + piece.refused
        pieces.join(len(pieces.done))
    return Scored(path=os.fspath(out), rows=rows, refused=refused, resumed=resumed)


def _rejected(table: Source, before: int, piece: Piece, opened: OpenBundle) -> UsageError:
    manifest = opened.manifest
    return UsageError(
        f"row {before + piece.first_refused + 1:,} of {table.name} cannot be answered by {manifest.model}@"
        f"{manifest.version}: {piece.first_error}; {piece.refused:,} of the {piece.rows:,} rows around it cannot",
        code="row_refused",
        hint="mend the rows, or keep them with --bad-rows keep",
    )


def _check_columns(opened: OpenBundle, table: Source) -> None:
    manifest = opened.manifest
    name = f"{manifest.model}@{manifest.version}"
    columns = manifest.signature.columns
    missing = [column.name for column in columns if column.name not in table.columns and not column.optional]
    if missing:
        raise UsageError(
            f"{table.name} lacks {', '.join(missing)}, which {name} takes",
            code="columns_missing",
            hint=f"it has: {', '.join(table.columns[:20])}",
        )
    if len(set(table.columns)) != len(table.columns):
        raise UsageError(f"two columns of {table.name} share a name", code="columns_ambiguous", hint="rename them")
    taken = sorted(set(table.columns) & set(added_columns(opened)))
    if taken:
        raise UsageError(
            f"{table.name} already has {', '.join(taken)}", code="columns_taken", hint=f"rename {' and '.join(taken)}"
        )
    wrong = [
        f"{column.name} is {table.schema.field(column.name).type}, {name} takes {article(column.kind)}"
        for column in columns
        if column.name in table.columns and not can_hold(table.schema.field(column.name).type, column.kind)
    ]
    if wrong:
        raise UsageError(
            f"{table.name} has columns of another type: {'; '.join(wrong)}", code="columns_differ", hint="cast them"
        )


class _Pieces:
    """Answered batches on this disk, under a name that says of what: nothing else is ever joined to them."""

    def __init__(self, target: Place, table: Source, bundle: Bundle, batch_rows: int) -> None:
        self._target, self._bundle, self._batch_rows = target, bundle, batch_rows
        self._suffix = format_of(target.path)
        key = f"{bundle.digest} {table.key} {batch_rows} {self._suffix}"
        self._run = hashlib.sha256(key.encode()).hexdigest()[:16]
        beside = Path(target.path).parent if target.is_local else Path(bundle.path).parents[1] / "scoring"
        self._folder = beside / f".{target.name}.{self._run}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.done: dict[int, Piece] = {}
        for file in self._folder.glob("*.json"):
            self.done[int(file.stem)] = msgspec.json.decode(file.read_bytes(), type=Piece)

    def answer(self, table: Source, worker: Worker, *, now: Stage) -> Iterator[Piece]:
        """Answer what is missing, in any order of completion, and give every piece in the table's order."""
        batches = (
            (number, None if number in self.done else batch)
            for number, batch in enumerate(_batches(table, self._batch_rows))
        )
        task = Task(self._bundle.path, self._bundle.digest, str(self._folder), self._run)
        for number, piece in worker.answer(task, batches):
            yield self._keep(number, piece or self.done[number], now)

    def _keep(self, number: int, piece: Piece, now: Stage) -> Piece:
        self.done[number] = piece
        now.advance(piece.rows, note=f"{piece.refused:,} refused" if piece.refused else None)
        return piece

    def join(self, count: int) -> None:
        """Write the output from its pieces, then put it in its place at once."""
        beside = self._folder / f"whole{self._suffix}"
        schema = self._piece(0).schema
        with open_sink(beside, schema) as write:
            for number in range(count):
                write(self._piece(number).cast(schema))
        if self._target.is_local:
            beside.replace(self._target.path)
        else:
            self._target.files.put_file(str(beside), self._target.path)
        shutil.rmtree(self._folder)

    def _piece(self, number: int) -> Any:
        import pyarrow as pa

        with pa.memory_map(str(self._folder / f"{number}.arrow")) as file:
            return pa.ipc.open_file(file).read_all()


def _batches(table: Source, rows: int) -> Iterator[Any]:
    """The batches of a table; an empty one has one without rows, so that its output has columns all the same."""
    import pyarrow as pa

    is_empty = True
    for batch in table.batches(rows):
        is_empty = False
        yield batch
    if is_empty:
        yield pa.RecordBatch.from_pylist([], schema=table.schema)

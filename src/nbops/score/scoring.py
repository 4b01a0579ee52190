"""Scoring a file, batch by batch; a run that was cut off goes on where it stood."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from nbops.errors import BundleError, UsageError
from nbops.progress import Stage, stage
from nbops.records import Bundle
from nbops.score.columns import article, can_hold, typed
from nbops.score.tables import Place, Source, format_of, open_sink, open_source, place_of
from nbops_serving.arrow import json_values, plain_table
from nbops_serving.batching import REFUSING
from nbops_serving.bundle import OpenBundle, TamperedError, offer_modules, open_bundle
from nbops_serving.manifest import Manifest
from nbops_serving.plan import Answer
from nbops_serving.problems import Refusal
from nbops_serving.rows import Reader, Row
from nbops_serving.rungs import Rung, open_rung

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


class _Piece(msgspec.Struct, frozen=True):
    """One answered batch, as it lies on the disk until all are there."""

    rows: int
    refused: int
    first_refused: int = 0
    """Place of the first row that could not be answered, and why."""
    first_error: str = ""


def score(
    bundle: Bundle,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    jobs: int = 1,
    batch_rows: int = BATCH_ROWS,
    bad_rows: BadRows = "keep",
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
        jobs: processes that answer.
        batch_rows: rows answered at a time; memory grows with this, not with the table.
        bad_rows: ``keep`` gives rows that cannot be answered an ``error``; ``reject`` writes nothing when there is one.

    Returns:
        How many rows were answered and refused.

    Raises:
        UsageError: the table cannot be read, lacks columns of the model, has them of another type or has some of the
            output's names; or a row cannot be answered and is not to be kept.
        BundleError: the bundle was altered.
    """
    target = place_of(out)
    format_of(target.path)
    opened = _opened(bundle.path, bundle.digest)[0]
    table = open_source(source, texts=None)
    _check_columns(opened, table)
    pieces = _Pieces(target, table, bundle, batch_rows)
    with stage(f"Score {table.name}", total=table.rows, unit="rows") as now:
        resumed = sum(piece.rows for piece in pieces.done.values())
        rows, refused = 0, 0
        for piece in pieces.answer(table, jobs=jobs, now=now):
            if piece.refused and bad_rows == "reject":
                raise _rejected(table, rows, piece, opened)
            rows, refused = rows + piece.rows, refused + piece.refused
        pieces.join(len(pieces.done))
    return Scored(path=os.fspath(out), rows=rows, refused=refused, resumed=resumed)


def _rejected(table: Source, before: int, piece: _Piece, opened: OpenBundle) -> UsageError:
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
    taken = sorted(set(table.columns) & set(_added(opened)))
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


def _added(opened: OpenBundle) -> list[str]:
    """Names of the columns that scoring adds."""
    manifest = opened.manifest
    classes = (manifest.signature.classes or []) if manifest.has_probabilities else []
    return ["prediction", *(f"probability_{name}" for name in classes), "model", "request_id", "error"]


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
        self.done: dict[int, _Piece] = {}
        for file in self._folder.glob("*.json"):
            self.done[int(file.stem)] = msgspec.json.decode(file.read_bytes(), type=_Piece)

    def answer(self, table: Source, *, jobs: int, now: Stage) -> Iterator[_Piece]:
        """Answer what is missing, in any order of completion, and give every piece in the file's order."""
        ask = functools.partial(_answer_batch, self._bundle.path, self._bundle.digest, str(self._folder), self._run)
        if jobs == 1:
            for number, batch in enumerate(_batches(table, self._batch_rows)):
                yield self._keep(number, self.done.get(number) or ask(number, batch), now)
            return
        import joblib

        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator", pre_dispatch=2 * jobs)
        tasks = (
            joblib.delayed(_known_or_asked)(self.done.get(number), ask, number, batch)
            for number, batch in enumerate(_batches(table, self._batch_rows))
        )
        for number, piece in enumerate(parallel(tasks)):
            yield self._keep(number, piece, now)

    def _keep(self, number: int, piece: _Piece, now: Stage) -> _Piece:
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


def _known_or_asked(known: _Piece | None, ask: Any, number: int, batch: Any) -> _Piece:
    piece: _Piece = known or ask(number, batch)
    return piece


@functools.lru_cache(maxsize=2)
def _opened(path: str, digest: str) -> tuple[OpenBundle, Rung, Reader]:
    """Open a bundle once per process."""
    try:
        opened = open_bundle(path, digest=digest)
    except (TamperedError, OSError, ValueError) as error:
        raise BundleError(
            f"the bundle {digest[:12]} cannot be used: {error}", code="bundle_altered", hint="deploy or pack it again"
        ) from error
    offer_modules(opened)
    manifest = opened.manifest
    return opened, open_rung(opened), Reader(manifest.signature, manifest.policy, most_rows=2**31)


def _answer_batch(path: str, digest: str, folder: str, run: str, number: int, batch: Any) -> _Piece:
    """Answer one batch and leave it on the disk: its table first, then the note that it is whole."""
    import pyarrow as pa

    opened, rung, reader = _opened(path, digest)
    batch, as_written = typed(batch, reader.signature.columns)
    answers, errors = (None if as_written else _answer_plainly(rung, reader, batch)) or _answers(
        rung, reader, _objects(reader, batch, as_written)
    )
    table = pa.Table.from_batches([batch])
    for name, values in _results(opened, answers, errors, run, number):
        table = table.append_column(name, values)
    place = Path(folder)
    written = place / f"{number}.{os.getpid()}"
    with pa.ipc.new_file(written, table.schema) as writer:
        writer.write_table(table)
    written.replace(place / f"{number}.arrow")
    bad = [(row, error) for row, error in enumerate(errors) if error is not None]
    piece = _Piece(len(errors), len(bad), *(bad[0] if bad else ()))
    noted = place / f"{number}.{os.getpid()}.note"
    noted.write_bytes(msgspec.json.encode(piece))
    noted.replace(place / f"{number}.json")
    return piece


_Answers = tuple[list[tuple[Any, list[float] | None]], list[str | None]]


def _answer_plainly(rung: Rung, reader: Reader, batch: Any) -> _Answers | None:
    """Answer a batch column by column; None where some value needs a closer look."""
    rows = plain_table(
        batch.select([name for name in batch.schema.names if name in reader.names]), reader.signature.columns
    )
    if rows is None:
        return None
    try:
        reader.notes_by_column(rows)  # raises where the policy rejects a value
        return _paired(rung.answer(rows), rows), [None] * len(rows)
    except (Refusal, *REFUSING):
        return None


def _objects(reader: Reader, batch: Any, as_written: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Rows as a client would send them; a text that is no number is one here, for the check to say so."""
    known = set(reader.names)
    columns = {
        name: as_written.get(name) or json_values(batch.column(name)) for name in batch.schema.names if name in known
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _answers(rung: Rung, reader: Reader, objects: list[dict[str, Any]]) -> _Answers:
    """Answer all rows together; where that fails, halve until only the rows that fail are left alone."""
    if not objects:
        return [], []
    try:
        rows, _ = reader.check(objects)
        whole = rung.answer(rows)
    except (Refusal, *REFUSING) as error:
        if len(objects) == 1:
            said = error.title if isinstance(error, Refusal) else f"the model has no answer ({type(error).__name__})"
            return [(None, None)], [said.removeprefix("row 0, ")]
        middle = len(objects) // 2
        first, second = _answers(rung, reader, objects[:middle]), _answers(rung, reader, objects[middle:])
        return [*first[0], *second[0]], [*first[1], *second[1]]
    return _paired(whole, rows), [None] * len(rows)


def _paired(whole: Answer, rows: Sequence[Row]) -> list[tuple[Any, list[float] | None]]:
    shares: Sequence[list[float] | None] = whole.probabilities or [None] * len(rows)
    return list(zip(whole.predictions, shares, strict=True))


def _results(
    opened: OpenBundle,
    answers: list[tuple[Any, list[float] | None]],
    errors: list[str | None],
    run: str,
    number: int,
) -> Iterator[tuple[str, Any]]:
    import pyarrow as pa

    manifest = opened.manifest
    yield "prediction", _array([prediction for prediction, _ in answers], manifest)
    if manifest.has_probabilities:
        for place, name in enumerate(manifest.signature.classes or []):
            shares = [None if each is None else each[place] for _, each in answers]
            yield f"probability_{name}", pa.array(shares, pa.float64())
    yield "model", pa.array([f"{manifest.model}@{manifest.version}"] * len(answers), pa.string())
    yield "request_id", pa.array([f"{run}-{number}-{place}" for place in range(len(answers))], pa.string())
    yield "error", pa.array(errors, pa.string())


def _array(values: list[Any], manifest: Manifest) -> Any:
    """Predictions as one Arrow column, whose type follows from the model and not from the batch."""
    import pyarrow as pa

    kinds = {type(value) for value in manifest.signature.classes or manifest.expected}
    if manifest.signature.classes and kinds <= {bool}:
        return pa.array(values, pa.bool_())
    if manifest.signature.classes and kinds <= {int}:
        return pa.array(values, pa.int64())
    if manifest.signature.output == "number" or (kinds and kinds <= {int, float}):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    said = [
        value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode() for value in values
    ]
    return pa.array(said, pa.string())

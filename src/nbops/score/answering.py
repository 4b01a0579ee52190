"""Answering one batch of a table, on any machine: the same rung and the same checks as for live requests."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from nbops.errors import BundleError
from nbops.score.columns import typed
from nbops_serving.answers import Answer
from nbops_serving.arrow import json_values, plain_table
from nbops_serving.batching import REFUSING
from nbops_serving.bundle import OpenBundle, TamperedError, offer_modules, open_bundle
from nbops_serving.manifest import Manifest
from nbops_serving.problems import Refusal
from nbops_serving.rows import Reader, Row
from nbops_serving.rungs import Rung, open_rung


class Piece(msgspec.Struct, frozen=True):
    """One answered batch, as it lies on the disk until all are there."""

    rows: int
    refused: int
    first_refused: int = 0
    """Place of the first row that could not be answered, and why."""
    first_error: str = ""


@functools.lru_cache(maxsize=2)
def opened(path: str, digest: str) -> tuple[OpenBundle, Rung, Reader]:
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


def added_columns(opened: OpenBundle) -> list[str]:
    """Name the columns that scoring adds."""
    manifest = opened.manifest
    classes = (manifest.signature.classes or []) if manifest.has_probabilities else []
    return ["prediction", *(f"probability_{name}" for name in classes), "model", "request_id", "error"]


def answer_batch(path: str, digest: str, run: str, number: int, batch: Any) -> tuple[Any, Piece]:
    """Answer one batch.

    Args:
        path: folder of the bundle.
        digest: of its manifest.
        run: what request ids begin with.
        number: of the batch, from 0.
        batch: an Arrow record batch.

    Returns:
        The batch with its answers as an Arrow table, and what became of its rows.

    Raises:
        BundleError: the bundle was altered.
    """
    import pyarrow as pa

    bundle, rung, reader = opened(path, digest)
    batch, as_written = typed(batch, reader.signature.columns)
    answers, errors = (None if as_written else _answer_plainly(rung, reader, batch)) or _answers(
        rung, reader, _objects(reader, batch, as_written)
    )
    table = pa.Table.from_batches([batch])
    for name, values in _results(bundle, answers, errors, run, number):
        table = table.append_column(name, values)
    bad = [(row, error) for row, error in enumerate(errors) if error is not None]
    return table, Piece(len(errors), len(bad), *(bad[0] if bad else ()))


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
    """Answer the rows that fit, together; say of each other one why it does not."""
    answers: list[tuple[Any, list[float] | None]] = [(None, None)] * len(objects)
    errors: list[str | None] = [None] * len(objects)
    fitting: list[tuple[int, Row]] = []
    for place, one in enumerate(objects):
        try:
            fitting.append((place, reader.check([one])[0][0]))
        except Refusal as error:
            errors[place] = error.title.removeprefix("row 0, ")
    found, said = _answered(rung, [row for _, row in fitting])
    for (place, _), answer, error_of_it in zip(fitting, found, said, strict=True):
        answers[place], errors[place] = answer, error_of_it
    return answers, errors


def _answered(rung: Rung, rows: list[Row]) -> _Answers:
    """Answer all rows together; where the model fails, halve until only the rows that it fails on are left alone."""
    if not rows:
        return [], []
    try:
        return _paired(rung.answer(rows), rows), [None] * len(rows)
    except REFUSING as error:
        if len(rows) == 1:
            return [(None, None)], [f"the model has no answer ({type(error).__name__})"]
        middle = len(rows) // 2
        first, second = _answered(rung, rows[:middle]), _answered(rung, rows[middle:])
        return [*first[0], *second[0]], [*first[1], *second[1]]


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

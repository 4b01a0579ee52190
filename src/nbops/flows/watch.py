"""Measure what a model answered: an endpoint's prediction log, or a scored file, held against the profile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nbops.errors import MonitorError, NotFoundError
from nbops.records import Endpoint, ModelVersion, Window
from nbops.store.blobs import Blobs
from nbops.store.interface import Store

if TYPE_CHECKING:
    from nbops.monitor import ScoredRows
    from nbops.score.tables import Source
    from nbops_serving.manifest import Column, Signature

BATCH_ROWS = 20_000


def watch(endpoint: Endpoint, *, store: Store, blobs: Blobs, since: float | None = None) -> Window:
    """Measure drift, latency and errors of an endpoint's requests against the training data.

    Args:
        endpoint: what to measure.
        store: where the window is recorded.
        blobs: where the profiles are.
        since: seconds since the epoch, UTC; everything since the deploy when not given.

    Returns:
        The window, as recorded.

    Raises:
        MonitorError: there is no prediction log, or no profile to hold it against.
        DeployError: the log is in a container whose engine does not answer.
    """
    from nbops.deploy import spool
    from nbops.monitor import measure

    spool.collect(endpoint.name, store=store)
    return measure(endpoint, store=store, blobs=blobs, since=since)


def watch_scored(address: str, *, store: Store, blobs: Blobs) -> Window:
    """Measure the rows of a scored file against the training data, column by column, in bounded memory.

    Args:
        address: the file that ``score`` wrote, a pattern or a folder of such files, here or at ``s3://…``.
        store: where the window is recorded.
        blobs: where the profiles are.

    Returns:
        The window, as recorded.

    Raises:
        UsageError: the file cannot be read.
        MonitorError: it is no scored file, has no rows, or there is no profile to hold it against.
        NotFoundError: the model that answered is not in this store.
    """
    from nbops.monitor import measure_scored
    from nbops.progress import stage
    from nbops.score.tables import open_source

    source = open_source(address, texts=None)
    missing = [name for name in ("prediction", "model", "error") if name not in source.columns]
    if missing:
        raise MonitorError(
            f"{source.name} is no scored file: it has no column {', '.join(missing)}",
            code="not_scored",
            hint=f"nbops score MODEL {address} -o scored.parquet",
        )
    with stage(f"Measure {source.name}", total=source.rows, unit="rows") as now:
        parts = _parts(source, store, now)
        return measure_scored(parts, scored=address, at=source.modified_at, store=store, blobs=blobs)


def _parts(source: Source, store: Store, now: Any) -> Iterator[ScoredRows]:
    import pyarrow as pa
    import pyarrow.compute as pc

    versions: dict[str, ModelVersion] = {}
    for batch in source.batches(BATCH_ROWS):
        for name in pc.unique(batch.column("model")).to_pylist():
            if name not in versions:
                versions[name] = _answering(name, source.name, store)
            rows = pa.Table.from_batches([batch]).filter(pc.equal(pc.field("model"), name))
            yield _rows(rows, versions[name])
        now.advance(batch.num_rows)


def _answering(name: Any, file: str, store: Store) -> ModelVersion:
    model, _, number = str(name).rpartition("@")
    found = store.find(ModelVersion, model=model, number=int(number), limit=1) if number.isdigit() else []
    if not found:
        raise NotFoundError(f"{file} was scored by {name}, which is not in this store", hint="nbops models")
    return found[0]


def _rows(table: Any, version: ModelVersion) -> ScoredRows:
    import pyarrow.compute as pc

    from nbops.monitor import ScoredRows
    from nbops.score.columns import typed
    from nbops_serving.arrow import json_values

    signature = version.signature
    whole = table.filter(pc.is_null(pc.field("error"), nan_is_null=True))
    if not len(whole):
        return ScoredRows(model_version_id=version.id, inputs={}, predictions=[], refused=len(table))
    batch, _ = typed(whole.combine_chunks().to_batches()[0], [*signature.columns, _prediction(signature)])
    return ScoredRows(
        model_version_id=version.id,
        inputs={
            column.name: json_values(batch.column(column.name))
            for column in signature.columns
            if column.name in batch.schema.names
        },
        predictions=json_values(batch.column("prediction")),
        refused=len(table) - len(whole),
    )


def _prediction(signature: Signature) -> Column:
    """The column of answers, of which a CSV has only texts."""
    from nbops_serving.manifest import Column

    classes = signature.classes or []
    if classes and all(isinstance(one, bool) for one in classes):
        return Column(name="prediction", kind="boolean")
    if classes and all(isinstance(one, int) for one in classes):
        return Column(name="prediction", kind="integer")
    return Column(name="prediction", kind="number" if signature.output == "number" else "text")

"""A stretch of an endpoint's prediction log, measured: drift, latency, errors."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nbops.data import Profile, merged, profile_from_json, profile_of
from nbops.errors import MonitorError
from nbops.monitor.drift import FEWEST_ROWS, LEAST_EFFECT, LEVEL, drift
from nbops.progress import Stage, stage
from nbops.records import ColumnDrift, Deployment, Endpoint, ModelVersion, Window, new_id
from nbops.store.blobs import Blobs
from nbops.store.interface import Store
from nbops_serving import log

CHUNK = 50_000
"""Rows that are profiled at a time, so that a log of any length needs the same memory."""


def measure(
    endpoint: Endpoint,
    *,
    store: Store,
    blobs: Blobs,
    since: float | None = None,
    until: float | None = None,
    level: float = LEVEL,
    least_effect: float = LEAST_EFFECT,
    fewest_rows: int = FEWEST_ROWS,
) -> Window:
    """Measure what an endpoint was asked and answered against the training data of its model.

    When several versions of a model answered, the one with the most rows is measured.

    Args:
        endpoint: the endpoint, as the store has it.
        store: where deployments and models are found, and the window is put.
        blobs: where the training profile is.
        since: leave out requests before this time, seconds since the epoch; the log's beginning when not given.
        until: leave out requests at this time or later; nothing is left out when not given.
        level: how often a window without drift may be called drifted.
        least_effect: smallest effect that is called drift, from 0 to 1.
        fewest_rows: with fewer rows the verdict is ``too few rows``.

    Returns:
        The window, already in the store. A request counts as an error when its status is 400 or more.

    Raises:
        MonitorError: the endpoint has no deployment that keeps a log, or the model that answered was registered
            without a sample of its training data.
    """
    now = time.time()
    with stage(f"Measure the prediction log of {endpoint.name}", unit="MB") as told:
        told.say("read what was asked and answered")
        found = traffic_of(folders_of(endpoint, store), since, until, References(store, blobs), told)
        traffic = max(found, key=lambda one: (one.rows, one.model_version_id), default=None)
        if traffic is None:
            traffic = _Traffic(_latest_version_id(endpoint, store))
        told.say(f"compare {traffic.rows} rows with the training data")
        columns = traffic.drift(level=level, least_effect=least_effect, fewest_rows=fewest_rows)
    window = Window(
        id=new_id(),
        endpoint=endpoint.name,
        model_version_id=traffic.model_version_id,
        from_at=since if since is not None else min(traffic.times, default=until if until is not None else now),
        to_at=until if until is not None else now,
        rows=traffic.rows,
        columns=columns,
        verdict=_verdict(traffic, columns, fewest_rows),
        requests=len(traffic.times),
        errors=traffic.errors,
        latency_ms=_percentiles(traffic.latencies_ms),
        at=now,
    )
    store.put(window)
    return window


@dataclass(frozen=True, kw_only=True)
class ScoredRows:
    """Some rows of a scored file."""

    model_version_id: str
    inputs: dict[str, list[Any]]
    """Column → one value per answered row, None where it was missing."""
    predictions: list[Any]
    refused: int
    """Rows that had no answer; they are not among the inputs."""


def measure_scored(
    parts: Iterable[ScoredRows],
    *,
    scored: str,
    at: float,
    store: Store,
    blobs: Blobs,
    level: float = LEVEL,
    least_effect: float = LEAST_EFFECT,
    fewest_rows: int = FEWEST_ROWS,
) -> Window:
    """Measure the rows of a scored file against the training data of the model that answered, as live traffic is.

    Args:
        parts: its rows, in pieces; of several models the one with the most rows is measured.
        scored: the file, as the window names it.
        at: when it was scored, seconds since the epoch, UTC.
        store: where models are found, and the window is put.
        blobs: where the training profile is.
        level: how often a window without drift may be called drifted.
        least_effect: smallest effect that is called drift, from 0 to 1.
        fewest_rows: with fewer rows the verdict is ``too few rows``.

    Returns:
        The window, already in the store; ``requests`` are rows, ``errors`` those without an answer.

    Raises:
        MonitorError: the file has no rows, or the model was registered without a sample of its training data.
    """
    references = References(store, blobs)
    found: dict[str, _Traffic] = {}
    for part in parts:
        key = part.model_version_id
        if key not in found:
            found[key] = _Traffic(key, references.of(key))
        found[key].errors += part.refused
        found[key].add_rows(part.inputs, part.predictions)
    for one in found.values():
        one.sum_up()
    traffic = max(found.values(), key=lambda one: (one.rows, one.model_version_id), default=None)
    if traffic is None:
        raise MonitorError(
            f"{scored} has no rows", code="nothing_answered", hint="nbops score MODEL rows.parquet -o out.parquet"
        )
    columns = traffic.drift(level=level, least_effect=least_effect, fewest_rows=fewest_rows)
    window = Window(
        id=new_id(),
        endpoint="",
        scored=scored,
        model_version_id=traffic.model_version_id,
        from_at=at,
        to_at=at,
        rows=traffic.rows,
        columns=columns,
        verdict=_verdict(traffic, columns, fewest_rows),
        requests=traffic.rows + traffic.errors,
        errors=traffic.errors,
        at=time.time(),
    )
    store.put(window)
    return window


class References:
    """The training profiles of model versions."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store, self._blobs = store, blobs

    def of(self, model_version_id: str) -> Profile:
        version = self._store.get(ModelVersion, model_version_id)
        if version.profile_digest is None:
            raise MonitorError(
                f"{version.model}@{version.number} was registered without a sample of its training data, "
                "so there is nothing to measure drift against",
                code="no_training_profile",
                hint=f"nbops.deploy(model, name={version.model!r}, sample=X_train)",
            )
        return profile_from_json(self._blobs.get(version.profile_digest))


@dataclass
class _Traffic:
    """What one model version was asked and answered."""

    model_version_id: str
    reference: Profile | None = None
    seen: Profile | None = None
    rows: int = 0
    errors: int = 0
    times: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    _inputs: dict[str, list[Any]] = field(default_factory=dict)
    _answers: list[Any] = field(default_factory=list)

    def add(self, batch: log.Batch) -> None:
        for request in batch.requests:
            self.times.append(request.at)
            if request.status >= 400:
                self.errors += 1
            else:
                self.latencies_ms.append(request.latency_ms)
        self.add_rows(batch.inputs, batch.predictions)

    def add_rows(self, inputs: Mapping[str, Sequence[Any]], predictions: Sequence[Any]) -> None:
        for name, values in inputs.items():
            self._inputs.setdefault(name, []).extend(values)
        self._answers.extend(predictions)
        if len(self._answers) >= CHUNK:
            self.sum_up()

    def sum_up(self) -> None:
        """Turn the rows gathered so far into counts."""
        import pandas as pd

        if not self._answers or self.reference is None:
            return
        frame = pd.DataFrame(self._inputs, index=range(len(self._answers)))
        answers = self._answers if self.reference.prediction is not None else None
        part = profile_of(frame, like=self.reference, prediction=answers)
        self.rows += part.rows
        self.seen = part if self.seen is None else merged(self.seen, part)
        self._inputs, self._answers = {}, []

    def drift(self, **options: Any) -> list[ColumnDrift]:
        if self.reference is None or self.seen is None:
            return []
        return drift(self.reference, self.seen, **options)


def _verdict(
    traffic: _Traffic, columns: Sequence[ColumnDrift], fewest_rows: int
) -> Literal["stable", "drifted", "too few rows"]:
    if traffic.rows < fewest_rows:
        return "too few rows"
    return "drifted" if any(column.drifted for column in columns) else "stable"


def folders_of(endpoint: Endpoint, store: Store) -> list[Path]:
    """Say where an endpoint's prediction log lies; MonitorError when it keeps none."""
    deployments = store.find(Deployment, endpoint=endpoint.name)
    folders = [Path(deployment.log_path) for deployment in deployments if deployment.log_path]
    if not folders:
        raise MonitorError(
            f"endpoint {endpoint.name!r} has no deployment that keeps a prediction log",
            code="no_prediction_log",
            hint=f"nbops deploy MODEL --name {endpoint.name}",
        )
    return sorted(dict.fromkeys(folders))


def traffic_of(
    folders: list[Path], since: float | None, until: float | None, references: References, told: Stage
) -> list[_Traffic]:
    """All traffic in the logs, by the model version that answered."""
    found: dict[str, _Traffic] = {}
    for batch in batches_of(folders, since, until, told):
        key = batch.model_version_id
        if key not in found:
            found[key] = _Traffic(key, references.of(key))
        found[key].add(batch)
    for traffic in found.values():
        traffic.sum_up()
    return list(found.values())


def batches_of(folders: list[Path], since: float | None, until: float | None, told: Stage) -> Iterator[log.Batch]:
    """Read logs, and tell how many megabytes of them were read."""
    # Missing is that of a deployment which never answered, or whose log was removed.
    there = [folder for folder in folders if folder.is_dir()]
    told.advance(0, total=sum(log.size_of(folder, since) for folder in there) / 1e6)
    for folder in there:
        yield from log.read(folder, since, until, heard=lambda size: told.advance(size / 1e6))


def _latest_version_id(endpoint: Endpoint, store: Store) -> str:
    return store.find(Deployment, endpoint=endpoint.name, order_by="-id", limit=1)[0].model_version_id


def _percentiles(values: list[float]) -> dict[str, float]:
    import numpy as np

    if not values:
        return {}
    found = np.percentile(values, (50, 95, 99))
    return {name: float(value) for name, value in zip(("p50", "p95", "p99"), found, strict=True)}

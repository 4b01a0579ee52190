"""What an endpoint's pictures are made of: its columns beside training, and its answering times."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from nbops.data import Profile
from nbops.errors import MonitorError
from nbops.monitor.drift import drift
from nbops.monitor.window import References, batches_of, folders_of, traffic_of
from nbops.progress import PATIENCE_S, stage
from nbops.records import ColumnDrift, Endpoint
from nbops.store.blobs import Blobs
from nbops.store.interface import Store

MOST_REQUESTS = 1_000_000
"""Requests whose times are held; the newest of a longer log."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one model version was asked, beside what it was trained on."""

    model_version_id: str
    training: Profile
    now: Profile
    columns: list[ColumnDrift]


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long an endpoint took to answer."""

    at: list[float]
    """Seconds since the epoch, UTC; refused requests are left out."""
    took_ms: list[float]
    left_out: int
    """Older requests that are not here."""


def seen(endpoint: Endpoint, *, store: Store, blobs: Blobs, since: float | None = None) -> Seen:
    """Sum up what an endpoint was asked, beside the training data of the version that answered most rows.

    Args:
        endpoint: the endpoint, as the store has it.
        store: where deployments and models are found.
        blobs: where the training profile is.
        since: leave out requests before this time, seconds since the epoch, UTC.

    Raises:
        MonitorError: nothing was asked, there is no log, or the model was registered without a sample.
    """
    with stage(_reading(endpoint), unit="MB", after_s=PATIENCE_S) as told:
        found = traffic_of(folders_of(endpoint, store), since, None, References(store, blobs), told)
    most = max(found, key=lambda one: (one.rows, one.model_version_id), default=None)
    if most is None or most.reference is None or most.seen is None:
        raise _never_asked(endpoint)
    return Seen(
        model_version_id=most.model_version_id,
        training=most.reference,
        now=most.seen,
        columns=drift(most.reference, most.seen),
    )


def times(endpoint: Endpoint, *, store: Store, since: float | None = None) -> Times:
    """Read how long an endpoint took to answer, oldest first.

    Args:
        endpoint: the endpoint, as the store has it.
        store: where deployments are found.
        since: leave out requests before this time, seconds since the epoch, UTC.

    Raises:
        MonitorError: nothing was asked, or there is no log.
    """
    newest: deque[tuple[float, float]] = deque(maxlen=MOST_REQUESTS)
    count = 0
    with stage(_reading(endpoint), unit="MB", after_s=PATIENCE_S) as told:
        for batch in batches_of(folders_of(endpoint, store), since, None, told):
            answered = [(one.at, one.latency_ms) for one in batch.requests if one.status < 400]
            newest.extend(answered)
            count += len(answered)
    if not newest:
        raise _never_asked(endpoint)
    ordered = sorted(newest)
    return Times(
        at=[at for at, _ in ordered], took_ms=[took for _, took in ordered], left_out=count - len(ordered)
    )  # fmt: skip


def _reading(endpoint: Endpoint) -> str:
    return f"Read the prediction log of {endpoint.name}"


def _never_asked(endpoint: Endpoint) -> MonitorError:
    return MonitorError(
        f"endpoint {endpoint.name!r} has answered nothing in that time",
        code="nothing_answered",
        hint=f"nbops predict {endpoint.name}",
    )

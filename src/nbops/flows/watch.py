"""Measure an endpoint: its prediction log is brought here where a container keeps it, then held against the profile."""

from __future__ import annotations

from nbops.records import Endpoint, Window
from nbops.store.blobs import Blobs
from nbops.store.interface import Store


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

"""From a bundle to a server that answers: engines, HAProxy before them, rollouts and their way back.

This room packs nothing (``nbops.bundle``) and judges no model (``nbops.flows.check``); it starts what it is given,
proves that the running server answers the notebook's own rows as the notebook does, and only then lets clients in.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from nbops.deploy import client, naming
from nbops.deploy.access import Access
from nbops.deploy.edge import Edge
from nbops.deploy.engine import Condition, Running, engine_named
from nbops.deploy.proof import Proof
from nbops.deploy.recorded import again, live_engine, unknown
from nbops.deploy.renewing import renew
from nbops.deploy.rollout import deploy, edge_of, rollback, stop
from nbops.errors import DeployError, MissingError
from nbops.records import Deployment, Endpoint
from nbops.settings import Settings
from nbops.store.interface import Store

__all__ = [
    "Access",
    "LiveEndpoint",
    "Proof",
    "Running",
    "deploy",
    "endpoints",
    "live_engine",
    "logs",
    "predict",
    "renew",
    "rollback",
    "stop",
]


class LiveEndpoint(Endpoint, frozen=True, kw_only=True):
    """An endpoint in a person's hand: it can be asked."""

    def predict(self, rows: object = None, *, key: str | None = None) -> dict[str, Any]:
        """Send rows (a list of dicts, one dict, a DataFrame; the model's own example without) and return the answer.

        ``key`` is the API key of an endpoint that asks for one; ``$NBOPS_API_KEY`` when not given.
        """
        return predict(self, rows, key=key)

    @classmethod
    def of(cls, endpoint: Endpoint) -> LiveEndpoint:
        """The same endpoint, able to be asked."""
        return cls(**msgspec.structs.asdict(endpoint))


def predict(
    endpoint: Endpoint, rows: object = None, *, key: str | None = None, timeout_s: float = 60.0
) -> dict[str, Any]:
    """Ask an endpoint.

    Args:
        endpoint: where to.
        rows: a list of dicts, one dict, a DataFrame, JSON text, or the path of a JSON file; None sends the example
            rows that the server has.
        key: an API key, where the endpoint asks for one; ``$NBOPS_API_KEY`` when not given.
        timeout_s: how long to wait for the answer, in seconds.

    Returns:
        ``{"predictions": […], "model": …, "request_id": …}``.

    Raises:
        UsageError: the server refuses the rows, and the message says which and why; or it wants another API key.
        DeployError: nobody answers, or the server failed.
    """
    if endpoint.status == "stopped":
        raise DeployError(f"endpoint {endpoint.name} was stopped", code="endpoint_stopped", hint=again(endpoint.name))
    certificate = str(endpoint.handle.get("certificate", ""))
    server = client.Server(
        endpoint.address,
        key or os.environ.get(client.KEY_VARIABLE) or None,
        # From another machine, this system's authorities are asked.
        certificate if certificate and Path(certificate).is_file() else None,
    )
    return client.predict(server, rows, timeout_s=timeout_s)


def logs(
    name: str, *, follow: bool = False, tail: int | None = None, store: Store, settings: Settings
) -> Iterator[str]:
    """Yield lines of the log of an endpoint's newest deployment, also of one that failed to start.

    Args:
        name: of the endpoint.
        follow: whether to go on with new lines until it ends.
        tail: how many of the last lines to begin with; None for all.
        store: where it is recorded.
        settings: of the project.

    Returns:
        An iterator over lines without their ends.

    Raises:
        NotFoundError: nothing was ever deployed under this name.
    """
    newest = store.find(Deployment, endpoint=naming.checked(name), order_by="-id", limit=1)
    if not newest:
        raise unknown(store, name)
    deployment = newest[0]
    if not deployment.handle:
        return iter([f"version {deployment.number} was never started: {deployment.error or 'it is just being built'}"])
    return engine_named(deployment.engine, settings).logs(deployment.handle, follow=follow, tail=tail)


def endpoints(store: Store, settings: Settings) -> list[Endpoint]:
    """List endpoints as they are now: what ended behind our back is found out and recorded.

    Args:
        store: where they are recorded.
        settings: of the project.

    Returns:
        Endpoints by name; those of other machines as they were recorded there, those of an engine that does not
        answer as down.
    """
    recorded = sorted(store.find(Endpoint), key=lambda endpoint: endpoint.name)
    here = [endpoint for endpoint in recorded if endpoint.handle.get("host") == socket.gethostname()]
    conditions = _conditions([endpoint for endpoint in here if endpoint.status != "stopped"], store, settings)
    return [_refreshed(endpoint, conditions, store, settings) for endpoint in recorded]


def _conditions(endpoints: list[Endpoint], store: Store, settings: Settings) -> dict[str, Condition]:
    deployments = [store.get(Deployment, key) for endpoint in endpoints for key in endpoint.split]
    deployments.sort(key=lambda deployment: deployment.engine)
    found: dict[str, Condition] = {}
    for name, group in itertools.groupby(deployments, key=lambda deployment: deployment.engine):
        handles = {deployment.id: deployment.handle for deployment in group}
        # An engine that does not answer leaves it open how its deployments are: they are down, and may come back.
        with contextlib.suppress(MissingError):
            found |= engine_named(name, settings).conditions(handles)
    return found


def _refreshed(endpoint: Endpoint, conditions: dict[str, Condition], store: Store, settings: Settings) -> Endpoint:
    if endpoint.status == "stopped" or endpoint.handle.get("host") != socket.gethostname():
        return endpoint
    if not endpoint.split.keys() <= conditions.keys():
        return msgspec.structs.replace(endpoint, status="down")
    for key in endpoint.split:
        _record_end(store.get(Deployment, key), conditions[key], store)
    edge = edge_of(endpoint, settings.folder / "endpoints" / endpoint.name, settings)
    serving = any(share and conditions[key].state == "running" for key, share in endpoint.split.items())
    status = "up" if serving and _is_reachable(endpoint, edge) else "down"
    if status == endpoint.status:
        return endpoint
    changed = msgspec.structs.replace(endpoint, status=status, updated_at=time.time())
    if not store.is_read_only:
        store.put(changed)
    return changed


def _is_reachable(endpoint: Endpoint, edge: Edge | None) -> bool:
    return edge is None or edge.is_open(endpoint.handle)


def _record_end(deployment: Deployment, condition: Condition, store: Store) -> None:
    """Write down that a deployment ended without our doing, or came back after all."""
    if store.is_read_only or deployment.status not in ("ready", "failed", "stopped"):
        return
    status = "ready" if condition.state == "running" else condition.state
    if status != deployment.status:
        ended_at = None if status == "ready" else time.time()
        store.update(Deployment, deployment.id, status=status, error=condition.message or None, stopped_at=ended_at)

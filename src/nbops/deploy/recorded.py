"""Endpoints as the store has them: which one has a name, whether it is live, and whether it is ours to change."""

from __future__ import annotations

import socket

from nbops.errors import ConflictError, NotFoundError
from nbops.records import Endpoint
from nbops.store.interface import Store


def recorded(store: Store, name: str) -> Endpoint | None:
    """The endpoint of this name, live or stopped; None when there was never one."""
    return next(iter(store.find(Endpoint, name=name, limit=1)), None)


def live_engine(name: str, store: Store) -> str | None:
    """The engine that an endpoint runs on, or None when nothing runs under this name."""
    endpoint = recorded(store, name)
    return endpoint.engine if endpoint is not None and endpoint.status != "stopped" else None


def live_here(store: Store, name: str) -> Endpoint:
    """The endpoint of this name, which is live and runs on this machine.

    Raises:
        NotFoundError: there is none, or it was stopped.
        ConflictError: it runs on another machine.
    """
    endpoint = recorded(store, name)
    if endpoint is None:
        raise unknown(store, name)
    if endpoint.status == "stopped":
        raise NotFoundError(
            f"endpoint {name} was stopped, and nothing of it runs", code="endpoint_stopped", hint=again(name)
        )
    refuse_foreign(endpoint)
    return endpoint


def again(name: str) -> str:
    """How an endpoint that was stopped is started again."""
    return f"nbops deployments {name}  # then: nbops deploy MODEL@N --name {name}"


def refuse_foreign(endpoint: Endpoint) -> None:
    """Refuse to touch what runs on another machine: its process ids mean nothing here."""
    host = endpoint.handle.get("host", socket.gethostname())
    if host != socket.gethostname():
        raise ConflictError(
            f"endpoint {endpoint.name} runs on {host}, this is {socket.gethostname()}", hint=f"ssh {host}"
        )


def unknown(store: Store, name: str) -> NotFoundError:
    """The error for a name that no endpoint has."""
    names = sorted({endpoint.name for endpoint in store.find(Endpoint)})
    known = f"there are: {', '.join(names)}" if names else "none was deployed yet"
    return NotFoundError(f"there is no endpoint {name!r}; {known}", hint="nbops endpoints")

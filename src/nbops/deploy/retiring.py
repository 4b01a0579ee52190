"""Ending what no client is answered by any more, without letting anybody wait for it.

A server that was asked to end takes its time, and the person who has just deployed its successor need not watch. The
thread is no daemon: a process that ends first sees this through.
"""

from __future__ import annotations

import threading
import time

import msgspec

from nbops.deploy import admission
from nbops.deploy.engine import engine_named
from nbops.errors import NbopsError
from nbops.records import Deployment
from nbops.settings import Settings
from nbops.store.interface import Store


class _Retirement(threading.Thread):
    def __init__(self, deployment: Deployment, settings: Settings) -> None:
        super().__init__(name=f"retire {deployment.endpoint}@{deployment.number}")
        self._deployment = deployment
        self._settings = settings
        self.problem: NbopsError | None = None

    def run(self) -> None:
        """Stop the server; what goes wrong is kept for whoever next changes the endpoint, and shown at once."""
        try:
            engine_named(self._deployment.engine, self._settings).stop(self._deployment.handle)
        except NbopsError as error:
            self.problem = error
            raise


# Project and endpoint → what is on its way out in this process.
_under_way: dict[tuple[str, str], list[_Retirement]] = {}


def retire(deployment: Deployment, *, store: Store, settings: Settings, error: str | None = None) -> Deployment:
    """Stop a deployment, remove all of it but its logs, and record that.

    Raises:
        DeployError: it does not end.
    """
    if deployment.handle:
        engine_named(deployment.engine, settings).stop(deployment.handle)
    return _recorded(deployment, store, error)


def retire_later(deployment: Deployment, *, store: Store, settings: Settings) -> None:
    """Record that a deployment is over, and stop it while others go on; ``settle`` tells how that went."""
    _recorded(deployment, store, None)
    retirement = _Retirement(deployment, settings)
    _under_way.setdefault((settings.root, deployment.endpoint), []).append(retirement)
    retirement.start()


def settle(endpoint: str, settings: Settings) -> None:
    """Wait for what is on its way out.

    Raises:
        DeployError: something could not be stopped; it is said once.
    """
    for retirement in _under_way.pop((settings.root, endpoint), []):
        retirement.join()
        if retirement.problem is not None:
            raise retirement.problem


def _recorded(deployment: Deployment, store: Store, error: str | None) -> Deployment:
    ended = msgspec.structs.replace(
        deployment,
        status="failed" if error or deployment.status == "failed" else "stopped",
        error=error or deployment.error,
        stopped_at=deployment.stopped_at or time.time(),
    )
    store.put(ended)
    # One that still ends has its keys in mind.
    admission.discard(deployment.handle)
    return ended

"""Reaching a dask cluster: a client of its scheduler, or of workers on this machine; and whether its workers fit.

Retraining and batch scoring both send work there; what they send is theirs.
"""

from __future__ import annotations

import sys
from typing import Any

from nbops import __version__
from nbops.errors import MissingError, NbopsError
from nbops.optional import need

CONNECT_S = 15.0


class Dask:
    """A client of a dask.distributed scheduler.

    Args:
        scheduler: its address, such as ``tcp://10.0.0.5:8786``; None takes dask's own configuration
            (``DASK_SCHEDULER_ADDRESS``), else starts a cluster of this machine.
        threads: tasks at a time of such a cluster.
        to: what it is needed for, as in "retrain on dask".
        error: what is raised where the cluster cannot do the work.

    Raises:
        MissingError: distributed is not installed here.
        NbopsError: of the class ``error``: the scheduler cannot be reached, or workers have another Python or nbops.
    """

    def __init__(self, scheduler: str | None, *, threads: int, to: str, error: type[NbopsError]) -> None:
        try:
            # Its classes are half typed; what comes from them is checked where it enters.
            distributed: Any = need("distributed", to=to)
        except MissingError as missing:
            raise MissingError(missing.message, code=missing.code, hint="pip install 'nbops[dask]'") from missing
        self.client, self._own = _connected(distributed, scheduler, threads, error)
        try:
            refuse_others(self.client, error)
        except NbopsError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the client, and of the cluster that was started for it."""
        self.client.close()
        if self._own is not None:
            self._own.close()


def _connected(distributed: Any, scheduler: str | None, threads: int, error: type[NbopsError]) -> tuple[Any, Any]:
    """A client, and the cluster that was started for it, if one was."""
    import dask

    address = scheduler or dask.config.get("scheduler-address", None)
    if address is None:
        # What is sent are processes already, or let go of the lock; a nanny would change this process's environment.
        own = distributed.LocalCluster(
            n_workers=1, processes=False, threads_per_worker=threads, dashboard_address=None, protocol="inproc"
        )
        return distributed.Client(own, set_as_default=False), own
    try:
        return distributed.Client(address, timeout=CONNECT_S, set_as_default=False), None
    except (OSError, ValueError, TimeoutError) as caught:
        raise error(
            f"no dask scheduler answers at {address}: {caught}",
            code="cluster_unreachable",
            hint="dask scheduler, dask worker ADDRESS; then --scheduler ADDRESS",
        ) from caught


def refuse_others(client: Any, error: type[NbopsError]) -> None:
    """Refuse workers that cannot do work of this project, before any begins."""
    here = ".".join(map(str, sys.version_info[:2]))
    for address, told in client.get_versions(packages=["nbops"])["workers"].items():
        versions = (told or {}).get("packages", {})
        python = ".".join(str(versions.get("python", "")).split(".")[:2])
        if python != here:
            raise error(
                f"the worker {address} has Python {python or 'unknown'}, and this is Python {here}",
                code="worker_mismatch",
                hint="start the workers with the Python of this environment",
            )
        if versions.get("nbops") != __version__:
            raise error(
                f"the worker {address} has nbops {versions.get('nbops') or 'not installed'}, and this is {__version__}",
                code="worker_mismatch",
                hint=f"pip install nbops=={__version__}, where the workers run",
            )

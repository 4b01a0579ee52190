"""Clusters on the loopback address: a dask scheduler with worker processes, and a Ray. Both end with the tests."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_MINUTE = 60
_GRACE_S = 10


class Dask:
    """A scheduler and its workers, each a process of its own, as ``dask scheduler`` and ``dask worker`` start them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.processes: list[subprocess.Popen[bytes]] = []
        self._start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-jupyter")

    def add_worker(self, python: str = sys.executable) -> subprocess.Popen[bytes]:
        """Start one more worker, which takes one run at a time."""
        place = self._folder / f"worker-{len(self.processes)}"
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        return self._start("worker", self.address, *options, "--local-directory", str(place), python=python)

    def _start(self, *words: str, python: str = sys.executable) -> subprocess.Popen[bytes]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("NBOPS_")}
        with (self._folder / f"log-{len(self.processes)}").open("wb") as log:
            process = subprocess.Popen(
                [python, "-m", "dask", *words], stdout=log, stderr=log, cwd=self._folder, env=env
            )
        self.processes.append(process)
        return process

    def wait_for_workers(self, count: int) -> None:
        """Return when so many workers are there."""
        import distributed

        with distributed.Client(self.address, timeout=_MINUTE, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=_MINUTE)

    def stop(self) -> None:
        """End every process."""
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[Dask]:
    """A dask cluster for one test."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Dask(folder)
    try:
        for _ in range(workers):
            cluster.add_worker()
        cluster.wait_for_workers(workers)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    """A dask cluster of two worker processes for all tests of this process."""
    with dask_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def ray() -> Iterator[Any]:
    """A Ray of this machine with two places, started as nbops starts one; runners of this process share it."""
    from nbops.retrain.runners.on_ray import RayCluster

    cluster = RayCluster(None, jobs=2, heard=lambda news: None)
    yield cluster
    cluster.close()

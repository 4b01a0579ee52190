"""A real MLflow server on the loopback address, of an environment of its own (``.cache/peers``, tools/provision.py)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".cache" / "peers" / "bin"


def environment() -> dict[str, str]:
    """What a process of MLflow's is started with: nothing of ours, and nothing that calls the world."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "PATH": f"{PEERS}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Its processes for background jobs are of no use to a test, and double the time it takes to start.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


class MlflowServer:
    """A server with its database and artifacts in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        command = [
            str(PEERS / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
            "--artifacts-destination", str(folder / "artifacts"),
        ]  # fmt: skip
        with self.log.open("wb") as log:
            # A session of its own, so that its workers end with it.
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment(), stdout=log, stderr=log, start_new_session=True
            )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.stop()
        raise AssertionError(f"the MLflow server did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        """End it and its workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[MlflowServer]:
    """One server for all tests of a worker, each with experiments of its own; needs the marker ``mlflow``."""
    with tempfile.TemporaryDirectory(prefix="nbops-mlflow-server-") as folder:
        server = MlflowServer(Path(folder))
        yield server
        server.stop()

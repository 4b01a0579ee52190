"""A real Jupyter server with nbops in it, on a folder with two projects."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from nbops.records import CellError, CellExecution, Metric, Param, Run, new_id
from nbops.settings import load_settings
from nbops.store import open_store


class Server:
    """Where the server is, and who may ask it."""

    def __init__(self, folder: Path, address: str, token: str) -> None:
        self.folder = folder
        self.address = address
        self.token = token

    def client(self, **headers: str) -> httpx.Client:
        """A client without any right, but with these headers."""
        # There is no TLS on the loopback address, and reading the machine's certificates takes longer than a request.
        return httpx.Client(base_url=f"{self.address}/nbops/api/v1/", headers=headers, timeout=30, verify=False)

    def ask(self, method: str, route: str, *, project: str = "first", **arguments: Any) -> httpx.Response:
        """Call a route with the token; arguments are the query of a GET, else the JSON body."""
        with self.client(Authorization=f"token {self.token}") as client:
            if method == "GET":
                return client.get(route, params={"project": project, **arguments})
            return client.request(method, route, params={"project": project}, json=arguments)

    def get(self, route: str, **arguments: Any) -> Any:
        """The JSON answer of a GET that must succeed."""
        response = self.ask("GET", route, **arguments)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Jupyter server on a folder in which ``first`` and ``second`` are projects and ``bare`` is not."""
    folder = tmp_path_factory.mktemp("server")
    for name in ("first", "second"):
        (folder / "root" / name / ".nbops").mkdir(parents=True)
    (folder / "root" / "bare").mkdir()
    record(folder / "root" / "first", runs=3)
    with _serving(folder) as found:
        yield found


def record(folder: Path, *, runs: int = 1, name: str = "run") -> list[Run]:
    """Write runs with two cells, a parameter and a metric each into a project's store."""
    made = []
    with contextlib.closing(open_store(load_settings(folder, env={}))) as store:
        for number in range(1, runs + 1):
            run = Run(
                id=new_id(), name=f"{name} {number}", kind="session", status="finished", notebook="work.ipynb",
                started_at=time.time(), ended_at=time.time() + number,
            )  # fmt: skip
            cells = [
                CellExecution(
                    id=new_id(), run_id=run.id, position=1, source="x = 1", status="ok", started_at=1.0, cell_id="a",
                ),
                CellExecution(
                    id=new_id(), run_id=run.id, position=2, source="1 / 0", status="error", started_at=2.0, cell_id="b",
                    error=CellError(name="ZeroDivisionError", message="division by zero"),
                ),
            ]  # fmt: skip
            store.put(run, *cells)
            store.log_params([Param(run_id=run.id, name="depth", value=number, at=1.0)])
            store.log_metrics([Metric(run_id=run.id, name="accuracy", step=None, value=number / 10, at=1.0)])
            made.append(run)
    return made


@pytest.fixture
def write() -> Callable[..., list[Run]]:
    """Record runs from this process: ``write(folder, runs=2)``."""
    return record


@contextlib.contextmanager
def _serving(folder: Path) -> Iterator[Server]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    token = secrets.token_hex(16)
    homes = {
        name: str(folder / "home" / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(
        [
            sys.executable, "-W", "ignore", "-m", "jupyter_server", "--no-browser", "--allow-root",
            "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={token}", "--ServerApp.allow_unauthenticated_access=False",
            "--ServerApp.jpserver_extensions=nbops.rest=True",
        ],
        cwd=folder / "root",
        env={**os.environ, **homes, "HOME": str(folder / "home")},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _await_answer(f"{address}/api", process, folder / "server.log")
        yield Server(folder / "root", address, token)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def _await_answer(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, verify=False).status_code in (200, 403):
                return
        time.sleep(0.05)
    raise AssertionError(f"the server does not answer:\n{log.read_text()}")

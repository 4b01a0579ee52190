"""Shells and kernels that record into a project of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager
from shells import lent_shell

from nbops import capture
from nbops.records import CellExecution, Run
from nbops.settings import load_settings
from nbops.store import open_store


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, current for the test."""
    (tmp_path / ".nbops").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("JPY_SESSION_NAME", "NBOPS_RUN", "NBOPS_CAUSE", "NBOPS_NOTEBOOK", "NBOPS_STORE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


class Shell:
    """An IPython shell of this process, driven as a front end drives it."""

    def __init__(self, ip: Any) -> None:
        self.ip = ip
        self.count = 0

    def __call__(self, source: str, **options: Any) -> Any:
        self.count += 1
        return self.ip.run_cell(source, **{"store_history": True, "cell_id": f"cell-{self.count}", **options})

    def load(self) -> Shell:
        capture.start(self.ip)
        return self


@pytest.fixture
def bare() -> Iterator[Shell]:
    """A shell in which nbops is not loaded."""
    with lent_shell() as ip:
        yield Shell(ip)


@pytest.fixture
def shell(project: Path, bare: Shell) -> Shell:
    """A shell whose cells are recorded in ``project``."""
    return bare.load()


@pytest.fixture
def cells() -> Callable[..., list[CellExecution]]:
    """Read the cells of the project in the current folder, in the order they ran."""

    def read(start: Path | None = None) -> list[CellExecution]:
        with open_store(load_settings(start)) as store:
            return store.find(CellExecution, order_by="id")

    return read


@pytest.fixture
def runs() -> Callable[..., list[Run]]:
    """Read the runs of the project in the current folder, oldest first."""

    def read(start: Path | None = None) -> list[Run]:
        with open_store(load_settings(start)) as store:
            return store.find(Run, order_by="id")

    return read


class Kernel:
    """A real kernel in a process of its own."""

    def __init__(self, folder: Path, env: dict[str, str] | None = None, arguments: tuple[str, ...] = ()) -> None:
        self.folder = folder
        # Sockets in the project's folder: tests that run at the same time cannot meet at a port.
        self.manager: Any = KernelManager(transport="ipc", ip=str(folder / "k"))
        # Without pytest's mark: ipykernel looks for it and then leaves the file descriptors alone.
        hidden = ("JPY_SESSION_NAME", "PYTEST_CURRENT_TEST")
        environ = {name: value for name, value in os.environ.items() if name not in hidden}
        self.manager.start_kernel(cwd=str(folder), env=environ | (env or {}), extra_arguments=list(arguments))
        self.client: Any = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, source: str, *, cell_id: str | None = None, timeout: float = 60, **options: Any) -> dict[str, Any]:
        """Run a cell and return its reply with its outputs under ``outputs``."""
        outputs: list[dict[str, Any]] = []
        sent = self.send(source, cell_id=cell_id, **options)
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != sent:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            if message["msg_type"] not in ("status", "execute_input"):
                outputs.append({"type": message["msg_type"], **message["content"]})
        return {**self.reply(sent, timeout=timeout), "outputs": outputs}

    def reply(self, sent: str, *, timeout: float = 60) -> dict[str, Any]:
        """Wait for the reply to a cell that was sent."""
        while True:
            message: dict[str, Any] = self.client.get_shell_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") == sent:
                content: dict[str, Any] = message["content"]
                return content

    def send(self, source: str, *, cell_id: str | None = None, store_history: bool = True, silent: bool = False) -> str:
        """Ask for a cell without waiting."""
        content = {
            "code": source, "silent": silent, "store_history": store_history, "user_expressions": {},
            "allow_stdin": False, "stop_on_error": True,
        }  # fmt: skip
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell_id} if cell_id else {})
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def printed(self, reply: dict[str, Any]) -> str:
        return "".join(output["text"] for output in reply["outputs"] if output["type"] == "stream")

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)
        self.manager.cleanup_resources()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for a module's tests, recording into a project of its own."""
    folder = tmp_path_factory.mktemp("k")
    (folder / ".nbops").mkdir()
    started = Kernel(folder, env={"JPY_SESSION_NAME": str(folder / "train.ipynb")})
    started.run("%load_ext nbops", cell_id="load")
    yield started
    started.stop()


@pytest.fixture
def kernel_in(tmp_path: Path) -> Iterator[Callable[..., Kernel]]:
    """Start kernels in the test's own project; all are stopped at its end."""
    (tmp_path / ".nbops").mkdir(exist_ok=True)
    started: list[Kernel] = []

    def start(folder: Path = tmp_path, **options: Any) -> Kernel:
        started.append(Kernel(folder, **options))
        return started[-1]

    yield start
    for one in started:
        if one.manager.is_alive():
            one.stop()
        else:
            one.client.stop_channels()
            one.manager.cleanup_resources()

"""A masker that knows nothing, and a real notebook kernel somebody types into."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from nbops.masking import Masker
from nbops.masking.known import Values


@pytest.fixture
def masker() -> Masker:
    return Masker(None, values=Values())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, current for the test."""
    (tmp_path / ".nbops").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return tmp_path


class Notebook:
    """A real kernel, and what its user answers when asked."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.answers: list[str] = []
        self.manager: Any = KernelManager(transport="ipc", ip=str(folder / "k"))
        hidden = ("PYTEST_CURRENT_TEST",)
        env = {name: value for name, value in os.environ.items() if name not in hidden} | environ
        self.manager.start_kernel(cwd=str(folder), env=env)
        self.client: Any = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, source: str) -> str:
        """Run a cell, answer what it asks, and return all that it showed."""
        sent = self.client.execute(source, allow_stdin=True)
        shown: list[str] = []
        while True:
            if self.answers:
                with contextlib.suppress(Empty):
                    self.client.get_stdin_msg(timeout=0.05)
                    self.client.input(self.answers.pop(0))
            try:
                message = self.client.get_iopub_msg(timeout=0.05 if self.answers else 60)
            except Empty:
                continue
            content = message["content"]
            if message["parent_header"].get("msg_id") != sent:
                continue
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return "".join(shown)
            shown += [content.get("text", ""), content.get("evalue", "")]
            shown.append(content.get("data", {}).get("text/plain", ""))

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)


@pytest.fixture
def notebook(project: Path) -> Iterator[Any]:
    """Start a notebook that records: ``notebook(NAME="value")`` adds to its environment."""
    started: list[Notebook] = []

    def start(**environ: str) -> Notebook:
        one = Notebook(project, environ)
        started.append(one)
        one.run("%load_ext nbops")
        return one

    yield start
    for one in started:
        if one.manager.has_kernel:
            one.close()

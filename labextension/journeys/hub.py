"""Starts a real JupyterHub with its proxy, whose users get JupyterLab with nbops, for one browser test."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from lab import ROOT, Lab, await_answer, environment, free_port, node

PROXY = ROOT / "labextension" / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
CONFIGURATION = """
import json
given = json.loads({given!r})
c = get_config()
c.JupyterHub.bind_url = given["address"]
c.JupyterHub.hub_bind_url = given["inner"]
c.JupyterHub.db_url = given["database"]
c.JupyterHub.cookie_secret_file = given["cookies"]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.DummyAuthenticator.password = given["password"]
c.ConfigurableHTTPProxy.command = given["proxy"]
c.ConfigurableHTTPProxy.api_url = given["proxy_api"]
c.ConfigurableHTTPProxy.pid_file = given["proxy_pid"]
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = given["folder"]
c.Spawner.notebook_dir = given["folder"]
c.Spawner.cmd = given["server"]
c.Spawner.args = ["--allow-root", "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
c.Spawner.environment = given["environment"]
"""


@contextlib.contextmanager
def hub(tmp_path: Path) -> Iterator[Lab]:
    """Start a hub where everybody may log in with the token as password; every user works in ``tmp_path/work``."""
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    address, password = f"http://127.0.0.1:{free_port()}", secrets.token_hex(16)
    given = {
        "address": address,
        "inner": f"http://127.0.0.1:{free_port()}",
        "database": f"sqlite:///{tmp_path / 'hub.sqlite'}",
        "cookies": str(tmp_path / "cookies"),
        "password": password,
        "proxy": [node(), str(PROXY)],
        "proxy_api": f"http://127.0.0.1:{free_port()}",
        "proxy_pid": str(tmp_path / "proxy.pid"),
        "folder": str(folder),
        "server": [sys.executable, "-m", "jupyterhub.singleuser"],
        "environment": {
            name: value for name, value in environment(tmp_path).items() if name.startswith(("JUPYTER", "IPYTHON"))
        },
    }
    (tmp_path / "hub.py").write_text(CONFIGURATION.format(given=json.dumps(given)))
    log = (tmp_path / "hub.log").open("wb")
    running = subprocess.Popen(
        [sys.executable, "-m", "jupyterhub", "-f", str(tmp_path / "hub.py")],
        cwd=tmp_path,
        env={**os.environ, "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(16)},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        await_answer(f"{address}/hub/api", running, tmp_path / "hub.log")
        yield Lab(folder, address, password)
    finally:
        # It ends its proxy and its users' servers, which are in sessions of their own.
        running.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        log.close()

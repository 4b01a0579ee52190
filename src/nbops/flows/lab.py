"""Open JupyterLab with the side panel on a project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def lab_command(root: Path, *, port: int, browser: bool) -> list[str]:
    """The command that opens JupyterLab on a project, on this machine only.

    Args:
        root: the project's folder, which becomes the server's root.
        port: TCP port on the loopback address; the next free one when it is taken.
        browser: whether to open a window.

    Example:
        >>> lab_command(Path("/tmp"), port=8888, browser=False)[1:4]
        ['-m', 'jupyterlab', '--ServerApp.ip=127.0.0.1']
    """
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    command.append(f"--ServerApp.root_dir={root}")
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Containers and teaching machines have no other user; the server still listens on loopback with a token.
        command.append("--allow-root")
    return command


def open_lab(root: Path, *, port: int, browser: bool) -> int:
    """Run JupyterLab until it is stopped.

    Args:
        root: the project's folder.
        port: TCP port on the loopback address.
        browser: whether to open a window.

    Returns:
        JupyterLab's exit code.
    """
    return subprocess.run(lab_command(root, port=port, browser=browser), check=False).returncode

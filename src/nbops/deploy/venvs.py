"""An interpreter of a deployment's own: a venv that has the lock's packages and the server, and nothing of ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nbops_serving
from nbops.deploy import wheels
from nbops.errors import DeployError
from nbops.progress import Stage

FOLDER = "venv"


def make(folder: Path, requirements: Sequence[str], *, is_signed: bool = False, now: Stage) -> Path:
    """Make a venv for one deployment.

    The packages themselves are a site in the user's cache, which the venv only points to: it takes a moment, and a
    retrained model with the same lock uses the same site.

    Args:
        folder: of the deployment.
        requirements: the model's, pinned.
        is_signed: whether the server has to check signatures.
        now: told what goes on.

    Returns:
        The venv's interpreter.

    Raises:
        DeployError: the venv cannot be made, or a wheel cannot be had.
    """
    target = wheels.own_target()
    asked = dict(pin.split("==", 1) for pin in requirements)
    own = [pin for pin in wheels.server_pins(asked, is_signed=is_signed) if pin.partition("==")[0] not in asked]
    pins, complete = wheels.lock([*requirements, *own], target)
    site = wheels.site(pins, target, complete=complete, now=now)
    place = folder / FOLDER
    now.say("make a venv")
    shutil.rmtree(place, ignore_errors=True)
    command = [sys.executable, "-I", "-m", "venv", "--without-pip", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise DeployError(
            f"the venv {place} cannot be made: {(done.stderr or done.stdout).strip()[-500:]}",
            code="venv_failed",
            hint=" ".join(command),
        )
    packages = next(place.glob("lib/python*/site-packages"))
    source = Path(nbops_serving.__path__[0])
    shutil.copytree(source, packages / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    (packages / "nbops-lock.pth").write_text(f"{site}\n", "utf-8")
    return place / "bin" / "python"


def discard(venv: Path) -> None:
    """Remove a deployment's venv, if it is there."""
    shutil.rmtree(venv, ignore_errors=True)

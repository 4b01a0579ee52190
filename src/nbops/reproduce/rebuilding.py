"""A recorded environment, built again: the same Python, every package in its version, from the user's own index.

It is made by uv where that is here, else by ``venv`` and pip, with their ordinary configuration: an index behind a
proxy, a folder of wheels and the installer's cache all work. One environment is made once for a project, under its id.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from nbops.errors import MissingError, NbopsError
from nbops.progress import stage
from nbops.records import Environment
from nbops.store.locks import locked

_COMPLETE = "complete"
# Ours, whichever version recorded: this one runs and records the reproduction.
_OWN = frozenset({"nbops"})
_SAID = 1500


def rebuilt(environment: Environment, *, folder: Path) -> Path:
    """Build a recorded environment, or find it as it was built before.

    Args:
        environment: interpreter and packages.
        folder: where such environments are kept.

    Returns:
        Its interpreter.

    Raises:
        MissingError: the recorded Python is not here.
        NbopsError: a package cannot be had; the message is the installer's own.
    """
    made = folder / environment.id
    interpreter = made / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{environment.id}.lock").open("a") as lock, stage("Rebuild the environment") as now:
        if not locked(lock):
            raise NbopsError(
                f"another process builds the environment {environment.id[:13]} just now",
                code="environment_is_built",
                hint="nbops reproduce RUN --env, when it is done",
            )
        if not (made / _COMPLETE).is_file():
            shutil.rmtree(made, ignore_errors=True)
            now.say(f"Python {environment.python}")
            _make(made, _python(environment.python))
            pins = [f"{name}=={version}" for name, version in environment.packages.items() if name not in _OWN]
            now.say(f"{len(pins)} packages")
            _install(pins, made, interpreter)
            _bring_own(made, interpreter)
        (made / _COMPLETE).touch()
    return interpreter


def _python(wanted: str) -> str:
    """An interpreter of the recorded minor version; last digits change no number."""
    minor = ".".join(wanted.split(".")[:2])
    if platform.python_version().startswith(f"{minor}."):
        return sys.executable
    for found in _candidates(minor):
        # A version manager's stand-in is on the path for versions that it has not switched on.
        asked = _run([found, "-c", "import platform; print(platform.python_version())"])
        if asked.returncode == 0 and asked.stdout.startswith(f"{minor}."):
            return found
    raise MissingError(
        f"the run was recorded under Python {wanted}, and no Python {minor} is here",
        code="python_missing",
        hint=f"apt-get install python{minor}-venv, or uv python install {minor}",
    )


def _candidates(minor: str) -> Iterator[str]:
    found = shutil.which(f"python{minor}")
    if found is not None:
        yield found
    uv = _uv()
    if uv is not None:
        done = _run([uv, "python", "find", "--no-python-downloads", minor])
        if done.returncode == 0:
            yield done.stdout.strip()


def _make(folder: Path, python: str) -> None:
    uv = _uv()
    command = [uv, "venv", "--quiet", "--python", python, str(folder)] if uv else [python, "-m", "venv", str(folder)]
    _done(command, f"no environment can be made with {python}", hint=f"{python} -m venv /tmp/try")


def _install(pins: list[str], folder: Path, interpreter: Path) -> None:
    listed = folder / "requirements.txt"
    listed.write_text("\n".join([*pins, ""]), "utf-8")
    uv = _uv()
    command = (
        [uv, "pip", "install", "--quiet", "--python", str(interpreter)]
        if uv
        else [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    # What was recorded is all that was there: nothing is resolved, and nothing is added.
    command += ["--no-deps", "-r", str(listed)]
    _done(command, "the recorded packages cannot be had", hint=" ".join(command))


def _bring_own(folder: Path, interpreter: Path) -> None:
    """Let the environment import this nbops, which runs in any Python it supports."""
    own = folder / "own"
    own.mkdir()
    here = Path(__file__).parents[1]
    for package in (here, here.with_name("nbops_serving")):
        (own / package.name).symlink_to(package)
    asked = _run([str(interpreter), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
    Path(asked.stdout.strip(), "nbops-own.pth").write_text(f"{own}\n", "utf-8")
    _done(
        [str(interpreter), "-c", "import ipykernel, nbops.capture, nbops.retrain.inputs"],
        "no notebook can run in the recorded environment",
        hint="nbops reproduce RUN, without --env",
    )


def _uv() -> str | None:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv")


def _done(command: list[str], failed: str, *, hint: str) -> None:
    done = _run(command)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-_SAID:]
        raise NbopsError(f"{failed}:\n{said}", code="environment_not_rebuilt", hint=hint)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    # Neither this process's environment nor its packages are the recorded ones.
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=env)

"""The engine that needs nothing: the bundle's server as a process of this user, with this interpreter.

It serves the same bundle by the same command as a container does; what it lacks is the container's walls.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import nbops_serving
from nbops.deploy import detached, ports, venvs, wheels
from nbops.deploy.engine import Condition, Handle, Launch, Started, server_arguments
from nbops.errors import DeployError, NbopsError
from nbops.progress import Stage
from nbops.settings import Settings
from nbops_serving.manifest import MANIFEST, read_manifest

STOP_TIMEOUT_S = 15.0
"""How long a server may finish what it took before it is killed."""


class ProcessEngine:
    """Runs servers as detached processes on 127.0.0.1."""

    name = "process"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def problem(self) -> NbopsError | None:
        """Say why deployments cannot be made here, or None when they can."""
        if os.name != "posix":
            return DeployError(f"the process engine needs Linux or macOS, not {sys.platform}", hint="--engine docker")
        return None

    def build(self, launch: Launch, *, now: Stage) -> Handle:
        """Make a venv where one is asked for, or a folder with the lock's packages if this environment has others."""
        _check_python(launch)
        if self._settings.isolated:
            python = venvs.make(Path(launch.folder), launch.requirements, is_signed=bool(launch.trusted_keys), now=now)
            return {"python": str(python)}
        other = _other_versions(launch.requirements)
        if not other:
            now.say("nothing to build: this interpreter serves")
            return {}
        now.say(f"{other[0]} is not what this environment has")
        target = wheels.own_target()
        pins, complete = wheels.lock(launch.requirements, target)
        return {"site": str(wheels.site(pins, target, complete=complete, now=now))}

    def start(self, launch: Launch, built: Handle) -> Started:
        """Start the server as a process that outlives this one."""
        port = launch.port or ports.free_port()
        log = Path(launch.folder) / "server.log"
        Path(launch.log_path).mkdir(parents=True, exist_ok=True)
        is_isolated = "python" in built
        python = str(built.get("python", sys.executable))
        command = [python, "-P", "-m", "nbops_serving", launch.bundle_path, "--host", ports.HOST,
                   "--port", str(port), "--log", launch.log_path, *server_arguments(launch)]  # fmt: skip
        pid, started = detached.spawn(
            command, log=log, env=_environment(str(built.get("site", "")), is_isolated=is_isolated)
        )
        return Started(
            handle=built | {"pid": pid, "started": started, "log": str(log), "port": port},
            address=f"{launch.scheme}://{ports.HOST}:{port}",
        )

    def condition(self, handle: Handle) -> Condition:
        """Tell whether the process still runs."""
        pid, started = int(handle["pid"]), str(handle["started"])
        if detached.is_alive(pid, started):
            return Condition(state="running")
        return Condition(state="failed", message=f"process {pid} has ended")

    def conditions(self, handles: Mapping[str, Handle]) -> dict[str, Condition]:
        """Tell how several are."""
        return {key: self.condition(handle) for key, handle in handles.items()}

    def memory_bytes(self, handle: Handle) -> int:
        """Sum up the resident memory of the server and the workers it has forked."""
        found = detached.resident_bytes(int(handle["pid"]))
        if found == 0:
            raise DeployError(f"process {handle['pid']} has ended", code="not_running")
        return found

    def stop(self, handle: Handle) -> None:
        """Let the server finish what it took, then end it and remove its venv."""
        if "pid" in handle:  # else it was never started
            detached.terminate(int(handle["pid"]), str(handle["started"]), timeout_s=STOP_TIMEOUT_S)
        if "python" in handle:
            venvs.discard(Path(str(handle["python"])).parent.parent)

    def logs(self, handle: Handle, *, follow: bool = False, tail: int | None = None) -> Iterator[str]:
        """Yield lines of the server's log file."""
        return read_log(Path(str(handle["log"])), tail=tail, is_open=lambda: follow and self._runs(handle))

    def _runs(self, handle: Handle) -> bool:
        return self.condition(handle).state == "running"


def _check_python(launch: Launch) -> None:
    """Refuse a model of another minor version of Python: its pickles and wheels may be another's, too."""
    fitted = read_manifest((Path(launch.bundle_path) / MANIFEST).read_bytes()).python
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if fitted != ours:
        raise DeployError(
            f"the model was fitted under Python {fitted}, and this interpreter, {sys.executable}, is Python {ours}",
            code="python_mismatch",
            hint=f"install nbops for Python {fitted} and deploy with that, "
            f"or --engine docker --base-image <an image with Python {fitted}>",
        )


def _other_versions(requirements: Sequence[str]) -> list[str]:
    """Which pins this environment does not satisfy."""
    pairs = [pin.split("==", 1) for pin in requirements]
    return [f"{name}=={version}" for name, version in pairs if not wheels.is_installed(name, version)]


def _environment(site: str, *, is_isolated: bool = False) -> dict[str, str]:
    """The server's environment: ours, less what would change how it imports or records."""
    left_out = {"PYTHONPATH", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE"}
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in left_out and not key.startswith(("NBOPS_", "JPY_"))
    }
    if is_isolated:
        return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONNOUSERSITE": "1"}
    # The lock's packages come first. Where nbops was imported from counts, however it got on this interpreter's path.
    places = [site, str(Path(nbops_serving.__path__[0]).parent)]
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(filter(None, places))}


def read_log(path: Path, *, tail: int | None, is_open: Callable[[], bool]) -> Iterator[str]:
    """Yield the lines of a log file, then new ones for as long as ``is_open()`` says so."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = file.readlines()
        yield from (
            line.rstrip("\n") for line in (lines if tail is None else lines[len(lines) - min(tail, len(lines)) :])
        )
        while is_open():
            line = file.readline()
            if line:
                yield line.rstrip("\n")
            else:
                time.sleep(0.1)

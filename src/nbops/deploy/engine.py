"""The seam between a rollout and what runs it: start a bundle, say truthfully how it is, stop it.

An engine knows nothing of endpoints' traffic: ``nbops.deploy.rollout`` decides when a deployment may answer clients,
``nbops.deploy.edge`` moves the traffic. To add an engine, implement ``Engine``, name it under the entry point group
``nbops.engines``, and run ``tests/contracts/test_engine_contract.py`` over it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from nbops.deploy.access import CERTIFICATE, KEYS
from nbops.deploy.client import Server
from nbops.errors import DeployError, MissingError, NbopsError
from nbops.extending import look_up
from nbops.progress import Stage
from nbops.settings import Settings

Handle = dict[str, str | int]
"""What an engine writes down to find a deployment again, from any process."""

SERVER_PORT = 8080
"""The port a server listens on inside a container."""


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment to be started."""

    deployment_id: str
    endpoint: str
    bundle_path: str
    """The bundle's folder on this machine."""
    bundle_digest: str
    """sha256 of its manifest: the server refuses any other."""
    trusted_keys: list[str] = []
    """Public keys, one of which must have signed the manifest; empty to ask for no signature."""
    requirements: list[str]
    """The model's own pinned requirements, ``name==version``."""
    folder: str
    """Where this deployment may write: its server log and sockets."""
    log_path: str
    """Where the server writes its prediction log."""
    project: str
    """Root of the project, which tells its containers from those of other projects."""
    port: int | None = None
    """The port of 127.0.0.1 it must answer on, where no edge stands before it; None takes a free one."""
    access: str = ""
    """Folder with the server's API keys and certificate, as ``nbops.deploy.access`` lays them."""
    has_keys: bool = False
    """Whether it asks for one of the keys there."""
    has_certificate: bool = False
    """Whether it speaks HTTPS itself, where no edge stands before it that does."""
    labels: dict[str, str] = {}
    """Ids that are written on what is started, so that it can be traced without the store."""

    @property
    def scheme(self) -> str:
        """How it is spoken to: ``http`` or ``https``."""
        return "https" if self.has_certificate else "http"


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was started, though it may not answer yet."""

    handle: Handle
    address: str
    """Direct address, ``http://127.0.0.1:PORT``, or ``https://…`` for one with a certificate."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """How a deployment is, asked of the engine itself and not of the store."""

    state: Literal["running", "stopped", "failed"]
    message: str = ""
    """Why it is not running, with its exit code where there is one."""


class Running(msgspec.Struct, frozen=True):
    """A server that is ready and proven and has no traffic yet, for whoever wants to measure it."""

    address: str
    memory_bytes: Callable[[], int]
    """Asks the engine how much memory it holds just now."""
    handle: Handle = {}
    """What the engine wrote down of it: its image, where it has one."""
    key: str | None = None
    """An API key that it takes just now, where it asks for one."""
    certificate: str | None = None
    """File with its certificate, where it speaks HTTPS."""

    @property
    def server(self) -> Server:
        """The same for those who ask it."""
        return Server(self.address, self.key, self.certificate)


class Engine(Protocol):
    """What a rollout needs of whatever runs servers."""

    name: str

    def problem(self) -> NbopsError | None:
        """Say why deployments cannot be made here and what cures it, or None when they can."""
        ...

    def build(self, launch: Launch, *, now: Stage) -> Handle:
        """Make what ``start`` needs from the bundle, such as an image; ``stop`` takes what this returns, too."""
        ...

    def start(self, launch: Launch, built: Handle) -> Started:
        """Start a server and return at once; DeployError when it cannot even be started."""
        ...

    def condition(self, handle: Handle) -> Condition:
        """Tell how it is now."""
        ...

    def conditions(self, handles: Mapping[str, Handle]) -> dict[str, Condition]:
        """Tell how several are, by deployment id, at the price of one question where the engine can."""
        ...

    def memory_bytes(self, handle: Handle) -> int:
        """How much memory it holds now, all its processes together; DeployError when it does not run."""
        ...

    def stop(self, handle: Handle) -> None:
        """Let it finish what it took, stop it and remove all of it; nothing happens when it is gone already."""
        ...

    def logs(self, handle: Handle, *, follow: bool = False, tail: int | None = None) -> Iterator[str]:
        """Yield lines of the server's own log, the last ``tail`` ones first, and new ones while ``follow``."""
        ...


ENGINES = {
    "docker": "nbops.deploy.docker_engine:DockerEngine",
    "fake": "nbops.testing.engine:FakeEngine",
    "process": "nbops.deploy.process_engine:ProcessEngine",
}
"""Engines that come with nbops; others join by the entry point group ``nbops.engines``."""


def engine_named(name: str, settings: Settings) -> Engine:
    """Return the engine of this name, whether or not it can be used here.

    Raises:
        UsageError: no engine has this name.
    """
    engine: Engine = look_up("engines", name, built_in=ENGINES)(settings)
    return engine


def choose(name: str | None, settings: Settings) -> tuple[Engine, NbopsError | None]:
    """Choose the engine for a new deployment.

    Args:
        name: the engine asked for; None takes the setting ``engine``, else docker where it answers, else process.
        settings: of the project.

    Returns:
        The engine, and why docker was passed over when the choice was free and fell on process.

    Raises:
        NbopsError: the engine asked for cannot be used here; the hint cures it.
    """
    asked = name or settings.engine
    if asked:
        engine = engine_named(asked, settings)
        problem = engine.problem()
        if problem is not None:
            raise _with_other_engine(problem, asked, settings)
        return engine, None
    docker = engine_named("docker", settings)
    problem = docker.problem()
    if problem is None:
        return docker, None
    process = engine_named("process", settings)
    unusable = process.problem()
    if unusable is not None:
        raise DeployError(f"neither engine can be used here: {problem.message}; {unusable.message}", hint=problem.hint)
    return process, problem


def _with_other_engine(problem: NbopsError, asked: str, settings: Settings) -> NbopsError:
    """Name the engine that needs nothing installed beside the cure of the one that was asked for."""
    is_missing = isinstance(problem, MissingError)
    if not is_missing or asked == "process" or engine_named("process", settings).problem() is not None:
        return problem
    cure = f"{problem.hint}  # or" if problem.hint else ""
    return type(problem)(problem.message, code=problem.code, hint=f"{cure} nbops deploy … --engine process".strip())


def server_arguments(launch: Launch, *, access: str | None = None) -> list[str]:
    """What the server is told of the bundle that it may start and of those who may ask, on every engine.

    Args:
        launch: the deployment.
        access: where the server sees the folder of that name; the same place when not given.
    """
    folder = launch.access if access is None else access
    trusted = [word for key in launch.trusted_keys for word in ("--trusted-key", key)]
    keys = ["--keys", f"{folder}/{KEYS}"] if launch.has_keys else []
    certificate = ["--tls-certificate", f"{folder}/{CERTIFICATE}"] if launch.has_certificate else []
    return ["--digest", launch.bundle_digest, *trusted, *keys, *certificate]


def deployment_folder(settings: Settings, endpoint: str, deployment_id: str) -> Path:
    """Where one deployment of an endpoint may write."""
    return settings.folder / "endpoints" / endpoint / deployment_id

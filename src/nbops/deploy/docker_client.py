"""The Docker engine: one place that connects, and one that turns its errors into ours.

Everything here goes through Docker's SDK and needs no ``docker`` command.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nbops.errors import ConflictError, DeployError, MissingError, NbopsError
from nbops.optional import need

if TYPE_CHECKING:
    from docker import DockerClient

_SOCKET = "unix:///var/run/docker.sock"
_SYSTEM_PATH = "/usr/sbin:/usr/local/sbin"
_LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1"}

_SPOKEN: dict[str, str] = {}
"""By engine, the version of its interface: the SDK would ask for it with each connection, and a deploy makes dozens."""

PROJECT_LABEL, ENDPOINT_LABEL, DEPLOYMENT_LABEL = "nbops.project", "nbops.endpoint", "nbops.deployment"


@contextlib.contextmanager
def connected() -> Iterator[DockerClient]:
    """Talk with the Docker engine; its errors leave as ours.

    Raises:
        MissingError: no engine answers, or not to this user; the hint cures it.
        DeployError: the engine refused what it was asked.
    """
    docker = need("docker", to="deploy into a container")
    try:
        _knock()
        host = os.environ.get("DOCKER_HOST", "")
        client = docker.from_env(version=_SPOKEN.get(host))
        _SPOKEN[host] = client.api.api_version
    except (docker.errors.DockerException, OSError) as error:
        raise unreachable(error) from error
    try:
        yield client
    except docker.errors.APIError as error:
        raise refused(error) from error
    except docker.errors.DockerException as error:
        raise DeployError(f"Docker failed: {error}") from error
    finally:
        client.close()


def _knock() -> None:
    """Try the engine's socket ourselves: the SDK says less of what is wrong, and leaves its own socket open."""
    where = urlsplit(os.environ.get("DOCKER_HOST", "") or _SOCKET)
    if where.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(where.path)


def unreachable(error: BaseException) -> NbopsError:
    """Say why no engine answers, and what cures it."""
    host = os.environ.get("DOCKER_HOST", "")
    where = host or _SOCKET
    said = _causes(error)
    if "PermissionError" in said or "Permission denied" in said:
        return MissingError(
            f"the Docker engine at {where} is there, but not for this user",
            code="docker_forbidden",
            hint='sudo usermod -aG docker "$USER"  # then log in again',
        )
    if host:
        return MissingError(
            f"no Docker engine answers at DOCKER_HOST={host}", code="docker_down", hint="unset DOCKER_HOST"
        )
    if shutil.which("dockerd") or shutil.which("dockerd", path=_SYSTEM_PATH):
        return MissingError(
            "Docker is installed, but its daemon does not run", code="docker_down", hint="sudo systemctl start docker"
        )
    return MissingError("Docker is not installed", code="docker_missing", hint="sudo apt-get install docker.io")


def refused(error: BaseException) -> NbopsError:
    """Map an answer of the engine that is not a success."""
    said = str(getattr(error, "explanation", "") or error).strip()
    if "is already in use by container" in said:
        name = said.partition('name "')[2].partition('"')[0].lstrip("/")
        return ConflictError(
            f"a container named {name} is there already", code="name_taken", hint=f"docker rm -f {name}"
        )
    if "port is already allocated" in said or "address already in use" in said:
        address = next((word for word in said.split() if word.startswith("127.0.0.1:")), "its port").rstrip(":")
        port = address.rpartition(":")[2]
        return ConflictError(
            f"Docker cannot publish {address}: another program listens there",
            code="port_taken",
            hint=f"ss -ltnp 'sport = :{port}'  # shows which",
        )
    if "non-overlapping IPv4 address pool" in said:
        return DeployError(
            "Docker has no addresses left for another network; each endpoint has its own",
            code="networks_full",
            hint="docker network prune",
        )
    if "no space left on device" in said:
        return DeployError(f"Docker's disk is full: {said}", code="disk_full", hint="docker system prune")
    return DeployError(f"Docker refused: {said}")


def problem() -> NbopsError | None:
    """Say why containers cannot be run from here, or None when they can."""
    host = urlsplit(os.environ.get("DOCKER_HOST", ""))
    if host.scheme not in ("", "unix", "npipe") and host.hostname not in _LOCAL_HOSTS:
        return DeployError(
            f"DOCKER_HOST={host.geturl()} is another machine, and endpoints answer on this one's 127.0.0.1",
            code="docker_remote",
            hint="unset DOCKER_HOST",
        )
    try:
        with connected() as client:
            client.ping()
    except NbopsError as error:
        return error
    return None


def container_user() -> tuple[int, int]:
    """The user and group of our containers: never root, and one that may write the folders we mount."""
    if os.getuid() == 0:
        return 10001, 10001
    return os.getuid(), os.getgid()


def image_tags(client: DockerClient, *, name: str | None = None, label: str | None = None) -> list[str]:
    """List the tags of images, in one question: the SDK asks about each image again, and fails where one has just gone.

    Args:
        client: of the Docker engine.
        name: only those of this repository, or this one tag.
        label: only those with this ``KEY=VALUE``.
    """
    found = client.api.images(name=name, filters={"label": [label]} if label else None)
    return [str(tag) for one in found for tag in one.get("RepoTags") or [] if tag != "<none>:<none>"]


def give(folder: str) -> None:
    """Make a folder that our containers' user may write."""
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103 (takes text as Docker does)
    if os.getuid() == 0:
        os.chown(folder, *container_user())


def network_name(project: str, endpoint: str) -> str:
    """Name of the network that holds one endpoint's containers and nobody else's."""
    from hashlib import sha256

    return f"nbops-{sha256(os.fsencode(project)).hexdigest()[:8]}-{endpoint}"


def ensure_network(client: DockerClient, name: str, labels: dict[str, str]) -> None:
    """Make a network if there is none of that name."""
    if not client.networks.list(names=[f"^{name}$"]):
        client.networks.create(name, driver="bridge", labels=labels, check_duplicate=True)


def release_network(client: DockerClient, name: str) -> None:
    """Remove a network when its last container has gone."""
    docker = need("docker", to="deploy into a container")
    for network in client.networks.list(names=[f"^{name}$"]):
        network.reload()
        if not network.containers:
            with contextlib.suppress(docker.errors.APIError):
                # Somebody joined it just now: then it is that one's to remove.
                network.remove()


def _causes(error: BaseException | None) -> str:
    said = []
    while error is not None:
        said.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(said)


HARDENED: dict[str, Any] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,size=64m"},  # noqa: S108 (the container's own)
    "log_config": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
}
"""What every container of ours is run with."""

"""HAProxy as a container, before an endpoint whose servers are containers.

No image with HAProxy can be counted on to be pulled, so one is made: our own base image and the files of Debian's
package, taken from this machine where it is installed, else downloaded with apt.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nbops.deploy import docker_client, haproxy, image, ports, spool
from nbops.deploy.access import CERTIFICATE, lay
from nbops.deploy.docker_client import ENDPOINT_LABEL, PROJECT_LABEL, connected
from nbops.deploy.edge import (
    FINISH_TIMEOUT_S,
    certificate_of,
    remove_sockets,
    runtime,
    wait_open,
    write_configuration,
)
from nbops.deploy.engine import Handle
from nbops.errors import DeployError, MissingError, NbopsError
from nbops.optional import need
from nbops.progress import stage
from nbops.records import Deployment
from nbops.settings import Settings

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_PORT = 8080
_PACKAGE = "haproxy"
_KEPT = ("/usr/sbin/haproxy", "/lib/x86_64-", "/usr/lib/x86_64-", "/lib/aarch64-", "/usr/lib/aarch64-")
"""What of a package goes into the image: the program and shared libraries."""
EDGE_LABEL = "nbops.edge"


class ContainerEdge:
    """HAProxy in a container on the endpoint's own network."""

    kind = "container"

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings

    def problem(self) -> NbopsError | None:
        """Say why the edge's image cannot be made, or None when it is there or can."""
        if os.name != "posix" or not hasattr(os, "getuid"):
            return DeployError("the container's runtime socket cannot be reached from this system")
        try:
            with connected() as client:
                base = image.base_image(client, self._settings.base_image)
                if not spool.shares_files(client, base.id, self._settings.folder):
                    return DeployError(
                        "the Docker daemon sees other files than this machine: its edge's socket cannot be reached",
                        code="files_not_shared",
                        hint="sudo apt-get install haproxy",
                    )
                _edge_image(client, self._settings)
        except NbopsError as error:
            return error
        return None

    @property
    def certificate_path(self) -> str:
        """Its folder is mounted."""
        return f"/edge/{CERTIFICATE}"

    def keep_certificate(self, text: str) -> None:
        """It has the containers' user."""
        docker_client.give(str(self._folder))
        lay(self._folder, CERTIFICATE, text, owner=docker_client.container_user())

    def open(self, endpoint: str, *, port: int, split: Mapping[str, int]) -> Handle:
        """Start the container."""
        ports.claim(port, purpose=f"endpoint {endpoint}")
        docker_client.give(str(self._folder))
        handle: Handle = {
            "edge": self.kind,
            "port": port,
            "network": docker_client.network_name(self._settings.root, endpoint),
            "socket": str(self._sockets() / haproxy.SOCKET),
            "container": "",
        }
        self.remember(handle, endpoint, split)
        with connected() as client:
            container = self._create(client, endpoint, handle)
            handle["container"] = str(container.id)
            try:
                container.start()
                wait_open(handle, said=lambda: container.logs().decode("utf-8", errors="replace"))
            except BaseException:
                self.close(handle)
                raise
        return handle

    def _sockets(self) -> Path:
        """The folder of the runtime socket, made for the container's user alone."""
        sockets = haproxy.socket_folder(self._folder)
        if sockets == self._folder:
            sockets = self._folder / "run"
        haproxy.make_private(sockets)
        docker_client.give(str(sockets))
        return sockets

    def _create(self, client: DockerClient, endpoint: str, handle: Handle) -> Container:
        network = str(handle["network"])
        owned = {PROJECT_LABEL: self._settings.root, ENDPOINT_LABEL: endpoint}
        user, group = docker_client.container_user()
        docker_client.ensure_network(client, network, owned)
        return client.containers.create(
            _edge_image(client, self._settings),
            ["haproxy", "-db", "-f", "/edge/haproxy.cfg"],
            name=f"{network}-edge",
            labels=owned | {EDGE_LABEL: endpoint},
            user=f"{user}:{group}",
            network=network,
            ports={f"{_PORT}/tcp": (ports.HOST, int(handle["port"]))},
            volumes={
                str(self._folder): {"bind": "/edge", "mode": "ro"},
                str(Path(str(handle["socket"])).parent): {"bind": "/run/edge", "mode": "rw"},
            },
            mem_limit="256m",
            pids_limit=64,
            **docker_client.HARDENED,
        )

    def is_open(self, handle: Handle) -> bool:
        """Tell whether the container answers."""
        return runtime(handle).answers()

    def upstream(self, deployment: Deployment) -> str:
        """Servers are reached on the endpoint's own network."""
        return str(deployment.handle["inner"])

    def remember(self, handle: Handle, endpoint: str, split: Mapping[str, int]) -> None:
        """Write HAProxy's configuration."""
        text = haproxy.configuration(
            endpoint=endpoint,
            bind=f":{_PORT}",
            certificate=certificate_of(self, self._folder),
            socket_path=f"/run/edge/{haproxy.SOCKET}",
            split=split,
        )
        write_configuration(self._folder, text)

    def close(self, handle: Handle) -> None:
        """Take no new connections, answer what is under way, then remove the container."""
        docker = need("docker", to="deploy into a container")
        if self.is_open(handle):
            runtime(handle).finish(timeout_s=FINISH_TIMEOUT_S)
        with connected() as client:
            # Removed from outside, it is where we want it.
            with contextlib.suppress(docker.errors.NotFound):
                client.containers.get(str(handle["container"])).remove(force=True, v=True)
            docker_client.release_network(client, str(handle["network"]))
        remove_sockets(handle, self._folder)


def _edge_image(client: DockerClient, settings: Settings) -> str:
    """Return the image with HAProxy, made when it is not there."""
    base = image.base_image(client, settings.base_image)
    there = client.api.images(quiet=True, filters={"label": [f"nbops.edge.base={base.id}"]})
    if there:
        return str(there[0])
    name = f"nbops-edge:{base.id.rpartition(':')[2][:20]}"
    dockerfile = f"FROM {base.id}\nCOPY files /\nENV PATH=/usr/sbin:/usr/bin\nLABEL nbops.edge.base={base.id}\n"
    with tempfile.TemporaryDirectory() as scratch, stage("Make the edge's image") as now:
        files = Path(scratch) / "files"
        now.say("gather HAProxy and its libraries")
        _gather(client, base, files, Path(scratch) / "packages")
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as tar:
            image.add_bytes(tar, "Dockerfile", dockerfile.encode())
            image.add_folder(tar, files, "files")
        context.seek(0)
        image.build(client, context, name, now)
    return name


def _gather(client: DockerClient, base: image.BaseImage, files: Path, scratch: Path) -> None:
    """Put HAProxy and the libraries that the base lacks below ``files``."""
    present, release = _asked(client, base)
    if not shutil.which("dpkg-query") or release != _release(Path("/etc/os-release").read_text("utf-8")):
        raise MissingError(
            f"the edge's image needs HAProxy's package for {base.name}, and this machine has another system",
            code="haproxy_missing",
            hint="sudo apt-get install haproxy",
        )
    if _is_installed(_PACKAGE):
        for package in _needed(present, _installed_dependencies):
            _copy_installed(package, files)
    else:
        scratch.mkdir()
        _download(_needed(present, _known_dependencies), scratch)
        for archive in scratch.glob("*.deb"):
            _run("dpkg-deb", "-x", str(archive), str(scratch / "unpacked"))
        _copy_tree(scratch / "unpacked", files)


def _asked(client: DockerClient, base: image.BaseImage) -> tuple[set[str], str]:
    """The packages a base image has, and the release it is."""
    command = ["sh", "-c", "cat /etc/os-release; echo; dpkg-query -W -f '${Package}\\n'"]
    said = image.run_once(client, base.id, command)
    release, _, packages = said.decode("utf-8").partition("\n\n")
    return set(packages.split()), _release(release)


def _release(text: str) -> str:
    """``ID`` and ``VERSION_CODENAME`` of an os-release file."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return f"{values.get('ID', '')} {values.get('VERSION_CODENAME', '')}".replace('"', "")


def _needed(present: set[str], dependencies: Callable[[str], list[str]]) -> list[str]:
    """HAProxy's package and the libraries it needs that are not there."""
    found, waiting = [], [_PACKAGE]
    while waiting:
        package = waiting.pop()
        if package in found or package in present:
            continue
        found.append(package)
        # The rest of what a package depends on is for the scripts that install it, and nothing is installed here.
        waiting += [name for name in dependencies(package) if name.startswith("lib")]
    return found


def _is_installed(package: str) -> bool:
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() == "installed"


def _installed_dependencies(package: str) -> list[str]:
    return _names(_run("dpkg-query", "-W", "-f", "${Depends}, ${Pre-Depends}", package))


def _known_dependencies(package: str) -> list[str]:
    shown = _run("apt-cache", "show", "--no-all-versions", package)
    lines = [line.partition(":")[2] for line in shown.splitlines() if line.startswith(("Depends:", "Pre-Depends:"))]
    return _names(",".join(lines))


def _names(dependencies: str) -> list[str]:
    """Package names of a dependency field; the first of alternatives."""
    parts = [part.split("|")[0].strip() for part in dependencies.split(",")]
    return [part.split()[0].split(":")[0] for part in parts if part]


def _download(packages: list[str], folder: Path) -> None:
    try:
        subprocess.run(["apt-get", "download", *packages], cwd=folder, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise MissingError(
            f"HAProxy is neither installed here nor can its package be downloaded: {said.strip()[-300:]}",
            code="haproxy_missing",
            hint="sudo apt-get install haproxy",
        ) from error


def _copy_installed(package: str, files: Path) -> None:
    for line in _run("dpkg-query", "-L", package).splitlines():
        source = Path(line)
        if line.startswith(_KEPT) and (source.is_symlink() or source.is_file()):
            _copy(source, files, line)


def _copy_tree(unpacked: Path, files: Path) -> None:
    for source in unpacked.rglob("*"):
        line = f"/{source.relative_to(unpacked)}"
        if line.startswith(_KEPT) and (source.is_symlink() or source.is_file()):
            _copy(source, files, line)


def _copy(source: Path, files: Path, line: str) -> None:
    # On a system with one /usr, /lib is a link: a folder of that name must not be laid over it.
    place = line if line.startswith("/usr/") else f"/usr{line}"
    goal = files / place.lstrip("/")
    goal.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, goal, follow_symlinks=False)


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise DeployError(f"{command[0]} failed: {said.strip()[-300:]}", hint="sudo apt-get install haproxy") from error

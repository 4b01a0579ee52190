"""The engine that gives every deployment walls: a container without root, without capabilities, on a read-only disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbops.deploy import docker_client, image, ports, spool
from nbops.deploy.docker_client import DEPLOYMENT_LABEL, ENDPOINT_LABEL, PROJECT_LABEL, connected
from nbops.deploy.engine import SERVER_PORT, Condition, Handle, Launch, Started, server_arguments
from nbops.deploy.process_engine import read_log
from nbops.errors import DeployError, NbopsError
from nbops.optional import need
from nbops.progress import Stage
from nbops.settings import Settings

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

ACCESS = "/access"
"""Where a container sees its API keys and its certificate."""
MEMORY_LIMIT = "2g"
PIDS_LIMIT = 256
STOP_TIMEOUT_S = 15
"""How long a server may finish what it took before it is killed."""


class DockerEngine:
    """Runs servers as containers of the local Docker engine."""

    name = "docker"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def problem(self) -> NbopsError | None:
        """Say why containers cannot be run here, or None when they can."""
        found = docker_client.problem()
        if found is not None:
            return found
        try:
            with connected() as client:
                image.base_image(client, self._settings.base_image, self._settings.platform)
        except NbopsError as error:
            return error
        return None

    def build(self, launch: Launch, *, now: Stage) -> Handle:
        """Make the bundle's image."""
        network = docker_client.network_name(launch.project, launch.endpoint)
        with connected() as client:
            base = image.base_image(client, self._settings.base_image, self._settings.platform)
            return {
                "image": image.build_model(client, base, launch, now=now),
                # By its name it is found even if this process is killed before Docker has answered with an id.
                "container": f"{network}-{launch.deployment_id[-8:]}",
                "network": network,
                "log": str(Path(launch.folder) / "server.log"),
                "base": self._settings.base_image,
            }

    def start(self, launch: Launch, built: Handle) -> Started:
        """Start a container."""
        docker_client.give(launch.log_path)
        network = str(built["network"])
        with connected() as client:
            base = image.base_image(client, self._settings.base_image, self._settings.platform)
            is_shared = spool.shares_files(client, base.id, self._settings.folder)
            docker_client.ensure_network(client, network, _owned(launch))
            container = None
            try:
                container = _create(client, launch, built, is_shared=is_shared)
                if not is_shared:
                    spool.prepare(container, Path(launch.access) if launch.access else None)
                container.start()
                container.reload()
                return Started(
                    handle=built
                    | {
                        "container": str(container.id),
                        "inner": f"{_inner_host(container, network)}:{SERVER_PORT}",
                        "volume": "" if is_shared else str(built["container"]),
                        "predictions": launch.log_path,
                    },
                    address=f"{launch.scheme}://{ports.HOST}:{_published_port(container)}",
                )
            except BaseException:
                if container is not None:
                    container.remove(force=True, v=True)
                docker_client.release_network(client, network)
                raise

    def condition(self, handle: Handle) -> Condition:
        """Tell how the container is."""
        return self.conditions({"": handle})[""]

    def conditions(self, handles: Mapping[str, Handle]) -> dict[str, Condition]:
        """Tell how several are, in one question to the engine for those that run."""
        with connected() as client:
            running = {
                container.id for container in client.containers.list(sparse=True, filters={"label": DEPLOYMENT_LABEL})
            }
            return {
                key: Condition(state="running") if handle["container"] in running else _ended(client, handle)
                for key, handle in handles.items()
            }

    def memory_bytes(self, handle: Handle) -> int:
        """Ask the kernel's accounting of the container, less what it only keeps of files."""
        with connected() as client:
            container = _find(client, handle)
            # One answer, not a stream of them: the SDK's types do not tell the two apart.
            answer: Any = container.stats(stream=False, one_shot=True) if container is not None else {}
            usage = answer.get("memory_stats", {})
        if "usage" not in usage:
            raise DeployError("the container does not run", code="not_running")
        counted = usage.get("stats", {})
        return int(usage["usage"]) - int(counted.get("inactive_file", counted.get("total_inactive_file", 0)))

    def stop(self, handle: Handle) -> None:
        """Let the server finish what it took, keep its log, remove container, image and network."""
        with connected() as client:
            container = _find(client, handle)
            if container is not None:
                container.stop(timeout=STOP_TIMEOUT_S)
                _save_log(container, Path(str(handle["log"])))
                if handle.get("volume"):
                    spool.fetch(client, handle, Path(str(handle["predictions"])))
                container.remove(force=True, v=True)
            if handle.get("volume"):
                spool.discard(client, handle)
            image.discard(client, str(handle["image"]))
            docker_client.release_network(client, str(handle["network"]))

    def logs(self, handle: Handle, *, follow: bool = False, tail: int | None = None) -> Iterator[str]:
        """Yield lines of the container's log, or of the file it was saved to when the container ended."""
        with connected() as client:
            container = _find(client, handle)
            if container is None:
                yield from read_log(Path(str(handle["log"])), tail=tail, is_open=lambda: False)
                return
            chunks = container.logs(stream=True, follow=follow, tail="all" if tail is None else tail)
            yield from _lines(chunks)


def _owned(launch: Launch) -> dict[str, str]:
    return {PROJECT_LABEL: launch.project, ENDPOINT_LABEL: launch.endpoint}


def _create(client: DockerClient, launch: Launch, built: Handle, *, is_shared: bool) -> Container:
    """Make a deployment's container, not started yet; its log goes to a folder of this machine if Docker sees that."""
    name = str(built["container"])
    user, group = docker_client.container_user()
    arguments = server_arguments(launch, access=ACCESS if is_shared else spool.ACCESS)
    elsewhere = [] if is_shared else ["--log", spool.FOLDER]
    return client.containers.create(
        str(built["image"]),
        [*arguments, *elsewhere],
        name=name,
        labels=_owned(launch) | {DEPLOYMENT_LABEL: launch.deployment_id} | launch.labels,
        user=f"{user}:{group}",
        network=str(built["network"]),
        # Without a port, Docker takes a free one.
        ports={f"{SERVER_PORT}/tcp": (ports.HOST, launch.port)},  # type: ignore[dict-item] # the SDK's types know no None
        volumes=_mounted(launch) if is_shared else {name: {"bind": spool.MOUNT, "mode": "rw"}},
        mem_limit=MEMORY_LIMIT,
        memswap_limit=MEMORY_LIMIT,
        pids_limit=PIDS_LIMIT,
        # The first process of a container has no default for SIGTERM: without an init, a server that is asked to end
        # before it listens to signals is only killed when the patience is over.
        init=True,
        **docker_client.HARDENED,
    )


def _mounted(launch: Launch) -> dict[str, dict[str, str]]:
    """Folders of this machine that the container sees. Whole folders: a file that is replaced is seen only so."""
    log = {launch.log_path: {"bind": "/predictions", "mode": "rw"}}
    return log | ({launch.access: {"bind": ACCESS, "mode": "ro"}} if launch.access else {})


def _find(client: DockerClient, handle: Handle) -> Container | None:
    docker = need("docker", to="deploy into a container")
    try:
        return client.containers.get(str(handle["container"]))
    except docker.errors.NotFound:
        return None


def _ended(client: DockerClient, handle: Handle) -> Condition:
    container = _find(client, handle)
    if container is None:
        return Condition(state="stopped", message="its container was removed")
    state: dict[str, Any] = container.attrs["State"]
    if state["Status"] in ("running", "restarting", "paused", "created"):
        # Started, paused or resumed between the two questions.
        return Condition(state="running" if state["Status"] == "running" else "stopped", message=state["Status"])
    if state.get("OOMKilled"):
        return Condition(state="failed", message=f"out of memory: it may have {MEMORY_LIMIT}")
    if state["ExitCode"] in (0, 143):
        return Condition(state="stopped", message="its container was stopped from outside")
    return Condition(state="failed", message=f"its container ended with exit code {state['ExitCode']}")


def _inner_host(container: Container, network: str) -> str:
    host: str = container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
    if not host:
        raise _ended_at_once(container)
    return host


def _ended_at_once(container: Container) -> DeployError:
    said = container.logs(tail=12).decode("utf-8", errors="replace").strip()
    return DeployError(f"the container ended as soon as it was started; it said:\n{said}", code="start_failed")


def _published_port(container: Container) -> int:
    published = container.attrs["NetworkSettings"]["Ports"].get(f"{SERVER_PORT}/tcp")
    if not published:
        raise _ended_at_once(container)
    return int(published[0]["HostPort"])


def _save_log(container: Container, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for chunk in container.logs(stream=True, follow=False):
            file.write(chunk)


def _lines(chunks: Any) -> Iterator[str]:
    """Cut a stream of bytes into lines."""
    left = b""
    for chunk in chunks:
        *whole, left = (left + chunk).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", errors="replace")
    if left:
        yield left.decode("utf-8", errors="replace")

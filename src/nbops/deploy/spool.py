"""Files that a container and this machine both need, where the Docker daemon sees other files than we do.

A daemon on another machine, or one whose socket is lent to a container or a chroot that nbops runs in, takes folders
that we name for its own. Then the prediction log is written into a volume and fetched through the daemon when it is
read, and the edge cannot be a container, because its runtime socket could not be reached.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nbops.deploy import image
from nbops.deploy.docker_client import connected, container_user
from nbops.deploy.engine import Handle
from nbops.optional import need
from nbops.records import Deployment
from nbops.store.interface import Store

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

MOUNT = "/spool"
FOLDER = f"{MOUNT}/predictions"
ACCESS = f"{MOUNT}/access"


def shares_files(client: DockerClient, base_image_id: str, folder: Path) -> bool:
    """Tell whether the daemon sees this machine's files; asked once for each project and daemon, by a real container.

    Args:
        client: of the daemon.
        base_image_id: an image that has ``test``.
        folder: the project's own folder, where the answer is kept too.
    """
    kept = folder / "docker.json"
    answers: dict[str, bool] = {}
    with contextlib.suppress(OSError, ValueError):
        answers = json.loads(kept.read_text("utf-8"))
    daemon = str(client.api.base_url)
    if daemon not in answers:
        answers[daemon] = _sees(client, base_image_id, folder)
        fresh = kept.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(answers), "utf-8")
        fresh.replace(kept)
    return answers[daemon]


def _sees(client: DockerClient, base_image_id: str, folder: Path) -> bool:
    docker = need("docker", to="deploy into a container")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="probe-") as probe:
        word = secrets.token_hex(8)
        # The container has another user.
        Path(probe).chmod(0o755)
        (Path(probe) / word).touch()
        try:
            mounted = {probe: {"bind": "/probe", "mode": "ro"}}
            image.run_once(client, base_image_id, ["test", "-e", f"/probe/{word}"], volumes=mounted)
        except (docker.errors.ContainerError, docker.errors.APIError):
            return False
    return True


def prepare(container: Container, access: Path | None) -> None:
    """Give a container that was not started yet a folder in its volume that its user may write.

    Args:
        container: whose volume it is.
        access: the folder with its API keys and certificate, or None where it asks nobody.
    """
    user, group = container_user()
    entry = tarfile.TarInfo(FOLDER.rpartition("/")[2])
    entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o755, user, group
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(entry)
    container.put_archive(MOUNT, buffer.getvalue())
    if access is not None:
        _bring(container, access)


def renew(handle: Handle, access: Path) -> None:
    """Bring API keys that were exchanged to a container that cannot see them here."""
    if handle.get("volume"):
        with connected() as client:
            _bring(client.containers.get(str(handle["container"])), access)


def _bring(container: Container, access: Path) -> None:
    user, group = container_user()

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid, member.gid = user, group
        return member

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(access, arcname=ACCESS.rpartition("/")[2], filter=owned)
    container.put_archive(MOUNT, buffer.getvalue())


def collect(endpoint: str, *, store: Store) -> None:
    """Fetch the prediction logs of an endpoint's containers that cannot write them here.

    Args:
        endpoint: its name.
        store: where its deployments are recorded.

    Raises:
        DeployError: the daemon that has them does not answer.
    """
    waiting = [
        deployment
        for deployment in store.find(Deployment, endpoint=endpoint)
        if deployment.handle.get("volume") and deployment.status == "ready"
    ]
    if waiting:
        with connected() as client:
            for deployment in waiting:
                assert deployment.log_path is not None
                fetch(client, deployment.handle, Path(deployment.log_path))


def fetch(client: DockerClient, handle: Handle, goal: Path) -> None:
    """Copy a container's prediction log here; each file is replaced as a whole."""
    docker = need("docker", to="deploy into a container")
    try:
        chunks, _ = client.containers.get(str(handle["container"])).get_archive(FOLDER)
    except docker.errors.NotFound:
        return
    goal.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as packed:
        for chunk in chunks:
            packed.write(chunk)
        packed.seek(0)
        with tarfile.open(fileobj=packed) as tar:
            for member in tar:
                # Plain files by their last name only: what a container sends cannot name a place here.
                content = tar.extractfile(member) if member.isreg() else None
                if content is not None:
                    fresh = goal / f".{Path(member.name).name}.fetched"
                    with fresh.open("wb") as file:
                        shutil.copyfileobj(content, file)
                    fresh.replace(goal / Path(member.name).name)


def discard(client: DockerClient, handle: Handle) -> None:
    """Remove the volume of a container that is gone."""
    docker = need("docker", to="deploy into a container")
    with contextlib.suppress(docker.errors.NotFound):
        client.volumes.get(str(handle["volume"])).remove(force=True)

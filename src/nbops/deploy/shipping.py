"""Bringing a proven image elsewhere: into a file, or to a registry."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbops.deploy.docker_client import connected
from nbops.errors import DeployError, UsageError
from nbops.optional import need
from nbops.progress import stage

if TYPE_CHECKING:
    from docker import DockerClient

_CHUNK_BYTES = 2**20


class Shipping:
    """Where the image of a deployment is to be brought, understood before there is an image.

    Args:
        save: a file for ``docker load``, or None.
        push: a registry, or None.

    Raises:
        UsageError: the file cannot be there, or the registry names no host.
    """

    def __init__(self, *, save: str | None = None, push: str | None = None) -> None:
        self._path = None if save is None else checked_path(save)
        self._registry = None if push is None else checked_registry(push)

    def ship(self, image: str, name: str) -> dict[str, str]:
        """Bring an image there under a name, and return where it went: ``saved`` and ``pushed``."""
        went = {}
        if self._path is not None:
            save(image, f"nbops/{name}", self._path)
            went["saved"] = str(self._path)
        if self._registry is not None:
            went["pushed"] = push(image, name, self._registry)
        return went


def save(image: str, name: str, path: str | os.PathLike[str]) -> int:
    """Write an image to a file that ``docker load`` reads, whole or not at all.

    Args:
        image: the image's own name, of one deployment.
        name: what it is called in the file, such as ``"nbops/churn:3"``.
        path: of the file, a tar.

    Returns:
        The file's size in bytes.

    Raises:
        UsageError: the file's folder is not there.
        DeployError: the file cannot be written.
    """
    file = checked_path(path)
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    size = 0
    try:
        with stage(f"Save {name}") as now, connected() as client, _called(client, image, name):
            with aside.open("wb") as opened:
                for chunk in client.api.get_image(name, chunk_size=_CHUNK_BYTES):
                    opened.write(chunk)
                    size += len(chunk)
                    now.say(f"{size / 1e6:,.0f} MB")
            aside.replace(file)
            now.say(f"{file}, {size / 1e6:,.0f} MB")
    except OSError as error:
        raise DeployError(
            f"the image cannot be saved to {file}: {error.strerror or error}",
            code="image_not_saved",
            hint=f"df -h {file.parent}",
        ) from error
    finally:
        aside.unlink(missing_ok=True)
    return size


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Return the whole path of a file that an image can be saved to.

    Raises:
        UsageError: the folder is not there, or the path is a folder.
    """
    file = Path(path).expanduser().absolute()
    if file.is_dir():
        raise UsageError(f"{file} is a folder, and the image is saved to a file", hint=f"--save {file}/image.tar")
    if not file.parent.is_dir():
        raise UsageError(f"the folder {file.parent} is not there", hint=f"mkdir -p {file.parent}")
    return file


def push(image: str, name: str, registry: str) -> str:
    """Push an image to a registry, with the credentials that ``docker login`` has kept.

    Args:
        image: the image's own name, of one deployment.
        name: what it is called there, such as ``"churn:3"``.
        registry: where to, ``host[:port]`` and perhaps a path: ``"registry.example.com/team"``.

    Returns:
        Its address by content, ``registry.example.com/team/churn@sha256:…``.

    Raises:
        DeployError: the registry does not answer or refuses it.
    """
    repository, _, tag = f"{checked_registry(registry)}/{name}".rpartition(":")
    with stage(f"Push {repository}:{tag}") as now, connected() as client:
        with _called(client, image, f"{repository}:{tag}"):
            digest = ""
            for event in client.api.push(repository, tag=tag, stream=True, decode=True):
                if "error" in event:
                    raise _refused(registry, str(event["error"]))
                now.say(_said(event))
                digest = event.get("aux", {}).get("Digest", digest)
        now.say(digest)
    return f"{repository}@{digest}"


def checked_registry(registry: str) -> str:
    """Return a registry without what people paste along with it.

    Raises:
        UsageError: it names no host.

    Example:
        >>> checked_registry("https://registry.example.com/team/")
        'registry.example.com/team'
    """
    bare = registry.removeprefix("https://").removeprefix("http://").strip("/")
    host = bare.partition("/")[0]
    # As Docker tells a host from a name on its own hub.
    if not (host == "localhost" or "." in host or ":" in host) or bare != bare.lower() or " " in bare:
        raise UsageError(
            f"{registry!r} names no registry: it begins with a host, in small letters",
            hint="--push registry.example.com/team",
        )
    return bare


def _refused(registry: str, said: str) -> DeployError:
    host = checked_registry(registry).partition("/")[0]
    is_denied = any(word in said.lower() for word in ("denied", "unauthorized", "authentication", "no basic auth"))
    return DeployError(
        f"the image cannot be pushed to {registry}: {said}",
        code="push_failed",
        hint=f"docker login {host}" if is_denied else f"curl -sS https://{host}/v2/",
    )


def _said(event: dict[str, Any]) -> str:
    return " ".join(filter(None, (event.get("id", ""), event.get("status", ""), event.get("progress", ""))))[:70]


@contextlib.contextmanager
def _called(client: DockerClient, image: str, name: str) -> Iterator[None]:
    """Give an image a second name for a while: its own is one deployment's, and nobody else should know it."""
    docker = need("docker", to="bring an image elsewhere")
    found = client.images.get(image)
    try:
        former = client.images.get(name).id
    except docker.errors.ImageNotFound:
        former = None
    found.tag(name)
    try:
        yield
    finally:
        client.images.remove(name, noprune=True)
        if former is not None and former != found.id:
            client.images.get(former).tag(name)

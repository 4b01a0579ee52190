"""One layer more on an image that is there: what a retrained model is.

Docker is handed the new layer alone, beside a list of those that it has. A builder would send the same files, and make
and commit a container for each line of a Dockerfile besides, which takes three times as long.
"""

from __future__ import annotations

import datetime
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from nbops.errors import DeployError

if TYPE_CHECKING:
    from docker import DockerClient


def add_layer(
    client: DockerClient,
    parent: str,
    name: str,
    *,
    fill: Callable[[tarfile.TarFile], None],
    labels: Mapping[str, str],
) -> None:
    """Make an image of another one and one layer.

    Args:
        client: of the Docker engine.
        parent: the image that it stands on.
        name: the new image's name.
        fill: adds the layer's files, from the root of the file system.
        labels: written on it beside the parent's.

    Raises:
        DeployError: the engine refuses it: the parent is gone, or it keeps images in another way.
    """
    engine: Any = client.api  # the SDK's types leave these two out
    below = engine.inspect_image(parent)
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        fill(tar)
    content = layer.getvalue()
    config = _config(below, f"sha256:{sha256(content).hexdigest()}", labels)
    for event in engine.load_image(_archive(config, content, name)):
        if "error" in event:
            raise DeployError(f"image {name} cannot be made: {event['error']}", code="build_failed")


def _config(below: Mapping[str, Any], layer: str, labels: Mapping[str, str]) -> bytes:
    """The new image's description, by which its content is known."""
    config: dict[str, Any] = below["Config"]
    described = {
        "architecture": below["Architecture"],
        "os": below["Os"],
        **({"variant": below["Variant"]} if below.get("Variant") else {}),
        "created": datetime.datetime.now(datetime.UTC).isoformat(),
        "config": {**config, "Labels": {**(config.get("Labels") or {}), **labels}},
        "rootfs": {"type": "layers", "diff_ids": [*below["RootFS"]["Layers"], layer]},
    }
    return json.dumps(described).encode()


def _archive(config: bytes, layer: bytes, name: str) -> io.BytesIO:
    """What ``docker load`` takes; layers that the engine has are named and not in it."""
    count = len(json.loads(config)["rootfs"]["diff_ids"])
    files = {f"{sha256(config).hexdigest()}.json": config, f"{count}/layer.tar": layer}
    manifest = [
        {"Config": next(iter(files)), "RepoTags": [name], "Layers": [f"{n}/layer.tar" for n in range(1, count + 1)]}
    ]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, data in {**files, "manifest.json": json.dumps(manifest).encode()}.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    archive.seek(0)
    return archive

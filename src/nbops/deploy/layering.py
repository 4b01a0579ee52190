"""One layer more on an image that is there: what a retrained model is.

Docker is handed the new layer alone, beside a list of those that it has. A builder would send the same files, and make
and commit a container for each line of a Dockerfile besides, which takes three times as long.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any

from nbops.errors import DeployError

if TYPE_CHECKING:
    from docker import DockerClient

_LAYER = "model/layer.tar"


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
    # On disk: a large forest's bundle would be in memory several times.
    with tempfile.TemporaryFile() as layer, tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=layer, mode="w") as tar:
            fill(tar)
        size_bytes = layer.tell()
        layer.seek(0)
        digest = hashlib.file_digest(layer, "sha256").hexdigest()
        layer.seek(0)
        with tarfile.open(fileobj=archive, mode="w") as tar:
            _describe(tar, _config(below, f"sha256:{digest}", labels), name)
            _add(tar, _LAYER, layer, size_bytes)
        archive.seek(0)
        for event in engine.load_image(archive):
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


def _describe(tar: tarfile.TarFile, config: bytes, name: str) -> None:
    """Say what the image is: its description, its name, and its layers, of which the engine has all but the last."""
    file = f"{hashlib.sha256(config).hexdigest()}.json"
    count = len(json.loads(config)["rootfs"]["diff_ids"])
    layers = [*(f"{number}/layer.tar" for number in range(1, count)), _LAYER]
    manifest = json.dumps([{"Config": file, "RepoTags": [name], "Layers": layers}]).encode()
    for path, data in ((file, config), ("manifest.json", manifest)):
        _add(tar, path, io.BytesIO(data), len(data))


def _add(tar: tarfile.TarFile, path: str, content: IO[bytes], size_bytes: int) -> None:
    member = tarfile.TarInfo(path)
    member.size = size_bytes
    tar.addfile(member, content)

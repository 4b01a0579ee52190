"""Images for containers, in two stages that are cached apart: what a server needs, and one model on top of it.

The *runtime image* is the base, then the server, then the model's packages; the *model image* adds the bundle alone, so
that a retrained model is a new last layer and nothing else is even sent to Docker. Builds only copy files: they run
nothing, need no network, and work with the classic builder as well as with BuildKit.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

import nbops_serving
from nbops.deploy import sbom, wheels
from nbops.deploy.docker_client import ENDPOINT_LABEL, PROJECT_LABEL, image_tags
from nbops.deploy.engine import SERVER_PORT, Launch
from nbops.deploy.layering import add_layer
from nbops.errors import DeployError, MissingError
from nbops.optional import need
from nbops.progress import Stage
from nbops_serving.manifest import MANIFEST, read_manifest

if TYPE_CHECKING:
    from docker import DockerClient

_LOCK_LABEL = "nbops.lock"
"""Says which base and packages a runtime image has, whatever the server in it."""

_RUNTIME_LABEL = "nbops.runtime"
"""Names, on a model's image, the runtime image that it stands on."""

_FACTS = (
    "import json,platform,sys;"
    "print(json.dumps(['%d.%d' % sys.version_info[:2],platform.machine(),platform.libc_ver(),sys.executable]))"
)

_HEALTH = """\
import os, socket, sys
s = socket.create_connection(("127.0.0.1", {port}), 2)
if os.path.exists("/access/tls.pem") or os.path.exists("/spool/access/tls.pem"):
    import ssl
    s = ssl._create_unverified_context().wrap_socket(s)
s.sendall(b"GET /health/ready HTTP/1.0\\r\\nHost: health\\r\\n\\r\\n")
sys.exit(b" 200 " not in s.recv(64))
"""


class BaseImage(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the image that containers are built on."""

    name: str
    id: str
    """``sha256:…``: builds name it by this, so they cannot be built on anything else."""
    digest: str = ""
    """Its name by content in the registry it came from, ``name@sha256:…``; empty for one that came from none."""
    python_path: str
    target: wheels.Target


def base_image(client: DockerClient, name: str, platform: str = "") -> BaseImage:
    """Find the base image and ask its own Python what it is; asked once for each image.

    Args:
        client: of the Docker engine.
        name: a tag, a digest (``name@sha256:…``) or an id.
        platform: what it has to be made for, such as ``"linux/amd64"``; empty for whatever it is made for.

    Raises:
        MissingError: there is no such image; the hint makes it.
        DeployError: it has no Python, or not one that wheels are made for; or is made for another platform.
    """
    docker = need("docker", to="deploy into a container")
    try:
        found = client.images.get(name)
    except docker.errors.ImageNotFound as error:
        ours = name.startswith("nbops-base:")
        raise MissingError(
            f"the base image {name}, which containers are built on, is not there",
            code="base_image_missing",
            hint=f"sudo {sys.executable} -m nbops.deploy.base_image" if ours else f"docker pull {name}",
        ) from error
    assert found.id is not None
    if platform:
        _check_platform(found.attrs, name, platform)
    digest = next(iter(found.attrs.get("RepoDigests") or []), "")
    known = wheels.cache_folder() / "bases" / f"{found.id.removeprefix('sha256:')}.json"
    if known.is_file():
        return msgspec.structs.replace(
            msgspec.json.decode(known.read_bytes(), type=BaseImage), name=name, digest=digest
        )
    base = _asked(client, name, found.id)
    known.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(known, msgspec.json.encode(base))
    return msgspec.structs.replace(base, digest=digest)


def _check_platform(attrs: Mapping[str, Any], name: str, platform: str) -> None:
    """Refuse another platform than the base's: its Python has to run here, to be asked and to be served with."""
    parts = [attrs.get("Os", ""), attrs.get("Architecture", ""), attrs.get("Variant", "")]
    if platform.lower().split("/") not in ([*parts[:2]], parts):
        made = "/".join(filter(None, parts))
        raise DeployError(
            f"the base image {name} is made for {made}, not for {platform}, and images are made for what their base "
            "is made for",
            code="platform_unsupported",
            hint=f"docker pull --platform {platform} {name}",
        )


def _asked(client: DockerClient, name: str, id: str) -> BaseImage:
    docker = need("docker", to="deploy into a container")
    try:
        said = run_once(client, id, ["python3", "-I", "-c", _FACTS])
    except docker.errors.DockerException as error:
        raise DeployError(
            f"the base image {name} has no python3 that runs: {error}",
            code="base_image_unusable",
            hint="NBOPS_BASE_IMAGE=nbops-base:bookworm",
        ) from error
    python, machine, (libc, version), path = json.loads(said)
    if libc != "glibc" or not version.startswith("2."):
        raise DeployError(
            f"the base image {name} is not built on glibc 2, which the packages' wheels need",
            code="base_image_unusable",
            hint="NBOPS_BASE_IMAGE=nbops-base:bookworm",
        )
    target = wheels.Target(python=python, machine=machine, glibc=int(version.split(".")[1]))
    return BaseImage(name=name, id=id, python_path=path, target=target)


def run_once(
    client: DockerClient, image: str, command: list[str], *, volumes: dict[str, dict[str, str]] | None = None
) -> bytes:
    """Run a command in a container without a network, which is gone afterwards, and return what it printed.

    The SDK's own ``run(remove=True)`` leaves the container there when the command cannot be started.
    """
    docker = need("docker", to="deploy into a container")
    container = client.containers.create(
        image, command, network_mode="none", read_only=True, cap_drop=["ALL"], volumes=volumes or {}
    )
    try:
        container.start()
        status: int = container.wait()["StatusCode"]
        said: bytes = container.logs(stdout=True, stderr=status != 0)
        if status != 0:
            raise docker.errors.ContainerError(container, status, command, image, said)
        return said
    finally:
        container.remove(force=True, v=True)


class _Packages(msgspec.Struct, frozen=True):
    """Packages that are laid into an image together."""

    pins: list[str]
    is_complete: bool
    """Whether the pins are all that is needed."""

    def key(self, target: wheels.Target) -> str:
        """Return the name of their site."""
        return wheels.site_key(self.pins, target, complete=self.is_complete)

    def site(self, target: wheels.Target, *, now: Stage) -> Path:
        """Return the folder with them, made when it is not there yet."""
        return wheels.site(self.pins, target, complete=self.is_complete, now=now)


class _Runtime(msgspec.Struct, frozen=True):
    """What a runtime image is made of, and its name, which hangs on all of that."""

    server: _Packages
    """What the server imports."""
    packages: _Packages
    """What the model imports besides."""
    source: dict[str, bytes]
    """The server itself."""
    lock: str
    """Names base and packages, whatever the server."""
    dockerfile: str
    name: str


def build_runtime(
    client: DockerClient, base: BaseImage, requirements: list[str], *, is_signed: bool = False, now: Stage
) -> str:
    """Make the image with the server and a model's packages, unless it is there.

    Args:
        client: of the Docker engine.
        base: what to build on.
        requirements: the model's, pinned.
        is_signed: whether the server has to check signatures.
        now: told what goes on.

    Returns:
        The image's name.
    """
    runtime = _runtime(base, requirements, is_signed=is_signed)
    if image_tags(client, name=runtime.name):
        return runtime.name
    server = runtime.server.site(base.target, now=now)
    packages = runtime.packages.site(base.target, now=now)
    parts = json.dumps(sbom.document([server, packages], base_name=base.name, base_id=base.id), indent=1)
    now.say("make the runtime image")
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w") as tar:
            add_bytes(tar, "Dockerfile", runtime.dockerfile.encode())
            add_folder(tar, server, "server")
            with tempfile.TemporaryDirectory() as compiled:
                _write_server(runtime.source, Path(compiled))
                add_folder(tar, Path(compiled), "server")
            add_folder(tar, packages, "packages")
            add_bytes(tar, "sbom.cdx.json", parts.encode())
        context.seek(0)
        build(client, context, runtime.name, now)
    _discard_former(client, runtime.lock, runtime.name)
    return runtime.name


def _runtime(base: BaseImage, requirements: list[str], *, is_signed: bool) -> _Runtime:
    pins, is_complete = wheels.lock(requirements, base.target)
    asked = dict(pin.split("==", 1) for pin in pins)
    server = _Packages(*wheels.lock(wheels.server_pins(asked, is_signed=is_signed), base.target))
    packages = _Packages([pin for pin in pins if pin not in server.pins], is_complete)
    sites = [server.key(base.target), packages.key(base.target)]
    lock = sha256(msgspec.json.encode([base.id, *sites])).hexdigest()[:20]
    dockerfile, source = _dockerfile(base, lock), _server_source()
    what = [dockerfile, sites, sorted((path, sha256(data).hexdigest()) for path, data in source.items())]
    name = f"nbops-runtime:{sha256(msgspec.json.encode(what)).hexdigest()[:20]}"
    return _Runtime(server, packages, source, lock, dockerfile, name)


def _dockerfile(base: BaseImage, lock: str) -> str:
    command = [base.python_path, "-P", "-m", "nbops_serving", "/bundle", "--host", "0.0.0.0",  # noqa: S104 (published on 127.0.0.1)
               "--port", str(SERVER_PORT), "--log", "/predictions"]  # fmt: skip
    health = [base.python_path, "-I", "-S", "-c", _HEALTH.format(port=SERVER_PORT)]
    return f"""\
FROM {base.id}
COPY server /opt/nbops/server
COPY packages sbom.cdx.json /opt/nbops/packages/
ENV PYTHONPATH=/opt/nbops/server:/opt/nbops/packages PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENV PYTHONNOUSERSITE=1 LANG=C.UTF-8
LABEL nbops.base={_quoted(base.name)} nbops.base.id={_quoted(base.id)} nbops.base.digest={_quoted(base.digest)}
LABEL nbops.sbom=/opt/nbops/packages/sbom.cdx.json {_LOCK_LABEL}={lock}
USER 10001:10001
WORKDIR /bundle
EXPOSE {SERVER_PORT}
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 CMD {json.dumps(health)}
STOPSIGNAL SIGTERM
ENTRYPOINT {json.dumps(command)}
"""


def _discard_former(client: DockerClient, lock: str, name: str) -> None:
    """Remove images with the same packages and a former server, unless a model's image still stands on them."""
    for tag in image_tags(client, name=name.partition(":")[0], label=f"{_LOCK_LABEL}={lock}"):
        # Docker itself does not know what stands on it: a model's image is loaded with the layers alone.
        if tag != name and not image_tags(client, label=f"{_RUNTIME_LABEL}={tag}"):
            discard(client, tag)


def build_model(client: DockerClient, base: BaseImage, launch: Launch, *, now: Stage) -> str:
    """Make the image of one bundle: the runtime image and one layer more.

    Args:
        client: of the Docker engine.
        base: what to build on.
        launch: the bundle, its requirements and the labels to write on it.
        now: told what goes on.

    Returns:
        The image's name.

    Raises:
        DeployError: the base has another minor version of Python than the model was fitted under.
    """
    docker = need("docker", to="deploy into a container")
    manifest = read_manifest((Path(launch.bundle_path) / MANIFEST).read_bytes())
    if manifest.python != base.target.python:
        raise DeployError(
            f"the model was fitted under Python {manifest.python}, and the base image {base.name} has "
            f"{base.target.python}",
            code="python_mismatch",
            hint=f"NBOPS_BASE_IMAGE=<an image with Python {manifest.python}>, or --engine process",
        )
    runtime = build_runtime(client, base, launch.requirements, is_signed=bool(launch.trusted_keys), now=now)
    now.say("add the model")
    # A name of its own for each deployment: whoever stops one must not take the image from another.
    name = f"nbops/{launch.endpoint}:{manifest.version}-{launch.deployment_id[-8:]}"
    labels = _labels(base, runtime, launch)
    try:
        add_layer(
            client, runtime, name, fill=lambda tar: add_folder(tar, Path(launch.bundle_path), "bundle"), labels=labels
        )
    except (DeployError, docker.errors.APIError):
        # An engine that keeps its images with containerd takes them whole alone. Or another deploy has found the
        # runtime image unused and made room meanwhile: it is made again.
        build_runtime(client, base, launch.requirements, is_signed=bool(launch.trusted_keys), now=now)
        now.say("add the model, by a build")
        build(client, _model_context(runtime, launch, labels), name, now)
    return name


def _labels(base: BaseImage, runtime: str, launch: Launch) -> dict[str, str]:
    return {
        PROJECT_LABEL: launch.project,
        ENDPOINT_LABEL: launch.endpoint,
        _RUNTIME_LABEL: runtime,
        "nbops.base.id": base.id,
        **launch.labels,
    }


def _model_context(runtime: str, launch: Launch, labels: Mapping[str, str]) -> IO[bytes]:
    dockerfile = f"""\
FROM {runtime}
COPY bundle /bundle
LABEL {" ".join(f"{key}={_quoted(value)}" for key, value in labels.items())}
"""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        add_bytes(tar, "Dockerfile", dockerfile.encode())
        add_folder(tar, Path(launch.bundle_path), "bundle")
    context.seek(0)
    return context


def discard(client: DockerClient, name: str) -> None:
    """Remove an image unless something still uses it."""
    docker = need("docker", to="deploy into a container")
    try:
        client.images.remove(name)
    except docker.errors.ImageNotFound:
        return
    except docker.errors.APIError as error:
        if error.status_code != 409:  # it is used
            raise


def _server_source() -> dict[str, bytes]:
    """All files of ``nbops_serving``, by their path below the package's parent."""
    package = Path(nbops_serving.__path__[0])
    return {
        str(path.relative_to(package.parent)): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _write_server(source: Mapping[str, bytes], folder: Path) -> None:
    for path, data in source.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    wheels.compile_folder(folder)


def build(client: DockerClient, context: IO[bytes], name: str, now: Stage) -> None:
    """Build an image from a tar with its Dockerfile, without a network.

    Raises:
        DeployError: a step failed; the message is Docker's own.
    """
    for event in _events(client, context, name):
        if "error" in event:
            raise _not_built(name, str(event["error"]))
        # "Step 2/3 : COPY server /opt/nbops/server": what is done, without its numbers and not at full length.
        step, _, said = event.get("stream", "").strip().partition(" : ")
        if step.startswith("Step "):
            now.say(said[:60])


def _not_built(name: str, said: str) -> DeployError:
    is_full = "no space left on device" in said
    return DeployError(
        f"image {name} cannot be built: {said}",
        code="disk_full" if is_full else "build_failed",
        hint="docker system prune" if is_full else None,
    )


def _events(client: DockerClient, context: IO[bytes], name: str) -> Iterator[dict[str, Any]]:
    # rm: the classic builder makes a container for every step and would leave it there.
    yield from client.api.build(
        fileobj=context, custom_context=True, tag=name, rm=True, forcerm=True, network_mode="none", decode=True
    )


def _quoted(value: str) -> str:
    # A Dockerfile's LABEL takes JSON-like strings, in which `$` begins a variable.
    return json.dumps(value).replace("$", "\\$")


def add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file readable by everybody."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o644
    tar.addfile(member, io.BytesIO(data))


def add_folder(tar: tarfile.TarFile, folder: Path, name: str) -> None:
    """Add a folder readable by everybody, with neither times nor owners: equal files make equal layers."""
    tar.add(folder, arcname=name, filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def _write_whole(path: Path, data: bytes) -> None:
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(path)

"""Images that leave this machine: saved to a file, pushed to a registry, on a base of one's own."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from nbops.deploy import docker_client, image
from nbops.deploy.making import Making
from nbops.errors import DeployError, UsageError
from nbops.flows.deploy import deploy_model
from nbops.records import Deployment, Endpoint
from nbops.store.blobs import Blobs

Release = Callable[..., Endpoint]


@pytest.fixture
def release(workshop: Any) -> Release:
    def call(*, engine: str | None = None, **making: Any) -> Endpoint:
        model = LinearRegression().fit([[1.0], [2.0], [3.0]], [2.0, 4.0, 6.0])
        return deploy_model(
            model,
            name="tiny",
            sample=np.array([[1.0], [2.0], [3.0]]),
            engine=engine,
            making=Making(**making),
            store=workshop.store,
            blobs=Blobs(workshop.settings.blobs),
            settings=workshop.settings,
        )

    return call


def tags() -> Iterator[str]:
    with docker_client.connected() as client:
        for each in client.images.list():
            yield from each.tags


@pytest.mark.docker
def test_a_saved_image_is_loaded_and_answers_elsewhere(release: Release, workshop: Any, tmp_path: Path) -> None:
    file = tmp_path / "tiny.tar"
    release(save=str(file))
    with tarfile.open(file) as tar:
        listed = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert listed[0]["RepoTags"] == ["nbops/tiny:1"]
    assert "nbops/tiny:1" not in set(tags())
    workshop.stop()
    with docker_client.connected() as client:
        (loaded,) = client.images.load(file.read_bytes())
        try:
            said = image.run_once(client, "nbops/tiny:1", ["--help"])
        finally:
            client.images.remove("nbops/tiny:1")
    assert loaded.labels["nbops.model"] == "tiny@1"
    assert b"Serve the model of a bundle" in said


@pytest.mark.docker
@pytest.mark.registry
def test_a_pushed_image_is_found_by_its_digest(release: Release, workshop: Any, registry: str) -> None:
    release(push=f"{registry}/team")
    pushed = str(workshop.deployment(1).handle["pushed"])
    name, _, digest = pushed.partition("@")
    assert name == f"{registry}/team/tiny"
    answer = httpx.get(
        f"http://{registry}/v2/team/tiny/manifests/1",
        headers={"accept": "application/vnd.docker.distribution.manifest.v2+json"},
    )
    assert answer.headers["docker-content-digest"] == digest
    assert not [tag for tag in tags() if tag.startswith(registry)]


@pytest.mark.docker
def test_an_image_that_cannot_be_pushed_stops_the_release(release: Release, workshop: Any, free_port: int) -> None:
    with pytest.raises(DeployError, match=f"cannot be pushed to 127.0.0.1:{free_port}") as caught:
        release(push=f"127.0.0.1:{free_port}")
    assert caught.value.code == "push_failed"
    assert workshop.store.find(Endpoint) == []
    assert workshop.store.find(Deployment)[0].status == "failed"


@pytest.mark.docker
def test_a_base_of_ones_own_is_built_on_by_its_id(release: Release, workshop: Any) -> None:
    with docker_client.connected() as client:
        ours = client.images.get(workshop.settings.base_image)
        # By its id, where no registry has given it a digest.
        release(base_image=ours.id)
        built = client.images.get(str(workshop.deployment(1).handle["image"]))
        assert built.labels["nbops.base"] == ours.id == built.labels["nbops.base.id"]


@pytest.mark.docker
def test_another_platform_than_the_bases_is_refused_with_the_cure(release: Release) -> None:
    with pytest.raises(DeployError, match=r"is made for linux/.*, not for linux/s390x") as caught:
        release(platform="linux/s390x")
    assert caught.value.code == "platform_unsupported"
    assert caught.value.hint == "docker pull --platform linux/s390x nbops-base:bookworm"


@pytest.mark.docker
def test_the_bases_own_platform_is_taken(release: Release, workshop: Any) -> None:
    with docker_client.connected() as client:
        made = client.images.get(workshop.settings.base_image).attrs
    release(platform=f"{made['Os']}/{made['Architecture']}")
    assert workshop.statuses() == ["1 ready"]


@pytest.mark.parametrize("option", ["save", "push", "base_image", "platform"])
def test_what_only_an_image_can_have_is_refused_by_another_engine(release: Release, option: str) -> None:
    with pytest.raises(UsageError, match="needs an image"):
        release(engine="process", **{option: "localhost:1"})


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_made(release: Release, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there"):
        release(save=str(tmp_path / "gone" / "tiny.tar"))
    with pytest.raises(UsageError, match="is a folder"):
        release(save=str(tmp_path))


@pytest.mark.parametrize("registry", ["team", "", "Registry.example.com", "registry.example.com/My Team"])
def test_what_names_no_registry_is_refused(release: Release, registry: str) -> None:
    with pytest.raises(UsageError, match="names no registry"):
        release(push=registry)

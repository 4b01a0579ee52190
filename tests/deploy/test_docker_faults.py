"""Docker missing, stopped, forbidden or without its base image: one sentence, and the command that cures it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbops.deploy import docker_client, docker_engine, image
from nbops.deploy.engine import choose, engine_named
from nbops.errors import ConflictError, DeployError, MissingError, NbopsError
from nbops.progress import stage
from nbops.settings import Settings


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A DOCKER_HOST at which nobody listens."""
    host = f"unix://{tmp_path}/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", host)
    return host


def problem(settings: Settings) -> NbopsError:
    found = engine_named("docker", settings).problem()
    assert found is not None
    return found


def test_a_docker_host_that_points_to_nothing_is_named_with_its_cure(settings: Settings, nowhere: str) -> None:
    found = problem(settings)
    assert (found.code, found.hint) == ("docker_down", "unset DOCKER_HOST")
    assert nowhere in found.message


@pytest.mark.parametrize(
    ("is_installed", "code", "hint"),
    [(True, "docker_down", "sudo systemctl start docker"), (False, "docker_missing", "sudo apt-get install docker.io")],
    ids=["daemon stopped", "docker absent"],
)
def test_a_stopped_daemon_is_told_apart_from_docker_that_is_not_there(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_installed: bool, code: str, hint: str
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    if is_installed:
        (programs / "dockerd").touch(mode=0o755)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(docker_client, "_SYSTEM_PATH", str(programs))
    monkeypatch.setattr(docker_client, "_SOCKET", f"unix://{tmp_path}/docker.sock")
    found = problem(settings)
    assert (found.code, found.hint) == (code, hint)


def test_without_docker_the_process_engine_is_chosen_and_the_reason_is_given(settings: Settings, nowhere: str) -> None:
    engine, passed_over = choose(None, settings)
    assert engine.name == "process"
    assert passed_over is not None
    assert passed_over.code == "docker_down"


def test_docker_that_was_asked_for_and_is_not_there_is_an_error(settings: Settings, nowhere: str) -> None:
    with pytest.raises(MissingError, match="no Docker engine answers"):
        choose("docker", settings)


def test_the_setting_engine_is_an_order_too(settings: Settings, nowhere: str) -> None:
    with pytest.raises(MissingError, match="no Docker engine answers"):
        choose(None, msgspec.structs.replace(settings, engine="docker"))
    assert choose(None, msgspec.structs.replace(settings, engine="process"))[0].name == "process"


def test_another_machines_docker_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://build-server.example:2375")
    assert problem(settings).code == "docker_remote"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user: sudo pytest")
@pytest.mark.docker
def test_a_user_who_may_not_use_docker_is_told_how_to_be_allowed() -> None:
    """In a process of the user nobody, against the real socket."""
    script = (
        "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "from nbops.deploy import docker_client\n"
        "found = docker_client.problem()\n"
        "print(found.code, found.hint)\n"
    )
    import nbops

    # Nobody may read root's home, where the interpreter may be: everything is imported before the change.
    script = f"import sys, docker, nbops.deploy.docker_client, nbops.optional\n{script}"
    env = {**os.environ, "PYTHONPATH": str(Path(nbops.__path__[0]).parent)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.strip() == 'docker_forbidden sudo usermod -aG docker "$USER"  # then log in again'


@pytest.mark.parametrize(
    ("said", "code", "hint"),
    [
        ("could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
         "networks_full", "docker network prune"),
        ("write /var/lib/docker/x: no space left on device", "disk_full", "docker system prune"),
        ("driver failed: Bind for 127.0.0.1:8080 failed: port is already allocated",
         "port_taken", "ss -ltnp 'sport = :8080'  # shows which"),
    ],
    ids=["networks", "disk", "port"],
)  # fmt: skip
def test_what_docker_refuses_is_said_with_the_cure(said: str, code: str, hint: str) -> None:
    error = docker_client.refused(Exception(said))
    assert (error.code, error.hint) == (code, hint)


def test_a_build_that_fills_the_disk_is_said_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "failed to export image: write /var/lib/docker/overlay2/x: no space left on device"
    monkeypatch.setattr(image, "_events", lambda *_: iter([{"stream": "Step 1/2 : FROM x"}, {"error": said}]))
    with stage("Build") as now, pytest.raises(DeployError, match="no space left") as caught:
        image.build(None, io.BytesIO(), "x", now)  # type: ignore[arg-type] # no engine is asked
    assert (caught.value.code, caught.value.hint) == ("disk_full", "docker system prune")


@pytest.mark.docker
def test_a_missing_base_image_is_named_with_the_command_that_makes_it(settings: Settings) -> None:
    found = problem(msgspec.structs.replace(settings, base_image="nbops-base:never-made"))
    assert found.code == "base_image_missing"
    assert found.hint == f"sudo {sys.executable} -m nbops.deploy.base_image"


@pytest.mark.docker
def test_a_base_image_without_python_is_refused(settings: Settings) -> None:
    name = "nbops-test-empty:latest"
    with docker_client.connected() as client:
        import tarfile

        empty = io.BytesIO()
        with tarfile.open(fileobj=empty, mode="w") as tar:
            image.add_bytes(tar, "hello", b"hello")
        client.api.import_image_from_data(empty.getvalue(), repository="nbops-test-empty", tag="latest")
        try:
            found = problem(msgspec.structs.replace(settings, base_image=name))
        finally:
            client.images.remove(name)
    assert found.code == "base_image_unusable"
    assert "has no python3 that runs" in found.message


@pytest.mark.docker
@pytest.mark.parametrize("engine", ["docker"])
def test_a_model_of_another_python_is_refused_with_the_cure(workshop: Any) -> None:
    with pytest.raises(DeployError, match=r"fitted under Python 3\.9, and the base image .* has 3\.") as caught:
        workshop.deploy(1, python="3.9")
    assert caught.value.code == "python_mismatch"
    assert "NBOPS_BASE_IMAGE" in str(caught.value.hint)
    assert workshop.statuses() == ["1 failed"]


@pytest.mark.docker_files
@pytest.mark.parametrize("engine", ["docker"])
def test_a_container_name_that_is_taken_is_named_with_its_cure(workshop: Any) -> None:
    network = docker_client.network_name(workshop.settings.root, "tiny")
    with docker_client.connected() as client:
        base = image.base_image(client, workshop.settings.base_image)
        stranger = client.containers.create(base.id, ["true"], name=f"{network}-edge")
        try:
            with pytest.raises(ConflictError, match=f"container named {network}-edge is there") as caught:
                workshop.deploy(1)
        finally:
            stranger.remove()
    assert caught.value.hint == f"docker rm -f {network}-edge"
    assert workshop.statuses() == ["1 failed"]


@pytest.mark.docker
@pytest.mark.parametrize("engine", ["docker"])
def test_a_container_that_cannot_be_started_leaves_no_image(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "MEMORY_LIMIT", "1k")
    with pytest.raises(DeployError, match="Minimum memory limit"):
        workshop.deploy(1)
    assert workshop.statuses() == ["1 failed"]


@pytest.mark.docker
@pytest.mark.parametrize("engine", ["docker"])
def test_a_port_that_docker_finds_taken_is_named(workshop: Any, free_port: int) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        with pytest.raises(ConflictError) as caught:
            workshop.deploy(1, port=free_port)
    assert caught.value.code == "port_taken"
    assert str(free_port) in caught.value.message

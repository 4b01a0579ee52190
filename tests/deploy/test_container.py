"""A look at a running container from outside and from inside: what it may do, what it has, where it listens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbops.deploy import deploy, docker_client, image
from nbops.errors import DeployError
from nbops.records import Run, new_id

pytestmark = [pytest.mark.docker, pytest.mark.docker_files]


@pytest.fixture
def engine() -> str:
    return "docker"


@pytest.fixture
def container(workshop: Any) -> Any:
    """The running server's container, by Docker's own client."""
    workshop.deploy(1)
    with docker_client.connected() as client:
        yield client.containers.get(workshop.deployment(1).handle["container"])


def inside(container: Any, script: str) -> str:
    """Run Python in a container as its own user would."""
    status, output = container.exec_run(["python3", "-c", script])
    assert status == 0, output.decode()
    return str(output.decode().strip())


def test_server_and_edge_have_no_root_no_capabilities_and_no_writable_disk(workshop: Any, container: Any) -> None:
    edge = workshop.endpoint().handle
    with docker_client.connected() as client:
        for each in (container, client.containers.get(edge["container"])):
            host = each.attrs["HostConfig"]
            user = each.attrs["Config"]["User"]
            assert user == "{}:{}".format(*docker_client.container_user())
            assert not user.startswith("0")
            assert host["ReadonlyRootfs"] is True
            assert host["CapDrop"] == ["ALL"]
            assert not host["CapAdd"]
            assert not host["Privileged"]
            assert host["SecurityOpt"] == ["no-new-privileges:true"]
            assert host["Memory"] > 0
            assert host["PidsLimit"] > 0


def test_everything_is_published_on_the_loopback_address_alone(workshop: Any, container: Any) -> None:
    handle = workshop.endpoint().handle
    with docker_client.connected() as client:
        for each in (container, client.containers.get(handle["container"])):
            published = [binding for bindings in each.ports.values() for binding in bindings or []]
            assert published
            assert {binding["HostIp"] for binding in published} == {"127.0.0.1"}


def test_inside_nothing_can_be_written_but_tmp_and_the_prediction_log(container: Any) -> None:
    script = """
import json, os
writable = []
for top, folders, _ in os.walk("/"):
    if top.startswith(("/proc", "/sys", "/dev")):
        folders.clear()
        continue
    probe = os.path.join(top, ".probe")
    try:
        open(probe, "w").close()
        os.unlink(probe)
        writable.append(top)
    except OSError:
        pass
print(json.dumps([writable, os.getuid(), open("/proc/self/status").read().split("CapEff:")[1].split()[0]]))
"""
    writable, user, capabilities = json.loads(inside(container, script))
    assert sorted(writable) == ["/predictions", "/tmp"]
    assert user == docker_client.container_user()[0]
    assert int(capabilities, 16) == 0


def test_tmp_runs_no_programs(container: Any) -> None:
    script = """
import os, shutil, subprocess
shutil.copy("/bin/true", "/tmp/true")
try:
    subprocess.run(["/tmp/true"])
except PermissionError:
    print("refused")
"""
    assert inside(container, script) == "refused"


def test_nothing_of_the_hosts_environment_is_in_container_or_layers(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret-of-the-host")
    workshop.deploy(1)
    with docker_client.connected() as client:
        found = client.containers.get(workshop.deployment(1).handle["container"])
        history = client.api.history(found.image.id)
        said = json.dumps([found.attrs, found.image.attrs, history]) + inside(
            found, "import os; print(dict(os.environ))"
        )
    assert "the-secret-of-the-host" not in said


def test_no_file_of_the_project_but_the_bundle_is_in_the_image(workshop: Any) -> None:
    secret = "a-secret-of-the-project"
    root = Path(workshop.settings.root)
    for name in (".env", "notebook.ipynb", ".nbops/token"):
        (root / name).write_text(f"KEY={secret}", "utf-8")
    workshop.deploy(1)
    script = f"""
import os
found = []
for top, _, files in os.walk("/"):
    if not top.startswith(("/proc", "/sys", "/dev")):
        for name in files:
            path = os.path.join(top, name)
            if os.path.isfile(path) and {secret!r}.encode() in open(path, "rb").read():
                found.append(path)
print(found)
"""
    with docker_client.connected() as client:
        container = client.containers.get(workshop.deployment(1).handle["container"])
        # As root, who reads what the server's own user does not.
        status, said = container.exec_run(["python3", "-c", script], user="0")
    assert (status, said.strip()) == (0, b"[]")


def test_everything_in_the_image_is_compiled_and_readable(container: Any) -> None:
    script = """
import json, os, sys
bare, closed = [], []
ending = ".%s.pyc" % sys.implementation.cache_tag
for top, folders, files in os.walk("/opt/nbops"):
    for name in files:
        path = os.path.join(top, name)
        if not os.access(path, os.R_OK):
            closed.append(path)
        if name.endswith(".py"):
            if not os.path.exists(os.path.join(top, "__pycache__", name[:-3] + ending)):
                bare.append(path)
print(json.dumps([bare, closed]))
"""
    assert json.loads(inside(container, script)) == [[], []]


def test_labels_lead_from_the_container_to_the_run_and_the_model(workshop: Any, container: Any) -> None:
    deployment = workshop.deployment(1)
    labels = container.labels
    assert labels["nbops.deployment"] == deployment.id
    assert labels["nbops.model"] == "tiny@1"
    assert labels["nbops.model_version"] == deployment.model_version_id
    assert labels["nbops.endpoint"] == "tiny"
    assert len(labels["nbops.bundle"]) == 64
    assert labels["nbops.base.id"].startswith("sha256:")


def test_labels_name_the_run_and_the_commit_that_made_the_model(workshop: Any) -> None:
    run = Run(id=new_id(), name="fit", kind="session", status="finished", started_at=1.0, git_commit="c0ffee" * 6)
    workshop.store.put(run)
    bundle, version = workshop.bundle(1)
    made = msgspec.structs.replace(version, run_id=run.id)
    deploy(bundle, made, name="tiny", engine="docker", store=workshop.store, settings=workshop.settings)
    with docker_client.connected() as client:
        found = client.containers.get(workshop.deployment(1).handle["container"])
    # On the image as well, which may be brought elsewhere.
    for labels in (found.labels, found.image.labels):
        assert (labels["nbops.run"], labels["nbops.commit"]) == (run.id, "c0ffee" * 6)


def test_a_retrained_model_is_one_layer_more_on_the_same_runtime_image(workshop: Any) -> None:
    layers = []
    for number in (1, 2):
        workshop.deploy(number)
        with docker_client.connected() as client:
            runtime = client.images.get(workshop_runtime(workshop, number)).attrs["RootFS"]["Layers"]
            container = client.containers.get(workshop.deployment(number).handle["container"])
            layers.append(container.image.attrs["RootFS"]["Layers"])
        assert layers[-1][:-1] == runtime
    assert layers[0][:-1] == layers[1][:-1]
    assert layers[0][-1] != layers[1][-1]


def test_the_parts_list_names_every_package_that_is_there(container: Any) -> None:
    path = container.labels["nbops.sbom"]
    parts = json.loads(inside(container, f"print(open({path!r}).read())"))
    names = {component["name"] for component in parts["components"] if component["type"] == "library"}
    script = "import json, importlib.metadata as m; print(json.dumps([d.name for d in m.distributions()]))"
    assert names == set(json.loads(inside(container, script)))
    assert parts["components"][0]["version"] == container.labels["nbops.base.id"]
    assert all(component["purl"].startswith("pkg:pypi/") for component in parts["components"][1:])


def test_the_parts_list_is_what_its_format_says(container: Any) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = inside(container, f"print(open({container.labels['nbops.sbom']!r}).read())")
    version = SchemaVersion.from_version(json.loads(text)["specVersion"])
    assert JsonStrictValidator(version).validate_str(text) is None


def test_a_new_server_takes_the_place_of_a_former_runtime_image(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an upgrade of nbops: images with the same packages and an older server are not piled up."""
    # A lock of its own: other tests that run just now need their images.
    monkeypatch.setattr(image, "_LOCK_LABEL", "nbops.test.lock")
    source = image._server_source()
    workshop.deploy(1)
    former = workshop_runtime(workshop, 1)
    monkeypatch.setattr(image, "_server_source", lambda: source | {"nbops_serving/upgraded.py": b""})
    workshop.deploy(2, name="other")
    newer = workshop_runtime(workshop, 2)
    # Somebody's model stands on it, and is deployed again in a while.
    assert tags(former) == [former]
    workshop.stop()
    workshop.stop("other")
    with docker_client.connected() as client:
        image.discard(client, newer)
    workshop.deploy(3)
    assert tags(former) == []
    workshop.stop()
    with docker_client.connected() as client:
        image.discard(client, newer)


def tags(name: str) -> list[str]:
    with docker_client.connected() as client:
        return docker_client.image_tags(client, name=name)


def workshop_runtime(workshop: Any, number: int) -> str:
    with docker_client.connected() as client:
        found = client.containers.get(workshop.deployment(number).handle["container"])
        return str(found.image.labels["nbops.runtime"])


def test_an_engine_that_takes_no_single_layers_builds_an_image_with_the_same_in_it(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that keeps its images with containerd, or one whose runtime image was removed a moment ago."""
    bundle, version = workshop.bundle(1)
    found = []
    for add in (image.add_layer, refused):
        monkeypatch.setattr(image, "add_layer", add)
        deploy(bundle, version, name="tiny", engine="docker", store=workshop.store, settings=workshop.settings)
        with docker_client.connected() as client:
            container = client.containers.get(workshop.deployment(1).handle["container"])
            script = "import glob, os; print([(p, os.stat(p).st_mode) for p in sorted(glob.glob('/bundle/**/*'))])"
            found.append((inside(container, script), container.image.labels, container.image.attrs["Config"]["Env"]))
    assert found[0] == found[1]


def refused(*_: Any, **__: Any) -> None:
    raise DeployError("image x cannot be made: no such layer")


def test_a_container_reaches_no_other_endpoint(workshop: Any) -> None:
    workshop.deploy(1, name="one")
    workshop.deploy(2, name="other")
    inner = workshop.deployment(2).handle["inner"]
    host, _, port = inner.partition(":")
    script = f"""
import socket
try:
    socket.create_connection(({host!r}, {port}), timeout=1)
    print("reached")
except OSError:
    print("refused")
"""
    with docker_client.connected() as client:
        found = client.containers.get(workshop.deployment(1).handle["container"])
        assert inside(found, script) == "refused"


def test_docker_itself_sees_that_the_server_is_healthy(container: Any) -> None:
    test = container.image.attrs["Config"]["Healthcheck"]["Test"]
    assert test[0] == "CMD"
    status, output = container.exec_run(test[1:])
    assert (status, output) == (0, b"")


def test_its_prediction_log_belongs_to_whom_may_clean_it_up(workshop: Any, container: Any) -> None:
    folder = Path(workshop.deployment(1).log_path)
    assert folder.stat().st_uid == docker_client.container_user()[0]

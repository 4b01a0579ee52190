"""What a rollout relies on, asked of every engine: each runs the same bundle and tells the truth about it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from nbops import testing
from nbops.deploy import client, detached, docker_client
from nbops.deploy.access import KEYS, lay
from nbops.deploy.engine import ENGINES, Engine, Handle, Launch, Started, engine_named
from nbops.errors import DeployError, UsageError
from nbops.progress import stage
from nbops.settings import Settings
from nbops.testing.engine import kill as kill_fake
from nbops_serving import keys, log
from nbops_serving.manifest import Column, Manifest, Signature, write_manifest

MODULE = b"""\
import time

def predict(rows):
    time.sleep(max(row["x"] for row in rows) if rows[0]["x"] < 5 else 0)
    return [row["x"] * 2 for row in rows]
"""


@pytest.fixture(params=["process", "fake", pytest.param("docker", marks=pytest.mark.docker)])
def engine(request: pytest.FixtureRequest, settings: Settings) -> Engine:
    return engine_named(request.param, settings)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    # The fake engine serves inside of such a block alone.
    with testing.project(tmp_path / "project", engine="") as workspace:
        yield workspace.settings


@pytest.fixture
def launch(settings: Settings) -> Launch:
    return make_launch(settings)


def make_launch(settings: Settings, module: bytes = MODULE, **fields: Any) -> Launch:
    files = {"modules/doubling.py": module, "model.json": b'"doubling:predict"'}
    manifest = Manifest(
        format=1,
        model="doubling",
        version=1,
        model_version_id="0" * 32,
        run_id=None,
        created_at=0.0,
        flavour="function",
        rung="original",
        signature=Signature(columns=[Column(name="x", kind="number")], takes="rows"),
        python="{}.{}".format(*sys.version_info),
        requirements=[],
        example=[{"x": 7.0}],
        expected=[14.0],
        files={name: sha256(data).hexdigest() for name, data in files.items()},
        modules=["doubling"],
        model_file="model.json",
        types=["doubling.predict"],
    )
    data = write_manifest(manifest)
    folder = settings.folder / "bundle"
    for name, content in {**files, "manifest.json": data}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    own = settings.folder / "endpoints" / "doubling" / uuid4().hex
    return Launch(
        deployment_id=own.name,
        endpoint="doubling",
        bundle_path=str(folder),
        bundle_digest=sha256(data).hexdigest(),
        requirements=[],
        folder=str(own),
        log_path=str(own / "predictions"),
        project=settings.root,
        **fields,
    )


@pytest.fixture
def started(engine: Engine, launch: Launch) -> Iterator[Started]:
    made = start(engine, launch)
    yield made
    engine.stop(made.handle)


def start(engine: Engine, launch: Launch) -> Started:
    with stage("Build") as now:
        built = engine.build(launch, now=now)
    return engine.start(launch, built)


def wait_ready(started: Started) -> None:
    deadline = time.monotonic() + 60
    while not client.is_ready(started.address):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_engine_that_comes_with_nbops_is_in_this_suite() -> None:
    assert sorted(ENGINES) == ["docker", "fake", "process"]


def test_an_engine_that_can_be_used_has_no_problem(engine: Engine) -> None:
    assert engine.problem() is None


def test_a_started_bundle_answers_on_its_address(started: Started) -> None:
    wait_ready(started)
    assert client.predict(started.address, [{"x": 7.0}])["predictions"] == [14.0]


def test_one_that_asks_for_keys_answers_nobody_else_and_takes_others_while_it_runs(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "access"
    owner = docker_client.container_user() if engine.name == "docker" else None
    key, line = keys.make("shop")
    lay(folder, KEYS, f"{line}\n", owner=owner)
    made = start(engine, make_launch(settings, access=str(folder), has_keys=True))
    try:
        wait_ready(made)
        admitted = client.Server(made.address, key)
        assert client.predict(admitted, [{"x": 7.0}])["predictions"] == [14.0]
        with pytest.raises(UsageError, match="answers those who have an API key"):
            client.predict(made.address, [{"x": 7.0}])
        lay(folder, KEYS, f"{keys.make('shop')[1]}\n", owner=owner)
        deadline = time.monotonic() + 30
        while client.is_admitted(admitted):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        engine.stop(made.handle)


def test_it_listens_on_the_loopback_address_alone(started: Started) -> None:
    wait_ready(started)
    port = int(started.address.rpartition(":")[2])
    assert listening(port) == {"127.0.0.1"}


def test_a_running_one_is_running_and_a_stopped_one_is_not(engine: Engine, launch: Launch) -> None:
    made = start(engine, launch)
    try:
        wait_ready(made)
        assert engine.condition(made.handle).state == "running"
    finally:
        engine.stop(made.handle)
    assert engine.condition(made.handle).state != "running"


def test_stop_twice_is_stop_once(engine: Engine, launch: Launch) -> None:
    made = start(engine, launch)
    engine.stop(made.handle)
    engine.stop(made.handle)


def test_stop_lets_a_request_that_was_taken_end(engine: Engine, launch: Launch) -> None:
    made = start(engine, launch)
    answers: list[object] = []
    try:
        wait_ready(made)
        asking = threading.Thread(
            target=lambda: answers.append(client.predict(made.address, [{"x": 1.5}])["predictions"])
        )
        asking.start()
        time.sleep(0.3)
    finally:
        engine.stop(made.handle)
    asking.join()
    assert answers == [[3.0]]


def test_one_killed_from_outside_has_failed_with_a_reason(engine: Engine, started: Started) -> None:
    wait_ready(started)
    kill(started.handle)
    condition = engine.condition(started.handle)
    assert condition.state == "failed"
    assert condition.message


def test_several_are_told_apart_in_one_question(engine: Engine, settings: Settings, started: Started) -> None:
    other = start(engine, make_launch(settings))
    try:
        wait_ready(started)
        wait_ready(other)
        kill(other.handle)
        found = engine.conditions({"one": started.handle, "other": other.handle})
        assert {key: condition.state for key, condition in found.items()} == {"one": "running", "other": "failed"}
    finally:
        engine.stop(other.handle)


def test_the_log_is_readable_while_it_runs_and_after_it_was_stopped(engine: Engine, launch: Launch) -> None:
    made = start(engine, launch)
    try:
        wait_ready(made)
        deadline = time.monotonic() + 10
        while not (running := list(engine.logs(made.handle))):
            assert time.monotonic() < deadline
    finally:
        engine.stop(made.handle)
    assert '"event": "ready"' in running[0]
    assert list(engine.logs(made.handle))[: len(running)] == running
    assert list(engine.logs(made.handle, tail=1)) == list(engine.logs(made.handle))[-1:]


def test_a_port_that_was_asked_for_is_used(engine: Engine, settings: Settings, free_port: int) -> None:
    made = start(engine, make_launch(settings, port=free_port))
    try:
        assert made.address == f"http://127.0.0.1:{free_port}"
        wait_ready(made)
    finally:
        engine.stop(made.handle)


def test_the_prediction_log_is_written_where_it_was_asked_for(engine: Engine, launch: Launch) -> None:
    made = start(engine, launch)
    try:
        wait_ready(made)
        client.predict(made.address, [{"x": 7.0}])
    finally:
        engine.stop(made.handle)
    assert [batch.predictions for batch in log.read(launch.log_path)] == [[14.0]]


def test_its_memory_is_that_of_a_server_and_of_nothing_that_has_ended(engine: Engine, launch: Launch) -> None:
    made = start(engine, launch)
    try:
        wait_ready(made)
        # The fake engine's server is a thread of this process, with all that the tests have loaded.
        most = 4e9 if engine.name == "fake" else 500e6
        assert 10e6 < engine.memory_bytes(made.handle) < most
    finally:
        engine.stop(made.handle)
    with pytest.raises(DeployError):
        engine.memory_bytes(made.handle)


def test_a_handle_survives_being_written_down(engine: Engine, started: Started) -> None:
    written = msgspec.json.decode(msgspec.json.encode(started.handle), type=Handle)
    assert engine.condition(written).state == "running"


def kill(handle: Handle) -> None:
    """As from another terminal, without a word to the engine's own client."""
    if "deployment" in handle:
        kill_fake(handle)
        return
    if "pid" in handle:
        os.kill(int(handle["pid"]), signal.SIGKILL)
        while detached.is_alive(int(handle["pid"]), str(handle["started"])):
            time.sleep(0.01)
        return
    with docker_client.connected() as docker:
        docker.containers.get(str(handle["container"])).kill()


def listening(port: int) -> set[str]:
    """Addresses of this machine that something listens on at a port."""
    found = set()
    for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
        local, state = line.split()[1], line.split()[3]
        host, _, hexadecimal = local.partition(":")
        if state == "0A" and int(hexadecimal, 16) == port:
            found.add(".".join(str(byte) for byte in reversed(bytes.fromhex(host))))
    six = [line.split() for line in Path("/proc/net/tcp6").read_text("ascii").splitlines()[1:]]
    found |= {row[1] for row in six if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    return found

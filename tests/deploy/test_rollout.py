"""Endpoints over both engines, with the real server, the real HAProxy and, where it answers, the real Docker."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from nbops.deploy import client, deploy, detached, docker_client, endpoints, logs, naming, predict
from nbops.errors import ConflictError, DeployError, NotFoundError, StoreError, UsageError
from nbops.progress import Stage, watching
from nbops.records import Endpoint
from nbops_serving import log

both_engines = pytest.mark.parametrize(
    "engine",
    [
        pytest.param("process", marks=pytest.mark.haproxy),
        pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.haproxy]),
    ],
)

ROW = [{"x": 5.0}]


def ask(endpoint: Any, rows: object = ROW) -> object:
    return predict(endpoint, rows)["predictions"]


@both_engines
def test_a_deployed_model_answers_on_its_address(workshop: Any) -> None:
    endpoint = workshop.deploy(2)
    assert predict(endpoint, ROW)["model"] == "tiny@2"
    assert ask(endpoint) == [10.0]
    assert (endpoint.status, endpoint.engine, workshop.statuses()) == ("up", workshop.engine, ["2 ready"])


@both_engines
def test_the_second_version_takes_over_the_same_address_and_the_first_is_kept(workshop: Any) -> None:
    first = workshop.deploy(1)
    second = workshop.deploy(2)
    assert second.address == first.address
    assert second.id == first.id
    assert ask(second) == [10.0]
    assert list(second.split.values()) == [100, 0]
    assert workshop.statuses() == ["1 ready", "2 ready"]


@both_engines
def test_rollback_gives_the_traffic_back_and_again_forth(workshop: Any) -> None:
    workshop.deploy(1)
    workshop.deploy(2)
    assert ask(workshop.rollback()) == [5.0]
    assert ask(workshop.rollback()) == [10.0]


@both_engines
def test_the_third_version_ends_the_first(workshop: Any) -> None:
    for number in (1, 2, 3):
        endpoint = workshop.deploy(number)
    assert workshop.statuses() == ["1 stopped", "2 ready", "3 ready"]
    assert ask(endpoint) == [15.0]


@both_engines
def test_a_version_that_does_not_start_never_takes_traffic_and_its_log_says_why(workshop: Any) -> None:
    live = workshop.deploy(1)
    with pytest.raises(DeployError, match="ended before it was ready") as caught:
        workshop.deploy(2, body="raise RuntimeError('no such table')")
    assert "no such table" in caught.value.message
    assert ask(live) == [5.0]
    assert workshop.statuses() == ["1 ready", "2 failed"]
    said = "\n".join(logs("tiny", store=workshop.store, settings=workshop.settings))
    assert "no such table" in said


@both_engines
def test_a_version_that_answers_otherwise_than_the_notebook_never_takes_traffic(workshop: Any) -> None:
    live = workshop.deploy(1)
    # The server proves its own example; this model answers rightly there and wrongly once it is asked over HTTP.
    body = "rows = rows if not hasattr(predict, 'asked') else [{'x': row['x'] + 1} for row in rows]; predict.asked = 1"
    with pytest.raises(DeployError, match="does not answer as the notebook's model does: row 0"):
        workshop.deploy(2, body=body)
    assert ask(live) == [5.0]
    assert workshop.statuses() == ["1 ready", "2 failed"]


@pytest.mark.haproxy
@pytest.mark.parametrize("engine", ["process"])
def test_a_model_of_another_python_is_not_served_by_this_one(workshop: Any) -> None:
    with pytest.raises(DeployError, match=r"under Python 3\.9, and this interpreter, .*, is Python 3\.") as caught:
        workshop.deploy(1, python="3.9")
    assert caught.value.code == "python_mismatch"
    assert "--engine docker --base-image" in str(caught.value.hint)
    assert workshop.statuses() == ["1 failed"]


def test_a_first_deploy_that_fails_leaves_no_endpoint(workshop: Any) -> None:
    with pytest.raises(DeployError):
        workshop.deploy(1, expected=[0.0, 0.0])
    assert endpoints(workshop.store, workshop.settings) == []
    assert workshop.statuses() == ["1 failed"]


@both_engines
def test_a_bundle_that_was_altered_does_not_start(workshop: Any) -> None:
    bundle, version = workshop.bundle(1)
    module = Path(bundle.path) / "modules/tiny_model.py"
    module.write_text(module.read_text("utf-8") + "\n# and something else\n", "utf-8")
    with pytest.raises(DeployError, match="not what the manifest says"):
        deploy(
            bundle,
            version,
            name="tiny",
            engine=workshop.engine,
            store=workshop.store,
            settings=workshop.settings,
        )


@both_engines
def test_stop_ends_everything_and_a_new_deploy_has_the_same_address(workshop: Any) -> None:
    first = workshop.deploy(1)
    workshop.deploy(2)
    stopped = workshop.stop()
    assert (stopped.status, stopped.split) == ("stopped", {})
    assert workshop.statuses() == ["1 stopped", "2 stopped"]
    with pytest.raises(DeployError, match="was stopped"):
        predict(stopped, ROW)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", urlsplit(first.address).port or 0), timeout=2)
    assert workshop.deploy(3).address == first.address


@both_engines
def test_what_was_killed_from_outside_shows_as_failed_and_a_redeploy_heals_it(workshop: Any) -> None:
    workshop.deploy(1)
    kill_server(workshop, 1)
    assert workshop.endpoint().status == "down"
    assert workshop.deployment(1).status == "failed"
    assert workshop.deployment(1).error
    wait_until(lambda: "no ready deployment" in refusal(workshop))
    assert ask(workshop.deploy(2)) == [10.0]


@both_engines
def test_rollback_starts_the_older_version_again_when_it_was_killed(workshop: Any) -> None:
    workshop.deploy(1)
    workshop.deploy(2)
    kill_server(workshop, 1)
    assert ask(workshop.rollback()) == [5.0]


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param("process", marks=pytest.mark.haproxy),
        pytest.param("docker", marks=[pytest.mark.docker_files, pytest.mark.haproxy]),
    ],
)
def test_an_edge_killed_from_outside_shows_and_comes_back_on_its_address_with_the_next_deploy(workshop: Any) -> None:
    first = workshop.deploy(1)
    kill_edge(workshop, first)
    assert workshop.endpoint().status == "down"
    second = workshop.deploy(2)
    assert second.address == first.address
    assert ask(second) == [10.0]


@pytest.mark.haproxy
def test_requests_are_in_the_prediction_log_and_the_check_is_not(workshop: Any) -> None:
    endpoint = workshop.deploy(2)
    ask(endpoint)
    folder = workshop.deployment(2).log_path
    workshop.stop()
    batches = list(log.read(folder))
    assert [batch.inputs for batch in batches] == [{"x": [5.0]}]
    assert [batch.predictions for batch in batches] == [[10.0]]


@pytest.mark.haproxy
def test_a_client_cannot_pass_for_a_check_and_stay_out_of_the_log(workshop: Any) -> None:
    endpoint = workshop.deploy(2)
    client.predict(endpoint.address, ROW, is_check=True)
    folder = workshop.deployment(2).log_path
    workshop.stop()
    assert [batch.predictions for batch in log.read(folder)] == [[10.0]]


@both_engines
def test_no_request_fails_while_versions_are_swapped(workshop: Any) -> None:
    """Four clients that keep their connections open, and one that opens a new one each time."""
    endpoint = workshop.deploy(1)
    load = [Load(endpoint.address, keeps_alive=n > 0) for n in range(5)]
    for number in (2, 3):
        workshop.deploy(number)
        time.sleep(0.2)
    workshop.rollback()
    time.sleep(0.2)
    for each in load:
        each.finish()
    assert [each.failures for each in load] == [[]] * len(load)
    assert {answer for each in load for answer in each.answers} == {5.0, 10.0, 15.0}
    assert sum(each.count for each in load) > 500


@both_engines
def test_what_the_old_version_took_is_answered_by_it(workshop: Any) -> None:
    endpoint = workshop.deploy(1, body="time.sleep(1.5 if rows[0]['x'] == 7 else 0)")
    slow: list[object] = []
    asking = threading.Thread(target=lambda: slow.append(ask(endpoint, [{"x": 7.0}])))
    asking.start()
    time.sleep(0.3)
    workshop.deploy(2)
    asking.join()
    assert slow == [[7.0]]
    assert ask(endpoint) == [10.0]


@pytest.mark.haproxy
def test_two_endpoints_live_side_by_side(workshop: Any) -> None:
    one, other = workshop.deploy(1, name="one"), workshop.deploy(2, name="other")
    assert (ask(one), ask(other)) == ([5.0], [10.0])
    workshop.stop("one")
    assert ask(other) == [10.0]
    assert [endpoint.status for endpoint in endpoints(workshop.store, workshop.settings)] == ["stopped", "up"]


@pytest.mark.haproxy
def test_logs_follow_until_the_server_ends(workshop: Any) -> None:
    workshop.deploy(1)
    lines = logs("tiny", follow=True, store=workshop.store, settings=workshop.settings)
    assert '"event": "ready"' in next(lines)
    workshop.stop()
    assert list(lines) is not None


@pytest.mark.haproxy
def test_the_endpoints_own_port_can_be_chosen_and_is_refused_when_taken(workshop: Any, free_port: int) -> None:
    assert workshop.deploy(1, port=free_port).address == f"http://127.0.0.1:{free_port}"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(ConflictError, match="another program listens there") as caught:
            workshop.deploy(2, name="second", port=taken)
    assert caught.value.code == "port_taken"
    assert str(taken) in str(caught.value.hint)


@pytest.mark.haproxy
def test_a_remembered_port_that_was_taken_meanwhile_gives_way_to_a_free_one(workshop: Any) -> None:
    first = workshop.deploy(1)
    workshop.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", urlsplit(first.address).port))
        other.listen()
        second = workshop.deploy(2)
        assert second.address != first.address
        assert ask(second) == [10.0]


@pytest.mark.haproxy
def test_an_endpoint_that_another_process_is_changing_is_left_alone(workshop: Any) -> None:
    workshop.deploy(1)
    busy = f"is being changed by process {os.getpid()}"
    held = naming.changing(workshop.settings.folder / "endpoints/tiny", "tiny")
    with held, pytest.raises(ConflictError, match=busy):
        workshop.deploy(2)


@pytest.mark.haproxy
def test_an_interrupt_while_a_version_starts_leaves_the_live_one_alone(workshop: Any) -> None:
    live = workshop.deploy(1)
    thinking = workshop.settings.root + "/thinking"

    def interrupt() -> None:
        while not Path(thinking).exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    # The signal that a notebook's "interrupt" sends, while the server is still thinking.
    watcher = threading.Thread(target=interrupt)
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        workshop.deploy(2, body=f"open({thinking!r}, 'w').close(); time.sleep(3)")
    watcher.join()
    assert ask(live) == [5.0]
    assert workshop.statuses() == ["1 ready", "2 failed"]


class Swallowing:
    """Tells nobody of an interrupt: Python prints what a finalizer raises, and goes on."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            time.sleep(0)


class Dropping:
    """A sink that lets go of such an object while a version starts."""

    def began(self, stage: Stage) -> None:
        if stage.title.startswith("Start version"):
            Swallowing()

    def moved(self, _stage: Stage) -> None:
        """Nothing is shown."""

    ended = moved


@pytest.mark.haproxy
@pytest.mark.filterwarnings("ignore:Exception ignored in. <function Swallowing:pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_a_finalizer_swallows_ends_the_rollout_all_the_same(workshop: Any) -> None:
    live = workshop.deploy(1)
    with watching(Dropping()), pytest.raises(KeyboardInterrupt):
        workshop.deploy(2)
    assert ask(live) == [5.0]
    assert workshop.statuses() == ["1 ready", "2 failed"]


@pytest.mark.haproxy
def test_an_interrupt_right_after_the_start_leaves_no_process(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    live = workshop.deploy(1)
    spawn = detached.spawn

    def interrupted(*args: Any, **options: Any) -> tuple[int, str]:
        spawned = spawn(*args, **options)
        os.kill(os.getpid(), signal.SIGINT)
        return spawned

    monkeypatch.setattr(detached, "spawn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        workshop.deploy(2)
    handle = workshop.deployment(2).handle
    assert not detached.is_alive(handle["pid"], handle["started"])
    assert ask(live) == [5.0]
    assert workshop.statuses() == ["1 ready", "2 failed"]


class Unwritable:
    """A store whose disk is full when the endpoint is to be recorded."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, *records: Any) -> None:
        if any(isinstance(record, Endpoint) for record in records):
            raise StoreError("the disk is full")
        self._store.put(*records)


@pytest.mark.haproxy
def test_a_store_that_cannot_be_written_leaves_the_live_version_with_its_traffic(workshop: Any) -> None:
    live = workshop.deploy(1)
    store, workshop.store = workshop.store, Unwritable(workshop.store)
    with pytest.raises(StoreError, match="the disk is full"):
        workshop.deploy(2)
    workshop.store = store
    assert ask(live) == [5.0]
    assert workshop.statuses() == ["1 ready", "2 failed"]


class Full(Unwritable):
    """A store whose disk fills up as the new version is ready, and stays full until the rollout has failed."""

    def put(self, *records: Any) -> None:
        if any(isinstance(record, Endpoint) or getattr(record, "status", "") == "failed" for record in records):
            raise StoreError("the disk is full")
        self._store.put(*records)


@pytest.mark.haproxy
def test_a_failure_that_could_not_be_recorded_is_put_right_by_the_next_deploy(workshop: Any) -> None:
    live = workshop.deploy(1)
    store, workshop.store = workshop.store, Full(workshop.store)
    with pytest.raises(StoreError, match="the disk is full"):
        workshop.deploy(2)
    workshop.store = store
    assert ask(live) == [5.0]
    assert workshop.statuses() == ["1 ready", "2 ready"]
    workshop.deploy(3)
    assert workshop.statuses() == ["1 ready", "2 failed", "3 ready"]


@pytest.mark.haproxy
def test_a_first_endpoint_that_cannot_be_recorded_leaves_nothing(workshop: Any) -> None:
    store, workshop.store = workshop.store, Unwritable(workshop.store)
    with pytest.raises(StoreError, match="the disk is full"):
        workshop.deploy(1)
    workshop.store = store
    assert workshop.statuses() == ["1 failed"]


@pytest.mark.docker
@pytest.mark.haproxy
@pytest.mark.parametrize("engine", ["docker"])
def test_a_docker_engine_that_does_not_answer_leaves_its_endpoints_down_in_the_list(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workshop.deploy(1)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
        assert workshop.endpoint().status == "down"
    assert workshop.endpoint().status == "up"
    assert workshop.statuses() == ["1 ready"]


@pytest.mark.haproxy
def test_what_clients_sent_is_for_this_user_alone(workshop: Any) -> None:
    workshop.deploy(1)
    assert (workshop.settings.folder / "endpoints/tiny").stat().st_mode & 0o077 == 0


@pytest.mark.haproxy
def test_a_server_outlives_the_process_that_deployed_it(workshop: Any) -> None:
    bundle, version = workshop.bundle(4)
    script = (
        "import sys; from nbops.settings import load_settings; from nbops.store import open_store\n"
        "from nbops.deploy import deploy; from nbops.records import Bundle, ModelVersion\n"
        "settings = load_settings()\n"
        "with open_store(settings) as store:\n"
        "    bundle, version = store.get(Bundle, sys.argv[1]), store.get(ModelVersion, sys.argv[2])\n"
        "    deploy(bundle, version, name='tiny', engine='process', store=store, settings=settings)\n"
    )
    subprocess.run([sys.executable, "-c", script, bundle.id, version.id], check=True, cwd=workshop.settings.root)
    assert ask(workshop.endpoint()) == [20.0]


@pytest.mark.haproxy
def test_what_a_killed_rollout_left_is_cleared_by_the_next_one(workshop: Any) -> None:
    bundle, version = workshop.bundle(1, body="time.sleep(60)")
    script = (
        "import sys; from nbops.settings import load_settings; from nbops.store import open_store\n"
        "from nbops.deploy import deploy; from nbops.records import Bundle, ModelVersion\n"
        "with open_store(load_settings()) as store:\n"
        "    bundle, version = store.get(Bundle, sys.argv[1]), store.get(ModelVersion, sys.argv[2])\n"
        "    deploy(bundle, version, name='tiny', engine='process', store=store, settings=load_settings())\n"
    )
    command = [sys.executable, "-c", script, bundle.id, version.id]
    with subprocess.Popen(command, cwd=workshop.settings.root) as killed:
        wait_until(lambda: workshop.statuses() == ["1 starting"] and workshop.deployment(1).handle)
        killed.kill()
    left = workshop.deployment(1).handle
    assert detached.is_alive(left["pid"], left["started"])
    assert ask(workshop.deploy(2)) == [10.0]
    assert workshop.statuses() == ["1 failed", "2 ready"]
    assert not detached.is_alive(left["pid"], left["started"])


@pytest.mark.parametrize("name", ["", "Churn", "a b", "../up", "x" * 49, "-a", "a/b"])
def test_a_name_that_is_no_endpoint_name_is_refused(workshop: Any, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be an endpoint's name") as caught:
        workshop.deploy(1, name=name)
    assert caught.value.hint is not None
    naming.checked(caught.value.hint.removeprefix("--name "))


@pytest.mark.parametrize("call", ["rollback", "stop"])
def test_an_unknown_endpoint_is_said_with_the_known_ones(workshop: Any, call: str) -> None:
    with pytest.raises(NotFoundError, match="there is no endpoint 'nothing'; none was deployed yet"):
        getattr(workshop, call)("nothing")


@pytest.mark.haproxy
def test_a_stopped_endpoint_is_not_said_to_be_unknown(workshop: Any) -> None:
    workshop.deploy(1)
    workshop.stop()
    with pytest.raises(NotFoundError, match="endpoint tiny was stopped, and nothing of it runs") as caught:
        workshop.rollback()
    assert caught.value.hint == "nbops deployments tiny  # then: nbops deploy MODEL@N --name tiny"


@pytest.mark.haproxy
def test_rollback_without_an_older_version_says_so(workshop: Any) -> None:
    workshop.deploy(1)
    with pytest.raises(NotFoundError, match="no older version"):
        workshop.rollback()


@pytest.mark.haproxy
def test_an_unknown_engine_is_said_with_the_known_ones(workshop: Any) -> None:
    workshop.engine = "kubernetes-please"
    with pytest.raises(UsageError, match=r"there is no engine .kubernetes-please.; there are: docker, fake, process"):
        workshop.deploy(1)


def kill_server(workshop: Any, number: int) -> None:
    handle = workshop.deployment(number).handle
    if workshop.engine == "process":
        os.kill(handle["pid"], signal.SIGKILL)
        wait_until(lambda: not detached.is_alive(handle["pid"], handle["started"]))
    else:
        with docker_client.connected() as client:
            client.containers.get(handle["container"]).kill()


def kill_edge(workshop: Any, endpoint: Any) -> None:
    if workshop.engine == "process":
        os.kill(endpoint.handle["pid"], signal.SIGKILL)
    else:
        with docker_client.connected() as client:
            client.containers.get(endpoint.handle["container"]).kill()


def refusal(workshop: Any) -> str:
    """What the edge says without a server; until it has noticed, that the one it knows gave no answer."""
    with pytest.raises(DeployError) as caught:
        ask(workshop.endpoint())
    return str(caught.value)


def wait_until(done: Any) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Load:
    """A client that asks again and again until it is told to finish."""

    def __init__(self, address: str, *, keeps_alive: bool) -> None:
        self.answers: set[float] = set()
        self.failures: list[str] = []
        self.count = 0
        self._where = urlsplit(address)
        self._keeps_alive = keeps_alive
        self._is_over = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def finish(self) -> None:
        self._is_over = True
        self._thread.join()

    def _run(self) -> None:
        connection = self._connect()
        while not self._is_over:
            try:
                connection.request("POST", "/predict", b'{"rows":[{"x":5}]}', {"Content-Type": "application/json"})
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            self.count += 1
            if response.status == 200:
                self.answers.add(float(body.partition(b"[")[2].partition(b"]")[0]))
            else:
                self.failures.append(f"{response.status} {body!r}")
            if not self._keeps_alive:
                connection.close()
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._where.hostname or "", self._where.port, timeout=10)

"""HAProxy before an endpoint: what it refuses, what it survives, and what happens where there is none."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from nbops.deploy import client, edge, haproxy, predict
from nbops.errors import ConflictError, DeployError

ROW = [{"x": 5.0}]


@pytest.mark.haproxy
def test_without_a_ready_server_the_answer_is_a_problem_document(workshop: Any) -> None:
    endpoint = workshop.deploy(1)
    edge.runtime(endpoint.handle).shift({edge.direct_upstream(workshop.deployment(1)): 0})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{endpoint.address}/health/ready")
    with caught.value as answer:
        assert answer.headers["content-type"] == "application/problem+json"
        assert json.load(answer)["status"] == 503


@pytest.mark.haproxy
def test_traffic_is_split_by_shares(workshop: Any) -> None:
    endpoint = workshop.deploy(1)
    workshop.deploy(2)
    shares = {
        edge.direct_upstream(workshop.deployment(1)): 75,
        edge.direct_upstream(workshop.deployment(2)): 25,
    }
    edge.runtime(endpoint.handle).shift(shares)
    answers = [client.predict(endpoint.address, ROW)["model"] for _ in range(40)]
    assert (answers.count("tiny@1"), answers.count("tiny@2")) == (30, 10)


@pytest.mark.haproxy
def test_slots_are_used_again_however_many_versions_come(workshop: Any) -> None:
    endpoint = workshop.deploy(1)
    control = edge.runtime(endpoint.handle)
    for port in range(10_000, 10_000 + 3 * haproxy.SLOTS):
        control.shift({edge.direct_upstream(workshop.deployment(1)): 100, f"127.0.0.1:{port}": 0})
        control.release(f"127.0.0.1:{port}")
    assert predict(endpoint, ROW)["predictions"] == [5.0]


@pytest.mark.haproxy
def test_more_servers_than_slots_are_refused_and_traffic_goes_on(workshop: Any) -> None:
    endpoint = workshop.deploy(1)
    live = edge.direct_upstream(workshop.deployment(1))
    many = {f"127.0.0.1:{port}": 0 for port in range(10_000, 10_000 + haproxy.SLOTS)}
    with pytest.raises(DeployError, match="slots of the edge are taken"):
        edge.runtime(endpoint.handle).shift({live: 100, **many})
    assert predict(endpoint, ROW)["predictions"] == [5.0]


@pytest.mark.haproxy
def test_the_configuration_on_disk_is_what_runs(workshop: Any) -> None:
    """So that an edge that is started again has the same traffic."""
    workshop.deploy(1)
    workshop.deploy(2)
    text = (workshop.settings.folder / "endpoints/tiny/edge/haproxy.cfg").read_text("utf-8")
    servers = [line.split()[2:] for line in text.splitlines() if line.strip().startswith("server ")][:2]
    assert servers == [
        [edge.direct_upstream(workshop.deployment(2)), "weight", "100"],
        [edge.direct_upstream(workshop.deployment(1)), "weight", "1", "disabled"],
    ]


@pytest.mark.haproxy
def test_a_client_that_sends_its_request_byte_by_byte_is_cut_off_and_others_are_not(workshop: Any) -> None:
    endpoint = workshop.deploy(1)
    where = urlsplit(endpoint.address)
    with socket.create_connection((where.hostname, where.port), timeout=20) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\n")
        assert predict(endpoint, ROW)["predictions"] == [5.0]
        assert slow.recv(1024).startswith(b"HTTP/1.1 408")


@pytest.mark.haproxy
def test_the_runtime_socket_is_for_this_user_alone(workshop: Any) -> None:
    endpoint = workshop.deploy(1)
    path = Path(endpoint.handle["socket"])
    assert path.stat().st_mode & 0o077 == 0
    assert len(str(path)) < 104


@pytest.fixture
def without_haproxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "program", lambda: None)


def test_without_haproxy_an_endpoint_has_its_servers_own_address(workshop: Any, without_haproxy: None) -> None:
    endpoint = workshop.deploy(1)
    assert endpoint.handle["edge"] == "none"
    assert endpoint.address == workshop.deployment(1).address
    assert predict(endpoint, ROW)["predictions"] == [5.0]
    assert workshop.endpoint().status == "up"


def test_without_haproxy_a_swap_is_refused_with_the_cure_and_the_live_version_stays(
    workshop: Any, without_haproxy: None
) -> None:
    endpoint = workshop.deploy(1)
    with pytest.raises(DeployError, match="cannot be changed without downtime") as caught:
        workshop.deploy(2)
    assert caught.value.hint == "apt-get install haproxy && nbops stop tiny, then deploy it again"
    assert predict(endpoint, ROW)["predictions"] == [5.0]
    assert workshop.statuses() == ["1 ready"]


def test_without_haproxy_stop_and_deploy_keeps_the_address(workshop: Any, without_haproxy: None) -> None:
    first = workshop.deploy(1)
    workshop.stop()
    assert workshop.deploy(2).address == first.address


@pytest.mark.docker_files
@pytest.mark.haproxy
@pytest.mark.parametrize("engine", ["docker"])
def test_a_process_is_not_put_behind_a_containers_edge(workshop: Any) -> None:
    workshop.deploy(1)
    workshop.engine = "process"
    with pytest.raises(ConflictError, match="which cannot reach a process deployment") as caught:
        workshop.deploy(2)
    assert caught.value.hint == "nbops stop tiny, then deploy with --engine process"


@pytest.mark.docker
@pytest.mark.haproxy
def test_a_container_takes_over_from_a_process_behind_the_same_address(workshop: Any) -> None:
    first = workshop.deploy(1)
    workshop.engine = "docker"
    second = workshop.deploy(2)
    assert (second.address, second.engine) == (first.address, "docker")
    assert predict(second, ROW)["predictions"] == [10.0]
    assert predict(workshop.rollback(), ROW)["predictions"] == [5.0]


def test_a_long_project_path_has_its_socket_in_a_short_private_place(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    short = haproxy.socket_folder(folder)
    assert len(str(short)) < 80
    haproxy.make_private(short)
    assert short.stat().st_mode & 0o777 == 0o700
    assert short.parent.stat().st_mode & 0o777 == 0o700
    short.rmdir()

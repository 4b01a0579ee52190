"""One connection: requests that are answered at once, those that are not, and the two in any order."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import numpy as np
import pytest
from uvicorn.server import ServerState

from nbops_serving import server
from nbops_serving.app import App
from nbops_serving.bundle import open_bundle
from nbops_serving.connection import MOST_HEAD_BYTES, MOST_KNOWN, MOST_KNOWN_BYTES, Connection

Address = tuple[str, int]

HEAD = b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"


def question(customers, place: int = 0, *, more: bytes = b"") -> bytes:
    body = json.dumps({"rows": [customers.rows(place + 1)[-1]]}).encode()
    return HEAD + more + b"x-request-id: r%d\r\ncontent-length: %d\r\n\r\n" % (place, len(body)) + body


def ids(found: bytes) -> list[str]:
    return [word.decode() for word in re.findall(rb"x-request-id: (\w+)", found)]


@pytest.fixture
def client(linear_server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", linear_server.ready["port"]), timeout=20) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connected


def received(client: socket.socket, answers: int) -> bytes:
    """Return what comes, up to a number of answers or the end of the connection."""
    found = b""
    while len(re.findall(rb'"classes":\[[^]]*\]', found)) < answers and (more := client.recv(65536)):
        found += more
    return found


def test_requests_that_follow_each_other_without_waiting_are_answered_in_their_order(client, customers):
    client.sendall(b"".join(question(customers, place) for place in range(40)))
    assert ids(received(client, 40)) == [f"r{place}" for place in range(40)]


def test_other_requests_between_them_keep_the_order(client, customers):
    slow = b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n"
    client.sendall(slow + question(customers, 0) + question(customers, 1) + slow + question(customers, 2))
    found = received(client, 3)
    assert re.findall(rb'"live"|x-request-id: \w+', found) == [
        b'"live"', b"x-request-id: r0", b"x-request-id: r1", b'"live"', b"x-request-id: r2",
    ]  # fmt: skip


def test_a_request_may_come_in_two_pieces_cut_anywhere(client, customers):
    whole = question(customers)
    for cut in range(1, len(whole), 17):
        client.sendall(whole[:cut])
        time.sleep(0.005)
        client.sendall(whole[cut:])
        assert ids(received(client, 1)) == ["r0"]


def test_a_long_conversation_is_not_taken_for_long_headers(linear_server, customers):
    with httpx.Client(base_url=linear_server.address) as talking:
        for _ in range(2 * MOST_HEAD_BYTES // 200 // 2):
            assert talking.post("/predict", json={"rows": customers.rows(1)}).status_code == 200


@pytest.mark.parametrize("said", [b"connection: close\r\n", b"CONNECTION: Close\r\n"])
def test_a_client_that_wants_no_other_answer_gets_none(client, customers, said):
    client.sendall(question(customers, more=said))
    found = received(client, 2)
    assert b"connection: close" in found
    assert found.count(b"HTTP/1.1 200") == 1


def test_a_refusal_is_answered_at_once_as_any_other(client, customers):
    client.sendall(HEAD + b"content-length: 2\r\n\r\n{}" + question(customers, 1))
    found = received(client, 1)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"422", b"200"]


def test_bytes_that_are_no_request_end_the_connection_behind_a_good_one(client, customers):
    client.sendall(question(customers) + HEAD + b"content-length: x\r\n\r\n")
    found = received(client, 2)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"200", b"400"]


@pytest.fixture
async def listening(linear) -> AsyncIterator[tuple[App, ServerState, Address]]:
    """An application that listens in this very process."""
    opened = open_bundle(linear.path)
    options = server.Options(bundle=str(linear.path))
    app = App()
    app.take(server.load(options, opened, server.counters(opened, 1)))
    config, state = server.configured(app, options), ServerState()
    config.load()
    listener = await asyncio.get_running_loop().create_server(lambda: Connection(config, state, {}), "127.0.0.1", 0)
    yield app, state, listener.sockets[0].getsockname()
    listener.close()
    await listener.wait_closed()


async def test_connections_that_nobody_uses_are_told_apart_from_headers_that_do_not_end(listening, customers):
    _, state, address = listening
    reader, writer = await asyncio.open_connection(*address)
    while not state.connections:  # noqa: ASYNC110 - nothing tells of a connection
        await asyncio.sleep(0)
    [connection] = state.connections
    waits = [connection.has_waited(100.0), connection.has_waited(105.0)]
    writer.write(question(customers))
    await reader.readuntil(b'"classes"')
    waits += [connection.has_waited(106.0), connection.has_waited(116.0)]
    writer.write(b"GET")
    while connection.has_waited(117.0)[1] is False:  # noqa: ASYNC110 - nor of its bytes
        await asyncio.sleep(0)
    waits.append(connection.has_waited(119.0))
    writer.close()
    assert waits == [(0.0, True), (5.0, True), (0.0, False), (10.0, False), (2.0, True)]


@pytest.fixture
def quiet(customers):
    """A question whose head is the same each time."""

    def ask(place: int, *, more: bytes = b"") -> bytes:
        body = json.dumps({"rows": [customers.rows(place + 1)[-1]]}).encode().ljust(120)
        return HEAD + more + b"content-length: %d\r\n\r\n" % len(body) + body

    return ask


def said(client: socket.socket, sent: bytes) -> tuple[int, dict]:
    """Send one request and return the status and the document of its answer."""
    client.sendall(sent)
    head, found = b"", b""
    while b"\r\n\r\n" not in head:
        head += client.recv(65536)
    head, _, found = head.partition(b"\r\n\r\n")
    while len(found) < int(re.findall(rb"content-length: (\d+)", head)[0]):
        found += client.recv(65536)
    return int(head[9:12]), json.loads(found)


def test_heads_that_come_again_are_answered_each_with_its_own_body(client, quiet, linear, customers):
    expected = linear.model.predict_proba(customers.frame.head(30))
    found = [said(client, quiet(place)) for place in range(30)]
    np.testing.assert_allclose([document["probabilities"][0] for _, document in found], expected, rtol=1e-14)
    assert len({document["request_id"] for _, document in found}) == 30


def test_a_head_that_came_before_may_come_in_pieces_in_company_or_with_a_broken_body(client, quiet):
    whole = quiet(0)
    right = said(client, whole)[1]["probabilities"]
    for cut in (3, len(whole) - 121, len(whole) - 120, len(whole) - 1):
        client.sendall(whole[:cut])
        time.sleep(0.005)
        assert said(client, whole[cut:])[1]["probabilities"] == right
    client.sendall(whole * 3)
    assert received(client, 3).count(b"200 OK") == 3
    assert said(client, whole[:-120] + b"x" * 120)[0] == 400
    assert said(client, whole)[1]["probabilities"] == right


def test_a_message_whose_end_only_looks_like_one_is_not_taken_for_a_known_one(client, quiet):
    for _ in range(2):
        client.sendall(b"\r\n" + quiet(0))  # an empty line before a request is allowed
        assert received(client, 1).count(b"200 OK") == 1
    chunked = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    body = quiet(0).rpartition(b"\r\n\r\n")[2]
    for _ in range(2):
        client.sendall(chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        assert received(client, 1).count(b"200 OK") == 1


def test_what_is_no_request_is_told_so_as_everything_else(client, linear_server):
    status, problem = said(client, b"\x16\x03\x01\x02\x00 hello\r\n\r\n")
    assert (status, problem["code"], len(problem["request_id"])) == (400, "http_invalid", 20)
    assert client.recv(1) == b""
    assert 'nbops_requests_total{route="other",status="400"}' in linear_server.get("/metrics").text


def test_headers_that_are_too_long_are_told_so(client):
    status, problem = said(client, HEAD + b"a: %b\r\n" % (b"b" * 2 * MOST_HEAD_BYTES))
    assert (status, problem["code"]) == (431, "head_too_large")


@pytest.mark.parametrize("wish", [b"Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n", b"UPGRADE: websocket\r\n"])
def test_a_client_that_would_rather_speak_something_else_is_answered_in_http(client, quiet, wish):
    for _ in range(2):
        assert said(client, quiet(0, more=b"Connection: Upgrade, HTTP2-Settings\r\n" + wish))[0] == 200


async def test_no_more_heads_are_kept_in_mind_than_there_is_room_for_and_none_that_was_refused(listening, quiet):
    app, _, address = listening
    reader, writer = await asyncio.open_connection(*address)

    async def ask(sent: bytes) -> bytes:
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(re.findall(rb"content-length: (\d+)", head)[0]))
        return head

    for place in range(MOST_KNOWN + 5):
        await ask(quiet(0, more=b"a: %d\r\n" % place))
    kept = len(app.known)
    await ask(quiet(0, more=b"x-request-id: mine\r\n"))
    await ask(quiet(0, more=b"a: %b\r\n" % (b"long" * MOST_KNOWN_BYTES)))
    await ask(quiet(0, more=b"b: refused\r\n")[:-120] + b"x" * 120)
    assert (kept, len(app.known)) == (5, 5)
    app.is_draining = True
    assert b"connection: close" in await ask(quiet(0, more=b"a: 516\r\n"))
    writer.close()

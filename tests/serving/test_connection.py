"""One connection: requests that are answered at once, those that are not, and the two in any order."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from uvicorn.server import ServerState

from nbops_serving import server
from nbops_serving.app import App
from nbops_serving.bundle import open_bundle
from nbops_serving.connection import MOST_HEAD_BYTES, Connection

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


async def test_connections_that_nobody_uses_are_told_apart_from_headers_that_do_not_end(linear, customers):
    opened = open_bundle(linear.path)
    options = server.Options(bundle=str(linear.path))
    app = App()
    app.take(server.load(options, opened, server.counters(opened, 1)))
    config, state = server.configured(app, options), ServerState()
    config.load()
    listening = await asyncio.get_running_loop().create_server(lambda: Connection(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
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
    listening.close()
    await listening.wait_closed()
    assert waits == [(0.0, True), (5.0, True), (0.0, False), (10.0, False), (2.0, True)]

"""Receivers on the loopback address: a web server and a mail server that keep what they get."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from loopback import Answer, LoopbackServer

from nbops.notify import Notice


class Inbox(LoopbackServer):
    """A web server that keeps every request and answers as it is told, 200 when it is told nothing."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], Any]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        super().__init__("/hook/T0KEN")

    def answer(self, headers: dict[str, str], body: bytes) -> Answer:
        self.requests.append((headers, json.loads(body)))
        return (*(self.answers.pop(0) if self.answers else (200, {})), b"as you like")


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    yield made
    made.close()


class _OnAnyPort(Controller):
    """Its own first call goes to the port that the system has given."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Mailbox:
    """What a mail server keeps: envelopes, and who logged in."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.refuses: list[str] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.refuses:
            return self.refuses.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return "250 OK"

    def text(self) -> str:
        return self.envelopes[-1].content.decode()


@pytest.fixture
def serve_mail() -> Iterator[Callable[..., tuple[Mailbox, int]]]:
    """Start a mail server with aiosmtpd's own options; returns its mailbox and port."""
    running: list[Controller] = []

    def serve(**options: Any) -> tuple[Mailbox, int]:
        box = Mailbox()
        controller = _OnAnyPort(box, hostname="127.0.0.1", port=0, **options)
        controller.start()
        running.append(controller)
        return box, controller.port

    yield serve
    for controller in running:
        controller.stop()


@pytest.fixture
def notice() -> Notice:
    return Notice(
        id="0198",
        status="failed",
        title="train has failed",
        text="cell 3: ValueError: no <rows> & nothing",
        facts={"accuracy": "0.91", "took": "3 s"},
        project="/work/churn",
        link="https://hub.example.org/lab?nbops-run=77",
        command="nbops show 77",
        run_id="77",
        at=1_700_000_000.0,
    )

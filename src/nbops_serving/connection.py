"""One client's connection: uvicorn's protocol, with limits for headers and a short way for quick answers.

uvicorn makes a task, a scope and a timer for each request, which costs as much as all that a light model does. A
request that has arrived whole, and whose model needs no company, is answered as soon as its last byte is parsed. All
others go uvicorn's own way, and a request that turns out to be one of them is handed over with what has come of it.

A client says the same in the head of each request, up to the length of what follows. A head that came before, byte for
byte, is not parsed again: the parser is between two messages and hears nothing of a request that is answered so.
"""

from __future__ import annotations

import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from nbops_serving.app import App, Door, Known
from nbops_serving.headers import Asked, Headers, asked_by
from nbops_serving.problems import Refusal

MOST_HEAD_BYTES = 65_536
MOST_KNOWN, MOST_KNOWN_BYTES = 512, 1024
"""How many heads are kept in mind, and how long one may be."""
_END = b"\r\n\r\n"
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, with an end to headers that are too long or too slow."""

    def __init__(self, config: Any, *given: Any, **named: Any) -> None:
        super().__init__(config, *given, **named)
        self._served: App = config.app
        self._door: Door | None = None
        """Where the request that arrives just now is answered at once."""
        self._body = b""
        self._arrived = b""
        """What came last, where it began a message."""
        self._is_between = True
        """Whether the parser waits for the first byte of a message."""
        self._is_in_head = True
        self._head_bytes = 0
        self._waits_since = 0.0

    def data_received(self, data: bytes) -> None:
        if self._is_between:
            end = data.find(_END) + len(_END)
            known = self._served.known.get(data[:end])
            if known is not None and len(data) - end == known.length and self._is_free():
                self._unset_keepalive_if_required()
                self._is_in_head, self._head_bytes, self._waits_since = False, 0, 0.0
                self._answer(known.door, known.headers, data[end:], known.asked)
                return
            if _UPGRADE.search(data, 0, end):
                # Nothing is spoken here but HTTP/1.1, and a server may overlook the wish for more. The parser would
                # take it for the end of HTTP and lose the body; Java's client wishes so with its first request.
                data = _UPGRADE.sub(b"", data[:end]) + data[end:]
            self._arrived = data
        self._waits_since = self._waits_since if self._is_in_head else 0.0
        super().data_received(data)
        if self._door is not None:
            self._hand_over()  # the rest of the body is still on its way
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(Refusal(431, "head_too_large", f"the headers are longer than {MOST_HEAD_BYTES} bytes"))

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP, which uvicorn does in a text of its own."""
        self._refuse(Refusal(400, "http_invalid", "what came is no request of HTTP/1.1"))

    def _refuse(self, refusal: Refusal) -> None:
        self._write(*self._served.refuse(refusal))
        self.transport.close()

    def on_message_begin(self) -> None:
        # What uvicorn prepares here is made when it is needed, by ``_hand_over``.
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._is_in_head, self._is_between, self._body = True, False, b""

    def on_headers_complete(self) -> None:
        self._is_in_head, self._head_bytes, self._waits_since = False, 0, 0.0
        self._door = self._served.door_at_once(self.url)
        if self._door is not None and not self._is_plain():
            self._door = None
        if self._door is None:
            self._prepare()
            super().on_headers_complete()

    def _is_free(self) -> bool:
        return (
            (self.cycle is None or self.cycle.response_complete)  # else it waits for the answer before it
            and not self.flow.write_paused  # the client reads slowly: uvicorn waits for it
            and not self._served.is_draining
        )

    def _is_plain(self) -> bool:
        parser = self.parser
        return (
            self._is_free()
            and not self.expect_100_continue
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
        )

    def _prepare(self) -> None:
        """Let uvicorn begin the request that has begun already."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)

    def _hand_over(self) -> None:
        self._door = None
        if self.transport.is_closing():
            return
        self._prepare()
        super().on_headers_complete()
        if self._body:
            super().on_body(self._body)

    def on_body(self, body: bytes) -> None:
        if self._door is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        self._is_between = True
        door, self._door = self._door, None
        if door is None:
            super().on_message_complete()
            return
        if self._answer(door, self.headers, self._body):
            self._remember(door)

    def _answer(self, door: Door, given: Headers, body: bytes, asked: Asked | None = None) -> bool:
        """Write the answer; return whether it was one, and no refusal."""
        status, headers, payload = self._served.answer_at_once(door, given, body, asked)
        self._write(status, headers, payload)
        self.server_state.total_requests += 1
        if (b"connection", b"close") in headers:
            self.transport.close()
        return status == 200

    def _write(self, status: int, headers: Headers, payload: bytes) -> None:
        lines = [STATUS_LINE[status]]
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        lines += (b"\r\n", payload)
        self.transport.write(b"".join(lines))

    def _remember(self, door: Door) -> None:
        """Keep the head in mind, if what arrived was nothing but it and the body."""
        arrived, known = self._arrived, self._served.known
        head = arrived[: len(arrived) - len(self._body)]
        is_whole = arrived.endswith(self._body) and 0 < head.find(_END) == len(head) - len(_END)
        if not is_whole or len(head) > MOST_KNOWN_BYTES:
            return
        asked = asked_by(self.headers)
        if not asked.request_id:  # such a head does not come again
            if len(known) >= MOST_KNOWN:
                known.clear()
            known[head] = Known(door, self.headers, asked, len(self._body))

    def has_waited(self, now: float) -> tuple[float, bool]:
        """Tell for how long nothing came that was due; asked about once a second.

        Args:
            now: the time by any clock that does not go back.

        Returns:
            Seconds, and whether it is the rest of some headers that is due, not just another request.
        """
        is_answering = not self._is_in_head and self.cycle is not None and not self.cycle.response_complete
        if is_answering or self.timeout_keep_alive_task is not None:
            self._waits_since = 0.0
            return 0.0, False
        self._waits_since = self._waits_since or now
        return now - self._waits_since, self._is_in_head

"""One client's connection: uvicorn's protocol, with limits for headers and a short way for quick answers.

uvicorn makes a task, a scope and a timer for each request, which costs as much as all that a light model does. A
request that has arrived whole, and whose model needs no company, is answered as soon as its last byte is parsed. All
others go uvicorn's own way, and a request that turns out to be one of them is handed over with what has come of it.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from nbops_serving.app import App, Door

MOST_HEAD_BYTES = 65_536
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, with an end to headers that are too long or too slow."""

    def __init__(self, config: Any, *given: Any, **named: Any) -> None:
        super().__init__(config, *given, **named)
        self._served: App = config.app
        self._door: Door | None = None
        """Where the request that arrives just now is answered at once."""
        self._body = b""
        self._is_in_head = True
        self._head_bytes = 0
        self._waits_since = 0.0

    def data_received(self, data: bytes) -> None:
        self._waits_since = self._waits_since if self._is_in_head else 0.0
        super().data_received(data)
        if self._door is not None:
            self._hand_over()  # the rest of the body is still on its way
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self.transport.write(_HEAD_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        # What uvicorn prepares here is made when it is needed, by ``_hand_over``.
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._is_in_head, self._body = True, b""

    def on_headers_complete(self) -> None:
        self._is_in_head, self._head_bytes, self._waits_since = False, 0, 0.0
        self._door = self._served.door_at_once(self.url)
        if self._door is not None and not self._is_plain():
            self._door = None
        if self._door is None:
            self._prepare()
            super().on_headers_complete()

    def _is_plain(self) -> bool:
        parser = self.parser
        return (
            (self.cycle is None or self.cycle.response_complete)  # else it waits for the answer before it
            and not self.expect_100_continue
            and not self.flow.write_paused  # the client reads slowly: uvicorn waits for it
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
        door, self._door = self._door, None
        if door is None:
            super().on_message_complete()
            return
        status, headers, payload = self._served.answer_at_once(door, self.headers, self._body)
        lines = [STATUS_LINE[status]]
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        lines += (b"\r\n", payload)
        self.transport.write(b"".join(lines))
        self.server_state.total_requests += 1
        if (b"connection", b"close") in headers:
            self.transport.close()

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

"""A web server on the loopback address that a test gives its answers to."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers, body."""


class LoopbackServer(ABC):
    """Serves from its making until it is closed."""

    def __init__(self, path: str) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, answer = server.answer(dict(self.headers), body)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_HEAD = _answer  # noqa: N815 - as the standard library calls them

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}{path}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @abstractmethod
    def answer(self, headers: dict[str, str], body: bytes) -> Answer:
        """Say what a request gets."""

    def close(self) -> None:
        """Stop serving; the address is free afterwards."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

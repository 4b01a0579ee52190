"""The ASGI application: one model, a handful of routes, written by hand because a request costs microseconds here."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from nbops_serving import log, openapi, page, protocols
from nbops_serving.answers import Answer
from nbops_serving.batching import Batcher, answer_or_refuse
from nbops_serving.bundle import OpenBundle
from nbops_serving.encoding import unpack
from nbops_serving.headers import Asked, Headers, asked_by, given_id
from nbops_serving.keys import Keys
from nbops_serving.manifest import FORMAT, Policy
from nbops_serving.metrics import Metrics
from nbops_serving.problems import Refusal
from nbops_serving.protocols import Read
from nbops_serving.rows import MOST_LISTED, Note, Reader, Row
from nbops_serving.rungs import Rung

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", b"application/problem+json")
_OCTETS = (b"content-type", b"application/octet-stream")
_CLOSE = (b"connection", b"close")
_PUBLIC = ("health", "page")
"""What is answered without a key, even where keys are asked for: whether it lives, and the page to try it."""
_CHECK = (b"x-nbops-check", b"1")
"""Marks a question of whoever deploys: answered as any other, neither counted nor logged. The edge takes it off."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one request, and all together, may ask for."""

    body_bytes: int = 8 * 2**20
    rows: int = 10_000
    body_seconds: float = 30.0
    """How long a client may take to send its body."""
    in_flight: int = 1_000
    """Requests being answered at once; more are refused until there is room."""
    waiting_rows: int = 20_000


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of ``POST /predict``."""

    predictions: list[Any]
    model: str
    request_id: str
    probabilities: list[list[float]] | None = None
    classes: list[str | int | float | bool] | None = None
    notes: list[Note] = []


class Serving:
    """A model that is ready: everything that is made once, when the bundle was loaded."""

    def __init__(
        self,
        bundle: OpenBundle,
        rung: Rung,
        metrics: Metrics,
        *,
        policy: Policy | None = None,
        limits: Limits | None = None,
        writer: log.Writer | None = None,
        in_thread: bool = False,
    ) -> None:
        manifest, limits = bundle.manifest, limits or Limits()
        self.manifest, self.rung, self.metrics, self.writer = manifest, rung, metrics, writer
        outputs = protocols.OUTPUTS if manifest.has_probabilities else protocols.OUTPUTS[:1]
        self.reader = Reader(manifest.signature, policy or manifest.policy, most_rows=limits.rows, outputs=outputs)
        self.label = f"{manifest.model}@{manifest.version}"
        self.classes = manifest.signature.classes if manifest.has_probabilities else None
        self.batcher = Batcher(rung, most_waiting=limits.waiting_rows, in_thread=in_thread, counted=self._count_batch)
        document = openapi.describe(manifest, policy or manifest.policy)
        self.openapi = msgspec.json.encode(document)
        self.page, self.page_policy = page.render(document)
        self.about = msgspec.json.encode(manifest)

    def reply(self, answer: Answer, request_id: str, notes: list[Note]) -> Reply:
        """Put an answer into the form that clients get."""
        listed = notes[:MOST_LISTED]
        return Reply(answer.predictions, self.label, request_id, answer.probabilities, self.classes, listed)

    def _count_batch(self, rows: int) -> None:
        self.metrics.add("batches")
        self.metrics.add("batched_rows", rows)

    async def answer(self, rows: Sequence[Row]) -> Answer:
        """Answer rows that were checked."""
        if self.rung.is_light:
            return answer_or_refuse(self.rung, rows)
        return await self.batcher.submit(rows)


class Door(msgspec.Struct, frozen=True):
    """A form in which predictions are asked for and answered."""

    route: str
    read: Callable[[Reader, Asked, bytes], Read]
    write: Callable[[Serving, Answer, str, Read], tuple[bytes, Headers]]
    """Gives the body and its headers, in a list of its own."""
    has_error: bool = False
    """Whether its clients look for a refusal's reason under ``error``."""


def _write_reply(serving: Serving, answer: Answer, request_id: str, read: Read) -> tuple[bytes, Headers]:
    return msgspec.json.encode(serving.reply(answer, request_id, read.notes)), [_JSON]


def _write_inference(serving: Serving, answer: Answer, request_id: str, read: Read) -> tuple[bytes, Headers]:
    body, json_bytes = protocols.write_inference(serving.manifest, answer, request_id, read)
    if json_bytes == len(body):
        return body, [_JSON]
    return body, [_OCTETS, (b"inference-header-content-length", b"%d" % json_bytes)]


PREDICT = Door("predict", protocols.read_batch, _write_reply)
INVOCATIONS = Door("invocations", protocols.read_invocation, _write_reply)
INFER = Door("v2", protocols.read_inference, _write_inference, has_error=True)


class Known(msgspec.Struct, frozen=True):
    """The head of a request that was answered at once: whatever begins with the same bytes is meant alike."""

    door: Door
    headers: Headers
    asked: Asked
    length: int
    """Bytes of the body that follows."""


class App:
    """Routes requests; answers only what is safe to answer before the model is there.

    Args:
        limits: how much a request may ask for.
        keys: who may ask; everybody who can reach the server when None.
    """

    def __init__(self, *, limits: Limits | None = None, keys: Keys | None = None) -> None:
        self.limits = limits or Limits()
        self.keys = keys
        self.serving: Serving | None = None
        self.is_draining = False
        self.last_request_at = 0.0
        """When the last prediction was asked, by the monotonic clock."""
        self.in_flight = 0
        self.known: dict[bytes, Known] = {}
        """Heads that connections have seen, by their bytes."""
        self._encode = msgspec.json.Encoder().encode
        self._reading: dict[asyncio.Task[Any], float] = {}
        self._expired: set[asyncio.Task[Any]] = set()
        self._prefix = os.urandom(6).hex()
        self._count = itertools.count(1)
        self._doors: dict[str, Door] = {"/predict": PREDICT, "/invocations": INVOCATIONS}
        self._doors_at_once: dict[bytes, Door] = {}
        self._routes: dict[str, tuple[str, Callable[[], tuple[int, Headers, bytes]]]] = {
            "/health/live": ("health", self._live),
            "/health/ready": ("health", self._ready),
            "/ping": ("health", self._ready),
            "/metrics": ("metrics", self._metrics),
            "/manifest": ("manifest", lambda: (200, [_JSON], self._model().about)),
            "/openapi.json": ("openapi", lambda: (200, [_JSON], self._model().openapi)),
            "/docs": ("page", self._page),
            "/": ("page", self._page),
            "/v2": ("v2", self._v2),
            "/v2/health/live": ("health", self._live),
            "/v2/health/ready": ("health", self._ready),
        }

    def take(self, serving: Serving) -> None:
        """Answer with this model from now on."""
        model = f"/v2/models/{serving.manifest.model}"
        about = msgspec.json.encode(protocols.inference_metadata(serving.manifest))
        for place in (model, f"{model}/versions/{serving.manifest.version}"):
            self._doors[f"{place}/infer"] = INFER
            self._routes[place] = ("v2", lambda: (200, [_JSON], about))
            self._routes[f"{place}/ready"] = ("health", self._ready)
        self._doors_at_once = {path.encode(): door for path, door in self._doors.items()}
        self.serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI asks."""
        if scope["type"] != "http":
            raise RuntimeError(f"this server speaks http, not {scope['type']}")
        door = self._doors.get(scope["path"])
        if door is not None and scope["method"] == "POST":
            await self._predict(door, scope, receive, send)
        else:
            await self._other(scope, send)

    async def _predict(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        at, started = time.time(), time.perf_counter()
        self.last_request_at = started
        request_id, code = "", ""
        read: Read | None = None
        answer: Answer | None = None
        self.in_flight += 1
        try:
            serving = self._model()
            asked = asked_by(scope["headers"])
            request_id = asked.request_id or self._new_id()
            self._admit(asked, scope["headers"])
            body = await self._body(receive)
            if body is None:
                return  # the client has gone
            read = door.read(serving.reader, asked, self._unpacked(asked, body))
            answer = await serving.answer(read.rows)
            payload, headers = door.write(serving, answer, request_id, read)
            status = 200
        except Exception as error:  # noqa: BLE001 - around a request in the server: it is answered and logged
            request_id = request_id or self._id_of(scope["headers"])
            status, headers, payload, code = self._refused(door, error, request_id)
        finally:
            self.in_flight -= 1
        seconds = time.perf_counter() - started
        headers.append((b"x-request-id", request_id.encode()))
        await self._send(send, status, headers, payload)
        if self.serving is not None and _CHECK not in scope["headers"]:
            self._note(self.serving, door.route, request_id, at, seconds, status, read, answer, code)

    def door_at_once(self, path: bytes) -> Door | None:
        """Return where a question is answered without waiting for anybody; None where it cannot be, just now.

        Args:
            path: as it was asked, with its query.
        """
        serving = self.serving
        if serving is None or not serving.rung.is_light or self.is_draining:
            return None
        return self._doors_at_once.get(path)

    def answer_at_once(
        self, door: Door, given: Headers, body: bytes, asked: Asked | None = None
    ) -> tuple[int, Headers, bytes]:
        """Answer a question that has arrived whole, as ``__call__`` does.

        Args:
            door: what ``door_at_once`` gave.
            given: the request's headers, their names in lower case.
            body: the whole body.
            asked: what those headers say, where that is known already.

        Returns:
            Status, headers and body of the answer.
        """
        serving = self._model()
        at, started = time.time(), time.perf_counter()
        self.last_request_at = started
        request_id, code = "", ""
        read: Read | None = None
        answer: Answer | None = None
        try:
            asked = asked or asked_by(given)
            request_id = asked.request_id or self._new_id()
            self._admit(asked, given)
            read = door.read(serving.reader, asked, self._unpacked(asked, body))
            answer = answer_or_refuse(serving.rung, read.rows)
            payload, headers = door.write(serving, answer, request_id, read)
            status = 200
        except Exception as error:  # noqa: BLE001 - around a request in the server: it is answered and logged
            request_id = request_id or self._id_of(given)
            status, headers, payload, code = self._refused(door, error, request_id)
        seconds = time.perf_counter() - started
        headers.append((b"x-request-id", request_id.encode()))
        headers.append((b"content-length", b"%d" % len(payload)))
        if _CHECK not in given:
            self._note(serving, door.route, request_id, at, seconds, status, read, answer, code)
        return status, headers, payload

    def refuse(self, refusal: Refusal) -> tuple[int, Headers, bytes]:
        """Return the answer to what is no request at all, after which the connection is closed."""
        request_id = self._new_id()
        payload = refusal.document(request_id, has_error=False)
        if self.serving is not None:
            self.serving.metrics.answered("other", refusal.status, 0.0)
        length = (b"content-length", b"%d" % len(payload))
        return refusal.status, [_PROBLEM, _CLOSE, (b"x-request-id", request_id.encode()), length], payload

    def _unpacked(self, asked: Asked, body: bytes) -> bytes:
        return unpack(body, self.limits.body_bytes) if asked.encoding else body

    def _refused(self, door: Door, error: Exception, request_id: str) -> tuple[int, Headers, bytes, str]:
        """Return status, headers and body for what went wrong, and its code for the log."""
        if not isinstance(error, Refusal):
            report("request_failed", request_id=request_id, error=repr(error))
            error = Refusal(500, "failed", "the model failed to answer")
        document = error.document(request_id, has_error=door.has_error)
        return error.status, [_PROBLEM, *error.headers], document, error.code

    def _note(
        self,
        serving: Serving,
        route: str,
        request_id: str,
        at: float,
        seconds: float,
        status: int,
        read: Read | None,
        answer: Answer | None,
        code: str,
    ) -> None:
        """Count and log a request after its answer is on the way."""
        metrics = serving.metrics
        metrics.answered(route, status, seconds)
        for note in read.notes if read is not None else ():
            metrics.add("extra" if note.code == "extra" else (note.code, note.field))
        if answer is not None and read is not None:
            metrics.add("rows", len(read.rows))
        if serving.writer is None:
            return
        if answer is None or read is None:
            record = log.Record(request_id, at, seconds * 1e3, status, None, None, None, code)
        else:
            record = log.Record(
                request_id, at, seconds * 1e3, status, read.rows, answer.predictions, answer.probabilities
            )
        serving.writer.add(record)

    def _model(self) -> Serving:
        if self.serving is None:
            raise Refusal(503, "loading", "the model is not loaded yet", headers=[(b"retry-after", b"1")])
        return self.serving

    def _admit(self, asked: Asked, headers: Headers) -> None:
        """Refuse whoever has no key, whatever is too large, and everything while there is too much to do."""
        if self.keys is not None:
            self.keys.check(headers)
        if asked.length > self.limits.body_bytes:
            raise _too_large(self.limits.body_bytes)
        if self.in_flight > self.limits.in_flight:
            retry = [(b"retry-after", b"1")]
            raise Refusal(503, "too_busy", "too many requests are being answered", headers=retry)

    async def _body(self, receive: Receive) -> bytes | None:
        """Return the whole body; None when the client has gone.

        A timer per request would cost more than its answer: the reading task is noted, and ``expire`` ends it.
        """
        task = asyncio.current_task()
        assert task is not None
        self._reading[task] = time.perf_counter() + self.limits.body_seconds
        try:
            message = await receive()
            body: bytes = message.get("body", b"")
            if message.get("more_body"):
                body = await self._rest(receive, body)
        except asyncio.CancelledError:
            if task not in self._expired:
                raise
            self._expired.discard(task)
            task.uncancel()
            raise Refusal(408, "body_too_slow", "the body did not arrive in time", headers=[_CLOSE]) from None
        finally:
            del self._reading[task]
        if message["type"] == "http.disconnect":
            return None
        if len(body) > self.limits.body_bytes:
            raise _too_large(self.limits.body_bytes)
        return body

    async def _rest(self, receive: Receive, start: bytes) -> bytes:
        parts, size = [start], len(start)
        while size <= self.limits.body_bytes:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if not message.get("more_body"):
                break
        return b"".join(parts)

    def tell(self) -> None:
        """Put this worker's gauge where the others see it; to be called about once a second."""
        if self.serving is not None:
            self.serving.metrics.set("in_flight", self.in_flight)

    def expire(self, now: float) -> None:
        """End the reading of bodies that take too long; to be called about once a second.

        Args:
            now: the time by ``time.perf_counter``.
        """
        for task in [task for task, until in self._reading.items() if until < now]:
            self._expired.add(task)
            task.cancel()

    async def _other(self, scope: Scope, send: Send) -> None:
        method, path, route = scope["method"], scope["path"], "other"
        headers: Headers
        try:
            found = self._routes.get(path)
            if found is None and path not in self._doors:
                raise self._not_found(path)
            allowed = b"POST, OPTIONS" if found is None else b"GET, HEAD, OPTIONS"
            if method == "OPTIONS":
                status, headers, payload = 200, [(b"allow", allowed)], b""
            elif found is None or method not in ("GET", "HEAD"):
                raise Refusal(
                    405, "method", f"use {allowed.removesuffix(b', OPTIONS').decode()}", headers=[(b"allow", allowed)]
                )
            else:
                route, answer = found
                if self.keys is not None and route not in _PUBLIC:
                    self.keys.check(scope["headers"])
                status, headers, payload = answer()
        except Refusal as refusal:
            request_id = self._id_of(scope["headers"])
            status, payload = refusal.status, refusal.document(request_id, has_error=path.startswith("/v2"))
            headers = [_PROBLEM, (b"x-request-id", request_id.encode()), *refusal.headers]
        await self._send(send, status, headers, payload, is_head=method == "HEAD")
        if self.serving is not None:
            self.serving.metrics.answered(route, status, 0.0)

    def _not_found(self, path: str) -> Refusal:
        if path.startswith("/v2/models/") and self.serving is not None:
            return Refusal(404, "not_found", f"this server answers for {self.serving.label} alone")
        return Refusal(404, "not_found", "there is nothing at this path; see /openapi.json")

    def _id_of(self, headers: Headers) -> str:
        return given_id(headers) or self._new_id()

    async def _send(self, send: Send, status: int, headers: Headers, payload: bytes, *, is_head: bool = False) -> None:
        headers.append((b"content-length", b"%d" % len(payload)))
        if self.is_draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_head else payload})

    def _live(self) -> tuple[int, Headers, bytes]:
        return 200, [_JSON], b'{"status":"live"}'

    def _ready(self) -> tuple[int, Headers, bytes]:
        if self.is_draining:
            raise Refusal(503, "draining", "this server is on its way out", headers=[(b"retry-after", b"1")])
        return 200, [_JSON], self._encode({"status": "ready", "model": self._model().label})

    def _metrics(self) -> tuple[int, Headers, bytes]:
        serving = self._model()
        self.tell()
        kind = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
        return 200, [kind], serving.metrics.render().encode()

    def _v2(self) -> tuple[int, Headers, bytes]:
        about = {"name": "nbops", "version": str(FORMAT), "extensions": ["binary_tensor_data"]}
        return 200, [_JSON], self._encode(about)

    def _page(self) -> tuple[int, Headers, bytes]:
        serving = self._model()
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", serving.page_policy),
            (b"x-content-type-options", b"nosniff"),
        ]
        return 200, headers, serving.page

    def _new_id(self) -> str:
        return f"{self._prefix}{next(self._count):08x}"


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "body_too_large", f"the body is larger than {limit} bytes", headers=[_CLOSE])


def report(event: str, **fields: Any) -> None:
    """Write one line of the server's own log, as JSON, to standard error."""
    line = {"at": round(time.time(), 3), "event": event, **fields}
    print(json.dumps(line, default=str), file=sys.stderr, flush=True)  # noqa: T201 - standard error is the log

"""Asking a server over HTTP: is it ready, and what does it answer."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from nbops.deploy.haproxy import CHECK_HEADER
from nbops.errors import DeployError, NbopsError, UsageError
from nbops.optional import loaded

KEY_VARIABLE = "NBOPS_API_KEY"
"""The environment variable with the API key that endpoints are asked with."""

_READY = b"GET /health/ready HTTP/1.1\r\nHost: health\r\nConnection: close\r\n\r\n"


class Server(msgspec.Struct, frozen=True):
    """Whom to ask, and what is shown and expected there."""

    address: str
    """``http://HOST:PORT`` or ``https://HOST:PORT``."""
    key: str | None = None
    """An API key, where one is asked for."""
    certificate: str | None = None
    """File with the one certificate it may have; None asks this system's authorities about any."""


def is_ready(server: str | Server) -> bool:
    """Tell whether a server is up and has its model in."""
    server = _server(server)
    parts = urlsplit(server.address)
    try:
        # By hand: this is asked again and again while a server starts, on the processor that it starts on.
        with contextlib.ExitStack() as stack:
            asked = stack.enter_context(socket.create_connection((parts.hostname, parts.port or 443), timeout=2.0))
            if parts.scheme == "https":
                context = _context(server)
                asked = stack.enter_context(context.wrap_socket(asked, server_hostname=parts.hostname))
            asked.sendall(_READY)
            return asked.recv(64).split(b" ", 2)[1:2] == [b"200"]
    except OSError:
        return False


def is_admitted(server: Server) -> bool:
    """Tell whether a server takes the key that it is shown; it looks for new ones once a second."""
    status, _ = _exchange(server, "GET", "/manifest", None, timeout_s=10.0)
    return status != 401


def predict(server: str | Server, rows: object, *, timeout_s: float = 60.0, is_check: bool = False) -> dict[str, Any]:
    """Send rows to a server and return its whole answer.

    Args:
        server: whom to ask; by its address alone where it wants no key.
        rows: a list of dicts, one dict, a DataFrame, JSON text, or the path of a JSON file; None asks the server for
            its own example rows and sends those.
        timeout_s: how long to wait for the answer, in seconds.
        is_check: whether this is nbops' own check, which the prediction log leaves out.

    Returns:
        ``{"predictions": […], "model": …, "request_id": …}``.

    Raises:
        UsageError: the server refuses the rows; the message says which and why.
        DeployError: nobody answers, or the server failed.
    """
    server = _server(server)
    rows = as_rows(example(server) if rows is None else rows)
    body = msgspec.json.encode({"rows": rows}, enc_hook=_plain)
    headers = {CHECK_HEADER: "1"} if is_check else {}
    return _asked(server, "POST", "/predict", body, timeout_s=timeout_s, headers=headers)


def latencies_ms(server: str | Server, rows: Sequence[dict[str, Any]], *, count: int) -> list[float]:
    """Time single-row requests, one after another over one connection, rows in turn.

    Args:
        server: whom to ask.
        rows: what to ask, one at a time.
        count: how many requests.

    Returns:
        Milliseconds of each, in order.

    Raises:
        DeployError: the server failed.
    """
    bodies = [msgspec.json.encode({"rows": [row]}, enc_hook=_plain) for row in rows]
    server = _server(server)
    headers = {"Content-Type": "application/json", CHECK_HEADER: "1", **_shown(server)}
    connection = _connection(server, timeout_s=60)
    taken = []
    try:
        for number in range(count):
            began = time.perf_counter()
            connection.request("POST", "/predict", bodies[number % len(bodies)], headers)
            response = connection.getresponse()
            answer = response.read()
            taken.append((time.perf_counter() - began) * 1e3)
            if response.status != 200:
                raise _refusal(response.status, answer, server)
    except (OSError, http.client.HTTPException) as error:
        raise DeployError(
            f"{server.address} stopped answering while it was timed: {error}", code="endpoint_down"
        ) from error
    finally:
        connection.close()
    return taken


def example(server: str | Server) -> list[dict[str, Any]]:
    """A few rows as clients send them, which a server has from its model's training data."""
    server = _server(server)
    rows: list[dict[str, Any]] = _asked(server, "GET", "/manifest", None, timeout_s=10.0, headers={}).get("example", [])
    if not rows:
        raise UsageError(f"the model on {server.address} has no example rows; send your own", hint='rows=[{"age": 42}]')
    return rows


def as_rows(rows: object) -> list[dict[str, Any]]:
    """Make a list of dicts of what people have in hand.

    Example:
        >>> as_rows({"age": 42})
        [{'age': 42}]
    """
    pandas = loaded("pandas")
    if pandas is not None and isinstance(rows, pandas.DataFrame):
        records: list[dict[str, Any]] = rows.to_dict("records")
        return records
    if pandas is not None and isinstance(rows, pandas.Series):
        return [rows.to_dict()]
    if isinstance(rows, str):
        return _read_rows(rows)
    if isinstance(rows, Mapping):
        # As the server itself takes them, so that what was sent once can be sent again.
        whole = rows.get("rows")
        return as_rows(whole) if rows.keys() == {"rows"} and isinstance(whole, list) else [dict(rows)]
    if isinstance(rows, Iterable) and not isinstance(rows, bytes):
        listed = list(rows)
        if all(isinstance(row, Mapping) for row in listed):
            return [dict(row) for row in listed]
    raise UsageError(
        f"rows are a list of dicts or a DataFrame, not {type(rows).__name__}",
        hint='predict([{"age": 42, "plan": "basic"}])',
    )


def _read_rows(text: str) -> list[dict[str, Any]]:
    """Rows from JSON text, or from a file that holds it."""
    what = "this text"
    if not text.lstrip().startswith(("{", "[")):
        what = text
        try:
            text = Path(text).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"rows cannot be read from {what!r}: {error}", hint="nbops predict NAME rows.json"
            ) from error
    try:
        return as_rows(msgspec.json.decode(text, type=list[dict[str, Any]] | dict[str, Any]))
    except msgspec.DecodeError as error:
        raise UsageError(f"{what} is not JSON rows: {error}", hint='[{"age": 42, "plan": "basic"}]') from error


def _server(given: str | Server) -> Server:
    return Server(given) if isinstance(given, str) else given


def _shown(server: Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.key}"} if server.key else {}


def _connection(server: Server, *, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(server.address)
    assert parts.hostname is not None
    if parts.scheme != "https":
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout_s, context=_context(server))


def _context(server: Server) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=server.certificate)
    if server.certificate is not None:
        # The very certificate is known, so the name in it, which is that of clients' requests, says nothing more.
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _exchange(
    server: Server,
    method: str,
    path: str,
    body: bytes | None,
    *,
    timeout_s: float,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    connection = _connection(server, timeout_s=timeout_s)
    try:
        sent = {"Content-Type": "application/json", **_shown(server), **(headers or {})}
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _asked(
    server: Server, method: str, path: str, body: bytes | None, *, timeout_s: float, headers: Mapping[str, str]
) -> dict[str, Any]:
    try:
        status, answer = _exchange(server, method, path, body, timeout_s=timeout_s, headers=headers)
    except TimeoutError as error:
        raise DeployError(f"{server.address} did not answer within {timeout_s:g} s", code="endpoint_slow") from error
    except ssl.SSLCertVerificationError as error:
        raise DeployError(
            f"{server.address} shows a certificate that is not trusted here: {error.verify_message}",
            code="certificate_untrusted",
            hint="nbops access NAME --tls-cert CERTIFICATE.pem --tls-key KEY.pem",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise DeployError(
            f"nothing answers on {server.address}: {error}", code="endpoint_down", hint="nbops endpoints"
        ) from error
    if status == 200:
        return _decoded(answer, server.address)
    raise _refusal(status, answer, server)


def _decoded(answer: bytes, address: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise DeployError(f"{address} answered something that is not nbops' JSON: {error}") from error


def _refusal(status: int, answer: bytes, server: Server) -> NbopsError:
    try:
        problem = msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.DecodeError:
        problem = {}
    said = str(problem.get("detail") or problem.get("title") or answer[:300].decode("utf-8", errors="replace"))
    errors = problem.get("errors")
    if isinstance(errors, list) and errors:
        more = [f"and {len(errors) - 5} more"] if len(errors) > 5 else []
        said = "; ".join([*(_error_line(error) for error in errors[:5]), *more])
    if status == 401:
        sent = "the one that was sent is none of them" if server.key else "none was sent"
        return UsageError(
            f"{server.address} answers those who have an API key, and {sent}",
            code="key_missing",
            hint=f"export {KEY_VARIABLE}=…  # or, with the key in another variable: nbops predict NAME --key VARIABLE",
        )
    if status in {400, 413, 415, 422}:
        return UsageError(
            f"the server refuses these rows ({status}): {said}",
            code="rows_refused",
            hint=f"{server.address}/manifest names its columns",
        )
    return DeployError(f"{server.address} answered {status}: {said}", code="endpoint_failed")


def _error_line(error: object) -> str:
    """One violation as people write it: ``row 0, field 'age': a text is no number (expected number)``."""
    if not isinstance(error, Mapping):
        return str(error)
    row, field, expected = (error.get(key) for key in ("row", "field", "expected"))
    place = [f"row {row}"] if row is not None else []
    place += [f"field {field!r}"] if field is not None else []
    said = ": ".join([part for part in (", ".join(place), str(error.get("message", ""))) if part])
    return f"{said} (expected {expected})" if expected else said


def _plain(value: object) -> object:
    """Turn what comes from numpy and pandas into what JSON has."""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    pandas = loaded("pandas")
    if pandas is not None and (value is pandas.NA or value is pandas.NaT):
        return None
    for method in ("item", "tolist"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    raise UsageError(f"a row holds a {type(value).__name__}, which JSON has no word for", hint="send numbers and text")

"""Asking a server over HTTP: is it ready, and what does it answer."""

from __future__ import annotations

import datetime
import http.client
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from nbops.deploy.haproxy import CHECK_HEADER
from nbops.errors import DeployError, NbopsError, UsageError
from nbops.optional import loaded


def is_ready(address: str) -> bool:
    """Tell whether a server is up and has its model in."""
    try:
        status, _ = _exchange(address, "GET", "/health/ready", None, timeout_s=2.0)
    except OSError:
        return False
    return status == 200


def predict(address: str, rows: object, *, timeout_s: float = 60.0, is_check: bool = False) -> dict[str, Any]:
    """Send rows to a server and return its whole answer.

    Args:
        address: ``http://127.0.0.1:PORT``.
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
    rows = as_rows(example(address) if rows is None else rows)
    body = msgspec.json.encode({"rows": rows}, enc_hook=_plain)
    headers = {CHECK_HEADER: "1"} if is_check else {}
    return _asked(address, "POST", "/predict", body, timeout_s=timeout_s, headers=headers)


def latencies_ms(address: str, rows: Sequence[dict[str, Any]], *, count: int) -> list[float]:
    """Time single-row requests, one after another over one connection, rows in turn.

    Args:
        address: ``http://127.0.0.1:PORT``.
        rows: what to ask, one at a time.
        count: how many requests.

    Returns:
        Milliseconds of each, in order.

    Raises:
        DeployError: the server failed.
    """
    bodies = [msgspec.json.encode({"rows": [row]}, enc_hook=_plain) for row in rows]
    headers = {"Content-Type": "application/json", CHECK_HEADER: "1"}
    parts = urlsplit(address)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    taken = []
    try:
        for number in range(count):
            began = time.perf_counter()
            connection.request("POST", "/predict", bodies[number % len(bodies)], headers)
            response = connection.getresponse()
            answer = response.read()
            taken.append((time.perf_counter() - began) * 1e3)
            if response.status != 200:
                raise _refusal(response.status, answer, address)
    except (OSError, http.client.HTTPException) as error:
        raise DeployError(f"{address} stopped answering while it was timed: {error}", code="endpoint_down") from error
    finally:
        connection.close()
    return taken


def example(address: str) -> list[dict[str, Any]]:
    """A few rows as clients send them, which a server has from its model's training data."""
    rows: list[dict[str, Any]] = _asked(address, "GET", "/manifest", None, timeout_s=10.0, headers={}).get(
        "example", []
    )
    if not rows:
        raise UsageError(f"the model on {address} has no example rows; send your own", hint='rows=[{"age": 42}]')
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


def _exchange(
    address: str,
    method: str,
    path: str,
    body: bytes | None,
    *,
    timeout_s: float,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    parts = urlsplit(address)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _asked(
    address: str, method: str, path: str, body: bytes | None, *, timeout_s: float, headers: Mapping[str, str]
) -> dict[str, Any]:
    try:
        status, answer = _exchange(address, method, path, body, timeout_s=timeout_s, headers=headers)
    except TimeoutError as error:
        raise DeployError(f"{address} did not answer within {timeout_s:g} s", code="endpoint_slow") from error
    except (OSError, http.client.HTTPException) as error:
        raise DeployError(
            f"nothing answers on {address}: {error}", code="endpoint_down", hint="nbops endpoints"
        ) from error
    if status == 200:
        return _decoded(answer, address)
    raise _refusal(status, answer, address)


def _decoded(answer: bytes, address: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise DeployError(f"{address} answered something that is not nbops' JSON: {error}") from error


def _refusal(status: int, answer: bytes, address: str) -> NbopsError:
    try:
        problem = msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.DecodeError:
        problem = {}
    said = str(problem.get("detail") or problem.get("title") or answer[:300].decode("utf-8", errors="replace"))
    errors = problem.get("errors")
    if isinstance(errors, list) and errors:
        more = [f"and {len(errors) - 5} more"] if len(errors) > 5 else []
        said = "; ".join([*(_error_line(error) for error in errors[:5]), *more])
    if status in {400, 413, 415, 422}:
        return UsageError(
            f"the server refuses these rows ({status}): {said}",
            code="rows_refused",
            hint=f"{address}/manifest names its columns",
        )
    return DeployError(f"{address} answered {status}: {said}", code="endpoint_failed")


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

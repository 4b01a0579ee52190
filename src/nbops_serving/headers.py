"""What a request's headers say: how its body is to be read, and by what name its sender knows it."""

from __future__ import annotations

import msgspec

from nbops_serving.encoding import encoding_of
from nbops_serving.problems import Refusal

Headers = list[tuple[bytes, bytes]]
"""Names, in lower case, and values."""

JSON = "application/json"
_SAFE_ID = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers say of a request."""

    media: str
    """Media type of the body, in lower case, without parameters."""
    request_id: str = ""
    """The id that the client gave; empty where it gave none, or one that could break a log."""
    length: int = 0
    """Bytes of the body, as announced."""
    json_bytes: int | None = None
    """Length of the JSON before binary tensors, in the Open Inference Protocol's binary extension."""
    encoding: str = ""
    """How the body is compressed: ``gzip``, ``deflate``, or not at all."""


def asked_by(headers: Headers) -> Asked:
    """Read the headers of a request for predictions.

    Args:
        headers: as they came; the parser has checked that lengths are numbers.

    Returns:
        What they say.

    Raises:
        Refusal: 415, the body is in a charset or an encoding that is not read.

    Example:
        >>> asked_by([(b"content-type", b"text/csv; charset=utf-8"), (b"content-length", b"7")])
        Asked(media='text/csv', request_id='', length=7, json_bytes=None, encoding='')
    """
    request_id, length, media, json_bytes, encoding = "", 0, "", None, ""
    for name, value in headers:
        if name == b"content-type":
            media = JSON if value == b"application/json" else _media_of(value)
        elif name == b"content-length":
            length = int(value)
        elif name == b"x-request-id":
            request_id = _safe_id(value)
        elif name == b"content-encoding":
            encoding = encoding_of(value)
        elif name == b"inference-header-content-length" and value.isdigit():
            json_bytes = int(value[:12])
    return Asked(media=media, request_id=request_id, length=length, json_bytes=json_bytes, encoding=encoding)


def given_id(headers: Headers) -> str:
    """Return the id that a client gave its request; empty where it gave none, or one that could break a log.

    Example:
        >>> given_id([(b"x-request-id", b"a-1")]), given_id([(b"x-request-id", b"a b")])
        ('a-1', '')
    """
    return next((_safe_id(value) for name, value in headers if name == b"x-request-id"), "")


def _media_of(value: bytes) -> str:
    media, _, parameters = value.lower().partition(b";")
    charset = parameters.replace(b" ", b"").replace(b'"', b"").partition(b"charset=")[2].partition(b";")[0]
    if charset not in (b"", b"utf-8", b"utf8", b"us-ascii"):
        raise Refusal(415, "charset", "send the rows as UTF-8")
    return media.strip().decode("latin-1")


def _safe_id(value: bytes) -> str:
    text = value.decode("latin-1")
    return text if 0 < len(text) <= 128 and _SAFE_ID.issuperset(text) else ""

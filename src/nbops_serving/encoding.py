"""Bodies that were compressed on their way: read up to a limit, whatever they would become."""

from __future__ import annotations

import zlib

from nbops_serving.problems import Refusal

READABLE = ("gzip", "deflate")
_EITHER = 32 + zlib.MAX_WBITS
"""Let zlib see by itself whether it is gzip's frame or its own, which HTTP calls deflate."""


def encoding_of(value: bytes) -> str:
    """Read a Content-Encoding header.

    Args:
        value: the header's value.

    Returns:
        ``gzip``, ``deflate``, or nothing where the body comes as it is.

    Raises:
        Refusal: 415, this encoding is not read.

    Example:
        >>> encoding_of(b"GZIP"), encoding_of(b"identity")
        ('gzip', '')
    """
    said = value.decode("latin-1").strip().lower().removeprefix("x-")
    if said in ("", "identity"):
        return ""
    if said not in READABLE:
        readable = ", ".join(READABLE)
        headers = [(b"accept-encoding", readable.encode())]
        raise Refusal(415, "encoding", f"bodies may be compressed as {readable}, or come as they are", headers=headers)
    return said


def unpack(body: bytes, limit: int) -> bytes:
    """Return what a compressed body stands for.

    Args:
        body: gzip (one member or several) or zlib.
        limit: bytes; no more than this is ever made.

    Returns:
        The bytes.

    Raises:
        Refusal: 400 for bytes that are not compressed so, or end early; 413 for more than the limit.

    Example:
        >>> unpack(zlib.compress(b"rows"), 10)
        b'rows'
    """
    parts, size = [], 0
    while body:
        member = zlib.decompressobj(_EITHER)
        try:
            parts.append(member.decompress(body, limit - size + 1))
        except zlib.error as error:
            raise Refusal(400, "encoding_invalid", "the body is not compressed as its header says") from error
        size += len(parts[-1])
        if size > limit:
            raise Refusal(413, "body_too_large", f"the body is larger than {limit} bytes when it is unpacked")
        if not member.eof:
            raise Refusal(400, "encoding_invalid", "the compressed body ends early")
        body = member.unused_data
    return b"".join(parts)

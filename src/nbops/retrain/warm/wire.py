"""What provisioner and zygote say to each other over a Unix socket: one request with file descriptors, then events.

A message is its length in four bytes and then JSON. The connection is the kernel's life line: when the client's end
closes, the zygote ends the kernel; when the zygote's end closes, the kernel has ended with it.
"""

from __future__ import annotations

import array
import socket
import struct

import msgspec

_LENGTH = struct.Struct("!I")
_MOST_BYTES = 16_000_000


class Birth(msgspec.Struct, frozen=True, tag="birth"):
    """Client: fork a kernel. Three descriptors travel with it: stdin, stdout, stderr."""

    arguments: list[str]
    """What follows ``-m ipykernel_launcher``."""
    env: dict[str, str]
    cwd: str
    umask: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Client: end when no kernel of yours lives."""


class Born(msgspec.Struct, frozen=True, tag="born"):
    """Zygote: the kernel's process id."""

    pid: int


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """Zygote: the kernel has ended; a signal's number as a negative code, as subprocess has it."""

    code: int


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Zygote: no kernel, and why."""

    reason: str


Request = Birth | Stop
Answer = Born | Exited | Refused


def send(connection: socket.socket, message: Request | Answer, descriptors: tuple[int, ...] = ()) -> None:
    """Send one message, with file descriptors beside its first bytes."""
    body = msgspec.json.encode(message)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    data = _LENGTH.pack(len(body)) + body
    sent = connection.sendmsg([data], rights)
    connection.sendall(data[sent:])


def receive_request(connection: socket.socket) -> tuple[Request | None, list[int]]:
    """Wait for a request; None when the other side has closed. The descriptors are the caller's to close."""
    descriptors = array.array("i")
    data, rights, _, _ = connection.recvmsg(_LENGTH.size, socket.CMSG_SPACE(3 * descriptors.itemsize))
    for level, kind, content in rights:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    body = _rest(connection, data)
    return (msgspec.json.decode(body, type=Request) if body is not None else None), list(descriptors)


def receive_answer(connection: socket.socket) -> Answer | None:
    """Wait for an answer; None when the zygote is gone."""
    body = _rest(connection, connection.recv(_LENGTH.size))
    return msgspec.json.decode(body, type=Answer) if body is not None else None


def _rest(connection: socket.socket, head: bytes) -> bytes | None:
    head = head if len(head) in {0, _LENGTH.size} else head + (_exactly(connection, _LENGTH.size - len(head)) or b"")
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    return _exactly(connection, length) if length <= _MOST_BYTES else None


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            return None
        data += part
    return bytes(data)

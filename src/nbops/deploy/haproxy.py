"""HAProxy before an endpoint: its configuration, and the moves of traffic through its runtime socket.

Slots for servers are declared ahead and filled at run time, so that nothing is ever reloaded: a reload closes idle
connections just as requests arrive on them. The configuration on disk is kept equal to what was told at run time, so an
edge that is started again comes up with the same traffic.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from nbops.errors import DeployError

SLOTS = 16
"""How many servers an endpoint may have at once, running or kept for a rollback."""

BACKEND = "servers"
SOCKET = "admin.sock"
_SOCKET_PATH_BYTES = 80
"""A socket's path is bounded by the system at 104 to 108 bytes, and HAProxy adds some of its own while it binds."""

_EMPTY = ("127.0.0.1", 1)

_TEMPLATE = """\
# Written by nbops for the endpoint {endpoint}: changes made here are lost with the next deploy.
global
    log stdout format raw local0 notice
    maxconn 1000
    hard-stop-after 30s
    stats socket unix@{socket} mode 600 level admin
    stats timeout 10s

defaults
    mode http
    log global
    option dontlognull
    option splice-auto
    timeout connect 2s
    timeout client 65s
    timeout server 120s
    timeout queue 10s
    # A client that sends its request byte by byte holds a connection for no longer than this.
    timeout http-request 10s
    timeout http-keep-alive 60s
    # A server that went away before it answered has not answered anybody: asking another is safe, since predicting
    # changes nothing but a log.
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response

frontend endpoint
    bind {bind}
    # Only nbops itself, which asks servers directly, may mark a request as its own check.
    http-request del-header {check_header}
    default_backend {backend}

backend {backend}
    balance roundrobin
    http-reuse safe
    option httpchk
    http-check send meth GET uri /health/ready ver HTTP/1.1 hdr Host edge
    http-check expect status 200
    http-error status 503 content-type application/problem+json lf-string '{unavailable}'
    default-server check inter 1s fastinter 200ms fall 3 rise 1 pool-purge-delay 2s
{servers}
"""

CHECK_HEADER = "X-Nbops-Check"
"""Marks a request of nbops itself, which is answered but not written to the prediction log."""


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One place for a server, as HAProxy itself tells it."""

    name: str
    host: str
    port: int
    weight: int
    is_ready: bool
    """Whether traffic is wanted on it: neither in maintenance nor draining."""
    is_up: bool
    """Whether it answers HAProxy's own health check."""

    @property
    def upstream(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"


def configuration(
    *, endpoint: str, bind: str, socket_path: str, split: Mapping[str, int], certificate: str = ""
) -> str:
    """Write HAProxy's configuration.

    Args:
        endpoint: name of the endpoint, for people who read the file.
        bind: where clients come in, ``host:port``.
        socket_path: where the runtime socket is made, as HAProxy sees it.
        split: upstream ``host:port`` → share of traffic; 0 keeps one without traffic.
        certificate: file with certificate and private key, as HAProxy sees it; empty for plain HTTP.

    Example:
        >>> text = configuration(endpoint="e", bind="127.0.0.1:1", socket_path="s", split={"127.0.0.1:9": 100})
        >>> text.splitlines()[-SLOTS].strip()
        'server s1 127.0.0.1:9 weight 100'
    """
    filled = [
        f"    server s{n} {upstream} weight {share or 1}{'' if share else ' disabled'}"
        for n, (upstream, share) in enumerate(split.items(), start=1)
    ]
    empty = [f"    server s{n} {_EMPTY[0]}:{_EMPTY[1]} disabled" for n in range(len(filled) + 1, SLOTS + 1)]
    unavailable = (
        r'{"type":"about:blank","title":"No server of this endpoint answers","status":503,'
        rf'"detail":"endpoint {endpoint} has no ready deployment"}}'
    )
    return _TEMPLATE.format(
        endpoint=endpoint,
        socket=socket_path,
        bind=f"{bind} ssl crt {certificate} ssl-min-ver TLSv1.2" if certificate else bind,
        backend=BACKEND,
        check_header=CHECK_HEADER,
        unavailable=unavailable,
        servers="\n".join([*filled, *empty]),
    )


def socket_folder(edge_folder: Path) -> Path:
    """Where the runtime socket of an edge is: beside its configuration, or in a short place where that is too long."""
    if len(os.fsencode(edge_folder / SOCKET)) <= _SOCKET_PATH_BYTES:
        return edge_folder
    name = sha256(os.fsencode(edge_folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"nbops-{os.getuid()}" / name


def make_private(folder: Path) -> None:
    """Make a folder for this user alone; DeployError when somebody else made it first."""
    for each in (folder.parent, folder):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise DeployError(f"{folder} belongs to user {found.st_uid}, not to you", hint=f"ls -ld {folder}")
    folder.chmod(0o700)


class Runtime:
    """HAProxy's runtime socket."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path

    def ask(self, *commands: str) -> str:
        """Send commands and return what HAProxy says.

        Raises:
            DeployError: nobody answers on the socket.
        """
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(5.0)
                connection.connect(str(self._path))
                connection.sendall(("; ".join(commands) + "\n").encode("ascii"))
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError as error:
            raise DeployError(f"HAProxy does not answer on {self._path}: {error}", code="edge_gone") from error
        return answer.decode("utf-8", errors="replace").strip()

    def tell(self, *commands: str) -> None:
        """Send commands that answer nothing when they succeed."""
        for command in commands:
            answer = self.ask(command)
            # `set server … addr` says what it did; everything else is a complaint.
            if answer and "changed from" not in answer and "no need to change" not in answer:
                raise DeployError(f"HAProxy refused {command!r}: {answer}")

    def exchange_certificate(self, path: str, text: str) -> None:
        """Answer new connections with another certificate; those that stand go on.

        Args:
            path: the file it came up with, as HAProxy sees it.
            text: certificate and private key in PEM, without empty lines.

        Raises:
            DeployError: HAProxy is gone, or refuses the certificate.
        """
        said = self.ask(f"set ssl cert {path} <<\n{text}")
        if "Transaction" in said:
            said = self.ask(f"commit ssl cert {path}")
        if "Success" not in said:
            raise DeployError(f"HAProxy refused the certificate: {said}", code="certificate_unusable")

    def answers(self) -> bool:
        """Tell whether HAProxy is there."""
        try:
            return "Uptime" in self.ask("show info")
        except DeployError:
            return False

    def slots(self) -> list[Slot]:
        """All places for servers, filled or not."""
        lines = self.ask(f"show servers state {BACKEND}").splitlines()
        names = next(line for line in lines if line.startswith("#")).lstrip("# ").split()
        rows = [
            dict(zip(names, line.split(), strict=False)) for line in lines if line and line[0].isdigit() and " " in line
        ]
        return [_slot(row) for row in rows]

    def sessions(self, slot: str) -> int:
        """How many requests a server is answering or has waiting."""
        lines = self.ask("show stat").splitlines()
        names = lines[0].lstrip("# ").split(",")
        for line in lines[1:]:
            row = dict(zip(names, line.split(","), strict=False))
            if row.get("pxname") == BACKEND and row.get("svname") == slot:
                return int(row["scur"] or 0) + int(row["qcur"] or 0)
        return 0

    def shift(self, split: Mapping[str, int]) -> None:
        """Move traffic: those with a share get it first, then those without one lose it.

        Args:
            split: upstream ``host:port`` → share; everything not named is taken out.

        Raises:
            DeployError: HAProxy is gone, or has no free slot.
        """
        slots = self.slots()
        placed = {slot.upstream: slot for slot in slots if slot.upstream in split}
        unused = [slot for slot in slots if slot.upstream not in split and not slot.is_ready]
        # Empty ones first: a server that still answers its last requests keeps its slot as long as can be.
        free = iter(sorted(unused, key=lambda slot: (slot.host, slot.port) != _EMPTY))
        for upstream, share in split.items():
            slot = placed.get(upstream) or self._fill(upstream, free)
            if share:
                self.tell(f"set server {BACKEND}/{slot.name} weight {share}")
                self.tell(f"set server {BACKEND}/{slot.name} state ready")
                # Whoever calls has just asked it; HAProxy's own checks may not have noticed yet.
                self.tell(f"set server {BACKEND}/{slot.name} health up")
        for slot in slots:
            if slot.is_ready and not split.get(slot.upstream):
                self.tell(f"set server {BACKEND}/{slot.name} state drain")

    def _fill(self, upstream: str, free: Iterator[Slot]) -> Slot:
        slot = next(free, None)
        if slot is None:
            raise DeployError(f"all {SLOTS} slots of the edge are taken", hint="nbops endpoints")
        host, _, port = upstream.rpartition(":")
        self.tell(
            f"set server {BACKEND}/{slot.name} state maint",
            f"set server {BACKEND}/{slot.name} addr {host} port {port}",
        )
        return slot

    def drain(self, upstream: str, *, timeout_s: float) -> bool:
        """Wait until a server without traffic has answered what it took; tell whether it has."""
        names = [slot.name for slot in self.slots() if slot.upstream == upstream and not slot.is_ready]
        deadline = time.monotonic() + timeout_s
        while any(self.sessions(name) for name in names):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def finish(self, *, timeout_s: float) -> None:
        """Take no new connections, and wait until all requests that were taken are answered."""
        self.tell("disable frontend endpoint")
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and any(self.sessions(slot.name) for slot in self.slots()):
            time.sleep(0.02)

    def release(self, upstream: str) -> None:
        """Empty the slot of a server that is about to end."""
        for slot in self.slots():
            if slot.upstream == upstream:
                self.tell(
                    f"set server {BACKEND}/{slot.name} state maint",
                    f"set server {BACKEND}/{slot.name} addr {_EMPTY[0]} port {_EMPTY[1]}",
                )


# Bits of srv_admin_state that mean maintenance (forced or from the configuration) and draining.
_MAINTENANCE, _DRAINING = 0x01 | 0x02 | 0x04 | 0x20, 0x08 | 0x10


def _slot(row: Mapping[str, str]) -> Slot:
    admin = int(row["srv_admin_state"])
    # 0x04 alone says "was disabled in the configuration" and stays set after `state ready`.
    is_ready = not admin & ((_MAINTENANCE & ~0x04) | _DRAINING)
    return Slot(
        name=row["srv_name"],
        host=row["srv_addr"],
        port=int(row["srv_port"]),
        weight=int(row["srv_uweight"]),
        is_ready=is_ready,
        is_up=int(row["srv_op_state"]) == 2,
    )


def remove_socket(folder: Path) -> None:
    """Remove what a stopped edge leaves of its runtime socket."""
    for left in folder.glob(f"{SOCKET}*"):
        with contextlib.suppress(FileNotFoundError):
            left.unlink()

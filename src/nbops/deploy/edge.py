"""What carries HAProxy before an endpoint: a process of this user, or a container.

Both listen on 127.0.0.1, both are told by the same runtime socket; they differ in how they are started and in how they
reach the servers.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from nbops.deploy import detached, haproxy, ports
from nbops.deploy.access import CERTIFICATE, lay
from nbops.deploy.engine import Handle
from nbops.errors import DeployError, MissingError, NbopsError
from nbops.records import Deployment

OPEN_TIMEOUT_S = 10.0
FINISH_TIMEOUT_S = 5.0
"""How long an edge that is closed waits for the requests it has taken."""


class Edge(Protocol):
    """What holds an endpoint's stable address."""

    kind: str

    @property
    def certificate_path(self) -> str:
        """Where HAProxy finds its certificate."""
        ...

    def keep_certificate(self, text: str) -> None:
        """Write certificate and private key down for it alone; an empty text makes it speak plain HTTP."""
        ...

    def problem(self) -> NbopsError | None:
        """Say why it cannot be had here and what cures it, or None when it can."""
        ...

    def open(self, endpoint: str, *, port: int, split: Mapping[str, int]) -> Handle:
        """Begin to listen on ``127.0.0.1:port`` with this traffic: upstream → share."""
        ...

    def is_open(self, handle: Handle) -> bool:
        """Tell whether it listens."""
        ...

    def upstream(self, deployment: Deployment) -> str:
        """How this edge reaches a deployment's server, ``host:port``."""
        ...

    def remember(self, handle: Handle, endpoint: str, split: Mapping[str, int]) -> None:
        """Write the traffic down, so that the edge comes up with it when it is started again."""
        ...

    def close(self, handle: Handle) -> None:
        """Stop listening and leave nothing behind."""
        ...


def direct_upstream(deployment: Deployment) -> str:
    """Host and port of a deployment's own address."""
    assert deployment.address is not None
    return urlsplit(deployment.address).netloc


def runtime(handle: Handle) -> haproxy.Runtime:
    """The runtime socket of an edge, whatever carries it."""
    return haproxy.Runtime(Path(str(handle["socket"])))


def wait_open(handle: Handle, *, said: Callable[[], str]) -> None:
    """Wait until HAProxy answers on its runtime socket.

    Raises:
        DeployError: it does not; the message has the end of what it ``said``.
    """
    deadline = time.monotonic() + OPEN_TIMEOUT_S
    control = runtime(handle)
    while not control.answers():
        if time.monotonic() > deadline:
            raise DeployError(
                f"HAProxy does not start: {said().strip()[-500:] or 'it says nothing'}", code="edge_failed"
            )
        time.sleep(0.01)


class ProcessEdge:
    """HAProxy as a detached process of this user."""

    kind = "process"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def problem(self) -> NbopsError | None:
        """Say that HAProxy is not installed, and how it is."""
        if program() is None:
            return MissingError(
                "HAProxy, which keeps an endpoint's address while versions change behind it, is not installed",
                code="haproxy_missing",
                hint="apt-get install haproxy",
            )
        return None

    @property
    def certificate_path(self) -> str:
        """It reads where it was written."""
        return str(self._folder / CERTIFICATE)

    def keep_certificate(self, text: str) -> None:
        """It has this process's user."""
        lay(self._folder, CERTIFICATE, text, owner=None)

    def open(self, endpoint: str, *, port: int, split: Mapping[str, int]) -> Handle:
        """Start HAProxy."""
        path = program()
        assert path is not None, "asked without problem()"
        ports.claim(port, purpose=f"endpoint {endpoint}")
        self._folder.mkdir(parents=True, exist_ok=True)
        sockets = haproxy.socket_folder(self._folder)
        if sockets != self._folder:
            haproxy.make_private(sockets)
        handle: Handle = {"edge": self.kind, "port": port, "socket": str(sockets / haproxy.SOCKET)}
        self.remember(handle, endpoint, split)
        log = self._folder / "haproxy.log"
        command = [path, "-db", "-f", str(self._folder / "haproxy.cfg")]
        pid, started = detached.spawn(command, log=log)
        handle |= {"pid": pid, "started": started}
        try:
            wait_open(handle, said=lambda: log.read_text("utf-8", errors="replace"))
        except BaseException:
            self.close(handle)
            raise
        return handle

    def is_open(self, handle: Handle) -> bool:
        """Tell whether the process runs and answers."""
        return detached.is_alive(int(handle["pid"]), str(handle["started"])) and runtime(handle).answers()

    def upstream(self, deployment: Deployment) -> str:
        """Servers are reached on their own ports of 127.0.0.1."""
        return direct_upstream(deployment)

    def remember(self, handle: Handle, endpoint: str, split: Mapping[str, int]) -> None:
        """Write HAProxy's configuration."""
        write_configuration(
            self._folder,
            haproxy.configuration(
                endpoint=endpoint,
                bind=f"{ports.HOST}:{handle['port']}",
                certificate=certificate_of(self, self._folder),
                socket_path=str(handle["socket"]),
                split=split,
            ),
        )

    def close(self, handle: Handle) -> None:
        """Take no new connections, answer what is under way, then end the process."""
        if self.is_open(handle):
            runtime(handle).finish(timeout_s=FINISH_TIMEOUT_S)
        detached.terminate(int(handle["pid"]), str(handle["started"]), timeout_s=3.0)
        remove_sockets(handle, self._folder)


def program() -> str | None:
    """Where HAProxy is installed; Debian keeps it where only root's search path looks."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


def certificate_of(edge: Edge, folder: Path) -> str:
    """Where an edge finds its certificate, or nothing where it has none."""
    return edge.certificate_path if (folder / CERTIFICATE).is_file() else ""


def write_configuration(folder: Path, text: str) -> None:
    """Replace the configuration as a whole: a reader sees the old one or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "haproxy.cfg.new"
    fresh.write_text(text, "utf-8")
    fresh.chmod(0o644)
    fresh.replace(folder / "haproxy.cfg")


def remove_sockets(handle: Handle, folder: Path) -> None:
    """Remove the runtime socket, and its folder where it had to be put in a short place."""
    sockets = Path(str(handle["socket"])).parent
    haproxy.remove_socket(sockets)
    if sockets != folder and sockets.is_dir():
        sockets.rmdir()

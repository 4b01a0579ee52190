"""Free ports on 127.0.0.1: nothing that nbops starts listens anywhere else."""

from __future__ import annotations

import errno
import socket

from nbops.errors import ConflictError, DeployError

HOST = "127.0.0.1"


def free_port() -> int:
    """Return a port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def claim(port: int, *, purpose: str) -> int:
    """Return ``port`` if nobody listens on it.

    Args:
        port: 1 to 65535.
        purpose: what it is wanted for, for the message: ``"endpoint churn"``.

    Raises:
        ConflictError: another program listens there.
        DeployError: it is not a port, or not one this user may listen on.
    """
    with socket.socket() as probe:
        # As servers do: a port whose last connections still fade away counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OverflowError as error:
            raise DeployError(f"{port} is not a port; {purpose} needs one from 1024 to 65535") from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise DeployError(f"{purpose} cannot listen on {HOST}:{port}: {error.strerror}") from error
            raise ConflictError(
                f"{purpose} cannot have {HOST}:{port}: another program listens there",
                code="port_taken",
                hint=f"ss -ltnp 'sport = :{port}'  # shows which; stop it, or choose another port",
            ) from error
    return port

"""Names of endpoints, and the lock that lets one process at a time change an endpoint."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from nbops.errors import ConflictError, UsageError

_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,46}[a-z0-9])?")


def checked(name: str) -> str:
    """Return an endpoint's name if containers, folders and addresses can bear it.

    Raises:
        UsageError: it has other letters, or is too long; the hint is one that would do.

    Example:
        >>> checked("churn-eu")
        'churn-eu'
    """
    if _NAME.fullmatch(name):
        return name
    near = re.sub(r"[^a-z0-9_-]+", "-", name.lower())[:48].strip("-_") or "model"
    raise UsageError(
        f"{name!r} cannot be an endpoint's name: 1 to 48 of a-z, 0-9, '-' and '_', letter or digit first and last",
        hint=f"--name {near}",
    )


@contextlib.contextmanager
def changing(folder: Path, name: str) -> Iterator[None]:
    """Hold an endpoint while it is changed.

    Raises:
        ConflictError: another process is changing it just now.
    """
    # For this user alone: the prediction log has what clients sent.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("a+", encoding="ascii") as file:
        try:
            # The system lets go of it when this process ends, however it ends.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise ConflictError(
                f"endpoint {name} is being changed by process {file.read().strip() or '?'}",
                code="endpoint_busy",
                hint="wait until it is done, then: nbops endpoints",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield

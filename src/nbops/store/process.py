"""Which process wrote this, and is it still alive? What recovery after a crash rests on."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


def this_host() -> str:
    """The name of this machine, as it is recorded with runs and cells."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def this_process() -> str:
    """A word that no later process with the same pid has: boot, pid namespace and start time.

    Returns:
        ``boot/namespace/ticks`` on Linux, an empty string where the system does not tell.

    Example:
        >>> this_process() == this_process()
        True
    """
    return _token(os.getpid())


@cache
def _token(pid: int) -> str:
    started = started_ticks(pid)
    return f"{_boot()}/{_namespace()}/{started}" if started is not None else ""


def started_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since the machine's start; None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field is the command in parentheses and may hold anything, so count from its end.
    fields = stat[stat.rfind(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def is_alive(pid: int, process: str = "") -> bool | None:
    """Tell whether the process that wrote (pid, process) on this host still runs.

    Args:
        pid: its process id.
        process: what ``this_process()`` said there; empty when unknown.

    Returns:
        True or False, or None where that cannot be seen from here (another container's processes).

    Example:
        >>> is_alive(os.getpid(), this_process())
        True
    """
    if pid <= 0:
        return None
    boot, namespace, ticks = (*process.split("/"), "", "", "")[:3] if process else ("", "", "")
    if boot and boot != _boot():
        return False
    if namespace and namespace != _namespace():
        return None
    if _boot():  # Linux
        now = started_ticks(pid)
        return now is not None and (not ticks or now == int(ticks))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink()).removeprefix("pid:[").removesuffix("]")
    except OSError:
        return ""

"""Processes that outlive the notebook: started in a session of their own, known by id *and* start time.

A process id is given again after a while, so an id alone could make ``stop`` kill a stranger.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nbops.errors import DeployError

_PROC = Path("/proc")
"""Where Linux shows its processes; other systems are asked through ``ps``."""


def spawn(argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Start a program that survives this process; what it prints goes to a file.

    Args:
        argv: the program by absolute path, and its arguments.
        log: file that its output is appended to.
        env: its environment; this process's own when not given.

    Returns:
        Its process id and its start time in the system's own words, both needed to find it again.

    Raises:
        DeployError: the program cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    try:
        # Not subprocess.Popen: its object wants to be kept and waited for, and what we start is meant to be let go.
        pid = os.posix_spawn(argv[0], list(argv), dict(os.environ if env is None else env), file_actions=actions,
                             setsid=True, setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
                             setsigmask=[])  # fmt: skip
    except OSError as error:
        raise DeployError(f"{argv[0]} cannot be started: {error.strerror}", hint=f"ls -l {argv[0]}") from error
    return pid, start_time(pid) or ""


def start_time(pid: int) -> str | None:
    """When a process was started, in the system's own words; None when there is none (or only its remains)."""
    if (_PROC / "self").exists():
        try:
            stat = (_PROC / str(pid) / "stat").read_text("ascii", errors="replace")
        except OSError:
            return None
        # The second field is the program's name in brackets and may hold spaces and brackets itself.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    shown = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = shown.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


def is_alive(pid: int, started: str) -> bool:
    """Tell whether exactly this process still runs."""
    _reap(pid)
    return pid > 0 and start_time(pid) == started


def resident_bytes(session: int) -> int:
    """Memory of all processes of a session, which is known by its first process's id; 0 when there is none."""
    if (_PROC / "self").exists():
        return sum(pages for owner, pages in _resident_pages() if owner == session) * os.sysconf("SC_PAGE_SIZE")
    shown = subprocess.run(["ps", "-axo", "sess=,rss="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in shown.splitlines()]
    return sum(int(kilobytes) * 1024 for owner, kilobytes in rows if owner == str(session))


def _resident_pages() -> Iterator[tuple[int, int]]:
    """Session and resident pages of every process."""
    for path in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            fields = path.read_text("ascii", errors="replace").rpartition(")")[2].split()
            yield int(fields[3]), int(fields[21])


def terminate(pid: int, started: str, *, timeout_s: float) -> None:
    """Ask a process to end, and make it end after a while; nothing happens when it is gone already."""
    for signum, patience in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, 5.0)):
        if not is_alive(pid, started):
            return
        with contextlib.suppress(ProcessLookupError):
            # Its session is its process group: workers it has forked end with it.
            os.killpg(pid, signum)
        if _ended(pid, started, patience):
            _reap(pid)
            return
    raise DeployError(f"process {pid} does not end, not even by SIGKILL", hint=f"ps -o pid,stat,wchan,cmd -p {pid}")


def _ended(pid: int, started: str, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not is_alive(pid, started):
            return True
        time.sleep(0.01)
    return not is_alive(pid, started)


def _reap(pid: int) -> None:
    """Take away the remains of our own child; what another process started is not ours to wait for."""
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)

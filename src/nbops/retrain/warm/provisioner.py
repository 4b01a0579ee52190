"""The kernel provisioner ``nbops-warm``: jupyter_client asks it for a kernel, a zygote gives one.

Our own drivers use it on Linux by default; other clients choose the kernel spec ``nbops-warm``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from jupyter_client.provisioning.local_provisioner import LocalProvisioner  # noqa: TID253 - loaded when it is asked for
from traitlets import List, Unicode

from nbops.retrain.warm import key as keys
from nbops.retrain.warm import wire
from nbops.retrain.warm.zygote import Description

log = logging.getLogger(__name__)

_IDLE_S = 120.0
_MOST_ZYGOTES = 2
_IMPORT_LIMIT_S = 60.0
_BIRTH_LIMIT_S = 10.0
# A kernel that takes longer to end is looked after by jupyter_client, which loses its patience later.
_LEAVING_S = 1.0
_LOOK_EVERY_S = 0.005
# A zygote that could not start is not tried again for so long: each try costs its imports.
_FAILURE_KEPT_S = 300.0
_failed: dict[str, float] = {}

# python [flags] -m ipykernel_launcher …
_FLAG = re.compile(r"^-(?!m$|c$)\w[\w=.]*$")


class WarmProvisioner(LocalProvisioner):
    """Starts kernels as forks of a zygote, and ordinary ones where that cannot be."""

    preload = List(Unicode(), ["numpy", "pandas", "scipy", "sklearn"], help="Libraries imported before the fork.").tag(
        config=True
    )
    is_warm = False
    """Whether the kernel that runs is a fork."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel."""
        self.is_warm = False
        process = await asyncio.to_thread(born, cmd, list(self.preload), kwargs)
        if process is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.is_warm = True
        self.process = process  # type: ignore[assignment] # as much of a Popen as is asked of it
        # The kernel leads a session, and so a group, of its own, as those that are started cold do.
        self.pid = self.pgid = process.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Wait for the end that was just asked for; jupyter_client itself looks for it ten times a second only."""
        deadline = time.monotonic() + _LEAVING_S
        while await self.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 - it is seen by looking only
            await asyncio.sleep(_LOOK_EVERY_S)


class WarmProcess:
    """A fork, with as much of ``Popen`` as a provisioner uses; its zygote reaps it and tells how it ended."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self._connection = connection
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended, or None while it runs."""
        if self.returncode is None and select.select([self._connection], [], [], 0)[0]:
            self._hear()
        return self.returncode

    def wait(self) -> int:
        """Wait for its end."""
        if self.returncode is None:
            self._hear()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it now."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def _hear(self) -> None:
        try:
            answer = wire.receive_answer(self._connection)
        except OSError:
            answer = None
        # Without a zygote there is no kernel either: it ends with its parent.
        self.returncode = answer.code if isinstance(answer, wire.Exited) else -signal.SIGKILL
        self._connection.close()

    def __del__(self) -> None:
        self._connection.close()


def born(cmd: list[str], preload: list[str], options: dict[str, Any]) -> WarmProcess | None:
    """Have a zygote fork a kernel; None where that cannot be, and a cold one should be started.

    Args:
        cmd: the command line of a cold kernel.
        preload: libraries imported before the fork.
        options: what a cold kernel's ``Popen`` would get.
    """
    split = _split(cmd) if sys.platform == "linux" else None
    if split is None or options.get("stdin") is not None or options.get("preexec_fn") is not None:
        return None
    interpreter, arguments = split
    env = dict(options["env"])
    try:
        key = keys.key_of(interpreter, preload, env)
    except OSError as error:
        log.warning("no warm kernel (%s); this one starts cold", error)
        return None
    if time.monotonic() - _failed.get(key, -_FAILURE_KEPT_S) < _FAILURE_KEPT_S:
        return None
    birth = wire.Birth(arguments=arguments, env=env, cwd=str(options.get("cwd") or Path.cwd()), umask=_umask())
    streams = [_descriptor(options.get("stdout"), 1), _descriptor(options.get("stderr"), 2)]
    try:
        try:
            return _asked(_zygote(key, interpreter, preload, env), birth, streams)
        except ConnectionError:
            # It may have ended for idleness at that very moment; the next one will not.
            return _asked(_zygote(key, interpreter, preload, env), birth, streams)
    except (OSError, ValueError) as error:
        _failed[key] = time.monotonic()
        log.warning("no warm kernel (%s); this and the next ones start cold", error)
        return None


def stop_all(folder: Path | None = None) -> None:
    """Ask every zygote of this user to end as soon as none of its kernels lives."""
    for path in (folder or _folder()).glob("*.sock"):
        _stop(path)


def _split(cmd: list[str]) -> tuple[list[str], list[str]] | None:
    """Part ``python -X… -m ipykernel_launcher -f FILE …`` at its module; None for any other command."""
    if cmd.count("ipykernel_launcher") != 1:
        return None
    at = cmd.index("ipykernel_launcher")
    flags = cmd[1 : at - 1]
    if at < 2 or cmd[at - 1] != "-m" or not all(_FLAG.match(flag) for flag in flags):
        return None
    return [cmd[0], *flags], cmd[at + 1 :]


def _umask() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022


def _folder() -> Path:
    """The folder of sockets: ours alone, with a short path."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(runtime) / "nbops" if runtime else Path(tempfile.gettempdir()) / f"nbops-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} belongs to somebody else, or others may enter it")
    return folder


def _zygote(key: str, interpreter: list[str], preload: list[str], env: dict[str, str]) -> socket.socket:
    """Connect to the zygote of this key; the first who asks starts it, others wait for it."""
    import fcntl  # Windows has none, and asks for this module all the same

    folder = _folder()
    path = folder / f"{key}.sock"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = _connected(path)
        if connection is None:
            _make_room(folder, key)
            _start(path, Description(key=key, preload=preload, idle_s=_IDLE_S), interpreter, env)
            connection = _connected(path)
    if connection is None:
        raise ConnectionError(f"the zygote behind {path} does not answer")
    return connection


def _connected(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_BIRTH_LIMIT_S)
    try:
        connection.connect(os.fspath(path))
    except (ConnectionError, FileNotFoundError):
        connection.close()
        return None
    except OSError:
        connection.close()
        raise
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if user != os.getuid():
        connection.close()
        raise PermissionError(f"{path} is served by user {user}")
    return connection


def _start(path: Path, description: Description, interpreter: list[str], env: dict[str, str]) -> None:
    """Start a zygote and wait until it has imported everything.

    Raises:
        ChildProcessError: it ended, or says that it cannot be forked.
        TimeoutError: its imports take too long.
    """
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        listener.listen(64)
        command = [*interpreter, "-m", "nbops.retrain.warm.zygote", msgspec.json.encode(description).decode()]
        process = subprocess.Popen(
            command,
            stdin=listener.fileno(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in env.items() if name not in keys.PER_KERNEL},
            cwd="/",
            start_new_session=True,
        )
    # It has put itself into the background by now, to be nobody's child: it may outlive this process, or end before.
    process.wait()
    assert process.stdout is not None
    with process.stdout as ready:
        is_told, _, _ = select.select([ready], [], [], _IMPORT_LIMIT_S)
        said = os.read(ready.fileno(), 1000).decode() if is_told else "it still imports"
    if said != "ready":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        path.unlink(missing_ok=True)
        raise ChildProcessError(said or "the zygote ended while it imported")


def _make_room(folder: Path, key: str) -> None:
    """Ask the longest idle zygotes to end, so that there are never many of them."""
    others = sorted(folder.glob("*.sock"), key=lambda path: path.stat().st_mtime)
    for path in [path for path in others if path.stem != key][: max(0, len(others) - _MOST_ZYGOTES + 1)]:
        _stop(path)


def _stop(path: Path) -> None:
    with contextlib.suppress(OSError):
        connection = _connected(path)
        if connection is None:
            path.unlink(missing_ok=True)
            return
        with connection:
            wire.send(connection, wire.Stop())


def _descriptor(stream: Any, default: int) -> int:
    if stream is None:
        return default
    return stream if isinstance(stream, int) else int(stream.fileno())


def _asked(connection: socket.socket, birth: wire.Birth, streams: list[int]) -> WarmProcess:
    try:
        with Path(os.devnull).open("rb") as nothing:
            wire.send(connection, birth, (nothing.fileno(), *streams))
        answer = wire.receive_answer(connection)
        if not isinstance(answer, wire.Born):
            raise ConnectionError(answer.reason if isinstance(answer, wire.Refused) else "the zygote hung up")
        connection.settimeout(None)
    except BaseException:
        connection.close()
        raise
    return WarmProcess(answer.pid, connection)

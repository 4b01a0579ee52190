"""The process that has imported and waits: started by the provisioner, forks kernels, ends when it is idle.

Run as ``PYTHON FLAGS -m nbops.retrain.warm.zygote`` with its listening socket as descriptor 0 and a description as
JSON in the first argument. It has one thread and no event loop; everything that needs either begins after the fork.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import os
import runpy
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from nbops.retrain.warm import sharing, wire

# Threads that libraries run for themselves and that survive a fork well: jemalloc stops its own before a fork and
# starts it again on both sides.
_HARMLESS_THREADS = {"jemalloc_bg_thd"}
_PR_SET_PDEATHSIG = 1
# What a kernel imports while it starts, found by comparing a cold kernel's modules with the zygote's. Not among them:
# matplotlib_inline, which connects to the running IPython while it is imported.
_KERNEL_MODULES = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger", "debugpy.server.api",
    "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger", "IPython.core.oinspect",
    "IPython.extensions.storemagic", "tornado.platform.asyncio", "tornado.queues",
)  # fmt: skip

_set_by_imports: dict[str, str] = {}
"""Variables that libraries set while they are imported; every kernel gets them, as if it had imported them itself."""


class Description(msgspec.Struct, frozen=True):
    """What a zygote is to be."""

    key: str
    preload: list[str]
    idle_s: float
    """How long it waits without a kernel before it ends, in seconds."""


@dataclass
class _Child:
    pid: int
    connection: socket.socket


@dataclass
class _Life:
    """What a fork needs to become a kernel."""

    birth: wire.Birth
    descriptors: list[int]


class Zygote:
    """Waits for requests, forks, reaps."""

    def __init__(self, listener: socket.socket, description: Description) -> None:
        self._listener = listener
        self._description = description
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, _Child] = {}
        self._is_stopping = False
        self._idle_since = time.monotonic()
        self._wake_read, self._wake_write = socket.socketpair()

    def serve(self) -> _Life | None:
        """Work until idle for too long; returns None in the zygote itself, and in each fork what it shall become."""
        self._listener.setblocking(False)
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._woken)
        while not self._is_over():
            for key, _ in self._selector.select(timeout=1.0):
                life = key.data(key.fileobj)
                if life is not None:
                    return life  # type: ignore[no-any-return] # this is the child
        # First the name, so that nobody finds it any more, then the ears.
        Path(self._listener.getsockname()).unlink(missing_ok=True)
        self._listener.close()
        return None

    def _is_over(self) -> bool:
        if self._children:
            self._idle_since = time.monotonic()
            return False
        return self._is_stopping or time.monotonic() - self._idle_since > self._description.idle_s

    def _accept(self, _: object) -> _Life | None:
        try:
            connection, _address = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return None
        connection.settimeout(5.0)
        try:
            return self._asked(connection)
        except (OSError, msgspec.DecodeError):
            connection.close()
            return None

    def _asked(self, connection: socket.socket) -> _Life | None:
        request, descriptors = wire.receive_request(connection)
        if isinstance(request, wire.Birth) and len(descriptors) == 3:
            return self._fork(connection, request, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        if isinstance(request, wire.Stop):
            self._is_stopping = True
        connection.close()
        return None

    def _fork(self, connection: socket.socket, birth: wire.Birth, descriptors: list[int]) -> _Life | None:
        own = os.getpid()
        if threads := _threads():
            wire.send(connection, wire.Refused(reason=f"the zygote has started threads: {', '.join(threads)}"))
            connection.close()
            self._is_stopping = True
            return None
        pid = os.fork()
        if pid == 0:
            self._let_go(connection)
            _die_with(own)
            return _Life(birth, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self._children[pid] = _Child(pid, connection)
        try:
            wire.send(connection, wire.Born(pid))
        except OSError:
            _kill(pid)
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, self._left)
        return None

    def _let_go(self, connection: socket.socket) -> None:
        """In the child: nothing of the zygote's conversations may stay open, or ends would never be noticed."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for child in self._children.values():
            child.connection.close()
        self._children.clear()
        for end in (connection, self._listener, self._wake_read, self._wake_write):
            end.close()

    def _left(self, connection: socket.socket) -> None:
        """The client's end closed, or said something it has no business to say: its kernel ends."""
        for child in self._children.values():
            if child.connection is connection:
                _kill(child.pid)
        self._selector.unregister(connection)

    def _woken(self, _: object) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_read.recv(4096):
                pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is not None:
                self._ended(child, os.waitstatus_to_exitcode(status))

    def _ended(self, child: _Child, code: int) -> None:
        with contextlib.suppress(OSError):
            wire.send(child.connection, wire.Exited(code))
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(child.connection)
        child.connection.close()


def _kill(pid: int) -> None:
    """End a kernel with its group; its own process too, in case it has not made its group yet."""
    for end in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(pid, signal.SIGKILL)


def _die_with(parent: int) -> None:
    """Have the kernel end this process when the zygote does."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended between the fork and the line above
        os._exit(1)


def _threads() -> list[str]:
    """Names of this process's other threads, but for those that are known to be harmless."""
    own = str(os.getpid())
    names = []
    for task in Path("/proc/self/task").iterdir():
        if task.name != own:
            with contextlib.suppress(OSError):
                names.append((task / "comm").read_text().strip())
    return [name for name in names if name not in _HARMLESS_THREADS]


def prepare(description: Description) -> None:
    """Import what kernels will need, and leave the process fit to be forked.

    Raises:
        RuntimeError: a library has started threads, which no fork would have.
    """
    # A kernel chooses its plots' backend before anything is imported; matplotlib reads the choice while it is imported.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    # ipykernel reads it at import, and polls for it: the parent of every kernel is this process.
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    before = dict(os.environ)
    for name in (*_KERNEL_MODULES, *description.preload):
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001, S112 - the notebook's own import will raise it, where it can be read
            continue
    _set_by_imports.update({name: value for name, value in os.environ.items() if before.get(name) != value})
    # OpenBLAS has a pool from its import on and drops it at the first fork, on both sides: that fork is now.
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    if threads := _threads():
        raise RuntimeError(f"these threads run after importing {description.preload}: {', '.join(threads)}")
    sharing.find_ahead()
    # What is imported stays: the collector need not touch (and so copy) its pages in every kernel.
    gc.collect()
    gc.freeze()


def become_kernel(life: _Life) -> None:
    """Turn a fork into what ``python -m ipykernel_launcher …`` would have been."""
    birth = life.birth
    os.setsid()
    for number, descriptor in enumerate(life.descriptors):
        os.dup2(descriptor, number)
    for descriptor in life.descriptors:
        if descriptor > 2:
            os.close(descriptor)
    os.umask(birth.umask)
    os.chdir(birth.cwd)
    os.environ.clear()
    os.environ.update(_set_by_imports | birth.env)
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    time.tzset()
    _reseed()
    spec = importlib.util.find_spec("ipykernel_launcher")
    assert spec is not None
    assert spec.origin is not None
    sys.argv[:] = [spec.origin, *birth.arguments]
    sys.orig_argv[:] = [sys.executable, "-m", "ipykernel_launcher", *birth.arguments]
    # As ``-m`` has it; the launcher takes it away again, and IPython puts an empty text in its place.
    sys.path.insert(0, birth.cwd)
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


def _reseed() -> None:
    """Give the global random generators fresh seeds; each kernel would draw the same numbers otherwise.

    ``random`` does so itself after a fork, numpy does not.
    """
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def main() -> None:
    """Go into the background, import, say that all is ready, and serve."""
    if os.fork():
        os._exit(0)
    description = msgspec.json.decode(sys.argv[1], type=Description)
    listener = socket.socket(fileno=os.dup(0))
    ready = os.fdopen(os.dup(1), "wb", buffering=0)
    with Path(os.devnull).open("r+b") as nowhere:
        for number in (0, 1):
            os.dup2(nowhere.fileno(), number)
    # ``-m`` put the working folder there; a kernel has its own.
    del sys.path[0]
    try:
        prepare(description)
    except RuntimeError as error:
        ready.write(str(error).encode())
        raise SystemExit(1) from error
    ready.write(b"ready")
    ready.close()
    life = Zygote(listener, description).serve()
    if life is not None:
        become_kernel(life)
        sharing.leave()


if __name__ == "__main__":
    main()

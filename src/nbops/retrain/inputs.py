"""What a run read besides its notebook: files, listed folders, the project's own modules; and what cannot be known.

In the kernel this is an IPython extension: an audit hook notes every file that is opened, and at the kernel's end the
digests of those that were only read are written to the file that ``NBOPS_INPUTS`` names. What no digest can stand for
(a connection, another program, a library that opens files behind Python's back) makes the run *opaque*: it cannot be
told whether it would give the same again. ``unchanged`` takes the digests again and compares.
"""

from __future__ import annotations

import atexit
import os
import sys
import sysconfig
import threading
import urllib.parse
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec

# Events that say: something from outside came in which nobody can digest.
_OPAQUE_EVENTS = {
    "subprocess.Popen": "another program",
    "os.system": "another program",
    "os.exec": "another program",
    "os.posix_spawn": "another program",
    "os.startfile": "another program",
    "os.fork": "a worker process",
    "os.forkpty": "another program",
    "socket.connect": "a connection",
    "socket.getaddrinfo": "a connection",
    "urllib.Request": "a connection",
    "sqlite3.connect": "a database",
}
# Programs that only tell what machine this is; joblib and platform ask them.
_HARMLESS_PROGRAMS = {"lscpu", "uname", "sysctl", "nproc"}
# Libraries that open files without Python: what they read is not seen.
_OPAQUE_MODULES = (
    "cv2", "duckdb", "h5py", "lmdb", "netCDF4", "polars", "psycopg", "pyspark", "rasterio", "tables", "tensorflow",
    "pyarrow.csv", "pyarrow.dataset", "pyarrow.feather", "pyarrow.json", "pyarrow.orc",
)  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR
_CHUNK = 1 << 20
_ABSENT = "absent"


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has read."""

    files: dict[str, str] = {}
    """Path → digest; a file that was looked for and not there has ``absent``."""
    folders: dict[str, str] = {}
    """Folder whose entries were listed → digest of their names."""
    opaque: str = ""
    """Why the rest cannot be known; empty when all is."""


class _Watch:
    """The notes of this process."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.read: dict[str, tuple[int, ...] | None] = {}
        self.listed: dict[str, str] = {}
        self.written: set[str] = set()
        self.opaque = ""
        self._pid = os.getpid()
        self._busy = threading.local()
        self._own = _own_folders()
        self._events: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "open": self._opened,
            "os.listdir": self._listing,
            "os.scandir": self._listing,
        }
        for event, what in _OPAQUE_EVENTS.items():
            self._events[event] = partial(self._unknown, event, what)

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """The hook: most events are none of ours, and ours must not watch itself."""
        noted = self._events.get(event)
        if noted is None or getattr(self._busy, "is_on", False) or threading.current_thread().name.startswith("nbops-"):
            return
        self._busy.is_on = True
        try:
            noted(args)
        except Exception as error:  # noqa: BLE001 - a hook in a user's cell: what it cannot note makes the run opaque
            self.opaque = self.opaque or f"{type(error).__name__} while noting {event}"
        finally:
            self._busy.is_on = False

    def _opened(self, args: tuple[Any, ...]) -> None:
        path = _text(args[0])
        if path is None or self._is_own(path) or _is_importing():
            return
        if args[2] & _WRITES:
            self.written.add(path)
        elif path not in self.written and path not in self.read:
            self.read[path] = _stamp(path)

    def _listing(self, args: tuple[Any, ...]) -> None:
        path = _text(args[0] if args and args[0] is not None else ".")
        if path is not None and not self._is_own(path) and path not in self.listed and not _is_importing():
            self.listed[path] = _names_digest(path)

    def _unknown(self, event: str, what: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(args[1], str | bytes):
            return  # a socket of this machine's own: kernels and worker pools talk over them
        if event == "sqlite3.connect":
            path = _text(_database(args[0]))
            if path is None or path.endswith(":memory:") or self._is_own(path):
                return
        if event == "subprocess.Popen" and Path(_program(args)).name in _HARMLESS_PROGRAMS:
            return
        self.opaque = self.opaque or f"{what} ({event})"

    def _is_own(self, path: str) -> bool:
        return f"{path}/".startswith(self._own)

    def write(self) -> None:
        """At the end of the process: say what was read, if it is still what was read."""
        if os.getpid() != self._pid:
            return
        self._busy.is_on = True
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            # The driver may end this process at any moment: the file is there whole, or it is not there.
            half = self.target.with_suffix(".half")
            half.write_bytes(msgspec.json.encode(self.summary()))
            half.replace(self.target)
        except OSError:
            return  # without it the run is simply never taken for another's

    def summary(self) -> Inputs:
        """Digest everything that was read."""
        files: dict[str, str] = {}
        opaque = self.opaque or _opaque_module()
        for path, stamp in self.read.items():
            if _stamp(path) != stamp:
                opaque = opaque or f"{path} changed during the run"
            else:
                files[path] = digest(path)
        for path in _own_modules(self._own):
            files.setdefault(path, digest(path))
        return Inputs(files=files, folders=dict(self.listed), opaque=opaque)


def load_ipython_extension(shell: Any) -> None:
    """Begin to note what this kernel reads."""
    target = os.environ.get("NBOPS_INPUTS")
    if target:
        watch = _Watch(Path(target))
        sys.addaudithook(watch.audit)
        atexit.register(watch.write)


def unchanged(recorded: Path, seen: Callable[[str], str]) -> bool:
    """Tell whether everything that a run had read is still the same.

    Args:
        recorded: the file that the run's kernel wrote.
        seen: gives the digest of a path now; a cache in front of ``digest`` where many runs are asked about.

    Returns:
        False for anything that has changed, is opaque, or was not recorded.
    """
    try:
        inputs = msgspec.json.decode(recorded.read_bytes(), type=Inputs)
    except (OSError, msgspec.MsgspecError):
        return False
    if inputs.opaque:
        return False
    return all(seen(path) == known for path, known in inputs.files.items()) and all(
        _names_digest(path) == known for path, known in inputs.folders.items()
    )


def digest(path: str) -> str:
    """Digest of a file's bytes; a folder or something else than a file has its kind."""
    import xxhash

    if not os.path.lexists(path):
        return _ABSENT
    if not Path(path).is_file():
        return "not a file"
    state = xxhash.xxh3_128()
    try:
        with Path(path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                state.update(chunk)
    except OSError as error:
        return f"unreadable: {error.errno}"
    return str(state.hexdigest())


def _names_digest(path: str) -> str:
    import xxhash

    try:
        names = sorted(os.listdir(path))  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return _ABSENT
    return str(xxhash.xxh3_128("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest())


def _stamp(path: str) -> tuple[int, ...] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _text(path: object) -> str | None:
    """An absolute path; None for descriptors and other things that are not paths."""
    if isinstance(path, int) or (isinstance(path, str) and path.startswith("<")):
        return None  # a descriptor; or "<cell>", which linecache asks the disk for
    try:
        return os.path.abspath(os.fsdecode(path))  # type: ignore[arg-type]  # noqa: PTH100 - text is what is compared
    except TypeError:
        return None


def _database(named: object) -> object:
    """Path of the file in SQLite's ``file:PATH?options``."""
    if isinstance(named, str) and named.startswith("file:"):
        return urllib.parse.unquote(named.removeprefix("file:").partition("?")[0])
    return named


def _program(args: tuple[Any, ...]) -> str:
    """Name of the program that a ``subprocess.Popen`` event is about."""
    command = args[1]
    first = command if isinstance(command, str | bytes | os.PathLike) else next(iter(command), "")
    return os.fsdecode(args[0] or first)


def _is_importing() -> bool:
    """Whether the import system asks; the modules it finds are known by ``sys.modules``."""
    return "importlib" in sys._getframe(3).f_code.co_filename


@cache
def _own_folders() -> tuple[str, ...]:
    """Where reading says nothing of the data: the interpreter, its packages, its caches, this project's own store."""
    home = str(Path.home())
    kept = {sys.prefix, sys.base_prefix, sys.exec_prefix, *(sysconfig.get_paths().values())}
    kept |= {os.environ.get("IPYTHONDIR") or f"{home}/.ipython", f"{home}/.jupyter", f"{home}/.local/share/jupyter"}
    kept |= {f"{home}/.cache/matplotlib", f"{home}/.config/matplotlib", f"{home}/.local/lib"}
    kept |= {"/proc/", "/sys/", "/dev/", "/usr/share/fonts/"}
    kept.add(str(Path(__file__).parents[1]))
    kept.add(str(Path(__file__).parents[2] / "nbops_serving"))
    for name in ("NBOPS_INPUTS", "NBOPS_STORE"):
        for folder in Path(os.environ.get(name, "/")).parents:
            if folder.name == ".nbops":
                kept.add(str(folder))
    return tuple(folder if folder.endswith("/") else folder + os.sep for folder in kept if folder not in {"", "/"})


_ahead: frozenset[str] = frozenset()
"""In a fork: modules that were there before it, none of which is the project's own."""


def find_ahead() -> None:
    """Look once for all forks of this process, which has imported everything."""
    global _ahead
    # This process has another environment than its forks, so what stands in the cache is not theirs.
    own = _own_folders.__wrapped__()
    _ahead = frozenset(name for name in [*sys.modules] if _own_file(name, own) is None)


def _own_modules(own: tuple[str, ...]) -> list[str]:
    """Source files of the modules that are neither the interpreter's nor an installed package's."""
    found = [_own_file(name, own) for name in [*sys.modules] if name not in _ahead]
    return [path for path in found if path is not None and Path(path).is_file()]


def _own_file(name: str, own: tuple[str, ...]) -> str | None:
    path = getattr(sys.modules.get(name), "__file__", None)
    if isinstance(path, str) and path.endswith(".py") and not path.startswith(own) and "site-packages" not in path:
        return str(Path(path).absolute())
    return None


def _opaque_module() -> str:
    for name in _OPAQUE_MODULES:
        if name in sys.modules:
            return f"{name} reads files unseen"
    return ""

"""Packages for a container, installed outside it: no network in any build, no compiler, no pip in the image.

A *site* is a folder with packages unpacked from wheels for the container's Python and platform, byte-compiled, and kept
in the user's cache under a hash of its lock. Since a container's file system is read-only, what is not compiled here is
compiled again at every start: scikit-learn takes 6 s then instead of 1.3 s.

Wheels come through the user's own installer (uv, else pip) with its ordinary configuration: an index behind a proxy, a
folder of wheels (``--find-links``) or the installer's cache all work, the last two offline.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nbops.errors import DeployError, MissingError
from nbops.optional import need
from nbops.progress import Stage
from nbops.surroundings import Installed, installed

if TYPE_CHECKING:
    from packaging.requirements import Requirement

SERVER_PACKAGES = ("httptools", "msgspec", "numpy", "uvicorn", "uvloop")
"""What ``nbops_serving`` itself imports."""

SIGNATURE_PACKAGES = ("cryptography",)
"""What the server needs besides where it has to check a signature."""

_LAYOUT = 3
"""Raised when sites are made in another way, so that cached ones are made again."""

_MANYLINUX = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)
"""Versions of glibc 2 that wheels are tagged for and installers know."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a site is made for."""

    python: str
    """``major.minor``."""
    machine: str
    """As ``uname -m`` says it: ``x86_64``, ``aarch64``."""
    glibc: int
    """Minor version of glibc 2."""

    @property
    def manylinux(self) -> int:
        """The newest wheel tag that this glibc satisfies."""
        return max((tag for tag in _MANYLINUX if tag <= self.glibc), default=_MANYLINUX[0])

    def environment(self) -> dict[str, str]:
        """The marker environment, so that a requirement ``; sys_platform == …`` is judged for the container."""
        return {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
            "extra": "",
        }


def cache_folder() -> Path:
    """The user's cache of sites and facts about images."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbops"


def server_pins(asked: Mapping[str, str], *, is_signed: bool) -> list[str]:
    """Pin what the server imports, in the versions that the model asks for, else in those of this environment.

    Args:
        asked: the model's own packages and their versions.
        is_signed: whether the server has to check signatures.

    Raises:
        MissingError: signatures have to be checked, and what does that is not installed here.
    """
    if is_signed:
        for name in SIGNATURE_PACKAGES:
            need(name, to="check signatures")
    names = [*SERVER_PACKAGES, *(SIGNATURE_PACKAGES if is_signed else ())]
    return [f"{name}=={asked.get(name) or distribution(name).version}" for name in names]


def lock(requirements: Sequence[str], target: Target) -> tuple[list[str], bool]:
    """Add what the requirements themselves need, in the versions this environment has.

    Args:
        requirements: pinned, ``name==version``.
        target: whose markers count.

    Returns:
        Sorted pins, and whether they are complete: they are not when a package of the requested version is not
        installed here, and then the installer has to find out the rest.

    Example:
        >>> pins, complete = lock(["click==0.0.1"], Target(python="3.11", machine="x86_64", glibc=36))
        >>> pins, complete
        (['click==0.0.1'], False)
    """
    pins: dict[str, str] = {}
    complete = True
    for name, version in _walk(requirements, target):
        pins.setdefault(name, version)
        complete = complete and _installed(name, pins[name]) is not None
    return sorted(f"{name}=={version}" for name, version in pins.items()), complete


def _walk(requirements: Sequence[str], target: Target) -> Iterator[tuple[str, str]]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    waiting: list[tuple[str, str, frozenset[str]]] = []
    for text in requirements:
        asked = Requirement(text)
        if asked.marker is not None and not asked.marker.evaluate(target.environment()):
            continue
        waiting.append((canonicalize_name(asked.name), _pinned(asked, text), frozenset(asked.extras)))
    # Pins that were asked for come first: what the environment has does not replace them.
    yield from [(name, version) for name, version, _ in waiting]
    asked_for = {name for name, _, _ in waiting}
    seen = set()
    while waiting:
        name, version, extras = waiting.pop()
        found = _installed(name, version)
        if found is None or (name, extras) in seen:
            continue
        seen.add((name, extras))
        for key, more in _needs(found.requires, extras, target):
            here = installed(key)
            # What joins one of our seams may require nbops, whose own part of a server is there anyway.
            if here is not None and key != "nbops":
                if key not in asked_for:
                    yield key, here.version
                waiting.append((key, here.version, more))


@functools.lru_cache(maxsize=1024)
def _needs(requires: tuple[str, ...], extras: frozenset[str], target: Target) -> list[tuple[str, frozenset[str]]]:
    """The names among some requirements that a target needs, with their extras: reading them takes a while."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    environments = [target.environment() | {"extra": extra} for extra in extras | {""}]
    return [
        (canonicalize_name(needed.name), frozenset(needed.extras))
        for needed in map(Requirement, requires)
        if needed.marker is None or any(needed.marker.evaluate(each) for each in environments)
    ]


def _pinned(requirement: Requirement, text: str) -> str:
    specifiers = list(requirement.specifier)
    if len(specifiers) != 1 or specifiers[0].operator not in ("==", "==="):
        raise DeployError(f"a bundle's requirements are pinned; {text!r} is not", hint=f"{text.split()[0]}==VERSION")
    version: str = specifiers[0].version
    return version


def is_installed(name: str, version: str) -> bool:
    """Tell whether this environment has a package in exactly this version."""
    return _installed(name, version) is not None


def own_target() -> Target:
    """This interpreter on this machine.

    Raises:
        DeployError: it is not one that Linux wheels are made for.
    """
    libc, version = platform.libc_ver()
    if libc != "glibc":
        raise DeployError(
            "this environment has other packages than the model was registered with, and only on Linux with glibc can "
            "they be had beside it",
            code="versions_differ",
            hint="pip install -r requirements.txt of the bundle",
        )
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Target(python=python, machine=platform.machine(), glibc=int(version.split(".")[1]))


def _installed(name: str, version: str) -> Installed | None:
    found = installed(name)
    # An index without local versions ("+cpu") has the same package without that word.
    return found if found and version in (found.version, found.version.partition("+")[0]) else None


def site_key(pins: Sequence[str], target: Target, *, complete: bool) -> str:
    """Name of the site of these packages: the same for everybody who would get the same."""
    what = [_LAYOUT, msgspec.to_builtins(target), sorted(pins), complete]
    return sha256(msgspec.json.encode(what)).hexdigest()[:20]


def site(pins: Sequence[str], target: Target, *, complete: bool, now: Stage | None = None) -> Path:
    """Return the site of these packages, made when it is not there yet.

    Args:
        pins: what it has, ``name==version``.
        target: the container's Python and platform.
        complete: whether the pins are all that is needed; else the installer adds what they need.
        now: told what goes on.

    Returns:
        A folder that is never changed again; empty when nothing is required.

    Raises:
        MissingError: neither uv nor pip is here.
        DeployError: a wheel cannot be had; the message is the installer's own.
    """
    key = site_key(pins, target, complete=complete)
    folder = cache_folder() / "sites" / key
    if folder.is_dir():
        return folder
    if now is not None and pins:
        now.say(f"unpack {len(pins)} packages")
    # Made aside and renamed as a whole: whoever finds it finds all of it.
    aside = folder.with_name(f"{key}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    (aside / "site").mkdir(parents=True)
    try:
        if pins:
            _install(pins, aside / "site", target, with_dependencies=not complete)
            _thin(aside / "site")
            if now is not None:
                now.say("compile")
            compile_folder(aside / "site")
        _settle(aside / "site", folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _settle(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:
        # Another process was quicker; a site is the same whoever makes it.
        if not folder.is_dir():
            raise


def _install(pins: Sequence[str], folder: Path, target: Target, *, with_dependencies: bool) -> None:
    command = [*installer(), *_arguments(target), "--target", str(folder), "--only-binary", ":all:", "--quiet", *pins]
    if not with_dependencies:
        command.append("--no-deps")
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-1500:]
        raise DeployError(
            f"the container's packages cannot be had for Python {target.python} on {target.machine}:\n{said}",
            code="wheels_missing",
            hint=f"{' '.join(installer())} --dry-run {' '.join(pins)}  # with your index or --find-links FOLDER",
        )


def installer() -> list[str]:
    """The command that installs packages: uv where it is, else pip.

    Raises:
        MissingError: neither is here.
    """
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is not None:
        return [uv, "pip", "install"]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    raise MissingError(
        "to fill a container, nbops needs uv or pip, and neither is here",
        code="installer_missing",
        hint=f"{sys.executable} -m ensurepip",
    )


def _arguments(target: Target) -> list[str]:
    if installer()[0].endswith("uv"):
        platform = f"{target.machine}-manylinux_2_{target.manylinux}"
        return ["--python", sys.executable, "--python-version", target.python, "--python-platform", platform]
    tags = [f"manylinux_2_{minor}_{target.machine}" for minor in range(target.glibc, 4, -1)]
    if target.glibc >= 17:
        tags.append(f"manylinux2014_{target.machine}")
    tags.append(f"linux_{target.machine}")
    platforms = [argument for tag in tags for argument in ("--platform", tag)]
    return ["--python-version", target.python, "--implementation", "cp", "--abi", f"cp{target.python.replace('.', '')}",
            "--abi", "abi3", "--abi", "none", "--no-compile", *platforms]  # fmt: skip


def _thin(folder: Path) -> None:
    """Take out what no server runs: the packages' own tests, type stubs, headers, scripts and debugging symbols."""
    for tools in ("bin", "numpy/distutils"):
        shutil.rmtree(folder / tools, ignore_errors=True)
    for tests in [path for path in folder.rglob("tests") if path.is_dir()]:
        if next(tests.glob("test_*.py"), None) is not None:
            shutil.rmtree(tests)
    for pattern in ("*.pyi", "*.pxd", "*.pyx", "*.h", "*.a"):
        for path in folder.rglob(pattern):
            path.unlink()
    for path in folder.rglob("*.so*"):
        _strip(path)


_ELF_64_LITTLE = b"\x7fELF\x02\x01"


def _strip(path: Path) -> None:
    """Cut a library off behind what the loader maps: symbols for debuggers are up to three quarters of a file.

    The loader reads the program headers alone; sections are for linkers and debuggers. Not done by binutils' ``strip``,
    which is not everywhere and breaks libraries whose segments were moved when their wheel was made.
    """
    if path.is_symlink() or not path.is_file():
        return
    data = path.read_bytes()
    if not data.startswith(_ELF_64_LITTLE):
        return
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    end = table + size * count
    for place in range(table, end, size):
        offset, _, _, length = struct.unpack_from("<QQQQ", data, place + 8)
        end = max(end, offset + length)
    if end > 0.9 * len(data):
        return
    head = bytearray(data[:end])
    struct.pack_into("<Q", head, 40, 0)  # where the table of sections begins
    struct.pack_into("<HH", head, 60, 0, 0)  # how many there are, and which has their names
    # A new file: the old one may be shared with the installer's cache.
    mode = path.stat().st_mode
    path.unlink()
    path.write_bytes(head)
    path.chmod(mode)


def compile_folder(folder: Path) -> None:
    """Byte-compile all modules below a folder, trusted without asking for their source's time or hash.

    Raises:
        DeployError: the compiler itself failed; modules for other versions of Python are left as they are.
    """
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-j", str(min(os.cpu_count() or 1, 4)),
               "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", "/", str(folder)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode not in (0, 1):
        raise DeployError(f"packages cannot be compiled: {done.stderr.strip()[-500:]}")

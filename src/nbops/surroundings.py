"""What a number depends on besides the code: interpreter, packages, settings of the process, state of the repository.

All of it is collected away from the user's cells. Nothing but the settings named here leaves the environment.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from nbops.records import Environment

# The only variables of the environment that are ever stored: they change numbers, and they hold no secrets.
VARIABLES = frozenset({
    "PYTHONHASHSEED", "TZ", "LANG", "LANGUAGE",
    "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME",
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS",
    "TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS", "OPENBLAS_CORETYPE", "MKL_CBWR", "NPY_DISABLE_CPU_FEATURES",
})  # fmt: skip

_GIT_TIMEOUT_S = 10.0


class GitState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the repository stood."""

    commit: str | None = None
    branch: str | None = None
    dirty: bool | None = None
    """Whether tracked files differed from the commit; None outside a repository."""


def environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Describe this interpreter, its packages and the settings that change numbers.

    Args:
        variables: the process environment to choose from; its own when not given.

    Returns:
        The environment; its id is a hash of what it says, so that equal environments are one row.

    Example:
        >>> environment({"TZ": "UTC", "API_KEY": "secret"}).variables
        {'TZ': 'UTC'}
    """
    import platform

    given = os.environ if variables is None else variables
    facts = {
        "python": platform.python_version(),
        "platform": _platform(),
        "packages": packages(sys.path),
        "variables": {name: given[name] for name in sorted(VARIABLES & given.keys())},
        "machine": _machine(),
    }
    digest = hashlib.sha256(msgspec.json.encode(facts, order="deterministic")).hexdigest()[:32]
    return msgspec.convert({"id": digest, "created_at": time.time(), **facts}, Environment)


def _platform() -> str:
    import platform

    if sys.platform != "linux":
        return platform.platform()
    # The same words, without the process that platform.platform() starts to ask for the processor's name.
    about = os.uname()
    return f"{about.sysname}-{about.release}-{about.machine}-with-{''.join(platform.libc_ver())}"


def _machine() -> dict[str, str]:
    """The processor, and how many of its cores this process may use: they decide the last bits of long sums."""
    import platform

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0
    name = "" if sys.platform == "linux" else platform.processor()
    with contextlib.suppress(OSError):
        told = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
        name = told[1].strip() if told else name
    return {"cpu": name or platform.machine(), "cores": str(usable)}


def packages(path: Iterable[str]) -> dict[str, str]:
    """List installed distributions by the names of their metadata folders, 300 times quicker than by reading them.

    Args:
        path: folders to look into, in import order: the first one that has a package wins.

    Returns:
        Normalised distribution name → version, sorted.

    Example:
        >>> packages(["/no/such/folder"])
        {}
    """
    found: dict[str, str] = {}
    for folder in path:
        if "site-packages" in Path(folder).parent.parts:
            continue  # a package's own copies of others, which it puts on the path while it is imported, as Ray does
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208 - Path objects for thousands of names cost more than the listing
        except OSError:  # zip files and folders that are gone stand on sys.path too
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                distribution, _, version = name.rpartition(".")[0].partition("-")
                found.setdefault(_normalised(distribution), version.partition("-py")[0])
    return dict(sorted(found.items()))


class Installed(NamedTuple):
    """A distribution that is installed here."""

    version: str
    requires: tuple[str, ...]
    """What it needs, as its metadata says."""


def installed(name: str) -> Installed | None:
    """Read what an installed distribution says of itself, once for as long as nothing is installed or removed.

    Args:
        name: of the distribution.

    Returns:
        Its version and needs; None when it is not installed.

    Example:
        >>> installed("no-such-distribution") is None
        True
    """
    return _installed(name, tuple((entry, _packages_changed_at(entry)) for entry in sys.path))


def _packages_changed_at(folder: str) -> int:
    """When a folder has changed, or 0 for one without packages: a notebook's own changes each time it is saved."""
    changed_at = _changed_at(folder)
    return changed_at if _has_packages(folder, changed_at) else 0


@functools.lru_cache(maxsize=1024)
def _has_packages(folder: str, _changed_at: int) -> bool:
    try:
        names = os.listdir(folder or ".")  # noqa: PTH208 - as above
    except OSError:
        return False
    return any(name.endswith((".dist-info", ".egg-info", ".egg-link")) for name in names)


def _changed_at(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns  # noqa: PTH116 - asked for every folder and every name
    except OSError:
        return 0


@functools.lru_cache(maxsize=4096)
def _installed(name: str, path: tuple[tuple[str, int], ...]) -> Installed | None:
    import importlib.metadata  # it brings a mail parser along, which recording does without

    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    return Installed(found.version, tuple(found.requires or ()))


def git_state(folder: str | os.PathLike[str]) -> GitState:
    """Ask git for commit, branch and whether tracked files were changed, in one call.

    Args:
        folder: any folder of the work tree.

    Returns:
        The state; all None where there is no repository, no git, or no answer within ten seconds.
    """
    if not _is_in_repository(Path(folder)):
        return GitState()  # most answers are this one, and need no other process
    import subprocess

    command = ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        answer = subprocess.run(
            command,
            cwd=Path(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Only looking: an interrupted refresh must not leave the user's index locked.
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            # The interrupt button signals the kernel's whole process group.
            start_new_session=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return GitState()
    if answer.returncode != 0:
        return GitState()
    return _parsed(answer.stdout.decode("utf-8", "replace"))


def _is_in_repository(folder: Path) -> bool:
    above = (folder, *folder.absolute().parents)
    return "GIT_DIR" in os.environ or any((each / ".git").exists() for each in above)


def _parsed(text: str) -> GitState:
    header = dict(re.findall(r"^# branch\.(oid|head) (.+)$", text, re.MULTILINE))
    commit = header.get("oid")
    branch = header.get("head")
    return GitState(
        commit=None if commit == "(initial)" else commit,
        branch=None if branch == "(detached)" else branch,
        dirty=any(line and not line.startswith("#") for line in text.splitlines()),
    )


def _normalised(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()

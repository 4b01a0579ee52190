"""What makes two kernels the same before their first line of code: only such share a zygote."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

# Told to each kernel anew; nothing reads them while it is imported. Everything else in the environment may be read at
# import time (thread counts, backends, locales, devices), so everything else is part of the key.
PER_KERNEL = {
    "NBOPS_RUN", "NBOPS_CAUSE", "NBOPS_STORE", "NBOPS_BLOBS", "NBOPS_NOTEBOOK", "NBOPS_INPUTS",
    "JPY_PARENT_PID", "JPY_SESSION_NAME", "JPY_INTERRUPT_EVENT",
    "PWD", "OLDPWD", "SHLVL", "_", "COLUMNS", "LINES", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_TESTRUNUID",
}  # fmt: skip

# Libraries known to survive a fork after nothing but their import: no threads of their own (or fork-safe ones), no
# devices, no connections. matplotlib.pyplot is not among them: it connects to the running IPython while it is imported.
_PRELOADABLE = ("joblib", "matplotlib", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "statsmodels")
_NOT_PRELOADABLE = ("matplotlib.pyplot", "matplotlib.pylab", "matplotlib.backends", "pyarrow.flight", "pyarrow.dataset")
_INSTEAD_OF_PYPLOT = ("matplotlib.figure", "matplotlib.colorbar", "matplotlib.image")
# What every recorded kernel loads anyway.
_OURS = (
    "nbops.magics", "nbops.retrain.inputs", "nbops.retrain.floods", "nbops.capture.session", "nbops.surroundings",
    "nbops.capture.files", "nbops.store.sqlite", "nbops.store.blobs", "nbops.masking.library",
    "nbops.masking.sources", "nbops.masking.texts",
    "nbops.capture.autolog.listening", "nbops.capture.autolog.keeping", "nbops.capture.autolog.switch",
    "nbops.data.changes", "nbops.data.version", "xxhash",
)  # fmt: skip
# What libraries import when they first see a frame; under another name, kernels import it themselves.
_WITH = {
    "pandas": ("pyarrow.pandas_compat",),
    "pyarrow": ("pyarrow.pandas_compat",),
    "sklearn": (
        "narwhals._interchange.dataframe", "narwhals._pandas_like.dataframe", "narwhals._pandas_like.namespace",
        "narwhals.stable.v2._namespace",
    ),
}  # fmt: skip


def preload_of(sources: Iterable[str]) -> list[str]:
    """List the libraries that a notebook imports and that may be imported before the fork.

    Args:
        sources: text of its code cells; lines that are not Python are passed over.

    Returns:
        Module names, sorted.

    Example:
        >>> preload_of(["import pandas as pd, mine", "%magic", "from sklearn.ensemble import RandomForestClassifier"])
        ['pandas', 'sklearn', 'sklearn.ensemble']
    """
    found: set[str] = set()
    for source in sources:
        for name in _imported(source):
            if name.split(".")[0] in _PRELOADABLE:
                found.add(name.split(".")[0])
                found.update(_INSTEAD_OF_PYPLOT if name.startswith(_NOT_PRELOADABLE[:3]) else [name])
    return sorted(name for name in found if not name.startswith(_NOT_PRELOADABLE))


def _imported(source: str) -> Iterable[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        lines = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
        trees = [_parsed(line) for line in lines]
        tree = ast.Module(body=[node for part in trees for node in part], type_ignores=[])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _parsed(line: str) -> list[ast.stmt]:
    try:
        return ast.parse(line).body
    except SyntaxError:
        return []


def with_ours(preload: Sequence[str]) -> list[str]:
    """Add what recorded kernels load anyway."""
    return [*preload, *(module for name in preload for module in _WITH.get(name, ())), *_OURS]


def key_of(interpreter: Sequence[str], preload: Sequence[str], env: Mapping[str, str]) -> str:
    """Give a name to everything that a zygote's children share.

    Args:
        interpreter: the Python program and its flags.
        preload: the libraries that are imported before the fork.
        env: the kernel's environment.

    Returns:
        16 hexadecimal digits.
    """
    shared = [
        *interpreter,
        "|",
        *preload,
        "|",
        *(f"{name}={value}" for name, value in sorted(env.items()) if name not in PER_KERNEL),
        "|",
        *_process(),
        "|",
        *_installed(interpreter[0]),
    ]
    return hashlib.sha256("\0".join(shared).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _process() -> Iterable[str]:
    """What a kernel inherits from the process that starts it, besides the environment."""
    import resource

    yield str(sorted(os.sched_getaffinity(0)))
    yield str(os.getpriority(os.PRIO_PROCESS, 0))
    for name in sorted(name for name in dir(resource) if name.startswith("RLIMIT_")):
        yield f"{name}={resource.getrlimit(getattr(resource, name))}"
    yield Path("/proc/self/cgroup").read_text()
    for name in ("mnt", "net", "user"):
        yield str(Path(f"/proc/self/ns/{name}").readlink())


def _installed(python: str) -> Iterable[str]:
    """Times that change when a package is installed, upgraded or removed, or when this one is edited."""
    for folder in _site_packages(python):
        try:
            yield f"{folder}:{Path(folder).stat().st_mtime_ns}"
        except OSError:
            yield f"{folder}: none"
    yield from packages(python)
    yield str(_newest(os.fspath(Path(__file__).parents[2])))


def _newest(folder: str) -> int:
    """When the youngest source below a folder was written; asked before every run, and so without Path objects."""
    newest = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                newest = max(newest, _newest(entry.path))
            elif entry.name.endswith(".py"):
                newest = max(newest, entry.stat().st_mtime_ns)
    return newest


def packages(python: str) -> list[str]:
    """List the packages that a Python has, as ``name-version`` of their metadata folders, sorted.

    Args:
        python: path of the interpreter.
    """
    found: set[str] = set()
    for folder in _site_packages(python):
        # An interpreter names folders that it need not have.
        with contextlib.suppress(OSError):
            names = os.listdir(folder)  # noqa: PTH208 - asked before every run; Path objects cost more than the listing
            found.update(name.removesuffix(".dist-info") for name in names if name.endswith(".dist-info"))
    return sorted(found)


@functools.cache
def _site_packages(python: str) -> tuple[str, ...]:
    if python == sys.executable:
        import site
        import sysconfig

        return tuple(
            dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()])
        )
    # Another environment's: its layout is the same, and what is not there is said as such.
    prefix = Path(python).absolute().parent.parent
    return tuple(str(path) for path in sorted(prefix.glob("lib/python3*/site-packages")))

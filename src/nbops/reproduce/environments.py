"""The environment a run is reproduced in: its recorded variables, and on demand its recorded packages."""

from __future__ import annotations

import os
import re
from pathlib import Path

from nbops.records import Environment, Run

_THREADS = {
    "openblas": "OPENBLAS_NUM_THREADS", "openmp": "OMP_NUM_THREADS", "mkl": "MKL_NUM_THREADS",
    "blis": "BLIS_NUM_THREADS",
}  # fmt: skip
# What OpenBLAS computes for → what a processor must have for it. Others are too old or too rare to be pinned.
_CORES = {
    "haswell": {"avx2", "fma"}, "zen": {"avx2", "fma"}, "sandybridge": {"avx"}, "skylakex": {"avx512f"},
    "nehalem": {"sse4_2"},
}  # fmt: skip


def variables_of(run: Run, environment: Environment | None) -> dict[str, str]:
    """The variables that decide numbers, as the run had them.

    Args:
        run: the run that is reproduced.
        environment: its environment; None where it was not recorded.

    Returns:
        Variable → value. The hash seed of a run that had none is 0, so that its reproductions are alike. Thread counts
        and the kind of processor that OpenBLAS computes for are pinned where this machine would choose others.

    Example:
        >>> run = Run(id="r", name="a", kind="session", started_at=0.0)
        >>> variables_of(run, None)
        {'PYTHONHASHSEED': '0'}
    """
    recorded = dict(environment.variables) if environment is not None else {}
    recorded.setdefault("PYTHONHASHSEED", "0")
    if recorded["PYTHONHASHSEED"] == "random":
        recorded["PYTHONHASHSEED"] = "0"
    if environment is None or environment.machine.get("cores") == str(usable_cores()):
        return recorded | _core_type(run, environment)
    for pool in run.thread_pools:
        if pool.library in _THREADS:
            recorded.setdefault(_THREADS[pool.library], str(pool.threads))
    if "cores" in environment.machine:
        recorded.setdefault("LOKY_MAX_CPU_COUNT", environment.machine["cores"])
    return recorded | _core_type(run, environment)


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0


def _core_type(run: Run, environment: Environment | None) -> dict[str, str]:
    """On another processor OpenBLAS adds up in another order, unless it is told to do as on the first one."""
    cpu = _cpuinfo("model name")
    if environment is None or not cpu or environment.machine.get("cpu") == cpu:
        return {}
    flags = set(_cpuinfo("flags").split())
    for pool in run.thread_pools:
        needed = _CORES.get(pool.core.lower())
        if pool.library == "openblas" and needed is not None and needed <= flags:
            return {"OPENBLAS_CORETYPE": pool.core}
    return {}


def _cpuinfo(field: str) -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return ""
    found = re.search(rf"^{field}\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else ""

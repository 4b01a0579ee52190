"""What autologging adds to a fit: a small ``LogisticRegression``, bare, logged, and under MLflow's autologging.

    python benchmarks/autolog_bench.py [--json FILE] [--quick]

Bare and nbops run interleaved in one process, in a recorded IPython session, with one fit in each cell, as a notebook
has them; and a thousand fits of a tiny model in one cell. MLflow patches classes for good, so it runs in a process of
its own, bare first and then logged, on a SQLite store, with the interpreter of ``.cache/peers`` (its
releases want another pandas than ours) or this one; without MLflow it is left out and that is said.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PEERS = Path(__file__).resolve().parents[1] / ".cache" / "peers" / "bin" / "python"
BARS = {
    "small fit": "<= 20 ms added on the user's side",
    "a thousand fits": "memory and store stay small",
}
_PREPARED = """
import warnings; warnings.filterwarnings("ignore")
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
"""
_FIT = "model = LogisticRegression(C=1.0).fit(X, y)"
_MLFLOW = """
import json, statistics, sys, time
import mlflow
{prepared}
def taken(rounds):
    found = []
    for _ in range(rounds):
        begin = time.perf_counter()
        LogisticRegression(C=1.0).fit(X, y)
        found.append((time.perf_counter() - begin) * 1e3)
    return found
bare = taken({rounds})
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.autolog(silent=True)
LogisticRegression(C=1.0).fit(X, y)  # the first one pays for imports
logged = taken({rounds})
print(json.dumps([bare, logged]))
"""


def summary(taken: list[float]) -> dict[str, float]:
    """Median and 99th percentile of milliseconds."""
    ordered = sorted(taken)
    return {"median_ms": statistics.median(ordered), "p99_ms": ordered[int(len(ordered) * 0.99)]}


def small_fits(rounds: int) -> dict[str, Any]:
    """One small fit in a cell, logged and not, by the time of the call and by this thread's processor time."""
    import nbops

    shell = session()
    shell.run_cell(_PREPARED, store_history=True)
    space = shell.user_ns
    cell = f"_begin, _cpu = time.perf_counter(), time.thread_time()\n{_FIT}\n_took = time.perf_counter() - _begin\n"
    shell.run_cell("import time", store_history=True)
    taken: dict[str, list[float]] = {"bare": [], "nbops": []}
    computed: dict[str, list[float]] = {"bare": [], "nbops": []}
    begin = time.perf_counter()
    shell.run_cell(_FIT, store_history=True)
    first_ms = (time.perf_counter() - begin) * 1e3
    for _ in range(rounds):
        for name in taken:
            with nbops.autolog(name == "nbops"):
                shell.run_cell(cell + "_cpu = time.thread_time() - _cpu", store_history=True)
            taken[name].append(space["_took"] * 1e3)
            computed[name].append(space["_cpu"] * 1e3)
    added = [logged - bare for bare, logged in zip(taken["bare"], taken["nbops"], strict=True)]
    return {
        **{name: summary(values) | {"cpu_ms": statistics.median(computed[name])} for name, values in taken.items()},
        "added_ms": statistics.median(added),
        "added_cpu_ms": statistics.median(computed["nbops"]) - statistics.median(computed["bare"]),
        "first_fit_ms": first_ms,
    }


def loop(count: int) -> dict[str, Any]:
    """Fits of a tiny model in one cell: time of each, memory and bytes on disk that they leave."""
    import numpy as np
    from sklearn.linear_model import LinearRegression

    import nbops
    from nbops.capture import here

    table, target = np.arange(60.0).reshape(20, 3), np.arange(20.0)

    def fits() -> float:
        begin = time.perf_counter()
        for number in range(count):
            LinearRegression().fit(table + number % 7, target)
        return (time.perf_counter() - begin) / count * 1e3

    with nbops.autolog(False):
        bare = fits()
    before_kb, before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, on_disk()
    logged = fits()
    autologger = here.session().autologger
    begin = time.perf_counter()
    autologger.wait(300)
    return {
        "bare_ms": bare,
        "nbops_ms": logged,
        "added_ms": logged - bare,
        "until_kept_s": time.perf_counter() - begin,
        "memory_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1e3,
        "disk_mb": (on_disk() - before) / 1e6,
    }


def session() -> Any:
    """A recorded IPython shell of this process."""
    from IPython.core.interactiveshell import InteractiveShell

    from nbops import capture

    shell: Any = InteractiveShell.instance()
    capture.start(shell)
    return shell


def on_disk() -> int:
    """Bytes of the project's folder."""
    return sum(path.stat().st_size for path in Path(".nbops").rglob("*") if path.is_file())


def mlflow(rounds: int) -> dict[str, Any] | None:
    """The same fit under MLflow's autologging, in a process of its own; None where MLflow is not installed."""
    python = str(PEERS) if PEERS.exists() else sys.executable
    if subprocess.run([python, "-c", "import mlflow.sklearn"], capture_output=True, check=False).returncode:
        print(f"MLflow is left out: {python} has none, and there is no {PEERS}", flush=True)
        return None
    script = _MLFLOW.format(prepared=_PREPARED, rounds=rounds)
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    bare, logged = json.loads(done.stdout.splitlines()[-1])
    return {
        "bare": summary(bare),
        "mlflow": summary(logged),
        "added_ms": statistics.median(logged) - statistics.median(bare),
    }


def main() -> None:
    """Measure, print, and write JSON when asked."""
    # Threads of a linear algebra library that wait for a busy processor would be most of what is measured.
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    target = given.json.absolute() if given.json else None
    rounds = 30 if given.quick else 200
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path(".nbops").mkdir()
        found = {
            "small fit": small_fits(rounds),
            "a thousand fits": loop(100 if given.quick else 1_000),
            "mlflow": mlflow(2 if given.quick else 5),
        }
        from nbops.capture import here

        here.ended()
        os.chdir("/")
    print(json.dumps(found, indent=2))
    for name, bar in BARS.items():
        print(f"{name}: bar {bar}")
    if target is not None:
        target.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

"""What recording costs: the start of a kernel, a trivial cell, a metric, a lot of printing.

    python benchmarks/capture_bench.py [--json FILE] [--quick]

The floor beside a cell is an *empty recorder*: two hooks that each make one bare SQLite commit (WAL, NORMAL). All cases
run interleaved in one process, so that a busy moment falls on each of them; figures are medians, with the 99th
percentile beside them. Cells are measured with IPython's own history on, as everybody has it, and off: its thread also
commits after every cell and, with cells back to back, competes with any hook for the interpreter and the disk.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peers import FIRST_METRIC, PYTHON, environment

BARS = {
    "load_ext, cold process": "<= 150 ms over bare IPython",
    "cell, history on": "<= 0.5 ms and <= 3 x the empty recorder",
    "cell, history off": "<= 0.5 ms and <= 3 x the empty recorder",
    "cell in a kernel": "<= 0.5 ms and <= 3 x the empty recorder",
    "names": "100 names <= 0.5 ms, 50 unchanged frames of 10 MB <= 3 ms; p99 <= 10 ms",
    "log_metric": "<= 0.1 ms",
    "session": "10,000 cells: the recorder's memory <= 50 MB and flat, its time per cell as at the start",
    "first durable metric, cold process": "<= 300 ms over bare IPython; peers are whole processes of plain Python",
}

PEERS_ROUNDS = 3
"""How many rounds the peers take part in: each of them takes seconds."""

_PROCESS = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell({source!r}, store_history=True)
"""


def summary(taken: list[float]) -> dict[str, float]:
    """Median and 99th percentile in milliseconds."""
    ordered = sorted(taken)
    return {"median_ms": statistics.median(ordered) * 1e3, "p99_ms": ordered[int(len(ordered) * 0.99)] * 1e3}


def cold_processes(rounds: int, folder: Path) -> dict[str, Any]:
    """Whole processes, from exec to exit: bare IPython, with the extension, up to the first metric, and the peers'."""
    cases = {
        "bare": "x = 1",
        "load_ext": "%load_ext nbops",
        "first metric": "%load_ext nbops\nimport nbops; nbops.log_metric('loss', 0.5)",
    }
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    taken: dict[str, list[float]] = {name: [] for name in (*cases, "load_ext, new store")}
    computed: dict[str, list[float]] = {name: [] for name in taken}
    for number in range(rounds + 1):
        for name, source in (*cases.items(), ("load_ext, new store", cases["load_ext"])):
            project = folder / (f"new{number}" if name.endswith("new store") else "old")
            (project / ".nbops").mkdir(parents=True, exist_ok=True)
            begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, "-c", _PROCESS.format(source=source)],
                cwd=project, env=env, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            if number:  # the first round compiles bytecode and fills the page cache
                taken[name].append(time.perf_counter() - begin)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                computed[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if number <= PEERS_ROUNDS:
            _peers_first_metric(number, folder, taken, computed)
    # On a busy machine waiting for others is most of the time; what the process itself computed tells more there.
    floor, cpu_floor = statistics.median(taken["bare"]), min(computed["bare"])
    return {
        name: summary(values)
        | {
            "added_ms": (statistics.median(values) - floor) * 1e3,
            "added_cpu_ms": (min(computed[name]) - cpu_floor) * 1e3,
        }
        for name, values in taken.items()
    }


def _peers_first_metric(
    number: int, folder: Path, taken: dict[str, list[float]], computed: dict[str, list[float]]
) -> None:
    for peer, program in FIRST_METRIC.items() if PYTHON.exists() else ():
        # The store of the first round is there in the later ones, as nbops's is.
        project = folder / f"peer-{peer}"
        project.mkdir(exist_ok=True)
        begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [str(PYTHON), "-c", program], cwd=project, env=environment(), check=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if number:
            name = f"{peer}: first metric"
            taken.setdefault(name, []).append(time.perf_counter() - begin)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            computed.setdefault(name, []).append(spent)


class EmptyRecorder:
    """Two hooks with one bare commit each: what recording cannot cost less than."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute("CREATE TABLE IF NOT EXISTS cells (row TEXT)")

    def hook(self, _: object) -> None:
        """Commit one row."""
        self.connection.execute("INSERT INTO cells VALUES ('x = 1')")


def cells(rounds: int, *, history: bool) -> dict[str, Any]:
    """A trivial cell in a shell of this process: bare, with the empty recorder, recorded."""
    from IPython.core.interactiveshell import InteractiveShell

    from nbops import capture

    shell: Any = InteractiveShell.instance()
    shell.history_manager.enabled = history
    empty = EmptyRecorder(Path("empty.db"))
    recorder: Any = capture.start(shell)
    time.sleep(1)  # until the surroundings are described
    hooks: dict[str, tuple[list[Callable[..., None]], list[Callable[..., None]]]] = {
        "bare": ([], []),
        "empty": ([empty.hook], [empty.hook]),
        "nbops": ([recorder.before], [recorder.after]),
    }
    taken: dict[str, list[float]] = {name: [] for name in hooks}
    for _ in range(rounds):
        for name, (before, after) in hooks.items():
            shell.events.callbacks["pre_run_cell"], shell.events.callbacks["post_run_cell"] = before, after
            shell.run_cell("x = 1", store_history=True)
            for _ in range(10):
                begin = time.perf_counter()
                shell.run_cell("x = 1", store_history=True, cell_id="0d1e")
                taken[name].append(time.perf_counter() - begin)
    assert not recorder.failures, recorder.failures
    assert not recorder.follower.failures, recorder.follower.failures
    return {**_beside_the_floor(taken), **(_metrics(rounds * 10) if not history else {})}


def namespaces(rounds: int) -> dict[str, Any]:
    """A cell that calls something, with a hundred names and with fifty large tables beside it."""
    import numpy as np
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from nbops import capture

    shell: Any = InteractiveShell.instance()
    shell.history_manager.enabled = False
    recorder: Any = capture.start(shell)
    time.sleep(1)
    figures = {}
    contents: dict[str, dict[str, Any]] = {
        "100 names": {f"name{place}": [place, str(place)] for place in range(100)},
        "50 frames of 10 MB": {f"frame{place}": pd.DataFrame(np.zeros((12_500, 100))) for place in range(50)},
    }
    for name, content in contents.items():
        for source in ("x = 1", "x = abs(-1)"):
            shell.user_ns.update(content)
            taken: dict[str, list[float]] = {"bare": [], "nbops": []}
            for _ in range(rounds * 10):
                for mode, values in taken.items():
                    on = mode == "nbops"
                    shell.events.callbacks["pre_run_cell"] = [recorder.before] if on else []
                    shell.events.callbacks["post_run_cell"] = [recorder.after] if on else []
                    begin = time.perf_counter()
                    shell.run_cell(source, store_history=True, cell_id="0d1e")
                    values.append(time.perf_counter() - begin)
            bare, recorded = summary(taken["bare"]), summary(taken["nbops"])
            added = {"added_ms": recorded["median_ms"] - bare["median_ms"], "p99_ms": recorded["p99_ms"]}
            figures[f"{source}, {name}"] = added
        for one in content:
            del shell.user_ns[one]
    assert not recorder.failures, recorder.failures
    assert not recorder.follower.failures, recorder.follower.failures
    return figures


def _metrics(times: int) -> dict[str, Any]:
    import nbops

    taken = []
    for step in range(times):
        begin = time.perf_counter()
        nbops.log_metric("loss", 0.5, step=step)
        taken.append(time.perf_counter() - begin)
    return {"log_metric": summary(taken)}


def _beside_the_floor(taken: dict[str, list[float]]) -> dict[str, Any]:
    figures: dict[str, Any] = {name: summary(values) for name, values in taken.items()}
    bare = figures["bare"]["median_ms"]
    for name in ("empty", "nbops"):
        figures[name]["added_ms"] = figures[name]["median_ms"] - bare
    figures["times_the_empty_recorder"] = figures["nbops"]["added_ms"] / figures["empty"]["added_ms"]
    return figures


_SWITCH = """
import sys; sys.path.insert(0, {bench!r})
from pathlib import Path
from nbops import capture
from capture_bench import EmptyRecorder
empty, recorder, events = EmptyRecorder(Path('empty.db')), capture.start(get_ipython()), get_ipython().events
hooks = dict(bare=([], []), empty=([empty.hook], [empty.hook]), nbops=([recorder.before], [recorder.after]))
def switch(name):
    events.callbacks['pre_run_cell'], events.callbacks['post_run_cell'] = map(list, hooks[name])
"""


def kernel_cells(rounds: int, folder: Path) -> dict[str, Any]:
    """A trivial cell in a real kernel, from request to reply."""
    from jupyter_client.manager import KernelManager

    manager: Any = KernelManager(transport="ipc", ip=str(folder / "k"))
    manager.start_kernel(cwd=str(folder))
    client: Any = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        client.execute_interactive(_SWITCH.format(bench=str(Path(__file__).parent)), timeout=60)
        time.sleep(1)
        taken: dict[str, list[float]] = {"bare": [], "empty": [], "nbops": []}
        for _ in range(rounds):
            for name, values in taken.items():
                client.execute(f"switch({name!r})", reply=True, timeout=60)
                for _ in range(10):
                    begin = time.perf_counter()
                    client.execute("x = 1", reply=True, timeout=60)
                    values.append(time.perf_counter() - begin)
        return _beside_the_floor(taken)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


def session(rounds: int) -> dict[str, Any]:
    """Cells of many kinds, as long as a session lasts: what memory and time grow to."""
    from IPython.core.interactiveshell import InteractiveShell

    from nbops import capture

    shell: Any = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_cell("import pandas as pd")
    sources = ("x{0} = {1}", "y = abs(-{1})", "print({1})", "d = pd.DataFrame({{'a': [{1}]}})", "d.loc[0, 'a'] = {1}",
               "l = [{1}] * 10", "l.append(1)", "def f{0}(): return l", "f{0}()", "'shown' + str({1})")  # fmt: skip
    cells = 10_000 if rounds > 5 else 500
    found: dict[str, Any] = {}
    for mode in ("bare", "nbops"):
        recorder: Any = capture.start(shell) if mode == "nbops" else None
        time.sleep(1)
        taken, began = [], _occupied_mb()
        for number in range(cells):
            source = sources[number % len(sources)].format(number // len(sources) % 50, number)
            begin = time.thread_time()
            shell.run_cell(source, store_history=True, cell_id=f"c{number % 200}")
            taken.append(time.thread_time() - begin)
        part = len(taken) // 10
        found[mode] = {
            "grown_mb": _occupied_mb() - began,
            "first_tenth_ms": statistics.median(taken[:part]) * 1e3,
            "last_tenth_ms": statistics.median(taken[-part:]) * 1e3,
        }
        assert recorder is None or not (recorder.failures or recorder.follower.failures)
    return {"cells": cells, **found, "recorder_mb": found["nbops"]["grown_mb"] - found["bare"]["grown_mb"]}


def _occupied_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def printing() -> dict[str, Any]:
    """A hundred megabytes in a thousand pieces, and a hundred thousand lines, into a stream that costs nothing."""
    from IPython.core.interactiveshell import InteractiveShell

    from nbops import capture

    class Free(io.TextIOBase):
        def write(self, text: str) -> int:
            return len(text)

    shell: Any = InteractiveShell.instance()
    sources = {
        "100 MB": "for _ in range(1000): print(big, file=sys.stdout)",
        "100,000 lines": "for _ in range(100_000): print('0123456789', file=sys.stdout)",
    }
    shell.user_ns |= {"sys": sys, "big": "x" * 100_000}
    taken: dict[str, dict[str, list[float]]] = {name: {"bare": [], "nbops": []} for name in sources}
    kept, sys.stdout = sys.stdout, Free()
    try:
        for _ in range(5):
            for mode in ("bare", "nbops"):
                if mode == "nbops":
                    capture.start(shell)
                for name, source in sources.items():
                    begin = time.perf_counter()
                    shell.run_cell(source, store_history=True)
                    taken[name][mode].append(time.perf_counter() - begin)
                capture.stop()
    finally:
        sys.stdout = kept
    return {
        name: {mode: statistics.median(values) * 1e3 for mode, values in modes.items()} for name, modes in taken.items()
    }


def main() -> None:
    """Measure, print the table, write the JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="where to write the figures")
    options.add_argument("--quick", action="store_true", help="fewer rounds, to see that it runs")
    options.add_argument("--part", help="what the child processes of this benchmark are asked for")
    given = options.parse_args()
    rounds = 5 if given.quick else 60
    if given.part:
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "history on": lambda: cells(rounds, history=True),
            "history off": lambda: cells(rounds, history=False),
            "names": lambda: namespaces(rounds),
            "kernel": lambda: kernel_cells(rounds, Path.cwd()),
            "session": lambda: session(rounds),
            "printing": printing,
        }
        print(json.dumps(parts[given.part]()), file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = {
            "cold processes": cold_processes(3 if given.quick else 11, Path(folder)),
            **{part: _in_own_process(part, Path(folder), given.quick) for part in (
                "history on", "history off", "names", "kernel", "session", "printing")},
        }  # fmt: skip
    print(json.dumps(figures, indent=1))
    print("\n".join(f"{case:40} {bar}" for case, bar in BARS.items()))
    if given.json:
        given.json.write_text(json.dumps({"figures": figures, "bars": BARS}, indent=2))


def _in_own_process(part: str, folder: Path, is_quick: bool) -> dict[str, Any]:
    project = folder / part.replace(" ", "-")
    (project / ".nbops").mkdir(parents=True)
    command = [sys.executable, str(Path(__file__).absolute()), "--part", part, *(["--quick"] if is_quick else [])]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        command, cwd=project, check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    figures: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()

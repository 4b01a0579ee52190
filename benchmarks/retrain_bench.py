"""What a retraining run costs beyond the notebook's own compute, beside plain papermill on the same notebook.

    python benchmarks/retrain_bench.py [--json FILE] [--quick]

Plain papermill, cold runs and warm runs take turns, so that a busy moment falls on all of them. CPU seconds of this
process and of every process it started (kernels and the zygote among them) stand beside the wall time, because on a
busy machine they are what can be compared. Run it with compiled bytecode: an environment that compiles while it is
timed imports scikit-learn in 5 s instead of 1.8 s.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import papermill

from nbops.errors import UsageError
from nbops.records import Run
from nbops.retrain import run_notebook, sweep
from nbops.retrain.warm import provisioner
from nbops.settings import load_settings
from nbops.store import open_store

BARS = {
    "warm run, wall beyond the notebook's own compute": "<= 0.5 s on a quiet machine",
    "cold papermill CPU / warm run CPU": ">= 4",
    "sequential papermill wall / 32-run sweep wall": ">= 4",
    "private memory of another warm kernel": "<= 60 MB",
    "a finished sweep asked for again": "<= 1 s",
    "a wrong parameter refused": "<= 100 ms",
    "driver's own CPU per run": "<= 0.15 s",
}

CELLS = [
    (
        "import time\nimport numpy as np\nimport pandas as pd\n"
        "from sklearn.datasets import make_classification\nfrom sklearn.ensemble import GradientBoostingClassifier\n"
        "from sklearn.metrics import roc_auc_score\nfrom sklearn.model_selection import train_test_split\n"
        "began = time.process_time(), time.time()"
    ),
    "X, y = make_classification(2000, 12, random_state=0)\nframe = pd.DataFrame(X)",
    "train, test, y_train, y_test = train_test_split(frame, y, random_state=0)",
    "model = GradientBoostingClassifier(n_estimators=60, max_depth=depth, random_state=0).fit(train, y_train)",
    "auc = roc_auc_score(y_test, model.predict_proba(test)[:, 1])",
    "print(repr(auc))",
    (
        "status = open('/proc/self/smaps_rollup').read()\n"
        "print('own', time.process_time() - began[0], time.time() - began[1])\n"
        "print('private', sum(int(line.split()[1]) for line in status.splitlines() if line.startswith('Private')))"
    ),
]


def write_notebook(folder: Path) -> Path:
    node = nbformat.v4.new_notebook()
    node.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    node.cells = [nbformat.v4.new_code_cell("depth = 3  # 1..8", metadata={"tags": ["parameters"]})]
    node.cells += [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    path = folder / "bench.ipynb"
    nbformat.write(node, path)
    return path


def cpu_of_zygotes() -> float:
    """CPU seconds of our zygotes and of kernels they have reaped; they are nobody's children."""
    ticks = os.sysconf("SC_CLK_TCK")
    ours = f"XDG_RUNTIME_DIR={os.environ['XDG_RUNTIME_DIR']}".encode()
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_zygote = b"nbops.retrain.warm.zygote" in (process / "cmdline").read_bytes().split(b"\0")
            if is_zygote and ours in (process / "environ").read_bytes().split(b"\0"):
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                if fields[1] == "1":
                    total += sum(map(int, fields[11:15]))
        except OSError:
            continue
    return total / ticks


def cpu() -> tuple[float, float]:
    """CPU seconds so far: of this process, and of the kernels."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time(), children.ru_utime + children.ru_stime + cpu_of_zygotes()


def measured(call: Callable[[], Any]) -> dict[str, Any]:
    own, kernels = cpu()
    began = time.perf_counter()
    result = call()
    wall = time.perf_counter() - began
    own_after, kernels_after = cpu()
    return {"wall_s": wall, "driver_cpu_s": own_after - own, "kernel_cpu_s": kernels_after - kernels, "result": result}


def outputs(location: str | None) -> str:
    assert location is not None
    node = nbformat.read(location, as_version=4)
    return "".join(output.get("text", "") for cell in node.cells for output in cell.get("outputs", []))


def middle(rows: list[dict[str, Any]], name: str) -> float:
    return statistics.median(row[name] for row in rows)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--quick", action="store_true")
    options = arguments.parse_args()
    rounds, runs = (3, 4) if options.quick else (7, 32)
    folder = Path(tempfile.mkdtemp(prefix="nbops-bench-"))
    (folder / ".nbops").mkdir()
    os.chdir(folder)
    os.environ["PYTHONHASHSEED"] = "0"
    # Zygotes of its own: what others run on this machine is not counted.
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    settings = load_settings()
    store = open_store(settings)
    notebook = write_notebook(folder)

    def plain(depth: int = 3) -> str:
        output = folder / f"plain-{depth}.ipynb"
        papermill.execute_notebook(str(notebook), str(output), {"depth": depth}, progress_bar=False)
        return str(output)

    def ours(*, cold: bool) -> str | None:
        done = run_notebook(notebook, parameters={"depth": 3}, store=store, settings=settings, cold=cold)
        assert done.status == "finished", done.error
        return done.output

    cases: dict[str, Callable[[], Any]] = {
        "plain papermill": plain,
        "nbops, cold": lambda: ours(cold=True),
        "nbops, warm": lambda: ours(cold=False),
    }
    first = measured(cases["nbops, warm"])
    print(f"first warm run, with the start of its zygote: {first['wall_s']:.2f} s wall")
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, call in cases.items():
            row = measured(call)
            text = outputs(row["result"])
            row["auc"] = text.splitlines()[0]
            row["compute_s"] = float(re.findall(r"own \S+ (\S+)", text)[0])
            row["private_mb"] = int(re.findall(r"private (\d+)", text)[0]) / 1024
            rows[name].append(row)
    print(f"{'':18}{'wall s':>8}{'beyond compute':>16}{'kernel CPU s':>14}{'driver CPU s':>14}{'private MB':>12}")
    for name, measurements in rows.items():
        beyond = statistics.median(row["wall_s"] - row["compute_s"] for row in measurements)
        kernels, driver, private = (middle(measurements, key) for key in ("kernel_cpu_s", "driver_cpu_s", "private_mb"))
        wall = middle(measurements, "wall_s")
        print(f"{name:18}{wall:8.2f}{beyond:16.2f}{kernels:14.2f}{driver:14.2f}{private:12.0f}")
    results = {row["auc"] for measurements in rows.values() for row in measurements}
    print(f"metric in all runs: {', '.join(results)}")

    grid = {"depth": [1 + index % 8 for index in range(runs)]}
    whole = measured(lambda: sweep(notebook, store=store, settings=settings, grid=grid, jobs=2, again=True))
    sequential = measured(lambda: [plain(depth) for depth in grid["depth"]])
    finished = store.count(Run, sweep_id=whole["result"].id, status="finished")
    print(f"{runs}-run sweep, 2 at a time: {whole['wall_s']:.1f} s wall, {finished} finished")
    print(f"sequential papermill: {sequential['wall_s']:.1f} s wall")

    same = measured(lambda: sweep(notebook, store=store, settings=settings, grid=grid, jobs=2))
    began = time.perf_counter()
    try:
        run_notebook(notebook, parameters={"dept": 3}, store=store, settings=settings)
    except UsageError:
        refused = time.perf_counter() - began
    figures = {
        "warm run, wall beyond the notebook's own compute": statistics.median(
            row["wall_s"] - row["compute_s"] for row in rows["nbops, warm"]
        ),
        "cold papermill CPU / warm run CPU": statistics.median(
            (cold["kernel_cpu_s"] + cold["driver_cpu_s"]) / (warm["kernel_cpu_s"] + warm["driver_cpu_s"])
            for cold, warm in zip(rows["plain papermill"], rows["nbops, warm"], strict=True)
        ),
        "sequential papermill wall / 32-run sweep wall": sequential["wall_s"] / whole["wall_s"],
        "private memory of another warm kernel": middle(rows["nbops, warm"], "private_mb"),
        "a finished sweep asked for again": same["wall_s"],
        "a wrong parameter refused": refused * 1000,
        "driver's own CPU per run": whole["driver_cpu_s"] / runs,
    }
    for name, value in figures.items():
        print(f"{name:52}{value:8.2f}   bar {BARS[name]}")
    provisioner.stop_all()
    store.close()
    if options.json:
        machine = {"python": sys.version.split()[0], "cpus": os.cpu_count(), "load": os.getloadavg()[0]}
        script = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
        options.json.write_text(json.dumps({"figures": figures, "bars": BARS, "machine": machine, "script": script}))


if __name__ == "__main__":
    main()

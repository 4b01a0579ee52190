"""Many warm runs, four at a time, with everything inside that forked processes trip over: does any fail, hang or stay?

    python benchmarks/retrain_soak.py [--runs 1000] [--jobs 4]

Estimators with OpenMP, BLAS, threads and worker processes take turns. At the end it counts failed runs, runs that met
their time limit, processes and sockets that were left, and different metrics for equal work.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import nbformat

from nbops.records import Run
from nbops.retrain import sweep
from nbops.retrain.warm import provisioner
from nbops.settings import load_settings
from nbops.store import open_store

KINDS = {
    "gradient boosting": "GradientBoostingClassifier(n_estimators=10, random_state=0)",
    "OpenMP": "HistGradientBoostingClassifier(max_iter=10, random_state=0)",
    "BLAS": "LogisticRegression(max_iter=50)",
    "threads": "RandomForestClassifier(10, n_jobs=2, random_state=0)",
    "loky": "GridSearchCV(LogisticRegression(max_iter=50), {'C': [0.1, 1.0]}, cv=2, n_jobs=2)",
}
CELLS = [
    (
        "import nbops\nimport numpy as np\nimport pandas as pd\nfrom sklearn.datasets import make_classification\n"
        "from sklearn.ensemble import *\nfrom sklearn.linear_model import LogisticRegression\n"
        "from sklearn.model_selection import GridSearchCV"
    ),
    "X, y = make_classification(400, 12, random_state=0)",
    f"model = eval({KINDS!r}[kind]).fit(pd.DataFrame(X), y)",
    "nbops.log_metric('sum', float(np.sum(model.predict_proba(pd.DataFrame(X))[:, 1])))",
]


def left_behind(folder: Path) -> list[str]:
    """Processes that know of this folder and are still there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:100])
        except OSError:
            continue
    return found


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--runs", type=int, default=1000)
    arguments.add_argument("--jobs", type=int, default=4)
    options = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="nbops-soak-"))
    (folder / ".nbops").mkdir()
    os.chdir(folder)
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    settings = load_settings()
    node = nbformat.v4.new_notebook()
    node.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    node.cells = [nbformat.v4.new_code_cell("kind = 'BLAS'\nn = 0", metadata={"tags": ["parameters"]})]
    node.cells += [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbformat.write(node, folder / "soak.ipynb")
    began = time.perf_counter()
    with open_store(settings) as store:
        grid = {"n": list(range(options.runs // len(KINDS))), "kind": list(KINDS)}
        done = sweep(
            folder / "soak.ipynb",
            store=store,
            settings=settings,
            grid=grid,
            jobs=options.jobs,
            timeout_s=300,
            again=True,
        )
        runs = store.find(Run, sweep_id=done.id)
        sums: dict[str, set[float]] = defaultdict(set)
        for run in runs:
            # By name: a fit logs scores of its own beside it.
            sums[store.params(run.id)["kind"]].update(
                metric.value for metric in store.metrics(run.id) if metric.name == "sum"
            )
    seconds = time.perf_counter() - began
    failed = [run.error for run in runs if run.status != "finished"]
    timeouts = sum(error is not None and error.name == "RunTimeout" for error in failed)
    provisioner.stop_all()
    time.sleep(3)
    left = left_behind(folder)
    sockets = [path.name for path in folder.rglob("*.sock")]
    print(f"{len(runs)} runs, {options.jobs} at a time, in {seconds:.0f} s ({seconds / len(runs):.2f} s each)")
    print(f"failed {len(failed)} (bar 0), of these at their time limit {timeouts} (bar 0)")
    print(f"processes left {len(left)} (bar 0), sockets left {len(sockets)} (bar 0)")
    unequal = [kind for kind, found in sums.items() if len(found) > 1]
    print(f"kinds of work with more than one result: {unequal} (bar none)")
    for line in [*map(str, failed[:5]), *left[:5]]:
        print(f"  {line}")
    return int(bool(failed or left or sockets or unequal))


if __name__ == "__main__":
    sys.exit(main())

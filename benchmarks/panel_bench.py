"""How quick the side panel is on a store of 100,000 runs, and how soon a run of any process is seen in it.

Bars: first rows 150 ms after opening; filter, sort and jump to the end 200 ms; a scrolled frame 33 ms (p95) with at
most 300 DOM nodes and 10 MB more heap; a closed panel costs no request, 40 kB of JavaScript and 2 % of a page load;
from a run's commit to its row 300 ms (p95), with none lost of 1,000. The floor beside them is the store's own answer to
the same questions in this process. A page load is one of an empty browser until the list of files is drawn, by turns
with the extension and without it.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "labextension" / "journeys"))

from lab import serving  # noqa: E402  it stands beside the browser's side, not in a package

LIVE = """
import time, nbops
for number in range({events}):
    with nbops.run(f"live {kind} {{time.time() * 1000:.0f}}"):
        pass
    time.sleep({pause_s})
"""


def fill(folder: Path, runs: int) -> dict[str, float]:
    """Write runs with a parameter and a metric, and time the store's own answers."""
    from nbops.records import Metric, Param, Run, new_id
    from nbops.settings import load_settings
    from nbops.store import open_store

    (folder / ".nbops").mkdir(parents=True, exist_ok=True)
    store = open_store(load_settings(folder, env={}))
    chance, now = random.Random(7), time.time() - runs
    for first in range(0, runs, 2000):
        batch = [
            Run(
                id=new_id(), name=f"run {number}", kind="named", status="finished", started_at=now + number,
                ended_at=now + number + 1, notebook="churn.ipynb",
            )
            for number in range(first, min(first + 2000, runs))
        ]  # fmt: skip
        store.put(*batch)
        store.log_params([Param(run_id=run.id, name="depth", value=i % 16, at=now) for i, run in enumerate(batch)])
        store.log_metrics(
            [Metric(run_id=run.id, name="accuracy", step=None, value=chance.random(), at=now) for run in batch]
        )
    questions: dict[str, dict[str, Any]] = {
        "open": {},
        "filter": {"where": "metrics.accuracy > 0.9 and params.depth = 3"},
        "sort": {"order_by": "-metrics.accuracy"},
        "end": {"offset": max(0, runs - 50)},
    }
    floor = {
        name: _median_ms(lambda q=question: store.search_runs(**q, limit=50)) for name, question in questions.items()
    }
    store.close()
    return floor


def _median_ms(ask: Any) -> float:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def write_notebook(path: Path, *sources: str) -> None:
    """Write a notebook of these cells."""
    import nbformat

    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def measure(runs: int, events: int, rounds: int) -> dict[str, Any]:
    """Fill a project, drive the panel on it, and let four kinds of process record meanwhile."""
    with tempfile.TemporaryDirectory() as scratch, serving(Path(scratch)) as lab:
        floor = fill(lab.folder, runs)
        pause_s = 0.4
        live_s = 25 + events * pause_s
        snippet = {kind: LIVE.format(kind=kind, events=events, pause_s=pause_s) for kind in KINDS}
        write_notebook(lab.folder / "kernel.ipynb", "%load_ext nbops", snippet["kernel"])
        write_notebook(lab.folder / "papermill.ipynb", "%load_ext nbops", snippet["papermill"])
        write_notebook(lab.folder / "nbclient.ipynb", "%load_ext nbops", snippet["nbclient"])
        (lab.folder / "script.py").write_text(snippet["script"])
        # They start when the browser has looked at everything else; a slow start only spreads them.
        others = subprocess.Popen([sys.executable, __file__, "--record", str(lab.folder)], cwd=lab.folder)
        try:
            found = lab.journey(
                "measure", timeout_s=live_s + 180, rounds=rounds, live_s=live_s, notebook="kernel.ipynb"
            )
        finally:
            others.terminate()
            others.wait()
    return {**found, "floor_ms": floor, "asked_events": events * len(KINDS)}


def measure_loads(loads: int) -> dict[str, list[float]]:
    """Load JupyterLab with the extension and without it, by turns; milliseconds of each load."""
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        serving(Path(one)) as lab,
        serving(Path(other), with_nbops=False) as bare,
    ):
        without = f"{bare.address}/lab?token={bare.token}"
        found = lab.journey("page-load", timeout_s=120 + 30 * loads, without=without, loads=loads)
    load_ms: dict[str, list[float]] = found["load_ms"]
    return load_ms


KINDS = ("kernel", "papermill", "nbclient", "script")


def record(folder: Path) -> None:
    """Wait until the browser's own kernel records, then let the other kinds of process join."""
    from nbops.settings import load_settings
    from nbops.store import open_store

    store = open_store(load_settings(folder, env={}), read_only=True)
    while store.count_runs('name ~ "live kernel"') == 0:
        time.sleep(0.2)
    store.close()
    commands = [
        [sys.executable, "-m", "nbops", "retrain", "papermill.ipynb"],
        [sys.executable, "-m", "jupyter", "execute", "nbclient.ipynb"],
        [sys.executable, "script.py"],
    ]
    processes = [subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) for command in commands]
    for process in processes:
        process.wait()


def table(found: dict[str, Any]) -> list[tuple[str, float, float, float]]:
    """Every figure with its bar and the store's floor."""
    floor = found["floor_ms"]
    latencies = [latency for _, latency in found["live"]]
    loads = found["load_ms"]
    shares = [one / other - 1 for one, other in zip(loads["with"], loads["without"], strict=True)]
    return [
        ("first rows after opening, ms", found["open_ms"], 150, floor["open"]),
        ("filter, ms (median)", statistics.median(found["filter_ms"]), 200, floor["filter"]),
        ("sort, ms (median)", statistics.median(found["sort_ms"]), 200, floor["sort"]),
        ("jump to the end, ms (median)", statistics.median(found["end_ms"]), 200, floor["end"]),
        ("scrolled frame, ms (p95)", found["frame_ms"]["p95"], 33, 16.7),
        ("DOM nodes", found["dom_nodes"], 300, 0),
        ("heap growth, MB", found["heap_growth_bytes"] / 1e6, 10, 0),
        ("requests while closed", found["closed"]["requests"], 0, 0),
        ("JavaScript while closed, kB", found["closed"]["javascript_bytes"] / 1e3, 40, 0),
        ("share of a page load, % (median)", 100 * statistics.median(shares), 2, 0),
        ("commit to row, ms (p95)", _p95(latencies), 300, 0),
        (f"lost of {found['asked_events']:,} events", found["asked_events"] - found["listed"], 0, 0),
    ]


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))] if values else float("nan")


def main() -> None:
    """Measure, print a table, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=250, help="per kind of process")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loads", type=int, default=15, help="pairs of page loads")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.record:
        record(given.record)
        return
    found = {"load_ms": measure_loads(given.loads), **measure(given.runs, given.events, given.rounds)}
    for name, value, bar, floor in table(found):
        print(f"{name:34} {value:10.1f}   bar {bar:6.0f}   floor {floor:7.1f}   {'ok' if value <= bar else 'OVER'}")
    if given.json:
        given.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()

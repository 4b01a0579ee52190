"""What the store costs, beside the machine's own floor (a bare commit of a bare row) and beside other trackers.

    python benchmarks/store_bench.py [--json FILE] [--quick]

Each round measures every case in turn, the peers' too, so that a busy moment falls on all of them; the figures are
medians of rounds.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from peers import Peer, peers

from nbops.records import CellExecution, Metric, OutputSummary, Run, new_id
from nbops.store.sql import LOG_METRIC, LOG_PARAM
from nbops.store.sqlite import SqliteStore
from nbops.store.tables import param_row, table_of

RUNS, PARAMS, METRICS = 20_000, 5, 5
CELLS = 1_000_000

BARS = {
    "cell, open and close": "<= 3 x two bare commits for the whole recorder",
    "log_metric": "<= 100 us, and MLflow >= 100 x",
    "run start + end": "<= 5,000 us",
    "search, filter and order by metrics": "<= 20,000 us, and MLflow >= 200 x",
    "search, filter and order by metrics [beside cells]": "< 2 x without them",
}


def timed(call: Callable[[], object], times: int) -> float:
    """Median of one call in microseconds."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken) * 1e6


def bare_commit(folder: Path) -> Callable[[], object]:
    """The floor: one row of one column in write-ahead logging with ``synchronous=NORMAL``."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE bare (row TEXT)")

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO bare VALUES ('x')")
        connection.execute("COMMIT")

    return commit


def write_cases(folder: Path) -> dict[str, Callable[[], object]]:
    """The writes that stand in a user's cell, and a run's two ends."""
    store = SqliteStore(folder / "store.db")
    run = Run(id=new_id(), name="session", kind="session", started_at=time.time())
    store.put(run)
    position = iter(range(1, 1 << 60))

    def cell() -> None:
        key = new_id()
        store.hot.open_cell(
            CellExecution(id=key, run_id=run.id, position=next(position), source="x = 1", started_at=time.time(), pid=1)
        )
        store.hot.close_cell(key, status="ok", ended_at=time.time(), error=None, outputs=OutputSummary(text="1"))

    def whole_run() -> None:
        made = Run(id=new_id(), name="r", kind="named", started_at=time.time())
        store.put(made)
        store.update(Run, made.id, status="finished", ended_at=time.time())

    def batch() -> None:
        store.log_metrics([Metric(run_id=run.id, name="loss", step=n, value=0.1, at=1.0) for n in range(100)])

    return {
        "cell, open and close": cell,
        "log_metric": lambda: store.hot.log_metric(run.id, "loss", 0.5, step=1, at=time.time()),
        "log_param": lambda: store.hot.log_param(run.id, "depth", 4, at=time.time()),
        "log_metrics, 100 values": batch,
        "run start + end": whole_run,
        "last_change": store.last_change,
        "version": store.version,
    }


def filled(folder: Path, runs: int) -> SqliteStore:
    """A store with many finished runs."""
    store = SqliteStore(folder / "many.db")
    chance = random.Random(0)
    begin = time.time() - runs

    def work(execute: Callable[..., int]) -> None:
        table = table_of(Run)
        for number in range(runs):
            run = Run(
                id=f"{number:032x}", name=f"run{number}", kind="named", status="finished", started_at=begin + number,
                ended_at=begin + number + 5, notebook=f"n{number % 7}.ipynb", user="ada", host="h", git_commit="c" * 40,
            )  # fmt: skip
            execute(table.upsert, table.row(run))
            for p in range(PARAMS):
                execute(LOG_PARAM, (run.id, f"p{p}", *param_row(chance.choice([1, 2, 4, 8, 0.1, "adam"])), begin))
            for m in range(METRICS):
                execute(LOG_METRIC, (run.id, f"m{m}", None, chance.random(), begin))

    store._write(work)
    store.upkeep()
    return store


def add_cells(store: SqliteStore, runs: int, cells: int) -> None:
    """Many cell rows: half of them spread over all runs, half in the newest one."""
    table = table_of(CellExecution)
    connection = sqlite3.connect(store.path, isolation_level=None)
    connection.execute("BEGIN")
    connection.executemany(
        table.upsert,
        (
            table.row(
                CellExecution(
                    id=f"{n:032x}", run_id=f"{(n % runs) if n % 2 else runs - 1:032x}", position=n,
                    source="x = f(y)\n" * 4, status="ok", started_at=1.0, host="h", pid=1,
                )
            )
            for n in range(cells)
        ),
    )  # fmt: skip
    connection.execute("COMMIT")
    connection.close()


SEARCHES: dict[str, tuple[str, str | None]] = {
    "search, filter and order by metrics": ("metrics.m0 > 0.5", "-metrics.m1"),
    "search, selective filter": ("metrics.m0 > 0.999", "-metrics.m1"),
    "search, params and metrics": ("metrics.m0 > 0.5 and params.p0 = 4 and params.p1 = adam", "metrics.m1"),
    "search, default order": ("metrics.m0 > 0.5", None),
    "search, or and not": ("(metrics.m0 > 0.9 or params.p0 = 8) and not params.p1 = 2", "-metrics.m2"),
    "search, order by param and metric": ("metrics.m0 > 0.5", "params.p0,-metrics.m1"),
    "search, by time": ("started_at > '2 hours ago'", "-duration_s"),
}


PEERS_TIMES = {"log_metric": 30, "run start + end": 5}
"""How often a peer is asked in each round: it takes what hundreds of ours take."""
PEERS_SEARCHES = 2
"""How often MLflow searches: once takes it ten seconds and more."""


def measure(rounds: int, runs: int, cells: int) -> dict[str, float]:
    """Run every case in every round; microseconds per call."""
    with tempfile.TemporaryDirectory() as name, peers(Path(name) / "peers") as others:
        folder = Path(name)
        cases = {"bare commit (floor)": bare_commit(folder), **write_cases(folder)}
        taken: dict[str, list[float]] = {}
        for _ in range(rounds):
            for case, call in cases.items():
                taken.setdefault(case, []).append(timed(call, 50 if "run start" in case or "100" in case else 500))
            for peer in others:
                for case, times in PEERS_TIMES.items():
                    median = statistics.median(peer.ask(case, times)) * 1e6
                    taken.setdefault(f"{peer.name}: {case}", []).append(median)
        store = filled(folder, runs)
        mlflow = next((peer for peer in others if peer.name == "MLflow"), None)
        if mlflow is not None:
            mlflow.ask("fill", runs, PARAMS, METRICS)
        _searches(store, rounds, taken, "{}", peer=mlflow)
        add_cells(store, runs, cells)
        _searches(store, rounds, taken, "{} [beside cells]")
        store.close()
    return {case: statistics.median(values) for case, values in taken.items()}


def _searches(
    store: SqliteStore, rounds: int, taken: dict[str, list[float]], label: str, *, peer: Peer | None = None
) -> None:
    for where, order in SEARCHES.values():
        store.search_runs(where, order_by=order)
    for number in range(rounds):
        if peer is not None and number < PEERS_SEARCHES:
            (seconds,) = peer.ask("search", 1)
            taken.setdefault("MLflow: search, filter and order by metrics", []).append(seconds * 1e6)
        for case, (where, order) in SEARCHES.items():

            def search(where: str = where, order: str | None = order) -> object:
                return store.search_runs(where, order_by=order, limit=100)

            taken.setdefault(label.format(case), []).append(timed(search, 3))


def _beside(case: str, figures: dict[str, float]) -> str:
    """The case's bar; for a peer, how many times as long it takes."""
    _, sign, ours = case.partition(": ")
    if sign and ours in figures:
        return f"{figures[case] / figures[ours]:,.0f} x nbops"
    return BARS.get(case, "")


def main() -> None:
    """Measure, print the table, write the JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="where to write the figures")
    options.add_argument("--quick", action="store_true", help="fewer rounds and rows, to see that it runs")
    given = options.parse_args()
    rounds, runs, cells = (2, 1_000, 10_000) if given.quick else (7, RUNS, CELLS)
    figures = measure(rounds, runs, cells)
    floor = figures["bare commit (floor)"]
    for case, value in figures.items():
        print(f"{case:52} {value:12,.1f} us  {value / floor:10,.1f} x floor   {_beside(case, figures)}")
    print(f"{runs:,} runs, {cells:,} cells, medians of {rounds} rounds")
    if given.json:
        given.json.write_text(json.dumps({"unit": "us", "runs": runs, "cells": cells, "figures": figures}, indent=2))


if __name__ == "__main__":
    main()

"""What it costs to know what a cell did to its names, and how much of it is found.

    python benchmarks/data_changes_bench.py [--json FILE] [--quick]

Milliseconds that looking at the namespace before and after a trivial cell adds, with 100 names, 10,000 names and 50
frames of 10 MB; the floor is comparing the identities of all names, which sees no change inside an object. Then the
share of the cases of ``tests/data`` that are found, and the share of what is reported wrongly, beside two simpler ways:
identities alone, and joblib's hash of the names that the cell mentions.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from report import report

from nbops.data import Watch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "data"))
BARS = {"100 names, ms": "<= 0.5 with all of the recorder", "50 frames of 10 MB, ms": "<= 3, p99 <= 10"}


def added_ms(namespace: dict[str, Any], reads: set[str], cells: int) -> tuple[float, float]:
    """Median and 99th percentile of what watching adds to a cell that binds one name."""
    watch, taken = Watch(), []
    for cell in range(cells + 3):
        begin = time.perf_counter()
        watch.before(namespace, reads=reads, binds={"x"})
        between = time.perf_counter()
        namespace["x"] = cell
        again = time.perf_counter()
        watch.after(namespace)
        taken.append((time.perf_counter() - again + between - begin) * 1e3)
    ordered = sorted(taken[3:])
    return statistics.median(ordered), ordered[int(len(ordered) * 0.99)]


def identities_ms(namespace: dict[str, Any]) -> float:
    """The floor: identities of all names before and after."""
    taken = []
    for _ in range(200):
        begin = time.perf_counter()
        before = {name: id(thing) for name, thing in namespace.items()}
        _changed = [name for name, thing in namespace.items() if before[name] != id(thing)]
        taken.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(taken)


def by_identity(namespace: dict[str, Any], cell: str) -> set[str]:
    """Changed names by identity alone."""
    before = {name: id(thing) for name, thing in namespace.items()}
    exec(cell, namespace)
    return {name for name, thing in namespace.items() if before.get(name) != id(thing)}


def by_hash_of_mentioned(namespace: dict[str, Any], cell: str) -> set[str]:
    """Changed names by identity, and by joblib's hash of those that the cell mentions."""
    from test_changes import names_in

    def hashed() -> dict[str, Any]:
        found = {}
        for name in names_in(cell)[0] & namespace.keys():
            try:
                found[name] = joblib.hash(namespace[name])
            except Exception:  # noqa: BLE001 - what cannot be pickled cannot be hashed, and raises anything
                found[name] = None
        return found

    before = hashed()
    changed = by_identity(namespace, cell)
    return changed | {name for name, value in hashed().items() if before.get(name) != value}


def by_watch(namespace: dict[str, Any], cell: str) -> set[str]:
    """Changed names as nbops tells them."""
    from test_changes import names_in

    watch = Watch(budget_s=1)
    reads, binds = names_in(cell)
    watch.before(namespace, reads=reads, binds=binds)
    exec(cell, namespace)
    return set(watch.after(namespace).writes)


def accuracy(way: Callable[[dict[str, Any], str], set[str]]) -> tuple[float, float]:
    """Share of the cases found, and share of the reported names that are wrong."""
    from test_changes import SETUP, cases

    found = wrong = reported = count = 0
    for case in cases("cells_that_change.txt") + [(*c.values, "") for c in cases("cells_that_look.txt")]:
        setup, cell, expected = case.values if hasattr(case, "values") else case
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(SETUP + setup, namespace)
        with contextlib.redirect_stdout(io.StringIO()):
            told = {name for name in way(namespace, cell) if not name.startswith("_")}
        truth = set(expected.split())
        count += bool(truth)
        found += bool(truth) and truth <= told
        wrong += len(told - truth)
        reported += len(told)
    return found / count, wrong / reported


def main() -> None:
    """Print the table, and write it as JSON when asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="frames of 1 MB")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = 12_500 if options.quick else 125_000
    few = {f"n{place}": [place, 1.5, "text", [place], {"a": place}][place % 5] for place in range(100)}
    many = {f"n{place}": [place, 1.5, "text", [place], {"a": place}][place % 5] for place in range(10_000)}
    frames: dict[str, Any] = {f"df{place}": pd.DataFrame(np.random.rand(rows, 10)) for place in range(50)}
    figures: dict[str, Any] = {"floor: identities of 100 names, ms": identities_ms(few)}
    for name, namespace, reads, cells in (
        ("100 names", few, set(), 1000),
        ("100 names, a list is read", few, {"n3"}, 1000),
        ("10,000 names", many, set(), 50),
        ("50 frames of 10 MB", frames, set(), 300),
        ("50 frames of 10 MB, one is read", frames, {"df3"}, 300),
    ):
        figures[f"{name}, ms"], figures[f"{name}, p99 ms"] = added_ms(namespace, reads, cells)
    for name, way in {
        "identity": by_identity,
        "joblib.hash of mentioned": by_hash_of_mentioned,
        "nbops": by_watch,
    }.items():
        figures[f"found, {name}"], figures[f"wrong, {name}"] = accuracy(way)
    report(figures, BARS, options.json)


if __name__ == "__main__":
    main()

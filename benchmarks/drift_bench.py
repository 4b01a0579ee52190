"""Drift of 1,000,000 x 20 rows, and how often windows without drift raise an alarm.

    python benchmarks/drift_bench.py [--json FILE] [--quick]

Fifteen numeric columns (bell-shaped, skewed, heavy-tailed, tied, two with gaps), five of texts with 3 to 1,000 values.
Three columns drift: ``num_0`` by 0.2 standard deviations, ``num_5`` by a factor of 1.25, ``cat_3`` by 8 % of its mass.
The floor is reading every number once. The peer is what one writes by hand with scipy and pandas: ``ks_2samp`` and
``chi2_contingency`` with Benjamini and Hochberg's correction. nbops compares with a stored profile, as it does for an
endpoint; what the profile costs at training is shown too.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats
from report import report

from nbops.data import Profile, profile_of
from nbops.monitor import drift

ROWS = 1_000_000
DRIFTED = {"num_0", "num_5", "cat_3"}
BARS = {
    "drift against a stored profile, s": "<= 0.2",
    "extra memory, MB": "<= 50",
    "windows of 1,000 rows without drift that raise an alarm": "<= 0.05",
}


def table(seed: int, rows: int, *, drifted: bool = False) -> pd.DataFrame:
    """Twenty columns, three of which drift."""
    rng = np.random.default_rng(seed)
    draws = [
        rng.standard_normal,
        rng.standard_exponential,
        lambda n: rng.standard_t(4, n),
        lambda n: rng.lognormal(size=n),
    ]
    columns: dict[str, Any] = {}
    for place in range(15):
        values = rng.standard_normal(rows) if place in (0, 5) else draws[place % 4](rows)
        values = np.round(values, 1) if place in (4, 9) else values
        values[rng.random(rows) < (0.02 if place in (3, 7) else 0)] = np.nan
        columns[f"num_{place}"] = values
    for place, many in enumerate((3, 5, 20, 100, 1000)):
        codes = rng.integers(0, many, rows)
        if drifted and place == 3:
            codes = np.where(rng.random(rows) < 0.08, codes % 10, codes)
        columns[f"cat_{place}"] = (
            pd.Series([f"value_{number}" for number in range(many)], dtype="str").take(codes).array
        )
    if drifted:
        columns["num_0"] += 0.2
        columns["num_5"] *= 1.25
    return pd.DataFrame(columns)


def by_hand(reference: pd.DataFrame, current: pd.DataFrame) -> set[str]:
    """Find drifted columns with scipy and pandas."""
    p_values = {}
    for name in reference:
        if name.startswith("num"):
            before, after = reference[name].dropna(), current[name].dropna()
            p_values[name] = scipy.stats.ks_2samp(before, after, method="asymp").pvalue
        else:
            counts = pd.concat([reference[name].value_counts(), current[name].value_counts()], axis=1).fillna(0)
            p_values[name] = scipy.stats.chi2_contingency(counts.to_numpy().T + 0.0).pvalue
    corrected = scipy.stats.false_discovery_control(list(p_values.values()))
    return {name for name, p_value in zip(p_values, corrected, strict=True) if p_value <= 0.05}


def ours(reference: Profile, current: pd.DataFrame) -> set[str]:
    """Find drifted columns with nbops."""
    return {column.column for column in drift(reference, current) if column.drifted}


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def peak_mb(call: Callable[[], object]) -> float:
    """Most memory that Python and numpy held beyond the start."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def false_alarms(windows: int, *, rows: int, window_rows: int) -> tuple[float, dict[str, float]]:
    """Share of windows without drift that raise an alarm, and of windows with drift that find it."""
    alarms, found = 0, dict.fromkeys(sorted(DRIFTED), 0)
    reference = profile_of(table(0, rows))
    for window in range(windows):
        if window % 20 == 0:
            reference = profile_of(table(1_000_000 + window, rows))
        alarms += bool(ours(reference, table(1 + window, window_rows)))
        if window % 10 == 0:
            for name in ours(reference, table(1 + window, window_rows, drifted=True)) & DRIFTED:
                found[name] += 1
    return alarms / windows, {name: count / (windows // 10) for name, count in found.items()}


def main() -> None:
    """Print the table, and write it as JSON when asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows and windows")
    options = parser.parse_args()
    rows, windows, rounds = (ROWS // 10, 200, 3) if options.quick else (ROWS, 2_000, 5)
    reference, current, same = table(0, rows), table(1, rows, drifted=True), table(2, rows)
    numbers = [current[name].to_numpy() for name in current if name.startswith("num")]
    profile = profile_of(reference)
    cases: dict[str, Callable[[], object]] = {
        "floor: read every number once, s": lambda: [array.sum() for array in numbers],
        "profile at training, s": lambda: profile_of(reference),
        "drift against a stored profile, s": lambda: drift(profile, current),
        "scipy and pandas by hand, s": lambda: by_hand(reference, current),
    }
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, call in cases.items():
            taken[name].append(seconds(call))
    figures: dict[str, Any] = {name: statistics.median(times) for name, times in taken.items()}
    figures["profile as JSON, kB"] = len(profile.to_json()) / 1e3
    figures["extra memory, MB"] = peak_mb(lambda: drift(profile, current))
    hit, mistaken = ours(profile, current), ours(profile, same)
    figures["true drifts found, of 3"] = len(hit & DRIFTED)
    figures["false columns, of 17"] = len(hit - DRIFTED)
    figures["false columns without drift, of 20"] = len(mistaken)
    figures["by hand: true, false, false without drift"] = [
        len(by_hand(reference, current) & DRIFTED),
        len(by_hand(reference, current) - DRIFTED),
        len(by_hand(reference, same)),
    ]
    for reference_rows in (50_000, 1_000):
        share, found = false_alarms(windows, rows=reference_rows, window_rows=1_000)
        what = f"of {windows} windows, reference of {reference_rows:,}"
        figures[f"alarms without drift, {what}"] = share
        figures[f"drifts found, {what}"] = found
    report(figures, BARS, options.json)


if __name__ == "__main__":
    main()

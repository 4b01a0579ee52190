"""How fast a table gets its version, beside the machine's floor and the hashes that are installed anyway.

    python benchmarks/data_bench.py [--json FILE] [--quick]

Gigabytes per second of the table's own memory, medians over interleaved rounds. The floors are reading the numbers once
(``numpy.sum``) and hashing them as one flat buffer (xxh3_128). Only nbops' digest is free of memory layout and knows
column names and dtypes; joblib's and pandas' are what people use for want of one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import xxhash
from report import report

from nbops.data import fingerprint, profile_of, signature_of

BARS = {"numeric": ">= 4 GB/s", "texts": ">= 1.5 GB/s", "objects": "<= 0.05 s, sampled"}


def tables(megabytes: int) -> dict[str, pd.DataFrame]:
    """Frames of about the given size: numbers; numbers and texts in Arrow; the same with texts as Python objects."""
    rng = np.random.default_rng(0)
    rows = megabytes * 1_000_000 // 96
    numbers = pd.DataFrame({f"n{place}": rng.standard_normal(rows) for place in range(12)})
    gaps = numbers.mask(rng.random(numbers.shape) < 0.02)
    rows = megabytes * 1_000_000 // 104
    names = np.array([f"customer number {number}" for number in range(99_999)], dtype=object)
    towns = np.array([f"town {number}" for number in range(999)], dtype=object)
    columns: dict[str, Any] = {f"n{place}": rng.standard_normal(rows) for place in range(6)}
    columns |= {"name": names[rng.integers(0, len(names), rows)], "town": towns[rng.integers(0, len(towns), rows)]}
    objects = pd.DataFrame(columns).astype({"name": object, "town": object})
    return {
        "numeric": numbers,
        "numeric with gaps": gaps,
        "texts": objects.astype({"name": "str", "town": "str"}),
        "objects": objects,
    }


def size_gb(frame: pd.DataFrame) -> float:
    """The memory of a frame's values in gigabytes."""
    return float(frame.memory_usage(index=False, deep=True).sum()) / 1e9


def flat(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """The numbers of a frame as one buffer."""
    return np.ascontiguousarray(frame.select_dtypes("number").to_numpy().T)


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def main() -> None:
    """Print the table, and write it as JSON when asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="10 MB instead of 100 MB")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    for name, frame in tables(10 if options.quick else 100).items():
        buffer = flat(frame)
        cases: dict[str, tuple[float, Callable[[], object]]] = {
            "floor: read": (buffer.nbytes / 1e9, buffer.sum),
            "floor: xxh3_128 of the numbers": (buffer.nbytes / 1e9, lambda b=buffer: xxhash.xxh3_128_digest(b)),
            "nbops": (size_gb(frame), lambda f=frame: fingerprint(f)),
            "pandas hash_pandas_object": (size_gb(frame), lambda f=frame: pd.util.hash_pandas_object(f).sum()),
            "joblib.hash": (size_gb(frame), lambda f=frame: joblib.hash(f)),
        }
        taken: dict[str, list[float]] = {case: [] for case in cases}
        for _ in range(3):
            for case, (_, call) in cases.items():
                taken[case].append(seconds(call))
        for case, (size, _) in cases.items():
            figures[f"{name}, {case}, GB/s"] = size / statistics.median(taken[case])
        figures[f"{name}, nbops, s"] = statistics.median(taken["nbops"])
        figures[f"{name}, evidence"] = fingerprint(frame).evidence
        figures[f"{name}, profile, s"] = seconds(lambda f=frame: profile_of(f))
        figures[f"{name}, signature, s"] = seconds(lambda f=frame: signature_of(f))
    report(figures, BARS, options.json)


if __name__ == "__main__":
    main()

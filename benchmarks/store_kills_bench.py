"""The long form of two tests: 200 processes killed at random moments, and 8 that write 1,000 cells each at once.

    python benchmarks/store_kills_bench.py [--json FILE] [--kills 200] [--cells 1000]

After each kill the store passes its integrity check and holds every write that had returned.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests" / "store" / "test_together.py"


def main() -> int:
    """Run both, print what came out, write the JSON; returns pytest's code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="where to write the outcome")
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--cells", type=int, default=1_000)
    given = options.parse_args()
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(TESTS), "-k", "killed or eight", "--timeout", "900"],
        env={**os.environ, "STORE_KILLS": str(given.kills), "STORE_CELLS": str(given.cells)},
        check=False,
    )
    seconds = time.perf_counter() - begin
    outcome = "nothing lost" if done.returncode == 0 else "FAILED"
    print(f"{given.kills} kills, 8 x {given.cells} cells at once: {outcome}, {seconds:.1f} s")
    if given.json:
        given.json.write_text(json.dumps({**vars(given), "json": None, "passed": done.returncode == 0, "s": seconds}))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

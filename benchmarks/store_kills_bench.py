"""The long form of three tests: 200 processes killed, and 8 processes and 8 kernels with 1,000 cells each at once.

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

TESTS = Path(__file__).parent.parent / "tests"
FILES = [TESTS / "store" / "test_together.py", TESTS / "capture" / "test_team.py"]


def main() -> int:
    """Run them, print what came out, write the JSON; returns pytest's code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="where to write the outcome")
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--cells", type=int, default=1_000)
    given = options.parse_args()
    begin = time.perf_counter()
    sizes = {"STORE_KILLS": given.kills, "STORE_CELLS": given.cells, "KERNEL_CELLS": given.cells}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *map(str, FILES), "-k", "killed or eight", "--timeout", "900"],
        env={**os.environ, **{name: str(size) for name, size in sizes.items()}},
        check=False,
    )
    seconds = time.perf_counter() - begin
    outcome = "nothing lost" if done.returncode == 0 else "FAILED"
    print(f"{given.kills} kills, 2 x 8 x {given.cells} cells at once: {outcome}, {seconds:.1f} s")
    if given.json:
        given.json.write_text(json.dumps({**vars(given), "json": None, "passed": done.returncode == 0, "s": seconds}))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

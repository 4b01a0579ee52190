"""Run every benchmark, one after another: ``python -m benchmarks [NAME …]``, with results as JSON beside the tables.

Benchmarks measure a figure together with the machine's floor and the peers that are installed, in one interleaved run;
read ratios first. Nothing here is a test.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS = FOLDER.parent / "artifacts" / "benchmarks"


def main(wanted: list[str]) -> int:
    """Run the named benchmarks, or all, and return the number that failed."""
    scripts = sorted(
        path for path in FOLDER.glob("*_bench.py") if not wanted or path.stem.removesuffix("_bench") in wanted
    )
    RESULTS.mkdir(parents=True, exist_ok=True)
    failed = 0
    for script in scripts:
        print(f"» {script.stem}", flush=True)
        command = [sys.executable, str(script), "--json", str(RESULTS / f"{script.stem}.json")]
        failed += subprocess.run(command, cwd=FOLDER.parent, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

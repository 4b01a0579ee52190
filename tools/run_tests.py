"""Run every check of the project and say at the end what passed: ``python tools/run_tests.py [--only PART]``.

Style, types, import direction and the TypeScript tests run first and quickly; pytest spreads over the cores. With
``NBOPS_REQUIRE_ALL=1`` a test that would be skipped fails instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"

PARTS: dict[str, list[list[str]]] = {
    "lint": [
        [str(BIN / "ruff"), "check", "."],
        [str(BIN / "ruff"), "format", "--check", "."],
        [str(BIN / "lint-imports")],
        [str(BIN / "mypy")],
    ],
    "typescript": [[str(BIN / "python"), str(ROOT / "tools" / "jlpm.py"), script] for script in ("check", "test")],
    # loadgroup keeps tests that share a costly thing (a cluster, an image) on one worker.
    "python": [[str(BIN / "python"), "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-q"]],
}


def main() -> int:
    """Run the parts in order and stop at the first that fails."""
    wanted = sys.argv[2:] if sys.argv[1:2] == ["--only"] else list(PARTS)
    for part in wanted:
        for command in PARTS[part]:
            started = time.monotonic()
            print(f"» {Path(command[0]).name} {' '.join(command[1:])}", flush=True)  # noqa: T201
            code = subprocess.run(command, cwd=ROOT, env=_environment(), check=False).returncode
            print(f"  {time.monotonic() - started:.1f} s", flush=True)  # noqa: T201
            if code:
                return code
    return 0


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


if __name__ == "__main__":
    sys.exit(main())

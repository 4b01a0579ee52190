"""Cells from texts, namespaces, and live sessions in processes of their own."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from nbops.source import SourceCell


def cells_of(*sources: str) -> list[SourceCell]:
    return [SourceCell(index=index, source=source) for index, source in enumerate(sources, 1)]


def ran(*sources: str, status: str = "ok") -> list[SourceCell]:
    return [
        SourceCell(index=index, source=source, status=status, execution_id=f"e{index}", execution_count=index)
        for index, source in enumerate(sources, 1)
    ]


def namespace_of(*sources: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for source in sources:
        exec(compile(source, "<cell>", "exec", dont_inherit=True), namespace)
    return namespace


@functools.cache
def live_report(path: Path, cases: str) -> dict[str, Any]:
    session = Path(__file__).with_name("session.py")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(session), str(path), cases],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
            cwd=folder,
        )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.rpartition("\0")[2])
    return report

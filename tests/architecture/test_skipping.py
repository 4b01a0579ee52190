"""The one rule for what is missing: a visible line for each skipped test, a failure where everything is required."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("required", "code", "said"),
    [
        ({}, 0, "no HAProxy: apt-get install haproxy"),
        ({"NBOPS_REQUIRE_ALL": "1"}, 1, "NBOPS_REQUIRE_ALL is set, and test_it.py::test_it was skipped: "),
    ],
    ids=["skipped with a line", "failed where all is required"],
)
def test_a_missing_component_is_told(tmp_path: Path, required: dict[str, str], code: int, said: str) -> None:
    shutil.copy(TESTS / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text("import pytest\n@pytest.mark.haproxy\ndef test_it(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = haproxy: needs HAProxy\nasyncio_mode = auto\n")
    (tmp_path / "bin").mkdir()  # a path without any program
    # Whatever is required of the suite that this test is part of.
    env = {key: value for key, value in os.environ.items() if key != "NBOPS_REQUIRE_ALL"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "test_it.py"],
        env=env | {"PATH": str(tmp_path / "bin"), "PYTHONPATH": str(TESTS / "plugins"), **required},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout

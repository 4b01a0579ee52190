"""Names of engines, flavours, drift tests: how they are found, and what is said when they are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nbops import extending
from nbops.errors import NbopsError, UsageError

BUILT_IN = {"docker": "math:sqrt", "process": "os:path.join"}


def test_a_built_in_name_gives_its_object():
    assert extending.look_up("engines", "docker", built_in=BUILT_IN)(9.0) == 3.0
    assert extending.look_up("engines", "process", built_in=BUILT_IN)("a", "b") == "a/b"


def test_an_unknown_name_is_told_with_the_near_ones():
    with pytest.raises(UsageError, match="did you mean 'docker'") as caught:
        extending.look_up("engines", "doker", built_in=BUILT_IN)
    assert caught.value.code == "engine_unknown"
    assert caught.value.hint == "--engine docker"


def test_a_broken_extension_is_named():
    with pytest.raises(NbopsError, match="'nowhere:Engine', which cannot be imported") as caught:
        extending.look_up("engines", "x", built_in={"x": "nowhere:Engine"})
    assert caught.value.hint == "pip install --force-reinstall nowhere"


def test_another_package_joins_by_its_entry_point(tmp_path: Path):
    metadata = tmp_path / "ours-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[nbops.engines]\nnomad = ours:Nomad\n")
    (tmp_path / "ours.py").write_text("class Nomad: pass\n")
    code = (
        "from nbops import extending as e\n"
        "print(e.look_up('engines', 'nomad', built_in={}).__name__, 'nomad' in e.names('engines', built_in={}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.stdout == "Nomad True\n", done.stderr


def test_a_built_in_name_is_found_without_scanning_what_is_installed():
    code = (
        "import sys; from nbops import extending as e; e.look_up('engines', 'a', built_in={'a': 'math:sqrt'})\n"
        "print('importlib.metadata' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", _with_path(code)], capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr


def _with_path(code: str) -> str:
    # Without site no package of the environment imports importlib.metadata before us.
    return f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}; {code}"

"""What a server gives back before its first request."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_MEASURE = """
import json
from pathlib import Path
import numpy as np
from nbops_serving.memory import give_back

def resident():
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["RssFile"].split()[0])

matrix = np.arange(9.0).reshape(3, 3)
before, expected = resident(), np.linalg.inv(matrix + np.eye(3)).tolist()
give_back()
after = resident()
print(json.dumps([before, after, np.linalg.inv(matrix + np.eye(3)).tolist() == expected]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not take pages of code back")
def test_code_that_only_loading_needed_is_given_back_and_comes_again_when_it_is_called():
    done = subprocess.run([sys.executable, "-c", _MEASURE], capture_output=True, text=True, check=True)
    before, after, answers_alike = json.loads(done.stdout)
    assert answers_alike
    assert after < before - 3_000  # kilobytes

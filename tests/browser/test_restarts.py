"""What was recorded outlives whatever is started anew."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.kernel, pytest.mark.timeout(300)]


def test_a_restart_of_the_kernel_the_page_or_the_server_loses_nothing(
    serve: Callable[[str], AbstractContextManager[Lab]],
) -> None:
    sample = runpy.run_path(str(Path(__file__).parent / "sample.py"))
    with serve("jupyterlab") as lab:
        sample["write_cells"](lab.folder / "first.ipynb", "import nbops\nnbops.log_metric('accuracy', 0.5)")
        before = lab.journey("restarts", seen=0)
    # The server goes with the kernel that is still running.
    with serve("jupyterlab") as lab:
        after = lab.journey("restarts", seen=2)

    assert len(before["runs"]) == 2
    assert len(after["runs"]) == 4
    assert all("accuracy" in run for run in after["runs"])

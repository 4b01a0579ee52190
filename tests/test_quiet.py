"""Our silence leaves a user's warnings as they were."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from nbops.quiet import quiet


def test_nothing_is_shown_inside_and_everything_afterwards() -> None:
    with quiet():
        warnings.warn("inside", UserWarning, stacklevel=1)
    with pytest.warns(UserWarning, match="outside"):
        warnings.warn("outside", UserWarning, stacklevel=1)


def test_what_was_shown_once_is_not_shown_again() -> None:
    code = (
        "import warnings\n"
        "from nbops.quiet import quiet\n"
        "def noisy(): warnings.warn('once', UserWarning)\n"
        "for _ in range(3):\n"
        "    noisy()\n"
        "    with quiet(): warnings.warn('never', UserWarning)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stderr.count("UserWarning: once"), done.stderr.count("never")) == (1, 0)


def test_recorded_cells_do_not_bring_a_librarys_warning_back(project: Path) -> None:
    (project / "library.py").write_text("import warnings\ndef noisy():\n    warnings.warn('once', UserWarning)\n")
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell()\n"
        "cells = ['%load_ext nbops', 'import library', 'library.noisy()', 'x = len(\"a\")', 'library.noisy()',\n"
        "         'y = [x, abs(-1)]', 'library.noisy()', '%unload_ext nbops']\n"
        "for cell in cells: shell.run_cell(cell, store_history=True).raise_error()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project)
    assert done.stderr.count("UserWarning: once") == 1

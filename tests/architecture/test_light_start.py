"""Whoever loads the extension pays for nothing heavy: counted in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MOST_MODULES = 60
HEAVY = {
    "anywidget", "click", "dask", "docker", "fsspec", "ipywidgets", "jinja2", "joblib", "jupyter_server", "libcst",
    "matplotlib", "mlflow", "nbclient", "nbformat", "numpy", "onnxruntime", "optuna", "pandas", "papermill", "psycopg",
    "pyarrow", "ray", "rich", "scipy", "sklearn", "skops", "uvicorn",
}  # fmt: skip

# Counted on top of the barest shell there is, which imports a hundred modules less than a terminal or a kernel, and
# after the thread that looks at the environment is through.
_COUNT = """
import json, sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.run_cell("x = 1", store_history=True)
before |= set(sys.modules)
shell.run_cell({source!r}, store_history=True)
shell.run_cell("x = 2", store_history=True)
time.sleep(1)
new = set(sys.modules) - before
print(json.dumps(sorted(name for name in new if not name.startswith("IPython."))))
"""


def loaded_by(source: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _COUNT.format(source=source)],
        cwd=folder, env=os.environ | {"HOME": str(folder)}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    modules: list[str] = json.loads(done.stdout.splitlines()[-1])
    return modules


@pytest.mark.parametrize("source", ["%load_ext nbops", "import nbops; nbops.log_metric('loss', 0.5)"])
def test_loading_and_logging_import_little_and_nothing_heavy(source: str, tmp_path: Path) -> None:
    modules = loaded_by(source, tmp_path)
    assert "nbops.capture.session" in modules
    assert HEAVY.isdisjoint(name.partition(".")[0] for name in modules)
    assert len(modules) <= MOST_MODULES, f"import inside the functions that need it: {modules}"


def test_importing_the_package_imports_nothing_else(tmp_path: Path) -> None:
    ours = [name for name in loaded_by("import nbops", tmp_path) if name.startswith("nbops")]
    assert ours == ["nbops"]

"""Modules of the user's own that a session imports, through a real shell and a real kernel."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbops import capture
from nbops.records import ImportedModule, ModuleVersion, Run, new_id
from nbops.settings import load_settings
from nbops.store import open_store


@pytest.fixture
def importing(project: Path) -> Iterator[Path]:
    """The project's folder on the path, without a trace afterwards."""
    before, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, str(project))
    yield project
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("mine", "churning"):
            del sys.modules[name]


def recorded(shell: Any) -> Run:
    recorder = capture.current()
    assert recorder is not None
    assert recorder.failures == []
    return recorder.session.writer.store.get(Run, recorder.run_id)


def modules(shell: Any) -> list[ImportedModule]:
    """Without those of the test run itself."""
    return [module for module in recorded(shell).modules if module.name.partition(".")[0] in ("mine", "churning")]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_an_imported_file_of_the_users_is_recorded_with_its_hash_and_its_cell(importing: Path, shell: Any) -> None:
    (importing / "mine.py").write_text("x = 1\n")
    shell("import mine")
    recorder = capture.current()
    assert recorder is not None
    (found,) = modules(shell)
    assert (found.name, found.path, found.digest, found.version) == ("mine", "mine.py", sha256("x = 1\n"), "")
    assert found.execution_id == recorder.cells()[-1].id


def test_a_module_version_is_recognised_by_what_its_file_holds(importing: Path, shell: Any) -> None:
    source = "def f(): return 1\n"
    version = ModuleVersion(
        id=new_id(), module="churning.features", version="1.2.0", digest=sha256(source), path="churning/features.py",
        source=source, definitions=[], provenance="live", created_at=1.0,
    )  # fmt: skip
    with open_store(load_settings(importing)) as store:
        store.put(version)
    (importing / "churning").mkdir()
    (importing / "churning" / "__init__.py").write_text("")
    (importing / "churning" / "features.py").write_text(source)
    shell("from churning.features import f")
    found = {module.name: module for module in modules(shell)}
    assert (found["churning.features"].version, found["churning.features"].version_id) == ("1.2.0", version.id)
    assert found["churning"].version_id is None
    with open_store(load_settings(importing)) as store:
        assert store.count_runs("module = churning.features@1.2.0") == 1
        assert store.count_runs("module = churning.features@1.1.0") == 0


def test_a_module_that_is_edited_and_reloaded_is_recorded_again(importing: Path, shell: Any) -> None:
    file = importing / "mine.py"
    file.write_text("x = 1\n")
    shell("import mine, importlib")
    file.write_text("x = 22\n")
    os.utime(file, ns=(1, 1))
    shell("importlib.reload(mine)")
    assert [module.digest for module in modules(shell)] == [sha256("x = 1\n"), sha256("x = 22\n")]


def test_a_module_that_autoreload_patches_is_recorded_again(importing: Path, shell: Any) -> None:
    file = importing / "mine.py"
    file.write_text("def f(): return 1\n")
    shell("%load_ext autoreload\n%autoreload 2\nimport mine")
    file.write_text("def f(): return 22\n")
    os.utime(file, ns=(2 * 10**18, 2 * 10**18))
    try:
        shell("found = mine.f()")
        assert shell.ip.user_ns["found"] == 22
        assert [module.digest for module in modules(shell)][-1] == sha256("def f(): return 22\n")
    finally:
        shell("%autoreload 0\n%unload_ext autoreload")
        del sys.modules["IPython.extensions.autoreload"]


def test_a_file_that_is_edited_and_not_loaded_again_is_not_what_was_computed_with(importing: Path, shell: Any) -> None:
    file = importing / "mine.py"
    file.write_text("x = 1\n")
    shell("import mine")
    file.write_text("x = 22\n")
    shell("y = mine.x")
    assert [module.digest for module in modules(shell)] == [sha256("x = 1\n")]


def test_installed_packages_and_python_are_not_the_users_modules(shell: Any) -> None:
    shell("import json.tool, numpy, nbformat, nbops.extract")
    names = {module.name.partition(".")[0] for module in recorded(shell).modules}
    assert names.isdisjoint({"json", "numpy", "nbformat", "nbops", "nbops_serving", "IPython"})


def test_libraries_with_threads_are_recorded_once_they_are_loaded(shell: Any) -> None:
    shell("import sklearn.cluster")
    pools = recorded(shell).thread_pools
    assert {pool.library for pool in pools} >= {"openblas"}
    assert all(pool.threads >= 1 for pool in pools)


def test_a_killed_kernel_has_recorded_what_it_had_imported(kernel_in: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("x = 1\n")
    kernel = kernel_in()
    kernel.run("%load_ext nbops")
    kernel.run("import mine")
    kernel.manager.shutdown_kernel(now=True)
    with open_store(load_settings(tmp_path)) as store:
        (run,) = store.find(Run)
    assert [module.name for module in run.modules] == ["mine"]
    assert run.cwd == "."

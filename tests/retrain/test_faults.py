"""What goes wrong around a run: disks, memory, floods, rivals, upgrades. Each costs one run at most, and says so."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from executed_notebooks import printed

from nbops.errors import ConflictError, StoreError
from nbops.records import CellExecution, Run, Sweep
from nbops.retrain import kernels, resume, sweep
from nbops.settings import Settings, load_settings
from nbops.store import open_store
from nbops.store.interface import Store

pytestmark = pytest.mark.kernel


def mount_small(folder: Path, size: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root: sudo make test")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")


@pytest.fixture
def small_disk_for_outputs(settings: Settings) -> Iterator[Path]:
    """The folder of executed notebooks on a disk of its own, which is small."""
    folder = settings.folder / "runs"
    mount_small(folder, "64k")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_run_goes_on_when_the_disk_of_its_notebook_is_full(
    run: Any, store: Store, write_notebook: Any, small_disk_for_outputs: Path
) -> None:
    done = run(write_notebook("import nbops\nprint('x' * 200_000)", "nbops.log_metric('score', 1)"))

    assert done.status == "finished"
    assert "could not be saved" in done.note
    assert "No space left on device" in done.note
    assert [metric.value for metric in store.metrics(done.id)] == [1]


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project on a small disk."""
    folder = tmp_path / "small"
    mount_small(folder, "8m")
    (folder / ".nbops").mkdir()
    monkeypatch.chdir(folder)
    yield folder
    monkeypatch.chdir(tmp_path)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


FILLS = """
import pathlib
if n == 2 and pathlib.Path('may fill').exists():
    with open('ballast', 'wb', buffering=0) as file:
        try:
            while file.write(b'x' * 4096): pass
        except OSError as error:
            print(error)
"""


def test_a_sweep_on_a_full_disk_says_so_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    node = nbformat.v4.new_notebook()
    node.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    tagged = nbformat.v4.new_code_cell("n = 0", metadata={"tags": ["parameters"]})
    node.cells = [tagged, nbformat.v4.new_code_cell(FILLS)]
    nbformat.write(node, small_disk / "fill.ipynb")
    (small_disk / "may fill").touch()
    settings = load_settings(small_disk, env={})

    with open_store(settings) as store:
        with pytest.raises(StoreError) as caught:
            sweep("fill.ipynb", store=store, settings=settings, grid={"n": [1, 2, 3]})
        (small_disk / "ballast").unlink()
        (small_disk / "may fill").unlink()
        [begun] = store.find(Sweep)
        done = resume(begun.id, store=store, settings=settings)
        finished = Counter(run.tags["trial"] for run in store.find(Run, sweep_id=done.id, status="finished"))

    assert caught.value.code == "store_full"
    assert done.status == "finished"
    assert finished == {"1": 1, "2": 1, "3": 1}


MEMORY = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
kept = []
while True:
    kept.append(bytearray(256 << 20))
"""


def test_a_notebook_that_eats_its_memory_has_failed_and_the_next_run_is_well(run: Any, write_notebook: Any) -> None:
    eater = run(write_notebook("import numpy", MEMORY))
    after = run(write_notebook("import numpy\nprint('well')"))

    assert eater.error is not None
    assert (eater.status, eater.error.name, eater.error.cell_index) == ("failed", "MemoryError", 1)
    assert printed(after) == "well\n"


def test_a_gigabyte_of_output_is_bounded_in_notebook_record_and_memory(
    run: Any, store: Store, write_notebook: Any
) -> None:
    flood = "line = 'x' * 999_999\nfor _ in range(1000):\n    print(line)"

    peak = "import resource\nprint('after', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"

    done = run(write_notebook(flood, peak))

    text = printed(done)
    [cell, _] = store.find(CellExecution, run_id=done.id, order_by="position")
    assert done.status == "finished"
    assert len(text) < 10_001_000
    assert int(text.split("after ")[1]) < 600  # MB of the kernel
    assert "the rest is left out" in text
    assert cell.outputs is not None
    assert cell.outputs.total_bytes == 1_000_000_000
    assert len(cell.outputs.text) <= 10_000


FORGETS = """
import os, time
child = os.fork()
if child == 0:
    time.sleep(600)
print(child)
"""


def test_a_notebook_that_forks_and_forgets_ends_with_its_child(run: Any, write_notebook: Any) -> None:
    done = run(write_notebook(FORGETS, "print('after')"))

    child, after = printed(done).split()
    assert (done.status, after) == ("finished", "after")
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


DRIVES = """
from nbops.retrain import sweep
from nbops.settings import load_settings
from nbops.store import open_store
settings = load_settings()
sweep("train.ipynb", store=open_store(settings), settings=settings, grid={"n": [1, 2]}, name="held")
"""


def test_a_second_process_cannot_drive_a_sweep_that_another_drives(
    store: Store, settings: Settings, write_notebook: Any, project: Path
) -> None:
    gate = project / "gate"
    write_notebook(
        f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.05)", parameters="n = 0"
    )
    first = subprocess.Popen([sys.executable, "-c", DRIVES], cwd=project)
    while not store.count(CellExecution):
        assert first.poll() is None
        time.sleep(0.05)
    [held] = store.find(Sweep)

    with pytest.raises(ConflictError, match=f"is driven by process {first.pid}"):
        resume("held", store=store, settings=settings)
    gate.touch()

    assert first.wait(60) == 0
    runs = Counter((run.tags["trial"], run.status) for run in store.find(Run, sweep_id=held.id))
    assert runs == {("1", "finished"): 1, ("2", "finished"): 1}


RUNS = """
from nbops.retrain import run_notebook
from nbops.settings import load_settings
from nbops.store import open_store
settings = load_settings()
run_notebook("train.ipynb", store=open_store(settings), settings=settings)
"""


def test_what_had_run_is_in_the_notebook_when_the_driver_is_killed(
    store: Store, settings: Settings, write_notebook: Any, project: Path
) -> None:
    write_notebook("print('before')", "import time\nprint('in the middle', flush=True)\ntime.sleep(600)")
    driver = subprocess.Popen([sys.executable, "-c", RUNS], cwd=project)
    while not (found := store.find(Run)) or not Path(found[0].output or "").exists():
        assert driver.poll() is None
        time.sleep(0.05)
    while "in the middle" not in printed(found[0]):
        assert driver.poll() is None
        time.sleep(0.05)

    driver.kill()
    driver.wait()

    assert printed(found[0]) == "before\nin the middle\n"


@pytest.fixture
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment beside ours, with a kernel spec; what is installed here is there too. Its packages."""
    import sysconfig

    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    [packages] = (tmp_path / "env").glob("lib/python3*/site-packages")
    ours = sysconfig.get_path("purelib")
    (packages / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    spec = tmp_path / "jupyter" / "kernels" / "own"
    spec.mkdir(parents=True)
    command = [str(tmp_path / "env/bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Own", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return packages


def install(packages: Path, version: str) -> None:
    """Put a version of a library there that zygotes import, as an installer does."""
    for old in packages.glob("statsmodels-*.dist-info"):
        old.rmdir()
    (packages / f"statsmodels-{version}.dist-info").mkdir()
    (packages / "statsmodels.py").write_text(f"__version__ = {version!r}  # {'x' * int(version[0])}\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks kernels; elsewhere they are cold")
def test_a_library_that_is_upgraded_under_the_zygote_is_the_new_one_in_the_next_run(
    run: Any, write_notebook: Any, own_environment: Path
) -> None:
    from nbops.retrain.warm import provisioner

    notebook = write_notebook(
        "import sys\nwas_there = 'statsmodels' in sys.modules",
        "import statsmodels\nprint(statsmodels.__version__, was_there)",
        kernel="own",
    )
    seen = []
    try:
        for version in ("1.0", "2.0"):
            install(own_environment, version)
            seen += [printed(run(notebook)) for _ in range(2)]
    finally:
        provisioner.stop_all()

    assert seen == ["1.0 True\n", "1.0 True\n", "2.0 True\n", "2.0 True\n"]


def test_where_nothing_forks_kernels_are_cold_and_that_is_said_once(
    run: Any, write_notebook: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kernels._say_cold.cache_clear()
    monkeypatch.setattr(kernels, "sys", SimpleNamespace(platform="darwin", executable=sys.executable))
    notebook = write_notebook("import os\nprint(os.getppid())")

    with caplog.at_level(logging.WARNING, "nbops.retrain.kernels"):
        parents = [printed(run(notebook)) for _ in range(2)]

    assert parents == [f"{os.getpid()}\n"] * 2
    said = [record.message for record in caplog.records if record.name == "nbops.retrain.kernels"]
    assert said == ["kernels start cold here: warm ones need Linux"]


def test_an_executed_notebook_is_not_written_at_every_cell_of_a_remote_store(
    run: Any, write_notebook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbops.retrain import client

    written: list[str] = []
    original = client.save

    def counted(nb: Any, location: str, **options: Any) -> None:
        written.append(location)
        original(nb, location, **options)

    monkeypatch.setattr(client, "save", counted)

    done = run(write_notebook(*["print('cell')"] * 12), output="memory://bucket/runs")

    assert (done.status, done.note) == ("finished", "")
    # At its beginning, and at its end.
    assert 2 <= len(written) <= 4
    assert set(written) == {f"memory://bucket/runs/{done.id}/train.ipynb"}

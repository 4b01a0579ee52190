"""An export is whole or did not happen: same bytes everywhere, and nothing half-written whenever it is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from extract_sessions import cells_of, namespace_of, ran

from nbops import extract
from nbops.errors import ExtractError
from nbops.extract.files import uninterrupted, write
from nbops.extract.versions import digest_of
from nbops.progress import Stage, watching
from nbops.records import ModuleVersion
from nbops.settings import load_settings
from nbops.source import read_notebook
from nbops.store import open_store
from nbops.store.interface import Store

CORPUS = Path(__file__).with_name("corpus")
EXPORT = """
import sys
from pathlib import Path
from nbops import extract
from nbops.settings import load_settings
from nbops.source import SourceCell
from nbops.store import open_store
root = Path(sys.argv[1])
store = open_store(load_settings(root, env={}))
for number in range(int(sys.argv[2]), 10_000):
    body = "\\n".join(f"    x += {number}  # {'pad' * 200}" for _ in range(200))
    cells = [SourceCell(index=1, source=f"def f(x):\\n{body}\\n    return x\\n")]
    request = extract.Request(names=["f"], cells=cells, to="churn.features")
    extract.extract(request, root=root, store=store)
    print(number, flush=True)
"""
BYTES = """
import datetime, sys, time
from pathlib import Path

class Then(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

now = time.time() + 86_400 * int(sys.argv[3])
time.time, datetime.datetime = lambda: now, Then
from nbops.extract.planning import make_plan
from nbops.source import read_notebook
names = sys.argv[2].split()
plan = make_plan(names, cells=read_notebook(sys.argv[1]), module="a.b", root=Path("."), namespace=None, notebook=None)
sys.stdout.buffer.write(plan.source.encode())
"""


def test_every_process_writes_the_same_bytes_on_every_day(tmp_path: Path) -> None:
    names = "bump cached apply content volume slow at"

    texts = {
        subprocess.run(
            [sys.executable, "-c", BYTES, str(CORPUS / "state.ipynb"), names, days],
            capture_output=True,
            check=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        ).stdout
        for seed, zone, days in (("1", "UTC", "0"), ("2", "Asia/Tokyo", "1"), ("3", "America/Lima", "400"))
    }

    assert len(texts) == 1
    assert b"def bump" in texts.pop()


def test_a_kill_at_any_point_leaves_a_whole_version(root: Path) -> None:
    path = root / "src/churn/features.py"
    random.seed(1)
    for start in (0, 1000, 2000, 3000):
        child = subprocess.Popen(
            [sys.executable, "-c", EXPORT, str(root), str(start)], stdout=subprocess.PIPE, start_new_session=True
        )
        assert child.stdout is not None
        child.stdout.readline()  # one export is through, the next is under way
        time.sleep(random.random() * 0.4)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()

        store = open_store(load_settings(root, env={}))
        try:
            (state,) = extract.modules(store, root)
            known = {version.digest for version in extract.history(store, "churn.features")}
            assert state.state == "unchanged"
            assert digest_of(path.read_text()) in known
        finally:
            store.close()


def test_an_interrupted_export_goes_on_where_it_stopped(take: Callable[..., ModuleVersion], root: Path) -> None:
    first = take("f", "def f(): return 1")
    second = take("f", "def f(): return 2")
    (root / "src/churn/features.py").write_text(first.source)  # as if killed between the store and the file

    assert take("f", "def f(): return 2") == second
    assert (root / "src/churn/features.py").read_text() == second.source


class EndedAt:
    """A sink on which somebody presses Ctrl-C when a stage says this."""

    def __init__(self, note: str) -> None:
        self.note = note

    def began(self, stage: Stage) -> None:
        pass

    def moved(self, stage: Stage) -> None:
        if stage.note == self.note:
            raise KeyboardInterrupt

    def ended(self, stage: Stage) -> None:
        pass


@pytest.mark.parametrize(
    "note", ["find what they need", "import it alone in a clean process", "replay what was recorded", "write"]
)
def test_an_export_that_is_ended_at_any_step_has_written_nothing(
    note: str, take: Callable[..., ModuleVersion], root: Path, store: Store
) -> None:
    cells = ran("import numpy as np\ntable = np.arange(5000)\ndef f(): return table")
    namespace = namespace_of(*(cell.source for cell in cells))

    with pytest.raises(KeyboardInterrupt), watching(EndedAt(note)):
        take("f", cells=cells, namespace=namespace, pins=["table"])

    assert [path for path in (root / "src").rglob("*") if path.is_file()] == []
    assert store.find(ModuleVersion) == []
    assert take("f", cells=cells, namespace=namespace, pins=["table"]).version == "1.0.0"


def test_an_interrupt_while_it_is_written_comes_too_late(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
        write(tmp_path / "whole.py", b"x = 1\n")

    assert (tmp_path / "whole.py").read_bytes() == b"x = 1\n"
    assert signal.getsignal(signal.SIGINT) is before


def test_processes_that_export_at_once_take_different_numbers(root: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", EXPORT.replace("10_000", str(start + 2)), str(root), str(start)],
            stdout=subprocess.DEVNULL,
        )
        for start in (0, 100)
    ]
    assert [child.wait() for child in children] == [0, 0]

    store = open_store(load_settings(root, env={}))
    try:
        numbers = [version.version for version in extract.history(store, "churn.features")]
    finally:
        store.close()
    assert sorted(numbers) == ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]


def test_a_folder_that_cannot_be_written_is_said_so(root: Path, store: Store) -> None:
    (root / "src/churn").write_text("a file where the package should be")

    request = extract.Request(names=["f"], cells=cells_of("def f(): return 1"), to="churn.features")
    with pytest.raises(ExtractError, match="cannot be written"):
        extract.extract(request, root=root, store=store)


def test_one_cell_that_cannot_be_parsed_stops_no_other(root: Path, store: Store) -> None:
    cells = read_notebook(CORPUS / "python2_and_broken.ipynb")

    version = extract.extract(extract.Request(names=["good", "tabbed"], cells=cells, to="a.b"), root=root, store=store)

    assert "\tif x:\n\t\treturn 'yes'  # a tab" in version.source

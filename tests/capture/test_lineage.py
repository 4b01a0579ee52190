"""What cells read and wrote, through a real shell: every change found, nothing told that did not happen."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbops import capture
from nbops.records import CellExecution, Lineage

HERE = Path(__file__).parent
CHANGING = Path(__file__).parents[1] / "data" / "cells_that_change.txt"
LOOKING = CHANGING.with_name("cells_that_look.txt")


def rows(table: Path, columns: int) -> list[list[str]]:
    """The cases of a table; ``\\n`` in it is a new line."""
    lines = [line for line in table.read_text("utf-8").splitlines() if line[0] != "#"]
    parted = [line.split(" | ") if line.count(" | ") >= columns - 1 else line.split("|") for line in lines]
    return [[part.strip().replace("\\n", "\n") for part in parts] for parts in parted]


def last(shell: Any) -> CellExecution:
    recorder = capture.current()
    assert recorder is not None
    assert (recorder.failures, recorder.follower.failures) == ([], [])
    return recorder.cells()[-1]


def lineage(shell: Any, source: str) -> Lineage:
    shell(source)
    found = last(shell).lineage
    assert found is not None
    return found


def unhurried() -> None:
    """Let no busy machine turn a digest into a sample."""
    recorder = capture.current()
    assert recorder is not None
    assert recorder.follower is not None
    recorder.follower.budget_s = 5


def clear(shell: Any) -> None:
    for name in [name for name in shell.ip.user_ns if name[0] != "_" and name not in ("In", "Out", "get_ipython")]:
        del shell.ip.user_ns[name]


def written(found: Lineage) -> set[str]:
    return {one.name for one in found.writes}


def read(found: Lineage, namespace: dict[str, Any]) -> set[str]:
    """Names of data that were read."""
    code = (types.ModuleType, types.FunctionType, type)
    return {
        edge.name for edge in found.edges if not isinstance(namespace.get(edge.name), code) and ":" not in edge.name
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("table", ["cells_with_lineage.txt", "cells_adversarial.txt"])
def test_every_change_and_every_read_of_the_cases_is_told_and_no_other(
    shell: Any, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(".")
    unhurried()
    missed, false, reported = [], [], 0
    cases = rows(HERE / table, 5)
    for name, before, cell, changes, reads in cases:
        clear(shell)
        for source in filter(None, before.split(";;")):
            shell(source.strip())
        found = lineage(shell, cell)
        for told, wanted in (
            (written(found), set(changes.split())),
            (read(found, shell.ip.user_ns), set(reads.split())),
        ):
            missed += [(name, one) for one in wanted - told]
            false += [(name, one) for one in told - wanted]
            reported += len(told)
    assert len(cases) > 80
    assert missed == []
    assert len(false) <= 0.02 * reported, false


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("table", [CHANGING, LOOKING], ids=["changing", "looking"])
def test_the_tables_of_the_change_engine_hold_in_a_shell(shell: Any, table: Path) -> None:
    setup = "import array, collections, copy, functools, itertools, random, types\nimport numpy as np, pandas as pd\n"
    setup += "import pyarrow as pa\nfrom dataclasses import dataclass\n"
    unhurried()
    missed, false, reported = [], [], 0
    cases = rows(table, 3)
    for name, before, cell, *changes in cases:
        clear(shell)
        shell(setup + before)
        told, wanted = written(lineage(shell, cell)), set("".join(changes).split())
        missed += [(name, one) for one in wanted - told]
        false += [(name, one) for one in told - wanted if not one.startswith("_")]
        reported += len(told)
    assert missed == []
    assert len(false) <= 0.02 * max(reported, len(cases)), false


def test_an_edge_names_the_execution_that_last_changed_what_was_read(shell: Any) -> None:
    for source in ("x = [1]", "y = x", "y.append(2)", "total = sum(x)"):
        shell(source)
    recorder = capture.current()
    assert recorder is not None
    made, aliased, changed, summed = recorder.cells()
    assert [(edge.name, edge.source_id, edge.evidence) for edge in summed.lineage.edges] == [("x", changed.id, "token")]
    assert [(edge.name, edge.source_id) for edge in changed.lineage.edges] == [("y", aliased.id)]
    assert [(edge.name, edge.source_id, edge.evidence) for edge in aliased.lineage.edges] == [("x", made.id, "named")]


def test_what_was_there_before_recording_has_no_source(project: Path, bare: Any) -> None:
    bare("before = [1]")
    bare.load()
    found = lineage(bare, "len(before)")
    assert [(edge.name, edge.source_id) for edge in found.edges] == [("before", None)]


def test_names_of_the_cell_that_loads_the_extension_are_its_own(project: Path, bare: Any) -> None:
    bare("old = 1")
    bare("%load_ext nbops\nfresh = [2]\n")
    found = lineage(bare, "fresh")
    assert found.edges[0].source_id == capture.current().cells()[0].id
    assert written(capture.current().cells()[0].lineage) == {"fresh"}


def test_deleted_names_are_told(shell: Any) -> None:
    shell("x = [1]")
    assert lineage(shell, "del x").deleted == ["x"]


def test_files_are_told_with_their_hash_and_the_cell_that_wrote_them(shell: Any, project: Path) -> None:
    shell("import pandas as pd; d = pd.DataFrame({'a': [1, 2]})")
    wrote = lineage(shell, "d.to_csv('d.csv'); d.to_parquet('d.parquet')")
    writer = last(shell).id
    for source, path, evidence in (
        ("pd.read_csv('d.csv')", "d.csv", "token"),
        ("pd.read_parquet('d.parquet')", "d.parquet", "named"),
        ("import pathlib; pathlib.Path('d.csv').read_text()", "d.csv", "token"),
    ):
        found = lineage(shell, source)
        assert [(file.path, file.action, file.evidence) for file in found.files] == [(path, "read", evidence)]
        assert found.files[0].digest == next(file.digest for file in wrote.files if file.path == path)
        assert (f"file:{path}", writer) in [(edge.name, edge.source_id) for edge in found.edges]
    assert {(file.path, file.action) for file in wrote.files} == {("d.csv", "written"), ("d.parquet", "written")}


@pytest.mark.parametrize(
    "change",
    [
        "text = p.read_text(); p.write_text(text + 'more')",
        "text = p.read_text()\nwith p.open('a') as f: f.write('more')",
        "with p.open('r+') as f: f.read(); f.write('more')",
    ],
)
def test_a_file_that_one_cell_reads_and_writes_is_told_with_both_contents(
    shell: Any, project: Path, change: str
) -> None:
    made = lineage(shell, "import pathlib; p = pathlib.Path('d.csv'); _ = p.write_text('a,b')")
    writer = last(shell).id
    found = lineage(shell, change)
    read, written = found.files
    assert [(file.path, file.action, file.size_bytes) for file in (read, written)] == [
        ("d.csv", "read", 3),
        ("d.csv", "written", 7),
    ]
    assert read.digest == made.files[0].digest != written.digest != ""
    assert ("file:d.csv", writer) in [(edge.name, edge.source_id) for edge in found.edges]


def test_a_file_that_a_cell_makes_and_reads_again_is_only_written(shell: Any, project: Path) -> None:
    for source in ("open('n', 'w').close(); open('n').close()", "open('n', 'w+').close()", "open('n', 'a').close()"):
        assert [file.action for file in lineage(shell, source).files] == ["written"]


@pytest.mark.parametrize("look", ["pickle.dumps(x)", "copy.deepcopy(x)", "copy.copy(x)"])
def test_copying_an_object_changes_no_class(shell: Any, look: str) -> None:
    shell("import copy, pickle")
    shell("class Basket:\n    def __init__(self): self.items = [1]\nx = Basket()")
    unhurried()

    found = lineage(shell, look)

    assert written(found) == set()
    assert written(lineage(shell, "Basket.limit = 3")) == {"Basket"}


def test_what_nbops_reads_of_itself_is_no_file_of_the_cell(shell: Any, project: Path) -> None:
    import nbops

    found = lineage(shell, f"open({nbops.__file__!r}).close()")

    assert found.files == []


def test_random_state_goes_from_cell_to_cell(shell: Any) -> None:
    shell("import random; random.random()")
    seeded = lineage(shell, "random.seed(3)")
    drawn = lineage(shell, "random.random()")
    assert [state.source for state in drawn.randomness] == ["random"]
    assert drawn.randomness[0].before == seeded.randomness[0].after != drawn.randomness[0].after
    assert [edge.name for edge in drawn.edges] == ["random", "random:random"]
    again = lineage(shell, "random.seed(3)")
    assert again.randomness[0].after == seeded.randomness[0].after


def test_code_of_the_user_is_never_called(shell: Any) -> None:
    shell(
        "called = []\n"
        "class Hostile:\n"
        "    def trap(self, *args, **kwargs):\n"
        "        called.append(1)\n"
        "        raise SystemError\n"
        "    __repr__ = __eq__ = __hash__ = __len__ = __reduce_ex__ = __getstate__ = __bool__ = __iter__ = trap\n"
        "things = [Hostile()]\n"
        "one = Hostile()\n"
    )
    lineage(shell, "kept = (one, things)")
    found = lineage(shell, "x = one, things, kept; one.a = 1; None")
    assert written(found) == {"x", "one", "kept"}
    assert shell.ip.user_ns["called"] == []


def test_texts_of_variables_are_not_stored(shell: Any, cells: Callable[..., list[CellExecution]]) -> None:
    shell("import os; token = os.environ.get('NO_SUCH_NAME', 'a-' + 'secret'[::-1])")
    shell("copy = token")
    assert "terces" not in str(cells()[-1].lineage)


def test_following_that_fails_switches_itself_off_and_cells_go_on_being_recorded(
    shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nbops.data import Watch

    def broken(*args: object, **options: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(Watch, "before", broken)
    for number in range(5):
        shell(f"x = abs({number})")
    recorder = capture.current()
    assert recorder is not None
    assert recorder.failures == []
    assert not recorder.follower.is_on
    assert [(cell.status, cell.lineage) for cell in recorder.cells()] == [("ok", None)] * 5
    assert capsys.readouterr().err.count("following what cells read and write switched itself off") == 1


def test_the_setting_leaves_lineage_out(project: Path, bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBOPS_LINEAGE", "false")
    bare.load()
    bare("x = [1]")
    assert capture.current().follower is None
    assert capture.current().cells()[-1].lineage is None


def test_loading_twice_records_each_cell_once(shell: Any) -> None:
    shell("x = [1]")
    shell("from nbops import capture; capture.start(get_ipython())")
    shell("y = x[0]")
    recorder = capture.current()
    assert recorder is not None
    assert [(cell.position, cell.status) for cell in recorder.cells()] == [(1, "ok"), (2, "ok"), (3, "ok")]
    assert written(recorder.cells()[-1].lineage) == {"y"}

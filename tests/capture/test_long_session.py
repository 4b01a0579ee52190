"""A long session: what the recorder holds in memory does not grow with it, nor does what it shows."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import nbops
from nbops import capture

SOURCES = (
    "x{0} = {1}", "y = abs(-{1})", "print({1})",
    "d = {{'a': [{1}]}}", "d['a'][0] = {1}", "l = [{1}] * 10", "l.append(1)",
    "def f{0}(): return l", "f{0}()", "'shown' + str({1})", "import random; random.random()", "del y; y = [l, d]",
)  # fmt: skip


def held_by_nbops() -> int:
    """Bytes that lines of nbops have allocated and not given back."""
    ours = tracemalloc.Filter(inclusive=True, filename_pattern=str(Path(nbops.__file__).parent / "*"))
    taken = tracemalloc.take_snapshot().filter_traces([ours])
    return sum(one.size for one in taken.statistics("filename"))


def test_memory_of_the_recorder_stays_flat(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def cells(first: int, last: int) -> None:
        for number in range(first, last):
            source = SOURCES[number % len(SOURCES)].format(number // len(SOURCES) % 5, number)
            assert shell(source).success
        capsys.readouterr()

    cells(0, 120)
    tracemalloc.start()
    try:
        cells(120, 150)
        before = held_by_nbops()
        cells(150, 450)
        grown = held_by_nbops() - before
    finally:
        tracemalloc.stop()
    recorder = capture.current()
    assert (recorder.failures, recorder.follower.failures, len(recorder.cells())) == ([], [], 450)
    # 50 MB for 10,000 cells would be 5 kB for each; what really stays is the name under which IPython keeps it.
    assert grown < 300 * 1_000


def test_an_output_of_a_hundred_thousand_elements_is_kept_to_its_head(shell: Any) -> None:
    shell("list(range(100_000))")
    shell("for n in range(100_000): print(n)")
    shown, printed = capture.current().cells()
    assert printed.outputs.total_bytes == sum(len(str(n)) + 1 for n in range(100_000))
    assert len(printed.outputs.text) == 10_000
    assert len(shown.outputs.text) <= 10_000


def test_ten_thousand_names_are_followed_whole(shell: Any) -> None:
    shell("globals().update({f'n{k}': [k] for k in range(10_000)})")
    shell("n7777.append(1)")
    shell("m = n1; n2 = 5")
    made, changed, bound = capture.current().cells()
    assert made.lineage is not None
    assert {one.name for one in changed.lineage.writes} == {"n7777"}
    assert {one.name for one in bound.lineage.writes} == {"m", "n2"}
    assert [(edge.name, edge.source_id) for edge in changed.lineage.edges] == [("n7777", made.id)]


HOSTILE = """
class Lazy:
    def __getattribute__(self, name):
        raise RuntimeError("asked")
    def __reduce_ex__(self, version):
        raise RuntimeError("pickled")
class Sleepy:
    def __repr__(self):
        import time; time.sleep(60); return ""
    __eq__ = __hash__ = __len__ = __bool__ = __iter__ = __repr__
class Remote:
    __module__ = "ray"
    def __getattr__(self, name):
        raise ConnectionError("no cluster")
loop = [1]; loop.append(loop)
things = [Lazy(), Sleepy(), Remote(), loop, (n for n in range(3)), open, print, type, Ellipsis]
sleepy, lazy, remote = things[1], things[0], things[2]
"""


def test_objects_that_cannot_be_looked_at_stop_no_cell(shell: Any) -> None:
    for source in (HOSTILE, "kept = things", "kept[3].append(2)", "copy = list(things); exec('pass')"):
        assert shell(source).success
    recorder = capture.current()
    assert (recorder.failures, recorder.follower.failures) == ([], [])
    changed = recorder.cells()[2].lineage
    assert {"things", "kept", "loop"} <= {one.name for one in changed.writes}

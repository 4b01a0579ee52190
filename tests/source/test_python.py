from __future__ import annotations

import pytest

from nbops.source import analyse, plain


@pytest.mark.parametrize(
    ("source", "text", "magics"),
    [
        (
            "%matplotlib inline\nx = 1",
            "get_ipython().run_line_magic('matplotlib', 'inline')\nx = 1\n",
            ["%matplotlib inline"],
        ),
        ("%%time\nx = 1", "x = 1", ["%%time"]),
        ("%%time\n%%capture out\nx = 1", "x = 1", ["%%time", "%%capture out"]),
        ("%time x = 1", "x = 1\n", ["%time x = 1"]),
        ("%prun -l 5 x = f(1)", "x = f(1)\n", ["%prun -l 5 x = f(1)"]),
        ("%prun -q work(rows)", "work(rows)\n", ["%prun -q work(rows)"]),
        ("time x = 1", "x = 1\n", ["%time x = 1"]),
        ("run tools.py", "get_ipython().run_line_magic('run', 'tools.py')\n", ["%run tools.py"]),
        ("run = 1", "run = 1", []),
        (">>> x = 1\n>>> y = 2", "x = 1\ny = 2\n", []),
        ("    x = 1\n    y = 2", "x = 1\ny = 2\n", []),
        ("x = '''\n%not\n!not\n'''", "x = '''\n%not\n!not\n'''", []),
        ("x = 5 % 3", "x = 5 % 3", []),
    ],
    ids=[
        "line",
        "cell",
        "nested",
        "time",
        "options",
        "flags",
        "automatic",
        "automatic run",
        "a name",
        "prompt",
        "indent",
        "string",
        "modulo",
    ],
)
def test_cells_become_plain_python(source: str, text: str, magics: list[str]) -> None:
    cell = plain(source)

    assert (cell.text, cell.magics, cell.problem) == (text, magics, None)


def test_a_cell_magic_that_hides_its_body_is_opaque() -> None:
    cell = plain("%%cython\ncdef int f(): return 1")

    assert (cell.opaque, cell.tree.body if cell.tree else None) == ("%%cython", [])


@pytest.mark.parametrize("source", ["print 1", "def f(:", "x = (", "'abc", "\x00", "(" * 300], ids=range(6))
def test_what_no_python_can_parse_is_told_not_raised(source: str) -> None:
    cell = plain(source)

    assert cell.tree is None
    assert cell.problem


def test_code_that_magics_run_is_read_where_it_stands() -> None:
    (timed,) = analyse("%%timeit -n 2 rows = load()\nrows.append(limit)").units

    assert (timed.binds, timed.reads.now >= {"load", "rows", "limit"}) == (frozenset(), True)
    assert timed.words >= {"rows", "append", "limit"}
    assert timed.line == "%%timeit -n 2 rows = load()"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("%%capture --no-stderr out\nx = 1", {"x", "out"}),
        ("%%bash --out text\nls", {"text"}),
        ("%store -r a b", {"a", "b"}),
        ("%%sql rows <<\nSELECT 1", {"rows"}),
        ("%%writefile x.py\na = 1", set()),
        ("%store a", set()),
    ],
)
def test_names_that_magics_set_are_bound(source: str, names: set[str]) -> None:
    assert set().union(*(unit.binds for unit in analyse(source).units)) == names


def test_pylab_stands_for_its_imports() -> None:
    tree = plain("%pylab inline").tree

    assert tree is not None
    assert len(tree.body) == 7

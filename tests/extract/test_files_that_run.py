"""What ``%run`` brings in, and what is said where its file is not at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from extract_sessions import cells_of, ran

from nbops.extract.planning import Plan, make_plan
from nbops.extract.proving import prove

USE = "def use(): return LIMIT"


def plan_of(root: Path, *sources: str, names: str = "use") -> Plan:
    return make_plan(
        names.split(), cells=cells_of(*sources), module="a.b", root=root, namespace=None, notebook="work.ipynb"
    )


def answer(plan: Plan) -> Any:
    assert plan.blockers == []
    namespace: dict[str, Any] = {"__name__": "a.b"}
    exec(compile(plan.source, "a.b", "exec", dont_inherit=True), namespace)
    return namespace["use"]()


@pytest.mark.parametrize(
    "line",
    [
        "%run settings.py",
        "%run -i settings",
        "%run settings.ipynb",
        "run settings.py",
        "get_ipython().run_line_magic('run', 'settings.py')",
        "for name in ['settings']:\n    %run $name",
        "%store -r",
        "%store -r LIMIT",
        "%%bash --out LIMIT\necho 7",
        "%%capture LIMIT\nprint(7)",
        "%%cython\ncdef int LIMIT = 7\nLIMIT = 8",
        "%%unheard_of\nLIMIT = 7",
        "get_ipython().push({'LIMIT': 7})",
        "import __main__\n__main__.LIMIT = 7",
        "print 'older Python'\nLIMIT = 7",
    ],
)
def test_a_constant_that_may_have_been_set_out_of_sight_is_refused_by_line(line: str, root: Path) -> None:
    plan = plan_of(root, "LIMIT = 5", line, USE)

    assert {(b.name, b.cell) for b in plan.blockers} == {("LIMIT", "cell 2")}


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(("%run settings.py", "LIMIT = 5", USE), id="set after it"),
        pytest.param(("LIMIT = 5", "%store LIMIT", USE), id="only stored"),
        pytest.param(("LIMIT = 5", "%%bash\nLIMIT=7", USE), id="of a shell"),
        pytest.param(("LIMIT = 5", "%%timeit -n 1 -r 1\nLIMIT = 7", USE), id="of a function of its own"),
        pytest.param(("LIMIT = 5", "%store -r OTHER", USE), id="another name"),
        pytest.param(("LIMIT = 5", "%load settings.py", USE), id="only loaded into a cell"),
        pytest.param(("LIMIT = 5", "print 'older Python'\nprint LIMIT", USE), id="only shown"),
    ],
)
def test_what_cannot_have_set_it_is_not_in_the_way(cells: tuple[str, ...], root: Path) -> None:
    assert answer(plan_of(root, *cells)) == 5


def test_a_list_that_a_file_may_have_changed_is_refused_only_where_the_file_sees_it(root: Path) -> None:
    cells = ("rows = [1]", "{line}", "def use(): return len(rows)")
    inside = plan_of(root, *(c.replace("{line}", "%run -i grow.py") for c in cells))

    assert [b.name for b in inside.blockers] == ["rows"]


def test_what_is_taken_from_globals_by_name_comes_along(root: Path) -> None:
    cells = ("LIMIT = 5", "def use(): return globals()['LIMIT'] + globals().get('MORE', 0) + ('X' in globals())")
    assert answer(plan_of(root, *cells)) == 5

    computed = plan_of(root, "LIMIT = 5", "def use(name='LIMIT'): return globals()[name]")
    assert [(b.name, b.kind, b.cell) for b in computed.blockers] == [("use", "unsupported", "cell 2")]


def test_a_definition_that_a_file_may_replace_is_noted(root: Path) -> None:
    plan = plan_of(root, "def use(): return 5", "%run tools.py")

    assert answer(plan) == 5
    assert plan.notes == ["`%run tools.py` (cell 2) cannot be looked into here; it is taken not to replace use"]


def test_a_name_that_only_a_file_may_have_is_refused_with_that_file(root: Path) -> None:
    (blocker,) = plan_of(root, "%run settings.py", USE).blockers

    assert (blocker.name, blocker.kind) == ("LIMIT", "undefined")
    assert "it may come from `%run settings.py` (cell 1), which cannot be looked into here" in blocker.reason


def test_a_file_that_is_here_is_followed(root: Path) -> None:
    (root / "settings.py").write_text("LIMIT = 7\n")

    assert answer(plan_of(root, "LIMIT = 5", "%run settings.py", USE)) == 7
    assert answer(plan_of(root, "LIMIT = 5", "run settings", USE)) == 7


def test_the_folder_that_a_cell_goes_to_is_where_files_are_looked_for(root: Path) -> None:
    (root / "conf").mkdir()
    (root / "conf" / "settings.py").write_text("LIMIT = 7\n")

    for line in ("%cd conf", "%cd -q conf", "cd conf", "import os\nos.chdir('conf')"):
        assert answer(plan_of(root, "LIMIT = 5", line, "%run settings.py", USE)) == 7
    for line in ("%cd $place", "import os\nos.chdir(place)"):
        plan = plan_of(root, "LIMIT = 5", line, "%run conf/settings.py", USE)
        assert [b.name for b in plan.blockers] == ["LIMIT"]


def test_a_file_that_a_cell_wrote_is_run_as_that_cell_wrote_it(root: Path) -> None:
    (root / "settings.py").write_text("LIMIT = 9\n")
    written = "%%writefile settings.py\nLIMIT = 6\n"

    assert answer(plan_of(root, "LIMIT = 5", written, "%run settings.py", USE)) == 6
    more = "%%writefile -a settings.py\nLIMIT += 1\n"
    assert answer(plan_of(root, "LIMIT = 5", written, more, "%run settings.py", USE)) == 7


def test_functions_of_a_file_see_the_names_of_that_file(root: Path) -> None:
    (root / "tools.py").write_text("LIMIT = 7\ndef use(): return LIMIT\n")

    assert answer(plan_of(root, "%run tools.py")) == 7
    again = plan_of(root, "%run tools.py", "LIMIT = 8")
    assert [(b.name, b.cell, b.needed_by) for b in again.blockers] == [("LIMIT", "cell 2", "use")]
    assert answer(plan_of(root, "%run -i tools.py", "LIMIT = 8")) == 8


def test_what_a_file_sets_for_itself_is_not_what_the_notebook_has(root: Path) -> None:
    (root / "tools.py").write_text("n = 0\ndef up():\n    global n\n    n += 1\n")

    plan = plan_of(root, "%run tools.py", "def use():\n    up()\n    return n")
    assert [(b.name, b.needed_by) for b in plan.blockers] == [("n", "use")]
    assert answer(plan_of(root, "%run -i tools.py", "def use():\n    up()\n    return n")) == 1


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(("def each():\n    yield 1", "source = each()"), id="generator"),
        pytest.param(("def each(): return map(str, [1])", "source = each()"), id="returned"),
        pytest.param(("source = [zip([1], [2])]",), id="inside a list"),
        pytest.param(("import re", "source = re.finditer('a', 'aa')"), id="of a library"),
    ],
)
def test_what_reading_uses_up_is_no_constant(cells: tuple[str, ...], root: Path) -> None:
    plan = plan_of(root, *cells, "for one in source: print(one)", "def use(): return list(source)")

    assert {(b.name, b.kind) for b in plan.blockers} == {("source", "data")}


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (
            ("from decimal import Decimal, getcontext", "getcontext().prec = 6", "def use(): return Decimal(1) / 7"),
            "the notebook also runs `getcontext().prec = 6` (cell 2); the module does not",
        ),
        (
            ("import sys", "sys.setrecursionlimit(9000)", "def use(n=0): return n"),
            "the notebook also runs `sys.setrecursionlimit(9000)` (cell 2); the module does not",
        ),
        (
            ("def use(x=1, seen=[]):\n    seen.append(x)\n    return len(seen)", "use()"),
            "use keeps something in its default seen; what calls in the notebook have put there stays behind",
        ),
        (
            ("def use(): return __name__ == '__main__'",),
            "use asks whether it runs in __main__; in a module it does not",
        ),
    ],
)
def test_what_answers_depend_on_and_stays_behind_is_noted(cells: tuple[str, ...], note: str, root: Path) -> None:
    plan = plan_of(root, *cells)

    assert (plan.blockers, plan.notes) == ([], [note])


def test_in_a_session_the_live_value_tells_what_the_file_did(root: Path) -> None:
    for value, blocked in ((5, []), (7, ["LIMIT"])):
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(f"{USE}\nLIMIT = {value}", "<cell>", "exec", dont_inherit=True), namespace)
        cells = ran("LIMIT = 5", "%run settings.py", USE)
        plan = make_plan(["use"], cells=cells, module="a.b", root=root, namespace=namespace, notebook=None)
        prove(plan, root=root, notebook=None, namespace=namespace)

        assert [b.name for b in plan.blockers] == blocked

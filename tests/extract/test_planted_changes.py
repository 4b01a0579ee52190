"""No change of what a function reads is silently lost, through whatever name or call it was made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from extract_sessions import cells_of, namespace_of, ran
from planted_changes import PLANTED, UNTOUCHED, Planted, Untouched

from nbops.extract.planning import make_plan
from nbops.extract.proving import prove
from nbops.source import analyse

_MAGIC = re.compile(r"^( *)(?:%%?|(?=time ))(?:timeit|time|prun|capture)(?: -\w ?\d*| out)* ?\n?", re.MULTILINE)
CASES = [pytest.param(planted, id=planted.id) for planted in PLANTED]


def _answer(source: str) -> str:
    namespace: dict[str, Any] = {"__name__": "a.b"}
    exec(compile(source, "a.b", "exec", dont_inherit=True), namespace)
    return repr(namespace["f"]())


def test_there_are_at_least_sixty_ways_to_change_something() -> None:
    assert len({planted.id for planted in PLANTED}) >= 60


@pytest.mark.parametrize("planted", CASES)
def test_without_a_kernel_a_change_comes_along_or_is_refused(planted: Planted, root: Path) -> None:
    plan = make_plan(["f"], cells=cells_of(*planted.cells), module="a.b", root=root, namespace=None, notebook=None)

    assert {b.kind for b in plan.blockers} == (set() if planted.is_carried else {"changed"}), plan.source
    if planted.is_carried:
        plain = [_MAGIC.sub(r"\1", cell) for cell in planted.cells]
        assert _answer(plan.source) == repr(namespace_of(*plain)["f"]())


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in UNTOUCHED])
def test_what_only_looks_or_copies_is_no_change(case: Untouched, root: Path) -> None:
    plan = make_plan(["f"], cells=cells_of(*case.cells), module="a.b", root=root, namespace=None, notebook=None)

    names = {name for unit in analyse(plan.source).units for name in unit.binds}
    assert (plan.blockers, names) == ([], set(case.needs.split()))


@pytest.mark.parametrize("planted", CASES)
def test_in_a_session_the_module_answers_as_the_notebook_or_is_refused(planted: Planted, root: Path) -> None:
    plain = [_MAGIC.sub(r"\1", cell) for cell in planted.cells]
    namespace = namespace_of(*plain)
    plan = make_plan(["f"], cells=ran(*planted.cells), module="a.b", root=root, namespace=namespace, notebook=None)
    if not plan.blockers:
        prove(plan, root=root, notebook=None, namespace=namespace)

    if planted.is_carried:
        assert (plan.blockers, _answer(plan.source)) == ([], repr(namespace["f"]()))
    else:
        assert plan.blockers

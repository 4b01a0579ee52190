"""No change of what a function reads is silently lost, through whatever name or call it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from extract_sessions import cells_of, namespace_of, ran
from planted_changes import PLANTED, Planted

from nbops.extract.planning import make_plan

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

    assert [b.kind for b in plan.blockers] == ([] if planted.is_carried else ["changed"]), plan.source
    if planted.is_carried:
        assert _answer(plan.source) == repr(namespace_of(*planted.cells)["f"]())

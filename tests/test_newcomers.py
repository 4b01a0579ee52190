"""Modules that come into a process are told without a look at those that were there."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from nbops.optional import Newcomers


def test_modules_that_came_are_told_once_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    newcomers = Newcomers()
    newcomers.look()

    for name in ("nbops_first", "nbops_second"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))

    assert newcomers.look() == ["nbops_first", "nbops_second"]
    assert newcomers.look() == []


@pytest.mark.parametrize("came", [1, 2, 3])
def test_where_modules_were_taken_away_all_are_told(monkeypatch: pytest.MonkeyPatch, came: int) -> None:
    for name in ("nbops_first", "nbops_second"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    newcomers = Newcomers()
    newcomers.look()

    for name in ("nbops_first", "nbops_second"):
        monkeypatch.delitem(sys.modules, name)
    for number in range(came):
        monkeypatch.setitem(sys.modules, f"nbops_other_{number}", ModuleType("other"))

    # As many went as came: nothing is told before the next one comes.
    assert newcomers.look() == ([*sys.modules] if came != 2 else [])

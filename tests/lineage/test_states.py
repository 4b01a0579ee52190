"""Stale, out of order, edited and deleted cells, told of sessions that really ran."""

from __future__ import annotations

from typing import Any

STORY = {"a": "x = [1]", "b": "y = sum(x)", "c": "z = y + 1"}


def test_a_notebook_that_ran_from_the_top_has_nothing_to_say(session: Any) -> None:
    session.run(**STORY)
    session.run(**STORY)
    assert session.marks() == {"a": "", "b": "", "c": ""}


def test_what_stands_on_a_cell_that_ran_again_is_stale_all_the_way_down(session: Any) -> None:
    session.run(**STORY)
    session.run(a="x = [2]")
    assert session.marks() == {"a": "out of order", "b": "stale: x", "c": "stale: y"}
    session.run(b="y = sum(x)", c="z = y + 1")
    assert session.marks() == {"a": "", "b": "", "c": ""}


def test_a_cell_that_gives_the_same_again_makes_nothing_stale(session: Any) -> None:
    session.run(**STORY)
    session.run(a="x = [1]")
    assert session.marks()["b"] == ""


def test_what_cells_below_do_to_a_name_makes_nothing_above_stale(session: Any) -> None:
    session.run(a="x = [1]", b="y = sum(x)", c="x.append(2)", d="x = [5]; print(x)", e="x = sorted(x)")
    assert set(session.marks().values()) == {""}


def test_a_change_in_place_above_makes_stale(session: Any) -> None:
    session.run(a="x = [1]", b="x.append(2)", c="y = sum(x)")
    session.run(b="x.append(2)")
    assert session.marks()["c"] == "stale: x"


def test_the_order_is_that_of_the_saved_notebook(session: Any) -> None:
    session.run(c="x = [1]", a="x = [2]", b="y = x[0]")
    session.save(a="x = [2]", b="y = x[0]", c="x = [1]")
    assert session.marks() == {"c": "", "a": "out of order", "b": "out of order"}


def test_edited_and_deleted_cells_are_told_once_the_notebook_is_saved(session: Any) -> None:
    session.save(**STORY)
    session.run(**STORY)
    assert session.marks() == {"a": "", "b": "", "c": ""}
    session.save(b="y = max(x)", c="z = y + 1")
    assert session.marks() == {"a": "cell deleted", "b": "edited since", "c": ""}
    session.run(n="del x")
    assert session.marks()["a"] == ""


def test_a_rerun_marks_the_execution_before_it_as_superseded(session: Any) -> None:
    session.run(a="x = 1")
    session.run(a="x = 2")
    assert [cell.is_superseded for cell in session.workspace.cells("last")] == [True, False]


def test_status_names_the_cells_to_look_at(session: Any) -> None:
    session.run(n="%load_ext nbops", **STORY)
    session.run(a="x = [2]")
    status = session.ip.run_line_magic("nbops", "status").value
    assert status.doubts == ["In [3] stale: x", "In [4] stale: y", "In [5] out of order"]

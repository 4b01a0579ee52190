import re
import time

import pytest

from nbops.records import CellError, CellExecution, Run, new_id
from nbops.store.interface import RunSummary
from nbops.views import Code, Facts, Heading, Note, Table, bundle_of, to_html, to_text, view_of

HOSTILE = "<script>alert(1)</script>\x1b[2J\x00\nsecond\u202e"


def summary(name: str = "train", **metrics: float) -> RunSummary:
    run = Run(
        id=new_id(), name=name, kind="session", started_at=time.time() - 3, ended_at=time.time(), status="finished"
    )
    return RunSummary(run=run, params={"depth": 3}, metrics=metrics, cells=4)


def test_table_aligns_text_left_and_numbers_right() -> None:
    table = Table(["name", "value"], [["a", "1"], ["bbb", "22.5"]], numeric=frozenset({1}))
    assert to_text([table]).splitlines() == ["  name  value", "  a         1", "  bbb    22.5"]


def test_runs_show_the_metrics_and_parameters_most_runs_have() -> None:
    text = to_text(view_of([summary(accuracy=0.91234567), summary(accuracy=0.5, auc=0.75)]))
    head, first, *_ = text.splitlines()
    assert head.split() == ["run", "name", "status", "started", "took", "cells", "depth", "accuracy", "auc"]
    assert "0.912346" in first


def test_nothing_to_show_says_so() -> None:
    assert "nothing here yet" in to_text(view_of([]))


def test_parameters_that_tell_runs_apart_come_before_those_that_are_the_same_everywhere() -> None:
    runs = [
        RunSummary(
            run=summary().run, params={"copy_X": True, "a": 1, "b": 1, "c": 1, "depth": depth}, metrics={}, cells=1
        )
        for depth in (2, 4)
    ]
    head = to_text(view_of(runs)).splitlines()[0]
    assert head.split()[6:] == ["depth", "a", "b", "c"]


def test_groups_stand_above_their_rows_in_one_table() -> None:
    table = Table(
        ["", "first", "second"], [["depth", "2", "4"], ["loss", "1", "0.5"]], groups={0: "Parameters", 1: "Metrics"}
    )
    assert to_text([table]).splitlines() == [
        "         first  second",
        "  Parameters",
        "  depth  2      4",
        "  Metrics",
        "  loss   1      0.5",
    ]
    html = to_html([table])
    assert html.count("<table>") == 1
    assert html.count("<th scope=rowgroup class=g colspan=3>") == 2


HOSTILE_PARTS = [
    Heading(HOSTILE, HOSTILE),
    Note(HOSTILE),
    Facts([("a", HOSTILE)]),
    Table([HOSTILE], [[HOSTILE]], groups={0: HOSTILE}),
    Code(HOSTILE),
    Code("+" + HOSTILE, "diff"),
]


@pytest.mark.parametrize("part", HOSTILE_PARTS, ids=lambda part: type(part).__name__)
def test_hostile_text_stays_text(part: Heading) -> None:
    html, text = to_html([part]), to_text([part])
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text)


def test_fifty_runs_take_at_most_ten_kilobytes_each_way() -> None:
    bundle = bundle_of([summary(name=f"run number {i}", accuracy=i / 7) for i in range(50)])
    assert max(len(form.encode()) for form in bundle.values()) <= 10_000


def test_failed_cell_shows_its_error_in_one_line() -> None:
    cell = CellExecution(
        id=new_id(), run_id=new_id(), position=1, source="x = 1\ny", status="error", started_at=1.0, ended_at=2.0,
        error=CellError(name="NameError", message="name 'y' is not defined"),
    )  # fmt: skip
    line = to_text(view_of([cell])).splitlines()[1]
    assert line.split()[:2] == ["1", "error"]
    assert "x = 1 …" in line
    assert "NameError: name 'y' is not defined" in line


def test_colour_is_for_terminals_only() -> None:
    parts = view_of([summary()])
    assert "\x1b[32mfinished" in to_text(parts, colour=True)
    assert "\x1b" not in to_text(parts)


class Derived(Run, frozen=True, kw_only=True):
    """As an endpoint in a person's hand is one that the store has, and more."""


def test_a_list_of_a_derived_kind_is_shown_as_the_kind() -> None:
    run = Run(id=new_id(), name="r", kind="session", status="finished", started_at=time.time())
    derived = Derived(**{field: getattr(run, field) for field in run.__struct_fields__})
    assert to_text(view_of([derived])) == to_text(view_of([run]))

"""The list of runs in a live notebook: searched, sorted, paged, marked and compared without another cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from nbops.store.interface import RunSummary
from nbops.views import to_html, view_of
from nbops.views.answers.runs import run_fields
from nbops.views.parts import TONES, Table
from nbops.widgets.layer import Layer
from nbops.widgets.opening import Open
from nbops.workspace import Workspace, shelf_of

PAGE = 50
"""Rows of one page, here and in the static output."""


class AskRows(msgspec.Struct, frozen=True, kw_only=True, tag="rows", tag_field="kind"):
    """A page of runs is wanted."""

    request: int
    typed: str = ""
    """Words, which are looked for in names, notebooks and notes, or an expression; added to the cell's own."""
    order_by: str = ""
    offset: int = 0


class AskComparison(msgspec.Struct, frozen=True, kw_only=True, tag="compare", tag_field="kind"):
    """Some runs are to be put side by side."""

    request: int
    runs: list[str]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column, and what it can be sorted by; empty when by nothing."""

    title: str
    field: str
    numeric: bool


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One run as the static table shows it."""

    id: str
    cells: Sequence[str]
    tone: str
    """Of its status."""


class Rows(msgspec.Struct, frozen=True, kw_only=True, tag="rows", tag_field="kind"):
    """A page of runs."""

    request: int
    columns: list[Column]
    rows: list[Row]
    offset: int
    total: int
    order_by: str


class Shown(msgspec.Struct, frozen=True, kw_only=True, tag="shown", tag_field="kind"):
    """An answer as our views draw it."""

    request: int
    html: str


def runs_layer(given: dict[str, Any], runs: Sequence[RunSummary], open_project: Open) -> Layer:
    """Open the layer over a list of runs.

    Args:
        given: the options of ``%nbops runs`` as they were typed; the list stays within them.
        runs: what the static output shows.
        open_project: opens the project for one question.
    """
    listing = _Listing(given, open_project)
    order_by = given.get("order_by") or ""
    with open_project() as workspace:
        total = listing.count(workspace, "")
    first = _page(runs, AskRows(request=0, order_by=order_by, offset=given.get("offset") or 0), total)
    return Layer("runs", first, listing.hear)


class _Listing:
    """Answers what is asked of one list."""

    def __init__(self, given: dict[str, Any], open_project: Open) -> None:
        self._where = given.get("where") or ""
        self._shelf = {name: bool(given.get(name)) for name in ("archived", "deleted")}
        self._open = open_project

    def hear(self, content: Any) -> msgspec.Struct:
        asked = msgspec.convert(content, AskRows | AskComparison)
        with self._open() as workspace:
            if isinstance(asked, AskComparison):
                return Shown(request=asked.request, html=to_html(view_of(workspace.compare(asked.runs))))
            runs = workspace.runs(
                self._within(asked.typed),
                order_by=asked.order_by or None,
                limit=PAGE,
                offset=max(0, asked.offset),
                **self._shelf,
            )
            return _page(runs, asked, self.count(workspace, asked.typed))

    def count(self, workspace: Workspace, typed: str) -> int:
        return workspace.store.count_runs(self._within(typed), shelf=shelf_of(**self._shelf))

    def _within(self, typed: str) -> str | None:
        parts = [part for part in (self._where, expression_of(typed)) if part]
        return " and ".join(f"({part})" for part in parts) if len(parts) > 1 else "".join(parts) or None


def expression_of(typed: str) -> str:
    """Read what a person types into a search field, as the side panel does.

    Args:
        typed: an expression of ``runs --where``, or words.

    Returns:
        The expression as it is; for words one that looks for each in names, notebooks and notes; empty for nothing.

    Example:
        >>> expression_of("churn")
        '(name ~ "churn" or notebook ~ "churn" or note ~ "churn")'
        >>> expression_of("metrics.accuracy > 0.9")
        'metrics.accuracy > 0.9'
    """
    if re.search(r"[=<>~]|\bin\s*\(", typed):
        return typed.strip()
    words = ['"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in typed.split()]
    return " and ".join(f"(name ~ {word} or notebook ~ {word} or note ~ {word})" for word in words)


def _page(runs: Sequence[RunSummary], asked: AskRows, total: int) -> Rows:
    columns, rows = [], []
    if runs:
        (table,) = (part for part in view_of(list(runs)) if isinstance(part, Table))
        columns = [
            Column(title=title, field=field, numeric=at in table.numeric)
            for at, (title, field) in enumerate(zip(table.columns, run_fields(runs), strict=True))
        ]
        rows = [
            Row(id=run.run.id, cells=cells, tone=TONES.get(run.run.status, "plain"))
            for run, cells in zip(runs, table.rows, strict=True)
        ]
    return Rows(
        request=asked.request, columns=columns, rows=rows, offset=asked.offset, total=total, order_by=asked.order_by
    )

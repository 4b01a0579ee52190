"""What a layer answers, without a browser; ``tests/browser/test_widgets.py`` has the page's side."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbops.records import Metric, Param, Run, new_id
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.widgets.layer import MOST_LAYERS, Layer
from nbops.widgets.runs import runs_layer
from nbops.workspace import Workspace

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def open_project(project: Path) -> Callable[[], AbstractContextManager[Workspace]]:
    """Opens a project with 60 runs, of which the newest has a hostile name."""
    with contextlib.closing(open_store(load_settings(project, env={}))) as store:
        for number in range(60):
            run = Run(
                id=new_id(), name=HOSTILE if number == 59 else f"run {number}", kind="named", status="finished",
                started_at=float(number), ended_at=number + 1.0,
            )  # fmt: skip
            store.put(run)
            store.log_params([Param(run_id=run.id, name="depth", value=number % 4, at=1.0)])
            store.log_metrics([Metric(run_id=run.id, name="a b", step=None, value=float(number), at=1.0)])
    return lambda: Workspace.opened(project, read_only=True)


@pytest.fixture
def layer(open_project: Callable[[], AbstractContextManager[Workspace]]) -> Iterator[Layer]:
    with open_project() as workspace:
        opened = runs_layer({"where": "params.depth < 3"}, workspace.runs("params.depth < 3"), open_project)
    yield opened
    opened.close()


@pytest.fixture
def ask(layer: Layer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Send a message as the page does, and give what it hears."""
    heard: list[Any] = []
    monkeypatch.setattr(layer, "tell", lambda message: heard.append(msgspec.to_builtins(message)))

    def send(kind: str, **message: Any) -> Any:
        layer._heard(None, {"kind": kind, "request": 7, **message}, [])
        return heard.pop()

    return send


def test_rows_stay_within_the_expression_of_the_cell(ask: Callable[..., Any]) -> None:
    answer = ask("rows", typed="metrics.`a b` >= 50", order_by="-metrics.`a b`")
    assert (answer["kind"], answer["request"], answer["total"]) == ("rows", 7, 7)
    assert [row["cells"][1] for row in answer["rows"]] == [f"run {n}" for n in (58, 57, 56, 54, 53, 52, 50)]


def test_each_column_is_sorted_by_the_field_it_names(ask: Callable[..., Any]) -> None:
    fields = [column["field"] for column in ask("rows")["columns"]]
    assert fields == ["", "name", "status", "started_at", "", "", "params.`depth`", "metrics.`a b`"]
    for field in filter(None, fields):
        assert ask("rows", order_by=f"-{field}")["total"] == 45


def test_words_are_looked_for_as_they_are(ask: Callable[..., Any]) -> None:
    assert ask("rows", typed='run "x\\')["total"] == 0
    assert ask("rows", typed="run 5")["total"] == 10


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"kind": "rows", "typed": "metrics.a >"}, "expected"),
        ({"kind": "rows", "order_by": "nothing"}, "nothing"),
        ({"kind": "compare", "runs": ["none"]}, "none"),
        ({"kind": "rows", "offset": "many"}, "offset"),
        ({"kind": "other"}, "other"),
    ],
    ids=["expression", "order", "unknown run", "wrong type", "unknown kind"],
)
def test_what_cannot_be_answered_is_told_to_who_asked(
    ask: Callable[..., Any], message: dict[str, Any], said: str
) -> None:
    answer = ask(message.pop("kind"), **message)
    assert (answer["kind"], answer["request"]) == ("problem", 7)
    assert said in answer["message"]


def test_a_comparison_escapes_what_runs_are_called(
    ask: Callable[..., Any], open_project: Callable[[], AbstractContextManager[Workspace]]
) -> None:
    with open_project() as workspace:
        ids = [row.run.id for row in workspace.runs(limit=2)]
    html = ask("compare", runs=ids)["html"]
    assert "&lt;img" in html
    assert "<img" not in html


def test_only_the_newest_layers_hold_on_to_their_outputs(layer: Layer) -> None:
    newer = [Layer("runs", layer_first(), lambda _: None) for _ in range(MOST_LAYERS)]
    assert layer._widget.comm is None
    assert newer[0]._widget.comm is not None
    for one in newer:
        one.close()


class First(msgspec.Struct):
    """Nothing to draw."""


def layer_first() -> First:
    return First()

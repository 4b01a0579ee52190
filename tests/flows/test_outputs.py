"""What a cell showed at its executions, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nbops.errors import NotFoundError
from nbops.flows.outputs import outputs_of
from nbops.records import Artifact, CellExecution, OutputSummary, Run, new_id
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.interface import Store
from nbops.views.answers import view_of
from nbops.views.text import to_text


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / ".nbops").mkdir()
    with open_store(load_settings(tmp_path, env={})) as opened:
        yield opened


def session(store: Store, cell_id: str | None, *figures: int) -> list[CellExecution]:
    """A session in which one cell ran several times and showed so many figures each time."""
    run = Run(id=new_id(), name="train.ipynb", kind="session", started_at=1.0, notebook="train.ipynb")
    store.put(run)
    made = []
    for position, count in enumerate(figures, 1):
        shown = OutputSummary(text=f"run {position}", total_bytes=5, kept=count)
        cell = CellExecution(
            id=new_id(), run_id=run.id, position=position, source="plot()", started_at=1.0, cell_id=cell_id,
            outputs=shown, status="ok",
        )  # fmt: skip
        store.put(cell)
        for number in range(count):
            store.put(
                Artifact(
                    id=new_id(), run_id=run.id, execution_id=cell.id, name=f"output-{number + 1}.png",
                    digest="0" * 64, size_bytes=1, media_type="image/png", kind="output",
                    cell=f"train.ipynb#{cell_id}" if cell_id else "", at=1.0,
                )
            )  # fmt: skip
        made.append(cell)
    return made


def counts(store: Store, execution: CellExecution, **options: int) -> list[tuple[str, int]]:
    return [(one.execution.id, len(one.outputs)) for one in outputs_of(store, execution.id, **options)]


def test_the_execution_comes_first_then_the_others_newest_first(store: Store) -> None:
    earlier = session(store, "a", 1)
    session(store, "other", 1)
    first, second, third = session(store, "a", 2, 0, 1)
    assert counts(store, second) == [(second.id, 0), (third.id, 1), (first.id, 2), (earlier[0].id, 1)]
    assert counts(store, third, limit=2) == [(third.id, 1), (second.id, 0)]
    assert [one.name for one in outputs_of(store, first.id)[0].outputs] == ["output-1.png", "output-2.png"]


def test_a_cell_without_an_id_has_no_other_executions(store: Store) -> None:
    first, _ = session(store, None, 1, 1)
    assert counts(store, first) == [(first.id, 1)]


def test_an_id_that_nothing_has_is_said(store: Store) -> None:
    session(store, "a", 1)
    with pytest.raises(NotFoundError):
        outputs_of(store, "ffff")


def test_the_view_tells_text_displays_and_what_was_not_kept(store: Store) -> None:
    (cell,) = session(store, "a", 2)
    store.update(CellExecution, cell.id, outputs=OutputSummary(text="run 1", total_bytes=5, kept=2, left_out=3))
    text = to_text(view_of(outputs_of(store, cell.id)))
    for said in ("run 1", "output-1.png", "image/png", "3 more displays were not kept"):
        assert said in text

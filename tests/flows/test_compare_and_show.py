"""Runs side by side, and anything opened by what people call it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nbops.errors import NotFoundError, UsageError
from nbops.flows.compare import compare
from nbops.flows.show import show
from nbops.records import CellExecution, Environment, Metric, Param, Run, new_id
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.interface import Store


@pytest.fixture
def store(project: Path) -> Iterator[Store]:
    with open_store(load_settings(project)) as opened:
        yield opened


def run(store: Store, name: str, *sources: str, pandas: str = "3.0") -> Run:
    environment = Environment(id=new_id(), python="3.11", platform="linux", packages={"pandas": pandas}, created_at=0.0)
    made = Run(id=new_id(), name=name, kind="session", started_at=1.0, ended_at=3.0, environment_id=environment.id)
    cells = [
        CellExecution(id=new_id(), run_id=made.id, position=i, source=source, started_at=1.0, status="ok")
        for i, source in enumerate(sources, 1)
    ]
    store.put(environment, made, *cells)
    return made


def test_what_differs_is_marked_and_what_one_run_lacks_is_empty(store: Store) -> None:
    first, second = run(store, "a", "x = 1"), run(store, "b", "x = 2", pandas="3.1")
    for made, value in ((first, 1), (second, 1.0)):
        store.log_params([Param(run_id=made.id, name="depth", value=value, at=1.0)])
    store.log_metrics([Metric(run_id=first.id, name="auc", step=None, value=0.5, at=1.0)])
    found = compare(store, ["a", "b"])
    assert [(row.name, row.values, row.differs) for row in found.params] == [("depth", [1, 1.0], True)]
    assert [(row.name, row.values, row.differs) for row in found.metrics] == [("auc", [0.5, None], True)]
    assert [(row.name, row.values) for row in found.packages] == [("pandas", ["3.0", "3.1"])]
    assert "-x = 1" in found.code[0].diff
    assert "+x = 2" in found.code[0].diff


def test_same_code_has_no_diff(store: Store) -> None:
    run(store, "a", "x = 1")
    run(store, "b", "x = 1")
    assert [change.diff for change in compare(store, ["a", "b"]).code] == [""]


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"]], ids=["none", "one", "the same twice"])
def test_less_than_two_runs_cannot_be_compared(store: Store, names: list[str]) -> None:
    run(store, "a")
    with pytest.raises(UsageError, match="two or more"):
        compare(store, names)


def test_named_part_has_the_cells_and_surroundings_of_its_session(store: Store, tmp_path: Path) -> None:
    session = run(store, "session", "x = 1", "with nbops.run('part'): ...", "y = 2")
    cells = store.find(CellExecution, run_id=session.id, order_by="position")
    part = Run(
        id=new_id(),
        name="part",
        kind="named",
        started_at=1.0,
        ended_at=1.5,
        parent_id=session.id,
        execution_id=cells[1].id,
    )
    store.put(part)
    store.update(CellExecution, cells[2].id, started_at=2.0)
    page = show(store, "part", root=tmp_path)
    assert [cell.position for cell in page.cells] == [2]
    assert page.environment is not None
    assert page.environment.packages == {"pandas": "3.0"}


def test_unknown_word_is_said_with_where_to_look(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="'nothing'"):
        show(store, "nothing", root=tmp_path)

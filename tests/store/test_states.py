"""Any order of calls leaves the store as a plain dictionary would be left."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from nbops.errors import NotFoundError
from nbops.records import CellError, CellExecution, Metric, Param, Run, new_id
from nbops.store.sqlite import SqliteStore

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
NUMBER = st.floats() | st.integers(-(1 << 70), 1 << 70).map(float)
VALUE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXT,
        "status": st.sampled_from(["running", "failed", "finished"]),
        "note": TEXT,
        "git_dirty": st.none() | st.booleans(),
        "ended_at": st.none() | st.floats(0, 1e10),
        "tags": st.dictionaries(NAME, TEXT.filter(lambda text: "\0" not in text), max_size=3),
        "error": st.none() | st.builds(CellError, name=st.just("E"), message=st.text("ab'\"\\", max_size=5)),
    },
)


class Stores(RuleBasedStateMachine):
    """Two connections to one file, as two processes have them, against a model of what they must hold."""

    runs = Bundle("runs")

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "store.db"
        self.stores = [SqliteStore(path), SqliteStore(path)]
        self.records: dict[str, Run] = {}
        self.params: dict[str, dict[str, Any]] = {}
        self.metrics: dict[str, list[Metric]] = {}
        self.cells: dict[str, CellExecution] = {}
        self.turn = 0
        self.seen = 0

    @property
    def store(self) -> SqliteStore:
        self.turn += 1
        return self.stores[self.turn % 2]

    @rule(target=runs, fields=FIELDS)
    def put(self, fields: dict[str, Any]) -> str:
        fields = _without_nul(fields)
        run = msgspec.structs.replace(Run(id=new_id(), name="r", kind="named", started_at=1.5), **fields)
        self.store.put(run)
        self.records[run.id] = run
        self.params[run.id], self.metrics[run.id] = {}, []
        return run.id

    @rule(run=runs, fields=FIELDS)
    def update(self, run: str, fields: dict[str, Any]) -> None:
        fields = _without_nul(fields)
        self.store.update(Run, run, **fields)
        self.records[run] = msgspec.structs.replace(self.records[run], **fields)

    @rule(run=consumes(runs))
    def delete(self, run: str) -> None:
        self.store.delete(Run, run)
        del self.records[run]
        self.params.pop(run)
        self.metrics.pop(run)
        self.cells = {key: cell for key, cell in self.cells.items() if cell.run_id != run}
        with pytest.raises(NotFoundError):
            self.store.get(Run, run)

    @rule(run=runs, values=st.dictionaries(NAME, VALUE, max_size=4))
    def log_params(self, run: str, values: dict[str, Any]) -> None:
        self.store.log_params([Param(run_id=run, name=name, value=value, at=1.0) for name, value in values.items()])
        self.params[run].update(values)

    @rule(run=runs, name=NAME, values=st.lists(NUMBER, max_size=4), step=st.none() | st.integers(-5, 5))
    def log_metrics(self, run: str, name: str, values: list[float], step: int | None) -> None:
        logged = [Metric(run_id=run, name=name, step=step, value=value, at=1.0) for value in values]
        self.store.log_metrics(logged)
        self.metrics[run] += logged

    @rule(run=runs, name=NAME, value=NUMBER)
    def log_metric(self, run: str, name: str, value: float) -> None:
        self.store.hot.log_metric(run, name, value, step=3, at=2.0)
        self.metrics[run].append(Metric(run_id=run, name=name, step=3, value=value, at=2.0))

    @rule(run=runs, source=TEXT, is_closed=st.booleans())
    def cell(self, run: str, source: str, is_closed: bool) -> None:
        cell = CellExecution(id=new_id(), run_id=run, position=1, source=source, started_at=1.0)
        self.store.hot.open_cell(cell)
        if is_closed:
            self.store.hot.close_cell(cell.id, status="ok", ended_at=3.0)
            cell = msgspec.structs.replace(cell, status="ok", ended_at=3.0)
        self.cells[cell.id] = cell

    @rule()
    def reopen(self) -> None:
        path = self.stores[0].path
        self.stores[self.turn % 2].close()
        self.stores[self.turn % 2] = SqliteStore(path)

    @rule()
    def tidy(self) -> None:
        self.store.upkeep()

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "stores"):
            return
        store = self.store
        assert {run.id: run for run in store.find(Run)} == self.records
        assert {cell.id: cell for cell in store.find(CellExecution)} == self.cells
        summaries = {summary.run.id: summary for summary in store.search_runs(limit=None)}
        assert summaries.keys() == self.records.keys()
        for key, logged in self.metrics.items():
            assert [_shown(metric) for metric in store.metrics(key)] == [_shown(metric) for metric in logged]
            last = {metric.name: metric.value for metric in logged}
            assert {n: repr(v) for n, v in summaries[key].metrics.items()} == {n: repr(v) for n, v in last.items()}
            assert summaries[key].params == store.params(key) == self.params[key]
        assert store.last_change() >= self.seen
        self.seen = store.last_change()

    def teardown(self) -> None:
        if hasattr(self, "stores"):
            assert self.stores[0].check() == []
            for store in self.stores:
                store.close()
            self.folder.cleanup()


def _shown(metric: Metric) -> tuple[object, ...]:
    return metric.name, metric.step, "nan" if math.isnan(metric.value) else metric.value, metric.at


def _without_nul(fields: dict[str, Any]) -> dict[str, Any]:
    # Inside JSON a NUL is spelled out, which another test looks at.
    if "tags" in fields:
        fields = {**fields, "tags": {key.replace("\0", ""): value for key, value in fields["tags"].items()}}
    return fields


TestStores = Stores.TestCase
TestStores.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)

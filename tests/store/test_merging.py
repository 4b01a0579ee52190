"""A journal of another machine comes home: by id, and only once however often it is brought."""

from __future__ import annotations

from pathlib import Path

import msgspec

from nbops.records import CellExecution, Metric, Model, ModelVersion, Param, Run
from nbops.store.merging import merge, take_metrics
from nbops.store.sqlite import SqliteStore
from nbops_serving.manifest import Signature

THERE, HERE = "/scratch/x/project", "/home/me/project"
RUN = Run(id="r1", name="train", kind="notebook", started_at=1.0, status="finished", ended_at=2.0)


def metrics(*values: float) -> list[Metric]:
    return [Metric(run_id="r1", name="loss", step=step, value=value, at=1.0) for step, value in enumerate(values)]


def version(id: str) -> ModelVersion:
    return ModelVersion(
        id=id,
        model="churn",
        number=7,
        digest="0" * 64,
        flavour="skops",
        signature=Signature(columns=[]),
        type_name="x.Y",
        created_at=1,
    )


def journal_at(folder: Path) -> SqliteStore:
    journal = SqliteStore(folder / "there.db")
    cell = CellExecution(id="c1", run_id="r1", position=1, source=f"open('{THERE}/a')", status="ok", started_at=1.0)
    journal.put(RUN, cell)
    journal.log_params([Param(run_id="r1", name="n", value=1, at=1.0)])
    journal.log_metrics(metrics(0.5, float("nan"), 0.25))
    return journal


def test_bringing_a_journal_twice_changes_nothing(tmp_path: Path) -> None:
    with journal_at(tmp_path) as journal, SqliteStore(tmp_path / "here.db") as store:
        store.put(msgspec.structs.replace(RUN, status="running", ended_at=None))
        store.log_metrics(metrics(0.5))  # came while the run went on

        for _ in range(2):
            merge(journal, store, run=RUN, moved=(THERE, HERE))

        assert store.get(Run, "r1") == RUN
        assert [repr(metric.value) for metric in store.metrics("r1")] == ["0.5", "nan", "0.25"]
        assert store.params("r1") == {"n": 1}
        [cell] = store.find(CellExecution)
        assert cell.source == f"open('{HERE}/a')"
        assert store.check() == []


def test_a_model_gets_the_next_number_of_the_store_that_all_share(tmp_path: Path) -> None:
    with journal_at(tmp_path) as journal, SqliteStore(tmp_path / "here.db") as store:
        store.add_version(version("ours"))
        journal.add_version(version("theirs"))

        for _ in range(2):
            merge(journal, store, run=RUN, moved=(THERE, HERE))

        assert {found.id: found.number for found in store.find(ModelVersion)} == {"ours": 1, "theirs": 2}
        assert len(store.find(Model)) == 1


def test_metrics_that_are_here_are_not_taken_again(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "here.db") as store:
        store.put(RUN)
        take_metrics(store, "r1", metrics(1.0, 2.0))
        take_metrics(store, "r1", metrics(1.0, 2.0, 3.0))

        assert [metric.value for metric in store.metrics("r1")] == [1.0, 2.0, 3.0]

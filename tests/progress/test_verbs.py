"""Verbs that may take longer than a second say what they do, to whatever shows it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from nbops.progress import Stage, Stoppable, Stopped, watching
from nbops.records import Artifact, CellExecution, Edge, Lineage, Metric, Run, Written, new_id
from nbops.workspace import Workspace


class Told:
    """Remembers every stage."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []

    def began(self, stage: Stage) -> None:
        """A stage starts."""
        self.stages.append(stage)

    def moved(self, stage: Stage) -> None:
        """Read at the end."""

    def ended(self, stage: Stage) -> None:
        """Read at the end."""


def test_doctor_counts_what_it_looks_at(tmp_path: Path) -> None:
    (tmp_path / ".nbops").mkdir()
    told = Told()
    with Workspace.opened(tmp_path) as workspace, watching(told):
        workspace.doctor()

    [stage] = told.stages
    assert stage.title == "Look at what nbops stands on"
    assert stage.done == stage.total == 9


def test_download_counts_bytes_and_names_files(tmp_path: Path) -> None:
    (tmp_path / ".nbops").mkdir()
    told = Told()
    with Workspace.opened(tmp_path) as workspace:
        run = Run(id=new_id(), name="train", kind="named", started_at=time.time())
        digest = workspace.blobs.put(b"x" * 2000)
        workspace.store.put(
            run, Artifact(id=new_id(), run_id=run.id, name="a.txt", digest=digest, size_bytes=2000, at=time.time())
        )
        with watching(told):
            workspace.download(run.id, out=str(tmp_path / "out"))

    [stage] = told.stages
    assert (stage.title, stage.unit, stage.done, stage.total, stage.note) == ("Download", "MB", 0.002, 0.002, "a.txt")


def test_sync_is_silent_where_nothing_has_to_go_elsewhere(tmp_path: Path) -> None:
    (tmp_path / ".nbops").mkdir()
    told = Told()
    with Workspace.opened(tmp_path) as workspace, watching(told):
        assert workspace.sync().waiting == 0

    assert told.stages == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show at once what is otherwise shown when it takes longer than a second."""
    for room in ("workspace.runs", "flows.compare", "lineage.slices"):
        monkeypatch.setattr(f"nbops.{room}.PATIENCE_S", 0)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Three runs, and a session of two cells."""
    (tmp_path / ".nbops").mkdir()
    with Workspace.opened(tmp_path) as workspace:
        runs = [Run(id=new_id(), name=f"run-{n}", kind="named", started_at=100.0 + n) for n in range(3)]
        session = Run(id=new_id(), name="session", kind="session", started_at=200.0, ended_at=210.0)
        first = _cell(session, 1, Lineage(writes=[Written(name="x", evidence="named")]))
        edge = Edge(name="x", source_id=first.id, evidence="named")
        workspace.store.put(*runs, session, first, _cell(session, 2, Lineage(edges=[edge])))
        workspace.store.log_metrics([Metric(run_id=session.id, name="loss", step=1, value=0.5, at=202.5)])
    return tmp_path


def _cell(session: Run, position: int, lineage: Lineage) -> CellExecution:
    return CellExecution(
        id=new_id(), run_id=session.id, position=position, source=f"cell({position})", status="ok", lineage=lineage,
        started_at=200.0 + position, ended_at=200.9 + position,
    )  # fmt: skip


@pytest.mark.usefixtures("impatient")
def test_a_list_of_runs_counts_them(project: Path) -> None:
    told = Told()
    with Workspace.opened(project) as workspace, watching(told):
        workspace.runs(limit=None)

    [stage] = told.stages
    assert (stage.title, stage.count) == ("List runs", "4/4 runs")


@pytest.mark.usefixtures("impatient")
def test_compare_counts_runs_and_their_code(project: Path) -> None:
    told = Told()
    with Workspace.opened(project) as workspace, watching(told):
        workspace.compare(["run-0", "run-1", "run-2"])

    [stage] = told.stages
    assert (stage.title, stage.count, stage.note) == ("Compare 3 runs", "6/6 steps", "compare the code of run-2")


@pytest.mark.usefixtures("impatient")
def test_a_slice_says_how_much_it_writes(project: Path, tmp_path: Path) -> None:
    told = Told()
    with Workspace.opened(project) as workspace, watching(told):
        workspace.slice("session", metric="loss", output=str(tmp_path / "slice.ipynb"))

    [stage] = told.stages
    assert (stage.title, stage.count, stage.note) == ("Write slice.ipynb", "3/3", "write 2 cells")


@pytest.mark.usefixtures("impatient")
def test_a_cancelled_slice_leaves_the_notebook_that_was_there(project: Path, tmp_path: Path) -> None:
    class StopsAtWriting(Told):
        def moved(self, stage: Stage) -> None:
            if stage.note.startswith("write"):
                stopping.stop()

    stopping = Stoppable(StopsAtWriting())
    there = tmp_path / "slice.ipynb"
    there.write_text("mine", "utf-8")
    with Workspace.opened(project) as workspace, pytest.raises(Stopped), watching(stopping):
        workspace.slice("session", metric="loss", output=str(there))

    assert there.read_text("utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir() if "slice" in path.name] == ["slice.ipynb"]


def test_what_verbs_do_quickly_is_not_worth_a_word(project: Path) -> None:
    told = Told()
    with Workspace.opened(project) as workspace, watching(told):
        workspace.runs()
        workspace.compare(["run-0", "run-1"])
        workspace.show("session")

    assert told.stages == []

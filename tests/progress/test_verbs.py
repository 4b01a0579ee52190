"""Verbs that may take longer than a second say what they do, to whatever shows it."""

from __future__ import annotations

import time
from pathlib import Path

from nbops.progress import Stage, watching
from nbops.records import Artifact, Run, new_id
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

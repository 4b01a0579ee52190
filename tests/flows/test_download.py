"""A run's artifacts as ordinary files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nbops.errors import NbopsError, NotFoundError, StoreCorruptError, UsageError
from nbops.flows.download import Downloaded, download
from nbops.records import Artifact, Run, new_id
from nbops.views.answers import view_of
from nbops.views.text import to_text
from nbops.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / ".nbops").mkdir()
    with Workspace.opened(tmp_path) as opened:
        opened.store.put(Run(id=new_id(), name="train", kind="session", started_at=1.0))
        yield opened


def logged(workspace: Workspace, name: str, data: bytes) -> Artifact:
    run = workspace.store.resolve(Run, "train")
    artifact = Artifact(
        id=new_id(), run_id=run.id, name=name, digest=workspace.blobs.put(data), size_bytes=len(data), at=2.0
    )
    workspace.store.put(artifact)
    return artifact


def brought(workspace: Workspace, *names: str, reference: str = "train", overwrite: bool = False) -> list[Downloaded]:
    return download(
        reference, names, workspace.root / "out", store=workspace.store, blobs=workspace.blobs, overwrite=overwrite
    )


def test_all_that_was_logged_last_under_each_name_stands_below_the_folder(workspace: Workspace) -> None:
    for name, data in (("report.html", b"old"), ("report.html", b"<p>"), ("tables/a.csv", b"a,b")):
        logged(workspace, name, data)
    told = brought(workspace)
    assert [(one.name, Path(one.path).read_bytes(), one.is_new) for one in told] == [
        ("report.html", b"<p>", True),
        ("tables/a.csv", b"a,b", True),
    ]
    assert "tables/a.csv" in to_text(view_of(told))
    assert [one.is_new for one in brought(workspace)] == [False, False]


def test_one_artifact_is_asked_for_by_its_id_or_its_name(workspace: Workspace) -> None:
    first = logged(workspace, "report.html", b"old")
    logged(workspace, "report.html", b"new")
    logged(workspace, "other", b"")
    assert Path(brought(workspace, "report.html")[0].path).read_bytes() == b"new"
    (told,) = brought(workspace, reference=first.id, overwrite=True)
    assert Path(told.path).read_bytes() == b"old"


def test_what_is_in_the_way_is_kept_and_nothing_is_half_written(workspace: Workspace) -> None:
    logged(workspace, "a", b"1")
    logged(workspace, "b", b"2")
    (workspace.root / "out").mkdir()
    (workspace.root / "out" / "b").write_bytes(b"mine")
    with pytest.raises(UsageError, match="nothing was written") as refused:
        brought(workspace)
    assert refused.value.hint is not None
    assert refused.value.hint.endswith("--overwrite")
    assert [path.name for path in (workspace.root / "out").iterdir()] == ["b"]
    brought(workspace, overwrite=True)
    assert (workspace.root / "out" / "b").read_bytes() == b"2"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil"])
def test_a_name_does_not_lead_out_of_the_folder(workspace: Workspace, name: str) -> None:
    logged(workspace, name, b"x")
    with pytest.raises(UsageError, match="outside of the folder"):
        brought(workspace)
    assert not (workspace.root / "out").exists()


def test_what_is_not_there_is_told_with_what_is(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="nothing was logged"):
        brought(workspace)
    logged(workspace, "report.html", b"x")
    with pytest.raises(NotFoundError, match=r"no artifact 'reprot\.html'; it has report\.html"):
        brought(workspace, "reprot.html")
    with pytest.raises(NotFoundError, match="no run"):
        brought(workspace, reference="nowhere")


def test_damaged_bytes_are_not_handed_out(workspace: Workspace) -> None:
    artifact = logged(workspace, "a", b"right")
    kept = workspace.blobs.path(artifact.digest)
    kept.chmod(0o644)
    kept.write_bytes(b"wrong")
    with pytest.raises(StoreCorruptError):
        brought(workspace)
    assert not (workspace.root / "out" / "a").exists()


def test_a_folder_that_cannot_be_made_is_a_clear_error(workspace: Workspace) -> None:
    logged(workspace, "a/b", b"1")
    (workspace.root / "out").mkdir()
    (workspace.root / "out" / "a").write_bytes(b"a file where a folder should be")
    with pytest.raises(NbopsError, match="cannot be written"):
        brought(workspace)

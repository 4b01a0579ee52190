"""Telling that a sweep has ended, from the verb to the receiver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from nbops.errors import MissingError, UsageError
from nbops.workspace import Workspace


@pytest.fixture
def notified(project: Path, inbox: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    (project / "pyproject.toml").write_text(
        '[tool.nbops.notify]\npanel = "https://hub.example.org"\n'
        '[tool.nbops.notify.team]\nkind = "webhook"\nurl_env = "TEAM_HOOK"\n',
        "utf-8",
    )
    monkeypatch.setenv("TEAM_HOOK", inbox.url)
    return project


def a_notebook(folder: Path, *cells: str) -> str:
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    node.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(node, folder / "train.ipynb")
    return str(folder / "train.ipynb")


@pytest.mark.kernel
def test_a_sweep_that_failed_is_told_with_its_cell_and_its_link(notified: Path, inbox: Any) -> None:
    with Workspace.opened(notified) as workspace:
        ended = workspace.retrain(a_notebook(notified, "x = 1", "1 / 0"), notify=["team"])
    ((_, body),) = inbox.requests
    assert (body["status"], body["title"]) == ("failed", "train has failed")
    assert body["text"] == "cell 2: ZeroDivisionError: division by zero"
    assert body["sweep_id"] == ended.id
    assert body["link"] == f"https://hub.example.org/lab?nbops-run={body['run_id']}"


@pytest.mark.kernel
def test_a_notice_that_does_not_arrive_leaves_the_result_as_it_is(notified: Path, inbox: Any) -> None:
    inbox.answers.append((403, {}))
    with Workspace.opened(notified) as workspace:
        ended = workspace.retrain(a_notebook(notified, "x = 1"), notify=["team"])
    assert ended.status == "finished"
    assert len(inbox.requests) == 1


def test_a_channel_that_could_not_be_reached_later_is_refused_before_anything_runs(
    notified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = a_notebook(notified, "x = 1")
    with Workspace.opened(notified) as workspace:
        with pytest.raises(UsageError, match="'taem'"):
            workspace.retrain(notebook, notify=["taem"])
        monkeypatch.delenv("TEAM_HOOK")
        with pytest.raises(MissingError, match="TEAM_HOOK"):
            workspace.retrain(notebook, notify=["team"])
        assert workspace.sweeps() == []

"""A recorded session in a shell of this process, reproduced in real kernels."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shells import lent_shell

from nbops import capture
from nbops.records import CellExecution, Compared, Reproduction, Run
from nbops.settings import load_settings
from nbops.workspace import Workspace


class Session:
    """A notebook at work: its cells run here, and what they made is reproduced elsewhere."""

    def __init__(self, folder: Path, shell: Any) -> None:
        self.folder = folder
        self.ip = shell
        capture.start(shell)
        recorder = capture.current()
        assert recorder is not None
        assert recorder.follower is not None
        recorder.session._watcher.join()  # the environment is looked at on a thread
        recorder.follower.budget_s = 5  # no busy machine turns a digest into a sample
        self.run_id = recorder.run_id
        self.workspace = Workspace(load_settings())
        self.cells("import nbops", "import helping" if (folder / "helping.py").exists() else "pass")

    def cells(self, *sources: str) -> None:
        """Run cells, each with an id of its own."""
        for source in sources:
            self.ip.run_cell(source, store_history=True, cell_id=f"cell-{abs(hash(source)) % 10**9}")

    def end(self) -> None:
        """End the session, as closing the notebook does."""
        capture.stop()

    def reproduce(self, reference: str | None = None, **options: Any) -> Reproduction:
        """Run it again in a fresh kernel."""
        return self.workspace.reproduce(reference or self.run_id, **options)

    def executions(self, run_id: str | None = None) -> list[CellExecution]:
        """What ran, in its order."""
        return self.workspace.store.find(CellExecution, run_id=run_id or self.run_id, order_by="position")

    def run(self) -> Run:
        """The session's own record."""
        return self.workspace.store.get(Run, self.run_id)


def verdicts(made: Reproduction, kind: str | None = None) -> dict[str, str]:
    """What was compared, by its name."""
    return {one.name: one.verdict for one in made.compared if kind in (None, one.kind)}


def compared(made: Reproduction, name: str) -> Compared:
    """One thing that was compared."""
    return next(one for one in made.compared if one.name == name)


@pytest.fixture
def session(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session that records into an empty project."""
    monkeypatch.setenv("NBOPS_NOTEBOOK", "work.ipynb")
    monkeypatch.syspath_prepend(project)
    modules = set(sys.modules)
    with lent_shell() as shell:
        made = Session(project, shell)
        yield made
        made.workspace.store.close()
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] in ("helping", "churning"):
            del sys.modules[name]

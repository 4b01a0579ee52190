"""What a masked session can still do: nothing is called edited, slices run, modules are refused by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from planted_secrets import FORMS, Maker, left_on_disk
from shells import lent_shell

import nbops
from nbops import capture
from nbops.errors import ExtractError
from nbops.records import CellExecution, Secret
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.workspace import Live, Workspace

TOKEN = FORMS["GitHub token"](Maker(5))


class Session:
    """A shell that records a notebook."""

    def __init__(self, folder: Path, shell: Any) -> None:
        self.folder = folder
        self.ip = shell
        self.recorder: Any = capture.start(shell)
        self.workspace = Workspace(load_settings())

    def run(self, **cells: str) -> None:
        for cell_id, source in cells.items():
            self.ip.run_cell(source, store_history=True, cell_id=cell_id)

    def save(self, **cells: str) -> None:
        code = [new_code_cell(source, id=cell_id) for cell_id, source in cells.items()]
        nbformat.write(new_notebook(cells=code), self.folder / "work.ipynb")


@pytest.fixture
def session(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("NBOPS_NOTEBOOK", str(project / "work.ipynb"))
    with lent_shell() as shell:
        one = Session(project, shell)
        yield one
        one.workspace.store.close()


CELLS = {
    "a": f"import os\ntoken = '{TOKEN}'",
    "b": "def size(text):\n    return len(text)",
    "c": "n = size(token)",
}


def test_a_cell_is_not_called_edited_because_it_was_masked(session: Session) -> None:
    session.run(**CELLS)
    session.save(**CELLS)
    assert [state.is_edited for state in session.workspace.cells()] == [False, False, False]
    session.save(**{**CELLS, "a": CELLS["a"] + "\nmore = 1"})
    assert [state.is_edited for state in session.workspace.cells()] == [True, False, False]


def test_a_slice_names_the_secrets_it_needs_and_runs_where_they_are(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.run(**CELLS)
    cut = session.workspace.slice(variable="n", output="slice.ipynb")
    (known,) = session.workspace.secrets()
    assert cut.secrets == [f"{known.id} (GitHub token)"]
    node = nbformat.read("slice.ipynb", as_version=4)
    assert known.id in node.cells[0].source
    monkeypatch.setenv(f"NBOPS_SECRET_{known.id.upper()}", TOKEN)
    names: dict[str, Any] = {}
    for cell in node.cells[1:]:
        exec(cell.source, names)
    assert names["n"] == len(TOKEN)


@pytest.mark.parametrize(
    "cell",
    [
        f"KEY = 'made up'\n\ndef fetch(url):\n    return url, '{TOKEN}'",
        f"KEY = '{TOKEN}'\n\ndef fetch(url):\n    return url, KEY",
    ],
    ids=["in the function", "in what it reads"],
)  # fmt: skip
def test_a_definition_with_a_secret_is_refused_by_its_line(session: Session, cell: str) -> None:
    session.run(a=cell)
    session.workspace = Workspace(load_settings(), live=live(session))
    with pytest.raises(ExtractError) as caught:
        session.workspace.extract(["fetch"], to="work.web")
    line = 4 if "KEY = 'made up'" in cell else 1
    assert f"holds a secret in line {line}, which must not go into a module" in str(caught.value)
    assert 'os.environ["NAME"]' in str(caught.value)
    assert not (session.folder / "work").exists()


def test_a_notebooks_file_is_refused_the_same_way(project: Path) -> None:
    cell = new_code_cell(f"def fetch(url):\n    return url, '{TOKEN}'", id="a")
    nbformat.write(new_notebook(cells=[cell]), project / "work.ipynb")
    workspace = Workspace(load_settings())
    with pytest.raises(ExtractError, match="holds a secret in line 2"):
        workspace.extract(["fetch"], to="work.web", notebook="work.ipynb")
    workspace.store.close()


def test_a_secret_that_the_function_asks_for_itself_is_no_obstacle(session: Session) -> None:
    session.run(a="import os\n\ndef fetch(url):\n    return url, os.environ['SERVICE_TOKEN']")
    session.workspace = Workspace(load_settings(), live=live(session))
    assert session.workspace.extract(["fetch"], to="work.web").module == "work.web"


def live(session: Session) -> Live:
    recorder = session.recorder
    return Live(
        namespace=recorder.namespace, executions=recorder.cells, earlier=list, run_id=recorder.run_id,
        notebook=recorder.notebook,
        recording=True, execution_id=None, offer=lambda _: None,
    )  # fmt: skip


def test_an_artifact_with_a_secret_is_kept_as_it_is_and_told(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    (session.folder / "notes.txt").write_text(f"the token: {TOKEN}", "utf-8")
    artifact = nbops.log_artifact("notes.txt")
    assert artifact is not None
    assert "seems to hold a secret (GitHub token)" in capsys.readouterr().err
    assert list(left_on_disk(session.folder / ".nbops", {"token": TOKEN})) == [artifact.digest]


def test_labels_of_a_run_are_masked(session: Session) -> None:
    session.run(a="x = 1")
    run = session.workspace.runs()[0].run
    session.workspace.tag(run.id, {"api_key": TOKEN, "team": "churn"})
    session.workspace.note(run.id, f"made with {TOKEN}")
    session.workspace.rename(run.id, f"with {TOKEN}")
    kept = session.workspace.runs()[0].run
    assert kept.tags["team"] == "churn"
    assert all("[masked: " in text for text in (kept.tags["api_key"], kept.note, kept.name))
    assert left_on_disk(session.folder / ".nbops", {"token": TOKEN}) == {}


def test_masking_can_be_switched_off(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBOPS_MASKING", "false")
    cell = CellExecution(id="a" * 32, run_id="b" * 32, position=1, source=f"x = '{TOKEN}'", started_at=0.0)
    with open_store(load_settings()) as store:
        store.put(cell)
        assert store.get(CellExecution, cell.id) == cell
        assert store.count(Secret) == 0


def test_a_setting_says_what_is_no_secret(project: Path) -> None:
    (project / "pyproject.toml").write_text(f"[tool.nbops]\nnot_secrets = ['{TOKEN}']\n", "utf-8")
    cell = CellExecution(id="a" * 32, run_id="b" * 32, position=1, source=f"x = '{TOKEN}'", started_at=0.0)
    with open_store(load_settings()) as store:
        store.put(cell)
        assert store.get(CellExecution, cell.id).source == cell.source

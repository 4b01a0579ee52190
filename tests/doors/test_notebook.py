"""The notebook's door: ``%nbops`` and ``%%nbops`` in a real IPython shell."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from shells import lent_shell

from nbops.errors import UsageError


class Notebook:
    """A shell that runs cells as a notebook does."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell

    def run(self, source: str) -> Any:
        return self.shell.run_cell(source, store_history=True)

    def value(self, source: str) -> Any:
        result = self.run(source)
        result.raise_error()
        return result.result.value


@pytest.fixture
def notebook(project: Path) -> Iterator[Notebook]:
    with lent_shell() as shell:
        opened = Notebook(shell)
        opened.run("%load_ext nbops").raise_error()
        yield opened
        opened.run("%unload_ext nbops").raise_error()


def test_line_magic_returns_the_records_and_shows_them(notebook: Notebook) -> None:
    notebook.run("x = 1")
    result = notebook.run("%nbops cells")
    assert [cell.source for cell in result.result.value] == ["%load_ext nbops", "x = 1", "%nbops cells"]
    bundle = result.result._repr_mimebundle_()
    assert sorted(bundle) == ["text/html", "text/plain"]
    assert "x = 1" in bundle["text/plain"]


def test_status_tells_this_session(notebook: Notebook) -> None:
    status = notebook.value("%nbops status")
    assert (status.recording, status.cells) == (True, 2)


def test_a_record_that_a_cell_ends_with_is_shown_as_the_verbs_show_it(notebook: Notebook) -> None:
    record = notebook.run("import nbops; nbops.log_artifact({'a': 1}, name='<b>.json')").result
    formatter = notebook.shell.display_formatter
    assert formatter is not None
    shown, _ = formatter.format(record)
    assert shown["text/plain"].splitlines()[1].split()[1:] == ["<b>.json", "application/json", "12", "B", "logged"]
    assert "&lt;b&gt;.json" in shown["text/html"]
    notebook.run("%unload_ext nbops").raise_error()
    assert formatter.format(record)[0] == {"text/plain": repr(record)}
    notebook.run("%load_ext nbops").raise_error()


def test_wrong_line_shows_the_right_call_without_a_stack(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    result = notebook.run("%nbops rnus")
    assert type(result.error_in_exec).__name__ == "UsageError"
    shown = capsys.readouterr()
    assert "did you mean runs" in shown.out + shown.err
    assert "Traceback" not in shown.out + shown.err


def test_help_shows_nothing_but_the_help(notebook: Notebook, capsys: pytest.CaptureFixture[str]) -> None:
    result = notebook.run("%nbops runs --help")
    assert result.success
    assert result.result is None
    assert "%nbops runs --where" in capsys.readouterr().out


def test_cell_is_a_run_of_its_own_and_keeps_its_result(notebook: Notebook) -> None:
    result = notebook.run("%%nbops run baseline\nimport nbops\nnbops.log_metric('auc', 0.75)\n40 + 2")
    result.raise_error()
    page = notebook.value("%nbops show baseline")
    assert (page.noun, page.record["status"], page.metrics[0].value) == ("Run", "finished", 0.75)
    assert len(page.cells) == 1


def test_failing_cell_closes_its_run_as_failed(notebook: Notebook) -> None:
    assert not notebook.run("%%nbops run broken\n1 / 0").success
    assert notebook.value("%nbops show broken").record["status"] == "failed"


def test_a_cell_that_leaves_the_folder_stays_in_its_project(
    notebook: Notebook, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path_factory.mktemp("away")
    before = notebook.value("%nbops status")
    monkeypatch.chdir(away)
    after = notebook.value("%nbops status")
    assert (after.project, after.run.id) == (before.project, before.run.id)
    assert list(away.iterdir()) == []


def test_last_is_this_session_even_after_a_named_run(notebook: Notebook) -> None:
    notebook.run("%%nbops run part\n1")
    assert notebook.value("%nbops show").record["kind"] == "session"


@pytest.mark.parametrize("line", ["run", "rnu x", "", "extract --to"])
def test_cell_magic_that_is_not_understood_says_what_would_be(notebook: Notebook, line: str) -> None:
    result = notebook.run(f"%%nbops {line}\n1")
    assert type(result.error_in_exec).__name__ == "UsageError"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("%nbops ru", "runs"),
        ("%nbops runs --wh", "--where"),
        ("%nbops show la", "last"),
        ("%nbops deploy mod", "model_of_mine"),
    ],
)
def test_verbs_options_ids_and_variables_are_completed(notebook: Notebook, typed: str, offered: str) -> None:
    notebook.run("model_of_mine = 1")
    with provisionalcompleter():
        found = list(notebook.shell.Completer.completions(typed, len(typed)))
    assert offered in {completion.text for completion in found}


def test_json_is_text(notebook: Notebook) -> None:
    assert notebook.value("%nbops runs --json").startswith("[")


def test_a_session_is_tagged_while_it_runs_but_not_deleted(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    run = notebook.value("%nbops tag last team=churn")
    assert (run.status, run.tags) == ("running", {"team": "churn"})
    assert [row.run.id for row in notebook.value('%nbops runs --where "tags.team = churn"')] == [run.id]

    result = notebook.run("%nbops delete last")
    assert type(result.error_in_exec).__name__ == "ConflictError"
    assert f"({run.id}) cannot be deleted: it is still running" in capsys.readouterr().out


def test_what_was_said_of_a_session_outlives_its_end(notebook: Notebook, project: Path) -> None:
    from nbops.workspace import Workspace

    run = notebook.value("%nbops tag last team=churn")
    notebook.value('%nbops note last "clean ages"')
    notebook.run("%unload_ext nbops").raise_error()

    with Workspace.opened(project) as workspace:
        ended = workspace.store.get(type(run), run.id)
    assert (ended.status, ended.tags, ended.note) == ("finished", {"team": "churn"}, "clean ages")


def test_deploy_without_a_model_is_refused_where_nobody_could_fill_a_form(notebook: Notebook) -> None:
    with pytest.raises(UsageError, match="takes a model"):
        notebook.value("%nbops deploy")

"""The shell's door: what a person types after ``nbops``, what is printed, and the exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from nbops.cli import main
from nbops.records import Run, new_id
from nbops.settings import load_settings
from nbops.store import open_store


@pytest.fixture
def runs(project: Path) -> list[Run]:
    store = open_store(load_settings(project))
    made = [
        Run(id=new_id(), name=name, kind="named", started_at=i, status="finished", ended_at=i + 1.0)
        for i, name in enumerate(("first", "second"))
    ]
    store.put(*made)
    store.close()
    return made


def test_runs_are_listed_newest_first(runs: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["name", "second", "first"]


def test_json_is_the_record_itself(runs: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--json"]) == 0
    assert [row["run"]["id"] for row in json.loads(capsys.readouterr().out)] == [run.id for run in reversed(runs)]


def test_error_goes_to_stderr_with_its_cure_and_exit_code_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "nothing-like-this"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "'nothing-like-this'" in printed.err
    assert "→ nbops runs" in printed.err


def test_another_project_is_reached_with_a_folder_first(
    runs: list[Run], project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["-C", str(project), "runs"]) == 0
    assert "second" in capsys.readouterr().out


def test_missing_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(tmp_path / "nowhere"), "runs"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_listing_in_a_folder_without_a_project_makes_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["runs"]) == 0
    assert "nothing here yet" in capsys.readouterr().out


def test_real_process_prints_help_and_exits_with_zero(project: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "nbops", "--help"], capture_output=True, text=True, check=True)
    assert "Start here" in done.stdout


def test_reader_that_goes_away_is_not_an_error(runs: list[Run]) -> None:
    command = [sys.executable, "-m", "nbops", "runs"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


def test_bash_is_offered_ids_of_the_project(runs: list[Run], project: Path) -> None:
    script = Path(sys.executable).parent / "nbops"
    words = {"_NBOPS_COMPLETE": "bash_complete", "COMP_WORDS": "nbops cells fir", "COMP_CWORD": "2"}
    done = subprocess.run(
        [script], env={**os.environ, **words}, capture_output=True, text=True, check=True, cwd=project
    )
    assert done.stdout.split() == ["plain,first"]


def test_doctor_says_what_is_here_and_how_to_get_the_rest(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = {finding["topic"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert findings["python"]["state"] == "ok"
    assert findings.keys() >= {
        "nbops", "jupyterlab", "papermill", "store", "blobs", "git", "kernels", "panel", "docker", "process", "browser",
    }  # fmt: skip
    assert findings["store"]["message"].startswith("none yet")
    assert all(finding["cure"] for finding in findings.values() if finding["state"] != "ok")


def test_status_and_doctor_say_that_a_folder_above_has_taken_over_a_project(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = project / "churn model"
    (own / ".git").mkdir(parents=True)
    monkeypatch.chdir(own)
    main(["status"])
    assert f"mkdir '{own}/.nbops'" in capsys.readouterr().out
    main(["doctor", "--json"])
    found = next(row for row in json.loads(capsys.readouterr().out) if row["topic"] == "project")
    assert (found["state"], found["cure"]) == ("warning", f"mkdir '{own}/.nbops'")

    (own / ".nbops").mkdir()
    main(["status", "--json"])
    assert json.loads(capsys.readouterr().out)["overshadowed"] is None


def test_doctor_names_a_damaged_store(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / ".nbops" / "store.db").write_bytes(b"this is no database" * 500)
    main(["doctor", "--json"])
    (store,) = [finding for finding in json.loads(capsys.readouterr().out) if finding["topic"] == "store"]
    assert (store["state"], bool(store["cure"])) == ("missing", True)


def test_a_run_is_tagged_found_put_away_and_brought_back(runs: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    def names(*words: str) -> list[str]:
        capsys.readouterr()
        assert main(["runs", *words, "--json"]) == 0
        return [row["run"]["name"] for row in json.loads(capsys.readouterr().out)]

    assert main(["tag", "first", "team=a", "stage=draft"]) == 0
    assert "team=a, stage=draft" in capsys.readouterr().out
    assert main(["tag", "first", "--remove", "stage"]) == 0
    assert names("--where", 'tags.team = "a"') == ["first"]
    assert main(["note", "first", "clean ages"]) == 0
    assert main(["rename", "first", "baseline"]) == 0
    assert main(["archive", "baseline"]) == 0
    assert main(["delete", "second"]) == 0
    assert (names(), names("--archived"), names("--deleted")) == ([], ["baseline"], ["second"])
    assert main(["restore", "baseline", "second"]) == 0
    assert names() == ["second", "baseline"]


def test_collecting_shows_before_it_removes(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert main(["delete", "first"]) == 0
    assert main(["gc"]) == 0
    assert "nothing to collect; the trash keeps runs for 30 days" in capsys.readouterr().out
    assert main(["gc", "--older-than", "0"]) == 0
    shown = capsys.readouterr().out
    assert "Would be removed" in shown
    assert "nothing was changed; with --apply it goes" in shown
    assert main(["gc", "--older-than", "0", "--apply"]) == 0
    assert "Removed" in capsys.readouterr().out
    assert main(["restore", runs[0].id]) == 1
    assert "no run answers to" in capsys.readouterr().err


def test_doctor_names_a_missing_drive_and_a_team_store_that_does_not_answer(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NBOPS_STORE", str(project / "drive" / "store.db"))
    main(["doctor", "--json"])
    (store,) = [finding for finding in json.loads(capsys.readouterr().out) if finding["topic"] == "store"]
    assert (store["state"], "drive" in store["message"]) == ("missing", True)

    monkeypatch.setenv("NBOPS_STORE", "postgresql://someone:open-sesame@127.0.0.1:1/team")
    main(["doctor", "--json"])
    printed = capsys.readouterr().out
    (team,) = [finding for finding in json.loads(printed) if finding["topic"] == "team store"]
    assert team["state"] == "missing"
    assert "open-sesame" not in printed


def test_doctors_cures_can_be_copied_whole(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / ".nbops" / "store.db").write_bytes(b"this is no database" * 500)
    main(["doctor"])
    assert f"nbops.store.rescue {project}/.nbops/store.db" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["runs", "--limit", "-3"], ["cells", "-n", "0"], ["runs", "--offset", "-1"]])
def test_number_out_of_range_is_refused(project: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 1
    assert "range" in capsys.readouterr().err


def test_command_that_reads_a_notebook_makes_no_grammar_of_uris(project: Path) -> None:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("depth = 3")]), project / "a.ipynb")
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\nloaded', *[name in sys.modules for name in ('nbformat', 'lark')]))\n"
        "sys.argv = ['nbops', 'parameters', 'a.ipynb']\n"
        "from nbops.cli import entry_point\n"
        "entry_point()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded True False"

"""Progress in a log: nobody has to wonder whether it still goes on."""

import time

import pytest

from nbops.cli.progress import Lines, terminal
from nbops.progress import stage


def test_log_has_a_line_for_begin_each_note_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal(), stage("Pack", total=2, unit="files") as now:
        now.advance(note="model")
        now.advance(note="model")
        now.say("manifest")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["Pack …", "  model (1/2 files)", "  manifest (2/2 files)"]
    assert lines[3].startswith("Pack took ")


def test_silent_stage_says_that_it_goes_on(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lines, "SILENCE_S", 0.05)
    with terminal(), stage("Wait"):
        time.sleep(0.6)
    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()].count("Wait") >= 1


def test_failed_stage_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), terminal(), stage("Try"):
        raise ValueError("no")
    assert "Try failed after" in capsys.readouterr().err

"""Progress in a log: nobody has to wonder whether it still goes on."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from nbops.cli.progress import Lines, terminal
from nbops.magics.progress import LIVE, notebook
from nbops.progress import Stage, stage


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


def test_what_is_left_is_told_at_the_pace_so_far() -> None:
    now = Stage("Run", total=12, unit="runs", done=6, before=4, started_at=time.monotonic() - 100)
    assert now.left == "about 5 min left"
    assert Stage("Run", total=12, done=4, before=4).left == ""
    assert Stage("Run", total=2, done=2).left == ""
    assert Stage("Run", done=2).left == ""
    hours = Stage("Run", total=101, done=1, started_at=time.monotonic() - 3600)
    assert hours.left == "about 100 h left"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a notebook's output shows, one bundle after the other."""
    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "display_pub", publisher)
    bundles: list[dict[str, Any]] = []
    monkeypatch.setattr(publisher, "publish", lambda data, **_: bundles.append(data))
    yield bundles
    InteractiveShell.clear_instance()


def test_what_can_be_cancelled_has_a_button_while_it_goes_on_and_words_everywhere(shown: list[dict[str, Any]]) -> None:
    with notebook(), stage("Run <b>", total=4, unit="runs", cancels="0190-sweep-of-mine") as now:
        now.advance(note="1 running; best score 1 (n=<i>)")
        time.sleep(0.2)
        now.advance()

    advanced = shown[-3]
    live = advanced[LIVE]
    assert live["cancels"] == "0190-sweep-of-mine"
    assert (live["stages"][0]["done"], live["stages"][0]["total"]) == (2, 4)
    assert live["stages"][0]["notes"] == ["1 running", "best score 1 (n=<i>)"]
    assert "interrupt the kernel, or <code>nbops cancel 0190-sweep-of</code>" in advanced["text/html"]
    assert "2/4 runs" in advanced["text/plain"]
    assert all("<i>" not in bundle["text/html"] for bundle in shown)
    assert sorted(shown[-1]) == ["text/html", "text/plain"], "nothing that would need a kernel stays in the file"


def test_an_interrupt_leaves_the_summary_alone(shown: list[dict[str, Any]]) -> None:
    with pytest.raises(KeyboardInterrupt), notebook(), stage("Run", total=4, cancels="0190"):
        raise KeyboardInterrupt

    assert sorted(shown[-1]) == ["text/html", "text/plain"]
    assert shown[-1]["text/plain"].startswith("✗ Run")


def test_what_only_an_interrupt_ends_has_no_button_and_is_live_from_stage_to_stage(shown: list[dict[str, Any]]) -> None:
    with notebook():
        with stage("Pack", total=2):
            pass
        with stage("Send"):
            pass

    *going_on, last = shown
    assert [bundle[LIVE]["cancels"] for bundle in going_on] == [None] * 4
    assert len({bundle[LIVE]["display"] for bundle in going_on}) == 1
    assert LIVE not in last


def test_a_command_without_stages_shows_nothing(shown: list[dict[str, Any]]) -> None:
    with notebook():
        pass

    assert shown == []

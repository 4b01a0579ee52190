"""What takes longer than a moment is shown, whoever does it; what is over sooner is not."""

from __future__ import annotations

import threading
import time

import pytest

from nbops import progress
from nbops.cli.progress import Bars, Lines
from nbops.magics.progress import Panel
from nbops.progress import Stage, Stoppable, Stopped, answering, stage, watching


class Seen:
    """Keeps what was told, and lets a test wait until something is."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.began_one = threading.Event()

    def began(self, stage: Stage) -> None:
        """A stage starts."""
        self.said.append(f"began {stage.title}")
        self.began_one.set()

    def moved(self, stage: Stage) -> None:
        """A stage has come further."""
        self.said.append(f"moved {stage.title} {stage.count}".rstrip())

    def ended(self, stage: Stage) -> None:
        """A stage is over."""
        self.said.append(f"{'failed' if stage.failed else 'ended'} {stage.title}")


def test_a_stage_that_is_over_soon_is_not_shown() -> None:
    seen = Seen()
    with watching(seen), stage("Look", total=2, after_s=60) as now:
        now.advance(2)
    assert seen.said == []
    assert now.count == "2/2"


def test_a_stage_is_shown_when_its_time_has_come_although_it_says_nothing() -> None:
    seen = Seen()
    with watching(seen), stage("Look", total=2, after_s=0.01) as now:
        assert seen.began_one.wait(10)
        while not now.is_shown:
            pass
        now.advance()
    assert seen.said == ["began Look", "moved Look 1/2", "ended Look"]


def test_a_stage_that_a_timer_began_to_show_is_ended_in_its_own_thread() -> None:
    seen = Seen()
    sink = Stoppable(seen)

    def look() -> None:
        with watching(sink), stage("Look", after_s=0.01) as now:
            assert seen.began_one.wait(10)
            while not now.is_shown:
                pass
            sink.stop()
            now.advance()

    with pytest.raises(Stopped):
        look()
    assert seen.said == ["began Look", "moved Look", "failed Look"]


def test_a_command_whose_rooms_say_nothing_is_shown_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.01)
    seen = Seen()
    with watching(seen), answering("nbops models"):
        assert seen.began_one.wait(10)
    assert seen.said == ["began nbops models", "ended nbops models"]


def test_the_name_of_a_command_gives_way_to_what_its_rooms_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.01)
    seen = Seen()
    given_way: list[bool] = []
    monkeypatch.setattr(seen, "ended", lambda stage: given_way.append(stage.has_given_way))
    with watching(seen), answering("nbops retrain"):
        assert seen.began_one.wait(10)
        with stage("Run it"):
            assert given_way == [True]
    assert seen.said == ["began nbops retrain", "began Run it"]
    assert given_way == [True, False]


def test_what_has_given_way_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.01)
    lines, bars, panel = Lines(), Bars(), Panel()
    shown = {lines: lambda: lines._open, bars: lambda: bars._tasks, panel: lambda: panel._stages}
    for sink, has_begun in shown.items():
        with watching(sink), answering("nbops retrain"):
            while not has_begun():
                time.sleep(0.01)
            with stage("Run it"):
                pass
        sink.close()
    assert [stage.title for stage in panel._stages] == ["Run it"]
    assert bars._progress is not None
    assert [task.description for task in bars._progress.tasks] == ["Run it"]
    said = capsys.readouterr().err.splitlines()
    assert "nbops retrain …" in said
    assert not [line for line in said if line.startswith("nbops retrain took")]


def test_a_stage_is_left_out_where_somebody_else_has_spoken_by_then() -> None:
    seen, asked = Seen(), threading.Event()

    def others_spoke() -> bool:
        asked.set()
        return True

    with watching(seen), stage("nbops deploy", after_s=0.01, unless=others_spoke):
        assert asked.wait(10)
    assert seen.said == []


@pytest.mark.parametrize(
    ("done", "total", "unit", "count"),
    [
        (3, 8, "runs", "3/8 runs"),
        (1234567, 2e7, "rows", "1,234,567/20,000,000 rows"),
        (12.3456, 64.0, "MB", "12.3/64 MB"),
        (2, 2, "", "2/2"),
        (2, None, "runs", ""),
    ],
)
def test_it_is_counted_as_people_write_numbers(done: float, total: float | None, unit: str, count: str) -> None:
    assert Stage("Read", total=total, unit=unit, done=done).count == count

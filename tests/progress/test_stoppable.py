"""What is asked to end from outside ends at its next sign of life, and cleans up."""

import threading

import pytest

from nbops.progress import Stage, Stoppable, Stopped, stage, watching


class Seen:
    """Keeps the titles of stages as they begin and end."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def began(self, stage: Stage) -> None:
        self.said.append(f"began {stage.title}")

    def moved(self, stage: Stage) -> None:
        self.said.append(f"moved {stage.title}")

    def ended(self, stage: Stage) -> None:
        self.said.append(f"{'failed' if stage.failed else 'ended'} {stage.title}")


def test_it_ends_at_the_next_step_as_after_ctrl_c_and_every_stage_is_told_failed() -> None:
    seen = Seen()
    sink = Stoppable(seen)

    def deploy() -> None:
        with watching(sink), stage("Deploy"), stage("Build") as now:
            now.advance()
            sink.stop()
            now.advance()
            seen.said.append("went on")

    with pytest.raises(KeyboardInterrupt):
        deploy()
    assert seen.said == [
        "began Deploy", "began Build", "moved Build", "moved Build", "failed Build", "failed Deploy",
    ]  # fmt: skip


def test_a_stage_that_is_not_let_in_is_over() -> None:
    seen = Seen()
    sink = Stoppable(seen)
    sink.stop()
    with pytest.raises(Stopped), watching(sink), stage("Build"):
        seen.said.append("went on")
    assert seen.said == ["began Build", "failed Build"]


def test_only_the_thread_that_cleans_up_is_ended() -> None:
    sink = Stoppable(Seen())
    with watching(sink), stage("Run") as now:
        sink.stop()
        worker = threading.Thread(target=now.advance)
        worker.start()
        worker.join()
        assert now.done == 1
        with pytest.raises(Stopped):
            now.advance()

"""Progress on a terminal: a line per stage, with a bar where the end is known; plain lines when it is no terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nbops.progress import Stage, watching

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextlib.contextmanager
def terminal() -> Iterator[None]:
    """Show progress on standard error for the time of a ``with`` block."""
    with _rich() if sys.stderr.isatty() else watching(Lines()):
        yield


@contextlib.contextmanager
def _rich() -> Iterator[None]:
    sink = Bars()
    try:
        with watching(sink):
            yield
    finally:
        sink.close()


class Bars:
    """Live bars drawn by rich, made at the first stage so that quick verbs import nothing."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._tasks: dict[int, TaskID] = {}

    def _drawn(self) -> Progress:
        if self._progress is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._progress = Progress(
                SpinnerColumn(finished_text="✓"),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                TextColumn("{task.fields[note]}", style="dim", markup=False),
                console=Console(stderr=True),
            )
            self._progress.start()
        return self._progress

    def began(self, stage: Stage) -> None:
        """A stage starts."""
        from rich.markup import escape

        self._tasks[id(stage)] = self._drawn().add_task(escape(stage.title), total=stage.total, note=stage.note)

    def moved(self, stage: Stage) -> None:
        """A stage has come further."""
        self._drawn().update(self._tasks[id(stage)], completed=stage.done, total=stage.total, note=stage.note)

    def ended(self, stage: Stage) -> None:
        """A stage is over."""
        total = stage.total or 1
        done = stage.done if stage.failed else total
        self._drawn().update(
            self._tasks.pop(id(stage)), completed=done, total=total, note="failed" if stage.failed else stage.note
        )

    def close(self) -> None:
        """Leave the last picture standing."""
        if self._progress is not None:
            self._progress.stop()


class Lines:
    """A line when a stage begins and when it ends, for logs and pipes."""

    def began(self, stage: Stage) -> None:
        """A stage starts."""
        sys.stderr.write(f"{stage.title} …\n")
        sys.stderr.flush()

    def moved(self, stage: Stage) -> None:
        """Only notes are worth a line of a log."""
        if stage.note and getattr(stage, "_written", None) != stage.note:
            stage._written = stage.note  # type: ignore[attr-defined]
            counted = f" ({stage.done:g}/{stage.total:g} {stage.unit})".replace(" )", ")") if stage.total else ""
            sys.stderr.write(f"  {stage.note}{counted}\n")
            sys.stderr.flush()

    def ended(self, stage: Stage) -> None:
        """A stage is over."""
        sys.stderr.write(f"{stage.title} {'failed after' if stage.failed else 'took'} {stage.seconds:.1f} s\n")
        sys.stderr.flush()

"""Progress on a terminal: a line per stage, with a bar where the end is known; plain lines when it is no terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nbops.progress import Stage, watching

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextlib.contextmanager
def terminal() -> Iterator[None]:
    """Show progress on standard error for the time of a ``with`` block."""
    sink = Bars() if sys.stderr.isatty() else Lines()
    try:
        with watching(sink):
            yield
    finally:
        sink.close()


class Bars:
    """Live bars drawn by rich, made at the first stage so that quick verbs import nothing."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._turn = threading.Lock()
        self._tasks: dict[int, TaskID] = {}

    def _drawn(self) -> Progress:
        with self._turn:
            if self._progress is None:
                self._progress = self._made()
        return self._progress

    def _made(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        made = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=Console(stderr=True),
        )
        made.start()
        return made

    def began(self, stage: Stage) -> None:
        """A stage starts."""
        from rich.markup import escape

        self._tasks[id(stage)] = self._drawn().add_task(
            escape(stage.title), total=stage.total, note=stage.note, count=""
        )

    def moved(self, stage: Stage) -> None:
        """A stage has come further."""
        count = ", ".join(filter(None, (stage.count, stage.left)))
        self._drawn().update(
            self._tasks[id(stage)], completed=stage.done, total=stage.total, note=stage.note, count=count
        )

    def ended(self, stage: Stage) -> None:
        """A stage is over."""
        if stage.has_given_way:
            self._drawn().remove_task(self._tasks.pop(id(stage)))
            return
        total = stage.total or 1
        done = stage.done if stage.failed else total
        self._drawn().update(
            self._tasks.pop(id(stage)),
            completed=done,
            total=total,
            note="failed" if stage.failed else stage.note,
            count=stage.count,
        )

    def close(self) -> None:
        """Leave the last picture standing."""
        if self._progress is not None:
            self._progress.stop()


class Lines:
    """A line when a stage begins, says something or ends, and every two seconds in between, for logs and pipes."""

    SILENCE_S = 1.8
    """After how many seconds without a line the innermost stage says that it goes on."""

    def __init__(self) -> None:
        self._open: list[Stage] = []
        self._notes: dict[int, str] = {}
        self._written_at = 0.0
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="nbops-progress", daemon=True)

    def began(self, stage: Stage) -> None:
        """A stage starts."""
        self._open.append(stage)
        self._write(f"{stage.title} …")
        with self._lock:
            if not self._heart.is_alive() and not self._is_over.is_set():
                self._heart.start()

    def moved(self, stage: Stage) -> None:
        """Only a new note is worth a line of a log."""
        if stage.note and self._notes.get(id(stage)) != stage.note:
            self._notes[id(stage)] = stage.note
            self._write(f"  {stage.note}{_counted(stage)}")

    def ended(self, stage: Stage) -> None:
        """A stage is over."""
        self._notes.pop(id(stage), None)
        self._open.remove(stage)
        if not stage.has_given_way:
            self._write(f"{stage.title} {'failed after' if stage.failed else 'took'} {stage.seconds:.1f} s")

    def close(self) -> None:
        """Fall silent."""
        self._is_over.set()

    def _write(self, line: str) -> None:
        with self._lock:
            self._written_at = time.monotonic()
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def _beat(self) -> None:
        while not self._is_over.wait(0.2):
            silent = time.monotonic() - self._written_at
            if self._open and silent > self.SILENCE_S:
                stage = self._open[-1]
                left = f", {stage.left}" if stage.left else ""
                self._write(f"  … {stage.seconds:.0f} s {stage.note or stage.title}{_counted(stage)}{left}")


def _counted(stage: Stage) -> str:
    return f" ({stage.count})" if stage.count else ""

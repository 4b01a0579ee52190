"""Progress in a notebook: one output that updates itself and stays as a short summary."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from nbops import capture
from nbops.progress import Pace, Stage, watching

LIVE = "application/vnd.nbops.progress+json"
"""What nbops' extension of JupyterLab and Notebook 7 draws, with a button where something can be cancelled.

A comm would not do: while a cell waits for a sweep, its kernel answers none. The button asks the server instead. It
carries what the extension needs to go on with it in a page that was loaded anew: the name of the output, which the
notebook's file does not keep, and the execution, whose end the store knows.
"""
_EVERY_S = 0.15


@contextlib.contextmanager
def notebook() -> Iterator[None]:
    """Show progress below the cell for the time of a ``with`` block."""
    panel = Panel()
    try:
        with watching(panel):
            yield
    finally:
        panel.close()


class Panel:
    """Every stage of one command in one output, redrawn in place, and left as a short summary.

    It is told as ``LIVE`` too, for as long as the command goes on; every other reader shows the HTML or the text, and
    nothing else is left when it is over.
    """

    def __init__(self) -> None:
        self._stages: list[Stage] = []
        self._handle: Any = None
        self._pace = Pace(_EVERY_S)
        self._is_over = False
        self._turn = threading.RLock()

    def close(self) -> None:
        """The command is over: leave what any reader can show."""
        self._is_over = True
        if self._handle is not None:
            self._draw(force=True)

    def began(self, stage: Stage) -> None:
        """A stage starts."""
        self._stages.append(stage)
        self._draw(force=True)

    def moved(self, stage: Stage) -> None:
        """A stage has come further."""
        self._draw(force=False)

    def ended(self, stage: Stage) -> None:
        """A stage is over."""
        if stage.has_given_way:
            self._stages.remove(stage)
        else:
            self._draw(force=True)

    def _draw(self, *, force: bool) -> None:
        if not (self._pace.allows() or force):
            return
        with self._turn:
            self._draw_now()

    def _draw_now(self) -> None:
        from IPython.display import DisplayHandle

        is_first = self._handle is None
        if is_first:
            self._handle = DisplayHandle()
        bundle: dict[str, Any] = {"text/html": _html(self._stages), "text/plain": _text(self._stages)}
        if not self._is_over:
            bundle[LIVE] = _live(self._stages, display=self._handle.display_id)
        show = self._handle.display if is_first else self._handle.update
        show(bundle, raw=True)


def _live(stages: Sequence[Stage], *, display: str) -> dict[str, Any]:
    recorder = capture.current()
    return {
        "display": display,
        "execution": None if recorder is None else recorder.execution_id,
        "cancels": next((stage.cancels for stage in stages if stage.cancels and stage.ended_at is None), None),
        "stages": [_told(stage) for stage in stages],
    }


def _told(stage: Stage) -> dict[str, Any]:
    return {
        "title": _titled(stage),
        "words": [*filter(None, (stage.count, f"{stage.seconds:.0f} s", stage.left))],
        "done": stage.done,
        "total": stage.total or 0,
        "is_over": stage.ended_at is not None,
        "notes": [note for note in stage.note.split("; ") if note],
    }


def _sign(stage: Stage) -> str:
    return "✗" if stage.failed else "✓" if stage.ended_at else "…"


def _text(stages: Sequence[Stage]) -> str:
    return "\n".join("  ".join(part for part in (_titled(stage), *_words(stage)) if part) for stage in stages)


def _titled(stage: Stage) -> str:
    return f"{_sign(stage)} {stage.title}"


def _words(stage: Stage) -> tuple[str, ...]:
    return stage.count, f"{stage.seconds:.1f} s", stage.left, stage.note


def _html(stages: Sequence[Stage]) -> str:
    rows = "".join(_row(stage) for stage in stages)
    rows += "".join(_how_to_cancel(stage.cancels) for stage in stages if stage.cancels and stage.ended_at is None)
    return f'<table class="nbops" style="border-collapse:collapse;font-size:13px">{rows}</table>'


def _row(stage: Stage) -> str:
    words = (_titled(stage), *_words(stage))
    cells = [f'<td style="text-align:left;padding:1px 10px 1px 0">{escape(word)}</td>' for word in words]
    cells.insert(1, f"<td>{_bar(stage)}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _how_to_cancel(id: str) -> str:
    return (
        '<tr><td colspan="6" style="text-align:left;color:var(--jp-ui-font-color2,#616161)">'
        f"to cancel it: interrupt the kernel, or <code>nbops cancel {escape(id[:13])}</code> elsewhere</td></tr>"
    )


def _bar(stage: Stage) -> str:
    if stage.ended_at:
        return ""
    # Without a value it moves by itself, which says that it goes on.
    reached = f'max="{stage.total:g}" value="{stage.done:g}" ' if stage.total else ""
    return f'<progress {reached}aria-label="{escape(stage.title, quote=True)}" style="width:120px"></progress>'

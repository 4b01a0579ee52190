"""Progress in a notebook: one output that updates itself and stays as a short summary."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from html import escape
from typing import Any

from nbops.progress import Stage, watching

_EVERY_S = 0.15


@contextlib.contextmanager
def notebook() -> Iterator[None]:
    """Show progress below the cell for the time of a ``with`` block."""
    with watching(Panel()):
        yield


class Panel:
    """Every stage of one command in one output, redrawn in place."""

    def __init__(self) -> None:
        self._stages: list[Stage] = []
        self._handle: Any = None
        self._drawn_at = 0.0

    def began(self, stage: Stage) -> None:
        """A stage starts."""
        self._stages.append(stage)
        self._draw(force=True)

    def moved(self, stage: Stage) -> None:
        """A stage has come further."""
        self._draw(force=False)

    def ended(self, stage: Stage) -> None:
        """A stage is over."""
        self._draw(force=True)

    def _draw(self, *, force: bool) -> None:
        if not force and time.monotonic() - self._drawn_at < _EVERY_S:
            return
        self._drawn_at = time.monotonic()
        from IPython.display import DisplayHandle

        bundle = {"text/html": _html(self._stages), "text/plain": _text(self._stages)}
        if self._handle is None:
            self._handle = DisplayHandle()  # type: ignore[no-untyped-call]
            self._handle.display(bundle, raw=True)
        else:
            self._handle.update(bundle, raw=True)


def _sign(stage: Stage) -> str:
    return "✗" if stage.failed else "✓" if stage.ended_at else "…"


def _count(stage: Stage) -> str:
    return f"{stage.done:g}/{stage.total:g} {stage.unit}".rstrip() if stage.total else ""


def _text(stages: list[Stage]) -> str:
    return "\n".join(
        "  ".join(
            part
            for part in (f"{_sign(stage)} {stage.title}", _count(stage), f"{stage.seconds:.1f} s", stage.note)
            if part
        )
        for stage in stages
    )


def _html(stages: list[Stage]) -> str:
    rows = "".join(_row(stage) for stage in stages)
    return f'<table class="nbops" style="border-collapse:collapse;font-size:13px">{rows}</table>'


def _row(stage: Stage) -> str:
    words = (f"{_sign(stage)} {stage.title}", _count(stage), f"{stage.seconds:.1f} s", stage.note)
    cells = [f'<td style="text-align:left;padding:1px 10px 1px 0">{escape(word)}</td>' for word in words]
    cells.insert(1, f"<td>{_bar(stage)}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _bar(stage: Stage) -> str:
    if not stage.total or stage.ended_at:
        return ""
    name = escape(stage.title, quote=True)
    return f'<progress max="{stage.total:g}" value="{stage.done:g}" aria-label="{name}" style="width:120px"></progress>'

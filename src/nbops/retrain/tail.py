"""The end of what a run has printed, also while it goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.records import CellExecution, Run

if TYPE_CHECKING:
    from nbops.store.interface import Store

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MOST_CHARACTERS = 100_000
# A larger notebook is not read for its last lines; the records have the beginning of what its cells printed.
_MOST_BYTES = 50_000_000


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """The last lines that a run has printed."""

    run: Run
    """As it stands now; its ``error`` has the traceback."""
    text: str
    left_out: int = 0
    """How many lines came before."""


def tail_of(run: Run, *, store: Store, lines: int) -> Tail:
    """Read the last lines that a run has printed.

    Args:
        run: a run of a notebook; of one that goes on what its executed notebook has so far, which is saved about once
            a second.
        store: where its cells are, for a run whose notebook is elsewhere or not there yet.
        lines: how many at most.

    Returns:
        The lines of all its cells in their order; secrets were masked before they were written.
    """
    texts = _from_notebook(run.output) or [
        cell.outputs.text
        for cell in store.find(CellExecution, run_id=run.id, order_by="position")
        if cell.outputs is not None
    ]
    written = _ANSI.sub("", "\n".join(text.rstrip("\n") for text in texts)).splitlines()
    text = "\n".join(written[-lines:])[-_MOST_CHARACTERS:]
    return Tail(run=run, text=text, left_out=max(0, len(written) - lines))


def _from_notebook(output: str | None) -> list[str]:
    if output is None or "://" in output:
        return []
    path = Path(output)
    try:
        if path.stat().st_size > _MOST_BYTES:
            return []
        node = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []  # it has not been saved yet, or lies on another machine
    return [text for cell in node.get("cells", []) for text in _texts(cell) if text.strip()]


def _texts(cell: dict[str, Any]) -> Iterator[str]:
    for output in cell.get("outputs", []):
        said = output.get("text", output.get("data", {}).get("text/plain", ""))
        yield said if isinstance(said, str) else "".join(said)

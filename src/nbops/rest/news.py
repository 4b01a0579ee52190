"""What is told on the Jupyter event bus, and in which words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from nbops.progress import Stage

STORE_CHANGED = "urn:nbops:store-changed:v1"
PROGRESS = "urn:nbops:progress:v1"

SCHEMAS: tuple[dict[str, Any], ...] = (
    {
        "$id": STORE_CHANGED,
        "version": "1",
        "title": "Something was written to an nbops store",
        "personal-data": False,
        "description": "Tells panels to ask for what is newer; it carries no content.",
        "type": "object",
        "required": ["root", "seq", "nouns"],
        "properties": {
            "root": {"type": "string", "title": "Project", "description": "The project's folder."},
            "seq": {"type": "integer", "title": "Sequence number", "description": "Of the newest write."},
            "nouns": {
                "type": "array",
                "title": "Tables written to",
                "description": "Empty when it was too much to say.",
                "items": {"type": "string"},
            },
        },
    },
    {
        "$id": PROGRESS,
        "version": "1",
        "title": "Where something stands that takes time",
        "personal-data": False,
        "description": "Stages of a verb that was called through the REST API.",
        "type": "object",
        "required": ["root", "request", "title", "done", "total", "unit", "note", "state"],
        "properties": {
            "root": {"type": "string", "title": "Project", "description": "The project's folder."},
            "request": {"type": "string", "title": "Request", "description": "The caller's X-Request-ID."},
            "title": {"type": "string", "title": "Stage", "description": "What is being done."},
            "done": {"type": "number", "title": "Done", "description": "Units that are done."},
            "total": {"type": ["number", "null"], "title": "Total", "description": "Units in all, when known."},
            "unit": {"type": "string", "title": "Unit", "description": "What the units are called."},
            "note": {"type": "string", "title": "Note", "description": "What goes on just now."},
            "state": {"enum": ["running", "ended", "failed"], "title": "State", "description": "Whether it goes on."},
        },
    },
)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where something stands that takes time."""

    root: str
    request: str
    title: str
    done: float
    total: float | None
    unit: str
    note: str
    state: str


class ProgressNews:
    """A sink that tells the event bus where a verb stands, at most ten times a second for each stage."""

    def __init__(self, tell: Callable[[Progress], None], *, root: str, request: str) -> None:
        self._tell = tell
        self._root = root
        self._request = request
        self._told_at: dict[int, float] = {}

    def began(self, stage: Stage) -> None:
        self._say(stage, "running")

    def moved(self, stage: Stage) -> None:
        if time.monotonic() - self._told_at.get(id(stage), 0.0) >= 0.1:
            self._say(stage, "running")

    def ended(self, stage: Stage) -> None:
        self._say(stage, "failed" if stage.failed else "ended")
        self._told_at.pop(id(stage), None)

    def _say(self, stage: Stage, state: str) -> None:
        self._told_at[id(stage)] = time.monotonic()
        self._tell(
            Progress(
                root=self._root,
                request=self._request,
                title=stage.title,
                done=stage.done,
                total=stage.total,
                unit=stage.unit,
                note=stage.note,
                state=state,
            )
        )

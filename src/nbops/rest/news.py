"""What is told on the Jupyter event bus, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from nbops.progress import Pace, Stage

STORE_CHANGED = "urn:nbops:store-changed:v1"
PROGRESS = "urn:nbops:progress:v1"
CALL_ENDED = "urn:nbops:call-ended:v1"

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
        "required": ["root", "request", "title", "done", "total", "unit", "left", "note", "state"],
        "properties": {
            "root": {"type": "string", "title": "Project", "description": "The project's folder."},
            "request": {"type": "string", "title": "Request", "description": "The caller's X-Request-ID."},
            "title": {"type": "string", "title": "Stage", "description": "What is being done."},
            "done": {"type": "number", "title": "Done", "description": "Units that are done."},
            "total": {"type": ["number", "null"], "title": "Total", "description": "Units in all, when known."},
            "unit": {"type": "string", "title": "Unit", "description": "What the units are called."},
            "left": {
                "type": "string",
                "title": "Left",
                "description": "How long the rest will take, when it can be told.",
            },
            "note": {"type": "string", "title": "Note", "description": "What goes on just now."},
            "state": {"enum": ["running", "ended", "failed"], "title": "State", "description": "Whether it goes on."},
        },
    },
    {
        "$id": CALL_ENDED,
        "version": "1",
        "title": "A verb that was called through the REST API is over",
        "personal-data": False,
        "description": "For pages that were loaded meanwhile: the caller itself is answered.",
        "type": "object",
        "required": ["root", "request", "verb", "code", "detail", "hint"],
        "properties": {
            "root": {"type": "string", "title": "Project", "description": "The project's folder."},
            "request": {"type": "string", "title": "Request", "description": "The caller's X-Request-ID."},
            "verb": {"type": "string", "title": "Verb", "description": "What was called."},
            "code": {"type": ["string", "null"], "title": "Code", "description": "Of the refusal; null when done."},
            "detail": {"type": "string", "title": "Detail", "description": "Why it was refused; empty when done."},
            "hint": {"type": ["string", "null"], "title": "Hint", "description": "The cure, when there is one."},
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
    left: str
    note: str
    state: str


class CallEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A verb that was called through the REST API is over."""

    root: str
    request: str
    verb: str
    code: str | None = None
    detail: str = ""
    hint: str | None = None


class ProgressNews:
    """A sink that tells the event bus where a verb stands, at most ten times a second in the long run."""

    def __init__(self, tell: Callable[[Progress], None], *, root: str, request: str) -> None:
        self._tell = tell
        self.root = root
        self.request = request
        self.stage: Stage | None = None
        """The stage that moved last, for whoever begins to listen only now."""
        self._pace = Pace(0.1)

    def began(self, stage: Stage) -> None:
        self._say(stage, "running")

    def moved(self, stage: Stage) -> None:
        self.stage = stage
        if self._pace.allows():
            self._say(stage, "running")

    def ended(self, stage: Stage) -> None:
        if not stage.has_given_way:
            self._say(stage, "failed" if stage.failed else "ended")

    def _say(self, stage: Stage, state: str) -> None:
        self.stage = stage
        told = Progress(
            root=self.root,
            request=self.request,
            title=stage.title,
            done=stage.done,
            total=stage.total,
            unit=stage.unit,
            left=stage.left,
            note=stage.note,
            state=state,
        )
        self._tell(told)

"""The words in which a verb is described."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

Door = Literal["shell", "notebook", "rest"]
Topic = Literal["start", "runs", "functions", "retraining", "schedules", "models", "endpoints", "watching", "others"]


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One argument or option of a verb."""

    name: str
    """The Python argument; ``order_by`` is typed ``--order-by``."""
    help: str
    kind: Literal["text", "integer", "number", "flag", "path", "choice", "pairs"] = "text"
    """``pairs`` collects ``NAME=VALUE`` into a dict."""
    is_argument: bool = False
    """Typed by place rather than by ``--name``."""
    is_many: bool = False
    is_required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    """The least a number may be."""
    short: str | None = None
    typed: str | None = None
    """The word after ``--`` where the argument has another name: Python keeps ``from`` for itself."""
    metavar: str | None = None
    completes: str | None = None
    """What ``TAB`` offers: the table name of a noun (``runs``, ``models``, …)."""

    @property
    def flag(self) -> str:
        """How the option is typed: ``--order-by``, or ``NAME`` for an argument."""
        return (
            (self.metavar or self.name.upper())
            if self.is_argument
            else "--" + (self.typed or self.name.replace("_", "-"))
        )


def doing_of(summary: str) -> str:
    """The beginning of a summary that can stand alone.

    Example:
        >>> doing_of("Say what differs between runs: parameters, metrics, cells.")
        'Say what differs between runs'
    """
    return re.split(r"[;:,.](?:\s|$)", summary, maxsplit=1)[0]


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a person can ask of nbops."""

    name: str
    """One word, or two: ``mlflow export``."""
    topic: Topic
    summary: str
    """One line, imperative, with a full stop."""
    gives: Any
    """The type of the answer, which is also the REST reply."""
    options: tuple[Option, ...] = ()
    changes: bool = False
    """Whether it changes anything: POST rather than GET."""
    doors: tuple[Door, ...] = ("shell", "notebook", "rest")
    is_service: bool = False
    """Whether it goes on until somebody ends it, and says itself what it does."""
    examples: tuple[str, ...] = ()
    """Full command lines as typed after ``nbops`` or ``%nbops``."""

    @property
    def doing(self) -> str:
        """What it does, as progress says it: ``Run every check on a model version and record the verdicts``."""
        return doing_of(self.summary)

    @property
    def method(self) -> str:
        """The workspace's method behind it."""
        return self.name.replace(" ", "_")

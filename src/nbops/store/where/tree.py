"""The tree that an expression is read into."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

Value = str | float | bool | None
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~", "in", "not in"]


class Field(msgspec.Struct, frozen=True):
    """What a comparison looks at: ``area`` is run, params, metrics or tags."""

    area: str
    name: str


class Compare(msgspec.Struct, frozen=True):
    """One comparison; ``in`` has several values."""

    field: Field
    operator: Operator
    values: tuple[Value, ...]
    texts: tuple[str, ...]
    """The values as they were written: ``depth = 010`` may mean the text."""
    start: int
    """Where it stands in the expression, for errors."""
    end: int


class All(msgspec.Struct, frozen=True):
    """True when every part is."""

    parts: tuple[Node, ...]


class Any_(msgspec.Struct, frozen=True):  # noqa: N801 - Any is taken
    """True when one part is."""

    parts: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True):
    """True when its part is not."""

    part: Node


Node = Compare | All | Any_ | Not


class Order(msgspec.Struct, frozen=True):
    """One key of an ordering."""

    field: Field
    descending: bool


class Condition(NamedTuple):
    """SQL over a run ``r`` that is true or false, never NULL, and its values."""

    sql: str
    values: list[object]


TEXTS = {
    "id", "name", "kind", "status", "notebook", "cause", "user", "host", "git_commit", "git_branch", "note",
    "parent_id", "sweep_id", "firing_id", "environment_id", "execution_id", "output", "error",
}  # fmt: skip
TIMES = {"started_at", "ended_at", "archived_at", "deleted_at"}
NUMBERS = {"duration_s", "pid"}
FLAGS = {"git_dirty"}
LINKS = {"module", "model", "data"}
RUN_FIELDS = TEXTS | TIMES | NUMBERS | FLAGS | LINKS
"""What a run has of its own, by how it compares."""

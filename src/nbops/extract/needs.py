"""What names need, and what stands in the way of taking it along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from nbops.extract.log import Step
from nbops.source import Alias, Unit

BlockerKind = Literal[
    "data", "undefined", "hidden", "magic", "conflict", "changed", "session", "unsupported", "secret", "proof"
]


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a definition cannot leave the notebook as it is."""

    name: str
    """The global name in question."""
    kind: BlockerKind
    reason: str
    cell: str | None = None
    """The cell it stands in, as messages call it."""
    needed_by: str = ""
    cures: list[str] = []
    """Options that would carry it, such as ``--parameter df``."""
    choices: dict[str, str] = {}
    """For a conflict: what ``--definition NAME=…`` may be → the text it would take."""


@dataclass(frozen=True)
class Choices:
    """What the person, or the saved file, says beyond what ran."""

    carried: frozenset[str] = frozenset()
    """Names that are given as parameters or kept as pins."""
    definition: Mapping[str, str] = field(default_factory=dict)
    """For names whose text and live object disagree: which to take."""
    saved: Mapping[str, Unit] = field(default_factory=dict)
    """Definitions in the saved notebook that were edited after they last ran."""


@dataclass(frozen=True)
class Imported:
    """An import that the module needs, and where in the order of things it stood."""

    alias: Alias
    position: int


@dataclass
class Closure:
    """What has to be emitted, and what is in the way."""

    steps: dict[Step, None] = field(default_factory=dict)
    requested: dict[str, Step] = field(default_factory=dict)
    imports: dict[tuple[str, int], Imported] = field(default_factory=dict)
    """(bound name, position) → import."""
    blockers: list[Blocker] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cut: dict[str, set[Step]] = field(default_factory=dict)
    """Parameter or pin → the statements whose functions read it."""
    doubts: dict[str, Blocker] = field(default_factory=dict)
    """Values that functions which stay behind have changed: in the way unless they are what the text makes again."""
    shared: set[str] = field(default_factory=set)
    """Objects that functions of the notebook change when they are called."""
    state: set[str] = field(default_factory=set)
    """Module state that functions of the module change when they are called."""
    final: set[str] = field(default_factory=set)
    """Names that are looked up when functions are called, and so for what they last stood for."""
    unverified: list[str] = field(default_factory=list)
    """Requested names whose live object could not be held against the text."""

    def block(self, blocker: Blocker) -> None:
        """Add a blocker once."""
        if blocker not in self.blockers:
            self.blockers.append(blocker)

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)

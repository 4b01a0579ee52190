"""What running code does to the objects that names reach: it changes them, keeps them, gives them back."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from nbops.extract.log import Step
from nbops.extract.references import NOTHING, Reference, References, held


@dataclass
class Effects:
    """What running something does to what it reaches."""

    changes: set[Reference] = field(default_factory=set)
    own: set[Reference] = field(default_factory=set)
    """Of the changes, those made by its own text, and not by another function that knows the global itself."""
    named: set[Reference] = field(default_factory=set)
    """Of these, those that set an attribute, as is done to functions and classes too."""
    unknown: set[Reference] = field(default_factory=set)
    """Handed to a function that is known only when it runs: an argument, an item of a table."""
    foreign: set[Reference] = field(default_factory=set)
    """Handed to a function of a module that nobody knows."""
    held: dict[str, References] = field(default_factory=dict)
    """What objects behind names hold since."""
    returns: References = NOTHING
    parameters: tuple[str, ...] = ()
    """Names of the parameters that may be given by position."""
    star: str | None = None
    double_star: str | None = None

    def with_those_of(self, other: Effects) -> Effects:
        """What happens when either of two things may be run that are called alike."""
        joined = Effects(
            self.changes | other.changes, self.own | other.own, self.named | other.named,
            self.unknown | other.unknown, self.foreign | other.foreign, dict(self.held), self.returns | other.returns,
            self.parameters, self.star, self.double_star,
        )  # fmt: skip
        for origin, values in other.held.items():
            joined.keep(origin, values)
        return joined

    def of_a_new_object(self) -> Effects:
        """What a class does when whoever was handed it calls it: its first parameter is an object nobody else has."""
        if not self.parameters:
            return self
        own = f"@{self.parameters[0]}"

        def others(refs: Iterable[Reference]) -> set[Reference]:
            return {ref for ref in refs if ref.origin != own}

        return Effects(
            others(self.changes), others(self.own), others(self.named), others(self.unknown), others(self.foreign),
            {origin: values for origin, values in self.held.items() if origin != own},
            frozenset(others(self.returns)) | self.held.get(own, NOTHING), self.parameters[1:], self.star,
            self.double_star,
        )  # fmt: skip

    @functools.cached_property
    def knows_globals(self) -> bool:
        """Whether it has to do with anything but what it is given."""
        kept = (ref for values in self.held.values() for ref in values)
        every = (*self.changes, *self.unknown, *self.foreign, *self.returns, *kept)
        return any(not ref.origin.startswith("@") for ref in every)

    def keep(self, origin: str, values: References) -> None:
        """Let the object behind a name hold more."""
        if values:
            self.held[origin] = self.held.get(origin, NOTHING) | values


class World(Protocol):
    """What the reader of code asks about the names around it."""

    def path(self, name: str, at: int | None) -> str | None:
        """Dotted path of something imported or built in."""

    def definitions(self, name: str, at: int | None) -> list[Step]:
        """Functions and classes of the notebook that a name stands for."""

    def summary(self, step: Step) -> Effects:
        """What a call of a function or class does."""

    def methods(self, name: str) -> list[tuple[str, Effects]]:
        """Methods of that name of the notebook's classes: (how they are bound, what a call does)."""

    def text_of(self, name: str, at: int | None) -> str | None:
        """The text behind a name that was given as a literal."""

    def has_changing_closures(self) -> bool:
        """Whether a function inside another one changes what it has captured."""


@dataclass
class Given:
    """The arguments of a call."""

    positional: list[tuple[ast.expr, References]] = field(default_factory=list)
    starred: References = NOTHING
    keywords: dict[str, tuple[ast.expr, References]] = field(default_factory=dict)
    double_starred: References = NOTHING

    @property
    def values(self) -> References:
        """Everything that is handed over."""
        listed = [*(v for _, v in self.positional), *(v for _, v in self.keywords.values())]
        return frozenset().union(self.starred, self.double_starred, *listed)

    @property
    def nodes(self) -> list[ast.expr]:
        """The expressions, each once."""
        return [*(node for node, _ in self.positional), *(node for node, _ in self.keywords.values())]


def arguments_given(
    effects: Effects, given: Given, first: tuple[ast.expr, References] | None
) -> tuple[dict[str, References], dict[str, ast.expr]]:
    """What a call's arguments are inside: parameter → what it reaches, parameter → the expression it was given."""
    rest = given.starred | given.double_starred
    positional = [*([first] if first is not None else []), *given.positional]
    arguments = {f"@{name}": rest for name in effects.parameters}
    places: dict[str, ast.expr] = {}
    for place, (node, values) in enumerate(positional):
        if place < len(effects.parameters):
            arguments[f"@{effects.parameters[place]}"] = values
            places[f"@{effects.parameters[place]}"] = node
    for name, (node, values) in given.keywords.items():
        arguments[f"@{name}"] = values
        places[f"@{name}"] = node
    for extra in (effects.star, effects.double_star):
        if extra is not None:
            arguments[f"@{extra}"] = held(given.values)
    return arguments, places

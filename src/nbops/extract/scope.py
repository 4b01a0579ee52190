"""The names of a scope while its code is read, and what is noted of the objects behind them."""

from __future__ import annotations

import abc
import ast
from collections.abc import Iterable

from nbops.extract.effects import Effects, World
from nbops.extract.references import NOTHING, Reference, References, held
from nbops.extract.shapes import Kind, Shape
from nbops.source.trees import Function, arguments_of


class Scope(abc.ABC):
    """What names of one scope reach, and what is done to that.

    Args:
        world: answers what names outside stand for.
        names: what names reach when it begins; it is brought up to date.
        at: position of the statement, None for the end of the notebook, where functions are called.
        local: names of a function's own scope; None for a statement of the notebook itself.
        shape: of the object that is followed, whose references have the origin ``*``.
    """

    def __init__(
        self,
        world: World,
        names: dict[str, References],
        *,
        at: int | None = None,
        local: frozenset[str] | None = None,
        shape: Shape | None = None,
        effects: Effects | None = None,
    ) -> None:
        self.world = world
        self.names = names
        self.at = at
        self.local = local
        self.shape = shape
        self.effects = effects if effects is not None else Effects()
        self.top = names
        self.functions: dict[str, Function] = {}
        self.imports: dict[str, str] = {}
        self.depth = 0

    @abc.abstractmethod
    def value(self, node: ast.expr) -> References:
        """Give what an expression reaches, after noting what evaluating it changes."""

    @abc.abstractmethod
    def attribute(self, owner: References, attribute: str) -> References:
        """Give what an attribute of a value reaches."""

    @abc.abstractmethod
    def block(self, statements: Iterable[ast.stmt]) -> None:
        """Read statements one after the other."""

    def _name(self, name: str) -> References:
        if name in self.names:
            return self.names[name]
        if self.local is None or name in self.local or name in self.imports:
            return NOTHING
        return NOTHING if self.world.path(name, self.at) is not None else frozenset({Reference(name)})

    def _kind(self, ref: Reference) -> Kind:
        if ref.origin != "*" or self.shape is None or not ref.is_there:
            return "unknown"
        return self.shape.kind(ref.depth)

    def _change(self, values: References, *, is_named: bool = False) -> None:
        """Note that objects are changed; ``is_named`` says that an attribute of theirs is set."""
        there = {ref for ref in values if ref.is_there}
        self.effects.changes |= there
        self.effects.own |= there
        if is_named:
            self.effects.named |= there

    def _hold(self, owner: ast.expr, owners: References, values: References) -> None:
        """Let the object that an expression stands for hold more."""
        if not values:
            return
        for ref in owners:
            if ref.is_there and ref.origin != "*":
                inner = values
                for level in reversed(range(ref.depth)):
                    inner = held(inner, ref.attribute if level == 0 else None)
                self.effects.keep(ref.origin, inner)
        while isinstance(owner, (ast.Attribute, ast.Subscript)):
            values = held(values, owner.attr if isinstance(owner, ast.Attribute) else None)
            owner = owner.value
        if isinstance(owner, ast.Name):
            self.names[owner.id] = self._name(owner.id) | values

    def _of_global(self, name: str) -> References:
        return self.top.get(name, NOTHING) if self.local is None else frozenset({Reference(name)})

    def _kept(self, values: References) -> References:
        """Leave out what leads to something that cannot change."""
        shape = self.shape
        return values if shape is None else frozenset(r for r in values if r.origin != "*" or shape.can_change(r))

    def _keep_global(self, name: str, values: References) -> None:
        if self.local is not None:
            self.effects.keep(name, values)
        elif values:
            self.top[name] = self.top.get(name, NOTHING) | values
            self.names[name] = self.names.get(name, NOTHING) | values


def scope_of(function: Function) -> frozenset[str]:
    """Names that belong to a function: its parameters and what it binds, without what it declares global."""
    own = {arg.arg for arg in arguments_of(function.args)}
    outside: set[str] = set()
    stack: list[ast.AST] = [function.body] if isinstance(function, ast.Lambda) else list(function.body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            outside.update(node.names)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            own.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            own.add(node.name)
            continue
        elif isinstance(node, ast.alias):
            own.add((node.asname or node.name).partition(".")[0])
        name = getattr(node, "rest", None) or (getattr(node, "name", None) if not isinstance(node, ast.alias) else None)
        if isinstance(name, str):
            own.add(name)
        if not isinstance(node, ast.Lambda):
            stack.extend(ast.iter_child_nodes(node))
    return frozenset(own - outside)

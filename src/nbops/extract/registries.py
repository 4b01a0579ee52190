"""Registries that fill themselves: by decorators, by ``__init_subclass__``, by metaclasses, by calls.

Whoever reads one needs everything that entered itself; whoever only enters itself needs nobody else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from nbops.extract.log import Log, Step
from nbops.source.touches import MUTATORS
from nbops.source.trees import dotted_name

_HOOKS = {"__init_subclass__", "__new__", "__init__"}


class Registries:
    """Answers which definitions of a log enter themselves into what."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def decorates(self, step: Step, changers: Mapping[Step, int]) -> bool:
        """Whether a decorator of a definition changes an object at once; ``changers`` tells how deep they do."""
        for decorator in getattr(step.unit.node, "decorator_list", []):
            applied = 2 if isinstance(decorator, ast.Call) else 1
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(target, ast.Name):
                made = self.log.bindings(target.id, step.position)
                if any(changers.get(s, 9) <= applied for s in made):
                    return True
        return False

    def subclasses(self, owner: Step) -> list[Step]:
        """Classes that, by being made, enter themselves where a hook of ``owner`` writes; they follow in order."""
        return [s for s in self.log.steps if s is not owner and s.unit.kind == "class" and owner in self._above(s)]

    def _above(self, step: Step) -> list[Step]:
        """The notebook's own classes that a class is made from, its metaclass included."""
        found: list[Step] = []
        waiting = [step]
        while waiting:
            node = waiting.pop().unit.node
            if not isinstance(node, ast.ClassDef):
                continue
            for base in [*node.bases, *(k.value for k in node.keywords if k.arg == "metaclass")]:
                name = base.value if isinstance(base, ast.Subscript) else base
                bound = self.log.bindings(name.id, step.position) if isinstance(name, ast.Name) else []
                new = [s for s in bound if s.unit.kind == "class" and s not in found]
                found += new
                waiting += new
        return found


_ACCESSORS = frozenset(
    {"register_dataframe_accessor", "register_series_accessor", "register_index_accessor"}
    | {"register_dataarray_accessor", "register_dataset_accessor", "register_datatree_accessor"}
    | {"register_dataframe_namespace", "register_lazyframe_namespace", "register_series_namespace"}
    | {"register_expr_namespace"}
)
"""How pandas, xarray and polars let a class answer under an attribute of their own objects."""


def entered_as(step: Step) -> str | None:
    """The attribute of a library's objects under which a definition enters itself.

    Example:
        >>> from nbops.source import SourceCell
        >>> text = "@pd.api.extensions.register_dataframe_accessor('geo')\\nclass Geo: ..."
        >>> entered_as(Log([SourceCell(index=1, source=text)]).steps[0])
        'geo'
    """
    for decorator in getattr(step.unit.node, "decorator_list", []):
        match decorator:
            case ast.Call(func=function, args=[ast.Constant(value=str(name))]):
                if (dotted_name(function) or "").rpartition(".")[2] in _ACCESSORS:
                    return name
    return None


def looks_up(step: Step, attribute: str) -> bool:
    """Whether a statement, or a function in it, asks anything for an attribute of that name."""
    parts = ast.walk(step.unit.node) if attribute in step.unit.bare else ()
    return any(isinstance(part, ast.Attribute) and part.attr == attribute for part in parts)


def entered_by_hooks(step: Step) -> set[str]:
    """Names and attributes that a class writes into when another is derived from it, or made by it as metaclass.

    Example:
        >>> from nbops.source import SourceCell
        >>> text = "class Base:\\n  made = {}\\n  def __init_subclass__(cls):\\n    Base.made[cls.__name__] = cls"
        >>> entered_by_hooks(Log([SourceCell(index=1, source=text)]).steps[0])
        {'made'}
    """
    node = step.unit.node
    if not isinstance(node, ast.ClassDef):
        return set()
    is_metaclass = any(isinstance(base, ast.Name) and base.id in {"type", "ABCMeta", "EnumMeta"} for base in node.bases)
    hooks = [m for m in node.body if isinstance(m, ast.FunctionDef) and m.name in _HOOKS]
    live = [m for m in hooks if is_metaclass or m.name == "__init_subclass__"]
    return {name for hook in live for name in _entered(hook)}


def _entered(hook: ast.FunctionDef) -> Iterator[str]:
    given = {arg.arg for arg in hook.args.args[1:]}  # a metaclass may well change the new class's own namespace
    for node in ast.walk(hook):
        owner: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            owner = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            owner = node.func.value
        if isinstance(owner, ast.Attribute):
            yield owner.attr
        elif isinstance(owner, ast.Name) and owner.id not in given:
            yield owner.id


def reads_registry(step: Step, names: set[str]) -> bool:
    """Whether a statement looks at what hooks enter themselves into, elsewhere than in the hooks themselves."""
    if not any(name in step.unit.bare for name in names):
        return False
    own = [m for m in getattr(step.unit.node, "body", []) if isinstance(m, ast.FunctionDef) and m.name in _HOOKS]
    hooks = {id(part) for hook in own for part in ast.walk(hook)} if isinstance(step.unit.node, ast.ClassDef) else set()
    return any(
        id(part) not in hooks
        and isinstance(getattr(part, "ctx", None), ast.Load)
        and (getattr(part, "attr", None) in names or getattr(part, "id", None) in names)
        for part in ast.walk(step.unit.node)
    )


def answers(step: Step) -> bool:
    """Whether a definition may be called for what it returns, and not only for what it changes."""
    if not isinstance(step.unit.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return True
    parts = list(ast.walk(step.unit.node))
    return any(
        isinstance(part, (ast.Yield, ast.YieldFrom)) or (isinstance(part, ast.Return) and part.value is not None)
        for part in parts
    )

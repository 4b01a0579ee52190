"""Objects that a module tells from others by identity or class: the notebook's own, handed to it, is another one.

``cell is EMPTY`` and ``isinstance(shape, Circle)`` hold for the module's ``EMPTY`` and ``Circle``. The notebook's look
the same, so that a function which is given one answers something else, in silence.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nbops.source import Unit, analyse
from nbops.source.trees import Function, arguments_of, dotted_name, functions_in, root_name


@dataclass
class ToldApart:
    """One name of a module whose object no look-alike can stand for."""

    name: str
    is_class: bool
    """Whether objects are asked for their class, not for being this one."""
    by: dict[str, None] = field(default_factory=dict)
    """The functions and classes that ask, in the order they stand in."""

    def note(self, module: str) -> str:
        """Say what a caller has to hand over."""
        if list(self.by) == [self.name]:
            return (
                f"objects of {self.name} are equal to those of the very class alone: make them with "
                f"{module}.{self.name}, not with the notebook's own; "
                f"--replace offers the import that makes it the notebook's"
            )
        asking = ", ".join(self.by)
        asks = "asks" if len(self.by) == 1 else "ask"
        what = (
            f"whether something is of class {self.name}"
            if self.is_class
            else f"whether something is {self.name} itself"
        )
        whose = "objects of " if self.is_class else ""
        return (
            f"{asking} {asks} {what}: pass {whose}{module}.{self.name}, not the notebook's own, which is another one; "
            f"--replace offers the import that makes it the notebook's"
        )


def told_apart(source: str) -> list[ToldApart]:
    """Find what the functions of a module tell from others by identity or class, where an argument may bring it.

    Args:
        source: the module's text.

    Returns:
        The names that the module itself makes, in alphabetical order.

    Example:
        >>> source = "EMPTY = object()\\ndef is_free(cell):\\n    return cell is EMPTY"
        >>> [(told.name, list(told.by)) for told in told_apart(source)]
        [('EMPTY', ['is_free'])]
        >>> told_apart("NOTHING = None\\ndef is_free(cell):\\n    return cell is NOTHING")
        []
    """
    units = analyse(source).units
    own = _Own(units)
    found: dict[str, ToldApart] = {}
    for unit in units:
        if unit.kind not in {"function", "class", "value"}:
            continue
        title = getattr(unit.node, "name", None) or ", ".join(sorted(unit.binds))
        compares = {name for name in unit.binds if name in own.classes and _is_compared_by_class(own.classes[name])}
        for name in (*compares, *_asked_for(unit, own)):
            if name in compares | unit.reads.later | unit.reads.now:
                told = found.setdefault(name, ToldApart(name, name in own.classes))
                told.by[title] = None
    return [found[name] for name in sorted(found)]


class _Own:
    """What a module makes itself, by what tells it from a copy of it."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self.classes: dict[str, ast.ClassDef] = {}
        self.objects: set[str] = set()
        made: dict[str, ast.expr] = {}
        for unit in units:
            node = unit.node
            if isinstance(node, ast.ClassDef):
                self.classes[node.name] = node
            elif unit.kind == "function":
                self.objects |= unit.binds
            elif unit.kind == "value" and (value := getattr(node, "value", None)) is not None:
                made.update(dict.fromkeys(unit.binds, value))
        self.enums = {name for name, node in self.classes.items() if _is_plain_enum(node)}
        imported = {alias.bound for unit in units for alias in unit.aliases}
        self.objects |= {name for name, value in made.items() if not _is_one_everywhere(value, imported)}
        # Equality of these is identity: nothing says when another object is equal.
        self.incomparable = {name for name, value in made.items() if self._has_no_equality(value)}

    def _has_no_equality(self, value: ast.expr) -> bool:
        if not isinstance(value, ast.Call):
            return False
        name = dotted_name(value.func) or ""
        owner = self.classes.get(name)
        if owner is None:
            return name == "object"
        return not (_has_equality_of_its_own(owner) or owner.bases or owner.decorator_list or owner.keywords)


def _is_plain_enum(node: ast.ClassDef) -> bool:
    """Whether members are equal to nothing else: those of ``IntEnum`` and ``(str, Enum)`` are equal to their values."""
    return [(dotted_name(base) or "").rpartition(".")[2] for base in node.bases] in (["Enum"], ["Flag"])


def _is_compared_by_class(node: ast.ClassDef) -> bool:
    """Whether it is a dataclass whose objects are equal to those of the very class alone."""
    for decorator in node.decorator_list:
        target, options = (
            (decorator.func, decorator.keywords)
            if isinstance(decorator, ast.Call)
            else (decorator, list[ast.keyword]())
        )
        if (dotted_name(target) or "").rpartition(".")[2] == "dataclass":
            has_eq = not any(
                option.arg == "eq" and isinstance(option.value, ast.Constant) and option.value.value is False
                for option in options
            )
            return has_eq and not _has_equality_of_its_own(node)
    return False


def _has_equality_of_its_own(node: ast.ClassDef) -> bool:
    return any(isinstance(part, ast.FunctionDef) and part.name == "__eq__" for part in node.body)


def _is_one_everywhere(value: ast.expr, imported: set[str]) -> bool:
    """Whether Python has one object of it however often it is made, or it is another module's."""
    match value:
        case ast.Constant(value=int(number)):  # True and False, too
            return -5 <= number <= 256
        case ast.Constant(value=str(text)):
            return len(text) < 2 or (text.isascii() and text.isidentifier())
        case ast.Constant(value=constant):
            return constant is None or constant is Ellipsis
        case ast.Tuple(elts=[]):
            return True
        case ast.Name() | ast.Attribute():
            return root_name(value) in imported | {"Ellipsis", "NotImplemented"}
    return False


# Which names a statement's functions ask for.


def _asked_for(unit: Unit, own: _Own) -> Iterator[str]:
    yield from _registered(unit.node, own)
    for function in functions_in(unit.node):
        given = _from_arguments(function)
        for node in ast.walk(function):
            match node:
                case ast.Compare():
                    yield from _compared(node, given, own)
                case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[asked, kinds]) if given(asked):
                    yield from _named(kinds, own.classes)
                case ast.Try() | ast.TryStar() if any(given(call.func) for call in _calls(node.body)):
                    for kinds in [handler.type for handler in node.handlers if handler.type is not None]:
                        yield from _named(kinds, own.classes)
                case ast.Match(subject=asked, cases=cases) if given(asked):
                    yield from _matched(cases, own)


def _compared(node: ast.Compare, given: _From, own: _Own) -> Iterator[str]:
    sides = [node.left, *node.comparators]
    for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
        for asked, other in ((left, right), (right, left)):
            if not given(asked):
                continue
            if isinstance(operator, (ast.Is, ast.IsNot)):
                yield from _named(other, own.objects | own.classes.keys())
            elif isinstance(operator, (ast.Eq, ast.NotEq, ast.In, ast.NotIn)):
                yield from _named(other, own.incomparable | _classes_compared(asked, own))
                yield from (name for name in _members(other, own))


def _classes_compared(asked: ast.expr, own: _Own) -> set[str]:
    """The classes, where it is a class that is compared: ``type(x) == Circle``, ``x.__class__ in (Circle, Square)``."""
    is_class = (isinstance(asked, ast.Call) and isinstance(asked.func, ast.Name) and asked.func.id == "type") or (
        isinstance(asked, ast.Attribute) and asked.attr == "__class__"
    )
    return set(own.classes) if is_class else set()


def _named(node: ast.expr, names: Iterable[str]) -> Iterator[str]:
    """Those of the names that an expression, or the tuple or union it is, consists of."""
    match node:
        case ast.Name(id=name) if name in names:
            yield name
        case ast.Attribute(value=ast.Name(id=name)) if name in names:
            yield name
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            for part in parts:
                yield from _named(part, names)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _named(left, names)
            yield from _named(right, names)


def _members(node: ast.expr, own: _Own) -> Iterator[str]:
    parts = node.elts if isinstance(node, (ast.Tuple, ast.List, ast.Set)) else [node]
    for part in parts:
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in own.enums:
            yield part.value.id


def _matched(cases: list[ast.match_case], own: _Own) -> Iterator[str]:
    for pattern in [part for case in cases for part in ast.walk(case.pattern)]:
        if isinstance(pattern, ast.MatchClass):
            yield from _named(pattern.cls, own.classes)
        elif isinstance(pattern, ast.MatchValue):
            yield from _members(pattern.value, own)


def _registered(node: ast.stmt, own: _Own) -> Iterator[str]:
    """The class that ``functools.singledispatch`` chooses an implementation for."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(target, ast.Attribute) and target.attr == "register" and root_name(target) in own.objects:
            kinds = list(decorator.args) if isinstance(decorator, ast.Call) else []
            kinds += [arg.annotation for arg in arguments_of(node.args)[:1] if arg.annotation is not None]
            for kind in kinds:
                yield from _named(kind, own.classes)


def _calls(statements: Iterable[ast.stmt]) -> Iterator[ast.Call]:
    return (part for statement in statements for part in ast.walk(statement) if isinstance(part, ast.Call))


# What an argument may bring.


class _From:
    """Tells whether an expression may be, or hold, what arguments brought."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def __call__(self, node: ast.AST) -> bool:
        return not self._names.isdisjoint(_loaded(node))


def _from_arguments(function: Function) -> _From:
    """Follow arguments through assignments, loops and methods that keep them, until nothing is added."""
    names = {part.arg for part in ast.walk(function) if isinstance(part, ast.arg)}
    steps = [step for part in ast.walk(function) for step in _hand_on(part)]
    while added := {name for targets, value in steps if not names.isdisjoint(value) for name in targets} - names:
        names |= added
    return _From(names)


def _hand_on(node: ast.AST) -> Iterator[tuple[set[str], set[str]]]:
    """Names that are given something → the names that it is made from."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield _roots(targets), _loaded(value)
        case (
            ast.AnnAssign(target=target, value=ast.expr() as value)
            | ast.AugAssign(target=target, value=value)
            | ast.NamedExpr(target=target, value=value)
            | ast.For(target=target, iter=value)
            | ast.AsyncFor(target=target, iter=value)
            | ast.comprehension(target=target, iter=value)
            | ast.withitem(context_expr=value, optional_vars=ast.expr() as target)
        ):
            yield _roots([target]), _loaded(value)
        case ast.Match(subject=value, cases=cases):
            patterns = [part for case in cases for part in ast.walk(case.pattern)]
            yield {n for p in patterns if (n := getattr(p, "name", None) or getattr(p, "rest", None))}, _loaded(value)
        case ast.Call(func=ast.Attribute(value=owner), args=args) if (root := root_name(owner)) is not None:
            yield {root}, set().union(*(_loaded(arg) for arg in args))


def _roots(targets: Iterable[ast.expr]) -> set[str]:
    parts = [part for target in targets for part in ast.walk(target)]
    return {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)} | {
        root for part in parts if isinstance(part, (ast.Attribute, ast.Subscript)) and (root := root_name(part))
    }


def _loaded(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}

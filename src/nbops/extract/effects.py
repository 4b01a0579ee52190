"""What a statement or a function does to the objects that names reach: it changes them, keeps them, gives them back.

The code is read as it would run, with references (``nbops.extract.references``) in the place of values. Both ways of a
branch are taken, loops run twice; what nobody knows is taken to give back anything it was given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from nbops.extract import foreign
from nbops.extract.log import Step
from nbops.extract.purity import SAFE_METHODS
from nbops.extract.references import (
    NOTHING,
    Kind,
    Reference,
    References,
    Shape,
    anything,
    copied,
    held,
    instances,
    part,
    seen_through,
)
from nbops.source.touches import MUTATORS
from nbops.source.trees import FUNCTIONS, Function, arguments_of, dotted_name, functions_in, root_name

_ADDING = frozenset({"append", "appendleft", "add", "insert", "setdefault", "put", "push", "register", "__setitem__"})
_MERGING = frozenset({"update", "extend", "extendleft", "__iadd__", "__ior__"})
_SAME_OBJECT = frozenset({"T", "values", "flat", "data", "real", "imag", "iloc", "loc", "at", "iat", "__dict__", "mT"})
_PLAIN_ATTRIBUTES = frozenset({"shape", "size", "ndim", "dtype", "nbytes", "__name__", "__doc__", "__module__"})
_VIEWS = frozenset({"reshape", "ravel", "view", "squeeze", "transpose", "swapaxes", "diagonal", "__iter__", "__enter__"})
_GIVING_PARTS = frozenset({"get", "pop", "popitem", "popleft", "setdefault", "__getitem__", "next", "__next__"})
_GIVING_ARGUMENTS = frozenset({"choice", "choices", "sample", "map", "imap", "submit", "starmap", "result"})
_WHOLE_NAMESPACES = frozenset({"globals", "locals", "vars"})


@dataclass
class Effects:
    """What running something does to what it reaches."""

    changes: set[Reference] = field(default_factory=set)
    own: set[Reference] = field(default_factory=set)
    """Of the changes, those made by its own text, and not by another function that knows the global itself."""
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

    def hands_on_changers(self) -> bool:
        """Whether functions that change what they are given are handed around as values in the notebook."""


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


class Reader:
    """Reads code that runs in one scope.

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

    # Statements.

    def block(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                self._assign(targets, value)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    self._assign([target], value)
            case ast.AugAssign():
                self._augmented(node)
            case ast.Expr(value=value):
                self.value(value)
            case ast.Return(value=value):
                self._answer(self.value(value) if value is not None else NOTHING)
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Name):
                        self.names.pop(target.id, None)
                    elif isinstance(target, (ast.Attribute, ast.Subscript)):
                        self._change(self.value(target.value))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.For() | ast.AsyncFor():
                items = self.value(node.iter)
                for _ in range(2):
                    self._bind(node.target, part(items))
                    self._either(node.body, [])
                self.block(node.orelse)
            case ast.While(test=test):
                for _ in range(2):
                    self.value(test)
                    self._either(node.body, [])
                self.block(node.orelse)
            case ast.If(test=test):
                self.value(test)
                self._either(node.body, node.orelse)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    entered = self.value(item.context_expr)
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, anything(entered))
                self.block(node.body)
            case ast.Match():
                self._match(node)
            case _:
                self._others(node)

    def _others(self, node: ast.stmt) -> None:
        if type(node).__name__ in {"Try", "TryStar"}:
            tried = node.body  # type: ignore[attr-defined]
            self._either(tried, *([*tried[:-1], *h.body] for h in node.handlers))  # type: ignore[attr-defined]
            self.block([*node.orelse, *node.finalbody])  # type: ignore[attr-defined]
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)

    def _either(self, *ways: Sequence[ast.stmt]) -> None:
        before = dict(self.names)
        after: dict[str, References] = {}
        for way in ways:
            self.names.clear()
            self.names.update(before)
            self.block(way)
            for name, values in self.names.items():
                after[name] = after.get(name, NOTHING) | values
        self.names.clear()
        self.names.update(after)

    def _match(self, node: ast.Match) -> None:
        subject = self.value(node.subject)
        found = subject | part(subject) | part(part(subject)) | copied(subject)
        for case in node.cases:
            for pattern in ast.walk(case.pattern):
                name = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
                if name:
                    self.names[name] = self.names.get(name, NOTHING) | found
        self._either(*(case.body for case in node.cases))

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        for target in targets:
            if isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List)):
                plain = not any(isinstance(e, ast.Starred) for e in (*target.elts, *value.elts))
                if plain and len(target.elts) == len(value.elts):
                    values = [self.value(element) for element in value.elts]
                    for inner, given in zip(target.elts, values, strict=True):
                        self._bind(inner, given)
                    continue
            given = self.value(value)
            self._bind(target, given)
            if isinstance(target, ast.Name) and isinstance(value, ast.Lambda):
                self.functions[target.id] = value

    def _bind(self, target: ast.expr, values: References) -> None:
        match target:
            case ast.Name(id=name):
                if self.local is not None and name not in self.local:
                    self.effects.keep(name, values)  # through `global`
                self.names[name] = values
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for element in elements:
                    self._bind(element, part(values))
            case ast.Starred(value=inner):
                self._bind(inner, held(values))
            case ast.Attribute(value=owner) | ast.Subscript(value=owner):
                if isinstance(target, ast.Subscript):
                    self.value(target.slice)
                owners = self.value(owner)
                self._change(owners)
                self._hold(owner, owners, held(values))

    def _augmented(self, node: ast.AugAssign) -> None:
        given = self.value(node.value)
        is_number = isinstance(node.value, ast.Constant)
        if isinstance(node.target, ast.Name):
            current = self._name(node.target.id)
        elif isinstance(node.target, (ast.Attribute, ast.Subscript)):
            owners = self.value(node.target.value)
            self._change(owners)
            self._hold(node.target.value, owners, held(copied(given)))
            current = self.value(node.target)
        else:
            return
        # A number gets another one; a list, a set, an array is changed where it stands.
        self._change(frozenset(r for r in current if not is_number or self._kind(r) in {"array", "object"}))
        self._hold(node.target, current, copied(given))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self._decorate(decorator, node)
        defaults = [d for d in (*node.args.defaults, *node.args.kw_defaults) if d is not None]
        kept = held(frozenset().union(*(self.value(default) for default in defaults)))
        if self.local is not None:
            self.functions[node.name] = node
            self._run(node, {})
            kept |= self._captured(node)
        self.names[node.name] = kept

    def _decorate(self, decorator: ast.expr, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        if isinstance(decorator, ast.Call):
            self.value(decorator)
        else:
            self.value(ast.copy_location(ast.Call(decorator, [ast.Constant(node.name)], []), decorator))
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if dotted_name(target) in {"patch", "patch_to"} and not isinstance(node, ast.ClassDef):
            # fastcore's way of adding a method: the class is named by the annotation of the first argument.
            for annotation in [arg.annotation for arg in node.args.args[:1] if isinstance(arg.annotation, ast.Name)]:
                self._change(self.value(annotation))

    def _class(self, node: ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self._decorate(decorator, node)
        bases = frozenset().union(*(self.value(base) for base in node.bases))
        inner = Reader(self.world, dict(self.names), at=self.at, local=self.local, shape=self.shape, effects=self.effects)
        before = dict(inner.names)
        inner.block(s for s in node.body if not isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef)))
        own = [values for name, values in inner.names.items() if before.get(name) != values]
        self.names[node.name] = instances(bases) | held(frozenset().union(*own))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            self.names.pop(bound, None)
            if isinstance(node, ast.ImportFrom):
                self.imports[bound] = f"{node.module}.{alias.name}"
            else:
                self.imports[bound] = alias.name if alias.asname else bound

    def _answer(self, values: References) -> None:
        self.effects.returns |= values

    # Expressions.

    def value(self, node: ast.expr) -> References:
        """Give what an expression reaches, after noting what evaluating it changes."""
        found = self._value(node)
        if self.shape is None or not found:
            return found
        return frozenset(ref for ref in found if ref.origin != "*" or self.shape.can_change(ref))

    def _value(self, node: ast.expr) -> References:
        match node:
            case ast.Name(id=name):
                return self._name(name)
            case ast.Constant():
                return NOTHING
            case ast.Call():
                return self._call(node)
            case ast.Attribute(value=owner, attr=attribute):
                return self._attribute(self.value(owner), attribute)
            case ast.Subscript(value=owner, slice=index):
                return self._item(owner, index)
            case ast.Lambda():
                self._run(node, {})
                return self._captured(node)
            case ast.NamedExpr(target=target, value=value):
                given = self.value(value)
                self._bind(target, given)
                return given
            case ast.IfExp(test=test, body=left, orelse=right):
                self.value(test)
                return self.value(left) | self.value(right)
            case ast.BoolOp(values=values):
                return frozenset().union(*(self.value(value) for value in values))
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return held(frozenset().union(*(self.value(element) for element in elements)))
            case ast.Starred(value=value):
                return part(self.value(value))
            case ast.Dict(keys=keys, values=values):
                found = [self.value(v) if k is not None else part(self.value(v)) for k, v in zip(keys, values)]  # noqa: B905
                for key in keys:
                    if key is not None:
                        self.value(key)
                return held(frozenset().union(*found))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.BinOp(left=left, op=op, right=right):
                given = self.value(left) | self.value(right)
                is_joined = isinstance(op, (ast.Add, ast.BitOr, ast.Mult))
                return copied(frozenset(r for r in given if self._kind(r) != "array")) if is_joined else NOTHING
            case ast.Await(value=value):
                return self.value(value)
            case ast.Yield(value=value):
                self._answer(held(self.value(value)) if value is not None else NOTHING)
                return NOTHING
            case ast.YieldFrom(value=value):
                self._answer(self.value(value))
                return NOTHING
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
        return NOTHING

    def _name(self, name: str) -> References:
        if name in self.names:
            return self.names[name]
        if self.local is None or name in self.local or name in self.imports:
            return NOTHING
        return NOTHING if self.world.path(name, self.at) is not None else frozenset({Reference(name)})

    def _attribute(self, owner: References, attribute: str) -> References:
        if attribute in _PLAIN_ATTRIBUTES or not owner:
            return NOTHING
        if attribute in MUTATORS:  # a bound method that somebody will call
            self._change(frozenset(r for r in owner if self._kind(r) in {"container", "unknown"}))
            return owner
        found = part(owner, attribute)
        return owner | found if attribute in _SAME_OBJECT else found

    def _item(self, owner: ast.expr, index: ast.expr) -> References:
        if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id in _WHOLE_NAMESPACES:
            if not owner.args and isinstance(index, ast.Constant) and isinstance(index.value, str):
                return self._of_global(index.value)
        owners = self.value(owner)
        self.value(index)
        if not isinstance(index, (ast.Slice, ast.Tuple)):
            return part(owners)
        copies = frozenset(r for r in owners if self._kind(r) == "container")
        return copied(copies) | (owners - copies) | part(owners - copies)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> References:
        outer = dict(self.names)
        for generator in node.generators:
            self._bind_inner(generator.target, part(self.value(generator.iter)))
            for test in generator.ifs:
                self.value(test)
        if isinstance(node, ast.DictComp):
            self.value(node.key)
        found = held(self.value(node.value if isinstance(node, ast.DictComp) else node.elt))
        bound = {p.id for g in node.generators for p in ast.walk(g.target) if isinstance(p, ast.Name)}
        for name in bound:
            self.names.pop(name, None)
            if name in outer:
                self.names[name] = outer[name]
        return found

    def _bind_inner(self, target: ast.expr, values: References) -> None:
        for name in ast.walk(target):
            if isinstance(name, ast.Name):
                self.names[name.id] = values if name is target else part(values)

    # What happens to objects.

    def _kind(self, ref: Reference) -> Kind:
        if ref.origin != "*" or self.shape is None or ref.ahead:
            return "unknown"
        return self.shape.kind(ref.depth)

    def _change(self, values: References) -> None:
        for ref in values:
            if not ref.ahead:
                self.effects.changes.add(ref)
                self.effects.own.add(ref)

    def _hold(self, owner: ast.expr, owners: References, values: References) -> None:
        """Let the object that an expression stands for hold more."""
        if not values:
            return
        for ref in owners:
            if not ref.ahead and ref.origin != "*":
                inner = values
                for _ in range(ref.depth):
                    inner = held(inner)
                self.effects.keep(ref.origin, inner)
        while isinstance(owner, (ast.Attribute, ast.Subscript)):
            owner, values = owner.value, held(values)
        if isinstance(owner, ast.Name):
            self.names[owner.id] = self._name(owner.id) | values

    def _of_global(self, name: str) -> References:
        return self.top.get(name, NOTHING) if self.local is None else frozenset({Reference(name)})

    # Calls.

    def _call(self, node: ast.Call) -> References:
        function = _plain_callee(node.func)
        given = self._given(node)
        if isinstance(function, ast.Name) and function.id in self.functions:
            return self._call_local(self.functions[function.id], given)
        path = self._path(function)
        if path is not None:
            return self._call_library(path, node, given)
        if isinstance(function, ast.Attribute):
            return self._call_method(function, node, given)
        self._hand_on(given)
        if isinstance(function, ast.Lambda):
            return self._call_local(function, given)
        definitions = self._definitions(function)
        if definitions:
            answers = [self._call_definition(step, function, given) for step in definitions]
            return frozenset().union(*answers)
        return self._call_unknown(function, given)

    def _given(self, node: ast.Call) -> Given:
        given = Given()
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                given.starred |= part(self.value(argument.value))
            else:
                given.positional.append((argument, self.value(argument)))
        for keyword in node.keywords:
            if keyword.arg is None:
                given.double_starred |= part(self.value(keyword.value))
            else:
                given.keywords[keyword.arg] = (keyword.value, self.value(keyword.value))
        return given

    def _path(self, function: ast.expr) -> str | None:
        dotted = dotted_name(function)
        if dotted is None:
            return None
        root, _, rest = dotted.partition(".")
        if root in self.names and self.names[root] or (self.local is not None and root in self.local):
            return None
        path = self.imports.get(root) or self.world.path(root, self.at)
        return None if path is None else f"{path}.{rest}" if rest else path

    def _definitions(self, function: ast.expr) -> list[Step]:
        if not isinstance(function, ast.Name) or (self.local is not None and function.id in self.local):
            return []
        return self.world.definitions(function.id, self.at)

    def _call_library(self, path: str, node: ast.Call, given: Given) -> References:
        if path in {"exec", "eval"} and node.args:
            self._run_text(node.args[0])
        if path == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            return self._attribute(given.positional[0][1], str(node.args[1].value)) | given.values
        if path == "type" and len(node.args) == 1:
            return part(given.values, "__class__")
        values = given.values
        owner, _, method = path.rpartition(".")
        places = foreign.changed_places(path, _switched_on(given))
        if owner in {"list", "dict", "set", "bytearray", "collections.deque", "collections.Counter"} and method in MUTATORS:
            places.add(0)
        self._change_places(places, given)
        if (method or path) in _ADDING | {"setattr", "heappush", "insort"} and given.positional:
            self._hold(*given.positional[0], held(values))
        answer = self._hand_on(given) | foreign.answer(path, values)
        if values and not foreign.leaves_alone(path):
            self.effects.foreign |= {ref for ref in values | part(values) if not ref.ahead}
        return answer

    def _change_places(self, places: Iterable[int | str], given: Given) -> None:
        for place in places:
            if isinstance(place, int):
                self._change(given.positional[place][1] if place < len(given.positional) else given.starred)
            elif place in given.keywords:
                self._change(given.keywords[place][1])

    def _call_method(self, function: ast.Attribute, node: ast.Call, given: Given) -> References:
        name, owner = function.attr, self.value(function.value)
        if _is_super(function.value) and self.local is not None:
            owner = self._name("self")
        own = self.world.methods(name)
        changed = frozenset(ref for ref in owner if self._method_changes(ref, name, is_own=bool(own)))
        self._change(changed)
        if "inplace" in _switched_on(given):
            self._change(owner)
        if name in foreign.FILLED_BY_METHODS:
            self._change_places([0], given)
        self._change_places(foreign.IN_PLACE_KEYWORDS, given)
        if name in _ADDING | _MERGING:
            more = given.values if name in _ADDING else part(given.values)
            self._hold(function.value, owner, held(more))
        handed = self._hand_on(given, owner)
        answers = [self._call_own_method(how, effects, function.value, owner, given) for how, effects in own]
        return frozenset().union(_method_answer(name, owner, given), handed, *answers)

    def _method_changes(self, ref: Reference, name: str, *, is_own: bool) -> bool:
        kind = self._kind(ref)
        if ref.ahead or kind == "fixed":
            return False
        if name in MUTATORS:
            return kind != "unknown" or not is_own
        if kind == "container" or is_own:
            return False
        if name in foreign.IN_PLACE_METHODS or (name.endswith("_") and not name.startswith("_")):
            return True
        return kind in {"object", "array"} and ref.depth == 0 and name not in SAFE_METHODS

    def _call_own_method(
        self, how: str, effects: Effects, owner: ast.expr, owners: References, given: Given
    ) -> References:
        owners = frozenset(r for r in owners if r.ahead or self._kind(r) not in {"container", "array", "fixed"})
        first = {"class": owners | part(owners, "__class__"), "object": owners}.get(how)
        return self._apply(effects, given, first=(owner, first) if first is not None else None)

    def _call_definition(self, step: Step, function: ast.expr, given: Given) -> References:
        effects = self.world.summary(step)
        if step.unit.kind != "class":
            return self._apply(effects, given) | (part(self.value(function)) if self.local is None else NOTHING)
        owner = self.value(function)
        made = self._apply(effects, given, first=(ast.Constant(None), NOTHING))
        return made | instances(owner) | frozenset(ref for ref in owner if ref.ahead)

    def _call_unknown(self, function: ast.expr, given: Given) -> References:
        called = self.value(function)
        for how, effects in self.world.methods("__call__") if called else []:
            self._call_own_method(how, effects, function, called, given)
        self._change(frozenset(ref for ref in called if self._kind(ref) in {"container", "object"} and not ref.depth))
        values = given.values | called
        self.effects.unknown |= {ref for ref in values | part(values) if not ref.ahead}
        return anything(values)

    def _hand_on(self, given: Given, owner: References = NOTHING) -> References:
        """Functions handed to a call may be called with everything else that it got."""
        others = given.values | owner
        found = NOTHING
        for node in given.nodes:
            function = self._handed_function(node)
            if function is None:
                continue
            any_of_them = anything(others)
            if isinstance(function, FUNCTIONS):
                every = {arg.arg: any_of_them for arg in arguments_of(function.args)}
                found |= self._run(function, every) if others else NOTHING
            else:
                for effects in function:
                    found |= self._apply(effects, Given(starred=any_of_them, double_starred=any_of_them))
        return held(found) | found

    def _handed_function(self, node: ast.expr) -> Function | list[Effects] | None:
        if isinstance(node, ast.Lambda):
            return node
        if isinstance(node, ast.Name):
            if node.id in self.functions:
                return self.functions[node.id]
            return [self.world.summary(step) for step in self._definitions(node)] or None
        if isinstance(node, ast.Attribute) and self._path(node) is None:
            return [effects for _, effects in self.world.methods(node.attr)] or None
        return None

    def _call_local(self, function: Function, given: Given) -> References:
        arguments = function.args
        positional = [arg.arg for arg in (*arguments.posonlyargs, *arguments.args)]
        names = {arg.arg: given.starred | given.double_starred for arg in arguments_of(arguments)}
        for name, (_, values) in zip(positional, given.positional, strict=False):
            names[name] |= values
        for name, (_, values) in given.keywords.items():
            names[name] = names.get(name, NOTHING) | values
        for extra in (arguments.vararg, arguments.kwarg):
            if extra is not None:
                names[extra.arg] = held(given.values)
        return self._run(function, names)

    def _run(self, function: Function, arguments: Mapping[str, References]) -> References:
        """Read the body of a function that is defined here, in its own scope."""
        if self.depth > 3:
            return anything(frozenset().union(*arguments.values())) if arguments else NOTHING
        names = {**self.names, **{arg.arg: NOTHING for arg in arguments_of(function.args)}, **arguments}
        own = scope_of(function) if self.local is not None else frozenset()
        returned = self.effects.returns
        self.effects.returns = NOTHING
        local = self.local | own if self.local is not None else None
        inner = Reader(self.world, names, at=self.at, local=local, shape=self.shape, effects=self.effects)
        inner.functions, inner.imports, inner.depth, inner.top = (
            dict(self.functions), dict(self.imports), self.depth + 1, self.top,
        )  # fmt: skip
        inner.functions.pop(getattr(function, "name", ""), None)
        found = inner.value(function.body) if isinstance(function, ast.Lambda) else NOTHING
        if not isinstance(function, ast.Lambda):
            inner.block(function.body)
        found |= self.effects.returns
        self.effects.returns = returned
        return found

    def _captured(self, function: Function) -> References:
        names = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        return held(frozenset().union(*(self._name(name) for name in names - scope_of(function))))

    def _apply(self, effects: Effects, given: Given, first: tuple[ast.expr, References] | None = None) -> References:
        """Note what a call does to what it is given, and give what its answer reaches."""
        arguments, places = _arguments(effects, given, first)

        def translated(values: Iterable[Reference]) -> References:
            found: set[Reference] = set()
            for ref in values:
                is_given = ref.origin.startswith("@")
                found |= seen_through(ref, arguments.get(ref.origin, NOTHING) if is_given else self._of_global(ref.origin))
            return frozenset(found)

        self._change(self._kept(translated(ref for ref in effects.changes if ref.origin.startswith("@"))))
        known = translated(ref for ref in effects.changes if not ref.origin.startswith("@"))
        self.effects.changes |= {ref for ref in known if not ref.ahead}
        self.effects.unknown |= {ref for ref in translated(effects.unknown) if not ref.ahead}
        self.effects.foreign |= {ref for ref in translated(effects.foreign) if not ref.ahead}
        made = NOTHING
        for origin, values in effects.held.items():
            kept = translated(values)
            if not origin.startswith("@"):
                self._keep_global(origin, kept)
            elif origin in places:
                self._hold(places[origin], arguments.get(origin, NOTHING), kept)
                made |= kept if isinstance(places[origin], ast.Constant) else NOTHING
        return translated(effects.returns) | made

    def _kept(self, values: References) -> References:
        return values if self.shape is None else frozenset(r for r in values if r.origin != "*" or self.shape.can_change(r))

    def _keep_global(self, name: str, values: References) -> None:
        if self.local is not None:
            self.effects.keep(name, values)
        elif values:
            self.top[name] = self.top.get(name, NOTHING) | values
            self.names[name] = self.names.get(name, NOTHING) | values

    def _run_text(self, node: ast.expr) -> None:
        """Read code that is given as text, where the text is plain to see."""
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(node, ast.Name):
            text = self.world.text_of(node.id, self.at)
        if isinstance(text, str):
            try:
                self.block(ast.parse(text).body)
            except (SyntaxError, ValueError):
                return  # it fails in the notebook too


def _plain_callee(node: ast.expr) -> ast.expr:
    """What is called by ``getattr(thing, "method")()``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
        if len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            return ast.copy_location(ast.Attribute(node.args[0], str(node.args[1].value), ast.Load()), node)
    return node


def _arguments(
    effects: Effects, given: Given, first: tuple[ast.expr, References] | None
) -> tuple[dict[str, References], dict[str, ast.expr]]:
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


def _method_answer(name: str, owner: References, given: Given) -> References:
    if name in _GIVING_PARTS:
        return part(owner) | given.values
    if name == "values":
        return copied(owner)
    if name == "items":
        return held(copied(owner))
    if name in {"copy", "__copy__"}:
        return copied(owner)
    if name in _VIEWS:
        return owner
    if name in _GIVING_ARGUMENTS:
        return given.values | part(given.values) | held(given.values)
    return NOTHING if name in SAFE_METHODS | MUTATORS else anything(frozenset(r for r in owner if not r.ahead))


def _switched_on(given: Given) -> frozenset[str]:
    """Keywords of a call that make it work in place: ``inplace=True``, ``copy=False``."""
    found = set()
    for name, (node, _) in given.keywords.items():
        if isinstance(node, ast.Constant):
            is_on = name == "inplace" or name.startswith("overwrite_")
            if (is_on and node.value is True) or (name == "copy" and node.value is False):
                found.add("inplace")
    return frozenset(found)


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


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


def summary_of(function: Function, world: World) -> Effects:
    """What a call of a function does to its parameters and to global names."""
    arguments = function.args
    positional = tuple(arg.arg for arg in (*arguments.posonlyargs, *arguments.args))
    effects = Effects(
        parameters=positional,
        star=arguments.vararg.arg if arguments.vararg else None,
        double_star=arguments.kwarg.arg if arguments.kwarg else None,
    )
    names = {arg.arg: frozenset({Reference(f"@{arg.arg}")}) for arg in arguments_of(arguments)}
    reader = Reader(world, names, local=scope_of(function), effects=effects)
    outside = Reader(world, {}, local=frozenset())
    pairs = list(zip(positional[::-1], arguments.defaults[::-1], strict=False))
    pairs += [(a.arg, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
    for name, default in pairs:
        names[name] |= outside.value(default)
    if isinstance(function, ast.Lambda):
        effects.returns |= reader.value(function.body)
    else:
        reader.block(function.body)
    return effects


__all__ = ["Effects", "Given", "Reader", "World", "functions_in", "root_name", "scope_of", "summary_of"]

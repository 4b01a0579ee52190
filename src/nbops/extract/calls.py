"""Calls, while code is read: of libraries, of methods, of the notebook's own functions, of what nobody knows."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from nbops.extract import foreign
from nbops.extract.effects import Effects, Given, arguments_given
from nbops.extract.harmless import SAFE_METHODS
from nbops.extract.log import Step
from nbops.extract.references import (
    NOTHING,
    Reference,
    References,
    anything,
    copied,
    held,
    instances,
    part,
    seen_through,
)
from nbops.extract.scope import Scope, scope_of
from nbops.source.python import MagicCode, magic_code
from nbops.source.touches import MUTATORS
from nbops.source.trees import FUNCTIONS, Function, arguments_of, dotted_name

_ADDING = frozenset({"append", "appendleft", "add", "insert", "setdefault", "put", "push", "register", "__setitem__"})
_MERGING = frozenset({"update", "extend", "extendleft", "__iadd__", "__ior__"})
_VIEWS = frozenset({"reshape", "ravel", "view", "squeeze", "transpose", "swapaxes", "diagonal", "__enter__"})
_CONTAINERS = frozenset({"list", "dict", "set", "bytearray", "collections.deque", "collections.Counter"})
_GIVING_PARTS = frozenset({"get", "pop", "popitem", "popleft", "setdefault", "__getitem__", "next", "__next__"})
_GIVING_ARGUMENTS = frozenset({"choice", "choices", "sample", "map", "imap", "submit", "starmap", "result"})


class Calls(Scope):
    """Reads calls."""

    def _call(self, node: ast.Call) -> References:
        code = magic_code(node)
        if code is not None:
            return self._run_magic(code)
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

    def _run_magic(self, code: MagicCode) -> References:
        """Read what a magic runs: in the names that are here, or as a function of its own."""
        if code.is_function:
            self._run(_function_of(code.body), {})
        else:
            self.block(code.body)
        return NOTHING

    def _given(self, node: ast.Call) -> Given:
        given = Given()
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                given.starred |= part(self.value(argument.value))
            else:
                given.positional.append((argument, self._argument(argument)))
        for keyword in node.keywords:
            if keyword.arg is None:
                given.double_starred |= part(self.value(keyword.value))
            else:
                given.keywords[keyword.arg] = (keyword.value, self._argument(keyword.value))
        return given

    def _argument(self, node: ast.expr) -> References:
        """What an argument reaches; a lambda is read where it stands, whoever calls it then does nothing more."""
        values = self.value(node)
        return NOTHING if isinstance(node, ast.Lambda) else values

    def _path(self, function: ast.expr) -> str | None:
        dotted = dotted_name(function)
        if dotted is None:
            return None
        root, _, rest = dotted.partition(".")
        if self.names.get(root) or (self.local is not None and root in self.local):
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
            return self.attribute(given.positional[0][1], str(node.args[1].value)) | given.values
        if path == "type" and len(node.args) == 1:
            return part(given.values, "__class__")
        values = given.values
        if path in {"pandas.DataFrame", "pandas.Series"}:  # a frame may share the memory of an array, of nothing else
            data = [values for _, values in given.positional[:1]]
            values = frozenset(r for r in frozenset().union(*data) if self._kind(r) in {"array", "unknown"})
        owner, _, method = path.rpartition(".")
        places = foreign.changed_places(path, _switched_on(given))
        if owner in _CONTAINERS and method in MUTATORS:
            places.add(0)
        self._change_places(places, given, is_named=path in foreign.ATTRIBUTE_SETTERS)
        if (method or path) in _ADDING | {"setattr", "heappush", "insort"} and given.positional:
            self._hold(*given.positional[0], held(values))
        handed = NOTHING if path in foreign.CALLING_NOTHING else self._hand_on(given)
        answer = handed | foreign.answer(path, self._without_functions(values))
        if values and not foreign.leaves_alone(path):
            self.effects.foreign |= {ref for ref in values | part(values) if ref.is_there}
        return answer

    def _change_places(self, places: Iterable[int | str], given: Given, *, is_named: bool = False) -> None:
        for place in places:
            if isinstance(place, int):
                values = given.positional[place][1] if place < len(given.positional) else given.starred
                self._change(values, is_named=is_named)
            elif place in given.keywords:
                self._change(given.keywords[place][1])

    def _call_method(self, function: ast.Attribute, node: ast.Call, given: Given) -> References:
        name, owner = function.attr, self.value(function.value)
        if _is_super(function.value) and self.local is not None:
            owner = self._name("self")
        own = self.world.methods(name)
        changed = frozenset(ref for ref in owner if self._method_changes(ref, name, is_own=bool(own)))
        self._change(changed, is_named=name == "register")
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
        return frozenset().union(_method_answer(name, owner, self._without_functions(given.values)), handed, *answers)

    def _method_changes(self, ref: Reference, name: str, *, is_own: bool) -> bool:
        kind = self._kind(ref)
        if not ref.is_there or kind == "fixed":
            return False
        if kind == "definition":
            return name == "register" and not is_own
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
        owners = frozenset(r for r in owners if not r.is_there or self._kind(r) not in {"container", "array", "fixed"})
        first = {"class": owners | part(owners, "__class__"), "object": owners}.get(how)
        return self._apply(effects, given, first=(owner, first) if first is not None else None)

    def _call_definition(self, step: Step, function: ast.expr, given: Given) -> References:
        effects = self.world.summary(step)
        if step.unit.kind != "class":
            return self._apply(effects, given) | (part(self.value(function)) if self.local is None else NOTHING)
        owner = self.value(function)
        made = self._apply(effects, given, first=(ast.Constant(None), NOTHING))
        return made | instances(owner) | frozenset(ref for ref in owner if not ref.is_there)

    def _call_unknown(self, function: ast.expr, given: Given) -> References:
        called = self.value(function)
        # What a closure has captured, a partial holds, a callable object has; of what is followed it is known.
        holders = frozenset(ref for ref in called if not ref.is_there)
        inside = part(holders | frozenset(ref for ref in called if ref.origin != "*"))
        objects = frozenset(ref for ref in called if self._kind(ref) in {"container", "object"} and not ref.depth)
        self._change(objects)
        for how, effects in self.world.methods("__call__") if called else []:
            itself = holders | objects | part(called - holders - objects)
            self._call_own_method(how, effects, function, itself, given)
        if inside and self.world.has_changing_closures():
            self._change(inside)
        values = given.values | inside
        self.effects.unknown |= {ref for ref in values | part(values) if ref.is_there}
        return anything(self._without_functions(values))

    def _without_functions(self, values: References) -> References:
        """Leave out the function that is followed: it is called, not given back."""
        return frozenset(ref for ref in values if self._kind(ref) != "definition")

    def _hand_on(self, given: Given, owner: References = NOTHING) -> References:
        """Functions handed to a call may be called with everything else that it got."""
        others = self._without_functions(given.values | owner)
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
            return [self._handed_definition(step) for step in self._definitions(node)] or None
        if isinstance(node, ast.Attribute) and self._path(node) is None:
            return [effects for _, effects in self.world.methods(node.attr)] or None
        return None

    def _handed_definition(self, step: Step) -> Effects:
        effects = self.world.summary(step)
        return effects.of_a_new_object() if step.unit.kind == "class" else effects

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
        inner = type(self)(self.world, names, at=self.at, local=local, shape=self.shape, effects=self.effects)
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
        if not effects.knows_globals and not given.values and (first is None or not first[1]):
            return NOTHING
        arguments, places = arguments_given(effects, given, first)

        def translated(values: Iterable[Reference]) -> References:
            found: set[Reference] = set()
            for ref in values:
                is_given = ref.origin.startswith("@")
                reached = arguments.get(ref.origin, NOTHING) if is_given else self._of_global(ref.origin)
                found |= seen_through(ref, reached)
            return frozenset(found)

        self._change(self._kept(translated(ref for ref in effects.changes if ref.origin.startswith("@"))))
        self._change(self._kept(translated(ref for ref in effects.named if ref.origin.startswith("@"))), is_named=True)
        known = translated(ref for ref in effects.changes if not ref.origin.startswith("@"))
        self.effects.changes |= {ref for ref in known if ref.is_there}
        self.effects.unknown |= {ref for ref in translated(effects.unknown) if ref.is_there}
        self.effects.foreign |= {ref for ref in translated(effects.foreign) if ref.is_there}
        made = NOTHING
        for origin, values in effects.held.items():
            kept = translated(values)
            if not origin.startswith("@"):
                self._keep_global(origin, kept)
            elif origin in places:
                self._hold(places[origin], arguments.get(origin, NOTHING), kept)
                made |= kept if isinstance(places[origin], ast.Constant) else NOTHING
        return translated(effects.returns) | made

    def _operate(self, method: str, owner: ast.expr, owners: References, values: References = NOTHING) -> None:
        """Run what an operator stands for, where the notebook's own classes say what that is."""
        given = Given(starred=values)
        for how, effects in self.world.methods(method) if owners or values else ():
            if how != "property":
                self._call_own_method(how, effects, owner, owners, given)

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


def _function_of(body: list[ast.stmt]) -> ast.FunctionDef:
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.FunctionDef(name="timed", args=nothing, body=body, decorator_list=[])


def _plain_callee(node: ast.expr) -> ast.expr:
    """What is called by ``getattr(thing, "method")()``."""
    is_taken = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"
    if not (is_taken and isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[1], ast.Constant)):
        return node
    return ast.copy_location(ast.Attribute(node.args[0], str(node.args[1].value), ast.Load()), node)


def _method_answer(name: str, owner: References, given: References) -> References:
    if name in _GIVING_PARTS:
        return part(owner) | given
    if name == "values":
        return copied(owner)
    if name == "items":
        return held(copied(owner))
    if name in {"copy", "__copy__"}:
        return copied(owner)
    if name in _VIEWS:
        return owner
    if name in _GIVING_ARGUMENTS:
        return given | part(given) | held(given)
    return NOTHING if name in SAFE_METHODS | MUTATORS else anything(frozenset(r for r in owner if r.is_there))


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

"""Reads code as it would run, with references (``nbops.extract.references``) in the place of values.

Both ways of a branch are taken, loops run twice; what nobody knows is taken to give back anything it was given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from nbops.extract.calls import Calls
from nbops.extract.effects import Effects, Given, World
from nbops.extract.references import NOTHING, Reference, References, anything, copied, held, instances, part
from nbops.extract.scope import scope_of
from nbops.source.touches import MUTATORS
from nbops.source.trees import Function, arguments_of, dotted_name

_SAME_OBJECT = frozenset({"T", "values", "flat", "data", "real", "imag", "iloc", "loc", "at", "iat", "__dict__", "mT"})
_PLAIN_ATTRIBUTES = frozenset({"shape", "size", "ndim", "dtype", "nbytes", "__name__", "__doc__", "__module__"})
_IN_PLACE: dict[type[ast.operator], str] = {
    ast.Sub: "__isub__", ast.Mult: "__imul__", ast.BitOr: "__ior__", ast.BitAnd: "__iand__", ast.Div: "__itruediv__",
    ast.LShift: "__ilshift__", ast.RShift: "__irshift__", ast.BitXor: "__ixor__", ast.MatMult: "__imatmul__",
}  # fmt: skip
_WHOLE_NAMESPACES = frozenset({"globals", "locals", "vars"})


class Reader(Calls):
    """Reads the statements and expressions of one scope."""

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
            case ast.Delete():
                for gone in node.targets:
                    if isinstance(gone, ast.Name):
                        self.names.pop(gone.id, None)
                    elif isinstance(gone, (ast.Attribute, ast.Subscript)):
                        owners = self.value(gone.value)
                        self._change(owners, is_named=isinstance(gone, ast.Attribute))
                        self._operate("__delitem__", gone.value, owners)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case _:
                self._compound(node)

    def _compound(self, node: ast.stmt) -> None:
        match node:
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
            case ast.Try() | ast.TryStar():
                tried = node.body
                self._either(tried, *([*tried[:-1], *handler.body] for handler in node.handlers))
                self.block([*node.orelse, *node.finalbody])
            case _:
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
                self._change(owners, is_named=isinstance(target, ast.Attribute))
                self._hold(owner, owners, held(values, getattr(target, "attr", None)))
                if isinstance(target, ast.Attribute):
                    self._operate(target.attr, owner, owners, values)  # the setter of a property
                setter = "__setitem__" if isinstance(target, ast.Subscript) else "__setattr__"
                self._operate(setter, owner, owners, values)

    def _augmented(self, node: ast.AugAssign) -> None:
        given = self.value(node.value)
        is_number = isinstance(node.value, ast.Constant)
        if isinstance(node.target, ast.Name):
            current = self._name(node.target.id)
        else:
            owners = self.value(node.target.value)
            self._change(owners, is_named=isinstance(node.target, ast.Attribute))
            self._hold(node.target.value, owners, held(copied(given)))
            current = self.value(node.target)
        self._operate(_IN_PLACE.get(type(node.op), "__iadd__"), node.target, current, given)
        # A number gets another one; a list, a set, an array is changed where it stands.
        self._change(frozenset(r for r in current if not is_number or self._kind(r) in {"array", "object"}))
        self._hold(node.target, current, copied(given))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self._decorate(decorator, node)
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.value(default)
        self.names[node.name] = NOTHING  # what functions of the notebook do, their summaries tell
        if self.local is not None:
            self.functions[node.name] = node
            self._run(node, {})
            self.names[node.name] = self._captured(node)

    def _decorate(self, decorator: ast.expr, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        if isinstance(decorator, ast.Call):
            self.value(decorator)
        else:
            self.value(ast.copy_location(ast.Call(decorator, [ast.Constant(node.name)], []), decorator))
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if dotted_name(target) in {"patch", "patch_to"} and not isinstance(node, ast.ClassDef):
            # fastcore's way of adding a method: the class is named by the annotation of the first argument.
            for annotation in [arg.annotation for arg in node.args.args[:1] if isinstance(arg.annotation, ast.Name)]:
                self._change(self.value(annotation), is_named=True)

    def _class(self, node: ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self._decorate(decorator, node)
        bases = frozenset().union(*(self.value(base) for base in node.bases))
        before = dict(self.names)
        inner = Reader(
            self.world, dict(before), at=self.at, local=self.local, shape=self.shape, effects=self.effects
        )  # fmt: skip
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
                return self.attribute(self.value(owner), attribute)
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
            case ast.Await(value=value):
                return self.value(value)
            case ast.Yield(value=value):
                self._answer(held(self.value(value)) if value is not None else NOTHING)
                return NOTHING
            case ast.YieldFrom(value=value):
                self._answer(self.value(value))
                return NOTHING
        return self._made(node)

    def _made(self, node: ast.expr) -> References:
        """What an expression reaches that makes a new object."""
        match node:
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                return held(frozenset().union(*(self.value(element) for element in elements)))
            case ast.Starred(value=value):
                return part(self.value(value))
            case ast.Dict(keys=keys, values=values):
                return self._dict(zip(keys, values, strict=True))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.BinOp(left=left, op=op, right=right):
                given = self.value(left) | self.value(right)
                is_joined = isinstance(op, (ast.Add, ast.BitOr, ast.Mult))
                return copied(frozenset(r for r in given if self._kind(r) != "array")) if is_joined else NOTHING
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
        return NOTHING

    def attribute(self, owner: References, attribute: str) -> References:
        """Give what an attribute of a value reaches."""
        if attribute in _PLAIN_ATTRIBUTES or not owner:
            return NOTHING
        if attribute in MUTATORS:  # a bound method that somebody will call
            self._change(frozenset(r for r in owner if self._kind(r) in {"container", "unknown"}))
            return owner
        found = part(owner, None if self.world.methods("__getattr__") else attribute)
        for how, effects in self.world.methods(attribute):
            if how == "property":
                found |= self._apply(effects, Given(), first=(ast.Constant(None), owner))
        return owner | found if attribute in _SAME_OBJECT else found

    def _item(self, owner: ast.expr, index: ast.expr) -> References:
        if _is_whole_namespace(owner) and isinstance(index, ast.Constant) and isinstance(index.value, str):
            return self._of_global(index.value)
        owners = self.value(owner)
        self.value(index)
        if not isinstance(index, (ast.Slice, ast.Tuple)):
            return part(owners)
        copies = frozenset(r for r in owners if self._kind(r) == "container")
        return copied(copies) | (owners - copies) | part(owners - copies)

    def _dict(self, pairs: Iterable[tuple[ast.expr | None, ast.expr]]) -> References:
        found: list[References] = []
        for key, value in pairs:
            found.append(part(self.value(value)) if key is None else self.value(value))
            if key is not None:
                self.value(key)
        return held(frozenset().union(*found))

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


def _is_whole_namespace(node: ast.expr) -> bool:
    """Whether it is ``globals()``, or what stands for that at a notebook's top."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    return not node.args and node.func.id in _WHOLE_NAMESPACES


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

"""What the definitions of a notebook do when they are called, each read once."""

from __future__ import annotations

import ast
import builtins
import functools
import weakref
from collections import defaultdict

from nbops.extract.effects import Effects, Reader, scope_of, summary_of
from nbops.extract.log import Log, Step
from nbops.extract.references import NOTHING, Reference, held
from nbops.source.touches import MAKERS
from nbops.source.trees import Function, functions_in

_BUILTINS = frozenset(dir(builtins))


class Summaries:
    """Answers what the names of a log stand for, and what calls of its definitions do.

    Args:
        log: what ran.
    """

    def __init__(self, log: Log) -> None:
        # The log keeps its summaries alive, not the other way round.
        self._log = weakref.ref(log)
        self._of_functions: dict[ast.AST, Effects] = {}
        self._of_classes: dict[ast.AST, Effects] = {}

    @property
    def log(self) -> Log:
        """What ran."""
        log = self._log()
        assert log is not None
        return log

    # What names stand for.

    def path(self, name: str, at: int | None) -> str | None:
        """Dotted path of something imported or built in; the bare name of what no statement binds."""
        steps = self.log.bindings(name, at)
        if not steps:
            return name if name in _BUILTINS or name not in self.log.binders else None
        aliases = [step.unit.import_of(name) if step.unit.kind != "import" else _alias(step, name) for step in steps]
        return aliases[-1].target if aliases[-1] is not None else None

    def definitions(self, name: str, at: int | None) -> list[Step]:
        """Functions and classes that a name stands for."""
        return [step for step in self.log.bindings(name, at) if step.unit.kind in {"function", "class"}]

    def text_of(self, name: str, at: int | None) -> str | None:
        """The text behind a name that was given as a literal."""
        for step in self.log.bindings(name, at)[-1:]:
            value = getattr(step.unit.node, "value", None)
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return value.value
        return None

    # What calls do.

    def summary(self, step: Step) -> Effects:
        """What a call of a function or class does."""
        node = step.unit.node
        if isinstance(node, ast.ClassDef):
            return self._class(node, step)
        function = next(functions_in(node), None)
        return self._function(function) if function is not None else Effects()

    def _function(self, function: Function) -> Effects:
        if function not in self._of_functions:
            self._of_functions[function] = Effects()  # recursion is read by the rest of the body
            effects = summary_of(function, self)
            if any(self._changes_by_wrapping(d) for d in getattr(function, "decorator_list", [])):
                given = (*effects.parameters, effects.star, effects.double_star)
                effects.foreign |= {Reference(f"@{name}", depth=depth) for name in given if name for depth in (0, 1)}
            self._of_functions[function] = effects
        return self._of_functions[function]

    def _changes_by_wrapping(self, decorator: ast.expr) -> bool:
        """Whether a function inside a decorator of the notebook changes what it is given."""
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        steps = self.definitions(target.id, None) if isinstance(target, ast.Name) else []
        inner = (f for step in steps for outer in functions_in(step.unit.node) for f in _inside(outer))
        return any(ref.origin.startswith("@") for function in inner for ref in self._function(function).changes)

    def _class(self, node: ast.ClassDef, step: Step) -> Effects:
        if node not in self._of_classes:
            self._of_classes[node] = Effects()
            maker = self._maker(node, step)
            made = Effects(star="args", double_star="kwargs")
            made.returns = frozenset({Reference("@args"), Reference("@kwargs")})
            effects = self._function(maker) if maker is not None else made
            body = _class_body(node, self)
            if body:
                effects = Effects(**{**vars(effects), "returns": effects.returns | body})
            self._of_classes[node] = effects
        return self._of_classes[node]

    def _maker(self, node: ast.ClassDef, step: Step, depth: int = 0) -> ast.FunctionDef | None:
        own = [m for m in node.body if isinstance(m, ast.FunctionDef) and m.name in MAKERS]
        if own or depth > 5:
            return own[0] if own else None
        for base in node.bases:
            for above in self.definitions(base.id, step.position) if isinstance(base, ast.Name) else ():
                if isinstance(above.unit.node, ast.ClassDef):
                    return self._maker(above.unit.node, above, depth + 1)
        return None

    def methods(self, name: str) -> list[tuple[str, Effects]]:
        """Methods of that name of the notebook's classes: (how they are bound, what a call does)."""
        return [(how, self._function(member)) for how, member in self._members.get(name, ())]

    @functools.cached_property
    def _members(self) -> dict[str, list[tuple[str, Function]]]:
        found: dict[str, list[tuple[str, Function]]] = defaultdict(list)
        for step in self.log.steps:
            # Methods may be added to a class by an assignment or a decorator; then they are functions of that name.
            for member in step.unit.node.body if isinstance(step.unit.node, ast.ClassDef) else ():
                if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    decorators = {ast.unparse(d) for d in member.decorator_list}
                    how = "static" if "staticmethod" in decorators else "class" if "classmethod" in decorators else "object"
                    found[member.name].append((how, member))
            node = step.unit.node
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute) and isinstance(node.value, ast.Name):
                for made in self.definitions(node.value.id, step.position):
                    if made.unit.kind == "function":
                        found[node.targets[0].attr].append(("object", next(functions_in(made.unit.node))))
        return dict(found)

    def when_called(self, step: Step) -> Effects:
        """What any function in a definition does when it is called: of a class, all its methods together."""
        if not isinstance(step.unit.node, ast.ClassDef):
            return self.summary(step)
        together = Effects()
        for function in functions_in(step.unit.node):
            together.own |= self._function(function).own
        return together

    def hands_on_changers(self) -> bool:
        """Whether functions that change what they are given are handed around as values in the notebook."""
        return self._handed_on

    @functools.cached_property
    def _handed_on(self) -> bool:
        changing = set()
        for step in self.log.steps:
            if step.unit.kind == "function":
                if any(ref.origin.startswith("@") for ref in self.summary(step).changes):
                    changing |= step.unit.binds
            elif "lambda" in step.unit.bare or step.unit.kind == "value":
                inner = list(functions_in(step.unit.node))
                if any(ref.origin.startswith("@") for function in inner for ref in self._function(function).changes):
                    return True
        return any(step.unit.words & changing and _used_as_value(step.unit.node) & changing for step in self.log.steps)


_KNOWN: weakref.WeakKeyDictionary[Log, Summaries] = weakref.WeakKeyDictionary()


def summaries_of(log: Log) -> Summaries:
    """The summaries of a log, which are made once for all names that are asked for."""
    if log not in _KNOWN:
        _KNOWN[log] = Summaries(log)
    return _KNOWN[log]


def _alias(step: Step, name: str) -> object:
    return next((alias for alias in step.unit.aliases if alias.bound == name), None)


def _inside(function: Function) -> list[Function]:
    body = [function.body] if isinstance(function, ast.Lambda) else function.body
    return [inner for node in body for inner in functions_in(node)]


def _class_body(node: ast.ClassDef, world: Summaries) -> frozenset[Reference]:
    """What the attributes that all instances share reach."""
    plain = [s for s in node.body if isinstance(s, (ast.Assign, ast.AnnAssign))]
    names: dict[str, frozenset[Reference]] = {}
    reader = Reader(world, names, local=frozenset(t.id for s in plain for t in ast.walk(s) if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store)))
    reader.block(plain)
    return held(frozenset().union(*names.values())) if names else NOTHING


def _used_as_value(node: ast.AST) -> set[str]:
    called = {id(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and id(part) not in called
    }

"""What the definitions of a notebook do when they are called, each read once."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import functools
import weakref
from collections import defaultdict

from nbops.extract.effects import Effects
from nbops.extract.hidden import may_reach_any_name, reaches_any_name
from nbops.extract.log import Log, Step
from nbops.extract.reader import Reader, summary_of
from nbops.extract.references import NOTHING, Reference, held
from nbops.extract.resetting import WORDS, names_reset
from nbops.extract.scope import scope_of
from nbops.source import Alias
from nbops.source.bindings import targets_of
from nbops.source.touches import MAKERS, MUTATORS
from nbops.source.trees import Function, functions_in, root_name, used_as_value

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
        self._of_methods: dict[str, list[tuple[str, Effects]]] = {}
        self._reading: list[Function] = []
        self._read_since: list[Function] = []
        self._is_cyclic = False

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

    # What the statements are to each other.

    @functools.cached_property
    def resets(self) -> list[tuple[Step, frozenset[str]]]:
        """Statements that set names without binding them, each with these, in the order they ran."""
        found: dict[Step, frozenset[str]] = {}
        for step in self.log.steps:
            if WORDS.isdisjoint(step.unit.words) or not self.log.is_counted(step):
                continue
            text_of = functools.partial(self.text_of, at=step.position)
            names = names_reset(step.unit.node, text_of, lambda name: bool(self.log.bindings(name)))
            setters = [step] if step.unit.kind not in {"function", "class"} else self.callers([step]) if names else []
            for setter in setters:
                found[setter] = found.get(setter, frozenset()) | names
        return sorted(((s, names) for s, names in found.items() if names), key=lambda pair: pair[0].position)

    @functools.cached_property
    def hidden(self) -> frozenset[int]:
        """Positions of statements that may change what they do not name."""
        reaching = [
            step
            for step in self.log.steps
            if may_reach_any_name(step.unit.words)
            and self.log.is_counted(step)
            and reaches_any_name(
                step.unit.node,
                functools.partial(self.text_of, at=step.position),
                lambda name: bool(self.log.bindings(name)),
            )
        ]
        makers = [step for step in reaching if step.unit.kind in {"function", "class"}]
        called = self.callers(makers) if makers else []
        return frozenset(step.position for step in [*reaching, *called] if step not in makers)

    @functools.cached_property
    def aliases(self) -> dict[str, set[str]]:
        """Names that one assignment made names of the same object: ``other = holder``."""
        found: dict[str, set[str]] = {}
        for step in self.log.steps:
            node = step.unit.node
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        found.setdefault(node.value.id, set()).add(target.id)
                        found.setdefault(target.id, set()).add(node.value.id)
        return found

    def callers(self, changers: list[Step]) -> list[Step]:
        """Statements that call a changer, or anything that does."""
        names = {name for step in changers for name in step.unit.surely_binds}
        grown = True
        while grown:
            grown = False
            for step in self.log.steps:
                unit = step.unit
                if unit.kind in {"function", "class", "value"} and not unit.surely_binds <= names:
                    read = unit.reads.now if unit.kind == "value" else unit.reads.later | unit.reads.now
                    if any(n in unit.bare for n in names) and read & names:
                        names |= unit.surely_binds
                        grown = True
        return [
            step
            for step in self.log.steps
            if self.log.is_counted(step) and any(n in step.unit.bare for n in names) and step.unit.reads.now & names
        ]

    # What calls do.

    def summary(self, step: Step) -> Effects:
        """What a call of a function or class does."""
        node = step.unit.node
        if isinstance(node, ast.ClassDef):
            return self._class(node, step)
        function = next(functions_in(node), None)
        return self._function(function) if function is not None else Effects()

    def _function(self, function: Function) -> Effects:
        if function in self._of_functions:
            self._is_cyclic |= function in self._reading
            return self._of_functions[function]
        self._of_functions[function] = Effects()  # what a recursive call is taken to do at first
        self._reading.append(function)
        self._of_functions[function] = self._read(function)
        self._reading.remove(function)
        self._read_since.append(function)
        if not self._reading:
            # Functions that call each other were read before all was known of them.
            for again in [*self._read_since, *self._read_since] if self._is_cyclic else ():
                self._of_functions[again] = self._read(again)
            self._read_since, self._is_cyclic = [], False
        return self._of_functions[function]

    def _read(self, function: Function) -> Effects:
        effects = summary_of(function, self)
        if any(self._changes_by_wrapping(d) for d in getattr(function, "decorator_list", [])):
            given = (*effects.parameters, effects.star, effects.double_star)
            effects.foreign |= {Reference(f"@{name}", depth=depth) for name in given if name for depth in (0, 1)}
        return effects

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
                effects = dataclasses.replace(effects, returns=effects.returns | body)
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
        """Methods of that name of the notebook's classes: (how they are bound, what a call does).

        Those that are called alike are taken together, because nobody knows which of them it is.
        """
        if name in self._of_methods:
            return self._of_methods[name]
        together: dict[tuple[object, ...], Effects] = {}
        for how, member in self._members.get(name, ()):
            effects = self._function(member)
            key = (how, effects.parameters, effects.star, effects.double_star)
            together[key] = together[key].with_those_of(effects) if key in together else effects
        found = [(str(key[0]), effects) for key, effects in together.items()]
        if not self._reading:
            self._of_methods[name] = found
        return found

    @functools.cached_property
    def _members(self) -> dict[str, list[tuple[str, Function]]]:
        found: dict[str, list[tuple[str, Function]]] = defaultdict(list)
        for step in self.log.steps:
            # Methods may be added to a class by an assignment or a decorator; then they are functions of that name.
            for member in step.unit.node.body if isinstance(step.unit.node, ast.ClassDef) else ():
                if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    found[member.name].append((_bound_as(member), member))
            node = step.unit.node
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                names = [target.attr for target in node.targets if isinstance(target, ast.Attribute)]
                made = self.definitions(node.value.id, step.position) if names else []
                functions = [function for other in made for function in list(functions_in(other.unit.node))[:1]]
                for name in names:
                    found[name] += [("object", function) for function in functions]
        return dict(found)

    def when_called(self, step: Step) -> Effects:
        """What any function in a definition does when it is called: of a class, all its methods together."""
        if not isinstance(step.unit.node, ast.ClassDef):
            return self.summary(step)
        together = Effects()
        for function in functions_in(step.unit.node):
            effects = self._function(function)
            together.own |= effects.own
            together.named |= effects.named
        return together

    def hands_on_changers(self) -> bool:
        """Whether functions that change what they are given are handed around as values in the notebook."""
        return self._handed_on

    def has_changing_closures(self) -> bool:
        """Whether a function inside another one changes what it has captured."""
        return self._changing_closures

    @functools.cached_property
    def _changing_closures(self) -> bool:
        return any(
            has_changing_closure(step.unit.node) for step in self.log.steps if step.unit.kind in {"function", "class"}
        )

    @functools.cached_property
    def _handed_on(self) -> bool:
        changing: set[str] = set()
        for step in self.log.steps:
            if step.unit.kind == "function":
                if any(ref.origin.startswith("@") for ref in self.summary(step).changes):
                    changing |= step.unit.binds
            elif "lambda" in step.unit.bare or step.unit.kind == "value":
                inner = list(functions_in(step.unit.node))
                if any(ref.origin.startswith("@") for function in inner for ref in self._function(function).changes):
                    return True
        return any(step.unit.words & changing and used_as_value(step.unit.node) & changing for step in self.log.steps)


_KNOWN: weakref.WeakKeyDictionary[Log, Summaries] = weakref.WeakKeyDictionary()


def summaries_of(log: Log) -> Summaries:
    """The summaries of a log, which are made once for all names that are asked for."""
    if log not in _KNOWN:
        _KNOWN[log] = Summaries(log)
    return _KNOWN[log]


def _bound_as(member: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in member.decorator_list}
    known = {"staticmethod": "static", "classmethod": "class", "property": "property", "cached_property": "property"}
    return next((known[name] for name in sorted(decorators & known.keys())), "object")


def _alias(step: Step, name: str) -> Alias | None:
    return next((alias for alias in step.unit.aliases if alias.bound == name), None)


def _inside(function: Function) -> list[Function]:
    body = [function.body] if isinstance(function, ast.Lambda) else function.body
    return [inner for node in body for inner in functions_in(node)]


def _class_body(node: ast.ClassDef, world: Summaries) -> frozenset[Reference]:
    """What the attributes that all instances share reach."""
    plain = [s for s in node.body if isinstance(s, (ast.Assign, ast.AnnAssign))]
    names: dict[str, frozenset[Reference]] = {}
    bound = frozenset().union(*(targets_of(statement) for statement in plain))
    Reader(world, names, local=bound).block(plain)
    return held(frozenset().union(*names.values())) if names else NOTHING


def has_changing_closure(node: ast.stmt) -> bool:
    """Whether a definition holds a function that changes what it has captured, as a counter does."""
    for outer in functions_in(node):
        for inner in _inside(outer):
            own = scope_of(inner)
            for part in ast.walk(inner):
                changed: ast.AST | None = None
                if isinstance(part, ast.Nonlocal):
                    return True
                if isinstance(part, (ast.Subscript, ast.Attribute)) and not isinstance(part.ctx, ast.Load):
                    changed = part
                elif isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in MUTATORS:
                    changed = part.func
                if changed is not None and root_name(changed) not in own | {None}:
                    return True
    return False

"""Which statements may stand in a module: those that make the same value everywhere and do nothing else.

The lists are of what is known to be harmless; whatever is not on them is taken for data. Definitions may run any
decorator and default, because these are part of what they are; the clean process watches what they do.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nbops.extract.harmless import ITERATORS, SAFE_METHODS
from nbops.extract.log import Step
from nbops.extract.scope import scope_of
from nbops.extract.work import Work
from nbops.source.trees import dotted_name, is_generator, own_returns


@dataclass(frozen=True)
class Meaning:
    """What a name stands for when an expression is judged."""

    kind: Literal["builtin", "import", "steps", "local", "unknown"]
    path: str = ""
    """Dotted path of an import."""
    steps: tuple[Step, ...] = ()


Resolve = Callable[[str, Step], Meaning]


class Judge:
    """Tells why a statement may not stand in a module, or None when it may.

    Args:
        resolve: what a global name stands for at a step.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._known: dict[Step, str | None] = {}
        self._asked: set[Step] = set()
        self._calls: dict[Step, str | None] = {}
        self._methods: dict[tuple[Step, str, Step], str | None] = {}

    def objection(self, step: Step) -> str | None:
        """Say what a statement does that a module may not do at import; None when it is pure."""
        if step not in self._known:
            if step in self._asked:
                return None  # a cycle is judged where it was entered
            self._asked.add(step)
            self._known[step] = self._judge(step)
        return self._known[step]

    def _judge(self, step: Step) -> str | None:
        unit = step.unit
        if unit.magics:
            return f"is made by {unit.magics[0]}" if unit.binds else "only IPython can run"
        if unit.kind in {"function", "class", "import"}:
            return None
        return self._used_up(step) or Work(self, step, {}).statement(unit.node)

    def _used_up(self, step: Step) -> str | None:
        """An iterator is not a value: whoever read it in the notebook has emptied it."""
        node = step.unit.node
        value = getattr(node, "value", None)
        is_unpacked = isinstance(node, ast.Assign) and any(isinstance(t, (ast.Tuple, ast.List)) for t in node.targets)
        if not isinstance(value, ast.expr) or (is_unpacked and not isinstance(value, (ast.Tuple, ast.List))):
            return None  # `a, b = map(int, "12")` reads it to its end at once
        return self._iterator(value, step)

    def _iterator(self, value: ast.expr, step: Step, depth: int = 0) -> str | None:
        match value:
            case ast.GeneratorExp():
                return "is a generator, which is used up by reading it"
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.Dict(values=parts):
                return next((found for part in parts if (found := self._iterator(part, step, depth))), None)
            case ast.Call(func=ast.Attribute(attr="finditer" | "iterrows" | "itertuples" as method)):
                return f"is made by {method}(), which is used up by reading it"
            case ast.Call(func=function):
                called = self.path(function, step) or ""
                if called in ITERATORS or called.startswith("itertools."):
                    return f"is made by {called}(), which is used up by reading it"
                made = self._resolve(function.id, step).steps if isinstance(function, ast.Name) and depth < 4 else ()
                return next((f for maker in made if (f := self._iterator_made_by(maker, depth))), None)
        return None

    def _iterator_made_by(self, maker: Step, depth: int) -> str | None:
        """Say so where a function of the notebook is a generator, or returns what is used up."""
        node = maker.unit.node
        if not isinstance(node, ast.FunctionDef) or node.decorator_list:
            return None
        if is_generator(node):
            return f"is made by {node.name}(), a generator, which is used up by reading it"
        returned = [part.value for part in own_returns(node) if part.value is not None]
        return next((found for value in returned if (found := self._iterator(value, maker, depth + 1))), None)

    def calling(self, steps: tuple[Step, ...]) -> str | None:
        """Say what calling a function or class of the notebook does; None when that is pure."""
        for step in steps:
            if step not in self._calls:
                self._calls[step] = None  # recursion is judged by the rest of the body
                self._calls[step] = self._judge_call(step)
            if self._calls[step] is not None:
                return self._calls[step]
        return None

    def _judge_call(self, step: Step) -> str | None:
        node = step.unit.node
        if isinstance(node, ast.FunctionDef):
            if any(not self._is_known_decorator(d, step) for d in node.decorator_list):
                return f"calls {node.name}(), which is decorated"
            return Work(self, step, {}).function(node)
        if isinstance(node, ast.ClassDef):
            return self._class_call(node, step)
        if isinstance(node, ast.Assign):
            if isinstance(node.value, ast.Lambda):
                return Work(self, step, {}).function(node.value)
            made = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]  # square, cube = ...
            return next((problem for value in made if (problem := self._made_class(value, step))), None)
        return f"calls what {step.cell.label} makes"

    def _made_class(self, value: ast.expr, step: Step) -> str | None:
        """``Point = namedtuple("Point", "x y")`` and partials of pure calls may be called."""
        if isinstance(value, ast.Call):
            path = self.path(value.func, step)
            if path in {"collections.namedtuple", "typing.NamedTuple", "enum.Enum", "typing.NewType"}:
                return None
            if path == "functools.partial" and value.args:
                return Work(self, step, {}).callee(value.args[0])
        owner = (self._mapped_class(value, step) or self.class_of(value, step)) if isinstance(value, ast.Call) else None
        if owner is not None:
            return self.calling_method(owner, "__call__")
        returned = self._returned_functions(value, step)
        if returned:
            calls = (Work(self, maker, dict(names)).function(inner) for maker, names, inner in returned)
            return next((problem for problem in calls if problem is not None), None)
        if isinstance(value, (ast.Name, ast.Attribute)):  # another name for something: Tokens = list
            return Work(self, step, {}).callee(value)
        return f"calls what is made by {ast.unparse(value)[:60]}"

    def _returned_functions(
        self, value: ast.expr, step: Step
    ) -> list[tuple[Step, dict[str, ast.AST | None], ast.FunctionDef | ast.Lambda]]:
        """What the notebook's own function makes and returns, as ``count = counter()`` does; empty if it may be more.

        Each with the statement that defines its maker and the names of the maker's scope.
        """
        if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name)):
            return []
        found: list[tuple[Step, dict[str, ast.AST | None], ast.FunctionDef | ast.Lambda]] = []
        for maker in self._resolve(value.func.id, step).steps:
            node = maker.unit.node
            if not isinstance(node, ast.FunctionDef) or node.decorator_list:
                return []
            inner = {s.name: s for s in node.body if isinstance(s, ast.FunctionDef) and not s.decorator_list}
            names: dict[str, ast.AST | None] = {**dict.fromkeys(scope_of(node)), **inner}
            for returned in [part.value for part in own_returns(node)]:
                made = inner.get(returned.id) if isinstance(returned, ast.Name) else returned
                if not isinstance(made, (ast.FunctionDef, ast.Lambda)):
                    return []
                found.append((maker, names, made))
        return found

    def _is_known_decorator(self, decorator: ast.expr, step: Step) -> bool:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        path = self.path(target, step) or ""
        return path.startswith(("functools.", "dataclasses.", "contextlib.contextmanager")) or path in {
            "staticmethod",
            "classmethod",
            "property",
        }

    def _class_call(self, node: ast.ClassDef, step: Step) -> str | None:
        for base in [*node.bases, *(k.value for k in node.keywords)]:
            problem = self._base(base, step)
            if problem is not None:
                return problem
        if any(not self._is_known_decorator(d, step) for d in node.decorator_list):
            return f"calls {node.name}(), which is decorated"
        for member in node.body:
            if isinstance(member, ast.FunctionDef) and member.name in {"__init__", "__new__", "__post_init__"}:
                problem = Work(self, step, {}, owner=step).function(member)
                if problem is not None:
                    return problem
        return None

    def class_of(self, node: ast.expr, step: Step) -> Step | None:
        """The notebook's own class that an expression names or makes an object of, where that is plain to see."""
        if isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Attribute):
                return self.class_of(node.func, step)
            owner = self.class_of(node.func.value, step)
            found = self.method(owner, node.func.attr) if owner is not None else None
            return owner if found is not None and _returns_itself(found[1]) else None
        if not isinstance(node, ast.Name):
            return None
        steps = self._resolve(node.id, step).steps
        made = steps[0] if steps else None
        if made is None or made.unit.kind == "class":
            return made
        value = getattr(made.unit.node, "value", None)
        if not isinstance(value, ast.Call) or made.unit.kind != "value":
            return None
        return self._mapped_class(value, made) or self.class_of(value, made)

    def _mapped_class(self, value: ast.Call, step: Step) -> Step | None:
        """The class of each of several names: ``x, y = map(Symbol, "xy")``."""
        targets = step.unit.node.targets if isinstance(step.unit.node, ast.Assign) else []
        if not any(isinstance(t, ast.Tuple) for t in targets) or self.path(value.func, step) != "map":
            return None
        made = self._resolve(value.args[0].id, step).steps if isinstance(value.args[0], ast.Name) else ()
        return made[0] if made and made[0].unit.kind == "class" else None

    def method(self, owner: Step, name: str) -> tuple[Step, ast.FunctionDef] | None:
        """A method of a notebook's class, its own or of a base that the notebook has too."""
        node = owner.unit.node
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(member, ast.FunctionDef) and member.name == name:
                return owner, member
        return self._method_above(owner, name)

    def _method_above(self, owner: Step, name: str) -> tuple[Step, ast.FunctionDef] | None:
        node = owner.unit.node
        for base in node.bases if isinstance(node, ast.ClassDef) else ():
            above = self.class_of(base, owner) if isinstance(base, ast.Name) else None
            found = self.method(above, name) if above is not None and above is not owner else None
            if found is not None:
                return found
        return None

    def calling_method(self, owner: Step, name: str) -> str | None:
        """Say what calling a method does; None when that is pure."""
        found = self.method(owner, name)
        if found is None:
            return None if name in SAFE_METHODS else f"calls {name}()"
        return self._calling_member(*found, owner)

    def calling_above(self, step: Step, name: str, owner: Step | None) -> str | None:
        """Say what ``super().name()`` does; the bases that libraries have were judged with the class."""
        found = self._method_above(step, name)
        return None if found is None else self._calling_member(*found, owner or step)

    def _calling_member(self, step: Step, member: ast.FunctionDef, owner: Step) -> str | None:
        key = (step, member.name, owner)
        if key not in self._methods:
            self._methods[key] = None  # recursion is judged by the rest of the body
            decorators = [d for d in member.decorator_list if not self._is_known_decorator(d, step)]
            decorated = f"calls {member.name}(), which is decorated" if decorators else None
            self._methods[key] = decorated or Work(self, step, {}, owner=owner).function(member)
        return self._methods[key]

    def _base(self, base: ast.expr, step: Step) -> str | None:
        target = base.value if isinstance(base, ast.Subscript) else base
        path = self.path(target, step)
        if path is not None and path.startswith(
            (
                "object",
                "abc.",
                "enum.",
                "typing.",
                "collections.",
                "Exception",
                "dict",
                "list",
                "tuple",
                "str",
                "int",
                "float",
            )
        ):
            return None
        if isinstance(target, ast.Name):
            meaning = self._resolve(target.id, step)
            if meaning.kind == "steps":
                return self.calling(meaning.steps)
            if meaning.kind == "builtin":
                return None
        return f"makes a {ast.unparse(base)}"

    def path(self, node: ast.expr, step: Step) -> str | None:
        """Dotted path of something imported or built in, whatever it is called here."""
        dotted = dotted_name(node)
        if dotted is None:
            return None
        root, _, rest = dotted.partition(".")
        meaning = self._resolve(root, step)
        if meaning.kind == "builtin":
            return dotted
        if meaning.kind == "import":
            return f"{meaning.path}.{rest}" if rest else meaning.path
        return None

    def meaning(self, name: str, step: Step) -> Meaning:
        """What a global name stands for at a step."""
        return self._resolve(name, step)


def _returns_itself(method: ast.FunctionDef) -> bool:
    own = method.args.args[0].arg if method.args.args else None
    returned = [part.value for part in ast.walk(method) if isinstance(part, ast.Return)]
    return bool(returned) and all(isinstance(value, ast.Name) and value.id == own for value in returned)

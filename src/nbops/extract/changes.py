"""What changes an object after the statement that made it: other statements, and functions when they are called."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from nbops.extract.log import Log, Step
from nbops.extract.reader import Reader
from nbops.extract.references import NOTHING, Reference, References, seen_through
from nbops.extract.shapes import Kind, Path, Shape, shape_of
from nbops.extract.summaries import has_changing_closure, summaries_of
from nbops.source import Touch
from nbops.source.trees import is_generator, own_returns

_IT = "*"
"""The origin of references to the object that is followed."""


@dataclass
class Followed:
    """What became of an object after it was made."""

    changes: list[Step] = field(default_factory=list)
    """Statements that change it, or may well do."""
    doubtful: list[Step] = field(default_factory=list)
    """Statements that hand it to something nobody knows."""
    names: dict[str, References] = field(default_factory=dict)
    """Names through which it could be reached at one time or another."""


class Changes:
    """Answers who changes what in a log of executed statements.

    Args:
        log: what ran.
        path: dotted path of what an expression names at a statement, if it is imported or built in.
    """

    def __init__(self, log: Log, path: Path) -> None:
        self.log = log
        self.path = path
        self.summaries = summaries_of(log)

    @functools.cached_property
    def _definitions(self) -> list[Step]:
        return [s for s in self.log.steps if s.unit.kind in {"function", "class"} and self.log.is_counted(s)]

    # What an object is.

    def shape(self, name: str, steps: list[Step]) -> Shape:
        """What the object is that statements give a name, level by level."""
        shapes = [self._made(name, step) for step in steps]
        return max(shapes, key=lambda shape: len(shape.levels)) if shapes else Shape()

    def _made(self, name: str, step: Step, depth: int = 0) -> Shape:
        node = step.unit.node
        if step.unit.kind == "import":
            return Shape()
        if step.unit.kind in {"function", "class"}:
            is_class = isinstance(node, ast.ClassDef)
            return Shape(("definition", "unknown") if is_class else ("definition",), shared=_shared(node))
        if not isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) or node.value is None:
            return Shape(("object",))

        def resolved(inner: str, at: Step) -> Shape | None:
            made = self.log.bindings(inner, at.position) if depth < 4 else []
            return self._made(inner, made[-1], depth + 1) if made else None

        value, unpacked = _given_to(name, node)
        shape = shape_of(value, step, self._path_of, resolved, self._is_record)
        if unpacked:
            inner: tuple[Kind, ...] = () if shape.kind(1) == "fixed" else ("unknown",)
            return Shape(shape.levels[1:] or inner)
        if isinstance(value, ast.Call) and self._keeps_state(value, step):
            return Shape(("object",))
        return Shape(("definition",)) if self._is_returned_function(value, step) else shape

    def _path_of(self, node: ast.expr, step: Step) -> str | None:
        """Dotted path of something imported or built in, by another name that it was given too: ``Point = complex``."""
        path = self.path(node, step)
        made = self.log.bindings(node.id, step.position) if path is None and isinstance(node, ast.Name) else []
        value = getattr(made[-1].unit.node, "value", None) if made else None
        return self.path(value, made[-1]) if isinstance(value, (ast.Name, ast.Attribute)) else path

    def _is_record(self, function: ast.expr, step: Step) -> bool:
        """Whether what is called is a namedtuple, whose objects cannot be changed."""
        made = self.log.bindings(function.id, step.position) if isinstance(function, ast.Name) else []
        node = made[-1].unit.node if made else None
        if isinstance(node, ast.ClassDef):
            return any(self.path(base, made[-1]) == "typing.NamedTuple" for base in node.bases)
        value = getattr(node, "value", None)
        called = self.path(value.func, made[-1]) if isinstance(value, ast.Call) else None
        return called in {"collections.namedtuple", "typing.NamedTuple"}

    def _keeps_state(self, call: ast.Call, step: Step) -> bool:
        """Whether an object is a function that another one returned, which changes what it has captured."""
        made_by = self.summaries.definitions(call.func.id, step.position) if isinstance(call.func, ast.Name) else []
        return any(s.unit.kind == "function" and has_changing_closure(s.unit.node) for s in made_by)

    def _is_returned_function(self, value: ast.expr, step: Step) -> bool:
        """Whether an object is what the notebook's own function defines and returns: ``square = power(2)``."""
        if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name)):
            return False
        made_by = self.log.bindings(value.func.id, step.position)
        return bool(made_by) and all(_returns_functions(maker.unit.node) for maker in made_by)

    # What became of it.

    def after(self, name: str, base: Step, steps: list[Step], shape: Shape, *, until: int | None = None) -> Followed:
        """Follow an object through the statements after the one that made it.

        Args:
            name: one name of it.
            base: the statement that made it.
            steps: all statements that together make what the name stands for.
            shape: what it is.
            until: position of the last statement that matters; the end when not given.
        """
        itself = frozenset({Reference(_IT)})
        names: dict[str, References] = dict.fromkeys({name} | _beside(base.unit.node, name), itself)
        found = Followed(names=dict(names))
        words = self._words_reaching(set(names))
        for step in self.log.steps[base.position + 1 : until]:
            unit = step.unit
            if (
                step.position in self.summaries.hidden
                and shape.kind(0) != "definition"
                and shape.can_change(Reference(_IT))
            ):
                found.doubtful.append(step)
            if words.isdisjoint(unit.words) or not self.log.is_counted(step) or unit.kind == "import":
                if not names.keys().isdisjoint(unit.surely_binds) and step not in steps:
                    for bound in unit.surely_binds:
                        names.pop(bound, None)
                continue
            reader = Reader(self.summaries, names, at=step.position, shape=shape)
            kept = names.get(name)
            held_before = {holder: names.get(holder, NOTHING) for holder in self.summaries.aliases}
            reader.statement(unit.node)
            self._tell_aliases(names, held_before)
            if step in steps:
                names[name] = kept or NOTHING
            else:
                self._judge(step, reader, shape, found)
            if any(values and not values <= found.names.get(n, NOTHING) for n, values in names.items()):
                for n, values in names.items():
                    found.names[n] = found.names.get(n, NOTHING) | values
                words = self._words_reaching({n for n, values in names.items() if values})
            if not any(names.values()):
                break
        return found

    def _tell_aliases(self, names: dict[str, References], before: Mapping[str, References]) -> None:
        """What is put into a holder can be reached through its other names from then on."""
        for holder, known in before.items():
            news = frozenset(ref for ref in names.get(holder, NOTHING) - known if not ref.is_there)
            for other in self.summaries.aliases[holder] if news else ():
                names[other] = names.get(other, NOTHING) | news

    def _judge(self, step: Step, reader: Reader, shape: Shape, found: Followed) -> None:
        effects = reader.effects
        if any(_changes_it(ref, shape, is_named=ref in effects.named) for ref in effects.own):
            found.changes.append(step)
        elif shape.kind(0) == "definition":
            return  # whoever is given a function calls it
        elif any(_leads_to_it(ref, shape) for ref in effects.foreign) or (
            any(_leads_to_it(ref, shape) for ref in effects.unknown) and self.summaries.hands_on_changers()
        ):
            found.doubtful.append(step)

    def _words_reaching(self, names: set[str]) -> frozenset[str]:
        """Names, and those of definitions that mention them, by way of others too."""
        words = set(names)
        waiting = [s for s in self._definitions if not words.issuperset(s.unit.binds)]
        grown = True
        while grown:
            reached = [s for s in waiting if not words.isdisjoint(s.unit.words)]
            grown = bool(reached)
            words.update(*(s.unit.binds for s in reached))
            waiting = [s for s in waiting if s not in reached]
        return frozenset(words)

    # What functions do to it.

    def when_called(self, name: str, shape: Shape, names: Mapping[str, References]) -> list[Step]:
        """Functions and classes that change an object when they are called, by any of its names."""
        mentions = [s for s in self._definitions if not s.unit.words.isdisjoint(names) or name in s.unit.words]
        changers = [s for s in mentions if self._changes_when_called(s, name, shape, names)]
        return [s for s in changers if any(s in self.log.bindings(n) for n in s.unit.surely_binds)]

    def _changes_when_called(self, step: Step, name: str, shape: Shape, names: Mapping[str, References]) -> bool:
        if name in step.unit.reads.written:
            return True
        effects = self.summaries.when_called(step)
        return any(
            _changes_it(reached, shape, is_named=ref in effects.named)
            for ref in effects.own
            if ref.origin in names
            for reached in seen_through(ref, names[ref.origin])
        )


def _changes_it(ref: Reference, shape: Shape, *, is_named: bool) -> bool:
    """Whether a change is one of the object; of a function or class itself, nothing but attributes can be set."""
    is_possible = is_named or ref.depth > 0 or shape.kind(0) != "definition"
    return is_possible and _leads_to_it(ref, shape)


def _leads_to_it(ref: Reference, shape: Shape) -> bool:
    return ref.origin == _IT and ref.is_there and shape.can_change(ref)


def _given_to(name: str, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> tuple[ast.expr, bool]:
    """The expression that a name gets, and whether the name only gets a part of it."""
    assert node.value is not None
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, (ast.Tuple, ast.List)):
            places = [i for i, t in enumerate(target.elts) if isinstance(t, ast.Name) and t.id == name]
            parts = node.value.elts if isinstance(node.value, (ast.Tuple, ast.List)) else []
            if places and len(parts) == len(target.elts):
                return parts[places[0]], False
            if any(isinstance(t, ast.Name) and t.id == name for t in ast.walk(target)):
                return node.value, True
    return node.value, False


def _returns_functions(node: ast.stmt) -> bool:
    """Whether a function returns nothing but functions that it defines itself."""
    if not isinstance(node, ast.FunctionDef) or node.decorator_list or is_generator(node):
        return False
    inner = {part.name for part in node.body if isinstance(part, ast.FunctionDef) and not part.decorator_list}
    returned = [part.value for part in own_returns(node)]
    return bool(returned) and all(
        isinstance(value, ast.Lambda) or (isinstance(value, ast.Name) and value.id in inner) for value in returned
    )


def _shared(node: ast.stmt) -> frozenset[str]:
    """Attributes of a class that can be changed in place and that its instances do not replace by their own."""
    if not isinstance(node, ast.ClassDef):
        return frozenset()
    fixed = (ast.Constant, ast.JoinedStr, ast.UnaryOp, ast.Compare, ast.Lambda)
    own = {
        target.id
        for s in node.body
        if isinstance(s, (ast.Assign, ast.AnnAssign)) and s.value is not None and not isinstance(s.value, fixed)
        for target in (s.targets if isinstance(s, ast.Assign) else [s.target])
        if isinstance(target, ast.Name)
    }
    makers = [m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__"]
    replaced = {
        p.attr for m in makers for p in ast.walk(m) if isinstance(p, ast.Attribute) and isinstance(p.ctx, ast.Store)
    }
    return frozenset(own - replaced)


def _beside(node: ast.stmt, name: str) -> set[str]:
    """Other names that one assignment gives to the same object: ``a = b = []``."""
    plain = {t.id for t in node.targets if isinstance(t, ast.Name)} if isinstance(node, ast.Assign) else set()
    return plain if name in plain else set()


def is_setting(touch: Touch) -> bool:
    """Whether something done to a library looks like a setting that later calls depend on."""
    how, detail = touch.how, touch.detail
    return how == "store" or (
        how == "method"
        and (detail.startswith(("set", "filterwarnings", "simplefilter", "register", "init")) or detail in _SETTERS)
    )


_SETTERS = frozenset(
    {"append", "basicConfig", "chdir", "disable", "download", "enable", "extend", "insert", "manual_seed", "pandas"}
    | {"putenv", "rc", "seed", "setdefault", "update", "use", "xkcd"}
)
"""Calls of libraries that set something, apart from those whose names begin so: ``plt.rcParams.update(…)``."""

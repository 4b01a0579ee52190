"""What changes an object after the statement that made it: other statements, and functions when they are called."""

from __future__ import annotations

import ast
import functools
from typing import Literal

from nbops.extract.log import Log, Step
from nbops.extract.purity import SAFE_METHODS, ValueKind
from nbops.source import Touch
from nbops.source.touches import CHANGING_CALLS, MUTATORS
from nbops.source.trees import root_name

ObjectKind = ValueKind | Literal["definition"]


class Changes:
    """Answers who changes what in a log of executed statements."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._places: dict[tuple[Step, bool], frozenset[int | str]] = {}

    @functools.cached_property
    def _definitions(self) -> list[Step]:
        return [s for s in self.log.steps if s.unit.kind in {"function", "class"} and self.log.is_counted(s)]

    @functools.cached_property
    def _methods(self) -> dict[str, bool]:
        """Methods of the notebook's own classes, by name → whether one of that name changes what it is called on."""
        touches: dict[str, list[Touch]] = {}
        for step in self.log.steps:
            if step.unit.kind == "class":
                for name, found in step.unit.method_touches.items():
                    touches.setdefault(name, []).extend(found)
        changing: set[str] = set()
        grown = True
        while grown:  # a method that calls a changing method of its own object is one itself
            more = {name for name, found in touches.items() if any(self._changes_object(t, changing) for t in found)}
            grown, changing = more != changing, more
        return {name: name in changing for name in touches}

    def _changes_object(self, touch: Touch, changing: set[str]) -> bool:
        if touch.how == "store":
            return True
        if touch.how == "method":
            return touch.detail in changing or touch.detail in MUTATORS
        return touch.place == 0 and touch.detail in CHANGING_CALLS

    def after(self, name: str, base: Step, steps: list[Step], kind: ObjectKind) -> list[Step]:
        """Statements after ``base`` that change the object behind ``name`` before it is bound anew."""
        end = self._rebound_after(name, max(step.position for step in steps))
        names = {name} | _beside(base.unit.node, name)
        by_call = self._is_made_here(base)
        found: list[Step] = []
        for step in self.log.steps[base.position + 1 : end]:
            unit = step.unit
            if not self.log.is_counted(step) or not any(alias in unit.bare for alias in names):
                continue
            touches = [touch for touch in unit.touches if touch.name in names] if step not in steps else []
            if any(self._is_change(touch, kind, step, by_call=by_call) for touch in touches):
                found.append(step)
            names = self._renamed(names, name, step) if base.unit.kind == "value" else names
        return found

    def _rebound_after(self, name: str, position: int) -> int:
        later = [s.position for s in self.log.binders[name] if s.position > position and name in s.unit.surely_binds]
        return min(later, default=len(self.log.steps))

    def _renamed(self, names: set[str], name: str, step: Step) -> set[str]:
        """Names of an object, or of parts of it, after a step: ``v = w``, ``v = w[0]``, ``v = w.T`` give it another."""
        value = getattr(step.unit.node, "value", None)
        is_alias = step.unit.kind == "value" and isinstance(value, ast.expr) and root_name(value) in names
        return names | step.unit.surely_binds if is_alias else names - (step.unit.surely_binds - {name})

    def _is_made_here(self, base: Step) -> bool:
        """Whether an object is made by the notebook's own code, so that calling it may change it."""
        value = getattr(base.unit.node, "value", None)
        maker = root_name(value.func) if isinstance(value, ast.Call) else None
        made_by = self.log.bindings(maker, base.position) if maker is not None else []
        return any(step.unit.kind in {"function", "class"} for step in made_by)

    def _is_change(self, touch: Touch, kind: ObjectKind, step: Step, *, by_call: bool) -> bool:
        how, detail = touch.how, touch.detail
        if how == "store":
            return True
        if how == "method":
            if kind == "container":
                return detail in MUTATORS
            if detail == "__call__" and not by_call:
                return False
            if detail in self._methods:
                return self._methods[detail]
            if kind == "definition" or detail == "__call__":
                return detail in MUTATORS
            return detail not in SAFE_METHODS
        return self._changes_argument(touch, step.position, by_call=by_call)

    def _changes_argument(self, touch: Touch, position: int | None, *, by_call: bool) -> bool:
        """Whether what is called changes what it is handed."""
        if touch.detail in CHANGING_CALLS:
            return touch.place == 0
        callee = self.log.bindings(touch.detail.partition(".")[0], position) if touch.detail else []
        changed = [self._changed_places(s, by_call=by_call) for s in callee if s.unit.kind in {"function", "class"}]
        return any(bool(places) if touch.place is None else touch.place in places for places in changed)

    def _changed_places(self, step: Step, *, by_call: bool) -> frozenset[int | str]:
        """Parameters of a definition, by position and by name, whose object a call of it may change."""
        key = (step, by_call)
        if key not in self._places:
            self._places[key] = frozenset()  # recursion is judged by the rest of the body
            touches = step.unit.parameter_touches
            self._places[key] = frozenset().union(
                *(places for places, touch in touches if self._may_change(touch, by_call=by_call))
            )
        return self._places[key]

    def _may_change(self, touch: Touch, *, by_call: bool) -> bool:
        if touch.how == "store":
            return True
        if touch.how == "passed":
            return self._changes_argument(touch, None, by_call=by_call)
        if touch.detail == "__call__" and not by_call:
            return False
        return self._methods.get(touch.detail, touch.detail in MUTATORS)

    def when_called(self, name: str, base: Step) -> list[Step]:
        """Functions and classes that change the object behind a global name, made by ``base``, when they are called."""
        by_call = self._is_made_here(base)
        mentions = [step for step in self._definitions if name in step.unit.bare]
        changers = [step for step in mentions if self._changes_when_called(step, name, by_call=by_call)]
        return [s for s in changers if any(s in self.log.bindings(n) for n in s.unit.surely_binds)]

    def _changes_when_called(self, step: Step, name: str, *, by_call: bool) -> bool:
        if name in step.unit.reads.written:
            return True
        if name not in step.unit.reads.later:
            return False
        touches = [touch for touch in step.unit.later_touches if touch.name == name]
        return any(self._may_change(touch, by_call=by_call) for touch in touches)

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


def _beside(node: ast.stmt, name: str) -> set[str]:
    """Other names that one assignment gives to the same object: ``a = b = []``."""
    plain = {t.id for t in node.targets if isinstance(t, ast.Name)} if isinstance(node, ast.Assign) else set()
    return plain if name in plain else set()


def is_setting(touch: Touch) -> bool:
    """Whether something done to a library looks like a setting that later calls depend on."""
    how, detail = touch.how, touch.detail
    return how == "store" or (
        how == "method"
        and (
            detail.startswith(("set", "filterwarnings", "simplefilter", "register", "init"))
            or detail in {"seed", "use", "pandas", "insert", "append", "manual_seed", "basicConfig", "download"}
        )
    )

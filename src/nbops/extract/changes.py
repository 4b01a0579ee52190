"""What changes an object after the statement that made it: other statements, and functions when they are called."""

from __future__ import annotations

import ast
import functools
from typing import Literal

from nbops.extract.log import Log, Step
from nbops.extract.purity import SAFE_METHODS, ValueKind
from nbops.source import Touch
from nbops.source.names import CHANGING_CALLS, MUTATORS, root_name

ObjectKind = ValueKind | Literal["definition"]


class Changes:
    """Answers who changes what in a log of executed statements."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._places: dict[Step, frozenset[int | str]] = {}

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
        found: list[Step] = []
        for step in self.log.steps[base.position + 1 : end]:
            unit = step.unit
            if not self.log.is_counted(step) or not any(alias in unit.bare for alias in names):
                continue
            if step not in steps and any(t.name in names and self._is_change(t, kind, step) for t in unit.touches):
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

    def _is_change(self, touch: Touch, kind: ObjectKind, step: Step) -> bool:
        how, detail = touch.how, touch.detail
        if how == "store":
            return True
        if how == "method":
            if kind == "container":
                return detail in MUTATORS
            if detail == "__call__" and kind == "definition":
                return False  # calling a class makes an object and leaves the class alone
            if detail in self._methods:
                return self._methods[detail]
            return detail in MUTATORS if kind == "definition" else detail not in SAFE_METHODS | {"__call__"}
        return self._changes_argument(touch, step.position)

    def _changes_argument(self, touch: Touch, position: int | None) -> bool:
        """Whether what is called changes what it is handed."""
        if touch.detail in CHANGING_CALLS:
            return touch.place == 0
        callee = self.log.bindings(touch.detail.partition(".")[0], position) if touch.detail else []
        changed = [self._changed_places(s) for s in callee if s.unit.kind in {"function", "class"}]
        return any(bool(places) if touch.place is None else touch.place in places for places in changed)

    def _changed_places(self, step: Step) -> frozenset[int | str]:
        """Parameters of a definition, by position and by name, whose object a call of it may change."""
        if step not in self._places:
            self._places[step] = frozenset()  # recursion is judged by the rest of the body
            self._places[step] = frozenset().union(
                *(places for places, touch in step.unit.parameter_touches if self._may_change(touch))
            )
        return self._places[step]

    def _may_change(self, touch: Touch) -> bool:
        if touch.how == "method":
            return self._methods.get(touch.detail, touch.detail in MUTATORS)
        return touch.how == "store" or self._changes_argument(touch, None)

    def when_called(self, name: str) -> list[Step]:
        """Functions and classes that change the object behind a global name when they are called."""
        changers = [s for s in self.log.steps if self.log.is_counted(s) and self._changes_when_called(s, name)]
        return [s for s in changers if any(s in self.log.bindings(n) for n in s.unit.surely_binds)]

    def _changes_when_called(self, step: Step, name: str) -> bool:
        if name not in step.unit.bare or step.unit.kind not in {"function", "class"}:
            return False
        if name in step.unit.reads.written:
            return True
        if name not in step.unit.reads.later:
            return False
        return any(touch.name == name and self._may_change(touch) for touch in step.unit.later_touches)

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

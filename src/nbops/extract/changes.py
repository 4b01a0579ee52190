"""What changes an object after the statement that made it: other statements, and functions when they are called."""

from __future__ import annotations

import ast
from collections.abc import Mapping
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

    def after(self, name: str, base: Step, steps: list[Step], kind: ObjectKind) -> list[Step]:
        """Statements after ``base`` that change the object behind ``name`` before it is bound anew."""
        end = self._rebound_after(name, max(step.position for step in steps))
        names = {name} | self._aliases_of(name, base, end)
        found: list[Step] = []
        for step in self.log.steps[base.position + 1 : end]:
            if step in steps or not any(alias in step.unit.bare for alias in names):
                continue
            if self.log.is_counted(step) and any(
                touch.name in names and self._is_change(touch, kind, step) for touch in step.unit.touches
            ):
                found.append(step)
        return found

    def _rebound_after(self, name: str, position: int) -> int:
        later = [s.position for s in self.log.binders[name] if s.position > position and name in s.unit.surely_binds]
        return min(later, default=len(self.log.steps))

    def _aliases_of(self, name: str, base: Step, end: int) -> set[str]:
        """Other names given to the object or to a part of it: ``v = w``, ``v = w[0]``, ``v = w.T``."""
        if base.unit.kind != "value":
            return set()
        names = {name}
        for step in self.log.steps[base.position + 1 : end]:
            value = getattr(step.unit.node, "value", None)
            if step.unit.kind == "value" and value is not None and root_name(value) in names:
                names |= step.unit.surely_binds
        return names - {name}

    def _is_change(self, touch: Touch, kind: ObjectKind, step: Step) -> bool:
        how, detail = touch.how, touch.detail
        if how == "store":
            return True
        if how == "method":
            if kind == "definition":
                return detail == "register"
            return detail in MUTATORS if kind == "container" else detail not in SAFE_METHODS
        if detail in CHANGING_CALLS and touch.place == 0:
            return True
        callee = self.log.bindings(detail.partition(".")[0], step.position) if detail else []
        changed = [s.unit.changed_parameters for s in callee if s.unit.kind in {"function", "class"}]
        return any(places if touch.place is None else touch.place in places for places in changed)

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
        return any(
            touch.name == name and (touch.how == "store" or (touch.how == "method" and touch.detail in MUTATORS))
            for touch in step.unit.later_touches
        )

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

    def registers(self, step: Step, changers: Mapping[Step, int]) -> bool:
        """Whether a decorator of a definition changes the object at once; ``changers`` tells how deep they do."""
        for decorator in getattr(step.unit.node, "decorator_list", []):
            applied = 2 if isinstance(decorator, ast.Call) else 1
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(target, ast.Name):
                made = self.log.bindings(target.id, step.position)
                if any(changers.get(s, 9) <= applied for s in made):
                    return True
        return False


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

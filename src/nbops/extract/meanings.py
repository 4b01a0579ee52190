"""What names stand for: which definition ran last, whether it is what the session holds, what star imports bring."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping

from nbops.extract.changes import Changes
from nbops.extract.live import agrees, unit_from_object
from nbops.extract.log import Log, Step
from nbops.extract.needs import Blocker, Choices
from nbops.extract.purity import Judge, Meaning
from nbops.extract.refusals import Need, Refusals, StarNames
from nbops.source import SourceCell

PYTHON_NAMES = frozenset(dir(builtins)) - {"display", "get_ipython", "__IPYTHON__"}
"""Names that every Python has; IPython adds some of its own to a kernel's builtins."""

_BEFORE_ALL = -1_000_000
"""Places of definitions that nobody recorded: before everything that was, and before what an earlier version had."""


class Meanings(Refusals):
    """Tells what names stand for at a moment, and blocks where that cannot be known.

    Args:
        log: what ran.
        star_names: tells what ``from module import *`` brings.
        choices: what the person chose.
    """

    def __init__(self, log: Log, star_names: StarNames, choices: Choices) -> None:
        super().__init__(log, star_names)
        self.choices = choices
        self.judge = Judge(self._meaning)
        self.changes = Changes(log, self.judge.path)
        self._chosen: dict[str, Step] = {}
        self._unrecorded: dict[str, Step | None] = {}

    def _final(self, name: str) -> list[Step]:
        if name in self._chosen:
            return [self._chosen[name]]
        steps = self.log.bindings(name)
        if steps and self.log.namespace is not None and steps[-1].unit.kind in {"function", "class"}:
            return self._checked(name, steps)
        return steps

    def _is_bound(self, name: str, at: int) -> bool:
        return bool(self.log.bindings(name, at)) or self._star_of(name, at) is not None

    def _bindings(self, name: str, at: int | None) -> list[Step]:
        return self._final(name) if at is None else self.log.bindings(name, at)

    def _checked(self, name: str, steps: list[Step]) -> list[Step]:
        """Hold the last definition that ran against the live object, and against a newer text in the saved notebook."""
        namespace = self.log.namespace
        assert namespace is not None
        last = steps[-1]
        if name not in namespace:
            return steps  # said by _is_live
        verdict = agrees(last.unit, name, namespace[name])
        if verdict is False and last.unit.kind == "class" and self._is_changed_since(name, last):
            verdict = None  # a class that statements or calls have set attributes of
        choices = {"last": last}
        if verdict is False:
            for maker in self._made_it(name, namespace[name])[:1]:
                choices["live"] = maker
        if name in self.choices.saved and self.choices.saved[name].text != last.unit.text:
            choices["saved"] = Step(last.position, self.choices.saved[name], last.cell)
        if verdict is None and name in self.closure.requested:
            self.closure.unverified.append(name)
        if verdict is not False and len(choices) == 1:
            return steps
        wanted = self.choices.definition.get(name)
        if wanted in choices:
            self._chosen[name] = choices[wanted]
        else:
            self._conflict(name, last, choices, live_differs=verdict is False)
            self._chosen[name] = last
        return [self._chosen[name]]

    def _is_changed_since(self, name: str, step: Step) -> bool:
        shape = self.changes.shape(name, [step])
        followed = self.changes.after(name, step, [step], shape)
        return bool(followed.changes or self.changes.when_called(name, shape, followed.names))

    def _made_it(self, name: str, value: object) -> list[Step]:
        earlier = [s for s in reversed(self.log.binders.get(name, [])) if agrees(s.unit, name, value) is True]
        if earlier:
            return earlier
        made = self._step_from_session(name)
        return [] if made is None else [made]

    def _conflict(self, name: str, last: Step, choices: dict[str, Step], *, live_differs: bool) -> None:
        if live_differs and "live" not in choices:
            reason = (
                "is not what the session holds: the live object was made by something else, whose text is not known"
            )
        elif live_differs:
            reason = "is not what the session holds: text and live object disagree"
        else:
            reason = "was edited in the notebook after it last ran"
        self.closure.block(
            Blocker(
                name=name,
                kind="conflict",
                reason=reason,
                cell=last.cell.label,
                needed_by=name,
                cures=[f"--definition {name}={choice}" for choice in choices],
                choices={choice: step.unit.text for choice, step in choices.items()},
            )
        )

    def _is_live(self, need: Need, steps: list[Step]) -> bool:
        namespace = self.log.namespace
        if namespace is None or need.name in namespace or need.name in self._chosen:
            return True
        if steps[-1].unit.binds and steps[-1].cell.index < 0:
            return True  # carried over from the module's previous version, not from this session
        if not need.soft:
            self._block(
                need.name, "undefined", "was defined, but the session no longer has it", steps[-1], need,
                cures=["run its cell again"],
            )  # fmt: skip
        return False

    def _block_other_namespace(self, need: Need, steps: list[Step]) -> bool:
        """Refuse where a function of a file that ``%run`` ran sees another value of a name than the notebook does."""
        if need.at is not None or need.by is None or not need.by.space or steps[-1].space == need.by.space:
            return False
        if not any(step.space == need.by.space for step in self.log.binders.get(need.name, [])):
            return False  # the file never had it; there, the look-up fails
        self._block(
            need.name, "changed", "is set again, which functions of a file that `%run` ran do not see", steps[-1], need,
            cures=[f"give the file's {need.name} another name"],
        )  # fmt: skip
        return True

    def _star_of(self, name: str, at: int | None) -> Step | None:
        for step in self.log.star_before(name, at):
            module = step.unit.star or ""
            if module.startswith("."):
                continue
            names = self._names_of_star(module, name)
            if names is None:
                self._unknown_star(name, module, step)
            elif name in names:
                return step
        return None

    def _names_of_star(self, module: str, name: str) -> frozenset[str] | None:
        namespace, loaded = self.log.namespace, sys.modules.get(module)
        if namespace is not None and loaded is not None:
            exported = getattr(loaded, "__all__", None) or [n for n in vars(loaded) if not n.startswith("_")]
            same = name in exported and getattr(loaded, name, None) is namespace.get(name, self)
            return frozenset([name]) if same else frozenset()
        return self.star_names(module)

    def _unknown_star(self, name: str, module: str, step: Step) -> None:
        if not self.log.bindings(name) and name not in PYTHON_NAMES:
            return  # said when it turns out to be unbound
        self.closure.note(
            f"{module} is not installed here, so it is not known whether `from {module} import *` ({step.cell.label}) "
            f"replaces {name}; it is taken not to"
        )

    def _meaning(self, name: str, step: Step) -> Meaning:
        star = self._star_of(name, step.position)
        if star is not None:
            return Meaning("import", f"{star.unit.star}.{name}")
        if name in self.choices.carried:
            return Meaning("unknown")
        # A function's body is judged at the place that calls it; there, later definitions do not exist yet.
        is_later = step.unit.kind in {"function", "class"}
        steps = self.log.bindings(name, step.position) or (self._final(name) if is_later else [])
        if not steps:
            return Meaning("builtin", name) if name in PYTHON_NAMES else Meaning("unknown")
        aliases = [s.unit.import_of(name) for s in steps]
        if aliases[-1] is not None and None not in aliases:
            return Meaning("import", aliases[-1].target)
        return Meaning("steps", steps=tuple(steps))

    def _step_from_session(self, name: str) -> Step | None:
        """A definition whose cell nobody recorded, from Python's own source cache."""
        namespace = self.log.namespace
        if name not in self._unrecorded and namespace is not None and name in namespace:
            unit = unit_from_object(name, namespace[name])
            # What others need is found after them, so that it has to be given an earlier place.
            place = _BEFORE_ALL - len(self._unrecorded)
            self._unrecorded[name] = None if unit is None else Step(place, unit, SourceCell(index=0, source=""))
        return self._unrecorded.get(name)


def is_ipython_display(namespace: Mapping[str, object]) -> bool:
    """Whether ``display`` is what IPython put there."""
    value = namespace.get("display", getattr(builtins, "display", None))
    return value is None or str(getattr(value, "__module__", "")).startswith("IPython.")

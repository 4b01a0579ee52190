"""What became of the objects that come along: statements change them, and functions do when they are called."""

from __future__ import annotations

import abc
import ast
from collections.abc import Mapping

from nbops.extract.live import agrees, has_nothing_added
from nbops.extract.log import Log, Step
from nbops.extract.meanings import Meanings
from nbops.extract.needs import Blocker, Choices
from nbops.extract.references import NOTHING, Reference, References
from nbops.extract.refusals import Need, StarNames, needed_by, title
from nbops.extract.registries import Registries, answers, entered_as, entered_by_hooks, looks_up, reads_registry
from nbops.extract.resetting import ANY_NAME
from nbops.source.trees import functions_in


class ModuleState(Meanings, abc.ABC):
    """Takes along what changed the objects that come along, or says why it cannot."""

    def __init__(self, log: Log, star_names: StarNames, choices: Choices) -> None:
        super().__init__(log, star_names, choices)
        self.registries = Registries(log)
        self._state: dict[str, tuple[Step, list[Step]]] = {}
        """Carried objects that functions change: name → (what makes it, what changes it when it is called)."""

    @abc.abstractmethod
    def _include(self, step: Step) -> None:
        """Take a statement along."""

    def _follow_changes(self, need: Need, steps: list[Step]) -> None:
        base = steps[0]
        shape = self.changes.shape(need.name, steps)
        names: Mapping[str, References] = {need.name: NOTHING}
        if shape.can_change(Reference("*")):
            until = need.at if self._keeps_nothing(need.by) else None
            followed = self.changes.after(need.name, base, steps, shape, until=until)
            names = followed.names
            for step in followed.changes:
                self._take_change(need, base, step)
            for step in followed.doubtful:
                self._doubt(need, step)
        if base.unit.kind != "import" and need.name not in self._state:
            changers = self.changes.when_called(need.name, shape, names)
            if changers:
                self._state[need.name] = (base, changers)
                self.closure.shared.add(need.name)

    def _keeps_nothing(self, step: Step | None) -> bool:
        """Whether a statement only looks at an object: ``n = len(rows)`` does not care what becomes of the rows."""
        if step is None or step.unit.kind != "value" or len(step.unit.binds) != 1:
            return False
        return not self.changes.shape(next(iter(step.unit.binds)), [step]).levels

    def _doubt(self, need: Need, step: Step) -> None:
        """Remember that something unknown may have changed a value, unless it turns out to be what its text makes."""
        if need.soft or step in self.closure.steps:
            return
        line = step.unit.line
        self.closure.doubts.setdefault(
            need.name,
            Blocker(
                name=need.name, kind="changed", reason=f"may be changed by `{line}`", cell=step.cell.label,
                needed_by=needed_by(need), cures=self._cures(need),
            ),
        )  # fmt: skip

    def _take_change(self, need: Need, base: Step, step: Step) -> None:
        if step in self.closure.steps:
            return
        problem = self.judge.objection(step)
        if problem is None:
            self._include(step)
            return
        if self._is_as_written(need.name, base):
            return
        if need.soft:
            self._note_soft(need)
            return
        line = step.unit.line
        self._block(
            need.name, "changed", f"is changed by `{line}`, which {problem}", step, need, cures=self._cures(need)
        )

    def _is_as_written(self, name: str, base: Step) -> bool:
        """Whether the live value is what its text says, whatever statements seemed to do to it."""
        namespace = self.log.namespace
        if namespace is None or name not in namespace or agrees(base.unit, name, namespace[name]) is not True:
            return False
        return base.unit.kind == "value" or has_nothing_added(base.unit, namespace[name])

    # What sets a name out of sight.

    def _doubt_what_is_set_out_of_sight(self, need: Need, steps: list[Step]) -> None:
        """Remember that a name may have been given something else by what cannot be read."""
        found = self._set_out_of_sight(need, steps[-1])
        if found is None or need.soft:
            return
        line, cell = found
        if steps[-1].unit.kind in {"function", "class", "import"}:
            if self.log.namespace is None:  # in a session the live object was looked at
                self.closure.note(
                    f"`{line}` ({cell}) cannot be looked into here; it is taken not to replace {need.name}"
                )
            return
        self.closure.doubts.setdefault(
            need.name,
            Blocker(
                name=need.name, kind="changed", cell=cell, needed_by=needed_by(need), cures=self._cures(need),
                reason=f"may be given another value by `{line}`, which cannot be looked into here",
            ),
        )  # fmt: skip

    def _set_out_of_sight(self, need: Need, last: Step) -> tuple[str, str] | None:
        """The line and cell of what may set a name after the last statement that is known to."""
        end = len(self.log.steps) if need.at is None else need.at
        for step, names in self.changes.summaries.resets:
            if last.position < step.position < end and names & {need.name, *ANY_NAME} and last.position >= 0:
                return step.unit.line[:80], step.cell.label
        unread = self.log.changed_unread(need.name, last.position, need.at) if last.position >= 0 else None
        return (unread.text.strip().split("\n")[0][:80], unread.cell.label) if unread is not None else None

    # Module state that functions change when they are called.

    def _include_registrations(self) -> bool:
        """Definitions and calls that enter something into an object which what comes along reads."""
        added = [
            step
            for name, (base, changers) in list(self._state.items())
            for step in [*self._entered_by_decorators(name, base, changers), *self._entered_by_calls(base, changers)]
        ]
        added += self._entered_by_hooks()
        added += self._entered_into_libraries()
        for step in added:
            self._include(step)
        return bool(added)

    def _entered_by_decorators(self, name: str, base: Step, changers: list[Step]) -> list[Step]:
        """Definitions whose decorator writes into a carried object: ``@register("a")``."""
        at_once = {s: depth for s in changers if (depth := s.unit.depth_of_touch(name)) is not None}
        readers = [s for s in self.closure.steps if s not in at_once and name in s.unit.reads.later | s.unit.reads.now]
        if not readers and name not in self.closure.requested:
            return []
        later = [s for s in self.log.steps[base.position + 1 :] if s not in self.closure.steps]
        return [s for s in later if self.registries.decorates(s, at_once)]

    def _entered_by_calls(self, base: Step, changers: list[Step]) -> list[Step]:
        """Calls that were made to change an object, not for their answer: ``register("a", double)``."""
        setting = [s for s in changers if s not in self.closure.steps or not answers(s)]
        callers = [s for s in self.changes.summaries.callers(setting) if s not in self.closure.steps] if setting else []
        if any(s.position < base.position or self.judge.objection(s) is not None for s in callers):
            return []  # not all of them can be repeated; _judge_state tells which
        return [s for s in callers if s.unit.kind in {"effect", "value"}]

    def _entered_by_hooks(self) -> list[Step]:
        """Classes that enter themselves by being derived from one that comes along."""
        found: list[Step] = []
        for owner in list(self.closure.steps):
            names = entered_by_hooks(owner)
            if names and any(reads_registry(step, names) for step in self.closure.steps):
                found += [s for s in self.registries.subclasses(owner) if s not in self.closure.steps]
        return found

    def _entered_into_libraries(self) -> list[Step]:
        """Accessors that what comes along asks the objects of a library for: ``rows.geo.area()``."""
        latest: dict[str, Step] = {}
        for step in self.log.steps:
            if "accessor" in step.unit.bare or "namespace" in step.unit.bare:
                name = entered_as(step) if self.log.is_counted(step) else None
                latest |= {name: step} if name is not None else {}
        return [
            step
            for name, step in latest.items()
            if step not in self.closure.steps and any(looks_up(other, name) for other in self.closure.steps)
        ]

    def _note_what_defaults_keep(self) -> None:
        """A default that can be changed is one object for all calls; what the notebook's calls put there stays."""
        for step in self.closure.steps:
            kept = self._changed_defaults(step) if step.unit.kind == "function" else []
            if kept and self.changes.summaries.callers([step]):
                self.closure.note(
                    f"{title(step.unit)} keeps something in its default {', '.join(kept)}; what calls in the notebook "
                    "have put there stays behind"
                )

    def _block_what_a_file_sets_for_itself(self) -> None:
        """``global n`` in a file that ``%run`` ran sets the file's own n, and not the notebook's copy of it."""
        for step in self.closure.steps:
            others = [s for s in self.closure.steps if s.space != step.space] if step.space else []
            for name in step.unit.reads.written:
                reader = next((s for s in others if name in s.unit.reads.later | s.unit.reads.now), None)
                if reader is not None:
                    self._block(
                        name, "changed", f"is set by {title(step.unit)}() in its own file only", step,
                        Need(name, reader, None), cures=[f"%run -i the file that {title(step.unit)} is in"],
                    )  # fmt: skip

    def _changed_defaults(self, step: Step) -> list[str]:
        function = next(functions_in(step.unit.node), None)
        if function is None:
            return []
        arguments = function.args
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = [*zip(positional[::-1], arguments.defaults[::-1], strict=False)]
        pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
        made = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.Call)
        changed = {ref.origin for ref in self.changes.summaries.summary(step).changes if ref.is_there}
        return sorted(a.arg for a, default in pairs if isinstance(default, made) and f"@{a.arg}" in changed)

    def _judge_state(self) -> None:
        """A function that comes along may change its own state; one that stays behind has made it what it is."""
        self._note_what_defaults_keep()
        self._block_what_a_file_sets_for_itself()
        for name, (base, changers) in self._state.items():
            callers = [s for s in self.changes.summaries.callers(changers) if s not in self.closure.steps]
            if not callers:
                continue
            absent = [step for step in changers if step not in self.closure.steps]
            if absent:
                changer = title(absent[-1].unit)
                cures = [*self._cures(Need(name, None, None)), f"extract {changer} too"]
                reason = f"is changed by {changer}(), called in {callers[-1].cell.label}"
                self.closure.doubts[name] = Blocker(
                    name=name, kind="changed", reason=reason, cell=base.cell.label, cures=cures
                )
            else:
                self.closure.state.add(name)
                self.closure.note(
                    f"{name} starts as {base.cell.label} sets it; what calls have put into it since stays behind"
                )

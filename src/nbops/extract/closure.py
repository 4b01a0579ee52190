"""From the names a person asks for to every statement they need, and everything that stands in the way.

Walks the log: what a statement looks up while it runs is resolved at its own place, what its functions look up when
they are called is resolved at the end. All blockers are collected before anything is said.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nbops.extract.changes import Changes, is_setting
from nbops.extract.live import agrees, alias_of_object, described_value, unit_from_object
from nbops.extract.log import Log, Step
from nbops.extract.needs import Blocker, Closure, Imported
from nbops.extract.purity import Judge, Meaning
from nbops.extract.references import NOTHING, Reference, References
from nbops.extract.registries import Registries, answers, entered_by_hooks, reads_registry
from nbops.masking.marks import marks_in
from nbops.source import Alias, SourceCell, Unit

StarNames = Callable[[str], frozenset[str] | None]
"""Public names of an installed module; None when it is not installed here."""

PYTHON_NAMES = frozenset(dir(builtins)) - {"display", "get_ipython", "__IPYTHON__"}
"""Names that every Python has; IPython adds some of its own to a kernel's builtins."""

_LOOK_UP_BY_TEXT = frozenset({"eval", "exec", "globals", "__import__"})
_SESSION_NAMES = frozenset({"In", "Out", "_", "__", "___", "exit", "quit", "_ih", "_oh", "_dh"})
_BEFORE_ALL = -1_000_000
"""Places of definitions that nobody recorded: before everything that was, and before what an earlier version had."""
_MODULE_NAMES = frozenset({"__name__", "__file__", "__doc__", "__package__", "__spec__", "__debug__"})


def close(
    names: Sequence[str],
    log: Log,
    *,
    star_names: StarNames,
    parameters: Sequence[str] = (),
    pins: Sequence[str] = (),
    definition: Mapping[str, str] | None = None,
    saved: Mapping[str, Unit] | None = None,
    elsewhere: Mapping[Step, str] | None = None,
) -> Closure:
    """Find everything that the named definitions need.

    Args:
        names: functions, classes or constants of the notebook.
        log: what ran.
        star_names: tells what ``from module import *`` brings.
        parameters: data that functions shall be given as keyword arguments.
        pins: data that the module shall load by hash.
        definition: for names whose text and live object disagree, which to take.
        saved: definitions in the saved notebook that were edited after they last ran.
        elsewhere: statements whose result another module has → that module, to import it from.

    Returns:
        The statements and imports, or what is in the way; nothing is raised for what a notebook may contain.
    """
    walk = _Walk(log, star_names, frozenset(parameters), frozenset(pins), dict(definition or {}), dict(saved or {}))
    walk.elsewhere = dict(elsewhere or {})
    for name in names:
        walk.request(name)
    walk.follow()
    return walk.closure


@dataclass(frozen=True)
class _Need:
    name: str
    by: Step | None
    at: int | None
    """Position of the statement that looks it up while it runs; None: when a function is called."""
    soft: bool = False
    called: bool = False
    """Whether what it names may be called at that place, so that its functions look names up there too."""


class _Walk:
    def __init__(
        self,
        log: Log,
        star_names: StarNames,
        parameters: frozenset[str],
        pins: frozenset[str],
        definition: dict[str, str],
        saved: dict[str, Unit],
    ) -> None:
        self.log = log
        self.star_names = star_names
        self.parameters = parameters
        self.pins = pins
        self.definition = definition
        self.saved = saved
        self.elsewhere: dict[Step, str] = {}
        self.closure = Closure()
        self.judge = Judge(self._meaning)
        self.changes = Changes(log, self.judge.path)
        self.registries = Registries(log)
        self._todo: list[_Need] = []
        self._seen: set[tuple[str, int | None, bool, bool]] = set()
        self._chosen: dict[str, Step] = {}
        self._state: dict[str, tuple[Step, list[Step]]] = {}
        """Carried objects that functions change: name → (what makes it, what changes it when it is called)."""
        self._unrecorded: dict[str, Step | None] = {}
        self._set_later: dict[str, _Need] = {}

    # What was asked for.

    def request(self, name: str) -> None:
        """Take a name the person asked for."""
        steps = self._final(name)
        made = self._step_from_session(name) if not steps else None
        if made is not None:
            self.closure.requested[name] = made
            self._include(made)
            return
        if not steps:
            self._block_unbound(_Need(name, None, None))
            return
        step = steps[-1]
        if step.unit.kind == "import":
            alias = next(alias for alias in step.unit.aliases if alias.bound == name)
            reason = f"is imported (`{alias.statement()}`); import it where you need it"
            self._block(name, "unsupported", reason, step)
            return
        self.closure.requested[name] = step
        self._need(_Need(name, None, None))

    def follow(self) -> None:
        """Resolve needs until there are none left, then look at what changed from outside."""
        while True:
            while self._todo:
                self._resolve(self._todo.pop())
            if not self._include_registrations():
                break
        self._judge_names_set_later()
        self._judge_state()
        self._note_ambient_effects()

    # One need after the other.

    def _need(self, need: _Need) -> None:
        key = (need.name, need.at, need.soft, need.called)
        if key in self._seen or (need.soft and (need.name, need.at, False, False) in self._seen):
            if need.by is not None and need.name in self.parameters | self.pins:
                self._cut(need)
            return
        self._seen.add(key)
        self._todo.append(need)

    def _resolve(self, need: _Need) -> None:
        if need.name in self.parameters | self.pins and need.name not in self.closure.requested:
            self._cut(need)
            return
        star = self._star_of(need.name, need.at)
        if star is not None:
            self._import(Alias(need.name, star.unit.star or "", need.name), star.position)
            return
        steps = self._bindings(need.name, need.at)
        if steps:
            self._take(need, steps)
        elif need.name in PYTHON_NAMES:
            self._check_builtin(need)
        else:
            self._unbound(need)

    def _cut(self, need: _Need) -> None:
        if need.by is None or need.soft:
            return
        if need.at is not None and need.by.unit.kind in {"function", "class"}:
            self._block(
                need.name, "data", f"is read while {need.by.unit.node.name!r} is being defined"  # type: ignore[attr-defined]
                " (a default, a decorator or a class body), before any argument could bring it", need.by, need,
            )  # fmt: skip
            return
        self.closure.cut.setdefault(need.name, set()).add(need.by)

    def _take(self, need: _Need, steps: list[Step]) -> None:
        if all(step.unit.kind == "import" for step in steps):
            self._take_imports(need, steps)
            return
        if any(self._block_secret(need, step) for step in steps):
            return
        home = self.elsewhere.get(steps[-1])
        if home is not None:
            self._import(Alias(need.name, home, need.name), steps[-1].position)
            self.closure.note(
                f"{need.name} is imported from {home}, where it stands just so: a copy would be another one"
            )
            return
        if need.at is None and not self._is_live(need, steps):
            return
        if need.at is None:
            self.closure.final.add(need.name)
        plain = {s: alias for s in steps if (alias := self._plain_import(s, need.name)) is not None}
        problem = next(
            ((s, why) for s in steps if s not in plain and (why := self.judge.objection(s)) is not None), None
        )
        if problem is not None:
            self._block_value(need, *problem)
            return
        for step in steps:
            if step in plain:
                self._import(plain[step], step.position)
            else:
                self._include(step)
                if need.called and step.unit.kind in {"function", "class"}:
                    for name in sorted(step.unit.reads.later):
                        self._need(_Need(name, step, need.at, called=True))
        made = [step for step in steps if step not in plain]
        if made:
            self._follow_changes(need, made)

    def _block_secret(self, need: _Need | None, step: Step) -> bool:
        """Refuse a statement whose text held a secret, by its line: a module is read by more people than a notebook."""
        lines = _masked_lines(step)
        if not lines:
            return False
        where = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"
        self._block(
            need.name if need is not None else _title(step.unit), "secret",
            f"holds a secret in {where}, which must not go into a module", step, need,
            cures=['read it where it is used: os.environ["NAME"]', "not_secrets in the settings"],
        )  # fmt: skip
        return True

    def _plain_import(self, step: Step, name: str) -> Alias | None:
        """The import that gives a name; of a statement that installs or tells more, nothing else is taken."""
        if step.unit.kind == "import":
            return next((alias for alias in step.unit.aliases if alias.bound == name), None)
        alias = step.unit.import_of(name) if self.judge.objection(step) is not None else None
        if alias is not None:
            line = step.unit.bare.split("\n")[0]
            self.closure.note(f"of `{line[:60]}` ({step.cell.label}) only `{alias.statement()}` was taken")
        return alias

    def _include(self, step: Step) -> None:
        if step in self.closure.steps or self._block_secret(None, step):
            return
        unit = step.unit
        if unit.magics:
            line = unit.magics[0]
            self._block(
                _title(unit), "magic", f"contains `{line}`, which only IPython understands", step,
                cures=["write it in plain Python"],
            )  # fmt: skip
            return
        self.closure.steps[step] = None
        reads = unit.reads
        for name in sorted((reads.later | reads.now) & _LOOK_UP_BY_TEXT):
            self.closure.note(f"{_title(unit)} calls {name}(): names that it looks up by text cannot be followed")
        calls = unit.calls_at_once
        at = step.position if step.position >= 0 else None
        for name in sorted(reads.now):
            if name not in reads.perhaps or at is None or self._is_bound(name, at):
                self._need(_Need(name, step, at, called=calls))
        for name in sorted(reads.later):
            self._need(_Need(name, step, None))
        for name in sorted(reads.soft):
            self._need(_Need(name, step, None, soft=True))
        for name in sorted(reads.written):
            # A function that sets a global needs the value it starts from, if the notebook gives it one.
            if self._bindings(name, None) and name not in self.parameters | self.pins:
                self._need(_Need(name, step, None))

    def _take_imports(self, need: _Need, steps: list[Step]) -> None:
        found = [(step, alias) for step in steps for alias in step.unit.aliases if alias.bound == need.name]
        relative = next((alias for _, alias in found if alias.module.startswith(".")), None)
        if relative is not None:
            self._block(
                need.name, "unsupported", f"comes from a relative import, `{relative.statement()}`", steps[-1], need
            )
            return
        if len(found) > 1:
            found = self._submodules_used(need, found)
        for step, alias in found:
            self._import(alias, step.position)

    def _submodules_used(self, need: _Need, found: list[tuple[Step, Alias]]) -> list[tuple[Step, Alias]]:
        """Of ``import a``, ``import a.b``, ``import a.c``: those whose path the needing statement spells out."""
        plain = [item for item in found if item[1].attribute is None and not item[1].renamed]
        if len(plain) != len(found):
            return found[-1:]
        assert need.by is not None
        chains = {".".join(chain) for chain in need.by.unit.chains if chain[0] == need.name}
        used = [item for item in plain if any((c + ".").startswith(item[1].module + ".") for c in chains)]
        # The same name may be asked for again by another statement with other submodules.
        self._seen.discard((need.name, need.at, need.soft, need.called))
        by_module = {item[1].module: item for item in used}
        longest = [i for m, i in by_module.items() if not any(other.startswith(f"{m}.") for other in by_module)]
        return longest or plain[:1]

    def _import(self, alias: Alias, position: int) -> None:
        self.closure.imports.setdefault((alias.bound + "\0" + alias.module, position), Imported(alias, position))

    # What names stand for.

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
        if name in self.saved and self.saved[name].text != last.unit.text:
            choices["saved"] = Step(last.position, self.saved[name], last.cell)
        if verdict is None and name in self.closure.requested:
            self.closure.unverified.append(name)
        if verdict is not False and len(choices) == 1:
            return steps
        wanted = self.definition.get(name)
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

    def _is_live(self, need: _Need, steps: list[Step]) -> bool:
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
        if name in self.parameters | self.pins:
            return Meaning("unknown")
        # A function's body is judged at the place that calls it; there, later definitions do not exist yet.
        steps = self.log.bindings(name, step.position) or (self._final(name) if step.unit.kind == "function" else [])
        if not steps:
            return Meaning("builtin", name) if name in PYTHON_NAMES else Meaning("unknown")
        aliases = [s.unit.import_of(name) for s in steps]
        if aliases[-1] is not None and None not in aliases:
            return Meaning("import", aliases[-1].target)
        return Meaning("steps", steps=tuple(steps))

    # Names that no statement binds.

    def _check_builtin(self, need: _Need) -> None:
        namespace = self.log.namespace
        if (
            namespace is not None
            and need.name in namespace
            and namespace[need.name] is not getattr(builtins, need.name)
        ):
            self._unbound(need)

    def _unbound(self, need: _Need) -> None:
        if need.name == "__builtins__":
            self._block_unbound(need)
            return
        if need.name in _MODULE_NAMES:
            if need.name == "__file__":
                self.closure.note(
                    "__file__ exists in a module and not in a notebook: what reads it will find the module"
                )
            return
        if need.name == "display" and (self.log.namespace is None or _is_ipython_display(self.log.namespace)):
            self._import(Alias("display", "IPython.display", "display"), -1)
            return
        if self._from_session(need):
            return
        if need.soft:
            self._note_soft(need)
        elif any(self.log.is_counted(step) for step in self.log.writers.get(need.name, [])):
            self._set_later.setdefault(need.name, need)  # whether its maker comes along is known at the end
        else:
            self._block_unbound(need)

    def _judge_names_set_later(self) -> None:
        """Globals that only functions set: one that sets without reading first has to come along."""
        for name, need in self._set_later.items():
            makers = [s for s in self.log.writers[name] if self.log.is_counted(s) and s.unit.sets_first(name)]
            if makers and all(maker in self.closure.steps for maker in makers):
                self.closure.note(f"{name} exists only after {_title(makers[0].unit)}() was called, as in the notebook")
            else:
                self._block_unbound(need)

    def _from_session(self, need: _Need) -> bool:
        """Names made where nobody recorded: before nbops was loaded, by ``%run``, by ``exec``."""
        namespace = self.log.namespace
        if namespace is None or need.name not in namespace or need.name in _SESSION_NAMES | {"get_ipython"}:
            return False
        value = namespace[need.name]
        alias = alias_of_object(need.name, value)
        if alias is not None:
            self._import(alias, -1)
            return True
        made = self._step_from_session(need.name)
        if made is not None:
            self._include(made)
        return made is not None

    def _step_from_session(self, name: str) -> Step | None:
        """A definition whose cell nobody recorded, from Python's own source cache."""
        namespace = self.log.namespace
        if name not in self._unrecorded and namespace is not None and name in namespace:
            unit = unit_from_object(name, namespace[name])
            # What others need is found after them, so that it has to be given an earlier place.
            place = _BEFORE_ALL - len(self._unrecorded)
            self._unrecorded[name] = None if unit is None else Step(place, unit, SourceCell(index=0, source=""))
        return self._unrecorded.get(name)

    def _note_soft(self, need: _Need) -> None:
        by = _title(need.by.unit) if need.by is not None else ""
        self.closure.note(f"{by} mentions {need.name} only where it is never looked up; it was left out")

    def _block_unbound(self, need: _Need) -> None:
        name = need.name
        hidden = next(self.log.hidden(name), None)
        writers = [step for step in self.log.writers.get(name, []) if self.log.is_counted(step)]
        if name == "get_ipython":
            self._block(name, "magic", "is IPython's own and does not exist in a module", need.by, need)
        elif name == "__builtins__":
            self._block(name, "unsupported", "is a module in a notebook and a dict in a module", need.by, need)
        elif name in _SESSION_NAMES:
            self._block(name, "session", "belongs to the interactive session", need.by, need)
        elif writers:
            absent = [s for s in writers if s.unit.sets_first(name) and s not in self.closure.steps] or writers[-1:]
            titles = list(dict.fromkeys(_title(step.unit) for step in absent))
            callers = ", ".join(f"{title}()" for title in titles)
            self._block(
                name, "changed", f"is set by {callers} when that is called", absent[-1], need,
                cures=[f"extract {' '.join(titles)} too", *self._cures(need)],
            )  # fmt: skip
        elif self.log.namespace is not None and name in self.log.namespace:
            self._block(
                name, "hidden", "exists in the session, but no recorded cell defines it", None, need,
                cures=["run its cell again", *self._cures(need)],
            )  # fmt: skip
        elif hidden is not None:
            self.closure.block(
                Blocker(
                    name=name, kind="hidden", cell=hidden.cell.label, needed_by=_by(need),
                    reason=f"stands in a cell that cannot be read ({hidden.what})",
                )
            )  # fmt: skip
        else:
            self._block(name, "undefined", self._undefined(name), need.by, need)

    def _undefined(self, name: str) -> str:
        unknown = [
            f"`from {s.unit.star} import *` ({s.cell.label})"
            for s in self.log.stars
            if (s.unit.star or ".").startswith(".") or self.star_names(s.unit.star or "") is None
        ]
        unread = [*self.log.unread, *self.log.unread_runs()]
        unknown += [f"`{u.text}` ({u.cell.label})" for u in unread if u.text.startswith("%") and "\n" not in u.text]
        owner = name.partition(".")[0]
        if owner != name and self.log.binders.get(owner):
            return f"is a part of {owner}; extract {owner}"
        near = difflib.get_close_matches(name, list(self.log.binders), 1)
        text = "is not defined in any cell"
        if unknown:
            text += f"; it may come from {', '.join(unknown)}, which cannot be looked into here"
        elif near:
            text += f"; there is {near[0]!r}"
        if self.log.deleters.get(name):
            text = f"was deleted ({self.log.deleters[name][-1].cell.label})"
        return text

    # Values that are data.

    def _block_value(self, need: _Need, step: Step, objection: str) -> None:
        if need.soft:
            self._note_soft(need)
            return
        kind: Literal["data", "magic"] = "magic" if step.unit.magics else "data"
        described = described_value(self.log.namespace, need.name)
        subject = f"is {described} and " if described else ""
        self._block(need.name, kind, f"{subject}{objection}", step, need, cures=self._cures(need))

    def _cures(self, need: _Need) -> list[str]:
        if need.at is not None and need.by is not None and need.by.unit.kind in {"function", "class"}:
            return []
        pin = [f"--pin {need.name}"] if self.log.namespace is not None else []
        return [f"--parameter {need.name}", *pin]

    def _block(
        self,
        name: str,
        kind: Literal[
            "data", "undefined", "hidden", "magic", "conflict", "changed", "session", "unsupported", "secret", "proof"
        ],
        reason: str,
        step: Step | None,
        need: _Need | None = None,
        cures: Sequence[str] = (),
    ) -> None:
        cell = step.cell.label if step is not None else None
        by = _by(need) if need is not None else ""
        if need is not None and need.soft:
            self.closure.note(f"{name} {reason}")
            return
        self.closure.block(Blocker(name=name, kind=kind, reason=reason, cell=cell, needed_by=by, cures=list(cures)))

    # What changes an object after it was made.

    def _follow_changes(self, need: _Need, steps: list[Step]) -> None:
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

    def _doubt(self, need: _Need, step: Step) -> None:
        """Remember that something unknown may have changed a value, unless it turns out to be what its text makes."""
        if need.soft or step in self.closure.steps:
            return
        line = step.unit.bare.split("\n")[0]
        self.closure.doubts.setdefault(
            need.name,
            Blocker(
                name=need.name, kind="changed", reason=f"may be changed by `{line}`", cell=step.cell.label,
                needed_by=_by(need), cures=self._cures(need),
            ),
        )  # fmt: skip

    def _take_change(self, need: _Need, base: Step, step: Step) -> None:
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
        line = step.unit.bare.split("\n")[0]
        self._block(
            need.name, "changed", f"is changed by `{line}`, which {problem}", step, need, cures=self._cures(need)
        )

    def _is_as_written(self, name: str, base: Step) -> bool:
        """Whether the live value is what its literal says, whatever statements seemed to do to it."""
        namespace = self.log.namespace
        return namespace is not None and name in namespace and agrees(base.unit, name, namespace[name]) is True

    # Module state that functions change when they are called.

    def _include_registrations(self) -> bool:
        """Definitions and calls that enter something into an object which what comes along reads."""
        added = [
            step
            for name, (base, changers) in list(self._state.items())
            for step in [*self._entered_by_decorators(name, base, changers), *self._entered_by_calls(base, changers)]
        ]
        added += self._entered_by_hooks()
        for step in added:
            self._include(step)
        return bool(added) and bool(self._todo)

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
        callers = [s for s in self.changes.callers(setting) if s not in self.closure.steps] if setting else []
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

    def _judge_state(self) -> None:
        """A function that comes along may change its own state; one that stays behind has made it what it is."""
        for name, (base, changers) in self._state.items():
            callers = [s for s in self.changes.callers(changers) if s not in self.closure.steps]
            if not callers:
                continue
            absent = [step for step in changers if step not in self.closure.steps]
            if absent:
                changer = _title(absent[-1].unit)
                cures = [*self._cures(_Need(name, None, None)), f"extract {changer} too"]
                reason = f"is changed by {changer}(), called in {callers[-1].cell.label}"
                self.closure.doubts[name] = Blocker(
                    name=name, kind="changed", reason=reason, cell=base.cell.label, cures=cures
                )
            else:
                self.closure.state.add(name)
                self.closure.note(
                    f"{name} starts as {base.cell.label} sets it; what calls have put into it since stays behind"
                )

    def _note_ambient_effects(self) -> None:
        """Settings of imported libraries that the notebook makes and the module does not."""
        names = {imported.alias.bound for imported in self.closure.imports.values()}
        for step in self.log.steps:
            if step.unit.kind == "effect" and step not in self.closure.steps and not step.unit.magics:
                line = step.unit.bare.split("\n")[0]
                if any(t.name in names and is_setting(t) for t in step.unit.touches):
                    self.closure.note(f"the notebook also runs `{line[:80]}` ({step.cell.label}); the module does not")


def _masked_lines(step: Step) -> list[int]:
    """Lines of the cell in which a secret of the statement stood; a call that the user wrote is none."""
    masked = set(step.cell.secrets)
    if not masked or masked.isdisjoint(marks_in(step.unit.text)):
        return []
    return sorted(
        {
            node.lineno
            for node in ast.walk(step.unit.node)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and masked & {node.value, *marks_in(node.value)}
        }
    ) or [step.unit.node.lineno]


def _title(unit: Unit) -> str:
    return getattr(unit.node, "name", None) or ", ".join(sorted(unit.binds)) or unit.bare.split("\n")[0][:40]


def _by(need: _Need) -> str:
    return _title(need.by.unit) if need.by is not None else ""


def _is_ipython_display(namespace: Mapping[str, object]) -> bool:
    value = namespace.get("display", getattr(builtins, "display", None))
    return value is None or str(getattr(value, "__module__", "")).startswith("IPython.")


no_star_names: StarNames = functools.cache(lambda module: None)

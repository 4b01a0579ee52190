"""From the names a person asks for to every statement they need, and everything that stands in the way.

Walks the log: what a statement looks up while it runs is resolved at its own place, what its functions look up when
they are called is resolved at the end. All blockers are collected before anything is said.
"""

from __future__ import annotations

import ast
import builtins
import functools
import re
from collections.abc import Mapping, Sequence

from nbops.extract.changes import is_setting
from nbops.extract.live import alias_of_object
from nbops.extract.log import Log, Step
from nbops.extract.meanings import PYTHON_NAMES, is_ipython_display
from nbops.extract.needs import Choices, Closure, Imported
from nbops.extract.refusals import SESSION_NAMES, Need, StarNames, title
from nbops.extract.state import ModuleState
from nbops.source import Alias, Unit
from nbops.source.reads import looked_up_by_text, taken_from_globals

_LOOK_UP_BY_TEXT = frozenset({"eval", "exec", "__import__"})
_SETTER = re.compile(r"\b(?:set|seed|getcontext)")
_ENVIRONMENT = re.compile(r"%(?:set_)?env\s+\w+[\s=]")
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
    choices = Choices(frozenset(parameters) | frozenset(pins), definition or {}, saved or {})
    walk = _Walk(log, star_names, choices)
    walk.elsewhere = dict(elsewhere or {})
    for name in names:
        walk.request(name)
    walk.follow()
    return walk.closure


class _Walk(ModuleState):
    def __init__(self, log: Log, star_names: StarNames, choices: Choices) -> None:
        super().__init__(log, star_names, choices)
        self.elsewhere: dict[Step, str] = {}
        self._todo: list[Need] = []
        self._seen: set[tuple[str, int | None, bool, bool]] = set()
        self._set_later: dict[str, Need] = {}

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
            self._block_unbound(Need(name, None, None))
            return
        step = steps[-1]
        if step.unit.kind == "import":
            alias = next(alias for alias in step.unit.aliases if alias.bound == name)
            reason = f"is imported (`{alias.statement()}`); import it where you need it"
            self._block(name, "unsupported", reason, step)
            return
        self.closure.requested[name] = step
        self._need(Need(name, None, None))

    def follow(self) -> None:
        """Resolve needs until there are none left, then look at what changed from outside."""
        while True:
            while self._todo:
                self._resolve(self._todo.pop())
            if not (self._include_registrations() and self._todo):
                break
        self._judge_names_set_later()
        self._judge_state()
        self._note_ambient_effects()

    # One need after the other.

    def _need(self, need: Need) -> None:
        key = (need.name, need.at, need.soft, need.called)
        if key in self._seen or (need.soft and (need.name, need.at, False, False) in self._seen):
            if need.by is not None and need.name in self.choices.carried:
                self._cut(need)
            return
        self._seen.add(key)
        self._todo.append(need)

    def _resolve(self, need: Need) -> None:
        if need.name in self.choices.carried and need.name not in self.closure.requested:
            self._cut(need)
            return
        star = self._star_of(need.name, need.at)
        if star is not None:
            self._import(Alias(need.name, star.unit.star or "", need.name), star.position)
            return
        steps = self._bindings(need.name, need.at)
        if steps:
            self._take(need, steps)
        elif need.name in _MODULE_NAMES:
            self._note_module_name(need)
        elif need.name in PYTHON_NAMES:
            self._check_builtin(need)
        else:
            self._unbound(need)

    def _cut(self, need: Need) -> None:
        if need.by is None or need.soft:
            return
        if need.at is not None and need.by.unit.kind in {"function", "class"}:
            self._block(
                need.name, "data", f"is read while {title(need.by.unit)!r} is being defined"
                " (a default, a decorator or a class body), before any argument could bring it", need.by, need,
            )  # fmt: skip
            return
        self.closure.cut.setdefault(need.name, set()).add(need.by)

    def _take(self, need: Need, steps: list[Step]) -> None:
        if all(step.unit.kind == "import" for step in steps):
            self._doubt_what_is_set_out_of_sight(need, steps)
            self._take_imports(need, steps)
            return
        if any(self._block_secret(need, step) for step in steps):
            return
        if self._take_from_elsewhere(need, steps[-1]):
            return
        if need.at is None and not self._is_live(need, steps):
            return
        if need.at is None:
            self.closure.final.add(need.name)
        if self._block_other_namespace(need, steps):
            return
        plain = {s: alias for s in steps if (alias := self._plain_import(s, need.name)) is not None}
        problem = next(
            ((s, why) for s in steps if s not in plain and (why := self.judge.objection(s)) is not None), None
        )
        if problem is not None:
            self._block_value(need, *problem)
            return
        for step, alias in plain.items():
            self._import(alias, step.position)
        made = [step for step in steps if step not in plain]
        for step in made:
            self._include(step)
            if need.called and step.unit.kind in {"function", "class"}:
                for name in sorted(step.unit.reads.later):
                    self._need(Need(name, step, need.at, called=True))
        self._doubt_what_is_set_out_of_sight(need, steps)
        if made:
            self._follow_changes(need, made)

    def _take_from_elsewhere(self, need: Need, step: Step) -> bool:
        """Import what another module has just so; tell whether there is one."""
        home = self.elsewhere.get(step)
        if home is None:
            return False
        self._import(Alias(need.name, home, need.name), step.position)
        self.closure.note(f"{need.name} is imported from {home}, where it stands just so: a copy would be another one")
        return True

    def _plain_import(self, step: Step, name: str) -> Alias | None:
        """The import that gives a name; of a statement that installs or tells more, nothing else is taken."""
        if step.unit.kind == "import":
            return next((alias for alias in step.unit.aliases if alias.bound == name), None)
        alias = step.unit.import_of(name) if self.judge.objection(step) is not None else None
        if alias is not None:
            line = step.unit.line
            self.closure.note(f"of `{line[:60]}` ({step.cell.label}) only `{alias.statement()}` was taken")
        return alias

    def _include(self, step: Step) -> None:
        if step in self.closure.steps or self._block_secret(None, step):
            return
        unit = step.unit
        if unit.magics:
            line = unit.magics[0]
            self._block(
                title(unit), "magic", f"contains `{line}`, which only IPython understands", step,
                cures=["write it in plain Python"],
            )  # fmt: skip
            return
        self.closure.steps[step] = None
        reads = unit.reads
        for name in sorted((reads.later | reads.now) & _LOOK_UP_BY_TEXT):
            if name != "__import__" and not looked_up_by_text(unit.node)[1]:
                continue  # what literal texts look up is among the reads
            self.closure.note(f"{title(unit)} calls {name}(): names that it looks up by text cannot be followed")
        if "globals" in reads.later | reads.now:
            self._follow_globals(step)
        calls = unit.calls_at_once
        at = step.position if step.position >= 0 else None
        for name in sorted(reads.now):
            if name not in reads.perhaps or at is None or self._is_bound(name, at):
                self._need(Need(name, step, at, called=calls))
        for name in sorted(reads.later):
            self._need(Need(name, step, None))
        for name in sorted(reads.soft):
            self._need(Need(name, step, None, soft=True))
        for name in sorted(reads.written):
            # A function that sets a global needs the value it starts from, if the notebook gives it one.
            if self._bindings(name, None) and name not in self.choices.carried:
                self._need(Need(name, step, None))

    def _follow_globals(self, step: Step) -> None:
        """Take along what a function takes from ``globals()``, where it says by what name."""
        names, is_computed = taken_from_globals(step.unit.node)
        if is_computed:
            self._block(
                title(step.unit), "unsupported", "takes names from globals() that are only known when it runs", step,
                cures=["put what it chooses from into a dict"],
            )  # fmt: skip
        for name in sorted(names):
            if self._bindings(name, None):
                self._need(Need(name, step, None))

    def _take_imports(self, need: Need, steps: list[Step]) -> None:
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

    def _submodules_used(self, need: Need, found: list[tuple[Step, Alias]]) -> list[tuple[Step, Alias]]:
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

    # Names that no statement binds.

    def _check_builtin(self, need: Need) -> None:
        namespace = self.log.namespace
        if namespace is None or need.name not in namespace:
            return
        value, builtin = namespace[need.name], getattr(builtins, need.name)
        if value is not builtin and getattr(value, "__wrapped__", None) is not builtin:  # IPython wraps `open`
            self._unbound(need)

    def _unbound(self, need: Need) -> None:
        if need.name == "__builtins__":
            self._block_unbound(need)
            return
        if need.name == "display" and (self.log.namespace is None or is_ipython_display(self.log.namespace)):
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

    def _note_module_name(self, need: Need) -> None:
        if need.name == "__file__":
            self.closure.note("__file__ exists in a module and not in a notebook: what reads it will find the module")
        elif need.name == "__name__" and need.by is not None and "__main__" in need.by.unit.bare:
            self.closure.note(f"{title(need.by.unit)} asks whether it runs in __main__; in a module it does not")

    def _judge_names_set_later(self) -> None:
        """Globals that only functions set: one that sets without reading first has to come along."""
        for name, need in self._set_later.items():
            makers = [s for s in self.log.writers[name] if self.log.is_counted(s) and s.unit.sets_first(name)]
            if makers and all(maker in self.closure.steps for maker in makers):
                self.closure.note(f"{name} exists only after {title(makers[0].unit)}() was called, as in the notebook")
            else:
                self._block_unbound(need)

    def _from_session(self, need: Need) -> bool:
        """Names made where nobody recorded: before nbops was loaded, by ``%run``, by ``exec``."""
        namespace = self.log.namespace
        if namespace is None or need.name not in namespace or need.name in SESSION_NAMES | {"get_ipython"}:
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

    def _note_ambient_effects(self) -> None:
        """Settings of imported libraries that the notebook makes and the module does not."""
        names = {imported.alias.bound for imported in self.closure.imports.values()}
        modules = {imported.alias.module.partition(".")[0] for imported in self.closure.imports.values()}
        for step in self.log.steps:
            if step.unit.kind != "effect" or step in self.closure.steps:
                continue
            line = step.unit.line
            if step.unit.magics:
                if "os" in modules and _ENVIRONMENT.match(line) is not None:
                    self.closure.note(f"the notebook also runs `{line[:80]}` ({step.cell.label}); the module does not")
                continue
            is_known = any(t.name in names and is_setting(t) for t in step.unit.touches)
            if is_known or self._sets_by_call(step, modules):
                self.closure.note(f"the notebook also runs `{line[:80]}` ({step.cell.label}); the module does not")

    def _sets_by_call(self, step: Step, modules: set[str]) -> bool:
        """Whether it calls a setter by itself, as after ``from x import setter``, or sets what a getter returns."""
        if _SETTER.search(step.unit.bare) is None:
            return False
        node = step.unit.node
        targets = node.targets if isinstance(node, ast.Assign) else []
        owners = [t.value for t in targets if isinstance(t, (ast.Attribute, ast.Subscript))]
        called = [owner.func for owner in owners if isinstance(owner, ast.Call)]
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called.append(node.value.func)
        for function in called:
            path = self.judge.path(function, step) or ""
            module, name = path.partition(".")[0], path.rpartition(".")[2]
            if path == "sys.setrecursionlimit" or (module in modules and _SETTER.match(name) is not None):
                return True
        return False


no_star_names: StarNames = functools.cache(lambda module: None)

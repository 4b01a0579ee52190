"""The plan of a module: the statements that names need, as text, with what is in the way."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from nbops.clean import ImportReport, public_names
from nbops.errors import NbopsError, UsageError
from nbops.extract.carry import Carried, carry
from nbops.extract.closure import close
from nbops.extract.emit import module_text, ordered
from nbops.extract.files import search_folders
from nbops.extract.identity import ToldApart, told_apart
from nbops.extract.log import Log, Step
from nbops.extract.needs import Blocker, Closure, Imported
from nbops.extract.standing import homes
from nbops.masking import masker_of
from nbops.masking.marks import is_same_source
from nbops.records import Definition, ModuleVersion
from nbops.settings import load_settings
from nbops.source import SourceCell, Unit, analyse, plain, read_notebook


@dataclass
class Plan:
    """A module that is not written yet."""

    module: str
    closure: Closure
    source: str
    definitions: list[Definition]
    notes: list[str]
    header: str | None = None
    parameters: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    carried: Carried = field(default_factory=Carried)
    report: ImportReport | None = None
    left_out: list[str] = field(default_factory=list)
    """Magics that stood beside what was taken, because a module has none."""
    told_apart: list[ToldApart] = field(default_factory=list)
    """What the module's functions tell from a copy of it."""

    @property
    def blockers(self) -> list[Blocker]:
        """What is in the way."""
        return self.closure.blockers

    def write(self, *, extra_imports: Sequence[str] = ()) -> None:
        """Write the text, with further imports that the proof showed to be missing."""
        self.source = module_text(
            self.module, self.closure, self.steps, texts=self.carried.texts, preamble=self.carried.preamble,
            header=self.header, extra_imports=[*self.carried.imports, *extra_imports],
        )  # fmt: skip


def make_plan(
    names: Sequence[str],
    *,
    cells: Sequence[SourceCell],
    module: str,
    root: Path,
    namespace: Mapping[str, object] | None,
    notebook: str | None,
    parameters: Sequence[str] = (),
    pins: Sequence[str] = (),
    definition: Mapping[str, str] | None = None,
    held: ModuleVersion | None = None,
    others: Sequence[ModuleVersion] = (),
    header: str | None = None,
) -> Plan:
    """Find what names need and write the module's text, neither proven nor kept; ``others`` may have parts of it."""
    names = list(dict.fromkeys(names))
    if not names:
        raise UsageError("no function was named", hint=f"nbops extract NAME --to {module}")
    _check_choices(parameters, pins, definition, namespace)
    cells = [_without_secrets(cell, root) for cell in cells]
    log = Log(cells, namespace, folder=(root / notebook).parent if notebook else root)
    stars = _StarNames(log, search_folders(root, notebook))
    saved = _saved_edits(log, root, notebook)

    def closed(elsewhere: Mapping[Step, str] | None = None) -> Closure:
        return close(
            names, log, star_names=stars, parameters=parameters, pins=pins, definition=definition, saved=saved,
            elsewhere=elsewhere,
        )  # fmt: skip

    closure = closed()
    own = {*names, *(d.name for d in held.definitions if d.requested)} if held is not None else set(names)
    if elsewhere := homes(closure, log, others, own=own, star_names=stars):
        closure = closed(elsewhere)
    if namespace is None:
        refuse_doubts(closure)
    carried = _carry_over(closure, names, module, held)
    plan = Plan(module, closure, "", [], closure.notes, header)
    plan.parameters = sorted(set(parameters) & set(closure.cut))
    plan.carried = carry(closure, parameters, pins, namespace)
    plan.steps = ordered(closure, _ranks(held) if held is not None else {})
    plan.write()
    plan.told_apart = told_apart(plan.source)
    plan.definitions = _definitions(plan, held if carried is not None else None)
    plan.left_out = _left_out(plan, log)
    for name in sorted({*parameters, *pins} - set(closure.cut)):
        if not any(blocker.name == name for blocker in closure.blockers):
            plan.notes.append(f"{name} is not read by what was extracted")
    return plan


def _left_out(plan: Plan, log: Log) -> list[str]:
    positions = {imported.position for imported in plan.closure.imports.values()}
    steps = [*plan.steps, *(log.steps[p] for p in sorted(positions) if 0 <= p < len(log.steps))]
    cells = dict.fromkeys((step.cell.label, step.cell.source) for step in steps)
    return [
        f"`{magic}` ({label}) was left out"
        for label, source in cells
        for magic in plain(source).magics
        if not magic.startswith(("%nbops", "%%nbops", "%load_ext nbops", "%reload_ext nbops"))
    ]


def _without_secrets(cell: SourceCell, root: Path) -> SourceCell:
    """Mask a cell that comes from a file, as the recorded ones are already."""
    if cell.execution_id is not None:
        return cell
    source, secrets = masker_of(load_settings(root)).source(cell.source)
    return msgspec.structs.replace(cell, source=source, secrets=secrets) if secrets else cell


def _check_choices(
    parameters: Sequence[str],
    pins: Sequence[str],
    definition: Mapping[str, str] | None,
    namespace: Mapping[str, object] | None,
) -> None:
    both = sorted(set(parameters) & set(pins))
    if both:
        raise UsageError(
            f"{both[0]} is both a parameter and a pin", hint=f"give --parameter {both[0]} or --pin {both[0]}"
        )
    for name, choice in (definition or {}).items():
        if choice not in {"last", "live", "saved"}:
            raise UsageError(
                f"--definition {name}={choice}: choose last, live or saved", hint=f"--definition {name}=last"
            )
    if pins and namespace is None:
        raise UsageError(
            f"--pin {pins[0]} needs the live object, and there is no kernel here",
            hint=f"run %nbops extract in the notebook, or give --parameter {pins[0]}",
        )
    missing = [name for name in pins if namespace is not None and name not in namespace]
    if missing:
        raise UsageError(f"--pin {missing[0]}: the session has no {missing[0]}", hint="run the cell that makes it")


class _StarNames:
    """What star imports bring, asked of one clean process for all of them, and only if a name depends on it."""

    def __init__(self, log: Log, search: list[Path]) -> None:
        self.log = log
        self.search = search
        self.known: dict[str, frozenset[str] | None] | None = None

    def __call__(self, module: str) -> frozenset[str] | None:
        if self.known is None:
            wanted = sorted({s.unit.star for s in self.log.stars if s.unit.star and not s.unit.star.startswith(".")})
            found = public_names(wanted, search=self.search)
            self.known = {name: None if names is None else frozenset(names) for name, names in found.items()}
        return self.known.get(module)


def _saved_edits(log: Log, root: Path, notebook: str | None) -> dict[str, Unit]:
    """Definitions in the saved notebook that differ from what last ran, where the file is newer than the execution."""
    if log.namespace is None or not notebook or not (root / notebook).is_file():
        return {}
    saved_at = (root / notebook).stat().st_mtime
    try:
        saved = {cell.cell_id: cell for cell in read_notebook(root / notebook) if cell.cell_id is not None}
    except NbopsError:
        return {}  # a file that is being written just now; the executions are what counts
    latest = {cell.cell_id: cell for cell in log.cells if cell.cell_id is not None}
    edits: dict[str, Unit] = {}
    for cell_id, ran in latest.items():
        edited = saved.get(cell_id)
        if (
            edited is None
            or is_same_source(ran.source, edited.source)
            or ran.ended_at is None
            or ran.ended_at > saved_at
        ):
            continue
        before = {name: ast.dump(u.node) for u in analyse(ran.source).units for name in u.binds}
        for unit in analyse(edited.source).units:
            if unit.kind in {"function", "class"}:
                edits |= {n: unit for n in unit.binds if n in before and before[n] != ast.dump(unit.node)}
    return edits


def _carry_over(closure: Closure, names: Sequence[str], module: str, held: ModuleVersion | None) -> Closure | None:
    """Keep what the module already offers and what is not named now."""
    own = [key for key, imported in closure.imports.items() if imported.alias.module == module]
    own_names = [closure.imports.pop(key).alias.attribute or "" for key in own]
    if held is None:
        for name in own_names:
            closure.block(
                Blocker(
                    name=name, kind="undefined", reason=f"is imported from {module} itself, which nbops did not write"
                )
            )
        return None
    bound = {name for step in closure.steps for name in step.unit.binds}
    wanted = [d.name for d in held.definitions if d.requested and d.name not in bound and d.name not in names]
    wanted += [name for name in own_names if name not in bound and name not in wanted]
    if not wanted:
        return None
    log = Log([SourceCell(index=-1, source=held.source)])
    kept = close(wanted, log, star_names=lambda _: None)
    offset = len(log.steps) + 1
    for step in list(kept.steps):
        if not (step.unit.binds & bound and step.unit.binds):
            closure.steps[Step(step.position - offset, step.unit, step.cell)] = None
    for (name, position), imported in kept.imports.items():
        if imported.alias.bound not in bound:
            closure.imports.setdefault((name, position - offset), Imported(imported.alias, position - offset))
    return kept


def _ranks(held: ModuleVersion) -> dict[str, int]:
    """Where names and texts stand in the version before, so that an update leaves the others in their places."""
    ranks: dict[str, int] = {}
    for place, unit in enumerate(analyse(held.source).units):
        ranks.setdefault(unit.bare, place)
        for name in unit.binds:
            ranks.setdefault(name, place)
    return ranks


def _definitions(plan: Plan, held: ModuleVersion | None) -> list[Definition]:
    before = {d.name: d for d in held.definitions} if held is not None else {}
    told = {told.name for told in plan.told_apart}
    found: list[Definition] = []
    for step in plan.steps:
        kind = step.unit.kind if step.unit.kind in {"function", "class"} else "value"
        for name in sorted(step.unit.binds):
            digest = hashlib.sha256(plan.carried.texts.get(step, step.unit.text).encode()).hexdigest()
            if step.cell.index < 0 and name in before:
                found.append(msgspec.structs.replace(before[name], digest=digest, is_told_apart=name in told))
                continue
            found.append(
                Definition(
                    name=name, kind=kind, digest=digest, execution_id=step.cell.execution_id, cell_id=step.cell.cell_id,
                    cell=step.cell.label if step.cell.source else None,
                    requested=name in plan.closure.requested or (name in before and before[name].requested),
                    is_told_apart=name in told,
                )
            )  # fmt: skip
    for imported in sorted(plan.closure.imports.values(), key=lambda i: i.alias.bound):
        statement = imported.alias.statement()
        digest = hashlib.sha256(statement.encode()).hexdigest()
        found.append(Definition(name=imported.alias.bound, kind="import", digest=digest))
    unique = {d.name: d for d in found}  # a name bound twice is known by its last definition
    return list(unique.values())


def refuse_doubts(closure: Closure) -> None:
    """Let what may have been changed stand in the way, where nothing has shown that it was not."""
    for blocker in closure.doubts.values():
        closure.block(blocker)

"""The story of an export: plan, prove, number, write."""

from __future__ import annotations

import ast
import difflib
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from nbops.clean import ImportReport, import_alone, public_names
from nbops.clean.child import canonical, short
from nbops.errors import ExtractError, NbopsError, UsageError
from nbops.extract.carry import Carried, carry, write_artifacts
from nbops.extract.closure import Blocker, Closure, Imported, close
from nbops.extract.emit import imported_modules, module_text, ordered
from nbops.extract.files import (
    checked_name,
    module_path,
    only_one,
    search_folders,
    source_folder,
    write_module,
)
from nbops.extract.log import Log, Step
from nbops.extract.recording import forget, recorded_calls, run_tests, write_tests
from nbops.extract.standing import homes
from nbops.extract.versions import current, digest_of, edited_error, history, next_version, other_modules, what_changed
from nbops.masking import masker_of
from nbops.masking.marks import is_same_source
from nbops.progress import stage
from nbops.records import Definition, ModuleVersion, new_id
from nbops.settings import load_settings
from nbops.source import SourceCell, Unit, analyse, read_notebook
from nbops.store.interface import Store


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an export would write, and what is in its way."""

    module: str
    path: str
    """Relative to the project."""
    source: str
    """The module's text; what could be written of it when there are blockers."""
    definitions: list[Definition]
    blockers: list[Blocker]
    notes: list[str]
    version: str
    """The number it would get."""
    change: Literal["first", "major", "minor", "patch", "none"]
    reasons: list[str]
    """Why that number."""
    diff: str
    """Against the version that the file holds now, as a unified diff."""
    provenance: Literal["live", "static"]
    is_proven: bool
    """Whether it was imported in a clean process."""
    replacement: str
    """The import line that can take the place of the cell's code."""


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


def extract(
    names: Sequence[str],
    *,
    cells: Sequence[SourceCell],
    to: str,
    root: Path,
    store: Store,
    namespace: Mapping[str, object] | None = None,
    run_id: str | None = None,
    notebook: str | None = None,
    parameters: Sequence[str] = (),
    pins: Sequence[str] = (),
    definition: Mapping[str, str] | None = None,
    only: bool = False,
    overwrite: bool = False,
    accept: bool = False,
    with_tests: bool = False,
) -> ModuleVersion:
    """Write functions and classes of a notebook, with everything they need, to a module that is proven to work.

    Args:
        names: functions, classes or constants.
        cells: recorded executions in the order they ran, or a notebook's cells.
        to: dotted name of the module; it keeps what it has of earlier exports.
        root: the project's folder.
        store: where the version is kept.
        namespace: the live objects, to hold the text against; None without a kernel.
        run_id: the run that the executions belong to.
        notebook: path of the notebook, relative to the project.
        parameters: global data that functions shall be given as keyword arguments.
        pins: global data that shall be kept by hash and loaded when it is first needed.
        definition: name → ``last``, ``live`` or ``saved``, where these differ.
        only: whether the module shall lose what is not named now.
        overwrite: whether edits made in the module's file may be lost.
        accept: whether recorded calls may give other results than before; those that do are dropped.
        with_tests: whether to write the pytest file that replays recorded calls; ``record`` records them.

    Returns:
        The version; the one there was, if nothing changed.

    Raises:
        ExtractError: something cannot honestly leave the notebook; every reason is named, and nothing was written.
        ConflictError: the file holds edits, or something else than what nbops wrote.
        UsageError: the call makes no sense; the message shows one that does.
    """
    module = checked_name(to)
    with stage(f"Extract {', '.join(names)}", total=3) as now, only_one(root, module):
        held, state = _kept(store, root, module)
        if state == "edited" and not overwrite:
            raise edited_error(root, module, held)
        now.say("find what they need")
        plan = make_plan(
            names, cells=cells, module=module, root=root, namespace=namespace, notebook=notebook, parameters=parameters,
            pins=pins, definition=definition, held=None if only else held, others=other_modules(store, root, module),
        )  # fmt: skip
        now.advance(note="import it alone in a clean process")
        if not plan.blockers:
            prove(plan, root=root, notebook=notebook, namespace=namespace)
        refuse_blocked(plan.blockers, names)
        _note_copies(plan, store)
        now.advance(note="write")
        version = version_of(plan, store, held, root, namespace, run_id, notebook)
        write_artifacts(module_path(root, module).parent, plan.carried.artifacts)
        if held is None or held.digest != version.digest:
            _replay(plan, root, accept=accept)
        store_version(store, version)
        if with_tests:
            write_tests(root, module)
        write_module(root, module, version.source)
        now.advance(note=f"{module} {version.version}")
    return version


def preview(
    names: Sequence[str],
    *,
    cells: Sequence[SourceCell],
    to: str,
    root: Path,
    store: Store,
    namespace: Mapping[str, object] | None = None,
    notebook: str | None = None,
    parameters: Sequence[str] = (),
    pins: Sequence[str] = (),
    definition: Mapping[str, str] | None = None,
    only: bool = False,
    proof: bool = False,
) -> Preview:
    """Tell what ``extract`` would write, without writing anything.

    Args:
        proof: whether to import it in a clean process too, which takes as long as its libraries take to import.
        names, cells, to, root, store, namespace, notebook, parameters, pins, definition, only: as for ``extract``.

    Returns:
        The module's text with every blocker and note.

    Raises:
        UsageError: the call makes no sense.
    """
    module = checked_name(to)
    held, state = _kept(store, root, module)
    plan = make_plan(
        names, cells=cells, module=module, root=root, namespace=namespace, notebook=notebook, parameters=parameters,
        pins=pins, definition=definition, held=None if only else held, others=other_modules(store, root, module),
    )  # fmt: skip
    if proof and not plan.blockers:
        prove(plan, root=root, notebook=notebook, namespace=namespace)
    _note_copies(plan, store)
    if state == "edited":
        plan.notes.append(str(edited_error(root, module, held)))
    number, change, reasons = _numbered(plan.source, store, held, module)
    old = held.source if held is not None else ""
    path = module_path(root, module).relative_to(root).as_posix()
    return Preview(
        module=module,
        path=path,
        source=plan.source,
        definitions=plan.definitions,
        blockers=plan.blockers,
        notes=plan.notes,
        version=number,
        change=change,
        reasons=reasons,
        diff="".join(difflib.unified_diff(_lines(old), _lines(plan.source), f"{path} (now)", f"{path} (new)")),
        provenance="static" if namespace is None else "live",
        is_proven=plan.report is not None and not plan.blockers,
        replacement=replacement(module, names),
    )


def _kept(store: Store, root: Path, module: str) -> tuple[ModuleVersion | None, str]:
    """The version that an export builds on; where somebody deleted the file, it starts anew."""
    held, state = current(store, root, module)
    return (None if state == "missing" else held), state


def _note_copies(plan: Plan, store: Store) -> None:
    """A class that stands in two modules is two classes, which no instance of the other will be equal to."""
    classes = {d.digest: d.name for d in plan.definitions if d.kind == "class"}
    seen: set[str] = set()
    for version in store.find(ModuleVersion, order_by="-id") if classes else ():
        if version.module in seen or version.module == plan.module:
            continue
        seen.add(version.module)
        for name in [classes[d.digest] for d in version.definitions if d.digest in classes]:
            plan.notes.append(f"{name} stands in {version.module} too; instances of one copy are not of the other")


def replacement(module: str, names: Sequence[str]) -> str:
    """Write the import line that can take the place of the cell's code.

    Example:
        >>> replacement("churn.features", ["build", "train"])
        'from churn.features import build, train'
    """
    return f"from {module} import {', '.join(names)}"


# Plan.


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
        _refuse_doubts(closure)
    carried = _carry_over(closure, names, module, held)
    plan = Plan(module, closure, "", [], closure.notes, header)
    plan.parameters = sorted(set(parameters) & set(closure.cut))
    plan.carried = carry(closure, parameters, pins, namespace)
    plan.steps = ordered(closure, _ranks(held) if held is not None else {})
    plan.write()
    plan.definitions = _definitions(plan, held if carried is not None else None)
    for name in sorted({*parameters, *pins} - set(closure.cut)):
        if not any(blocker.name == name for blocker in closure.blockers):
            plan.notes.append(f"{name} is not read by what was extracted")
    return plan


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
    found: list[Definition] = []
    for step in plan.steps:
        kind = step.unit.kind if step.unit.kind in {"function", "class"} else "value"
        for name in sorted(step.unit.binds):
            digest = hashlib.sha256(plan.carried.texts.get(step, step.unit.text).encode()).hexdigest()
            if step.cell.index < 0 and name in before:
                found.append(msgspec.structs.replace(before[name], digest=digest))
                continue
            found.append(
                Definition(
                    name=name, kind=kind, digest=digest, execution_id=step.cell.execution_id, cell_id=step.cell.cell_id,
                    requested=name in plan.closure.requested or (name in before and before[name].requested),
                )
            )  # fmt: skip
    for imported in sorted(plan.closure.imports.values(), key=lambda i: i.alias.bound):
        statement = imported.alias.statement()
        digest = hashlib.sha256(statement.encode()).hexdigest()
        found.append(Definition(name=imported.alias.bound, kind="import", digest=digest))
    unique = {d.name: d for d in found}  # a name bound twice is known by its last definition
    return list(unique.values())


# Prove.


def prove(plan: Plan, *, root: Path, notebook: str | None, namespace: Mapping[str, object] | None) -> None:
    """Import the module alone in a clean process and add whatever that shows to the blockers."""
    report = _imported_alone(plan, root, notebook)
    if report.submodules and not report.error:
        # In the notebook another import had loaded these; here each needs its own.
        wanted = [name for name in report.submodules if not any(o.startswith(f"{name}.") for o in report.submodules)]
        for name in wanted:
            plan.notes.append(f"`import {name}` was added: in the notebook something else had imported it")
        plan.write(extra_imports=[f"import {name}" for name in wanted])
        report = _imported_alone(plan, root, notebook)
    plan.report = report
    _say_report(plan, report)
    _note_neighbours(plan, root, notebook)
    if namespace is not None and not plan.blockers:
        _compare_values(plan, report, namespace)
        _refuse_doubts(plan.closure)


def _note_neighbours(plan: Plan, root: Path, notebook: str | None) -> None:
    """Modules that only a notebook in the same folder can import are not there for everybody who imports this one."""
    folder = (root / notebook).parent if notebook else root
    if folder.absolute() in {root.absolute(), source_folder(root).absolute()}:
        return
    for name in imported_modules(plan.source):
        if (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file():
            plan.notes.append(f"{name} is found beside the notebook; put {folder} on the path of whoever imports this")


def _imported_alone(plan: Plan, root: Path, notebook: str | None) -> ImportReport:
    constants = [d.name for d in plan.definitions if d.kind == "value"]
    return import_alone(plan.module, plan.source, search=search_folders(root, notebook), constants=constants)


def _say_report(plan: Plan, report: ImportReport) -> None:
    closure, source = plan.closure, plan.source.split("\n")

    def block(name: str, reason: str, cures: Sequence[str] = ()) -> None:
        closure.block(Blocker(name=name, kind="proof", reason=reason, cures=list(cures)))

    for missing in report.missing:
        statement, _, why = missing.partition(": ")
        distribution = statement.split()[1].partition(".")[0]
        block(statement, f"fails in a clean process: {why}", [f"pip install {distribution}"])
    if report.error is not None and not report.effects:
        where = f" (`{source[report.line - 1].strip()}`)" if report.line else ""
        block(plan.module, f"cannot be imported: {report.error}{where}")
    for name, functions in report.unresolved.items():
        block(name, f"is looked up by {', '.join(functions)} and is not in the module")
    for effect in report.effects:
        where = f", in `{source[effect.line - 1].strip()}`" if effect.line else ""
        block(plan.module, f"does work when it is imported: it {effect.what}{where}")
    for dotted in report.absent:
        plan.notes.append(
            f"{dotted} does not exist in the installed version; what looks it up will fail, as it does in the notebook"
        )
    plan.notes.extend(
        f"{name}, imported when a function is called, is not installed here" for name in report.later_missing
    )


def _compare_values(plan: Plan, report: ImportReport, namespace: Mapping[str, object]) -> None:
    """Hold the module's constants against the live ones: something may have changed them where nobody could see."""
    for name, text in report.values.items():
        live = canonical(namespace.get(name)) if name in namespace else None
        if text is not None and text == live:
            plan.closure.doubts.pop(name, None)
            continue
        is_final = name in plan.closure.final
        if text is None or live is None or name in plan.closure.state | plan.closure.doubts.keys() or not is_final:
            continue
        plan.closure.block(
            Blocker(
                name=name,
                kind="changed",
                reason=f"is {short(namespace[name])} in the session, but its text makes {report.shown[name]}",
                cures=[f"--parameter {name}", f"--pin {name}", "run its cell again"],
            )
        )


def _refuse_doubts(closure: Closure) -> None:
    for blocker in closure.doubts.values():
        closure.block(blocker)


def refuse_blocked(blockers: Sequence[Blocker], names: Sequence[str]) -> None:
    """Raise one error that names every blocker, its cell and its cure."""
    if not blockers:
        return
    lines = [f"{', '.join(names)} cannot leave the notebook yet; nothing was written:"]
    for blocker in blockers:
        where = f" ({blocker.cell})" if blocker.cell else ""
        by = f", needed by {blocker.needed_by}" if blocker.needed_by and blocker.needed_by != blocker.name else ""
        lines.append(f"  {blocker.name}{where} {blocker.reason}{by}")
        for choice, text in blocker.choices.items():
            lines += [f"    {choice}:", *(f"      {line}" for line in text.split("\n"))]
        if blocker.cures:
            lines.append(f"    cure: {' or '.join(blocker.cures)}")
    cures = [blocker.cures[0] for blocker in blockers if blocker.cures and blocker.cures[0].startswith("--")]
    hint = f"nbops extract {' '.join([*names, *dict.fromkeys(cures)])} …" if cures else None
    raise ExtractError("\n".join(lines), code="blocked", hint=hint)


# Number and keep.


def _numbered(
    source: str, store: Store, held: ModuleVersion | None, module: str
) -> tuple[str, Literal["first", "major", "minor", "patch", "none"], list[str]]:
    versions = history(store, module)
    same = next((v for v in versions if v.digest == digest_of(source)), None)
    if same is not None:
        return same.version, "none", []
    if not versions:
        return "1.0.0", "first", []
    try:
        change, reasons = what_changed((held or versions[0]).source, source)
    except SyntaxError:  # a preview of what is blocked may not be whole
        return next_version(versions, "patch"), "patch", []
    return next_version(versions, change), change, reasons


def version_of(
    plan: Plan,
    store: Store,
    held: ModuleVersion | None,
    root: Path,
    namespace: Mapping[str, object] | None,
    run_id: str | None,
    notebook: str | None,
) -> ModuleVersion:
    digest = digest_of(plan.source)
    for version in history(store, plan.module):
        if version.digest == digest:
            return version
    number, _, _ = _numbered(plan.source, store, held, plan.module)
    fields: dict[str, Any] = {
        "module": plan.module,
        "version": number,
        "digest": digest,
        "path": module_path(root, plan.module).relative_to(root).as_posix(),
        "source": plan.source,
        "definitions": plan.definitions,
        "provenance": "static" if namespace is None else "live",
        "run_id": run_id,
        "notebook": notebook,
        "notes": plan.notes,
        "parameters": plan.parameters,
        "pins": plan.carried.pins,
        "created_at": time.time(),
    }
    return ModuleVersion(id=new_id(), **fields)


def store_version(store: Store, version: ModuleVersion) -> None:
    """Make a version known, before its file is written.

    A kill between the two leaves the old file whole; exporting again finds the version by its content and goes on.
    """
    if not any(known.id == version.id for known in history(store, version.module)):
        store.put(version)


def _replay(plan: Plan, root: Path, *, accept: bool) -> None:
    """Replay the module's recorded calls on its new text before anything is replaced."""
    if not recorded_calls(root, plan.module):
        return
    report = run_tests(plan.module, root=root, source=plan.source)
    if report.failed and accept:
        forget(root, plan.module, report.failed)
    elif report.failed:
        raise ExtractError(
            f"{plan.module} no longer gives what it gave when {', '.join(report.failed)} was recorded; nothing was "
            f"replaced:\n{report.output}",
            code="recorded_calls",
            hint=f"nbops extract … --to {plan.module} --accept, if the new results are right",
        )


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)

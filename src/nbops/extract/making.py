"""The story of an export: plan, prove, number, write."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from nbops.errors import ExtractError
from nbops.extract.carry import written_artifacts
from nbops.extract.files import checked_name, module_path, only_one, uninterrupted, write_module
from nbops.extract.needs import Blocker
from nbops.extract.planning import Plan, make_plan
from nbops.extract.proving import prove, refuse_blocked
from nbops.extract.replaying import forget, recorded_calls, run_tests, write_tests
from nbops.extract.versions import current, digest_of, edited_error, history, next_version, other_modules, what_changed
from nbops.progress import stage
from nbops.records import Definition, ModuleVersion, new_id
from nbops.source import SourceCell
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


@dataclass(frozen=True, kw_only=True)
class Request:
    """What shall leave a notebook, for which module, and what it is read from."""

    names: Sequence[str]
    """Functions, classes or constants."""
    to: str
    """Dotted name of the module; it keeps what it has of earlier exports."""
    cells: Sequence[SourceCell]
    """Recorded executions in the order they ran, or a notebook's cells."""
    namespace: Mapping[str, object] | None = None
    """The live objects, to hold the text against; None without a kernel."""
    run_id: str | None = None
    """The run that the executions belong to."""
    notebook: str | None = None
    """Path of the notebook, relative to the project."""
    parameters: Sequence[str] = ()
    """Global data that functions shall be given as keyword arguments."""
    pins: Sequence[str] = ()
    """Global data that shall be kept by hash and loaded when it is first needed."""
    definition: Mapping[str, str] | None = None
    """Name → ``last``, ``live`` or ``saved``, where these differ."""
    only: bool = False
    """Whether the module shall lose what is not named now."""

    @property
    def module(self) -> str:
        """The module's name, which can be imported and hides nothing.

        Raises:
            UsageError: it is not a dotted name, or its package is one of Python's own.
        """
        return checked_name(self.to)

    def plan(self, held: ModuleVersion | None, *, root: Path, store: Store) -> Plan:
        """Find what the names need and write the module's text; ``held`` is the version that the file holds."""
        return make_plan(
            self.names, cells=self.cells, module=self.module, root=root, namespace=self.namespace,
            notebook=self.notebook, parameters=self.parameters, pins=self.pins, definition=self.definition,
            held=None if self.only else held, others=other_modules(store, root, self.module),
        )  # fmt: skip

    def prove(self, plan: Plan, *, root: Path) -> None:
        """Import the planned module alone in a clean process, unless something is in its way already."""
        if not plan.blockers:
            prove(plan, root=root, notebook=self.notebook, namespace=self.namespace)


def extract(
    request: Request,
    *,
    root: Path,
    store: Store,
    overwrite: bool = False,
    accept: bool = False,
    with_tests: bool = False,
) -> ModuleVersion:
    """Write functions and classes of a notebook, with everything they need, to a module that is proven to work.

    Args:
        request: what, where to, and read from what.
        root: the project's folder.
        store: where the version is kept.
        overwrite: whether edits made in the module's file may be lost.
        accept: whether recorded calls may give other results than before; those that do are dropped.
        with_tests: whether to write the pytest file that replays recorded calls; ``record`` records them.

    Returns:
        The version; the one there was, if nothing changed.

    Raises:
        KeyboardInterrupt: somebody ended it; nothing was written.
        ExtractError: something cannot honestly leave the notebook; every reason is named, and nothing was written.
        ConflictError: the file holds edits, or something else than what nbops wrote.
        UsageError: the call makes no sense; the message shows one that does.
    """
    module = request.module
    with stage(f"Extract {', '.join(request.names)}", total=3) as now, only_one(root, module):
        held, state = _kept(store, root, module)
        if state == "edited" and not overwrite:
            raise edited_error(root, module, held)
        now.say("find what they need")
        plan = request.plan(held, root=root, store=store)
        now.advance(note="import it alone in a clean process")
        request.prove(plan, root=root)
        refuse_blocked(plan.blockers, request.names)
        _note_for_readers(plan, store)
        version = version_of(plan, store, held, root, request.namespace, request.run_id, request.notebook)
        now.advance(note="replay what was recorded")
        with written_artifacts(module_path(root, module).parent, plan.carried.artifacts):
            if held is None or held.digest != version.digest:
                _replay(plan, root, accept=accept)
            now.say("write")  # the last moment to cancel it
            with uninterrupted():
                store_version(store, version)
                if with_tests:
                    write_tests(root, module)
                write_module(root, module, version.source)
        now.done, now.note = 3, f"{module} {version.version}"  # not told, lest it be cancelled after it was done
    return version


def preview(request: Request, *, root: Path, store: Store, proof: bool = False) -> Preview:
    """Tell what ``extract`` would write, without writing anything.

    Args:
        request: what, where to, and read from what.
        root: the project's folder.
        store: where versions are kept.
        proof: whether to import it in a clean process too, which takes as long as its libraries take to import.

    Returns:
        The module's text with every blocker and note.

    Raises:
        UsageError: the call makes no sense.
    """
    module = request.module
    held, state = _kept(store, root, module)
    plan = request.plan(held, root=root, store=store)
    if proof:
        with stage(f"Import {module} alone in a clean process"):
            request.prove(plan, root=root)
    _note_for_readers(plan, store)
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
        provenance="static" if request.namespace is None else "live",
        is_proven=plan.report is not None and not plan.blockers,
        replacement=replacement(module, request.names, plan.definitions),
    )


def _kept(store: Store, root: Path, module: str) -> tuple[ModuleVersion | None, str]:
    """The version that an export builds on; where somebody deleted the file, it starts anew."""
    held, state = current(store, root, module)
    return (None if state == "missing" else held), state


def _note_for_readers(plan: Plan, store: Store) -> None:
    """Say what the module's text does not."""
    plan.notes.extend(plan.left_out)
    plan.notes.extend(told.note(plan.module) for told in plan.told_apart)
    _note_copies(plan, store)


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


def replacement(module: str, names: Sequence[str], definitions: Sequence[Definition]) -> str:
    """Write the import line that can take the place of the cell's code.

    Args:
        module: its dotted name.
        names: what the person asked for.
        definitions: what the module has; what its functions tell from a copy of it has to be the notebook's, too.

    Example:
        >>> replacement("churn.features", ["build", "train"], [])
        'from churn.features import build, train'
    """
    told = [d.name for d in definitions if d.is_told_apart and d.name not in names]
    return f"from {module} import {', '.join([*names, *told])}"


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

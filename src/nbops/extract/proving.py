"""The proof of a module: imported alone in a clean process, its values held against the live ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nbops.clean import ImportReport, import_alone
from nbops.clean.child import canonical, short
from nbops.errors import ExtractError
from nbops.extract.emit import imported_modules
from nbops.extract.files import search_folders, source_folder
from nbops.extract.needs import Blocker
from nbops.extract.planning import Plan, refuse_doubts


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
        refuse_doubts(plan.closure)


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

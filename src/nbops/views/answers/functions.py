"""Views of modules taken from notebooks."""

from __future__ import annotations

from collections.abc import Sequence

from nbops.extract import Built, ModuleState, Preview, Pulled, TestReport
from nbops.records import Definition, ModuleVersion
from nbops.views.answers.dispatch import list_of, view_of
from nbops.views.answers.values import bounded, when
from nbops.views.parts import Code, Facts, Heading, Note, Part, Table


@list_of(ModuleVersion)
def _modules(answer: Sequence[ModuleVersion]) -> list[Part]:
    rows = [
        [
            version.module,
            version.version,
            ", ".join(part.name for part in version.definitions if part.requested),
            version.path,
            when(version.created_at),
            version.provenance,
        ]
        for version in answer
    ]
    return [Table(["module", "version", "functions", "file", "made", "from"], rows)]


@list_of(ModuleState)
def _module_states(answer: Sequence[ModuleState]) -> list[Part]:
    rows = [
        [
            state.module,
            state.version if state.version == state.latest else f"{state.version} (newest {state.latest})",
            state.state,
            ", ".join(state.functions),
            state.path,
            when(state.created_at),
        ]
        for state in answer
    ]
    return [Table(["module", "version", "file", "functions", "path", "made"], rows, status=frozenset({2}))]


@list_of(Pulled)
def _pulled(answer: Sequence[Pulled]) -> list[Part]:
    parts: list[Part] = []
    for part in answer:
        parts.append(Heading(part.name, "edited in the notebook too: look at both" if part.is_conflict else ""))
        parts.append(Code(bounded(part.diff), "diff"))
    return parts


@view_of.register
def _(answer: ModuleVersion) -> list[Part]:
    names = ", ".join(part.name for part in answer.definitions if part.requested)
    asked = _with_cells([part for part in answer.definitions if part.requested])
    needed = _with_cells([part for part in answer.definitions if not part.requested and part.kind != "import"])
    return [
        Heading(f"{answer.module} {answer.version}", answer.path),
        Note(f"{asked}, with {needed}" if needed else asked, "plain"),
        Note(f"use it with: from {answer.module} import {names}", "plain"),
        *(Note(note, "busy") for note in answer.notes),
    ]


def _with_cells(definitions: Sequence[Definition]) -> str:
    return ", ".join(f"{part.name} ({part.cell})" if part.cell else part.name for part in definitions)


@view_of.register
def _(answer: Preview) -> list[Part]:
    why = f"{answer.change}: {'; '.join(answer.reasons)}" if answer.reasons else answer.change
    parts: list[Part] = [Heading(f"{answer.module} {answer.version}", f"{answer.path}, {why}")]
    parts += [Note(f"{blocker}", "bad") for blocker in answer.blockers]
    parts += [Note(note, "busy") for note in answer.notes]
    parts.append(Code(answer.source, "python"))
    return parts


@view_of.register
def _(answer: TestReport) -> list[Part]:
    facts = [("passed", str(answer.passed)), ("failed", str(len(answer.failed))), ("skipped", str(answer.skipped))]
    parts: list[Part] = [Heading(f"Recorded calls of {answer.module}"), Facts(facts)]
    return [*parts, Code(bounded(answer.output))] if answer.failed else parts


@view_of.register
def _(answer: Built) -> list[Part]:
    facts = [("wheel", answer.wheel), ("source", answer.sdist), ("needs", ", ".join(answer.requirements))]
    return [Heading(f"{answer.name} {answer.version}"), Facts([fact for fact in facts if fact[1]])]

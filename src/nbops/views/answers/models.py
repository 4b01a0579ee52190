"""Views of models, their checks and batch scores."""

from __future__ import annotations

from collections.abc import Sequence

from nbops.bundle.portable import Exported
from nbops.records import (
    CheckResult,
    Model,
    ModelVersion,
)
from nbops.score import Scored
from nbops.views.answers.dispatch import list_of, view_of
from nbops.views.answers.values import short, size, when
from nbops.views.parts import Facts, Heading, Note, Part, Table


@list_of(ModelVersion)
def _models(answer: Sequence[ModelVersion]) -> list[Part]:
    rows = [
        [
            f"{version.model}@{version.number}",
            version.type_name.rpartition(".")[2],
            version.flavour,
            str(len(version.signature.columns)),
            short(version.run_id),
            when(version.created_at),
        ]
        for version in answer
    ]
    notes = [Note(f"{version.model}@{version.number}: {note}", "plain") for version in answer for note in version.notes]
    return [Table(["model", "type", "flavour", "columns", "run", "made"], rows, frozenset({3})), *notes]


@list_of(CheckResult)
def _checks(answer: Sequence[CheckResult]) -> list[Part]:
    rows = [[result.check, result.verdict, result.message] for result in answer]
    return [Table(["check", "verdict", "what was found"], rows, status=frozenset({1}))]


@view_of.register
def _(answer: Model) -> list[Part]:
    aliases = ", ".join(f"{alias} → @{number}" for alias, number in answer.aliases.items())
    return [Heading(f"Model {answer.name}"), Note(aliases or "no alias yet", "plain")]


@view_of.register
def _(answer: Scored) -> list[Part]:
    facts = [("rows", f"{answer.rows:,}"), ("refused", f"{answer.refused:,}" if answer.refused else "")]
    facts.append(("answered before", f"{answer.resumed:,}" if answer.resumed else ""))
    return [Heading("Scored", answer.path), Facts([fact for fact in facts if fact[1]])]


@view_of.register
def _(answer: Exported) -> list[Part]:
    is_reduced = answer.precision != "float32"
    graph = size(answer.size_bytes) + (f" ({size(answer.float32_bytes)} in float32)" if is_reduced else "")
    facts = [
        ("folder", f"{answer.path}, {size(answer.folder_bytes)}"),
        ("model.onnx", f"{answer.precision}, {graph}"),
        (
            "memory",
            "" if answer.peak_memory_bytes is None else f"{size(answer.peak_memory_bytes)} at most, with Python",
        ),
        ("proven on", f"{answer.rows:,} rows of the notebook"),
        ("difference", f"{answer.worst:.1e} at most, {answer.tolerance:g} allowed"),
    ]
    notes = [Note(f"python {answer.path}/predict.py --self-test")]
    if answer.has_page:
        notes.append(Note(f"python -m http.server --bind 127.0.0.1 --directory {answer.path}  # the page"))
    return [Heading("Exported", answer.model), Facts([fact for fact in facts if fact[1]]), *notes]

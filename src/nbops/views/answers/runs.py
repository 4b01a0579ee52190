"""Views of runs, cells, fits and comparisons."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nbops.flows.compare import Comparison
from nbops.flows.download import Downloaded
from nbops.flows.outputs import ShownOutputs
from nbops.flows.plot import Plotted
from nbops.flows.show import Page, Trust
from nbops.keep import Collected
from nbops.lineage import CellState
from nbops.records import (
    Artifact,
    CellExecution,
    Fit,
    Metric,
    Run,
    Score,
    Seen,
)
from nbops.store.interface import RunSummary
from nbops.views.answers.dispatch import list_of, view_of
from nbops.views.answers.lineage import reproductions
from nbops.views.answers.values import (
    bounded,
    bounded_params,
    first_line,
    most_common,
    most_telling,
    number,
    seconds,
    short,
    side_by_side,
    size,
    took,
    when,
)
from nbops.views.parts import Code, Facts, Heading, Note, Part, Table


@list_of(RunSummary)
def _runs(answer: Sequence[RunSummary]) -> list[Part]:
    metrics = most_common(name for row in answer for name in row.metrics)
    params = most_telling(row.params for row in answer)
    columns = ["run", "name", "status", "started", "took", "cells", *params, *metrics]
    rows = [
        [
            short(row.run.id),
            row.run.name,
            row.run.status,
            when(row.run.started_at),
            seconds(row.run.started_at, row.run.ended_at),
            str(row.cells),
            *(number(row.params.get(name)) for name in params),
            *(number(row.metrics.get(name)) for name in metrics),
        ]
        for row in answer
    ]
    return [Table(columns, rows, numeric=frozenset(range(4, len(columns))), status=frozenset({2}))]


def run_fields(answer: Sequence[RunSummary]) -> list[str]:
    """Say by which field each column of a list of runs is sorted, as ``runs --order-by`` takes it; empty for none."""
    metrics = most_common(name for row in answer for name in row.metrics)
    params = most_telling(row.params for row in answer)
    named = [("params", name) for name in params] + [("metrics", name) for name in metrics]
    values = [f"{area}.`{name.replace('`', '``')}`" for area, name in named]
    return ["", "name", "status", "started_at", "", "", *values]


@list_of(Run)
def _run_records(answer: Sequence[Run]) -> list[Part]:
    rows = [
        [short(run.id), run.name, run.status, when(run.started_at), when(run.archived_at), when(run.deleted_at)]
        for run in answer
    ]
    return [Table(["run", "name", "status", "started", "archived", "deleted"], rows, status=frozenset({2}))]


@list_of(CellExecution)
@list_of(CellState)
def _cells(answer: Sequence[CellExecution]) -> list[Part]:
    rows = [
        [
            str(cell.position),
            "" if cell.execution_count is None else f"[{cell.execution_count}]",
            cell.status,
            seconds(cell.started_at, cell.ended_at) if cell.ended_at or cell.status == "running" else "",
            first_line(cell.source),
            _shown_by(cell),
            f"{cell.error.name}: {cell.error.message}" if cell.error else "",
            cell.marks if isinstance(cell, CellState) else "",
        ]
        for cell in answer
    ]
    columns = ["", "count", "status", "took", "source", "shows", "error", "since then"]
    return [Table(columns, rows, frozenset({0, 3}), frozenset({2}))]


def _shown_by(cell: CellExecution) -> str:
    """What it has displayed beside text: ``png, html``."""
    kinds = cell.outputs.media_types if cell.outputs is not None else []
    names = [kind.partition("/")[2].removeprefix("vnd.").partition("+")[0] for kind in kinds if kind != "text/plain"]
    return ", ".join(names)


@list_of(ShownOutputs)
def _outputs(answer: Sequence[ShownOutputs]) -> list[Part]:
    parts: list[Part] = []
    for shown in answer:
        execution = shown.execution
        parts.append(Heading(f"Cell {short(execution.id)}", f"{when(execution.started_at)}, {execution.status}"))
        if execution.outputs is not None and execution.outputs.text:
            parts.append(Code(bounded(execution.outputs.text)))
        if shown.outputs:
            parts.append(_artifacts(shown.outputs))
        if execution.outputs is not None and execution.outputs.left_out:
            parts.append(Note(f"{execution.outputs.left_out} more displays were not kept", "busy"))
    return parts


@list_of(Artifact)
def _artifact_list(answer: Sequence[Artifact]) -> list[Part]:
    return [_artifacts(answer)]


def _artifacts(answer: Sequence[Artifact]) -> Table:
    rows = [[short(one.id), one.name, one.media_type, size(one.size_bytes), one.kind] for one in answer]
    return Table(["artifact", "name", "type", "size", ""], rows, frozenset({3}))


@list_of(Downloaded)
def _downloaded(answer: Sequence[Downloaded]) -> list[Part]:
    rows = [[one.name, one.path, size(one.size_bytes), "" if one.is_new else "was there"] for one in answer]
    return [Table(["artifact", "file", "size", ""], rows, frozenset({2}))]


@list_of(Fit)
def _fits(answer: Sequence[Fit]) -> list[Part]:
    rows = [
        [
            short(fit.id),
            fit.type_name.rpartition(".")[2] + (f" ({fit.name})" if fit.name else ""),
            fit.status,
            took(fit.took_s) + (f" in {fit.calls} calls" if fit.calls > 1 else ""),
            _seen(fit.x),
            _scores(fit.scores),
            fit.error.name if fit.error else bounded_params(fit.params),
            "" if fit.model_bytes is None else size(fit.model_bytes),
        ]
        for fit in answer
    ]
    columns = ["fit", "estimator", "status", "took", "data", "scores", "parameters", "model"]
    return [Table(columns, rows, frozenset({3, 7}), frozenset({2}))]


def _seen(data: Seen | None) -> str:
    if data is None:
        return ""
    shape = " × ".join(map(str, data.shape))
    return " ".join(part for part in (data.name or data.type.rpartition(".")[2], shape) if part)


def _scores(scores: Sequence[Score], most: int = 4) -> str:
    last = {(score.name, score.data): score for score in scores}
    said = [f"{name} {number(score.value)}" + (f" on {data}" if data else "") for (name, data), score in last.items()]
    return "; ".join(said[-most:])


@view_of.register
def _(answer: Page) -> list[Part]:
    record = answer.record
    if answer.results is not None:
        return [*view_of(answer.results), *_pictures(answer.plots)]
    if answer.noun == "Fit":
        return _fit_page(msgspec.convert(record, Fit, strict=False))
    title = record.get("name") or record.get("module") or record.get("model") or record.get("check") or ""
    parts: list[Part] = [Heading(f"{answer.noun} {title}".strip(), short(record.get("id")))]
    hidden = {"source", "traceback", "name", "id", "signature", "definitions", "process"}
    if answer.noun == "Run":
        hidden |= {"modules", "thread_pools"}
    facts = [
        (name, field_text(name, value))
        for name, value in record.items()
        if name not in hidden and value not in (None, "", [], {})
    ]
    parts.append(Facts(facts))
    if answer.params:
        parts += [Heading("Parameters"), Facts([(name, number(value)) for name, value in answer.params.items()])]
    if answer.metrics:
        parts += [Heading("Metrics"), _metrics(answer.metrics, answer.trust)]
    for title, rows in (
        ("Fits", answer.fits),
        ("Models", answer.models),
        ("Modules", answer.modules),
        ("Cells", answer.cells),
    ):
        if rows:
            parts += [Heading(title), *view_of(list(rows))]
    if imported := record.get("modules") if answer.noun == "Run" else None:
        parts += [Heading("Imported modules"), _imported(imported)]
    if answer.parts:
        rows_of_parts = [
            [short(run.id), run.name, run.status, seconds(run.started_at, run.ended_at)] for run in answer.parts
        ]
        parts += [
            Heading("Parts"),
            Table(["run", "name", "status", "took"], rows_of_parts, frozenset({3}), frozenset({2})),
        ]
    if answer.artifacts:
        parts += [Heading("Artifacts"), _artifacts(answer.artifacts)]
    models = [(name, _said_of(mark)) for name, mark in answer.trust.items() if "@" in name]
    if models:
        parts += [Heading("Trust"), Facts(models)]
    if answer.reproductions:
        parts += [Heading("Reproductions"), *reproductions(answer.reproductions)]
    if answer.environment is not None:
        environment = answer.environment
        parts.append(
            Note(f"Python {environment.python} on {environment.platform}, {len(environment.packages)} packages")
        )
    if source := record.get("source"):
        parts.append(Code(source, "python"))
    if (error := record.get("error")) and isinstance(error, dict) and error.get("traceback"):
        parts.append(Code(error["traceback"]))
    return parts


def _pictures(plots: Sequence[Artifact]) -> list[Part]:
    return [Heading("Plots"), Facts([(short(plot.id), plot.caption) for plot in plots])] if plots else []


def _imported(modules: Sequence[dict[str, Any]]) -> Table:
    rows = [[module["name"], module["version"], module["path"], module["digest"][:12]] for module in modules]
    return Table(["module", "version", "file", "sha256"], rows)


def _fit_page(fit: Fit) -> list[Part]:
    facts = [
        ("run", short(fit.run_id)),
        ("cell", short(fit.execution_id)),
        ("method", fit.method + (f", {fit.calls} calls" if fit.calls > 1 else "")),
        ("status", fit.status + (f": {fit.error.name}: {fit.error.message}" if fit.error else "")),
        ("started", when(fit.started_at)),
        ("took", took(fit.took_s)),
        ("X", _data(fit.x)),
        ("y", _data(fit.y)),
        ("model", "" if fit.model_bytes is None else f"{size(fit.model_bytes)}, sha256 {fit.model_digest}"),
    ]
    parts: list[Part] = [
        Heading(f"Fit of {fit.type_name.rpartition('.')[2]} {fit.name}".strip(), short(fit.id)),
        Facts([fact for fact in facts if fact[1]]),
        *(Note(note, "busy") for note in fit.notes),
    ]
    if fit.scores:
        rows = [
            [score.name, number(score.value), score.data, "training" if score.is_training else "", when(score.at)]
            for score in fit.scores
        ]
        parts += [Heading("Scores"), Table(["score", "value", "on", "", "computed"], rows, frozenset({1}))]
    for title, values in (("Parameters", fit.params), ("Learnt", fit.fitted)):
        if values:
            said = [(name, field_text(name, value)) for name, value in values.items()]
            parts += [Heading(title), Facts(said)]
    return parts


def _data(data: Seen | None) -> str:
    if data is None:
        return ""
    return f"{_seen(data)}, {data.type}" + (f", dataset {short(data.dataset_id)}" if data.dataset_id else "")


def field_text(name: str, value: Any) -> str:
    if name.endswith("_at") and isinstance(value, int | float):
        return when(value)
    if name.endswith("_bytes") and isinstance(value, int | float):
        return size(value)
    if name == "error" and isinstance(value, dict):
        return f"{value.get('name')}: {value.get('message')}"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return number(value)


def _metrics(metrics: Sequence[Metric], trust: Mapping[str, Trust]) -> Table:
    series: dict[str, list[Metric]] = {}
    for metric in metrics:
        series.setdefault(metric.name, []).append(metric)
    rows = [
        [
            name,
            number(values[-1].value),
            number(min(point.value for point in values)),
            number(max(point.value for point in values)),
            str(len(values)),
            _said_of(trust.get(name)),
        ]
        for name, values in series.items()
    ]
    return Table(["metric", "last", "lowest", "highest", "values", "trust"], rows, frozenset({1, 2, 3, 4}))


def _said_of(mark: Trust | None) -> str:
    if mark is None or not mark.reasons:
        return "" if mark is None else mark.verdict
    more = f" and {len(mark.reasons) - 1} more" if len(mark.reasons) > 1 else ""
    return f"{mark.verdict}: {mark.reasons[0]}{more}"


@view_of.register
def _(answer: Run) -> list[Part]:
    tags = ", ".join(f"{name}={value}" for name, value in answer.tags.items())
    facts = [("status", answer.status), ("started", when(answer.started_at)), ("tags", tags), ("note", answer.note)]
    return [Heading(f"Run {answer.name}", short(answer.id)), Facts([fact for fact in facts if fact[1]])]


@view_of.register
def _(answer: Plotted) -> list[Part]:
    parts: list[Part] = [Heading(f"Plots of {answer.of}", f"{len(answer.plots)} kept")]
    parts.append(Facts([(short(plot.id), plot.caption) for plot in answer.plots]))
    if answer.left_out:
        parts.append(Heading("Not drawn"))
        parts.append(Facts(list(answer.left_out.items())))
    parts += [Note(f"wrote {file}", "plain") for file in answer.files]
    return parts


@view_of.register
def _(answer: Collected) -> list[Part]:
    notes: list[Part] = [Note(reason, "busy") for reason in answer.kept]
    if not answer.found:
        return [Note(f"nothing to collect; the trash keeps runs for {answer.older_than_days:g} days"), *notes]
    rows = [
        [garbage.what, str(garbage.count), "" if garbage.size_bytes is None else size(garbage.size_bytes)]
        for garbage in answer.found
    ]
    title = "Removed" if answer.applied else "Would be removed"
    parts: list[Part] = [
        Heading(title, size(answer.size_bytes)),
        Table(["what", "how many", "size"], rows, frozenset({1, 2})),
    ]
    if not answer.applied:
        notes.append(Note("nothing was changed; with --apply it goes", "plain"))
    return [*parts, *notes]


@view_of.register
def _(answer: Comparison) -> list[Part]:
    columns = ["", *(f"{run.name} {short(run.id)}" for run in answer.runs)]
    groups = {
        "Parameters": answer.params,
        "Metrics": answer.metrics,
        "Runs": answer.facts,
        "Packages that differ": answer.packages,
        "Modules": answer.modules,
    }
    parts: list[Part] = [side_by_side(columns, groups)]
    for change, run in zip(answer.code, answer.runs[1:], strict=True):
        if change.diff:
            parts += [
                Heading(f"Code of {run.name}", f"against {answer.runs[0].name}"),
                Code(bounded(change.diff), "diff"),
            ]
        else:
            parts.append(Note(f"{run.name} ran the same code as {answer.runs[0].name}"))
    return parts

"""What each answer shows: one small function per type, chosen by the answer itself."""

from __future__ import annotations

import json
import math
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import singledispatch
from typing import Any

import msgspec

from nbops.bridge import Transferred
from nbops.extract import Built, ModuleState, Preview, Pulled, TestReport
from nbops.flows.compare import Comparison, Difference
from nbops.flows.demo import Journey
from nbops.flows.doctor import Finding
from nbops.flows.fire import Fired
from nbops.flows.outputs import ShownOutputs
from nbops.flows.plot import Plotted
from nbops.flows.schedules import Scheduled, ScheduleState, Unscheduled
from nbops.flows.show import Page, Trust
from nbops.keep import Collected
from nbops.lineage import CellState, Graph, GraphLink, Origin, Slice
from nbops.records import (
    Artifact,
    CellExecution,
    CheckResult,
    Compared,
    Deployment,
    Endpoint,
    Firing,
    Fit,
    Metric,
    Model,
    ModelVersion,
    ModuleVersion,
    Reproduction,
    Run,
    Schedule,
    Score,
    Secret,
    Seen,
    Sweep,
    Window,
)
from nbops.retrain.parameters import Parameter
from nbops.retrain.results import SweepResults
from nbops.score import Scored
from nbops.store.interface import RunSummary
from nbops.views.parts import TONES, Code, Facts, Heading, Note, Part, Table
from nbops.workspace import Cancelled, Prediction, RolledBack, Status, Synced

SHORT = 16
"""How many digits of an id are shown: 12 of its millisecond, the version, 3 of the millisecond's fraction."""


@singledispatch
def view_of(answer: object) -> list[Part]:
    """Describe an answer as parts; unknown types show as text.

    Example:
        >>> view_of("hello")
        [Code(text='hello', language='text')]
    """
    return [Code(str(answer))]


@view_of.register
def _(answer: list) -> list[Part]:  # type: ignore[type-arg]
    if not answer:
        return [Note("nothing here yet")]
    draw = _LISTS.get(type(answer[0]))
    return draw(answer) if draw else [Code("\n".join(str(item) for item in answer))]


# --- values -------------------------------------------------------------------------------------------------------


def short(id: str | None) -> str:
    """Cut an id to what is shown."""
    return id[:SHORT] if id else ""


def number(value: object) -> str:
    """Write a number as people read it: at most six significant digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if isinstance(value, int):
        return str(value)
    return f"{value:.6g}" if math.isfinite(value) else str(value)


def seconds(start: float, end: float | None) -> str:
    """Write how long something took or has been taking."""
    taken = (end if end is not None else time.time()) - start
    if taken < 60:
        return f"{taken:.1f} s"
    return f"{int(taken // 60)} min {int(taken % 60)} s"


def took(taken_s: float) -> str:
    """Write a duration."""
    return f"{taken_s * 1e3:.3g} ms" if taken_s < 1 else seconds(0.0, taken_s)


def when(at: float | None) -> str:
    """Write a moment in local time."""
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size(size_bytes: float) -> str:
    """Write a size in kB, MB or GB of 1000."""
    for unit in ("B", "kB", "MB"):
        if size_bytes < 1000:
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.3g} GB"


def first_line(source: str) -> str:
    """Show the first line of a cell that says something."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    return (lines[0] + (" …" if len(lines) > 1 else "")) if lines else ""


# --- lists --------------------------------------------------------------------------------------------------------


def _runs(answer: Sequence[RunSummary]) -> list[Part]:
    metrics = _most_common(name for row in answer for name in row.metrics)
    params = _most_common(name for row in answer for name in row.params)
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


def _run_records(answer: Sequence[Run]) -> list[Part]:
    rows = [
        [short(run.id), run.name, run.status, when(run.started_at), when(run.archived_at), when(run.deleted_at)]
        for run in answer
    ]
    return [Table(["run", "name", "status", "started", "archived", "deleted"], rows, status=frozenset({2}))]


def _most_common(names: Any, most: int = 4) -> list[str]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda name: (-counts[name], name))[:most]


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


def _outputs(answer: Sequence[ShownOutputs]) -> list[Part]:
    parts: list[Part] = []
    for shown in answer:
        execution = shown.execution
        parts.append(Heading(f"Cell {short(execution.id)}", f"{when(execution.started_at)}, {execution.status}"))
        if execution.outputs is not None and execution.outputs.text:
            parts.append(Code(_bounded(execution.outputs.text)))
        if shown.outputs:
            parts.append(_artifacts(shown.outputs))
        if execution.outputs is not None and execution.outputs.left_out:
            parts.append(Note(f"{execution.outputs.left_out} more displays were not kept", "busy"))
    return parts


def _artifacts(answer: Sequence[Artifact]) -> Table:
    rows = [[short(one.id), one.name, one.media_type, size(one.size_bytes), one.kind] for one in answer]
    return Table(["artifact", "name", "type", "size", ""], rows, frozenset({3}))


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


def _parameters(answer: Sequence[Parameter]) -> list[Part]:
    rows = [
        [
            parameter.name,
            parameter.type,
            parameter.source,
            ", ".join(str(choice) for choice in parameter.choices)
            if parameter.choices
            else " to ".join(number(end) for end in (parameter.low, parameter.high) if end is not None)
            + (", log" if parameter.is_log else ""),
            parameter.help,
        ]
        for parameter in answer
    ]
    return [Table(["parameter", "type", "default", "takes", ""], rows)]


def _pulled(answer: Sequence[Pulled]) -> list[Part]:
    parts: list[Part] = []
    for part in answer:
        parts.append(Heading(part.name, "edited in the notebook too: look at both" if part.is_conflict else ""))
        parts.append(Code(_bounded(part.diff), "diff"))
    return parts


def _sweeps(answer: Sequence[Sweep]) -> list[Part]:
    rows = [
        [
            short(sweep.id),
            sweep.name,
            sweep.status,
            str(sweep.total),
            sweep.objective or "",
            short(sweep.best_run_id),
            when(sweep.started_at),
            seconds(sweep.started_at, sweep.ended_at),
        ]
        for sweep in answer
    ]
    columns = ["sweep", "name", "status", "runs", "objective", "best run", "started", "took"]
    return [Table(columns, rows, frozenset({3, 7}), frozenset({2}))]


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


def _fits(answer: Sequence[Fit]) -> list[Part]:
    rows = [
        [
            short(fit.id),
            fit.type_name.rpartition(".")[2] + (f" ({fit.name})" if fit.name else ""),
            fit.status,
            took(fit.took_s) + (f" in {fit.calls} calls" if fit.calls > 1 else ""),
            _seen(fit.x),
            _scores(fit.scores),
            fit.error.name if fit.error else _bounded_params(fit.params),
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


def _bounded_params(params: dict[str, Any], most: int = 6) -> str:
    """The parameters that say something: those that are set."""
    told = [f"{name}={number(value)}" for name, value in params.items() if value not in (None, False, "deprecated")]
    return first_line(", ".join(told[:most])) + (", …" if len(told) > most else "")


def _checks(answer: Sequence[CheckResult]) -> list[Part]:
    rows = [[result.check, result.verdict, result.message] for result in answer]
    return [Table(["check", "verdict", "what was found"], rows, status=frozenset({1}))]


def _endpoints(answer: Sequence[Endpoint]) -> list[Part]:
    rows = [
        [endpoint.name, endpoint.status, endpoint.address, endpoint.engine, _split(endpoint), when(endpoint.updated_at)]
        for endpoint in answer
    ]
    return [Table(["endpoint", "status", "address", "engine", "traffic", "since"], rows, status=frozenset({1}))]


def _split(endpoint: Endpoint) -> str:
    return ", ".join(f"{short(deployment)} {share} %" for deployment, share in endpoint.split.items())


def _deployments(answer: Sequence[Deployment]) -> list[Part]:
    rows = [
        [
            short(deployment.id),
            deployment.endpoint,
            f"@{deployment.number}",
            deployment.status,
            deployment.engine,
            when(deployment.started_at),
            deployment.error or "",
        ]
        for deployment in answer
    ]
    columns = ["deployment", "endpoint", "version", "status", "engine", "started", "error"]
    return [Table(columns, rows, status=frozenset({3}))]


def _findings(answer: Sequence[Finding]) -> list[Part]:
    rows = [[finding.topic, finding.state, finding.message] for finding in answer]
    parts: list[Part] = [Table(["what", "state", "found"], rows, status=frozenset({1}))]
    # Commands are for copying: whole, on lines of their own.
    cures = [(finding.topic, finding.cure) for finding in answer if finding.cure]
    return [*parts, Heading("What cures it"), Facts(cures)] if cures else parts


def _schedules(answer: Sequence[ScheduleState]) -> list[Part]:
    rows = [
        [
            state.schedule.name,
            "paused" if state.next_at is None else (state.last.status if state.last else "waiting"),
            state.schedule.notebook,
            " or ".join([state.schedule.cron, *state.schedule.conditions]),
            when(state.next_at),
            when(state.last.started_at) if state.last else "",
            ", ".join(state.schedule.installed) or "nbops watch",
        ]
        for state in answer
    ]
    columns = ["schedule", "status", "notebook", "when", "next", "last", "called by"]
    return [Table(columns, rows, status=frozenset({1}))]


def _firings(answer: Sequence[Firing]) -> list[Part]:
    rows = [
        [
            short(firing.id),
            firing.schedule,
            firing.status,
            firing.reason,
            when(firing.started_at),
            "" if firing.status == "skipped" else seconds(firing.started_at, firing.ended_at),
            short(firing.run_id),
            firing.error or "",
        ]
        for firing in answer
    ]
    columns = ["firing", "schedule", "status", "why", "started", "took", "run", "error"]
    return [Table(columns, rows, numeric=frozenset({5}), status=frozenset({2}))]


def _secrets(answer: Sequence[Secret]) -> list[Part]:
    rows = [[secret.id, secret.kind, secret.variable or "", when(secret.at)] for secret in answer]
    return [
        Table(["id", "kind", "from the variable", "first masked"], rows),
        Note('nbops.secret("ID") gives its value'),
    ]


_LISTS: dict[type, Callable[[Any], list[Part]]] = {
    RunSummary: _runs,
    Run: _run_records,
    CellExecution: _cells,
    CellState: _cells,
    ShownOutputs: _outputs,
    ModuleVersion: _modules,
    ModuleState: _module_states,
    Fit: _fits,
    Parameter: _parameters,
    Pulled: _pulled,
    Secret: _secrets,
    Sweep: _sweeps,
    ModelVersion: _models,
    CheckResult: _checks,
    Endpoint: _endpoints,
    Deployment: _deployments,
    Finding: _findings,
    ScheduleState: _schedules,
    Firing: _firings,
}


# --- single answers -----------------------------------------------------------------------------------------------


@view_of.register
def _(answer: Status) -> list[Part]:
    recording = "on" if answer.recording else f"off{': ' + answer.notice if answer.notice else ''}"
    facts = [("project", answer.project), ("store", answer.store), ("recording", recording)]
    if answer.overshadowed:
        own = shlex.quote(f"{answer.overshadowed}/.nbops")
        facts.insert(1, ("is above", f"{answer.overshadowed}, which has a store of its own after: mkdir {own}"))
    if answer.run is not None:
        facts.append(("run", f"{short(answer.run.id)} {answer.run.name}, {answer.cells} cells"))
    if answer.doubts:
        shown = "; ".join(answer.doubts[:5])
        facts.append(("to look at", f"{shown} …" if len(answer.doubts) > 5 else shown))
    facts.append(("holds", ", ".join(f"{count} {noun}" for noun, count in answer.counts.items())))
    return [Facts(facts)]


@view_of.register
def _(answer: Page) -> list[Part]:
    record = answer.record
    if answer.noun == "Fit":
        return _fit_page(msgspec.convert(record, Fit, strict=False))
    title = record.get("name") or record.get("module") or record.get("model") or record.get("check") or ""
    parts: list[Part] = [Heading(f"{answer.noun} {title}".strip(), short(record.get("id")))]
    hidden = {"source", "traceback", "name", "id", "signature", "definitions", "process"}
    if answer.noun == "Run":
        hidden |= {"modules", "thread_pools"}
    facts = [
        (name, _value(name, value))
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
        parts += [Heading("Reproductions"), *_reproductions(answer.reproductions)]
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
            said = [(name, _value(name, value)) for name, value in values.items()]
            parts += [Heading(title), Facts(said)]
    return parts


def _data(data: Seen | None) -> str:
    if data is None:
        return ""
    return f"{_seen(data)}, {data.type}" + (f", dataset {short(data.dataset_id)}" if data.dataset_id else "")


def _value(name: str, value: Any) -> str:
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
def _(answer: Transferred) -> list[Part]:
    title = "Exported to" if answer.direction == "export" else "Imported from"
    counts = ("made", "updated", "unchanged", "params", "metrics", "artifacts", "cells", "models")
    words = {"made": "new runs", "updated": "runs updated", "unchanged": "runs unchanged", "models": "model versions"}
    rows = [(words.get(name, name), f"{getattr(answer, name):,}") for name in counts if getattr(answer, name)]
    aside = f"{len(answer.experiments)} experiments" if len(answer.experiments) > 3 else ", ".join(answer.experiments)
    parts: list[Part] = [Heading(f"{title} {answer.server}", aside), Facts(rows or [("runs", "none")])]
    if answer.left_out:
        left = [[str(left.count), left.why, "; ".join(left.where)] for left in answer.left_out]
        parts += [Heading("Not as it was"), Table(["how often", "what", "where"], left, frozenset({0}))]
    return parts


@view_of.register
def _(answer: Comparison) -> list[Part]:
    columns = ["", *(f"{run.name} {short(run.id)}" for run in answer.runs)]
    parts: list[Part] = []
    for title, rows in (
        ("Parameters", answer.params),
        ("Metrics", answer.metrics),
        ("Runs", answer.facts),
        ("Packages that differ", answer.packages),
        ("Modules", answer.modules),
    ):
        if rows:
            parts += [Heading(title), _side_by_side(columns, rows)]
    for change, run in zip(answer.code, answer.runs[1:], strict=True):
        if change.diff:
            parts += [
                Heading(f"Code of {run.name}", f"against {answer.runs[0].name}"),
                Code(_bounded(change.diff), "diff"),
            ]
        else:
            parts.append(Note(f"{run.name} ran the same code as {answer.runs[0].name}"))
    return parts


def _side_by_side(columns: Sequence[str], rows: Sequence[Difference]) -> Table:
    cells = [[row.name, *(number(value) for value in row.values)] for row in rows]
    marked = frozenset(i for i, row in enumerate(rows) if row.differs)
    return Table(columns, cells, frozenset(range(1, len(columns))), marked=marked)


def _bounded(text: str, most: int = 4000) -> str:
    return text if len(text) <= most else text[:most] + "\n… cut here; the rest is in --json"


@view_of.register
def _(answer: ModuleVersion) -> list[Part]:
    names = ", ".join(part.name for part in answer.definitions if part.requested)
    return [
        Heading(f"{answer.module} {answer.version}", answer.path),
        Note(f"from {names}; use it with: from {answer.module} import {names}", "plain"),
    ]


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
    return [*parts, Code(_bounded(answer.output))] if answer.failed else parts


@view_of.register
def _(answer: Built) -> list[Part]:
    facts = [("wheel", answer.wheel), ("source", answer.sdist), ("needs", ", ".join(answer.requirements))]
    return [Heading(f"{answer.name} {answer.version}"), Facts([fact for fact in facts if fact[1]])]


@view_of.register
def _(answer: RolledBack) -> list[Part]:
    return view_of(answer.module if answer.module is not None else answer.endpoint)


@view_of.register
def _(answer: Sweep) -> list[Part]:
    space = ", ".join(f"{name} in {values}" for name, values in answer.space.items()) or "one run"
    facts = [("status", answer.status), ("runs", str(answer.total)), ("tried", space)]
    if answer.objective:
        facts.append(("objective", answer.objective))
    if answer.best_run_id:
        facts.append(("best run", short(answer.best_run_id)))
    if answer.runner != "local":
        facts.append(("runner", " ".join(filter(None, (answer.runner, answer.scheduler)))))
    facts.append(("took", seconds(answer.started_at, answer.ended_at)))
    return [
        Heading(f"Sweep {answer.name}", short(answer.id)),
        Facts(facts),
        Note(f"all its runs: nbops results {short(answer.id)}"),
    ]


@view_of.register
def _(answer: SweepResults) -> list[Part]:
    names = list(answer.sweep.space)
    goals = [goal.partition(":")[2] for goal in answer.objectives]
    columns = ["trial", "run", "status", *names, *goals, "took", "note"]
    rows = [
        [
            str(point.trial),
            short(point.run_id),
            point.status,
            *(number(point.params.get(name)) for name in names),
            *(map(number, point.values) if point.values else [""] * len(goals)),
            "" if point.seconds is None else took(point.seconds),
            first_line(point.note),
        ]
        for point in answer.points
    ]
    numeric = frozenset({0, *range(3, 4 + len(names) + len(goals))})
    marked = frozenset({0} if answer.points and answer.points[0].values and len(goals) == 1 else ())
    parts: list[Part] = [
        Heading(f"Sweep {answer.sweep.name}", short(answer.sweep.id)),
        Table(columns, rows, numeric=numeric, status=frozenset({2}), marked=marked, empty="no run has begun"),
    ]
    if answer.importance:
        shares = [(name, f"{share:.0%}") for name, share in answer.importance.items()]
        parts += [Heading("Importance of parameters", goals[0]), Facts(shares)]
    elif names:
        parts.append(Note(f"importance of parameters: {answer.importance_note}"))
    return parts


@view_of.register
def _(answer: Schedule) -> list[Part]:
    facts = [
        ("notebook", answer.notebook),
        ("when", f"{answer.cron} ({answer.timezone})"),
        ("only if", " or ".join(answer.conditions)),
        ("parameters", ", ".join(f"{name}={value}" for name, value in answer.params.items())),
        ("status", "paused" if answer.paused_at is not None else ""),
    ]
    return [Heading(f"Schedule {answer.name}", short(answer.id)), Facts([fact for fact in facts if fact[1]])]


@view_of.register
def _(answer: Scheduled) -> list[Part]:
    parts = [*view_of(answer.schedule), Note(f"next at {when(answer.next_at)} of this machine")]
    for installed in answer.installed:
        parts.append(Heading(f"Timer of {installed.target}"))
        wrote = [("wrote", path) for path in installed.paths]
        parts.append(Facts([*wrote, *(("note", note) for note in installed.notes)]))
    return [*parts, *(Note(note, "busy") for note in answer.notes)]


@view_of.register
def _(answer: Unscheduled) -> list[Part]:
    facts: list[Part] = [Facts([("note", note) for note in answer.notes])] if answer.notes else []
    return [Note(f"schedule {answer.schedule.name} is removed; its runs stay"), *facts]


@view_of.register
def _(answer: Fired) -> list[Part]:
    parts: list[Part] = [Note(answer.message, TONES.get(answer.status, "plain"))]
    if answer.run is not None:
        parts.append(Note(f"nbops show {short(answer.run.id)}", "plain"))
    return parts


@view_of.register
def _(answer: Cancelled) -> list[Part]:
    ended = answer.sweep or answer.run
    return (
        [] if ended is None else [Heading(f"{type(ended).__name__} {ended.name}", short(ended.id)), Note(ended.status)]
    )


@view_of.register
def _(answer: Model) -> list[Part]:
    aliases = ", ".join(f"{alias} → @{number}" for alias, number in answer.aliases.items())
    return [Heading(f"Model {answer.name}"), Note(aliases or "no alias yet", "plain")]


@view_of.register
def _(answer: Endpoint) -> list[Part]:
    facts = [
        ("address", answer.address),
        ("engine", answer.engine),
        ("traffic", _split(answer)),
        ("status", answer.status),
    ]
    return [
        Heading(f"Endpoint {answer.name}"),
        Facts([fact for fact in facts if fact[1]]),
        *(
            [Note(f"open {answer.address} for its page, or: nbops predict {answer.name}")]
            if answer.status == "up"
            else []
        ),
    ]


@view_of.register
def _(answer: Prediction) -> list[Part]:
    rows = [
        [
            str(i),
            _value("", prediction),
            "" if not answer.probabilities else _value("", answer.probabilities[i]),
        ]
        for i, prediction in enumerate(answer.predictions[:50])
    ]
    parts: list[Part] = [
        Heading(answer.model, f"request {answer.request_id}"),
        Table(["row", "prediction", "probabilities"] if answer.probabilities else ["row", "prediction"],
              [row if answer.probabilities else row[:2] for row in rows], frozenset({0})),
    ]  # fmt: skip
    if len(answer.predictions) > len(rows):
        parts.append(Note(f"and {len(answer.predictions) - len(rows)} more; --json has all"))
    parts += [Note(_value("", warning), "busy") for warning in answer.warnings or ()]
    return parts


@view_of.register
def _(answer: Window) -> list[Part]:
    rows = [
        [
            column.column,
            "drifted" if column.drifted else "stable",
            column.test,
            number(column.effect),
            f"{column.p_value:.2g}",
            column.message,
        ]
        for column in sorted(answer.columns, key=lambda column: (not column.drifted, -column.effect))[:50]
    ]
    latency = ", ".join(f"{name} {number(value)} ms" for name, value in answer.latency_ms.items())
    facts = [
        ("verdict", answer.verdict),
        ("rows", str(answer.rows)),
        ("requests", f"{answer.requests}, of which {answer.errors} failed"),
        ("latency", latency),
        ("from", when(answer.from_at)),
        ("to", when(answer.to_at)),
    ]
    columns = ["column", "verdict", "test", "effect", "p", "what was found"]
    return [
        Heading(f"Endpoint {answer.endpoint}", short(answer.id)),
        Facts([fact for fact in facts if fact[1]]),
        Table(columns, rows, frozenset({3, 4}), frozenset({1})),
    ]


@view_of.register
def _(answer: Scored) -> list[Part]:
    facts = [("rows", f"{answer.rows:,}"), ("refused", f"{answer.refused:,}" if answer.refused else "")]
    facts.append(("answered before", f"{answer.resumed:,}" if answer.resumed else ""))
    return [Heading("Scored", answer.path), Facts([fact for fact in facts if fact[1]])]


@view_of.register
def _(answer: Synced) -> list[Part]:
    return [Note(answer.message, "good" if not answer.waiting else "busy")]


@view_of.register
def _(answer: Journey) -> list[Part]:
    rows = [[stage.title, f"{stage.seconds:.1f} s", stage.result] for stage in answer.stages]
    return [
        Heading("The whole way", f"{sum(stage.seconds for stage in answer.stages):.1f} s"),
        Table(["stage", "took", "what came out"], rows, frozenset({1})),
        Heading("Look at it"),
        Facts([(name, value) for name, value in answer.summary.items()]),
        *([Note(answer.notice, "busy")] if answer.notice else []),
    ]


@view_of.register
def _(answer: Origin) -> list[Part]:
    facts = [("run", short(answer.run_id)), ("trust", answer.verdict)]
    facts.append(("stands on", f"{len(answer.steps)} of {answer.cells} executions"))
    if answer.reproduction_id is not None:
        facts.append(("reproduced by", short(answer.reproduction_id)))
    parts: list[Part] = [Heading("Lineage", answer.of), Facts(facts)]
    if answer.reasons:
        parts.append(Heading("Tainted because" if answer.verdict == "tainted" else "Worth knowing"))
        parts.append(Table(["cell", "reason"], [[reason.cell, reason.message] for reason in answer.reasons]))
    rows = [
        [step.cell, first_line(step.source), ", ".join(step.reads), ", ".join(step.writes)] for step in answer.steps
    ]
    return [*parts, Heading("Cells"), Table(["cell", "source", "reads", "writes"], rows)]


@view_of.register
def _(answer: Graph) -> list[Part]:
    facts = [("trust", answer.verdict), ("made of", f"{len(answer.nodes) - len(answer.results)} things")]
    parts: list[Part] = [Heading("Where it came from", answer.of), Facts(facts), Table(_TREE, _tree(answer))]
    if answer.left_out:
        parts.append(Note(f"{answer.left_out:,} more, further from it, are not shown", "busy"))
    doubtful = [[node.name, "; ".join(node.doubts)] for node in answer.nodes if node.doubts]
    if doubtful:
        parts += [Heading("Tainted because"), Table(["cell", "reason"], doubtful)]
    return parts


_TREE = ("what", "name", "about", "through")
_DEEPEST = 12
"""Indented further, a tree is unreadable."""


def _tree(graph: Graph) -> list[list[str]]:
    """Each thing once, below the first of those that were made of it."""
    nodes = {node.id: node for node in graph.nodes}
    below: dict[str, list[GraphLink]] = {}
    for link in graph.links:
        below.setdefault(link.made, []).append(link)
    rows: list[list[str]] = []
    pending = [(result, 0, "") for result in reversed(graph.results)]
    seen: set[str] = set()
    while pending:
        key, depth, through = pending.pop()
        if key in seen:
            continue
        seen.add(key)
        node = nodes[key]
        # Text that is aligned loses white space at the front of a line.
        stem = "· " * min(depth, _DEEPEST)
        rows.append([stem + node.kind, node.name, node.about, through])
        pending += [(link.of, depth + 1, ", ".join(link.names)) for link in reversed(below.get(key, []))]
    return rows


@view_of.register
def _(answer: Slice) -> list[Part]:
    parts: list[Part] = [
        Note(f"wrote {answer.path}: {answer.cells} of {answer.of_cells} executions lead to {answer.of}")
    ]
    if answer.missing:
        parts.append(Note(f"made before recording began, and missing in it: {', '.join(answer.missing)}"))
    if answer.secrets:
        parts.append(Note(f"secrets that it needs, as NBOPS_SECRET_<ID> or typed in: {', '.join(answer.secrets)}"))
    return parts


@view_of.register
def _(answer: Reproduction) -> list[Part]:
    facts = [("verdict", answer.verdict), ("run again as", short(answer.rerun_id)), ("cells", str(answer.cells))]
    if answer.differs_in:
        facts.append(("first differs in", answer.differs_in))
    if answer.error is not None:
        facts.append(("ended by", f"{answer.error.name}: {answer.error.message}"))
    facts.append(("took", seconds(answer.started_at, answer.ended_at)))
    parts: list[Part] = [Heading("Reproduction", answer.of), Facts(facts)]
    if answer.causes:
        parts += [Heading("Why"), *(Note(cause, "bad") for cause in answer.causes)]
    rows = [
        [one.kind, _name_of(one), one.verdict, one.cell, one.recorded, one.reproduced] for one in answer.compared[:200]
    ]
    columns = ["what", "name", "verdict", "cell", "recorded", "reproduced"]
    parts += [Heading("Compared"), Table(columns, rows, status=frozenset({2}))] if rows else []
    around = [[one.what, one.recorded, one.now] for one in answer.discrepancies[:50]]
    parts += [Heading("Was not the same"), Table(["what", "recorded", "now"], around)] if around else []
    parts += [Note(f"left out: {reason}", "busy") for reason in answer.left_out]
    return parts


def _reproductions(answer: Sequence[Reproduction]) -> list[Part]:
    rows = [
        [short(one.id), one.of, one.verdict, one.differs_in, (one.causes or [""])[0], when(one.started_at)]
        for one in answer
    ]
    columns = ["reproduction", "of", "verdict", "first differs in", "why", "when"]
    return [Table(columns, rows, status=frozenset({2}))]


def _name_of(one: Compared) -> str:
    step = "" if one.step is None else f" step {one.step}"
    return f"{one.run}: {one.name}{step}" if one.run else f"{one.name}{step}"

"""Answers that only a panel asks for: several questions to the store in one, so that a section costs one request."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import msgspec

from nbops.errors import NotFoundError, UsageError
from nbops.plots.drawing import thinned
from nbops.progress import PATIENCE_S, stage
from nbops.records import (
    Artifact,
    CellExecution,
    CheckResult,
    Deployment,
    Endpoint,
    Model,
    ModelVersion,
    ModuleVersion,
    Run,
    Sweep,
    Window,
)
from nbops.store.blobs import Blobs
from nbops.store.interface import RunSummary
from nbops.workspace import Workspace, shelf_of

PIXELS = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
CONTENT_BYTES = 20_000_000
"""More than this is not sent to a browser."""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a list has without its limit."""

    total: int


class CallStopped(msgspec.Struct, frozen=True, kw_only=True):
    """A call was asked for its end, which comes at its next step."""

    request: str


class Bytes(msgspec.Struct, frozen=True, kw_only=True):
    """Content that is sent as it is, always as a download: what is stored may be hostile HTML."""

    content: bytes
    name: str
    media_type: str = "application/octet-stream"
    """Only pictures of pixels say what they are; nothing in them can run."""


class SweepState(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep, and how far it has come."""

    sweep: Sweep
    ended: int
    """How many of its runs have ended, however they ended."""
    failed: int
    best: RunSummary | None


class ModulePage(msgspec.Struct, frozen=True, kw_only=True):
    """A module's version beside another one and the file on disk."""

    version: ModuleVersion
    versions: list[ModuleVersion]
    """All versions of the module, newest first."""
    other: str | None
    """The version it is compared with: the one asked for, else the one before; None for the first."""
    against_other: str
    """Unified diff from that version; empty where there is none, and where both are the same."""
    file: Literal["same", "edited", "missing"]
    """How the file on disk stands to the newest version."""
    against_file: str
    """Unified diff from this version to the file on disk."""


class ModelState(msgspec.Struct, frozen=True, kw_only=True):
    """A model's version with what is known of it."""

    version: ModelVersion
    aliases: list[str]
    checks: list[CheckResult]
    """The newest verdict of each check."""


class EndpointState(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint, what answers there, where that came from, and how it fares."""

    endpoint: Endpoint
    deployments: list[Deployment]
    """What runs or ran behind it, newest first."""
    model: ModelVersion | None
    run: Run | None
    cell: CellExecution | None
    """The cell that made the model."""
    windows: list[Window]
    """Measured stretches of its requests, newest first."""


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of one run over its steps."""

    run_id: str
    metric: str
    steps: list[float]
    """The step of each value; its place among the metric's where none was logged."""
    values: list[float]
    of_values: int
    """How many values there are; of more than 500 evenly spread ones are here."""


MOST_CURVE_RUNS = 20
MOST_CURVE_METRICS = 24
"""Metrics of one run, the first that it logged."""
_CURVE_POINTS = 499
_MOST_VALUES = 100_000
"""Values that are read of one run."""


def curves(workspace: Workspace, values: dict[str, Any]) -> list[Curve]:
    """Give the metrics of runs that have more than one value."""
    references = values["runs"]
    if len(references) > MOST_CURVE_RUNS:
        raise UsageError(
            f"the curves of {MOST_CURVE_RUNS} runs at most are drawn, not of {len(references)}",
            hint="nbops plot RUN RUN",
        )
    runs = [workspace.store.resolve(Run, reference) for reference in references]
    with stage("Read curves", total=len(runs), unit="runs", after_s=PATIENCE_S) as now:
        found = []
        for run in runs:
            found += _curves_of(workspace, run)
            now.advance()
    return found


def _curves_of(workspace: Workspace, run: Run) -> list[Curve]:
    lines: dict[str, list[tuple[float, float]]] = {}
    for metric in workspace.store.metrics(run.id, limit=_MOST_VALUES):
        line = lines.setdefault(metric.name, [])
        line.append((len(line) if metric.step is None else metric.step, metric.value))
    return [
        Curve(
            run_id=run.id,
            metric=name,
            steps=[step for step, _ in points],
            values=[value for _, value in points],
            of_values=len(line),
        )
        for name, line in islice(lines.items(), MOST_CURVE_METRICS)
        for points in (thinned(sorted(line, key=itemgetter(0)), _CURVE_POINTS),)
        if len(line) > 1
    ]


def count_runs(workspace: Workspace, values: dict[str, Any]) -> Count:
    """Count the runs that match an expression."""
    shelf = shelf_of(archived=values["archived"], deleted=values["deleted"])
    return Count(total=workspace.store.count_runs(values["where"], shelf=shelf))


def count_cells(workspace: Workspace, values: dict[str, Any]) -> Count:
    """Count the cells of a run."""
    run = workspace.store.resolve(Run, values["run"])
    if run.kind == "named":
        # Its cells are a stretch of its session's, which only a look at them tells.
        return Count(total=len(workspace.cells(run.id, limit=None)))
    return Count(total=workspace.store.count(CellExecution, run_id=run.id))


def sweep_states(workspace: Workspace, values: dict[str, Any]) -> list[SweepState]:
    """List sweeps with how far they have come."""
    return [_sweep_state(workspace, sweep) for sweep in workspace.store.find(Sweep, **values)]


def _sweep_state(workspace: Workspace, sweep: Sweep) -> SweepState:
    store = workspace.store
    mine = f'sweep_id = "{sweep.id}"'
    best = store.search_runs(f'id = "{sweep.best_run_id}"', limit=1, shelf="all") if sweep.best_run_id else []
    return SweepState(
        sweep=sweep,
        ended=store.count_runs(f"{mine} and status != running", shelf="all"),
        failed=store.count_runs(f"{mine} and status in (failed, interrupted)", shelf="all"),
        best=best[0] if best else None,
    )


def module_page(workspace: Workspace, values: dict[str, Any]) -> ModulePage:
    """Put a module's version beside another one and the file on disk."""
    versions = workspace.store.find(ModuleVersion, module=values["module"], limit=100)
    version = _one_of(versions, values["version"], module=values["module"])
    other = next((each for each in versions if each.id < version.id), None)
    if values["against"] is not None:
        other = _one_of(versions, values["against"], module=values["module"])
    on_disk = _text_of(workspace.root / version.path)
    file: Literal["same", "edited", "missing"] = "missing"
    if on_disk is not None:
        file = "same" if on_disk == versions[0].source else "edited"
    return ModulePage(
        version=version,
        versions=versions,
        other=other.version if other else None,
        against_other=_diff(other.source, version.source, other.version, version.version) if other else "",
        file=file,
        against_file="" if on_disk is None else _diff(version.source, on_disk, version.version, version.path),
    )


def _one_of(versions: list[ModuleVersion], wanted: str | None, *, module: str) -> ModuleVersion:
    """The version that is wanted; the newest when none is."""
    version = next((each for each in versions if wanted in (None, each.version)), None)
    if version is None:
        name = module + (f"@{wanted}" if wanted else "")
        raise NotFoundError(f"no module {name} was taken from a notebook of this project", hint="nbops modules")
    return version


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):  # gone, no text, or no path at all
        return None


def _diff(before: str, after: str, before_name: str, after_name: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), before_name, after_name, lineterm="")
    return "\n".join(lines)


def model_states(workspace: Workspace, values: dict[str, Any]) -> list[ModelState]:
    """List model versions, newest first, with their aliases and checks."""
    return _model_states(workspace, workspace.store.find(ModelVersion, **values))


def model_one(workspace: Workspace, values: dict[str, Any]) -> ModelState:
    """Give one model version with its aliases and checks."""
    return _model_states(workspace, [workspace.store.resolve(ModelVersion, values["model"])])[0]


def _model_states(workspace: Workspace, versions: list[ModelVersion]) -> list[ModelState]:
    store = workspace.store
    aliases = {model.name: model.aliases for model in store.find(Model)}
    return [
        ModelState(
            version=version,
            aliases=sorted(
                alias for alias, number in aliases.get(version.model, {}).items() if number == version.number
            ),
            checks=_newest_checks(store.find(CheckResult, model_version_id=version.id, limit=100)),
        )
        for version in versions
    ]


def _newest_checks(results: list[CheckResult]) -> list[CheckResult]:
    newest: dict[str, CheckResult] = {}
    for result in results:
        newest.setdefault(result.check, result)
    return sorted(newest.values(), key=lambda result: result.check)


def endpoint_states(workspace: Workspace, values: dict[str, Any]) -> list[EndpointState]:
    """List endpoints with what answers there, where that came from, and how it fares."""
    # As they are now: nobody writes down that a process died behind our back.
    return [
        _endpoint_state(workspace, endpoint)
        for endpoint in workspace.endpoints()
        if values["name"] in (None, "", endpoint.name)
    ]


def _endpoint_state(workspace: Workspace, endpoint: Endpoint) -> EndpointState:
    store = workspace.store
    deployments = store.find(Deployment, endpoint=endpoint.name, limit=20)
    serving = next(
        (each for each in deployments if endpoint.split.get(each.id)), deployments[0] if deployments else None
    )
    found = store.find(ModelVersion, id=serving.model_version_id, limit=1) if serving else []
    model = found[0] if found else None
    runs = store.find(Run, id=model.run_id, limit=1) if model and model.run_id else []
    cells = store.find(CellExecution, id=model.execution_id, limit=1) if model and model.execution_id else []
    return EndpointState(
        endpoint=endpoint,
        deployments=deployments,
        model=model,
        run=runs[0] if runs else None,
        cell=cells[0] if cells else None,
        windows=store.find(Window, endpoint=endpoint.name, limit=50),
    )


def content(workspace: Workspace, values: dict[str, Any]) -> Bytes:
    """Give the bytes of an artifact."""
    artifact = workspace.store.get(Artifact, values["id"])
    if artifact.size_bytes > CONTENT_BYTES:
        raise UsageError(
            f"{artifact.name} has {artifact.size_bytes:,} bytes; at most {CONTENT_BYTES:,} are sent to a browser",
            hint=f"nbops show {artifact.id}",
        )
    blobs = next((place for place in _places(workspace) if place.has(artifact.digest)), None)
    if blobs is None:
        raise NotFoundError(
            f"the bytes of {artifact.name} are no longer stored ({artifact.digest[:12]})", hint="nbops doctor"
        )
    media_type = artifact.media_type if artifact.media_type in PIXELS else "application/octet-stream"
    return Bytes(content=blobs.get(artifact.digest), name=Path(artifact.name).name, media_type=media_type)


def _places(workspace: Workspace) -> Iterator[Blobs]:
    """Where bytes may be: on their way to a remote place they wait on this machine."""
    outbox = workspace.settings.outbox
    if outbox.is_dir():
        yield Blobs(outbox)
    yield workspace.blobs

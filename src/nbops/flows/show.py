"""Open anything by its id or name, with what belongs to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from nbops.errors import NotFoundError, UsageError
from nbops.lineage import Origin, Story, marked, origin_of, result_of, story_of
from nbops.records import (
    NOUNS,
    Artifact,
    CellExecution,
    Endpoint,
    Environment,
    Fit,
    Metric,
    Model,
    ModelVersion,
    ModuleVersion,
    Record,
    Reproduction,
    Run,
    Sweep,
)
from nbops.retrain.results import SweepResults, results
from nbops.store.interface import Store


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a result can be taken as it stands."""

    verdict: str
    """As ``nbops lineage`` says it: ``clean``, ``reproduced``, ``tainted``."""
    reasons: list[str]
    """Why it cannot: ``In [3]: its cell was edited since it ran``."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One record with what belongs to it."""

    noun: str
    """The record's type: ``Run``, ``ModelVersion``, …"""
    record: dict[str, Any]
    params: dict[str, Any] = {}
    metrics: list[Metric] = []
    cells: list[CellExecution] = []
    """The first cells of a run, in the order they ran."""
    parts: list[Run] = []
    """Runs that are a named part of this one."""
    artifacts: list[Artifact] = []
    """What the user kept in a run; of a cell also what it has shown."""
    fits: list[Fit] = []
    """Fits of a run and of its parts, oldest first."""
    modules: list[ModuleVersion] = []
    """Versions that the run made; those that it imported stand in its record."""
    models: list[ModelVersion] = []
    environment: Environment | None = None
    reproductions: list[Reproduction] = []
    """Of a run, newest first."""
    trust: dict[str, Trust] = {}
    """Metrics by name and models as ``NAME@3``: what can be said of the cells that they stand on."""
    results: SweepResults | None = None
    """What the runs of a sweep tried and reached, the best of them first."""
    plots: list[Artifact] = []
    """Pictures that are kept of a sweep."""


_REPRODUCTIONS = 5
SHOWN = 50
"""How many of each list a page shows; the list verbs page through the rest."""


def show(store: Store, reference: str, *, root: Path) -> Page:
    """Open one record of whatever kind answers to a reference.

    Args:
        store: the project's store.
        reference: an id, a unique start of one, a name, ``NAME@3``, ``NAME@production`` or ``last`` (the last run).
        root: the project's folder.

    Returns:
        The record with what belongs to it.

    Raises:
        NotFoundError: nothing answers to it.
        UsageError: several records do.
    """
    record = _resolve(store, reference)
    if isinstance(record, Run):
        record = with_surroundings(store, record)
    page = Page(noun=type(record).__name__, record=msgspec.to_builtins(record))
    if isinstance(record, Run):
        return _run_page(store, record, page, root)
    if isinstance(record, ModelVersion):
        return msgspec.structs.replace(page, trust=_trust_of_models(store, [record], root))
    if isinstance(record, CellExecution):
        artifacts = store.find(Artifact, run_id=record.run_id, execution_id=record.id, order_by="id", limit=SHOWN)
        return msgspec.structs.replace(page, artifacts=artifacts)
    if isinstance(record, Sweep):
        plots = store.find(Artifact, kind="plot", of=record.id, order_by="id", limit=SHOWN)
        return msgspec.structs.replace(page, results=results(record.id, store=store, limit=SHOWN), plots=plots)
    if isinstance(record, Model):
        return msgspec.structs.replace(
            page, models=store.find(ModelVersion, model=record.name, order_by="-number", limit=SHOWN)
        )
    return page


def with_surroundings(store: Store, run: Run) -> Run:
    """A named part of a session has the session's environment, notebook and commit."""
    if run.parent_id is None or run.environment_id is not None:
        return run
    session = store.find(Run, id=run.parent_id, limit=1)
    if not session:
        return run
    return msgspec.structs.replace(
        run,
        environment_id=session[0].environment_id,
        notebook=run.notebook or session[0].notebook,
        git_commit=session[0].git_commit,
        git_branch=session[0].git_branch,
        git_dirty=session[0].git_dirty,
        cwd=session[0].cwd,
        modules=session[0].modules,
        thread_pools=session[0].thread_pools,
    )


def cells_of(store: Store, run: Run, *, limit: int | None = SHOWN, offset: int = 0) -> list[CellExecution]:
    """List the cells of a run in the order they ran.

    A named part of a session has no cells of its own: its cells are those of the session that ran while it was open.

    Args:
        store: the project's store.
        run: whose cells.
        limit: how many at most; None for all.
        offset: how many to pass over first.
    """
    if run.kind != "named" or run.parent_id is None or run.execution_id is None:
        return store.find(CellExecution, run_id=run.id, order_by="position", limit=limit, offset=offset)
    first = store.find(CellExecution, id=run.execution_id, limit=1)
    if not first:
        return []
    before = first[0].position - 1
    cells = store.find(CellExecution, run_id=run.parent_id, order_by="position", limit=limit, offset=before + offset)
    return [cell for cell in cells if run.ended_at is None or cell.started_at <= run.ended_at]


def fits_of(store: Store, run: Run, *, limit: int | None = None, offset: int = 0) -> list[Fit]:
    """List the fits of a run and of its parts in the order they were made.

    Args:
        store: the project's store.
        run: whose fits.
        limit: how many at most; None for all.
        offset: how many to pass over first.
    """
    parts = [run.id, *(part.id for part in _parts_of(store, run))]
    if len(parts) == 1:
        return store.find(Fit, run_id=run.id, order_by="id", limit=limit, offset=offset)
    end = None if limit is None else offset + limit
    found = [fit for part in parts for fit in store.find(Fit, run_id=part, order_by="id", limit=end)]
    return sorted(found, key=lambda fit: fit.id)[offset:end]


def _parts_of(store: Store, run: Run) -> Iterator[Run]:
    for part in store.find(Run, parent_id=run.id, deleted_at=run.deleted_at, order_by="id"):
        yield part
        yield from _parts_of(store, part)


def _trust_of_metrics(store: Store, run: Run, metrics: Sequence[Metric], root: Path) -> dict[str, Trust]:
    """Of the last value of each metric; nothing of one that no recorded cell has logged."""
    last = {metric.name: metric.at for metric in metrics}
    story = story_of(store, run, root=root) if last else Story([])
    made = {name: execution for name, at in last.items() if (execution := story.running_at(at)) is not None}
    # Most metrics of a run come from one cell or two.
    origins = {one.id: origin_of(story, [one], of="", run_id=run.id) for one in made.values()}
    done = store.find(Reproduction, run_id=run.id) if made else []
    return {
        name: _trust(marked(origins[execution.id], done, metric=name, model=None)) for name, execution in made.items()
    }


def _trust_of_models(store: Store, versions: Sequence[ModelVersion], root: Path) -> dict[str, Trust]:
    found = {}
    for version in versions:
        if version.run_id is not None and store.find(Run, id=version.run_id, limit=1):
            result = result_of(store, version, root=root)
            if result.executions:
                origin = origin_of(result.story, result.executions, of="", run_id=result.run_id)
                done = store.find(Reproduction, run_id=version.run_id)
                found[result.of] = _trust(marked(origin, done, metric=None, model=result.of))
    return found


def _trust(origin: Origin) -> Trust:
    return Trust(verdict=origin.verdict, reasons=[f"{one.cell}: {one.message}" for one in origin.reasons[:SHOWN]])


def _run_page(store: Store, run: Run, page: Page, root: Path) -> Page:
    environment = store.find(Environment, id=run.environment_id, limit=1) if run.environment_id else []
    metrics = store.metrics(run.id)[-500:]
    models = store.find(ModelVersion, run_id=run.id, order_by="id", limit=SHOWN)
    return msgspec.structs.replace(
        page,
        params=store.params(run.id),
        metrics=metrics,
        trust=_trust_of_metrics(store, run, metrics, root) | _trust_of_models(store, models, root),
        cells=cells_of(store, run),
        parts=store.find(Run, parent_id=run.id, deleted_at=run.deleted_at, order_by="id", limit=SHOWN),
        artifacts=store.find(Artifact, run_id=run.id, kind="logged", order_by="id", limit=SHOWN),
        fits=fits_of(store, run, limit=SHOWN),
        modules=store.find(ModuleVersion, run_id=run.id, order_by="id", limit=SHOWN),
        models=models,
        environment=environment[0] if environment else None,
        reproductions=store.find(Reproduction, run_id=run.id, limit=_REPRODUCTIONS),
    )


def _resolve(store: Store, reference: str) -> Record:
    if reference == "last":
        return store.resolve(Run, "last")
    # Names people say first: "churn" is the endpoint or the model before it is a run of that name.
    order: tuple[type[Record], ...] = (Endpoint, ModelVersion, Model, Run, ModuleVersion, *NOUNS)
    kinds = list(dict.fromkeys(order))
    if "@" not in reference:
        kinds.remove(ModelVersion)
        kinds.append(ModelVersion)
    ambiguous: UsageError | None = None
    for kind in kinds:
        try:
            return store.resolve(kind, reference)
        except NotFoundError:
            continue
        except UsageError as error:
            ambiguous = ambiguous or error
    if ambiguous is not None:
        raise ambiguous
    raise NotFoundError(f"nothing here has the id or name {reference!r}", hint="nbops runs")

"""Runs and models to and from MLflow: which ones go, in what order, and whose model files are trusted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nbops.bridge import Inbound, Judged, ModelsIn, ModelsOut, Outbound, Tally, Transferred, connected
from nbops.errors import BridgeError, NotFoundError, UsageError
from nbops.progress import Stage, stage
from nbops.records import Model, ModelVersion, Run, Sweep
from nbops.settings import Settings
from nbops.store.blobs import Blobs
from nbops.store.interface import Store

_PAGE = 500


def export_runs(
    references: Sequence[str],
    *,
    to: str,
    where: str | None = None,
    experiment: str | None = None,
    store: Store,
    blobs: Blobs,
    settings: Settings,
) -> Transferred:
    """Bring runs and their models to an MLflow server or store; what it has already is not made again.

    Args:
        references: runs, or sweeps for all of their runs; with their named parts. All listed runs when there are none.
        to: the address of the MLflow.
        where: only runs that match this expression.
        experiment: the experiment that new runs go into; the project's folder gives the name when there is none.
        store: where they are.
        blobs: where their artifacts are.
        settings: of the project.

    Returns:
        What went over, and what MLflow cannot hold.

    Raises:
        NotFoundError: nothing answers to a reference.
        UsageError: runs and an expression were given at once.
        BridgeError: the MLflow cannot be reached; the same command goes on where it stopped.
    """
    ids = list(_chosen(store, references, where))
    with (
        connected(to, timeout_s=settings.connect_timeout_s, makes=True) as server,
        stage("Export to MLflow", total=len(ids), unit="runs") as now,
    ):
        tally = Tally("export", server.name)
        outbound = Outbound(server, experiment or Path(settings.root).name or "nbops", store, blobs, tally)
        for run_id in ids:
            run = store.get(Run, run_id)
            _passing_refusals(partial(outbound.run, run), run.name, tally, now)
        now.say("models")
        models = ModelsOut(outbound, _portable(blobs))
        versions = _versions(store, outbound.counterparts, with_runless=not references and where is None)
        for version in versions:
            models.version(version)
        for name in sorted({version.model for version in versions}):
            models.aliases(store.find(Model, name=name, limit=1)[0])
        return tally.result()


def import_runs(
    *,
    source: str,
    experiments: Sequence[str] = (),
    trust: Collection[str] = (),
    store: Store,
    blobs: Blobs,
    settings: Settings,
) -> Transferred:
    """Bring runs and registered models from an MLflow server or store here; what is here already stays as it is.

    Args:
        source: the address of the MLflow.
        experiments: names of experiments; all of them when there are none.
        trust: names, or whole modules, that model files may load although nbops does not know them.
        store: where they go.
        blobs: where their artifacts go.
        settings: of the project.

    Returns:
        What came, and what could not.

    Raises:
        NotFoundError: there is no such store or experiment.
        BridgeError: the MLflow cannot be reached; the same command goes on where it stopped.
    """
    with (
        connected(source, timeout_s=settings.connect_timeout_s, makes=False) as server,
        stage("Import from MLflow", unit="runs") as now,
    ):
        tally = Tally("import", server.name)
        inbound = Inbound(server, store, blobs, tally)
        for experiment in inbound.experiments(list(experiments)):
            tally.experiments.append(experiment.name)
            for there in inbound.runs(experiment):
                name = there.info.run_name or there.info.run_id
                _passing_refusals(partial(inbound.run, there, experiment), name, tally, now)
        inbound.adopt()
        now.say("models")
        models = ModelsIn(inbound, _judge(trust), only_with_runs=bool(experiments))
        for name in models.names():
            models.model(name)
        return tally.result()


def _passing_refusals(move: Callable[[], Any], name: str, tally: Tally, now: Stage) -> None:
    """Move one run; one that MLflow refuses must not keep back those after it."""
    from nbops.bridge.server import mapped

    try:
        with mapped(tally.server):
            move()
    except BridgeError as error:
        if error.code not in ("mlflow_refused", "bad_path"):
            raise
        tally.leave(name, f"was refused: {error.message}")
    now.advance(note=name)


def _chosen(store: Store, references: Sequence[str], where: str | None) -> Iterator[str]:
    """Ids of the runs that go, the oldest first, so that parents go before their parts."""
    if references and where is not None:
        raise UsageError("name runs, or say --where; not both", hint="nbops mlflow export --where 'status = finished'")
    if references:
        chosen = {run.id for reference in references for run in _meant(store, reference)}
        yield from sorted(_with_parts(store, chosen))
        return
    offset = 0
    while page := store.search_runs(where, order_by="started_at,id", limit=_PAGE, offset=offset):
        yield from [summary.run.id for summary in page]
        offset += len(page)


def _meant(store: Store, reference: str) -> list[Run]:
    try:
        return [store.resolve(Run, reference)]
    except NotFoundError:
        if not store.count(Sweep, name=reference) and not store.find(Sweep, id=reference, limit=1):
            raise
        sweep = store.resolve(Sweep, reference)
        return store.find(Run, sweep_id=sweep.id, deleted_at=None)


def _with_parts(store: Store, ids: set[str]) -> set[str]:
    found, fresh = set(ids), set(ids)
    while fresh:
        fresh = {part.id for run_id in fresh for part in store.find(Run, parent_id=run_id, deleted_at=None)} - found
        found |= fresh
    return found


def _versions(store: Store, exported: Collection[str], *, with_runless: bool) -> list[ModelVersion]:
    found = [version for run_id in exported for version in store.find(ModelVersion, run_id=run_id)]
    if with_runless:
        found += store.find(ModelVersion, run_id=None)
    # In their own order, so that a fresh registry gives them the numbers that they have here.
    return sorted(found, key=lambda version: (version.model, version.number))


def _portable(blobs: Blobs) -> Callable[[ModelVersion], tuple[str, bytes]]:
    # What it has of the notebook names the modules that travel with it already.
    return lambda version: (version.flavour, blobs.get(version.digest))


def _judge(trust: Collection[str]) -> Callable[[bytes, str, Collection[str]], Judged]:
    from nbops.bundle.foreign import judge

    return lambda data, flavour, sources: judge(data, flavour, sources=sources, trust=trust)

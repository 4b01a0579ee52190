"""Runs out of the lists, into the trash, and back.

A run takes its named parts along, whose cells are its own. Nothing is changed unless all that was asked for can be.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nbops.errors import ConflictError, NotFoundError, UsageError
from nbops.records import Deployment, ModelVersion, Run, Sweep
from nbops.store.interface import Store


class Hold(NamedTuple):
    """Why a run cannot go."""

    reason: str
    cure: str


def archive(store: Store, references: Sequence[str]) -> list[Run]:
    """Take runs out of the lists; they stay for ever, and ``nbops runs --archived`` lists them.

    Args:
        store: the project's store.
        references: runs, or sweeps for all of their runs.

    Returns:
        Each of these runs as it is now, its named parts among them.

    Raises:
        NotFoundError: nothing answers to a reference.
        ConflictError: a run still runs, or is in the trash; no run is archived then.
    """
    runs = _with_parts(store, _chosen(store, references))
    for run in runs:
        if run.status == "running":
            raise _refused("archived", run, Hold("it is still running", f"nbops show {run.id}"))
        if run.deleted_at is not None:
            raise _refused("archived", run, Hold("it is in the trash", f"nbops restore {run.id}"))
    now = time.time()
    return [_set(store, run, archived_at=now) if run.archived_at is None else run for run in runs]


def delete(store: Store, references: Sequence[str]) -> list[Run]:
    """Put runs into the trash; ``restore`` brings them back until they are collected.

    Arguments and result as for ``archive``.

    Raises:
        NotFoundError: nothing answers to a reference.
        ConflictError: a run still runs, or a model of it is deployed; no run is deleted then.
    """
    runs = _with_parts(store, _chosen(store, references))
    for run in runs:
        if run.deleted_at is None and (hold := hold_on(store, run)) is not None:
            raise _refused("deleted", run, hold)
    now = time.time()
    return [_set(store, run, deleted_at=now) if run.deleted_at is None else run for run in runs]


def restore(store: Store, references: Sequence[str]) -> list[Run]:
    """Bring runs back from the trash as they were, or from the archive into the lists.

    Arguments as for ``archive``.

    Returns:
        Every run that came back, with the named parts that had gone with it.

    Raises:
        NotFoundError: nothing answers to a reference.
        UsageError: a run is in the lists already.
        ConflictError: a run is part of another that is in the trash, where its cells are.
    """
    chosen = _chosen(store, references)
    if not any(_is_away(run) for run in chosen):
        raise UsageError(
            f"run {chosen[0].name} ({chosen[0].id}) is neither archived nor deleted",
            code="not_put_away",
            hint="nbops runs --deleted",
        )
    deleted = {part.id: part for run in chosen if run.deleted_at is not None for part in _gone_with(store, run)}
    for run in deleted.values():
        for parent in store.find(Run, id=run.parent_id, limit=1) if run.parent_id else ():
            if parent.deleted_at is not None and parent.id not in deleted:
                raise _refused("restored", run, Hold("its cells are in the trash", f"nbops restore {parent.id}"))
    archived = {part.id: part for run in chosen if _is_archived(run) for part in _archived_with(store, run)}
    return [
        *(_set(store, run, deleted_at=None) for run in deleted.values()),
        *(_set(store, run, archived_at=None) for run in archived.values()),
    ]


def hold_on(store: Store, run: Run) -> Hold | None:
    """Say why a run must not go: it still runs, or a model of it answers somewhere."""
    if run.status == "running":
        return Hold("it is still running", f"nbops show {run.id}")
    for version in store.find(ModelVersion, run_id=run.id):
        for deployment in store.find(Deployment, model_version_id=version.id):
            if deployment.status in ("starting", "ready"):
                name = f"{version.model}@{version.number}"
                return Hold(
                    f"its model {name} is deployed as endpoint {deployment.endpoint}",
                    f"nbops stop {deployment.endpoint}",
                )
    return None


def _refused(what: str, run: Run, hold: Hold) -> ConflictError:
    return ConflictError(f"run {run.name} ({run.id}) cannot be {what}: {hold.reason}", code="run_held", hint=hold.cure)


def _chosen(store: Store, references: Sequence[str]) -> list[Run]:
    found: dict[str, Run] = {}
    for reference in references:
        try:
            runs = [store.resolve(Run, reference)]
        except NotFoundError as no_run:
            try:
                runs = store.find(Run, sweep_id=store.resolve(Sweep, reference).id)
            except NotFoundError:
                raise no_run from None
        found.update((run.id, run) for run in runs)
    if not found:
        raise UsageError("which run?", code="no_run", hint="nbops runs")
    return list(found.values())


def _with_parts(store: Store, runs: Sequence[Run]) -> list[Run]:
    found = {run.id: run for run in runs}
    waiting = list(runs)
    while waiting:
        for part in store.find(Run, parent_id=waiting.pop().id):
            if part.id not in found:
                found[part.id] = part
                waiting.append(part)
    return list(found.values())


def _is_away(run: Run) -> bool:
    return run.deleted_at is not None or run.archived_at is not None


def _is_archived(run: Run) -> bool:
    return run.deleted_at is None and run.archived_at is not None


def _gone_with(store: Store, run: Run) -> Iterator[Run]:
    """A run and the parts that went into the trash in the same moment; what was deleted before stays there."""
    yield from (part for part in _with_parts(store, [run]) if part.deleted_at == run.deleted_at)


def _archived_with(store: Store, run: Run) -> Iterator[Run]:
    yield from (part for part in _with_parts(store, [run]) if part.archived_at == run.archived_at)


def _set(store: Store, run: Run, **fields: float | None) -> Run:
    store.update(Run, run.id, **fields)
    return store.get(Run, run.id)

"""Removing what nobody refers to any more: mark everything that a record names, sweep the rest.

The order makes it safe to be killed anywhere and to run beside notebooks. Rows of the trash go first; what they alone
referred to is garbage from then on, and found again by the next collection. Files younger than a grace period are left
alone, because who wrote one may be about to record it; putting a blob or packing a bundle that is there already makes
it young again.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nbops.errors import NotFoundError, UsageError
from nbops.keep.shelves import hold_on
from nbops.progress import Stage, stage
from nbops.records import Artifact, Dataset, ModelVersion, Run, Sweep
from nbops.settings import Settings, is_server
from nbops.store.interface import RunSummary, Store
from nbops.store.process import this_host
from nbops.store.versions import superseded

if TYPE_CHECKING:
    from nbops.store.blobs import Blobs

GRACE_S = 3_600.0
"""A file that was written within this time is never removed."""
SHARED_GRACE_S = 86_400.0
"""The least grace where a team shares the store; there it is as long as the trash keeps runs. Another machine may have
written a blob and still wait to tell the store of it."""
DAY_S = 86_400.0
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HALF_BUNDLE = re.compile(r"\.[0-9a-f]{64}\.[0-9a-f]{32}")
_HALF_SITE = re.compile(r"[0-9a-f]+\.\d+")
_RECORD_ID = re.compile(r"[0-9a-f]{32}")
_GONE = ".gone-"


class Garbage(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of things that go."""

    what: str
    count: int
    size_bytes: int | None = None
    """None for rows, which give their space back with the store's file."""


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What went, or would go."""

    applied: bool
    """Whether it is gone; else nothing was changed."""
    older_than_days: float
    found: list[Garbage]
    size_bytes: int
    """All sizes together."""
    kept: list[str] = []
    """What could have gone and stays, each with its reason."""


@dataclass
class _Going:
    """The rows that go."""

    runs: list[RunSummary] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    datasets: list[Dataset] = field(default_factory=list)
    sweeps: list[Sweep] = field(default_factory=list)
    outputs: list[Artifact] = field(default_factory=list)
    """Those of earlier executions than the settings keep; they go while their run stays."""

    def ids(self) -> set[str]:
        """Ids of all but what goes with its run."""
        return {row.run.id for row in self.runs} | {row.id for row in (*self.datasets, *self.sweeps, *self.outputs)}


def collect(
    *, store: Store, blobs: Blobs, settings: Settings, older_than_days: float = 30.0, apply: bool = False
) -> Collected:
    """Remove runs that have long been in the trash, then every file of the project that no record refers to.

    Args:
        store: the project's store.
        blobs: the project's blobs.
        settings: tell where files are.
        older_than_days: how long a run stays in the trash, in days.
        apply: really remove; else only say what would go.

    Returns:
        What went or would go, with sizes, and what stays although it was asked to go.

    Raises:
        UsageError: a negative number of days.
        StoreError: a store that is shared cannot be asked what it refers to.
    """
    if not older_than_days >= 0:
        raise UsageError(f"older_than is 0 days or more, not {older_than_days}", hint="nbops gc --older-than 30")
    now = time.time()
    kept: list[str] = []
    with stage("Collect garbage", total=4) as told:
        told.say("look through the trash")
        going = _due(store, now - older_than_days * DAY_S, kept, settings)
        owns_files = _owns_files(settings, blobs, kept)
        told.advance(note="ask every record what it refers to")
        # Before anything is removed: a shared store that does not answer ends it here.
        marked = store.digests(without=going.ids()) if owns_files else set()
        if apply and (gone := _remove_rows(store, going, told)).ids() != going.ids():
            going, marked = gone, store.digests(without=gone.ids()) if owns_files else set()
        found = _counted(going)
        told.advance(note="sweep blobs and folders")
        if owns_files:
            sweep = _Sweep(
                store=store,
                settings=settings,
                before=now - _grace_s(settings, older_than_days),
                going=going,
                apply=apply,
            )
            found += [*sweep.blobs(blobs, marked), *sweep.folders(marked)]
        told.advance(note="give space back")
        if apply and (freed := _compact(store, kept)):
            found.append(Garbage(what="empty space in the store", count=1, size_bytes=freed))
        told.advance()
    return Collected(
        applied=apply,
        older_than_days=older_than_days,
        found=[garbage for garbage in found if garbage.count],
        size_bytes=sum(garbage.size_bytes or 0 for garbage in found),
        kept=kept,
    )


# ── rows ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _due(store: Store, until: float, kept: list[str], settings: Settings) -> _Going:
    """Runs that have been in the trash since before ``until``, without those that something holds."""
    trash = {row.run.id: row for row in store.search_runs(shelf="deleted", limit=None)}
    due = {key: row for key, row in trash.items() if (row.run.deleted_at or 0.0) <= until}
    for key, row in list(due.items()):
        if (hold := hold_on(store, row.run)) is not None:
            kept.append(f"run {row.run.name} ({key}) stays: {hold.reason}")
            del due[key]
    # The cells of a named part are those of its session, so that stays as long as any part of it.
    while needed := [key for key in due if any(part.id not in due for part in store.find(Run, parent_id=key))]:
        for key in needed:
            del due[key]
    runs = list(due.values())
    return _Going(
        runs=runs,
        artifacts=[artifact for row in runs for artifact in store.find(Artifact, run_id=row.run.id)],
        datasets=_datasets(store, runs),
        sweeps=_sweeps(store, runs),
        outputs=_outputs(store, settings.display_versions, without=due),
    )


def _outputs(store: Store, keep: int, *, without: Collection[str]) -> list[Artifact]:
    """Of each cell, what it showed before its last executions: most is gone already, unless fewer are kept now."""
    cells = {artifact.cell for artifact in store.find(Artifact, kind="output")} - {""}
    old = [artifact for cell in sorted(cells) for artifact in superseded(store, cell, keep=keep)]
    return [artifact for artifact in old if artifact.run_id not in without]


def _datasets(store: Store, runs: list[RunSummary]) -> list[Dataset]:
    found = [dataset for row in runs for dataset in store.find(Dataset, run_id=row.run.id)]
    if not found:
        return []
    # A model outlives its run, and what it was trained on is known by it.
    used = {key for version in store.find(ModelVersion) for key in version.dataset_ids}
    return [dataset for dataset in found if dataset.id not in used]


def _sweeps(store: Store, runs: list[RunSummary]) -> list[Sweep]:
    """Sweeps of which no run is left."""
    counts: dict[str, int] = {}
    for row in runs:
        if row.run.sweep_id is not None:
            counts[row.run.sweep_id] = counts.get(row.run.sweep_id, 0) + 1
    empty = [key for key, count in counts.items() if store.count(Run, sweep_id=key) == count]
    return [sweep for key in empty for sweep in store.find(Sweep, id=key) if sweep.status != "running"]


def _remove_rows(store: Store, going: _Going, told: Stage) -> _Going:
    """Remove them one run at a time, so that nobody waits for long; returns those that really went."""
    gone = _Going(artifacts=going.artifacts)
    for output in going.outputs:
        with contextlib.suppress(NotFoundError):  # its session was quicker
            store.delete(Artifact, output.id)
        gone.outputs.append(output)
    for row in going.runs:
        told.say(f"remove run {row.run.name}")
        with contextlib.suppress(NotFoundError):  # another collection was quicker
            # It may have been restored since the trash was read.
            if store.get(Run, row.run.id).deleted_at == row.run.deleted_at:
                store.delete(Run, row.run.id)
                gone.runs.append(row)
    left = {row.run.id for row in going.runs} - {row.run.id for row in gone.runs}
    gone.artifacts = [artifact for artifact in going.artifacts if artifact.run_id not in left]
    for dataset in going.datasets:
        if dataset.run_id not in left:
            with contextlib.suppress(NotFoundError):
                store.delete(Dataset, dataset.id)
                gone.datasets.append(dataset)
    for sweep in going.sweeps:
        if not store.count(Run, sweep_id=sweep.id):
            with contextlib.suppress(NotFoundError):
                store.delete(Sweep, sweep.id)
                gone.sweeps.append(sweep)
    return gone


def _counted(going: _Going) -> list[Garbage]:
    counts = {
        "runs": len(going.runs),
        "cells": sum(row.cells for row in going.runs if row.run.kind != "named"),
        "params": sum(len(row.params) for row in going.runs),
        "metrics": sum(len(row.metrics) for row in going.runs),
        "artifacts": len(going.artifacts),
        "outputs of earlier executions": len(going.outputs),
        "datasets": len(going.datasets),
        "sweeps": len(going.sweeps),
    }
    return [Garbage(what=what, count=count) for what, count in counts.items()]


def _compact(store: Store, kept: list[str]) -> int:
    if store.count(Run, status="running", host=this_host()):
        kept.append("empty space in the store stays in its file: a notebook is running, which would have to wait")
        return 0
    return store.compact()


# ── files ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _owns_files(settings: Settings, blobs: Blobs, kept: list[str]) -> bool:
    """Whether this store alone says which of the project's files are needed."""
    if is_server(settings.store):
        return True
    if settings.journal != settings.folder / "store.db":
        kept.append(f"files stay: other stores than {settings.journal} may refer to what is in {settings.folder}")
        return False
    if "://" in settings.blobs or not Path(settings.blobs).is_relative_to(settings.folder):
        kept.append(f"files stay: stores of other projects may refer to the blobs in {blobs.location}")
        return False
    return True


def _grace_s(settings: Settings, older_than_days: float) -> float:
    return max(SHARED_GRACE_S, older_than_days * DAY_S) if is_server(settings.store) else GRACE_S


@dataclass(frozen=True, kw_only=True)
class _Sweep:
    store: Store
    settings: Settings
    before: float
    going: _Going
    apply: bool

    def blobs(self, blobs: Blobs, marked: set[str]) -> list[Garbage]:
        halves = blobs.leftovers(before=self.before, remove=self.apply)
        sizes = []
        for digest in blobs.list():
            if digest in marked:
                continue
            with contextlib.suppress(NotFoundError):  # another collection was quicker
                at, size = blobs.put_at(digest), blobs.size(digest)
                if at is not None and at < self.before and (not self.apply or blobs.sweep(digest, before=self.before)):
                    sizes.append(size)
        return [
            Garbage(what="blobs", count=len(sizes), size_bytes=sum(sizes)),
            Garbage(what="unfinished blobs", count=len(halves), size_bytes=sum(halves)),
        ]

    def folders(self, marked: set[str]) -> Iterator[Garbage]:
        own = self.settings.folder
        going = self.going.ids()
        runs = [run for run in self.store.find(Run) if run.id not in going]
        # A run that stands for an earlier, equal one shows that one's executed notebook.
        needed = {run.id for run in runs} | {part for run in runs if run.output for part in Path(run.output).parts}
        sweeps = {sweep.id for sweep in self.store.find(Sweep) if sweep.id not in going}

        def is_unused(name: str) -> bool:
            return bool(_DIGEST.fullmatch(name)) and name not in marked

        yield self._swept("bundles", own / "bundles", is_unused)
        yield self._swept("unfinished bundles", own / "bundles", lambda name: bool(_HALF_BUNDLE.fullmatch(name)))
        yield self._swept("executed notebooks", own / "runs", lambda name: _is_left(name, needed), sure=going)
        yield self._swept("notebooks of sweeps", own / "sweeps", lambda name: _is_left(name, sweeps), sure=going)
        for what in ("reproductions", "environments"):
            # A working folder whose process was killed; an environment that is built again when it is asked for.
            yield self._swept(f"left {what}", own / what, lambda name: bool(_RECORD_ID.fullmatch(name)))
        yield self._swept("unfinished package folders", _sites(), lambda name: bool(_HALF_SITE.fullmatch(name)))

    def _swept(
        self, what: str, folder: Path, is_garbage: Callable[[str], bool], *, sure: Iterable[str] = ()
    ) -> Garbage:
        """Remove the garbage in a folder: what is old enough, and what belongs to records that surely go."""
        if self.apply:
            _put_back(folder)
        sizes = []
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if is_garbage(path.name) and (path.name in sure or _changed_at(path) < self.before):
                size = _size(path)
                if not self.apply or _removed(path, None if path.name in sure else self.before):
                    sizes.append(size)
        return Garbage(what=what, count=len(sizes), size_bytes=sum(sizes))


def _is_left(name: str, needed: set[str]) -> bool:
    return bool(_RECORD_ID.fullmatch(name)) and name not in needed


def _sites() -> Path:
    """Where packages are unpacked for images, once for all projects."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbops" / "sites"


def _removed(path: Path, before: float | None) -> bool:
    """Move a folder aside, look at its age once more, and remove it; False where somebody has just used it again."""
    aside = path.with_name(_GONE + path.name)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return False  # another collection was quicker
    if before is not None and _changed_at(aside) >= before:
        aside.rename(path)
        return False
    shutil.rmtree(aside)
    return True


def _put_back(folder: Path) -> None:
    """A collection was killed in the middle of a folder: put that back, to be looked at anew."""
    for aside in folder.glob(f"{_GONE}*"):
        path = aside.with_name(aside.name.removeprefix(_GONE))
        if path.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(path)


def _changed_at(folder: Path) -> float:
    """When a folder or what is directly in it was changed last."""
    inside = folder.iterdir() if folder.is_dir() else ()
    times: list[float] = [entry.lstat().st_mtime for entry in (folder, *inside)]
    return max(times)


def _size(folder: Path) -> int:
    return sum(entry.lstat().st_size for entry in folder.rglob("*") if entry.is_file())

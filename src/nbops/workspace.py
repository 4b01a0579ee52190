"""The one object all doors hold: an opened project, with one method for each verb.

Each method imports its room inside, so that opening a workspace loads nothing but the store.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from nbops.errors import NotFoundError, UsageError
from nbops.records import (
    Bundle,
    CellExecution,
    CheckResult,
    Deployment,
    Endpoint,
    Firing,
    Fit,
    Model,
    ModelVersion,
    ModuleVersion,
    Record,
    Reproduction,
    Run,
    Schedule,
    Secret,
    Sweep,
    Window,
)
from nbops.settings import Settings, load_settings, overshadowed
from nbops.store.interface import RunSummary, Shelf, Store

if TYPE_CHECKING:
    from nbops.bridge import Transferred
    from nbops.extract import Built, ModuleState, Preview, Pulled, TestReport
    from nbops.flows.compare import Comparison
    from nbops.flows.demo import Journey
    from nbops.flows.doctor import Finding
    from nbops.flows.fire import Fired
    from nbops.flows.outputs import ShownOutputs
    from nbops.flows.plot import Plotted
    from nbops.flows.schedules import Scheduled, ScheduleState, Unscheduled
    from nbops.flows.show import Page
    from nbops.keep import Collected
    from nbops.lineage import CellState, Graph, Origin, Result, Slice
    from nbops.lineage.graph import Source
    from nbops.retrain.parameters import Parameter
    from nbops.retrain.results import SweepResults
    from nbops.score import Scored
    from nbops.source import SourceCell
    from nbops.store.blobs import Blobs

T = TypeVar("T", bound=Record)


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of this session and this project."""

    project: str
    store: str
    recording: bool
    run: Run | None
    """The run that cells are recorded into just now."""
    cells: int
    """How many cells of this run are recorded."""
    notice: str | None
    """Why recording is off, when it is."""
    overshadowed: str | None = None
    """The folder that looks like a project of its own, where a ``.nbops`` further up has made it part of another."""
    counts: dict[str, int]
    """How many runs (those of the lists), models, endpoints, … the store has."""
    doubts: list[str] = []
    """Cells of this run whose result may not stand as it is: ``In [2] stale: x``."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint answered."""

    predictions: list[Any]
    model: str
    request_id: str
    probabilities: list[Any] | None = None
    warnings: list[Any] | None = None


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """How the local journal stands against the team's store."""

    store: str
    forwarded: int
    waiting: int
    message: str


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """What was cancelled: one of the two."""

    sweep: Sweep | None = None
    run: Run | None = None


def _searched(texts: Sequence[str]) -> dict[str, str | None]:
    """``lr=1e-4..1 log`` says what is searched; ``lr`` alone takes what the notebook says behind its default."""
    return {name: rest or None for name, _, rest in (text.partition("=") for text in texts)}


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken back: one of the two."""

    endpoint: Endpoint | None = None
    module: ModuleVersion | None = None


@dataclass(frozen=True, kw_only=True)
class _Material:
    """Cells to read definitions from, with the live objects they made."""

    cells: list[SourceCell]
    namespace: dict[str, Any] | None = None
    run_id: str | None = None
    notebook: str | None = None


def shelf_of(*, archived: bool, deleted: bool) -> Shelf:
    """Say which runs two flags ask for.

    Raises:
        UsageError: both are set.
    """
    if archived and deleted:
        raise UsageError("--archived and --deleted are two lists; ask for one", hint="nbops runs --deleted")
    return "archived" if archived else "deleted" if deleted else "listed"


_COUNTED: dict[str, type[Record]] = {
    "cells": CellExecution,
    "module versions": ModuleVersion,
    "sweeps": Sweep,
    "schedules": Schedule,
    "model versions": ModelVersion,
    "endpoints": Endpoint,
    "secrets masked": Secret,
}


@dataclass(frozen=True, kw_only=True)
class Live:
    """What a notebook kernel adds to a workspace: its variables and what it has run."""

    namespace: dict[str, Any]
    executions: Callable[[], list[CellExecution]]
    """The session's recorded executions in the order they ran, read when they are asked for."""
    earlier: Callable[[], list[str]]
    """Texts of cells that ran before the first recorded one."""
    run_id: str | None
    execution_id: str | None
    notebook: str | None
    recording: bool
    offer: Callable[[str], None]
    """Puts a new cell below the one that runs, for the user to keep or to delete."""
    notice: str | None = None


class Workspace:
    """An opened project: settings and store, and every verb as a method.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Workspace.opened(folder) as workspace:
        ...     workspace.runs()
        []
    """

    def __init__(self, settings: Settings, *, read_only: bool = False, live: Live | None = None) -> None:
        self.settings = settings
        self.read_only = read_only
        self.live = live
        self._store: Store | None = None

    @classmethod
    def open(
        cls, start: str | os.PathLike[str] | None = None, *, read_only: bool = False, live: Live | None = None
    ) -> Workspace:
        """Open the project that a folder belongs to.

        Args:
            start: where to look upwards for ``.nbops``; the current folder when not given.
            read_only: never write, not even to make the store.
            live: what a notebook kernel adds.
        """
        return cls(load_settings(start), read_only=read_only, live=live)

    @classmethod
    @contextmanager
    def opened(cls, start: str | os.PathLike[str] | None = None, *, read_only: bool = False) -> Iterator[Workspace]:
        """Open a project for the time of a ``with`` block."""
        workspace = cls.open(start, read_only=read_only)
        try:
            yield workspace
        finally:
            workspace.close()

    def close(self) -> None:
        """Let go of the store; safe to call twice."""
        if self._store is not None:
            self._store.close()
            self._store = None

    @property
    def store(self) -> Store:
        """The project's store, opened at its first use."""
        if self._store is None:
            from nbops.store import open_store

            self._store = open_store(self.settings, read_only=self.read_only)
        return self._store

    @property
    def blobs(self) -> Blobs:
        """Bytes kept by their hash."""
        from nbops.store.blobs import Blobs

        return Blobs(self.settings.blobs)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return Path(self.settings.root)

    # --- start ------------------------------------------------------------------------------------------------------

    def demo(self, folder: str, engine: str | None = None) -> Journey:
        """Take a real notebook the whole way to an answering endpoint."""
        from nbops.flows.demo import demo

        return demo(Path(folder), engine=engine)

    def doctor(self) -> list[Finding]:
        """Say what is here, what is missing, and the command that cures it."""
        from nbops.flows.doctor import examine

        return examine(self.settings)

    def lab(self, port: int, browser: bool) -> int:
        """Open JupyterLab with the side panel on this project; returns its exit code."""
        from nbops.flows.lab import open_lab

        return open_lab(self.root, port=port, browser=browser)

    def status(self) -> Status:
        """Say what is true of this session and this project."""
        live, store = self.live, self.store
        run = store.get(Run, live.run_id) if live is not None and live.run_id else None
        below = overshadowed(Path(self.settings.root), Path.cwd())
        return Status(
            overshadowed=str(below) if below is not None else None,
            doubts=self._doubts(run) if run else [],
            project=self.settings.root,
            store=store.location,
            recording=live is not None and live.recording,
            run=run,
            cells=store.count(CellExecution, run_id=run.id) if run else 0,
            notice=live.notice if live else None,
            counts={"runs": store.count_runs(), **{noun: store.count(kind) for noun, kind in _COUNTED.items()}},
        )

    def _doubts(self, run: Run) -> list[str]:
        from nbops.lineage import judge, label, story_of

        states = judge(story_of(self.store, run, root=self.root))
        return [f"{label(state)} {state.marks}" for state in states if state.marks]

    def sync(self) -> Synced:
        """Forward what the local journal still holds to the team's store."""
        from nbops.store import forward

        forwarded, waiting, message = forward(self.store)
        return Synced(store=self.store.location, forwarded=forwarded, waiting=waiting, message=message)

    def secrets(self) -> list[Secret]:
        """List the secrets that were masked: what each is and where it may be had, never what it says."""
        return self.store.find(Secret)

    # --- runs -------------------------------------------------------------------------------------------------------

    def runs(
        self,
        where: str | None = None,
        order_by: str | None = None,
        limit: int | None = 50,
        offset: int = 0,
        archived: bool = False,
        deleted: bool = False,
    ) -> list[RunSummary]:
        """List runs, newest first, or those that match an expression."""
        shelf = shelf_of(archived=archived, deleted=deleted)
        return self.store.search_runs(where, order_by=order_by, limit=limit, offset=offset, shelf=shelf)

    def cells(self, run: str = "last", limit: int | None = 50, offset: int = 0) -> list[CellState]:
        """List the cells of a run in the order they ran, and say what has become of each since."""
        from nbops.flows.show import cells_of
        from nbops.lineage import judge, story_of

        found = self._run(run)
        shown = cells_of(self.store, found, limit=limit, offset=offset)
        return judge(story_of(self.store, found, root=self.root), shown)

    def fits(self, run: str = "last", limit: int | None = 50, offset: int = 0) -> list[Fit]:
        """List the fits of a run and of its parts, with their parameters, data, time and scores."""
        from nbops.flows.show import fits_of

        return fits_of(self.store, self._run(run), limit=limit, offset=offset)

    def lineage(self, id: str = "last", metric: str | None = None, variable: str | None = None) -> Origin:
        """Say which cells a result stands on, and whether it can be trusted."""
        from nbops.lineage import marked, origin_of

        record = self._record(id)
        result = self._result_of(record, metric, variable)
        origin = origin_of(result.story, result.executions, of=result.of, run_id=result.run_id)
        if variable is not None or isinstance(record, CellExecution):
            return origin
        model = result.of if isinstance(record, ModelVersion) else None
        done = self.store.find(Reproduction, run_id=result.run_id)
        return marked(origin, done, metric=metric, model=model)

    def slice(
        self,
        id: str = "last",
        metric: str | None = None,
        variable: str | None = None,
        output: str = "slice.ipynb",
    ) -> Slice:
        """Write the cells that lead to a result as a notebook that runs."""
        from nbops.lineage import write_slice

        result = self._result(id, metric, variable)
        known = self.store.find(Secret)
        return write_slice(result.story, result.executions, of=result.of, to=Path(output), secrets=known)

    def reproduce(
        self,
        id: str = "last",
        metric: str | None = None,
        variable: str | None = None,
        tolerance: float = 1e-9,
        env: bool = False,
        anyway: bool = False,
        kernel: str | None = None,
        timeout: float | None = None,
    ) -> Reproduction:
        """Run a recorded result again in a fresh kernel, and compare what comes out."""
        from nbops.flows.reproduce import Wish, reproduce

        record = self._record(id)
        result = self._result_of(record, metric, variable)
        wish = Wish(
            metric=metric,
            model_version_id=record.id if isinstance(record, ModelVersion) else None,
            is_whole=isinstance(record, Run) and record.kind != "named" and metric is None and variable is None,
            tolerance=tolerance,
            env=env,
            anyway=anyway,
            kernel=kernel,
            timeout_s=timeout,
            running=self.live.execution_id if self.live is not None else None,
        )
        return reproduce(result, wish, store=self.store, settings=self.settings)

    def _result(self, reference: str, metric: str | None, variable: str | None) -> Result:
        return self._result_of(self._record(reference), metric, variable)

    def _result_of(
        self, record: Run | ModelVersion | CellExecution, metric: str | None, variable: str | None
    ) -> Result:
        from nbops.lineage import result_of

        return result_of(self.store, record, root=self.root, metric=metric, variable=variable)

    def _record(self, reference: str) -> Run | ModelVersion | CellExecution:
        from nbops.lineage import served_by

        kinds: tuple[type[Run | CellExecution | Endpoint | ModelVersion], ...] = (
            Run, CellExecution, Endpoint, ModelVersion,
        )  # fmt: skip
        record = self._any(reference, kinds)
        return served_by(self.store, record) if isinstance(record, Endpoint) else record

    def graph(self, id: str = "last", metric: str | None = None, variable: str | None = None) -> Graph:
        """Follow an endpoint, model, metric or run back to the cells, modules, data and files it was made of."""
        from nbops.lineage import graph_of

        kinds: tuple[type[Source], ...] = (
            Endpoint, Run, CellExecution, ModelVersion, ModuleVersion, Deployment, Bundle,
        )  # fmt: skip
        if metric is not None or variable is not None:
            kinds = (Run, *kinds)  # an endpoint may bear its run's name
        record = self._any(id, kinds)
        return graph_of(self.store, record, root=self.root, metric=metric, variable=variable)

    def _any(self, reference: str, kinds: Sequence[type[T]]) -> T | Run:
        """The first that answers to a reference; names with a version are no run's."""
        versioned = (ModelVersion, ModuleVersion, Deployment)
        if "@" in reference:
            kinds = [kind for kind in kinds if kind in versioned]
        for kind in kinds if reference != "last" else ():
            with suppress(NotFoundError):
                return self.store.resolve(kind, reference)
        return self._run(reference)

    def show(self, id: str = "last") -> Page:
        """Open anything by its id or name."""
        from nbops.flows.show import show

        return show(self.store, self._run(id).id if id == "last" else id, root=self.root)

    def outputs(self, id: str, limit: int | None = 10) -> list[ShownOutputs]:
        """Put what a cell showed at its last executions side by side."""
        from nbops.flows.outputs import outputs_of

        return outputs_of(self.store, id, limit=limit)

    def compare(self, runs: Sequence[str]) -> Comparison:
        """Say what differs between runs."""
        from nbops.flows.compare import compare

        return compare(self.store, runs)

    def plot(
        self,
        ids: Sequence[str],
        kind: Sequence[str] = (),
        data: str | None = None,
        target: str | None = None,
        hours: float | None = None,
        output: str | None = None,
    ) -> Plotted:
        """Draw a run, several runs, a sweep, a model or an endpoint, and keep the pictures with it."""
        import time

        from nbops.flows.plot import Wish, plot

        since = None if hours is None else time.time() - hours * 3600
        return plot(
            self._meant(ids),
            Wish(kinds=kind, data=data, target=target, since=since, output=output),
            store=self.store,
            blobs=self.blobs,
            root=self.root,
            live=self.live.namespace if self.live is not None else None,
        )

    def tag(self, run: str, tags: Mapping[str, str] | None = None, remove: Sequence[str] = ()) -> Run:
        """Set and remove tags of a run."""
        from nbops.keep import tag

        return tag(self.store, self._run(run), tags, remove=remove)

    def note(self, run: str, text: str) -> Run:
        """Write a note on a run, in place of the one it has."""
        from nbops.keep import note

        return note(self.store, self._run(run), text)

    def rename(self, run: str, name: str) -> Run:
        """Give a run another name."""
        from nbops.keep import rename

        return rename(self.store, self._run(run), name)

    def archive(self, runs: Sequence[str]) -> list[Run]:
        """Take runs out of the lists for good, without losing anything."""
        from nbops.keep import archive

        return archive(self.store, self._meant(runs))

    def delete(self, runs: Sequence[str]) -> list[Run]:
        """Put runs into the trash."""
        from nbops.keep import delete

        return delete(self.store, self._meant(runs))

    def restore(self, runs: Sequence[str]) -> list[Run]:
        """Bring runs back from the trash, or from the archive into the lists."""
        from nbops.keep import restore

        return restore(self.store, self._meant(runs))

    def gc(self, apply: bool = False, older_than: float = 30.0) -> Collected:
        """Remove what has long been in the trash and what no record refers to; without ``apply`` only show it."""
        from nbops.keep import collect

        return collect(
            store=self.store, blobs=self.blobs, settings=self.settings, older_than_days=older_than, apply=apply
        )

    def _meant(self, references: Sequence[str]) -> list[str]:
        return [self._run(reference).id if reference == "last" else reference for reference in references]

    def _run(self, reference: str) -> Run:
        """In a notebook ``last`` is the session that asks, not a run that ended inside it."""
        if reference == "last" and self.live is not None and self.live.run_id is not None:
            return self.store.get(Run, self.live.run_id)
        return self.store.resolve(Run, reference)

    # --- functions --------------------------------------------------------------------------------------------------

    def extract(
        self,
        names: Sequence[str],
        to: str,
        notebook: str | None = None,
        parameter: Sequence[str] = (),
        pin: Sequence[str] = (),
        definition: Mapping[str, str] | None = None,
        only: bool = False,
        overwrite: bool = False,
        accept: bool = False,
        with_tests: bool = False,
        replace: bool = False,
    ) -> ModuleVersion:
        """Take functions and classes out of the notebook into a versioned module."""
        from nbops import extract as room

        material = self._material(notebook, wanted=f"extract {' '.join(names)} --to {to}")
        version = room.extract(
            list(names),
            to=to,
            root=self.root,
            store=self.store,
            cells=material.cells,
            namespace=material.namespace,
            run_id=material.run_id,
            notebook=material.notebook,
            parameters=list(parameter),
            pins=list(pin),
            definition=definition,
            only=only,
            overwrite=overwrite,
            accept=accept,
            with_tests=with_tests,
        )
        if with_tests and self.live is not None and notebook is None:
            room.record(
                list(names),
                namespace=self.live.namespace,
                module=to,
                root=self.root,
                run_id=material.run_id,
                keep=self.blobs.put,
            )
        if replace:
            self._offer([room.replacement(to, list(names))])
        return version

    def preview(
        self,
        names: Sequence[str],
        to: str,
        notebook: str | None = None,
        parameter: Sequence[str] = (),
        pin: Sequence[str] = (),
        definition: Mapping[str, str] | None = None,
        only: bool = False,
        proof: bool = False,
    ) -> Preview:
        """Show what extract would write and what is in its way, without writing anything."""
        from nbops import extract as room

        material = self._material(notebook, wanted=f"preview {' '.join(names)} --to {to}")
        return room.preview(
            list(names),
            to=to,
            root=self.root,
            store=self.store,
            cells=material.cells,
            namespace=material.namespace,
            notebook=material.notebook,
            parameters=list(parameter),
            pins=list(pin),
            definition=definition,
            only=only,
            proof=proof,
        )

    def modules(self) -> list[ModuleState]:
        """List the modules taken from notebooks, and whether their files were edited since."""
        from nbops.extract import modules

        return modules(self.store, self.root)

    def history(self, module: str) -> list[ModuleVersion]:
        """List every version of a module, newest first."""
        from nbops.extract import find_version, history

        return history(self.store, find_version(self.store, module).module)

    def diff(self, module: str, other: str | None = None, notebook: str | None = None) -> str:
        """Show a module's edits three ways (notebook, recorded, file), or two versions against each other."""
        from nbops.extract import diff

        material = self._material(notebook)
        return diff(
            module,
            other,
            store=self.store,
            root=self.root,
            cells=material.cells,
            namespace=material.namespace,
            notebook=material.notebook,
        )

    def test(self, module: str) -> TestReport:
        """Replay the calls that were recorded for a module, and say which give something else."""
        from nbops.extract import run_tests

        return run_tests(module, root=self.root)

    def pull(self, module: str, notebook: str | None = None) -> list[Pulled]:
        """Offer what was edited in a module's file as new cells of the notebook; nothing is overwritten."""
        from nbops.extract import pull

        material = self._material(notebook)
        pulled = pull(
            module,
            store=self.store,
            root=self.root,
            cells=material.cells,
            namespace=material.namespace,
            notebook=material.notebook,
        )
        self._offer([part.source for part in pulled])
        return pulled

    def build(self, package: str, out: str | None = None, version: str | None = None, overwrite: bool = False) -> Built:
        """Build an installable wheel of a package taken from notebooks."""
        from nbops.extract import build_wheel

        return build_wheel(
            package,
            store=self.store,
            root=self.root,
            out=Path(out) if out is not None else None,
            version=version,
            overwrite=overwrite,
        )

    def _material(self, notebook: str | None, *, wanted: str | None = None) -> _Material:
        """What definitions are read from: a notebook's file when it is named, else the live session."""
        from nbops.source import from_executions, from_texts, read_notebook

        if notebook is not None:
            path = Path(notebook).absolute()
            relative = path.relative_to(self.root) if path.is_relative_to(self.root) else path
            return _Material(cells=read_notebook(path), notebook=relative.as_posix())
        if self.live is not None:
            return _Material(
                cells=[*from_texts(self.live.earlier()), *from_executions(self.live.executions())],
                namespace=self.live.namespace,
                run_id=self.live.run_id,
                notebook=self.live.notebook,
            )
        if wanted is not None:
            raise UsageError(
                "outside of a notebook, nbops must be told which notebook to read",
                hint=f"nbops {wanted} --notebook FILE.ipynb",
            )
        return _Material(cells=[])

    def _offer(self, sources: Sequence[str]) -> None:
        if self.live is not None and sources:
            self.live.offer("\n\n\n".join(source.strip() for source in sources) + "\n")

    # --- retraining -------------------------------------------------------------------------------------------------

    def retrain(
        self,
        notebook: str,
        param: Mapping[str, str] | None = None,
        grid: Mapping[str, str] | None = None,
        search: Sequence[str] = (),
        trials: int | None = None,
        sampler: str = "tpe",
        prune: str = "median",
        objective: str | None = None,
        jobs: int = 2,
        name: str | None = None,
        kernel: str | None = None,
        cold: bool = False,
        timeout: float | None = None,
        total_timeout: float | None = None,
        retries: int = 0,
        again: bool = False,
        runner: str = "local",
        scheduler: str | None = None,
        ship: Sequence[str] = (),
        notify: Sequence[str] = (),
    ) -> Sweep:
        """Run a notebook with parameters through papermill, once, over a grid, or in search of the best."""
        from nbops.flows.notices import listeners, tell_of_sweep
        from nbops.retrain import sweep
        from nbops.retrain.parameters import from_text, inspect

        told = listeners(notify, self.settings)
        ended = sweep(
            Path(notebook),
            store=self.store,
            settings=self.settings,
            # Where the notebook tells no type, "3" typed is the number.
            fixed=from_text(inspect(notebook), param or {}),
            grid=grid,
            search=_searched(search) or None,
            trials=trials,
            sampler=sampler,
            prune=prune,
            objective=objective,
            jobs=jobs,
            name=name,
            kernel=kernel,
            cold=cold,
            timeout_s=timeout,
            total_timeout_s=total_timeout,
            retries=retries,
            again=again,
            runner=runner,
            scheduler=scheduler,
            ship=ship,
            # A workflow or a cluster's job says so when it is a timer that calls.
            cause=os.environ.get("NBOPS_CAUSE") or "person",
        )
        tell_of_sweep(ended, told, store=self.store, settings=self.settings)
        return ended

    def parameters(self, notebook: str) -> list[Parameter]:
        """List the typed parameters of a notebook."""
        from nbops.retrain.parameters import read

        return read(notebook)

    def resume(
        self,
        sweep: str,
        jobs: int | None = None,
        cold: bool = False,
        total_timeout: float | None = None,
        runner: str | None = None,
        scheduler: str | None = None,
        notify: Sequence[str] = (),
    ) -> Sweep:
        """Go on with a sweep that was cut short; finished runs are not run again."""
        from nbops.flows.notices import listeners, tell_of_sweep
        from nbops.retrain import resume

        told = listeners(notify, self.settings)
        ended = resume(
            sweep,
            store=self.store,
            settings=self.settings,
            jobs=jobs,
            cold=cold,
            total_timeout_s=total_timeout,
            runner=runner,
            scheduler=scheduler,
        )
        tell_of_sweep(ended, told, store=self.store, settings=self.settings)
        return ended

    def cancel(self, id: str) -> Cancelled:
        """Cancel a sweep or a run that is under way, in whatever process."""
        from nbops.retrain import cancel

        ended = cancel(id, store=self.store)
        return Cancelled(sweep=ended) if isinstance(ended, Sweep) else Cancelled(run=ended)

    def sweeps(self, limit: int | None = 50, offset: int = 0) -> list[Sweep]:
        """List sweeps with their best run."""
        return self.store.find(Sweep, limit=limit, offset=offset)

    def results(self, sweep: str) -> SweepResults:
        """List what the runs of a sweep tried and reached, the best first, and which parameters mattered."""
        from nbops.retrain.results import results

        return results(sweep, store=self.store)

    # --- schedules --------------------------------------------------------------------------------------------------

    def schedule(
        self,
        notebook: str,
        cron: str | None = None,
        when: Sequence[str] = (),
        param: Mapping[str, str] | None = None,
        to: str | None = None,
        output: str | None = None,
        name: str | None = None,
        timezone: str | None = None,
        kernel: str | None = None,
        timeout: float | None = None,
        retries: int = 0,
        notify: Sequence[str] = (),
        overlap: Literal["forbid", "allow"] = "forbid",
        debounce: str = "60s",
        cooldown: str = "1d",
        image: str | None = None,
        replace: bool = False,
    ) -> Scheduled:
        """Run a notebook again by itself, at times or when a condition holds."""
        from nbops.flows.schedules import Wish, schedule_notebook

        wish = Wish(
            notebook=notebook,
            name=name,
            cron=cron,
            when=when,
            params=param or {},
            timezone=timezone,
            retries=retries,
            timeout_s=timeout,
            kernel=kernel,
            notify=notify,
            overlap=overlap,
            debounce=debounce,
            cooldown=cooldown,
            image=image,
        )
        return schedule_notebook(wish, to=to, output=output, replace=replace, store=self.store, settings=self.settings)

    def schedules(self, limit: int | None = 50, offset: int = 0) -> list[ScheduleState]:
        """List schedules with when they are due next and how they went last."""
        from nbops.flows.schedules import states

        return states(self.store, limit=limit, offset=offset)

    def firings(self, schedule: str | None = None, limit: int | None = 50, offset: int = 0) -> list[Firing]:
        """List what fired, newest first, or only what one schedule fired."""
        named = {} if schedule is None else {"schedule_id": self.store.resolve(Schedule, schedule).id}
        return self.store.find(Firing, order_by="-started_at", limit=limit, offset=offset, **named)

    def fire(self, schedule: str, now: bool = False, wait: bool = False) -> Fired:
        """Fire a schedule if it is due and nobody has; what its timers call."""
        from nbops.flows.fire import fire

        found = self.store.resolve(Schedule, schedule)
        return fire(found, now=now, wait=wait, store=self.store, settings=self.settings)

    def pause(self, schedule: str) -> Schedule:
        """Let a schedule's times pass until it is unpaused."""
        from nbops.flows.schedules import pause

        return pause(self.store.resolve(Schedule, schedule), self.store)

    def unpause(self, schedule: str) -> Schedule:
        """Let a paused schedule fire again, from its next time on."""
        from nbops.flows.schedules import unpause

        return unpause(self.store.resolve(Schedule, schedule), self.store)

    def unschedule(self, schedule: str) -> Unscheduled:
        """Remove a schedule and its timers on this machine; its runs stay."""
        from nbops.flows.schedules import unschedule

        return unschedule(self.store.resolve(Schedule, schedule), store=self.store, settings=self.settings)

    def watch(self, jobs: int = 2) -> int:
        """Fire all schedules when they are due, until stopped; for a long-lived service."""
        from nbops.schedule.watching import watch

        return watch(self.store, self.settings, jobs=jobs)

    # --- models -----------------------------------------------------------------------------------------------------

    def models(self, name: str | None = None, limit: int | None = 50, offset: int = 0) -> list[ModelVersion]:
        """List the models, or the versions of one."""
        if name is None:
            return self.store.find(ModelVersion, limit=limit, offset=offset)
        model = self.store.resolve(Model, name)
        return self.store.find(ModelVersion, model=model.name, order_by="-number", limit=limit, offset=offset)

    def check(self, model: str) -> list[CheckResult]:
        """Run every check on a model version and record the verdicts."""
        from nbops.flows.check import check

        return check(
            self.store.resolve(ModelVersion, model),
            store=self.store,
            blobs=self.blobs,
            root=self.root,
            rung=self.settings.rung or None,
        )

    def promote(self, model: str | None = None, alias: str = "production", best: str | None = None) -> Model:
        """Give a model version an alias such as production."""
        if best is not None and model is not None:
            alias = model  # promote --best SWEEP staging: the sweep names the model
        if not alias.isidentifier():
            raise UsageError(
                f"{alias!r} cannot be an alias: letters, digits and _", hint="nbops promote churn@3 production"
            )
        if best is not None:
            version = self._best(self.store.resolve(Sweep, best))
        elif model is not None:
            version = self.store.resolve(ModelVersion, model)
        else:
            raise UsageError("promote takes a model, or --best SWEEP", hint="nbops promote churn@3 production")
        named = self.store.resolve(Model, version.model)
        self.store.update(Model, named.id, aliases={**named.aliases, alias: version.number})
        return self.store.get(Model, named.id)

    def score(self, model: str, source: str, out: str, jobs: int = 1) -> Scored:
        """Predict for every row of a file, batch by batch, resumable."""
        from nbops.bundle import pack
        from nbops.score import score

        version = self.store.resolve(ModelVersion, model)
        bundle = pack(version, store=self.store, blobs=self.blobs, root=self.root, rung=self.settings.rung or None)
        return score(bundle, source, out, jobs=jobs)

    def _best(self, sweep: Sweep) -> ModelVersion:
        """The model that a sweep's best run logged."""
        found = [] if sweep.best_run_id is None else self.store.find(ModelVersion, run_id=sweep.best_run_id, limit=1)
        if not found:
            raise NotFoundError(
                f"sweep {sweep.name} has no best run that logged a model",
                hint=f'nbops show {sweep.id}  # --objective max:METRIC and nbops.log_model(model, name="…", sample=X)',
            )
        return found[0]

    # --- endpoints --------------------------------------------------------------------------------------------------

    def deploy(
        self,
        model: str,
        name: str | None = None,
        engine: str | None = None,
        sample: str | None = None,
        base_image: str | None = None,
        platform: str | None = None,
        save: str | None = None,
        push: str | None = None,
        isolated: bool = False,
    ) -> Endpoint:
        """Put a model behind a stable address, checked before it takes any traffic."""
        from nbops.deploy.making import Making
        from nbops.flows.deploy import deploy_model

        live = self.live.namespace if self.live is not None else {}
        if sample is not None and sample not in live:
            raise NotFoundError(f"no variable {sample!r} in this notebook", hint="%who")
        return deploy_model(
            live.get(model, model),
            name=name,
            sample=live[sample] if sample is not None else None,
            engine=engine,
            making=Making(base_image=base_image, platform=platform, save=save, push=push, isolated=isolated),
            store=self.store,
            blobs=self.blobs,
            settings=self.settings,
            run_id=self.live.run_id if self.live else None,
            execution_id=self.live.execution_id if self.live else None,
        )

    def endpoints(self) -> list[Endpoint]:
        """List endpoints with what runs behind them."""
        from nbops.deploy import endpoints

        return endpoints(self.store, self.settings)

    def deployments(self, endpoint: str | None = None, limit: int | None = 50, offset: int = 0) -> list[Deployment]:
        """List what runs or ran behind an endpoint, newest first."""
        named = {} if endpoint is None else {"endpoint": self.store.resolve(Endpoint, endpoint).name}
        return self.store.find(Deployment, limit=limit, offset=offset, **named)

    def predict(self, endpoint: str, rows: str | None = None) -> Prediction:
        """Ask an endpoint; without rows, with its own example."""
        from nbops.deploy import predict

        live = self.live.namespace if self.live is not None else {}
        given = live[rows] if rows is not None and rows in live else rows
        return msgspec.convert(predict(self.store.resolve(Endpoint, endpoint), given), Prediction)

    def rollback(self, name: str, overwrite: bool = False) -> RolledBack:
        """Go back to what answered before the last deploy, or to an earlier version of a module."""
        from nbops.deploy import rollback as swap_back
        from nbops.extract import rollback as write_back

        if self.store.count(ModuleVersion, module=name.partition("@")[0]):
            return RolledBack(module=write_back(self.store, self.root, name, overwrite=overwrite))
        endpoint = self.store.resolve(Endpoint, name)
        return RolledBack(endpoint=swap_back(endpoint.name, store=self.store, settings=self.settings))

    def logs(self, endpoint: str, lines: int = 100) -> str:
        """Show the newest lines an endpoint's server wrote."""
        from nbops.deploy import logs

        # By name rather than by record: a first deploy that failed has a log and no endpoint.
        return "\n".join(logs(endpoint, tail=lines, store=self.store, settings=self.settings))

    def stop(self, endpoint: str) -> Endpoint:
        """Stop an endpoint and everything behind it; its records and logs stay."""
        from nbops.deploy import stop

        return stop(self.store.resolve(Endpoint, endpoint).name, store=self.store, settings=self.settings)

    # --- watching ---------------------------------------------------------------------------------------------------

    def monitor(self, endpoint: str, hours: float | None = None) -> Window:
        """Measure drift, latency and errors of an endpoint's requests against the training data."""
        import time

        from nbops.flows.watch import watch

        since = None if hours is None else time.time() - hours * 3600
        return watch(self.store.resolve(Endpoint, endpoint), store=self.store, blobs=self.blobs, since=since)

    # --- other tools ------------------------------------------------------------------------------------------------

    def mlflow_export(
        self, runs: Sequence[str], to: str, where: str | None = None, experiment: str | None = None
    ) -> Transferred:
        """Bring runs and their models to an MLflow server or store."""
        from nbops.flows.mlflow import export_runs

        return export_runs(
            runs, to=to, where=where, experiment=experiment, store=self.store, blobs=self.blobs, settings=self.settings
        )

    def mlflow_import(self, source: str, experiment: Sequence[str] = (), trust: Sequence[str] = ()) -> Transferred:
        """Bring runs and registered models from an MLflow server or store here."""
        from nbops.flows.mlflow import import_runs

        return import_runs(
            source=source, experiments=experiment, trust=trust, store=self.store, blobs=self.blobs,
            settings=self.settings,
        )  # fmt: skip

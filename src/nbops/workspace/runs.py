"""Runs: lists, where results come from, comparison, housekeeping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from nbops.errors import NotFoundError, UsageError
from nbops.progress import PATIENCE_S, stage
from nbops.records import (
    Bundle,
    CellExecution,
    Deployment,
    Endpoint,
    Fit,
    ModelVersion,
    ModuleVersion,
    Record,
    Reproduction,
    Run,
    Secret,
)
from nbops.store.interface import RunSummary, Shelf
from nbops.workspace.opened import Opened

if TYPE_CHECKING:
    from nbops.flows.compare import Comparison
    from nbops.flows.download import Downloaded
    from nbops.flows.outputs import ShownOutputs
    from nbops.flows.plot import Plotted
    from nbops.flows.show import Page
    from nbops.keep import Collected
    from nbops.lineage import CellState, Graph, Origin, Result, Slice
    from nbops.lineage.graph import Source


T = TypeVar("T", bound=Record)


def shelf_of(*, archived: bool, deleted: bool) -> Shelf:
    """Say which runs two flags ask for.

    Raises:
        UsageError: both are set.
    """
    if archived and deleted:
        raise UsageError("--archived and --deleted are two lists; ask for one", hint="nbops runs --deleted")
    return "archived" if archived else "deleted" if deleted else "listed"


class Runs(Opened):
    """Runs: lists, where results come from, comparison, housekeeping."""

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
        with stage("List runs", unit="runs", after_s=PATIENCE_S) as now:
            return self.store.search_runs(
                where, order_by=order_by, limit=limit, offset=offset, shelf=shelf, told=now.reach
            )

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

    def download(
        self, id: str = "last", names: Sequence[str] = (), out: str = ".", overwrite: bool = False
    ) -> list[Downloaded]:
        """Write a run's artifacts, or one artifact, to files."""
        from nbops.flows.download import download

        reference = self._run(id).id if id == "last" else id
        return download(reference, names, Path(out), store=self.store, blobs=self.blobs, overwrite=overwrite)

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

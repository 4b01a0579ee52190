"""The way back from anything that was made to the cells, modules, data and files that it was made of, as a graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from nbops.errors import NotFoundError, UsageError
from nbops.lineage.results import Result, result_of
from nbops.lineage.story import Story, label, story_of
from nbops.lineage.trust import origin_of
from nbops.records import (
    Bundle,
    CellExecution,
    Dataset,
    Deployment,
    Endpoint,
    Fit,
    Metric,
    ModelVersion,
    ModuleVersion,
    Record,
    Run,
)
from nbops.store.interface import Store

NodeKind = Literal[
    "endpoint", "deployment", "bundle", "model", "metric", "variable", "run", "cell", "module", "dataset", "file"
]
R = TypeVar("R", bound=Record)
Source = Endpoint | Deployment | Bundle | ModelVersion | ModuleVersion | CellExecution | Run
"""What can be asked about."""

MOST_NODES = 300
"""More than this nobody reads; what is furthest from the result is left out first."""


class GraphNode(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was made, or that others were made of."""

    id: str
    """The record's id in the store; ``file:PATH``, ``metric:NAME`` or ``variable:NAME`` for what has none."""
    kind: NodeKind
    name: str
    """How people know it: ``churn@3``, ``In [7]``."""
    about: str = ""
    """What tells it from others of its kind, in one line."""
    status: str = ""
    doubts: list[str] = []
    """Why what it gave cannot be taken as it stands, as ``lineage`` says it."""
    opens: str = ""
    """What ``show`` takes for it; empty for what is no record."""
    at: float | None = None
    """When it was made, in seconds since the epoch."""


class GraphLink(msgspec.Struct, frozen=True, kw_only=True):
    """That one thing was made with another."""

    made: str
    """Id of the node that was made."""
    of: str
    """Id of the node that it was made of, by or in."""
    names: list[str] = []
    """Names that carried it, between cells."""


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """What something was made of, back to cells and files."""

    of: str
    """What was asked about: ``endpoint churn``, ``metric accuracy = 0.93``."""
    results: list[str]
    """Ids of the nodes that were asked about."""
    verdict: Literal["clean", "tainted", "unknown"]
    nodes: list[GraphNode]
    """Results first, then by how far they are from them."""
    links: list[GraphLink]
    left_out: int
    """How many more nodes there are."""


def graph_of(
    store: Store,
    record: Source,
    *,
    root: Path,
    metric: str | None = None,
    variable: str | None = None,
    most: int = MOST_NODES,
) -> Graph:
    """Follow something back to all that it was made of.

    Args:
        store: the project's store.
        record: what is asked about.
        root: the project's folder.
        metric: of a run, only this metric.
        variable: of a run, only what this name held last.
        most: how many nodes at most.

    Returns:
        Things and what each was made of; without cycles.

    Raises:
        NotFoundError: the run has no such metric or name.
        UsageError: both are given, or one of them for something that is not a run.
    """
    making = _Making(store, root, most)
    if metric is not None or variable is not None:
        asked = record if isinstance(record, Run | ModelVersion | CellExecution) else _no_run(record)
        result = result_of(store, asked, root=root, metric=metric, variable=variable)
        return making.graph(result.of, [making.named(result, metric=metric, variable=variable)])
    if isinstance(record, Run):
        return making.graph(f"run {record.name}", making.results_of(record))
    return making.graph(_said(record), [making.add(record)])


def served_by(store: Store, endpoint: Endpoint) -> ModelVersion:
    """The model version that answers most of an endpoint's requests, or answered them last.

    Args:
        store: the project's store.
        endpoint: which.

    Raises:
        NotFoundError: nothing was ever deployed there.
    """
    behind = _behind(store, endpoint)
    if not behind:
        raise NotFoundError(
            f"nothing was deployed behind {endpoint.name}", hint=f"nbops deploy MODEL --name {endpoint.name}"
        )
    most = max(behind, key=lambda one: endpoint.split.get(one.id, 0))
    return store.get(ModelVersion, most.model_version_id)


def _no_run(record: Source) -> Run:
    raise UsageError(f"metrics and variables belong to runs, not to {_said(record)}", hint="nbops runs")


def _behind(store: Store, endpoint: Endpoint) -> list[Deployment]:
    """What answers; of an endpoint that is stopped, what answered last."""
    known = store.find(Deployment, endpoint=endpoint.name, order_by="-id", limit=200)
    return [one for one in known if endpoint.split.get(one.id)] or known[:1]


def _said(record: Source) -> str:
    match record:
        case Endpoint():
            return f"endpoint {record.name}"
        case Deployment():
            return f"deployment {record.endpoint}@{record.number}"
        case Bundle():
            return f"bundle {record.digest[:12]}"
        case ModelVersion():
            return f"{record.model}@{record.number}"
        case ModuleVersion():
            return f"{record.module}@{record.version}"
        case Run():
            return f"run {record.name}"
        case _:
            return label(record)


class _Making:
    """A graph that grows from its results, nearest things first."""

    def __init__(self, store: Store, root: Path, most: int) -> None:
        self._store, self._root, self._most = store, root, most
        self._nodes: dict[str, GraphNode] = {}
        self._left_out: set[str] = set()
        self._links: dict[tuple[str, str], list[str]] = {}
        self._stories: dict[str, Story] = {}
        self._runs: dict[str, Run] = {}
        self._asked: dict[str, list[CellExecution]] = {}
        """Session → the executions that were asked for there."""

    # --- what can be asked about ---------------------------------------------------------------------------------

    def graph(self, of: str, results: Sequence[str]) -> Graph:
        """Finish: doubts of cells, and the session that the first cells ran in."""
        self._put_in_sessions()
        doubts = self._doubts()
        nodes = [
            msgspec.structs.replace(node, doubts=doubts[node.id]) if node.id in doubts else node
            for node in self._nodes.values()
        ]
        links = [
            GraphLink(made=made, of=source, names=names)
            for (made, source), names in self._links.items()
            if made in self._nodes and source in self._nodes
        ]
        has_cells = any(node.kind == "cell" for node in nodes)
        verdict: Literal["clean", "tainted"] = "tainted" if doubts else "clean"
        return Graph(
            of=of,
            results=[result for result in results if result in self._nodes],
            verdict=verdict if has_cells else "unknown",
            nodes=nodes,
            links=links,
            left_out=len(self._left_out),
        )

    def named(self, result: Result, *, metric: str | None, variable: str | None) -> str:
        """A metric or variable of a run, and the cells that made it."""
        kind: Literal["metric", "variable"] = "metric" if metric is not None else "variable"
        return self._value(kind, metric or variable or "", result.of, result.executions)

    def results_of(self, run: Run) -> list[str]:
        """What a run left behind: its metrics and models; where it has neither, its last cells."""
        self._runs[run.id] = run
        story = self._story(run.id)
        last = {value.name: value for value in self._store.metrics(run.id)}
        results = [self._metric(story, value) for value in last.values()]
        versions = self._store.find(ModelVersion, run_id=run.id, order_by="id", limit=self._most)
        results += [self._version(version) for version in versions]
        if not results and (made := result_of(self._store, run, root=self._root)).executions:
            self._cells(made.executions)
            results = [execution.id for execution in made.executions]
        return results or [self._run(run)]

    def add(self, record: Source) -> str:
        """Any record, with all that it was made of."""
        match record:
            case Endpoint():
                return self._endpoint(record)
            case Deployment():
                return self._deployment(record)
            case Bundle():
                return self._bundle(record)
            case ModelVersion():
                return self._version(record)
            case ModuleVersion():
                return self._module(record)
            case Run():
                return self._run(record)
            case _:
                self._cells([record])
                return record.id

    # --- one kind of thing each ----------------------------------------------------------------------------------

    def _put(self, node: GraphNode) -> bool:
        """Whether it is new, and there is room for it."""
        if node.id in self._nodes:
            return False
        if len(self._nodes) >= self._most:
            self._left_out.add(node.id)
            return False
        self._nodes[node.id] = node
        return True

    def _link(self, made: str, of: str, *names: str) -> None:
        known = self._links.setdefault((made, of), [])
        known += [name for name in names if name not in known]

    def _endpoint(self, endpoint: Endpoint) -> str:
        node = GraphNode(
            id=endpoint.id, kind="endpoint", name=endpoint.name, about=endpoint.address, status=endpoint.status,
            opens=endpoint.name, at=endpoint.created_at,
        )  # fmt: skip
        if self._put(node):
            for deployment in _behind(self._store, endpoint):
                share = endpoint.split.get(deployment.id)
                self._link(endpoint.id, self._deployment(deployment), *([] if share is None else [f"{share} %"]))
        return endpoint.id

    def _deployment(self, one: Deployment) -> str:
        node = GraphNode(
            id=one.id, kind="deployment", name=f"{one.endpoint}@{one.number}", about=one.engine, status=one.status,
            opens=one.id, at=one.started_at,
        )  # fmt: skip
        if self._put(node):
            bundles = self._store.find(Bundle, id=one.bundle_id, limit=1)
            if bundles:
                self._link(one.id, self._bundle(bundles[0]))
            else:
                self._link_version(one.id, one.model_version_id)
        return one.id

    def _bundle(self, bundle: Bundle) -> str:
        node = GraphNode(
            id=bundle.id, kind="bundle", name=bundle.digest[:12], about=f"computed by {bundle.rung}", opens=bundle.id,
            at=bundle.created_at,
        )  # fmt: skip
        if self._put(node):
            self._link_version(bundle.id, bundle.model_version_id)
        return bundle.id

    def _link_version(self, made: str, version_id: str) -> None:
        for version in self._store.find(ModelVersion, id=version_id, limit=1):
            self._link(made, self._version(version))

    def _version(self, version: ModelVersion) -> str:
        name = f"{version.model}@{version.number}"
        about = version.type_name.rpartition(".")[2]
        if not self._put(
            GraphNode(id=version.id, kind="model", name=name, about=about, opens=name, at=version.created_at)
        ):
            return version.id
        for module in self._found(ModuleVersion, version.module_version_ids):
            self._link(version.id, self._module(module))
        for dataset in self._found(Dataset, version.dataset_ids):
            self._link(version.id, self._dataset(dataset, version))
        cells = self._found(CellExecution, [version.execution_id])
        if cells:
            self._cells(cells)
            self._link(version.id, cells[0].id)
        else:
            for run in self._found(Run, [version.run_id]):
                self._link(version.id, self._run(run))
        return version.id

    def _found(self, kind: type[R], ids: Iterable[str | None]) -> list[R]:
        """Records by their ids; those that were collected meanwhile are not there."""
        return [record for one in ids if one is not None for record in self._store.find(kind, id=one, limit=1)]

    def _dataset(self, dataset: Dataset, version: ModelVersion) -> str:
        shape = f"{dataset.rows:,} rows × {len(dataset.columns)} columns"
        if not self._put(
            GraphNode(id=dataset.id, kind="dataset", name=dataset.name, about=shape, opens=dataset.id, at=dataset.at)
        ):
            return dataset.id
        for fit in self._found(Fit, [version.fit_id]):
            for execution in self._found(CellExecution, [fit.execution_id]):
                name = fit.x.name if fit.x is not None else ""
                writer = self._writer(execution, name)
                self._cells([writer])
                self._link(dataset.id, writer.id, *([name] if name else []))
        return dataset.id

    def _writer(self, execution: CellExecution, name: str) -> CellExecution:
        """Whatever cell made what a cell read under a name; the cell itself where it made it."""
        story = self._story(execution.run_id)
        sources = [edge.source_id for edge in story.edges(execution) if edge.name == name]
        return story.by_id.get(sources[0] or "", execution) if sources else execution

    def _module(self, module: ModuleVersion) -> str:
        name = f"{module.module}@{module.version}"
        if self._put(
            GraphNode(id=module.id, kind="module", name=name, about=module.path, opens=name, at=module.created_at)
        ):
            ids = dict.fromkeys(one.execution_id for one in module.definitions)
            cells = self._found(CellExecution, ids)
            self._cells(cells)
            for cell in cells:
                made = [one.name for one in module.definitions if one.execution_id == cell.id]
                self._link(module.id, cell.id, *made)
        return module.id

    def _run(self, run: Run) -> str:
        node = GraphNode(
            id=run.id, kind="run", name=run.name, about=run.git_commit[:10] if run.git_commit else run.kind,
            status=run.status, opens=run.id, at=run.started_at,
        )  # fmt: skip
        self._runs[run.id] = run
        if self._put(node) and run.notebook is not None:
            self._link(run.id, self._file(run.notebook, "notebook"))
        return run.id

    def _file(self, path: str, about: str, *, writer: CellExecution | None = None) -> str:
        # What a cell wrote is another thing than what stood there before: one cell may read the one, write the other.
        key = f"file:{path}" if writer is None else f"file:{path}#{writer.id}"
        self._put(GraphNode(id=key, kind="file", name=path, about=about))
        return key

    def _metric(self, story: Story, value: Metric) -> str:
        made = story.running_at(value.at)
        said = f"metric {value.name} = {value.value:.6g}"
        return self._value("metric", value.name, said, [] if made is None else [made])

    def _value(
        self, kind: Literal["metric", "variable"], name: str, said: str, executions: Sequence[CellExecution]
    ) -> str:
        key, about = f"{kind}:{name}", said.partition(" = ")[2]
        self._put(GraphNode(id=key, kind=kind, name=name, about=about))
        self._cells(executions)
        for execution in executions:
            self._link(key, execution.id, *([name] if kind == "variable" else []))
        return key

    # --- cells ---------------------------------------------------------------------------------------------------

    def _story(self, run_id: str) -> Story:
        if run_id not in self._stories:
            run = self._runs.get(run_id) or self._store.get(Run, run_id)
            self._stories[run_id] = story_of(self._store, run, root=self._root)
        return self._stories[run_id]

    def _cells(self, executions: Iterable[CellExecution]) -> None:
        """Cells and all that they stand on, nearest first: a long session is cut where it is furthest."""
        pending = deque(executions)
        for execution in pending:
            self._asked.setdefault(execution.run_id, []).append(execution)
        while pending:
            execution = pending.popleft()
            if not self._put(_cell_node(execution)):
                continue
            story = self._story(execution.run_id)
            writers = {}
            for edge in story.edges(execution):
                source = story.by_id.get(edge.source_id or "")
                if source is None or source.id == execution.id:
                    continue
                pending.append(source)
                if edge.name.startswith("file:"):
                    writers[edge.name.removeprefix("file:")] = source
                else:
                    self._link(execution.id, source.id, edge.name)
            self._files_of(execution, writers)

    def _files_of(self, execution: CellExecution, writers: Mapping[str, CellExecution]) -> None:
        """The files that a cell read stand between it and the cells that wrote them."""
        touches = execution.lineage.files if execution.lineage is not None else []
        sizes = {touch.path: f"{touch.size_bytes:,} bytes" for touch in touches}
        read = {touch.path: None for touch in touches if touch.action == "read"}
        for path, writer in {**read, **writers}.items():
            file = self._file(path, sizes.get(path, ""), writer=writer)
            self._link(execution.id, file)
            if writer is not None:
                self._link(file, writer.id)

    def _put_in_sessions(self) -> None:
        """Hang cells that stand on no other cell on their session, and what it imported on the cells that did."""
        done: set[str] = set()
        while pending := [session_id for session_id in self._asked if session_id not in done]:
            for session_id in pending:
                done.add(session_id)
                # What it imported may have been made in another session.
                for run in self._found(Run, [session_id]):
                    self._imports(run)
        made_of_cells = {made for made, of in self._links if of in self._nodes and self._nodes[of].kind == "cell"}
        for session_id in self._asked:
            for run in self._found(Run, [session_id]):
                self._run(run)
                for one in self._story(session_id).executions:
                    if one.id in self._nodes and one.id not in made_of_cells:
                        self._link(one.id, run.id)

    def _imports(self, run: Run) -> None:
        for module in run.modules:
            importer = self._story(run.id).by_id.get(module.execution_id or "")
            if importer is None or importer.id not in self._nodes:
                continue
            # Of what lies outside, only what the cell names: a process imports much that it only happens to have.
            if Path(module.path).is_absolute() and module.name.partition(".")[0] not in importer.source:
                continue
            versions = self._found(ModuleVersion, [module.version_id])
            of = self._module(versions[0]) if versions else self._file(module.path, f"module {module.name}")
            made_there = {one.execution_id for version in versions for one in version.definitions}
            if importer.id not in made_there:
                self._link(importer.id, of)

    def _doubts(self) -> dict[str, list[str]]:
        """Of every cell that is shown, why it cannot be taken as it stands."""
        found: dict[str, list[str]] = {}
        for run_id, executions in self._asked.items():
            origin = origin_of(self._story(run_id), executions, of="", run_id=run_id)
            for reason in origin.reasons:
                found.setdefault(reason.execution_id, []).append(reason.message)
            self._left_out.update(step.execution_id for step in origin.steps if step.execution_id not in self._nodes)
        return found


def _cell_node(execution: CellExecution) -> GraphNode:
    lines = [line.strip() for line in execution.source.splitlines()]
    telling = [line for line in lines if line and not line.startswith(("%", "#"))]
    return GraphNode(
        id=execution.id,
        kind="cell",
        name=label(execution),
        about=(telling or lines or [""])[0],
        status=execution.status,
        opens=execution.id,
        at=execution.started_at,
    )

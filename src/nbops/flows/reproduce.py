"""From a recorded result to a verdict: plan it, check what it read, run it in a fresh kernel, compare, say why.

Lineage knows which executions lead to the result, the retraining room runs them, and the room ``reproduce`` knows what
they need and what came out the same. The kernel works in a copy of the project with a store of its own; what it
recorded is brought into the project's store at the end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import Context
from pathlib import Path
from typing import Any

import msgspec

from nbops import reproduce as room
from nbops.errors import ConflictError, MissingError, NotFoundError, UsageError
from nbops.lineage import Result, label
from nbops.masking.asking import PREFIX, had
from nbops.progress import Stage, stage
from nbops.records import (
    Artifact,
    CellExecution,
    Discrepancy,
    Environment,
    Metric,
    Model,
    ModelVersion,
    ModuleVersion,
    Param,
    Reproduction,
    Run,
    new_id,
)
from nbops.reproduce import Inputs, Plan, Ran, Scene, Scratch
from nbops.retrain import execution as executions
from nbops.retrain import kernels
from nbops.retrain.execution import Execution
from nbops.settings import Settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops.store.interface import Store
from nbops.surroundings import VARIABLES

CAUSE = "reproduction"
_GLANCE_S = 0.25
_ASK_STORE_EVERY_S = 0.5


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How a result is to be reproduced."""

    metric: str | None = None
    model_version_id: str | None = None
    is_whole: bool = False
    """Whether everything that ran in the session is run again, or only what leads to the result."""
    tolerance: float = 1e-9
    anyway: bool = False
    """Run even where inputs have changed or are missing."""
    kernel: str | None = None
    env: bool = False
    """Build the recorded environment again, and run in it."""
    timeout_s: float | None = None
    running: str | None = None
    """The execution that asks, which is not part of what it asks for."""


def reproduce(result: Result, wish: Wish, *, store: Store, settings: Settings) -> Reproduction:
    """Run a recorded result again and compare.

    Args:
        result: what is reproduced, with the executions that made it.
        wish: how.
        store: the project's.
        settings: the project's.

    Returns:
        The verdicts; they are in the store, and so is the run that ran it again.

    Raises:
        ConflictError: something that the run read is another one now, or gone, and ``anyway`` was not given.
        MissingError: secrets that the cells need are in no environment variable, or the recorded Python is not here.
        NbopsError: the recorded environment cannot be built.
        NotFoundError: nothing of it was recorded.
        UsageError: the kernel is not there, or the run is a script's.
    """
    session = _session(result, store)
    chosen = result.story.executions if wish.is_whole else result.story.leading_to(result.executions)
    plan = room.plan_of(session, [one for one in chosen if one.id != wish.running])
    if not plan.executions:
        raise NotFoundError(f"no recorded cell can be run again for {result.of}", hint=f"nbops cells {session.id[:13]}")
    inputs = room.inputs_of(plan, root=Path(settings.root), sources=_sources(store, plan))
    secrets = _secrets(plan)
    if not wish.anyway:
        _refuse_what_changed(plan, inputs)
    work = _Work(result, wish, plan, inputs, secrets, store=store, settings=settings)
    return work.done()


def _session(result: Result, store: Store) -> Run:
    run = store.get(Run, result.run_id)
    if run.kind == "named" and run.parent_id is not None:
        parents = store.find(Run, id=run.parent_id, limit=1)
        run = parents[0] if parents else run
    if run.kind == "named":
        raise UsageError(
            f"run {run.name} was logged by a script, of which no cells are known", hint=f"nbops show {run.id[:13]}"
        )
    return run


def _sources(store: Store, plan: Plan) -> dict[str, str]:
    found = {}
    for module in plan.modules:
        for version in store.find(ModuleVersion, digest=module.digest, limit=1):
            found[version.digest] = version.source
    return found


def _secrets(plan: Plan) -> dict[str, str]:
    """What masked sources ask for, as variables of the kernel."""
    values = {one: had(one) for one in plan.secrets}
    lacking = [one for one, value in values.items() if not value]
    if lacking:
        raise MissingError(
            f"the cells need secrets that are in no environment variable: {', '.join(lacking)}",
            code="secrets_missing",
            hint=" ".join(f"{PREFIX}{one.upper()}=…" for one in lacking) + f" nbops reproduce {plan.run.id[:13]}",
        )
    return {f"{PREFIX}{one.upper()}": value for one, value in values.items() if value}


def _refuse_what_changed(plan: Plan, inputs: Inputs) -> None:
    troubles = [f"{one.what}: recorded {one.recorded}, now {one.now}" for one in inputs.changed]
    if plan.missing:
        troubles.append(f"made before recording began: {', '.join(plan.missing)}")
    if troubles:
        raise ConflictError(
            f"run {plan.run.name} cannot be reproduced as it was\n  " + "\n  ".join(troubles),
            code="inputs_changed",
            hint=f"nbops reproduce {plan.run.id[:13]} --anyway",
        )


class _Work:
    """One reproduction on its way."""

    def __init__(
        self,
        result: Result,
        wish: Wish,
        plan: Plan,
        inputs: Inputs,
        secrets: dict[str, str],
        *,
        store: Store,
        settings: Settings,
    ) -> None:
        self.result, self.wish, self.plan, self.inputs, self.secrets = result, wish, plan, inputs, secrets
        self.store, self.settings = store, settings
        self.root = Path(settings.root)
        self.labels = {one.id: label(one) for one in result.story.executions}
        found = store.find(Environment, id=plan.run.environment_id, limit=1) if plan.run.environment_id else []
        self.environment = found[0] if found else None
        self.started_at = time.time()
        self.python: Path | None = None

    def done(self) -> Reproduction:
        """Run, compare and record."""
        rerun_id = new_id()
        if self.wish.env:
            self.python = room.rebuilt(self._environment(), folder=self.settings.folder / "environments")
        with room.scratch(self.settings.folder / "reproductions" / rerun_id, root=self.root) as place:
            place.fill(self.inputs, written=self._written(), cwd=self._cwd())
            own = self._settings_in(place)
            with contextlib.closing(open_store(own)) as inner:
                execution = self._execution(rerun_id, place, own, inner)
                self.store.put(execution.run)
                try:
                    rerun = self._ran(execution, inner)
                except BaseException:
                    self.store.update(Run, rerun_id, status="cancelled", ended_at=time.time())
                    raise
                return self._recorded(rerun, place, inner)

    # --- before --------------------------------------------------------------------------------------------------

    def _environment(self) -> Environment:
        if self.environment is None:
            raise NotFoundError(
                f"the environment of run {self.plan.run.name} was not recorded",
                hint=f"nbops reproduce {self.plan.run.id[:13]}, without --env",
            )
        return self.environment

    def _cwd(self) -> Path:
        run = self.plan.run
        if run.cwd is not None:
            return self.root / run.cwd
        return (self.root / run.notebook).parent if run.notebook else self.root

    def _written(self) -> frozenset[Path]:
        return frozenset(self.root / path for path in self.plan.written)

    def _settings_in(self, place: Scratch) -> Settings:
        folder = place.root / ".nbops"
        folder.mkdir(parents=True, exist_ok=True)
        for key in self.settings.folder.glob("*key*"):  # equal texts get equal hashes, and equal secrets equal ids
            shutil.copy2(key, folder / key.name)
        return msgspec.structs.replace(self.settings, root=str(place.root), store=str(folder / "store.db"))

    def _execution(self, rerun_id: str, place: Scratch, own: Settings, inner: Store) -> Execution:
        run = self.plan.run
        path = place.root / (run.notebook or f"{Path(run.name).stem}.ipynb")
        execution = executions.opened(path, settings=own, cause=CAUSE, name=f"{run.name} (reproduced)")
        output = self.settings.folder / "runs" / rerun_id / path.name
        execution.output = str(output)
        execution.run = msgspec.structs.replace(
            execution.run, id=rerun_id, notebook=run.notebook, output=str(output), tags={"reproduces": run.id}
        )
        scene = place.folder / "scene.json"
        scene.write_bytes(msgspec.json.encode(self._scene(place)))
        recorded = room.variables_of(run, self.environment)
        execution.env |= {
            **recorded,
            **self.secrets,
            "NBOPS_RUN": rerun_id,
            "NBOPS_REPRODUCES": run.id,
            room.VARIABLE: str(scene),
            **self._path(place),
        }
        execution.unset = VARIABLES - recorded.keys()
        if self.python is not None:
            execution.unset |= {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
        execution.extensions = ("nbops.reproduce.scene",)
        execution.cwd = str(place.mirrored(self._cwd()))
        execution.python = str(self.python) if self.python is not None else None
        inner.put(
            execution.run, *self.store.find(Model), *self.store.find(ModelVersion), *self.store.find(ModuleVersion)
        )
        return execution

    def _scene(self, place: Scratch) -> Scene:
        blobs = [] if "://" in self.settings.blobs else [self.settings.blobs]
        modules = {name: str(place.mirrored(found.path)) for name, found in self.inputs.modules.items()}
        written = [str(path) for path in self._written()]
        return Scene(
            root=str(self.root),
            tree=str(place.tree),
            modules=modules,
            written=written,
            allowed=blobs,
            asks_secrets=bool(self.plan.secrets),
        )

    def _path(self, place: Scratch) -> dict[str, str]:
        """Where worker processes, which have no scene, find the modules: their import roots, before all others."""
        folders: dict[str, None] = {}
        for name, found in self.inputs.modules.items():
            depth = name.count(".") + (found.path.name == "__init__.py")
            folders[str(place.mirrored(found.path).parents[depth])] = None
        before = os.environ.get("PYTHONPATH") if self.python is None else None
        return {"PYTHONPATH": os.pathsep.join([*folders, *([before] if before else [])])} if folders else {}

    # --- the run -------------------------------------------------------------------------------------------------

    def _node(self) -> Any:
        from nbformat.v4 import new_code_cell, new_notebook

        cells = []
        for execution in self.plan.executions:
            # Under the execution's id: a cell that ran twice is two cells here.
            cell = new_code_cell(execution.source, id=execution.id)
            if execution.status != "ok":
                cell.metadata["tags"] = ["raises-exception"]
            cells.append(cell)
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        about = {"kernelspec": spec, "language_info": {"name": "python"}}
        return new_notebook(cells=cells, metadata=about)

    def _ran(self, execution: Execution, inner: Store) -> Run:
        node = self._node()
        name = kernels.name_of(node, self.wish.kernel)
        total = len(self.plan.executions)
        with stage(f"Reproduce {self.result.of}", unit="cells", total=total) as now, ThreadPoolExecutor(1) as pool:
            # A context of its own, as for every thread that runs a kernel.
            future = pool.submit(
                Context().run, executions.execute, execution, node, parameters={}, kernel_name=name, store=inner
            )
            try:
                self._watched(future, execution, now)
            except BaseException:
                execution.kill("cancelled")
                wait([future])
                raise
            run = self._as_recorded(future.result(), execution, inner)
            if run.status == "finished":
                now.advance(total - now.done, note="")
            return run

    def _as_recorded(self, rerun: Run, execution: Execution, inner: Store) -> Run:
        """For papermill a run with an error has failed; here an error that was recorded is what had to come."""
        if rerun.status != "failed" or execution.stopped is not None:
            return rerun
        ended = {cell.cell_id: cell.status for cell in inner.find(CellExecution, run_id=rerun.id)}
        if any(one.id not in ended or (one.status == "ok" and ended[one.id] != "ok") for one in self.plan.executions):
            return rerun
        inner.update(Run, rerun.id, status="finished", error=None)
        return inner.get(Run, rerun.id)

    def _watched(self, future: Future[Run], execution: Execution, now: Stage) -> None:
        began = asked = time.monotonic()
        while not wait([future], timeout=_GLANCE_S).done:
            moment = time.monotonic()
            index = execution.cell_index or 0
            now.advance(max(0, index - now.done), note=self.labels[self.plan.executions[index].id])
            if self.wish.timeout_s is not None and moment - began >= self.wish.timeout_s:
                execution.kill("timeout")
            if moment - asked >= _ASK_STORE_EVERY_S:
                asked = moment
                if self.store.get(Run, execution.run.id).status == "cancelled":
                    execution.kill("cancelled")

    # --- after ---------------------------------------------------------------------------------------------------

    def _recorded(self, rerun: Run, place: Scratch, inner: Store) -> Reproduction:
        before = room.ran(self.store, self.plan.run, by_cell_id=False)
        after = room.ran(inner, rerun, by_cell_id=True)
        rerun = inner.get(Run, rerun.id)
        made = self._judged(rerun, before, after, place, inner)
        _bring(rerun, self.store, inner, cell_ids={one.id: one.cell_id for one in self.plan.executions})
        now = time.time()
        self.store.log_params(
            [Param(run_id=rerun.id, name=name, value=value, at=now) for name, value in
             self.store.params(self.plan.run.id).items()]
        )  # fmt: skip
        self.store.put(made)
        return made

    def _judged(self, rerun: Run, before: Ran, after: Ran, place: Scratch, inner: Store) -> Reproduction:
        blobs = Blobs(self.settings.blobs)
        compared = room.compare(
            self.plan.executions,
            before,
            after,
            labels=self.labels,
            tolerance=self.wish.tolerance,
            places={path: _place(path, place) for path in self.plan.written},
            pages=lambda digest: blobs.get(digest) if blobs.has(digest) else None,
        )
        found = inner.find(Environment, id=rerun.environment_id, limit=1) if rerun.environment_id else []
        around = [
            Discrepancy(what=one.what, recorded=one.recorded, now=one.now) for one in self.inputs.changed
        ] + room.discrepancies(self.environment, found[0] if found else None, run=self.plan.run, rerun=rerun)
        first = room.first_difference(compared)
        why: list[str] = []
        if first is not None:
            why = room.causes(first, self.plan.executions, before, after, labels=self.labels, found=around)
        verdict = room.overall(compared, metric=self.wish.metric) or "unknown"
        return Reproduction(
            id=new_id(),
            run_id=self.result.run_id,
            rerun_id=rerun.id,
            of=self.result.of,
            metric=self.wish.metric,
            model_version_id=self.wish.model_version_id,
            verdict="cancelled" if rerun.status == "cancelled" else verdict,
            compared=room.kept(compared),
            differs_at=first.execution_id if first is not None else None,
            differs_in=first.cell if first is not None else "",
            causes=why,
            discrepancies=around,
            left_out=[f"{self.labels[one.id]}: {reason}" for one, reason in self.plan.left_out],
            cells=len(self.plan.executions),
            tolerance=self.wish.tolerance,
            environment="rebuilt" if self.wish.env else "this",
            error=rerun.error,
            notebook=rerun.output or "",
            started_at=self.started_at,
            ended_at=time.time(),
        )


def _place(path: str, place: Scratch) -> str:
    """Where the second run wrote what the first one wrote: paths in the project are told alike, others are mirrored."""
    return str(place.mirrored(Path(path))) if Path(path).is_absolute() else path


def _bring(rerun: Run, store: Store, inner: Store, *, cell_ids: dict[str, str | None]) -> None:
    """Take what the kernel recorded into the project's store; its models stay behind, for they are only compared."""
    # Under a name of their own: that of the recorded part has to go on meaning that part.
    parts = [
        msgspec.structs.replace(part, name=f"{part.name} (reproduced)", cause=CAUSE) for part in _parts(inner, rerun)
    ]
    runs = [rerun, *parts]
    cells = [
        msgspec.structs.replace(cell, cell_id=cell_ids.get(cell.cell_id or ""))
        for cell in inner.find(CellExecution, run_id=rerun.id, order_by="position")
    ]
    environments = [found for one in {rerun.environment_id} if one for found in inner.find(Environment, id=one)]
    artifacts = [artifact for run in runs for artifact in inner.find(Artifact, run_id=run.id)]
    store.put(*environments, *runs, *cells, *artifacts)
    metrics: list[Metric] = [metric for run in runs for metric in inner.metrics(run.id)]
    store.log_metrics(metrics)
    now = time.time()
    for run in runs[1:]:
        given = inner.params(run.id).items()
        store.log_params([Param(run_id=run.id, name=name, value=value, at=now) for name, value in given])


def _parts(store: Store, run: Run) -> Iterator[Run]:
    for part in store.find(Run, parent_id=run.id, order_by="id"):
        yield part
        yield from _parts(store, part)

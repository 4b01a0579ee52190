"""Runs from MLflow: each gets the id that it always gets, and what it has already is not written again.

A run that came from nbops once gets its own id back, with its cells, environment and the types of its parameters; any
other gets an id made of its start and MLflow's own. A new run is ``running`` until all of it is here, so a copy that
was cut short shows as such, and goes on at the next import.
"""

from __future__ import annotations

import mimetypes
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from nbops.bridge import carried, words
from nbops.bridge.carried import Carried
from nbops.bridge.files import Files
from nbops.bridge.server import Server, paged
from nbops.bridge.transferred import Tally
from nbops.errors import NotFoundError
from nbops.records import Artifact, CellExecution, Dataset, Firing, Metric, Param, Record, Run, Sweep
from nbops.store.blobs import Blobs
from nbops.store.interface import Store

_PAGE = 100
_BATCH = 5_000


@dataclass
class Inbound:
    """Reads the runs of one MLflow.

    Args:
        server: where they are.
        store: where they go.
        blobs: where their artifacts go.
        tally: counts what was done.
    """

    server: Server
    store: Store
    blobs: Blobs
    tally: Tally
    here: dict[str, str] = field(default_factory=dict)
    """MLflow's id of a run → its id here."""
    _orphans: dict[str, str] = field(default_factory=dict)
    """Id here → MLflow's id of the run it is a part of, which was not here yet."""

    def experiments(self, names: list[str]) -> list[Any]:
        """The experiments of these names, or all.

        Raises:
            NotFoundError: one is not there; near names are shown.
        """
        from mlflow.entities import ViewType

        found = list(paged(self.server.client.search_experiments, view_type=ViewType.ACTIVE_ONLY))
        by_name = {one.name: one for one in found}
        for name in names:
            if name not in by_name:
                import difflib

                near = difflib.get_close_matches(name, by_name, n=3)
                raise NotFoundError(
                    f"{self.server.name} has no experiment {name!r}; it has: "
                    + (", ".join(near or sorted(by_name)[:10]) or "none"),
                    code="experiment_not_found",
                    hint=f"--experiment {(near or sorted(by_name) or ['NAME'])[0]!r}",
                )
        return [by_name[name] for name in names] if names else found

    def runs(self, experiment: Any) -> Iterator[Any]:
        """Give an experiment's runs, the oldest first, so that parents come before their parts."""
        yield from paged(
            self.server.client.search_runs,
            experiment_ids=[experiment.experiment_id],
            order_by=["attributes.start_time ASC"],
            max_results=_PAGE,
        )

    def run(self, there: Any, experiment: Any) -> None:
        """Bring a run here, or what is new of it."""
        tags = there.data.tags
        if words.HOLDS in tags:
            return  # made by an export, for the files of a model that has no run
        if words.SWEEP_ID in tags:
            self._sweep(there)
            return
        run_id = tags.get(words.RUN_ID, "")
        if not words.is_id(run_id):
            run_id = words.id_of(there.info.start_time or 0, there.info.run_id)
        found = self.store.find(Run, id=run_id, limit=1)
        known = found[0] if found else None
        self.here[there.info.run_id] = run_id
        if known is not None and known.deleted_at is not None:
            self.tally.leave(known.name, f"is in the trash here and stays there: nbops restore {known.id}")
            return
        if known is not None and words.MLFLOW_ID not in known.tags:
            self.tally.add("unchanged")  # this project's own: it knows more than its copy
            return
        before = sum(self.tally.counts.values())
        with tempfile.TemporaryDirectory(prefix="nbops-mlflow-") as name:
            changed = self._bring(there, experiment, run_id, known, Path(name))
        changed = changed or sum(self.tally.counts.values()) != before
        self.tally.add("made" if known is None else "updated" if changed else "unchanged")

    def adopt(self) -> None:
        """Give runs whose parent came after them their parent."""
        for run_id, parent in self._orphans.items():
            run = self.store.get(Run, run_id)
            if parent not in self.here or not self.store.count(Run, id=self.here[parent]):
                self.tally.leave(run.name, "is part of a run that was not imported")
            elif run.parent_id != self.here[parent]:
                self.store.update(Run, run_id, parent_id=self.here[parent])

    # ── one run ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _bring(self, there: Any, experiment: Any, id: str, known: Run | None, folder: Path) -> bool:
        files = Files(self.server, there)
        record = _carried(id, files, folder)
        run = self._run(there, experiment, id, record)
        if known is not None:
            run = self._merged(run, known)
        is_over = known is not None and known.status == run.status and known.ended_at == run.ended_at
        if known is None:
            self._put_absent(record.environment if record is not None else None)
            self.store.put(msgspec.structs.replace(run, status="running", ended_at=None))
        self._params(there, id, record)
        if not is_over or self._has_newer_metrics(there, id, record):
            self._metrics(there, id, record, is_new=known is None)
        self._datasets(there, id, record, files, folder)
        for fit in record.fits if record is not None else ():
            self._put_absent(msgspec.structs.replace(fit, run_id=id, model_digest=None))
        self._artifacts(there, id, record, files, is_over=is_over)
        if record is not None and not is_over:
            self._cells(id, files, folder)
        if known == run:
            return False
        self.store.put(run)
        return True

    def _merged(self, run: Run, known: Run) -> Run:
        """A run that is here already: what was said about it here stays, what MLflow has besides comes."""
        for name, value in run.tags.items():
            if known.tags.get(name, value) != value:
                self.tally.leave(f"{known.name}: {name}", "tag is another in MLflow; the one here stays")
        if known.note and run.note not in ("", known.note):
            self.tally.leave(known.name, "note is another in MLflow; the one here stays")
        return msgspec.structs.replace(
            run, tags={**run.tags, **known.tags}, note=known.note or run.note, name=known.name,
            parent_id=known.parent_id or run.parent_id, archived_at=known.archived_at,
        )  # fmt: skip

    def _run(self, there: Any, experiment: Any, id: str, record: Carried | None) -> Run:
        info, tags = there.info, there.data.tags
        names = record.names if record is not None else {}
        own = {names.get(name, name): value for name, value in words.tags_in(tags).items()}
        own |= {words.MLFLOW_ID: info.run_id, words.MLFLOW_EXPERIMENT: experiment.name}
        fields: dict[str, Any] = {
            **words.fields_in(tags),
            "name": info.run_name or info.run_id,
            "status": words.status_in(info.status, known=record.run.status if record is not None else None),
            "tags": own,
            "parent_id": self._parent(tags.get("mlflow.parentRunId"), id),
        }
        at = (info.start_time or 0) / 1000
        ended = None if info.end_time is None else max(info.end_time / 1000, at)
        if record is None:
            return Run(id=id, kind="named", cause="mlflow", started_at=at, ended_at=ended, **fields)
        kept = record.run
        if kept.ended_at is not None and ended is not None and abs(kept.ended_at - ended) < 0.001:
            ended = kept.ended_at
        # The file's path is of another machine, and what is put away there is not put away here.
        return msgspec.structs.replace(
            kept, ended_at=ended, output=None, archived_at=None, deleted_at=None,
            environment_id=kept.environment_id if record.environment is not None else None,
            firing_id=kept.firing_id if kept.firing_id and self.store.count(Firing, id=kept.firing_id) else None,
            sweep_id=kept.sweep_id if kept.sweep_id and self.store.count(Sweep, id=kept.sweep_id) else None, **fields,
        )  # fmt: skip

    def _parent(self, parent: str | None, id: str) -> str | None:
        if parent is None or self.here.get(parent, "").startswith("sweep:"):
            return None
        if parent in self.here:
            return self.here[parent]
        self._orphans[id] = parent
        return None

    def _sweep(self, there: Any) -> None:
        self.here[there.info.run_id] = f"sweep:{there.data.tags[words.SWEEP_ID]}"
        with tempfile.TemporaryDirectory(prefix="nbops-mlflow-") as name:
            folder = Path(name)
            files = Files(self.server, there)
            for path in files.sizes:
                files.fetch(path, folder)
            sweep = carried.read_sweep(folder)
        if sweep is not None and sweep.id == there.data.tags[words.SWEEP_ID]:
            self._put_absent(sweep)

    def _put_absent(self, record: Record | None) -> None:
        """Write a record under an id that came from elsewhere: it must never take the place of one that is here."""
        if record is not None and words.is_id(record.id) and not self.store.count(type(record), id=record.id):
            self.store.put(record)

    def _params(self, there: Any, id: str, record: Carried | None) -> None:
        known = self.store.params(id)
        now = (there.info.start_time or 0) / 1000
        fresh = []
        for name, text in there.data.params.items():
            here = record.names.get(name, name) if record is not None else name
            value: Any = words.param_in(text)
            if record is not None and here in record.params and str(record.params[here])[: len(text)] == text:
                value = record.params[here]
            if here not in known or repr(known[here]) != repr(value):
                fresh.append(Param(run_id=id, name=here, value=value, at=now))
        self.store.log_params(fresh)
        self.tally.add("params", len(fresh))

    # ── metrics ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _has_newer_metrics(self, there: Any, id: str, record: Carried | None) -> bool:
        """Whether MLflow's newest values are not those here: the cheap question, answered by what was read already."""
        found = self.store.search_runs(f"id = '{id}'", limit=1, shelf="all")
        last = found[0].metrics if found else {}
        names = record.names if record is not None else {}
        told = {names.get(name, name): words.value_in(value) for name, value in there.data.metrics.items()}
        return {name: repr(value) for name, value in told.items()} != {n: repr(v) for n, v in last.items()}

    def _metrics(self, there: Any, id: str, record: Carried | None, *, is_new: bool) -> None:
        names = record.names if record is not None else {}
        stepless = set(record.stepless) if record is not None else set()
        known = {} if is_new else self._known_metrics(id)
        for name in sorted(there.data.metrics):
            here = names.get(name, name)
            history = self.server.client.get_metric_history(there.info.run_id, name)
            # MLflow's newest value is that of the highest step: so it is here, where the newest is the last one logged.
            # A run that came from here keeps the order of its clock.
            history.sort(key=lambda one: (one.step, one.timestamp) if record is None else (one.timestamp, one.step))
            have = known.get(here, Counter[tuple[Any, ...]]())
            batch: list[Metric] = []
            for one in history:
                step = None if here in stepless else int(one.step)
                value, at = words.value_in(float(one.value)), one.timestamp / 1000
                key = (step, repr(value), one.timestamp)
                if have[key]:
                    have[key] -= 1
                    continue
                batch.append(Metric(run_id=id, name=here, step=step, value=value, at=at))
                if len(batch) == _BATCH:
                    self._log(batch)
                    batch = []
            self._log(batch)

    def _log(self, batch: list[Metric]) -> None:
        self.store.log_metrics(batch)
        self.tally.add("metrics", len(batch))

    def _known_metrics(self, id: str) -> dict[str, Counter[tuple[Any, ...]]]:
        found: dict[str, Counter[tuple[Any, ...]]] = {}
        start = 0
        while page := self.store.metrics(id, limit=_BATCH, offset=start):
            start += len(page)
            for metric in page:
                key = (metric.step, repr(metric.value), words.milliseconds(metric.at))
                found.setdefault(metric.name, Counter())[key] += 1
        return found

    # ── what lies beside it ────────────────────────────────────────────────────────────────────────────────────────

    def _datasets(self, there: Any, id: str, record: Carried | None, files: Files, folder: Path) -> None:
        if record is not None:
            for dataset in record.datasets:
                if not self.store.count(Dataset, id=dataset.id):
                    profile = self._profile(dataset.profile_digest, files, folder)
                    self._put_absent(msgspec.structs.replace(dataset, run_id=id, profile_digest=profile))
            return
        inputs = there.inputs.dataset_inputs if there.inputs is not None else []
        for one in inputs:
            told = one.dataset
            at = there.info.start_time or 0
            rows, columns = _shape_of(told)
            self._put_absent(
                Dataset(
                    id=words.id_of(at, there.info.run_id, told.name, told.digest), name=told.name, rows=rows,
                    # Another kind of digest than ours, and never compared with one.
                    fingerprint=f"mlflow:{told.digest}", columns=columns, run_id=id, at=at / 1000,
                )
            )  # fmt: skip

    def _profile(self, digest: str | None, files: Files, folder: Path) -> str | None:
        path = f"{carried.FOLDER}/{carried.profile_of(digest or '')}"
        return self.blobs.put_file(files.fetch(path, folder)) if path in files.sizes else None

    def _artifacts(
        self, there: Any, id: str, record: Carried | None, files: Files, *, is_over: bool
    ) -> None:  # fmt: skip
        sizes = {(artifact.name, artifact.size_bytes) for artifact in self.store.find(Artifact, run_id=id)}
        at = (there.info.end_time or there.info.start_time or 0) / 1000
        for path, size in files.sizes.items():
            kept = record.artifacts.get(path) if record is not None else None
            if record is not None and kept is None and path.startswith(f"{carried.FOLDER}/"):
                continue  # read already, or a model's files
            name = kept.name if kept is not None else path
            if is_over and (name, size) in sizes:
                continue
            with tempfile.TemporaryDirectory(prefix="nbops-mlflow-") as folder:
                file = files.fetch(path, Path(folder))
                digest, size = self.blobs.put_file(file), file.stat().st_size
            artifact = Artifact(
                id=words.id_of(words.milliseconds(at) or 0, there.info.run_id, path, digest), run_id=id, name=name,
                digest=digest, size_bytes=size, at=at,
                media_type=mimetypes.guess_type(path)[0] or "application/octet-stream",
            )  # fmt: skip
            if kept is not None and kept.digest == digest and words.is_id(kept.id):
                artifact = msgspec.structs.replace(kept, run_id=id)
            if not self.store.count(Artifact, id=artifact.id):
                self.store.put(artifact)
                self.tally.add("artifacts")

    def _cells(self, id: str, files: Files, folder: Path) -> None:
        if carried.CELLS not in files.sizes:
            return
        files.fetch(carried.CELLS, folder)
        for cell in carried.read_cells(folder):
            is_ours = cell.run_id == id and words.is_id(cell.id)
            if is_ours and not self.store.count(CellExecution, id=cell.id):
                self.store.put(cell)
                self.tally.add("cells")


def _carried(id: str, files: Files, folder: Path) -> Carried | None:
    if carried.RUN in files.sizes:
        files.fetch(carried.RUN, folder)
    found = carried.read_run(folder)
    # A folder that was copied from another run says nothing of this one.
    return found if found is not None and found.run.id == id else None


def _shape_of(dataset: Any) -> tuple[int, list[str]]:
    """Rows and columns of an MLflow dataset, as far as its profile and schema tell."""
    rows = 0
    columns: list[str] = []
    for text in (dataset.profile, dataset.schema):
        try:
            told = msgspec.json.decode(text or "{}")
        except msgspec.DecodeError:
            continue
        if isinstance(told, dict):
            rows = told["num_rows"] if isinstance(told.get("num_rows"), int) else rows
            specs = told.get("mlflow_colspec")
            columns = [str(one.get("name", "")) for one in specs] if isinstance(specs, list) else columns
    return rows, columns

"""Runs to MLflow: each is found by the tag that names it, told what is new since the last time, and never made twice.

A run's tag ``nbops.state`` says how far it was told; it travels with each batch, so that a copy that was cut short goes
on where it stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from nbops.bridge import carried, words
from nbops.bridge.carried import Carried
from nbops.bridge.server import Server, local_path, paged
from nbops.bridge.transferred import Tally
from nbops.errors import BridgeError, NbopsError
from nbops.records import Artifact, Dataset, Environment, Fit, Metric, Run, Sweep
from nbops.store.blobs import Blobs
from nbops.store.interface import Store

_PAGE = 5_000
_MOST_COLUMNS = 10_000
_TWICE = "same value at the same step and millisecond: MLflow keeps one"
_MOST_BYTES = 400_000  # of parameters in one call; MLflow takes a million bytes


class _State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a run in MLflow was told."""

    metrics: int = 0
    """How many of the run's values, in the order they were logged."""
    record: str = ""
    """Digest of the folder that was carried."""
    artifacts: str = ""
    """Digest of the list of artifacts."""


@dataclass
class Outbound:
    """Tells one MLflow about runs.

    Args:
        server: where they go.
        experiment: the name of the experiment that new runs go into.
        store: where they are.
        blobs: where their artifacts are.
        tally: counts what was done.
    """

    server: Server
    experiment: str
    store: Store
    blobs: Blobs
    tally: Tally
    counterparts: dict[str, Any] = field(default_factory=dict)
    """Run id → the run's info in MLflow."""
    _experiment_id: str | None = None
    _everywhere: dict[str, str] = field(default_factory=dict)
    """Id → name of every experiment, read once."""
    _sweeps: dict[str, str] = field(default_factory=dict)

    def run(self, run: Run) -> None:
        """Bring MLflow's copy of a run up to date, or make it."""
        there = self.find(words.RUN_ID, run.id)
        if there is not None and there.info.lifecycle_stage == "deleted":
            self.tally.leave(run.name, "is in MLflow's trash and stays there: restore it in MLflow to go on with it")
            return
        parent = self._parent(run)
        is_new = there is None
        if there is None:
            there = self._make(run, words.tags_out(run, parent=parent))
        self.counterparts[run.id] = there.info
        self.tally.experiments.append(self._everywhere.get(there.info.experiment_id, self.experiment))
        before = sum(self.tally.counts.values())
        changed = self._tell(run, there, parent=parent)
        if is_new:
            self.tally.add("made")
        else:
            self.tally.add("updated" if changed or sum(self.tally.counts.values()) != before else "unchanged")

    def find(self, tag: str, id: str) -> Any:
        """Find the run in MLflow that a tag names, in any experiment and in the trash; None where there is none."""
        from mlflow.entities import ViewType

        if not self._everywhere:
            found = paged(self.server.client.search_experiments, view_type=ViewType.ALL)
            self._everywhere.update({one.experiment_id: one.name for one in found})
        # Ids are hexadecimal digits: nothing in them needs quoting.
        where = f"tags.`{tag}` = '{id}'"
        runs = self.server.client.search_runs(list(self._everywhere), where, run_view_type=ViewType.ALL, max_results=1)
        return runs[0] if runs else None

    def make_holder(self, id: str, name: str, *, at: float) -> Any:
        """Find or make the run that holds the files of something that no run of ours has."""
        found = self.find(words.HOLDS, id)
        if found is not None:
            return found.info
        tags = {words.HOLDS: id, "mlflow.source.type": "LOCAL", "mlflow.runName": name}
        made = self._create(name, at, tags).info
        self.server.client.set_terminated(made.run_id, "FINISHED", words.milliseconds(at))
        return made

    # ── one run ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _make(self, run: Run, tags: dict[str, str]) -> Any:
        # The tags come with the run itself, so that one cut short just here is found again.
        return self._create(run.name, run.started_at, tags)

    def _create(self, name: str, at: float, tags: dict[str, str]) -> Any:
        return self.server.client.create_run(
            self._experiment(), start_time=words.milliseconds(at), tags=tags, run_name=name[: words.MOST_NAME]
        )

    def _experiment(self) -> str:
        if self._experiment_id is None:
            found = self.server.client.get_experiment_by_name(self.experiment)
            if found is not None and found.lifecycle_stage == "deleted":
                raise BridgeError(
                    f"the experiment {self.experiment!r} is in MLflow's trash",
                    code="experiment_deleted",
                    hint=f"mlflow experiments restore --experiment-id {found.experiment_id}, or another --experiment",
                )
            self._experiment_id = found.experiment_id if found is not None else self._new_experiment()
        return self._experiment_id

    def _new_experiment(self) -> str:
        path = local_path(self.server.uri)
        # MLflow's own default for a database is a folder of whoever happens to run the command.
        place = None
        if path is not None and self.server.uri.startswith("sqlite"):
            folder = re.sub(r"[^\w.-]", "_", self.experiment)[:100]
            place = (path.parent / "mlruns" / folder).as_uri()
        made: str = self.server.client.create_experiment(self.experiment, artifact_location=place)
        self._everywhere[made] = self.experiment
        return made

    def _tell(self, run: Run, there: Any, *, parent: str | None) -> bool:
        """Tell everything that is new; returns whether anything was that the tally does not count."""
        run_id = there.info.run_id
        changed = self._tags(run, there, parent=parent)
        params, stepped = self.store.params(run.id), self._metric_names(run.id)
        names = [words.safe_names(params), words.safe_names(stepped), words.safe_names(run.tags)]
        self._params(run, there, params, names[0])
        state = self._metrics(run, there, self._state(there), names[1])
        artifacts = self._artifact_paths(run)
        state = self._artifacts(run, run_id, state, artifacts)
        record = Carried(
            run=run,
            environment=self._environment(run),
            params=params,
            names={there: here for named in names for here, there in named.items() if here != there},
            stepless=sorted(name for name, is_stepped in stepped.items() if not is_stepped),
            artifacts=artifacts,
            datasets=self._datasets(run, there),
            # The fitted estimators themselves stay: what is worth keeping elsewhere is a registered model.
            fits=[
                msgspec.structs.replace(fit, model_digest=None)
                for fit in self.store.find(Fit, run_id=run.id, order_by="id")
            ],
        )
        changed |= self._carry(run_id, state, record)
        return self._end(run, there) or changed

    def _end(self, run: Run, there: Any) -> bool:
        status, ended = words.status_out(run.status), words.milliseconds(run.ended_at)
        if run.status == "running" or (there.info.status == status and there.info.end_time == ended):
            return False
        self.server.client.set_terminated(there.info.run_id, status, ended)
        return True

    def _state(self, there: Any) -> _State:
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(there.data.tags.get(words.STATE, "{}"), type=_State)
        return _State()

    def _tags(self, run: Run, there: Any, *, parent: str | None) -> bool:
        wanted = words.tags_out(run, parent=parent)
        for name, value in run.tags.items():
            if len(value) > words.MOST_TAG:
                self.tally.leave(
                    f"{run.name}: {name}", "tag was cut to what MLflow holds; nbops/run.json has all of it"
                )
        new = [(name, value) for name, value in wanted.items() if there.data.tags.get(name) != value]
        gone = [
            name
            for name in words.tags_in(there.data.tags)
            if name not in wanted and not name.startswith("mlflow.")
        ]  # fmt: skip
        from mlflow.entities import RunTag

        for start in range(0, len(new), words.MOST_PARAMS):
            some = [RunTag(name, value) for name, value in new[start : start + words.MOST_PARAMS]]
            self.server.client.log_batch(there.info.run_id, tags=some)
        for name in gone:
            self.server.client.delete_tag(there.info.run_id, name)
        if there.info.run_name != wanted["mlflow.runName"]:
            self.server.client.update_run(there.info.run_id, name=wanted["mlflow.runName"])
        return bool(new or gone)

    def _params(self, run: Run, there: Any, params: dict[str, Any], names: dict[str, str]) -> None:
        from mlflow.entities import Param

        batch: list[Any] = []
        size = 0
        for name, value in params.items():
            text = str(value)
            if len(text) > words.MOST_VALUE:
                self.tally.leave(
                    f"{run.name}: {name}", "parameter was cut to what MLflow holds; nbops/run.json has all"
                )
                text = text[: words.MOST_VALUE]
            if names[name] != name:
                self.tally.leave(f"{run.name}: {name}", "name has characters that MLflow refuses; _ stands for them")
            known = there.data.params.get(names[name])
            if known is not None:
                if known != text:
                    self.tally.leave(
                        f"{run.name}: {name}", "parameter was set anew since; MLflow keeps the first value for ever"
                    )
                continue
            cost = 4 * len(text) + len(name)
            if batch and (len(batch) == words.MOST_PARAMS or size + cost > _MOST_BYTES):
                self.server.client.log_batch(there.info.run_id, params=batch)
                batch, size = [], 0
            batch.append(Param(names[name], text))
            size += cost
            self.tally.add("params")
        if batch:
            self.server.client.log_batch(there.info.run_id, params=batch)

    # ── metrics ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _metric_names(self, run_id: str) -> dict[str, bool]:
        """Name → whether it was ever logged with a step."""
        found: dict[str, bool] = {}
        for page in self._metric_pages(run_id):
            for metric in page:
                found[metric.name] = found.get(metric.name, False) or metric.step is not None
        return found

    def _metric_pages(self, run_id: str) -> Iterator[list[Metric]]:
        start = 0
        while page := self.store.metrics(run_id, limit=_PAGE, offset=start):
            yield page
            start += len(page)

    def _metrics(self, run: Run, there: Any, state: _State, names: dict[str, str]) -> _State:
        from mlflow.entities import Metric as MlflowMetric
        from mlflow.entities import RunTag

        read, told = 0, Counter[str]()
        ordinals = Counter[str]()
        last: dict[str, tuple[Any, ...]] = {}
        batch: list[Any] = []
        is_first = bool(there.data.metrics)

        def send() -> None:
            nonlocal state, batch, is_first
            state = msgspec.structs.replace(state, metrics=read)
            fresh = self._unknown(there.info.run_id, batch, told) if is_first else batch
            tag = RunTag(words.STATE, msgspec.json.encode(state).decode())
            self.server.client.log_batch(there.info.run_id, metrics=fresh, tags=[tag])
            self.tally.add("metrics", len(fresh))
            batch, is_first = [], False

        for metric in (metric for page in self._metric_pages(run.id) for metric in page):
            read += 1
            # Steps that nobody gave are counted, so that the newest value is also MLflow's newest.
            step = ordinals[metric.name] if metric.step is None else metric.step
            ordinals[metric.name] += 1
            made = MlflowMetric(names[metric.name], metric.value, words.milliseconds(metric.at) or 0, step)
            same = (made.timestamp, step, repr(metric.value))
            if last.get(metric.name) == same:
                self.tally.leave(f"{run.name}: {metric.name}", _TWICE)
            elif read <= state.metrics:
                told[made.key] += 1
            else:
                batch.append(made)
            last[metric.name] = same
            if len(batch) == words.MOST_METRICS:
                send()
        if batch:
            send()
        return state

    def _unknown(self, run_id: str, batch: list[Any], told: Counter[str]) -> list[Any]:
        """Leave out what a call that was cut short has told already: values of one name arrive in their order."""
        skip = {
            name: len(self.server.client.get_metric_history(run_id, name)) - told[name]
            for name in {metric.key for metric in batch}
        }
        fresh = []
        for metric in batch:
            if skip[metric.key] > 0:
                skip[metric.key] -= 1
            else:
                fresh.append(metric)
        return fresh

    # ── what lies beside it ────────────────────────────────────────────────────────────────────────────────────────

    def _datasets(self, run: Run, there: Any) -> list[Dataset]:
        from mlflow.entities import Dataset as MlflowDataset
        from mlflow.entities import DatasetInput

        found = self.store.find(Dataset, run_id=run.id, order_by="id")
        inputs = there.inputs.dataset_inputs if there.inputs is not None else []
        known = {(one.dataset.name, one.dataset.digest) for one in inputs}
        fresh = []
        for dataset in found:
            # MLflow keeps 36 characters of a digest; the whole fingerprint stands in the source.
            name, digest = dataset.name[:500] or "dataset", dataset.fingerprint.rpartition(":")[2][:36]
            if (name, digest) in known:
                continue
            known.add((name, digest))
            columns = dataset.columns if len(dataset.columns) <= _MOST_COLUMNS else []
            profile = {"num_rows": dataset.rows, "columns": columns}
            source = {"fingerprint": dataset.fingerprint, "id": dataset.id}
            fresh.append(
                DatasetInput(
                    MlflowDataset(
                        name, digest, "nbops", msgspec.json.encode(source).decode(),
                        profile=msgspec.json.encode(profile).decode(),
                    ),
                    [],
                )
            )  # fmt: skip
        if fresh:
            self.server.client.log_inputs(there.info.run_id, fresh)
        return found

    def _artifact_paths(self, run: Run) -> dict[str, Artifact]:
        """Path in MLflow → the newest artifact of that name, and what cells have shown, all of it."""
        newest: dict[str, Artifact] = {}
        shown: dict[str, Artifact] = {}
        for artifact in self.store.find(Artifact, run_id=run.id, order_by="at"):
            if artifact.kind == "output":
                shown[f"{carried.OUTPUTS}/{artifact.id}{Path(artifact.name).suffix}"] = artifact
                continue
            if artifact.name in newest:
                self.tally.leave(f"{run.name}: {artifact.name}", "earlier artifact of the same name: MLflow keeps one")
            newest[artifact.name] = artifact
        taken: dict[str, bool] = {}
        return {words.safe_path(name, taken): newest[name] for name in sorted(newest)} | shown

    def _artifacts(self, run: Run, run_id: str, state: _State, paths: dict[str, Artifact]) -> _State:
        listed = "\n".join(f"{path}\0{artifact.digest}" for path, artifact in paths.items())
        digest = hashlib.sha256(listed.encode()).hexdigest()[:32] if paths else ""
        if digest == state.artifacts:
            return state
        with tempfile.TemporaryDirectory(prefix="nbops-mlflow-") as name:
            folder = Path(name)
            for path, artifact in paths.items():
                if self._place(folder / path, artifact.digest, where=f"{run.name}: {artifact.name}"):
                    self.tally.add("artifacts")
            self.server.client.log_artifacts(run_id, str(folder))
        state = msgspec.structs.replace(state, artifacts=digest)
        self._remember(run_id, state)
        return state

    def _place(self, path: Path, digest: str, *, where: str) -> bool:
        """Put a blob's bytes under a name, without copying them where that can be."""
        try:
            source = self.blobs.path(digest)
        except NbopsError as error:
            self.tally.leave(where, f"bytes are not there any more ({error.code})")
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.symlink_to(source.absolute())
        except OSError:
            shutil.copyfile(source, path)
        return True

    def _carry(self, run_id: str, state: _State, record: Carried) -> bool:
        """Upload what MLflow has no place for, when it has changed; returns whether it had."""
        with tempfile.TemporaryDirectory(prefix="nbops-mlflow-") as name:
            profiles = {dataset.profile_digest for dataset in record.datasets if dataset.profile_digest is not None}
            kept = {digest: self.blobs.get(digest) for digest in sorted(profiles) if self.blobs.has(digest)}
            digest = carried.write_run(Path(name), record, self.store, kept)
            if digest == state.record:
                return False
            self.server.client.log_artifacts(run_id, name, carried.FOLDER)
            self.tally.add("cells", sum(1 for _ in carried.read_cells(Path(name))))
        self._remember(run_id, msgspec.structs.replace(state, record=digest))
        return True

    def _remember(self, run_id: str, state: _State) -> None:
        self.server.client.set_tag(run_id, words.STATE, msgspec.json.encode(state).decode())

    def _environment(self, run: Run) -> Environment | None:
        found = self.store.find(Environment, id=run.environment_id, limit=1) if run.environment_id else []
        return found[0] if found else None

    # ── parents ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _parent(self, run: Run) -> str | None:
        """MLflow's id of the run that this one is a part of: its session's, or the one that stands for its sweep."""
        if run.parent_id is not None:
            known = self.counterparts.get(run.parent_id)
            found = known if known is not None else self._info(words.RUN_ID, run.parent_id)
            if found is not None:
                return str(found.run_id)
        return self._sweep(run.sweep_id) if run.sweep_id is not None else None

    def _info(self, tag: str, id: str) -> Any:
        found = self.find(tag, id)
        return found.info if found is not None and found.info.lifecycle_stage == "active" else None

    def _sweep(self, sweep_id: str) -> str | None:
        if sweep_id in self._sweeps:
            return self._sweeps[sweep_id]
        found = self.store.find(Sweep, id=sweep_id, limit=1)
        if not found:
            return None
        sweep = found[0]
        there = self.find(words.SWEEP_ID, sweep.id)
        if there is None:
            tags = {
                words.SWEEP_ID: sweep.id, "mlflow.runName": sweep.name[: words.MOST_NAME],
                "mlflow.source.name": sweep.notebook, "mlflow.source.type": "NOTEBOOK",
            }  # fmt: skip
            there = self._create(sweep.name, sweep.started_at, tags)
        self._tell_sweep(sweep, there)
        self._sweeps[sweep_id] = there.info.run_id
        return self._sweeps[sweep_id]

    def _tell_sweep(self, sweep: Sweep, there: Any) -> None:
        run_id, state = there.info.run_id, self._state(there)
        with tempfile.TemporaryDirectory(prefix="nbops-mlflow-") as name:
            digest = carried.write_sweep(Path(name), sweep)
            if digest != state.record:
                self.server.client.log_artifacts(run_id, name, carried.FOLDER)
                self._remember(run_id, msgspec.structs.replace(state, record=digest))
        if sweep.status != "running" and there.info.status == "RUNNING":
            self.server.client.set_terminated(
                run_id, words.status_out(sweep.status), words.milliseconds(sweep.ended_at)
            )

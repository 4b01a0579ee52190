"""A project in which every text that somebody can choose is hostile: ``python tests/browser/hostile.py FOLDER``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from nbops.records import (
    Artifact,
    CellError,
    CellExecution,
    CheckResult,
    ColumnDrift,
    Definition,
    Deployment,
    Edge,
    Endpoint,
    FileTouch,
    Firing,
    Fit,
    Lineage,
    Metric,
    Model,
    ModelVersion,
    ModuleVersion,
    OutputSummary,
    Param,
    Record,
    Reproduction,
    Run,
    Schedule,
    Score,
    Seen,
    Sweep,
    Window,
    Written,
    new_id,
)
from nbops.settings import load_settings
from nbops.store import open_store
from nbops_serving.manifest import Column, Signature

EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=2</script>\x00\x1b[31m\u202e\'); DROP TABLE runs; --'
HUGE = EVIL + "x" * 1_000_000
NOTEBOOK = "hostile.ipynb"


def fill(folder: Path) -> None:
    """Record one hostile thing of every kind."""
    (folder / ".nbops").mkdir(parents=True, exist_ok=True)
    now = time.time()
    # The newest is the one that has cells.
    tried = msgspec.structs.replace(_run(now - 100), name=EVIL, kind="notebook", notebook=EVIL)
    run = _run(now)
    with open_store(load_settings(folder, env={})) as store:
        store.put(run, *_of_the_run(run, now), *_work(run, tried, now))
        store.log_params([Param(run_id=run.id, name=name, value=value, at=now) for name, value in _PARAMS])
        store.log_metrics([Metric(run_id=run.id, name=EVIL, step=step, value=step / 3, at=now) for step in range(3)])
        version = store.add_version(_version(run, now))
        assert isinstance(version, ModelVersion)
        store.update(Model, store.resolve(Model, EVIL).id, aliases={EVIL: version.number})
        store.put(*_served(version, now))


_PARAMS = ((EVIL, HUGE), ("depth", EVIL))


def _run(now: float) -> Run:
    return Run(
        id=new_id(), name=HUGE, kind="session", status="failed", started_at=now - 60, ended_at=now, notebook=NOTEBOOK,
        error=CellError(name=EVIL, message=EVIL, traceback=EVIL), user=EVIL, host=EVIL, git_branch=EVIL,
        git_commit=EVIL, tags={EVIL: EVIL}, note=EVIL, output=EVIL,
    )  # fmt: skip


def _of_the_run(run: Run, now: float) -> list[Record]:
    first = _cell(run, now, 1, HUGE, Lineage(writes=[Written(name=EVIL, evidence="named")]))
    read = FileTouch(path=EVIL, action="read", evidence="token", size_bytes=1, digest="ab" * 16)
    edge = Edge(name=EVIL, source_id=first.id, evidence="named")
    second = _cell(run, now, 2, EVIL, Lineage(edges=[edge], files=[read]))
    fit = Fit(
        id=new_id(), run_id=run.id, execution_id=second.id, name=EVIL, type_name=EVIL, method=EVIL, status="failed",
        error=CellError(name=EVIL, message=EVIL), started_at=now, took_s=1.0, params={EVIL: EVIL},
        x=Seen(name=EVIL, type=EVIL), scores=[Score(name=EVIL, value=1.0, data=EVIL, at=now)],
    )  # fmt: skip
    kept = [
        Artifact(id=new_id(), run_id=run.id, name=EVIL, digest="ab" * 32, size_bytes=1, at=now),
        Artifact(
            id=new_id(), run_id=run.id, name=EVIL, digest="ab" * 32, size_bytes=1, kind="plot", of=run.id,
            media_type="image/svg+xml", caption=EVIL, at=now,
        ),
    ]  # fmt: skip
    again = Reproduction(
        id=new_id(), run_id=run.id, rerun_id=run.id, of=EVIL, verdict="different", differs_in=EVIL, causes=[EVIL],
        started_at=now,
    )  # fmt: skip
    return [first, second, fit, *kept, again]


def _cell(run: Run, now: float, position: int, source: str, lineage: Lineage) -> CellExecution:
    return CellExecution(
        id=new_id(), run_id=run.id, position=position, source=source, status="error", started_at=now,
        ended_at=now + 1, cell_id=f"cell-{position}", error=CellError(name=EVIL, message=EVIL, traceback=EVIL),
        outputs=OutputSummary(text=HUGE, total_bytes=1, media_types=[EVIL]), lineage=lineage,
    )  # fmt: skip


def _work(run: Run, tried: Run, now: float) -> list[Record]:
    """A module, a sweep and a schedule."""
    module = ModuleVersion(
        id=new_id(), module=EVIL, version=EVIL, digest="ab" * 32, path=EVIL, source=HUGE, provenance="live",
        definitions=[Definition(name=EVIL, kind="function", digest="x", requested=True)], notes=[HUGE],
        created_at=now,
    )  # fmt: skip
    sweep = Sweep(
        id=new_id(), name=EVIL, notebook=EVIL, space={EVIL: [EVIL, HUGE]}, fixed={EVIL: EVIL}, status="failed",
        objective=f"max:{EVIL}", total=1, best_run_id=run.id, started_at=now, ended_at=now,
    )  # fmt: skip
    schedule = Schedule(
        id=new_id(), name=EVIL, notebook=EVIL, cron="0 3 * * *", timezone="Europe/Berlin", conditions=[HUGE],
        active_since=now, created_at=now,
    )  # fmt: skip
    firing = Firing(
        id=new_id(), schedule_id=schedule.id, schedule=EVIL, due_at=now, cause="schedule", reason=HUGE,
        status="failed", error=HUGE, alive_at=now, started_at=now, ended_at=now,
    )  # fmt: skip
    return [module, sweep, msgspec.structs.replace(tried, sweep_id=sweep.id), schedule, firing]


def _version(run: Run, now: float) -> ModelVersion:
    columns = [Column(name=EVIL, kind="category", categories=[EVIL])]
    return ModelVersion(
        id=new_id(), model=EVIL, number=1, digest="ab" * 32, flavour=EVIL, type_name=EVIL, run_id=run.id,
        signature=Signature(columns=columns, output="class", classes=[EVIL]), params={EVIL: EVIL}, python=EVIL,
        created_at=now,
    )  # fmt: skip


def _served(version: ModelVersion, now: float) -> list[Record]:
    check = CheckResult(id=new_id(), model_version_id=version.id, check=EVIL, verdict="failed", message=HUGE, at=now)
    deployment = Deployment(
        id=new_id(), endpoint=EVIL, bundle_id=new_id(), model_version_id=version.id, number=1, engine=EVIL,
        status="failed", error=HUGE, address=EVIL, started_at=now,
    )  # fmt: skip
    endpoint = Endpoint(
        id=new_id(), name=EVIL, engine=EVIL, address=EVIL, split={deployment.id: 100}, status="down",
        created_at=now, updated_at=now,
    )  # fmt: skip
    drift = ColumnDrift(column=EVIL, test=EVIL, statistic=1.0, p_value=0.0, effect=1.0, drifted=True, message=HUGE)
    window = Window(
        id=new_id(), endpoint=EVIL, model_version_id=version.id, from_at=now - 1, to_at=now, rows=9, columns=[drift],
        verdict="drifted", requests=9, latency_ms={"p95": 1.0}, at=now,
    )  # fmt: skip
    return [check, deployment, endpoint, window]


if __name__ == "__main__":
    fill(Path(sys.argv[1]))

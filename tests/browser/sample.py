"""A project with something of everything, for journeys and pictures: ``python tests/browser/sample.py FOLDER``."""

from __future__ import annotations

import math
import random
import sys
import time
from pathlib import Path
from typing import TypeVar

from nbops.records import (
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
    Lineage,
    Metric,
    Model,
    ModelVersion,
    ModuleVersion,
    OutputSummary,
    Param,
    Record,
    Run,
    Schedule,
    Sweep,
    Window,
    Written,
    new_id,
)
from nbops.settings import load_settings
from nbops.store import open_store
from nbops_serving.manifest import Column, Signature

SOURCES = {
    "cell-1": "%load_ext nbops",
    "cell-2": "def clean(raw):\n    return raw.dropna().drop_duplicates()",
    "parameters": "depth: int = 4  # 1..16\nlr: float = 0.1  # 1e-4..1 log\nkind = 'gini'  # {gini, entropy}",
    "cell-4": "features = clean(raw)",
    "cell-3": "raw = pd.read_parquet('churn.parquet')\nraw.head()",
    "cell-5": "model = make_pipeline(StandardScaler(), RandomForestClassifier()).fit(features, target)",
    "cell-6": "model.score(test, answers) * 1",
}
"""The sample's notebook, of which cell 4 stands above cell 3, and cell 6 was edited since."""

R = TypeVar("R", bound=Record)

HOSTILE = '<img src=x onerror="window.hacked=true"><script>window.hacked=true</script>'


def fill(folder: Path, *, hostile_names: bool = True) -> None:
    """Record runs, a sweep, modules, models and an endpoint in the project of a folder."""
    (folder / ".nbops").mkdir(parents=True, exist_ok=True)
    store = open_store(load_settings(folder, env={}))
    chance, now = random.Random(7), time.time()
    sweep = Sweep(
        id=new_id(),
        name="depth and learning rate",
        notebook="churn.ipynb",
        space={"depth": [2, 4, 8], "lr": [0.1, 0.01]},
        objective="max:accuracy",
        total=6,
        started_at=now - 4000,
        ended_at=now - 3900,
        status="finished",
    )
    store.put(sweep)
    best: tuple[float, str] = (0.0, "")
    for number in range(6):
        depth, lr = [2, 4, 8][number % 3], [0.1, 0.01][number // 3]
        run = _run(
            f"churn depth={depth}", now - 4000 + 10 * number, 42.0, sweep_id=sweep.id, cause="sweep", kind="notebook"
        )
        store.put(run)
        accuracy = round(0.85 + 0.01 * depth + chance.random() / 50, 4)
        best = max(best, (accuracy, run.id))
        _values(store, run, {"depth": depth, "lr": lr}, {"accuracy": accuracy, "auc": accuracy + 0.03}, steps=30)
    store.put(_with(sweep, best_run_id=best[1]))
    failed = _run(
        "churn depth=64", now - 3000, 3.2, status="failed", error=CellError(name="MemoryError", message="no room")
    )
    hostile = _run(HOSTILE, now - 2000, 1.0, note=HOSTILE)
    session = _run("churn.ipynb", now - 900, None, status="running", kind="session")
    store.put(failed, session)
    if hostile_names:
        store.put(hostile)
        _values(store, hostile, {HOSTILE: HOSTILE}, {"<b>loss</b>": math.nan})
    cells = _cells(session, now - 900)
    store.put(*cells)
    store.put(
        _module("1.0.0", "def clean(raw):\n    return raw.dropna()\n", cells[1], session),
        _module("1.1.0", "def clean(raw):\n    return raw.dropna().drop_duplicates()\n", cells[1], session),
    )
    version = ModelVersion(
        id=new_id(),
        model="churn",
        number=1,
        digest="ab" * 32,
        flavour="skops",
        type_name="sklearn.pipeline.Pipeline",
        signature=Signature(
            columns=[
                Column(name="age", kind="integer", minimum=18, maximum=92),
                Column(name="plan", kind="category", categories=["basic", "plus", "pro"]),
            ],
            output="class",
            classes=["no", "yes"],
        ),
        run_id=session.id,
        execution_id=cells[-2].id,
        params={"max_depth": 8, "criterion": "gini"},
        created_at=now - 600,
    )
    stored = store.add_version(version)
    assert isinstance(stored, ModelVersion)
    model = store.resolve(Model, "churn")
    store.update(Model, model.id, aliases={"production": stored.number})
    store.put(
        CheckResult(
            id=new_id(),
            model_version_id=stored.id,
            check="parity",
            verdict="passed",
            message="20 rows answered the same",
            at=now,
        ),
        CheckResult(
            id=new_id(), model_version_id=stored.id, check="latency", verdict="passed", message="p95 0.4 ms", at=now
        ),
    )
    deployment = Deployment(
        id=new_id(),
        endpoint="churn",
        bundle_id=new_id(),
        model_version_id=stored.id,
        number=stored.number,
        engine="docker",
        status="ready",
        address="http://127.0.0.1:18080",
        started_at=now - 500,
        ready_at=now - 498,
    )
    endpoint = Endpoint(
        id=new_id(),
        name="churn",
        engine="docker",
        address="http://127.0.0.1:18000",
        split={deployment.id: 100},
        created_at=now - 500,
        updated_at=now - 498,
    )
    store.put(deployment, endpoint)
    for hour in range(6):
        store.put(_window(stored, now - 3600 * (6 - hour), hour, chance))
    store.put(*_schedules(now))
    store.close()


def write_notebook(path: Path) -> None:
    """Write the notebook that the sample's session ran."""
    import nbformat

    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source, id=cell_id) for cell_id, source in SOURCES.items()],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    notebook.cells[2].metadata.tags = ["parameters"]
    nbformat.write(notebook, path)


def write_cells(path: Path, *sources: str) -> None:
    """Write a notebook of these cells, after one that loads nbops."""
    import nbformat

    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in ("%load_ext nbops", *sources)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, path)


def _run(name: str, started_at: float, took: float | None, **fields: object) -> Run:
    given = {"kind": "named", "status": "finished", **fields}
    ended_at = None if took is None else started_at + took
    return Run(id=new_id(), name=name, notebook="churn.ipynb", started_at=started_at, ended_at=ended_at, **given)  # type: ignore[arg-type]


def _schedules(now: float) -> list[Schedule | Firing]:
    """One that failed last night, one that is paused, and one with a hostile name."""
    nightly = Schedule(
        id=new_id(),
        name="churn nightly",
        notebook="churn.ipynb",
        cron="0 3 * * *",
        timezone="Europe/Berlin",
        conditions=["new-data:data/*.parquet"],
        active_since=now,
        created_at=now,
    )
    paused = _with(nightly, id=new_id(), name="churn weekly", cron="0 3 * * 0", conditions=[], paused_at=now)
    hostile = _with(nightly, id=new_id(), name=HOSTILE, conditions=[])
    failed = Firing(
        id=new_id(),
        schedule_id=nightly.id,
        schedule=nightly.name,
        due_at=now - 3600,
        cause="trigger",
        reason="new data: data/2026-11-28.parquet",
        status="failed",
        error="no space left on device",
        alive_at=now - 3600,
        started_at=now - 3600,
        ended_at=now - 3540,
    )
    return [nightly, paused, hostile, failed]


def _with(record: R, **fields: object) -> R:
    import msgspec

    return msgspec.structs.replace(record, **fields)


def _values(store, run: Run, params: dict, metrics: dict, steps: int = 1) -> None:  # type: ignore[no-untyped-def,type-arg]
    store.log_params(
        [Param(run_id=run.id, name=name, value=value, at=run.started_at) for name, value in params.items()]
    )
    store.log_metrics(
        [
            Metric(
                run_id=run.id,
                name=name,
                step=step if steps > 1 else None,
                at=run.started_at,
                value=value * (1 - math.exp(-4 * (step + 1) / steps)) / (1 - math.exp(-4)),
            )
            for name, value in metrics.items()
            for step in range(steps)
        ]
    )


def _cells(run: Run, at: float) -> list[CellExecution]:
    sources = [
        ("%load_ext nbops", None),
        ("def clean(raw):\n    return raw.dropna().drop_duplicates()", None),
        ("raw = pd.read_parquet('churn.parquet')\nraw.head()", "   age  plan\n0   41  plus"),
        ("features = clean(raw)", None),
        ("model = make_pipeline(StandardScaler(), RandomForestClassifier()).fit(features, target)", None),
        ("model.score(test, answers)", "0.9312"),
    ]
    ids = {position: new_id() for position in range(1, len(sources) + 1)}
    return [
        CellExecution(
            id=ids[position],
            run_id=run.id,
            position=position,
            source=source,
            status="ok",
            started_at=at + position,
            ended_at=at + position + 0.02 * position**3,
            cell_id=f"cell-{position}",
            execution_count=position,
            outputs=None if output is None else OutputSummary(text=output, total_bytes=len(output)),
            lineage=_lineage(position, ids),
        )
        for position, (source, output) in enumerate(sources, 1)
    ]


def _lineage(position: int, ids: dict[int, str]) -> Lineage:
    """What the sample's cells read and wrote."""
    reads = {3: [], 4: [("clean", 2), ("raw", 3)], 5: [("features", 4), ("target", 3)], 6: [("model", 5)]}
    writes = {2: ["clean"], 3: ["raw", "target"], 4: ["features"], 5: ["model"]}
    read = FileTouch(path="churn.parquet", action="read", evidence="token", size_bytes=184_220, digest="ab" * 16)
    return Lineage(
        edges=[Edge(name=name, source_id=ids[at], evidence="named") for name, at in reads.get(position, [])],
        writes=[Written(name=name, evidence="named") for name in writes.get(position, [])],
        files=[read] if position == 3 else [],
    )


def _module(version: str, source: str, cell: CellExecution, run: Run) -> ModuleVersion:
    return ModuleVersion(
        id=new_id(),
        module="churn.features",
        version=version,
        digest=version * 8,
        path="churn/features.py",
        source=source,
        definitions=[Definition(name="clean", kind="function", digest="x", execution_id=cell.id, requested=True)],
        provenance="live",
        run_id=run.id,
        notebook="churn.ipynb",
        created_at=time.time() - 700,
    )


def _window(version: ModelVersion, at: float, hour: int, chance: random.Random) -> Window:
    effect = 0.05 + 0.06 * hour
    return Window(
        id=new_id(),
        endpoint="churn",
        model_version_id=version.id,
        from_at=at,
        to_at=at + 3600,
        rows=400 + hour,
        columns=[
            ColumnDrift(
                column="age",
                test="ks",
                statistic=effect,
                p_value=0.5 if effect < 0.2 else 1e-4,
                effect=effect,
                drifted=effect > 0.2,
            ),
            ColumnDrift(column="plan", test="chi2", statistic=1.2, p_value=0.54, effect=0.03, drifted=False),
        ],
        verdict="drifted" if effect > 0.2 else "stable",
        requests=400 + hour,
        latency_ms={"p50": 0.4, "p95": 0.8 + chance.random() / 3, "p99": 1.9 + chance.random()},
        at=at + 3600,
    )


if __name__ == "__main__":
    fill(Path(sys.argv[1]))

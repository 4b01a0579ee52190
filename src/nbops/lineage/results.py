"""Which executions made a result: a metric, a variable, a model, a cell, or all that a run left behind."""

from __future__ import annotations

from pathlib import Path

import msgspec

from nbops.errors import NotFoundError, UsageError
from nbops.lineage.story import Story, label, story_of
from nbops.records import CellExecution, ModelVersion, Run
from nbops.store.interface import Store


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A result, and the executions that made it."""

    of: str
    """What it is called: ``metric accuracy = 0.93``."""
    run_id: str
    story: Story
    executions: list[CellExecution]


def result_of(
    store: Store,
    record: Run | ModelVersion | CellExecution,
    *,
    root: Path,
    metric: str | None = None,
    variable: str | None = None,
) -> Result:
    """Find what made a result.

    Args:
        store: the project's store.
        record: the run, model version or execution that is asked about.
        root: the project's folder.
        metric: of a run, this metric; its last value counts.
        variable: of a run, what this name held last.

    Raises:
        NotFoundError: the run has no such metric or name.
        UsageError: both are given, or one of them for something that is not a run.
    """
    if metric is not None and variable is not None:
        raise UsageError("ask for a metric or for a variable, not for both", hint="nbops lineage last --metric NAME")
    if not isinstance(record, Run):
        if metric is not None or variable is not None:
            raise UsageError("metrics and variables belong to runs", hint="nbops lineage RUN --metric NAME")
        return _of_part(store, record, root)
    story = story_of(store, record, root=root)
    if metric is not None:
        return _of_metric(store, record, story, metric)
    if variable is not None:
        writers = story.writers.get(variable)
        if not writers:
            raise NotFoundError(f"no recorded cell of {record.name} wrote {variable!r}", hint="nbops cells last")
        return Result(of=f"variable {variable}", run_id=record.id, story=story, executions=[writers[-1][0]])
    return Result(of=f"run {record.name}", run_id=record.id, story=story, executions=_of_run(store, record, story))


def _of_part(store: Store, record: ModelVersion | CellExecution, root: Path) -> Result:
    if isinstance(record, CellExecution):
        run = store.get(Run, record.run_id)
        execution_id, of = record.id, label(record)
    else:
        of, execution_id = f"{record.model}@{record.number}", record.execution_id or ""
        if record.run_id is None:
            raise NotFoundError(f"{of} was not registered in a run", hint=f"nbops show {of}")
        run = store.get(Run, record.run_id)
    story = story_of(store, run, root=root)
    made = story.by_id.get(execution_id)
    return Result(of=of, run_id=run.id, story=story, executions=[] if made is None else [made])


def _of_metric(store: Store, run: Run, story: Story, name: str) -> Result:
    values = [value for value in store.metrics(run.id) if value.name == name]
    if not values:
        known = sorted({value.name for value in store.metrics(run.id)})
        raise NotFoundError(
            f"run {run.name} has no metric {name!r}; it has: {', '.join(known) or 'none'}", hint="nbops show last"
        )
    made = story.running_at(values[-1].at)
    of = f"metric {name} = {values[-1].value:.6g}"
    return Result(of=of, run_id=run.id, story=story, executions=[] if made is None else [made])


def _of_run(store: Store, run: Run, story: Story) -> list[CellExecution]:
    """Where it logged metrics, what made their last values; else all that left something behind."""
    last = {value.name: value.at for value in store.metrics(run.id)}
    made = {found.id: found for at in last.values() if (found := story.running_at(at)) is not None}
    if not made and run.kind == "named":
        ended = run.ended_at or float("inf")
        made = {one.id: one for one in story.executions if one.id == run.execution_id or (
            run.started_at <= one.started_at <= ended)}  # fmt: skip
    if not made:
        made = {writers[-1][0].id: writers[-1][0] for writers in story.writers.values()}
    return list(made.values())

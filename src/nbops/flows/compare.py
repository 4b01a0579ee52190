"""What differs between runs: parameters, metrics, code of cells, packages, commits."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import msgspec

from nbops.errors import UsageError
from nbops.flows.show import cells_of, with_surroundings
from nbops.progress import PATIENCE_S, Stage, stage
from nbops.records import Environment, Run
from nbops.store.interface import Store


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing with its value in each run; None where a run does not have it."""

    name: str
    values: list[Any]
    differs: bool


class CellChange(msgspec.Struct, frozen=True, kw_only=True):
    """The code of one run against the first run's, as a unified diff."""

    run_id: str
    diff: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two or more runs side by side."""

    runs: list[Run]
    params: list[Difference]
    metrics: list[Difference]
    """Last value of each metric."""
    facts: list[Difference]
    """Status, duration, notebook, commit, Python."""
    packages: list[Difference]
    """Only packages whose version differs."""
    modules: list[Difference] = []
    """Modules of the project that the runs imported: the version, or the start of the file's sha256."""
    code: list[CellChange]


def compare(store: Store, references: Sequence[str]) -> Comparison:
    """Put runs side by side.

    Args:
        store: the project's store.
        references: two or more runs, each by id, unique start of an id, name or ``last``.

    Returns:
        The comparison; the first run is what the others' code is held against.

    Raises:
        UsageError: fewer than two runs, or one named twice.
        NotFoundError: a run that does not exist.
    """
    runs = [store.resolve(Run, reference) for reference in references]
    if len({run.id for run in runs}) < 2:
        raise UsageError(
            f"compare takes two or more different runs, not {' '.join(references) or 'none'}",
            hint="nbops compare RUN RUN",
        )
    runs = [with_surroundings(store, run) for run in runs]
    # Each is read once and its code once more, which of long sessions takes longer than all else.
    with stage(f"Compare {len(runs)} runs", total=2 * len(runs), unit="steps", after_s=PATIENCE_S) as now:
        return _compared(store, runs, now)


def _compared(store: Store, runs: Sequence[Run], now: Stage) -> Comparison:
    environments, params, metrics = [], [], []
    for run in runs:
        environments.append(_environment(store, run))
        params.append(store.params(run.id))
        metrics.append(_last_values(store, run))
        now.advance(note=f"read {run.name}")
    return Comparison(
        runs=list(runs),
        params=_differences(params),
        metrics=_differences(metrics),
        facts=_differences([_facts(run, environment) for run, environment in zip(runs, environments, strict=True)]),
        packages=[row for row in _differences([env.packages if env else {} for env in environments]) if row.differs],
        modules=_differences([_modules(run) for run in runs]),
        code=_code(store, runs, now),
    )


def _last_values(store: Store, run: Run) -> dict[str, float]:
    return {metric.name: metric.value for metric in store.metrics(run.id)}


def _environment(store: Store, run: Run) -> Environment | None:
    found = store.find(Environment, id=run.environment_id, limit=1) if run.environment_id else []
    return found[0] if found else None


def _facts(run: Run, environment: Environment | None) -> dict[str, Any]:
    return {
        "status": run.status,
        "seconds": round(run.ended_at - run.started_at, 3) if run.ended_at else None,
        "notebook": run.notebook,
        "cause": run.cause,
        "commit": run.git_commit and run.git_commit[:12] + (" + edits" if run.git_dirty else ""),
        "python": environment.python if environment else None,
        "cpu": environment.machine.get("cpu") if environment else None,
        "user": run.user,
        "host": run.host,
    }


def _modules(run: Run) -> dict[str, str]:
    return {module.name: module.version or module.digest[:12] for module in run.modules}


def _differences(columns: Sequence[dict[str, Any]]) -> list[Difference]:
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = []
    for name in names:
        values = [column.get(name) for column in columns]
        # repr tells 1 from True and 1.0, which are different parameters; NaN equals itself.
        rows.append(Difference(name=name, values=values, differs=len({repr(value) for value in values}) > 1))
    return rows


def _code(store: Store, runs: Sequence[Run], now: Stage) -> list[CellChange]:
    first = _source_lines(store, runs[0])
    now.advance(note="compare their code")
    changes = []
    for run in runs[1:]:
        lines = _source_lines(store, run)
        diff = difflib.unified_diff(first, lines, fromfile=runs[0].name, tofile=run.name, lineterm="")
        changes.append(CellChange(run_id=run.id, diff="\n".join(diff)))
        now.advance(note=f"compare the code of {run.name}")
    return changes


def _source_lines(store: Store, run: Run) -> list[str]:
    cells = cells_of(store, run, limit=None)
    return [line for cell in cells for line in (f"# cell {cell.cell_id or cell.position}", *cell.source.splitlines())]

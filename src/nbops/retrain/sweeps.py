"""What a person asks for: one run of a notebook, a sweep, to go on with one, and its end before time."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.errors import ConflictError, MissingError, NotFoundError, UsageError
from nbops.masking.asking import restored
from nbops.progress import stage
from nbops.records import Run, Sweep, new_id
from nbops.retrain import execution as executions
from nbops.retrain import kernels, runners, snapshots, study
from nbops.retrain import parameters as notebook_parameters
from nbops.retrain import space as spaces
from nbops.retrain.driver import Driver, Limits, Notebook, reached
from nbops.retrain.objective import Objective, unbeaten
from nbops.retrain.recipe import REUSED, Finished, Recipe
from nbops.retrain.runners import Runner, Site
from nbops.retrain.search import Listed, Search, Trial
from nbops.retrain.warm.key import packages
from nbops.settings import Settings
from nbops.store.process import this_host, this_process

if TYPE_CHECKING:
    from nbops.store.interface import Store

_LETTING_GO_S = 15.0


def run_notebook(
    notebook: str | Path,
    *,
    store: Store,
    settings: Settings,
    parameters: Mapping[str, Any] | None = None,
    cause: str = "person",
    name: str | None = None,
    kernel: str | None = None,
    cold: bool = False,
    output: str | None = None,
    timeout_s: float | None = None,
    retries: int = 0,
    firing_id: str | None = None,
    runner: str = "local",
    scheduler: str | None = None,
    ship: Sequence[str] = (),
) -> Run:
    """Run a notebook once, with other values for some of its parameters, and record it.

    Args:
        notebook: path of the notebook; the file itself is left alone.
        store: where the run is recorded.
        settings: the project's.
        parameters: parameter → value; text is understood where the type is not text.
        cause: who or what asked for it.
        name: the run's name; the notebook's when not given.
        kernel: name of a kernel spec; the one the notebook asks for when not given.
        cold: start every kernel from nothing instead of forking it from one that has imported the libraries.
        output: folder, or address of any file system that fsspec knows (``s3://bucket/runs``), under which executed
            notebooks go; ``.nbops/runs`` when not given.
        timeout_s: how long the whole run may take, in seconds.
        retries: how often it is tried again when it fails, each time as a run of its own.
        firing_id: the firing of a schedule that asked for it.
        runner: where it is executed: ``local``, ``dask``, ``ray``, or another that is installed.
        scheduler: address of the runner's cluster; without it what the engine itself takes then.
        ship: files, folders and patterns that travel to a worker besides what the notebook names.

    Returns:
        The last run; ``status`` and ``error`` tell how it ended, ``output`` where the executed notebook is.

    Raises:
        UsageError: an unknown parameter, a wrong value, a kernel that is not there; nothing was started.
        SourceError: the file is not a notebook.
    """
    book = _opened(notebook, kernel, is_cold=cold, output=output)
    given = book.known.check(parameters or {})
    site = Site(book, store, settings, scheduler=scheduler, ship=ship)
    with contextlib.closing(runners.opened(runner, site)) as opened:
        driver = Driver(
            book,
            store=store,
            settings=settings,
            cause=cause,
            name=name,
            limits=Limits(timeout_s, retries=retries),
            search=Listed([Trial(1, given)]),
            runner=opened,
            firing_id=firing_id,
        )
        with stage(f"Run {book.path.name}", unit="cells", total=len(book.node.cells) + bool(given)) as now:
            driver.drive(jobs=1, now=now)
    return driver.runs[-1]


def sweep(
    notebook: str | Path,
    *,
    store: Store,
    settings: Settings,
    fixed: Mapping[str, Any] | None = None,
    grid: Mapping[str, Sequence[Any] | str] | None = None,
    search: Mapping[str, object] | Sequence[str] | None = None,
    trials: int | None = None,
    sampler: str = "tpe",
    prune: str = "median",
    objective: str | None = None,
    jobs: int = 1,
    cause: str = "person",
    name: str | None = None,
    kernel: str | None = None,
    cold: bool = False,
    output: str | None = None,
    timeout_s: float | None = None,
    total_timeout_s: float | None = None,
    retries: int = 0,
    again: bool = False,
    runner: str = "local",
    scheduler: str | None = None,
    ship: Sequence[str] = (),
) -> Sweep:
    """Run a notebook over a grid, or search for its best parameters, several runs at a time; each is recorded as a run.

    Without ``search`` and ``trials`` every combination of the grid is run. With them a sampler of Optuna chooses the
    points; the study can be opened with ``optuna-dashboard .nbops/studies.log``. A run that logs the objective with
    ``log_metric(name, value, step=…)`` is stopped in the middle of its cell when others were better at that step.

    Args:
        notebook: path of the notebook; the file itself is left alone.
        store: where runs and the sweep are recorded.
        settings: the project's.
        fixed: parameter → value for all runs.
        grid: parameter → the values it takes, as a list or as text such as ``2,4,8``; all combinations are run.
        search: parameter → what is searched: ``"1e-4..1 log"``, a list, or None for what the notebook says behind the
            default; or just the names of such parameters.
        trials: how many runs the search may make.
        sampler: who chooses: ``tpe``, ``random``, ``cmaes`` or ``nsga2``.
        prune: when a run is stopped early: ``median``, ``halving``, ``hyperband`` or ``none``.
        objective: ``max:NAME`` or ``min:NAME`` of a metric that the notebook logs; tells the best run. A search takes
            several, parted by commas; then ``front`` gives the runs that no other beats.
        jobs: how many runs go on at a time.
        cause: who or what asked for the sweep.
        name: the sweep's name; the notebook's when not given.
        kernel: name of a kernel spec; the one the notebook asks for when not given.
        cold: start every kernel from nothing instead of forking it from one that has imported the libraries.
        output: folder, or address of any file system that fsspec knows (``s3://bucket/runs``), under which executed
            notebooks go; ``.nbops/runs`` when not given.
        timeout_s: how long one run may take, in seconds.
        total_timeout_s: how long the whole sweep may take, in seconds; what goes on then is interrupted.
        retries: how often a run that failed is tried again.
        again: run every point, even where a finished run with the same code, parameters, packages and inputs stands.
        runner: where it is executed: ``local``, ``dask``, ``ray``, or another that is installed.
        scheduler: address of the runner's cluster; without it what the engine itself takes then.
        ship: files, folders and patterns that travel to a worker besides what the notebook names.

    Returns:
        The sweep at its end, with ``best_run_id`` when there is an objective. Runs that failed are among its runs and
        do not end it; its status is ``failed`` when all of them did.

    Raises:
        UsageError: a wrong call; nothing was started.
        SourceError: the file is not a notebook.
    """
    book = _opened(notebook, kernel, is_cold=cold, output=output)
    given = book.known.check(fixed or {})
    is_grid = search is None and trials is None
    space = spaces.chosen(book.known, fixed=given, grid=grid or {}, search=search, is_grid=is_grid)
    goals = Objective.parse_all(objective)
    if not is_grid:
        study.check(sampler=sampler, pruner=prune, trials=trials, goals=goals)
    _check_counts(jobs=jobs, retries=retries, goals=len(goals) if is_grid else 1)
    record = Sweep(
        id=new_id(),
        name=name or book.path.stem,
        notebook=executions.relative(book.path, settings),
        space={key: spaces.stored(book.known.named(key), taken) for key, taken in space.items()},
        fixed={key: spaces.stored_value(book.known.named(key), value) for key, value in given.items()},
        objective=objective,
        total=math.prod(len(spaces.points_of(taken)) for taken in space.values()) if is_grid else trials or 0,
        search="grid" if is_grid else sampler,
        jobs=jobs,
        timeout_s=timeout_s,
        retries=retries,
        kernel=kernel,
        runner=runner,
        scheduler=scheduler,
        ship=list(ship),
        cause=cause,
        started_at=time.time(),
    )
    limits = Limits(timeout_s, total_timeout_s, retries)
    with contextlib.closing(runners.opened(runner, _site(record, book, store, settings))) as opened:
        snapshots.keep(record.id, book, settings)
        store.put(record)
        return _driven(
            record, book, store=store, settings=settings, limits=limits, runner=opened, again=again, pruner=prune
        )


def _check_counts(*, jobs: int, retries: int, goals: int) -> None:
    if goals > 1:
        raise UsageError("a grid takes one objective", hint="--trials 30 searches for several")
    if jobs < 1:
        raise UsageError(f"jobs = {jobs}: at least one run goes on at a time", hint="--jobs 2")
    if retries < 0:
        raise UsageError(f"retries = {retries} cannot be less than none", hint="--retries 1")


def resume(
    reference: str,
    *,
    store: Store,
    settings: Settings,
    jobs: int | None = None,
    cold: bool = False,
    total_timeout_s: float | None = None,
    runner: str | None = None,
    scheduler: str | None = None,
) -> Sweep:
    """Go on with a sweep whose driver was killed, or that was cancelled or failed: run what has not finished.

    Runs that have finished are left as they are; so are those that failed as often as they were to be tried. The
    notebook is the one the sweep began with, whatever has been edited since.

    Args:
        reference: id of the sweep, the beginning of one, or its name.
        store: where it is recorded.
        settings: the project's.
        jobs: how many runs go on at a time; as before when not given.
        cold: start every kernel from nothing.
        total_timeout_s: how long all of this may take, in seconds.
        runner: where the rest is executed; as before when not given.
        scheduler: address of the runner's cluster; as before when neither is given.

    Returns:
        The sweep at its end.

    Raises:
        NotFoundError: nothing answers to the reference, or the sweep's notebook was not kept.
        ConflictError: the sweep has finished, or another process drives it.
    """
    record = store.resolve(Sweep, reference)
    if record.status == "finished":
        raise ConflictError(
            f"sweep {record.id[:13]} has finished: there is nothing to resume",
            code="already_ended",
            hint=f"nbops runs --where \"sweep_id = '{record.id}'\"",
        )
    path = Path(settings.root, record.notebook)
    node = snapshots.kept(record.id, settings, notebook=Path(settings.root) / record.notebook)
    book = _book(path, node, record.kernel, is_cold=cold, output=snapshots.output_of(record.id, settings))
    limits = Limits(record.timeout_s, total_timeout_s, record.retries)
    record = msgspec.structs.replace(record, jobs=jobs or record.jobs)
    if runner is not None or scheduler is not None:
        ship = [] if runner == "local" else record.ship
        record = msgspec.structs.replace(record, runner=runner or record.runner, scheduler=scheduler, ship=ship)
    with contextlib.closing(runners.opened(record.runner, _site(record, book, store, settings))) as opened:
        return _driven(record, book, store=store, settings=settings, limits=limits, runner=opened, again=False)


def front(reference: str, *, store: Store) -> list[Run]:
    """List the runs of a sweep that no other run beats in every objective, the best in the first objective first.

    Args:
        reference: id of the sweep, the beginning of one, or its name.
        store: where it is recorded.

    Returns:
        The best run alone for one objective, the Pareto front for several; empty when no run reached them all.
    """
    record = store.resolve(Sweep, reference)
    goals = Objective.parse_all(record.objective)
    runs = store.find(Run, sweep_id=record.id, status="finished")
    # A point that was drawn twice stands once.
    ids = {run.id for run in runs}
    runs = [run for run in runs if run.tags.get(REUSED) not in ids]
    measured = [(run, values) for run in runs if (values := reached(run, goals, store)) is not None]
    fronts = unbeaten([values for _, values in measured], goals)
    best = [pair for pair, is_best in zip(measured, fronts, strict=True) if is_best]
    sign = 1 if goals and goals[0].direction == "max" else -1
    return [run for run, _ in sorted(best, key=lambda pair: sign * pair[1][0], reverse=True)]


def _site(record: Sweep, book: Notebook, store: Store, settings: Settings) -> Site:
    return Site(book, store, settings, jobs=record.jobs, scheduler=record.scheduler, ship=record.ship)


def _driven(
    record: Sweep,
    book: Notebook,
    *,
    store: Store,
    settings: Settings,
    limits: Limits,
    runner: Runner,
    again: bool,
    pruner: str | None = None,
) -> Sweep:
    """Run what is left of a sweep, from this process alone."""
    # One that was cancelled a moment ago is still being ended by its driver.
    with snapshots.driving(record.id, settings, patience_s=0 if record.status == "running" else _LETTING_GO_S):
        done = _done(store.find(Run, sweep_id=record.id, order_by="id"), limits.retries)
        goals = Objective.parse_all(record.objective)
        driver = Driver(
            book,
            store=store,
            settings=settings,
            cause="sweep",
            name=record.name,
            limits=limits,
            search=_search(record, book, done, store=store, settings=settings, pruner=pruner),
            runner=runner,
            sweep=record,
            goals=goals,
            finished=None if again else Finished(store, settings, record.notebook),
        )
        now = {"host": this_host(), "pid": os.getpid(), "process": this_process()}
        where = {"runner": record.runner, "scheduler": record.scheduler, "ship": record.ship}
        store.update(Sweep, record.id, status="running", ended_at=None, jobs=record.jobs, **where, **now)
        with stage(f"Run {book.path.name}", unit="runs", total=record.total, cancels=record.id) as progress:
            driver.take_up(list(done.values()), progress)
            driver.drive(jobs=record.jobs, now=progress)
    return store.get(Sweep, record.id)


def _search(
    record: Sweep,
    book: Notebook,
    done: Mapping[str, Run],
    *,
    store: Store,
    settings: Settings,
    pruner: str | None,
) -> Search:
    given = book.known.check({name: restored(value) for name, value in record.fixed.items()})
    space = spaces.recalled(book.known, record.space)
    if record.search == "grid":
        points = [
            dict(zip(space, point, strict=True)) for point in itertools.product(*map(spaces.points_of, space.values()))
        ]
        trials = [Trial(number, given | point) for number, point in enumerate(points, start=1)]
        return Listed([trial for trial in trials if str(trial.number) not in done])
    goals = Objective.parse_all(record.objective)
    studied = study.Studied(record, space=space, given=given, goals=goals, pruner=pruner, settings=settings)
    studied.settle({number: (run, reached(run, goals, store)) for number, run in done.items()})
    return studied


def _done(runs: list[Run], retries: int) -> dict[str, Run]:
    """The runs that settled their trial, by its number: finished, stopped early, or failed for the last time."""
    return {
        run.tags["trial"]: run
        for run in runs
        if run.status == "finished"
        or "pruned" in run.tags
        or (run.status == "failed" and int(run.tags.get("attempt", "1")) > retries)
    }


def cancel(reference: str, *, store: Store) -> Sweep | Run:
    """Cancel a sweep or a run that is under way, in whatever process; its driver ends the kernels within a second.

    Args:
        reference: id of a sweep or a run, or the beginning of one.
        store: the project's.

    Returns:
        The record as it stands now.

    Raises:
        NotFoundError: nothing answers to the reference.
        ConflictError: it has ended already.
    """
    kind: type[Sweep] | type[Run]
    try:
        found: Sweep | Run = store.resolve(Sweep, reference)
        kind = Sweep
    except NotFoundError:
        found = store.resolve(Run, reference)
        kind = Run
    if found.status != "running":
        raise ConflictError(
            f"{kind.__name__.lower()} {found.id[:12]} is {found.status} and cannot be cancelled", code="already_ended"
        )
    store.update(kind, found.id, status="cancelled", ended_at=time.time())
    return store.get(kind, found.id)


def _opened(notebook: str | Path, kernel: str | None, *, is_cold: bool, output: str | None) -> Notebook:
    path = Path(notebook).absolute()
    return _book(path, notebook_parameters.load(path), kernel, is_cold=is_cold, output=output)


def _book(path: Path, node: Any, kernel: str | None, *, is_cold: bool, output: str | None) -> Notebook:
    known = notebook_parameters.of_node(node, name=path.name)
    kernel_name = kernels.name_of(node, kernel)
    recipe = Recipe(node, kernel_name=kernel_name, packages=packages(kernels.python_of(kernel_name)))
    return Notebook(
        path=path,
        node=node,
        known=known,
        kernel_name=kernel_name,
        recipe=recipe,
        is_cold=is_cold,
        output=_location(output) if output is not None else None,
    )


def _location(output: str) -> str:
    """Make an output folder absolute, or refuse an address that nothing here can write."""
    if "://" not in output:
        return str(Path(output).expanduser().absolute())
    import fsspec

    try:
        fsspec.core.url_to_fs(output)
    except (ImportError, ValueError) as error:
        protocol = output.partition("://")[0]
        raise MissingError(
            f"executed notebooks cannot be written to {output}: {error}", hint=f"pip install 'fsspec[{protocol}]'"
        ) from error
    return output

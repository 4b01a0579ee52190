"""The seam of runners: where the runs of a sweep are executed, on this machine or on a cluster's workers.

The driver is the same for all: it asks the search for points, holds runs to their limits and compares results. A
runner brings one run to its end and records it here. To add one, see CONTRIBUTING.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from nbops.errors import UsageError
from nbops.extending import look_up, names
from nbops.records import Run
from nbops.retrain import execution as executions
from nbops.retrain.execution import Execution
from nbops.settings import Settings

if TYPE_CHECKING:
    from nbops.retrain.driver import Notebook
    from nbops.store.interface import Store

RUNNERS = {
    "dask": "nbops.retrain.runners.on_dask:runner",
    "local": "nbops.retrain.runners:LocalRunner",
    "ray": "nbops.retrain.runners.on_ray:runner",
}
"""Runners that come with nbops; others join by the entry point group ``nbops.runners``."""


@dataclass(frozen=True)
class Site:
    """Everything a runner may need to know of the work before it begins."""

    book: Notebook
    store: Store
    settings: Settings
    jobs: int = 1
    """How many runs go on at a time."""
    scheduler: str | None = None
    """Address of the cluster; None for what the engine itself takes then."""
    ship: Sequence[str] = ()
    """Files, folders and patterns that travel besides what the notebook names, from its folder."""


class Runner(Protocol):
    """Executes runs; called from several threads at once."""

    def execute(self, execution: Execution, given: Mapping[str, Any]) -> Run:
        """Bring one run to its end and record it; whatever goes wrong is the run's result.

        While it goes on, ``execution`` has the cell and ``began``; metrics are in the store as they are logged, and
        ``execution.kernel_started`` was told whom to stop.
        """
        ...

    def close(self) -> None:
        """Let go of the cluster; every run has ended."""
        ...


class RunnerFactory(Protocol):
    """What the entry point names: opens a runner, or refuses with the cure before any run begins."""

    def __call__(self, site: Site) -> Runner:
        """Reach the cluster; UsageError, MissingError or RunnerError when runs cannot be executed there."""
        ...


class LocalRunner:
    """Runs in kernels of this machine, each in the thread that asks."""

    def __init__(self, site: Site) -> None:
        check("local", scheduler=site.scheduler, ship=site.ship)
        self._site = site

    def execute(self, execution: Execution, given: Mapping[str, Any]) -> Run:
        book = self._site.book
        # A context of its own: jupyter_core keeps a thread's event loop in a context variable, and a copy of the
        # caller's context would bring the caller's loop into every thread.
        return Context().run(
            executions.execute,
            execution,
            book.node,
            parameters=given,
            kernel_name=book.kernel_name,
            store=self._site.store,
        )

    def close(self) -> None:
        """Nothing is left: every kernel has ended with its run."""


def check(name: str, *, scheduler: str | None, ship: Sequence[str]) -> None:
    """Refuse a runner that there is not, or options that do not fit it, without reaching its cluster.

    Raises:
        UsageError: and which of them.
    """
    look_up("runners", name, built_in=RUNNERS)
    if name == "local" and scheduler is not None:
        raise UsageError(f"the local runner has no scheduler, and {scheduler} was given", hint="--runner dask, or ray")
    if name == "local" and ship:
        raise UsageError("the local runner ships nothing: runs work in the project", hint="leave out --ship")


def opened(name: str, site: Site) -> Runner:
    """Open the runner of a name.

    Raises:
        UsageError: there is none of the name; the known ones are listed.
        MissingError: its library is not installed.
        RunnerError: its cluster cannot be reached, or its workers cannot run notebooks of this project.
    """
    factory: RunnerFactory = look_up("runners", name, built_in=RUNNERS)
    return factory(site)


def runner_names() -> list[str]:
    """List the runners there are.

    Example:
        >>> "local" in runner_names()
        True
    """
    return names("runners", built_in=RUNNERS)

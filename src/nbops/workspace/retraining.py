"""Retraining: single runs, sweeps and their results."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nbops.records import (
    Run,
    Sweep,
)
from nbops.workspace.opened import Opened

if TYPE_CHECKING:
    from nbops.retrain.declarations import Parameter
    from nbops.retrain.results import SweepResults
    from nbops.retrain.tail import Tail


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """What was cancelled: one of the two."""

    sweep: Sweep | None = None
    run: Run | None = None


def _searched(texts: Sequence[str]) -> dict[str, str | None]:
    """``lr=1e-4..1 log`` says what is searched; ``lr`` alone takes what the notebook says behind its default."""
    return {name: rest or None for name, _, rest in (text.partition("=") for text in texts)}


class Retraining(Opened):
    """Retraining: single runs, sweeps and their results."""

    def retrain(
        self,
        notebook: str,
        param: Mapping[str, str] | None = None,
        grid: Mapping[str, str] | None = None,
        search: Sequence[str] = (),
        trials: int | None = None,
        sampler: str = "tpe",
        prune: str = "median",
        objective: str | None = None,
        jobs: int = 2,
        name: str | None = None,
        kernel: str | None = None,
        cold: bool = False,
        timeout: float | None = None,
        total_timeout: float | None = None,
        retries: int = 0,
        again: bool = False,
        runner: str = "local",
        scheduler: str | None = None,
        ship: Sequence[str] = (),
        output: str | None = None,
        notify: Sequence[str] = (),
    ) -> Sweep:
        """Run a notebook with parameters through papermill, once, over a grid, or in search of the best."""
        from nbops.flows.notices import listeners, tell_of_sweep
        from nbops.retrain import sweep
        from nbops.retrain.parameters import from_text, inspect

        told = listeners(notify, self.settings)
        ended = sweep(
            Path(notebook),
            store=self.store,
            settings=self.settings,
            # Where the notebook tells no type, "3" typed is the number.
            fixed=from_text(inspect(notebook), param or {}),
            grid=grid,
            search=_searched(search) or None,
            trials=trials,
            sampler=sampler,
            prune=prune,
            objective=objective,
            jobs=jobs,
            name=name,
            kernel=kernel,
            cold=cold,
            timeout_s=timeout,
            total_timeout_s=total_timeout,
            retries=retries,
            again=again,
            runner=runner,
            scheduler=scheduler,
            ship=ship,
            output=output,
            # A workflow or a cluster's job says so when it is a timer that calls.
            cause=os.environ.get("NBOPS_CAUSE") or "person",
        )
        tell_of_sweep(ended, told, store=self.store, settings=self.settings)
        return ended

    def parameters(self, notebook: str) -> list[Parameter]:
        """List the typed parameters of a notebook."""
        from nbops.retrain.parameters import read

        return read(notebook)

    def resume(
        self,
        sweep: str,
        jobs: int | None = None,
        cold: bool = False,
        total_timeout: float | None = None,
        runner: str | None = None,
        scheduler: str | None = None,
        notify: Sequence[str] = (),
    ) -> Sweep:
        """Go on with a sweep that was cut short; finished runs are not run again."""
        from nbops.flows.notices import listeners, tell_of_sweep
        from nbops.retrain import resume

        told = listeners(notify, self.settings)
        ended = resume(
            sweep,
            store=self.store,
            settings=self.settings,
            jobs=jobs,
            cold=cold,
            total_timeout_s=total_timeout,
            runner=runner,
            scheduler=scheduler,
        )
        tell_of_sweep(ended, told, store=self.store, settings=self.settings)
        return ended

    def cancel(self, id: str) -> Cancelled:
        """Cancel a sweep or a run that is under way, in whatever process."""
        from nbops.retrain import cancel

        ended = cancel(id, store=self.store)
        return Cancelled(sweep=ended) if isinstance(ended, Sweep) else Cancelled(run=ended)

    def tail(self, run: str = "last", lines: int = 40) -> Tail:
        """Show the end of what a run has printed, also while it goes on, and how it failed."""
        from nbops.retrain.tail import tail_of

        return tail_of(self._run(run), store=self.store, lines=lines)

    def sweeps(self, limit: int | None = 50, offset: int = 0) -> list[Sweep]:
        """List sweeps with their best run."""
        return self.store.find(Sweep, limit=limit, offset=offset)

    def shown(self, answer: object) -> object:
        """What a door shows of an answer: of a sweep what its runs have reached, of others the answer itself."""
        return self.results(answer.id) if isinstance(answer, Sweep) else answer

    def results(self, sweep: str, limit: int | None = 50, offset: int = 0) -> SweepResults:
        """List what the runs of a sweep tried and reached, the best first, and which parameters mattered."""
        from nbops.retrain.results import results

        return results(sweep, store=self.store, settings=self.settings, limit=limit, offset=offset)

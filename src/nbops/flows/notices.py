"""Who is told when a run or a sweep has ended, and what the notice says of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from nbops.errors import NbopsError
from nbops.notify import Channel, Notice, Notifications, channels, deliver
from nbops.notify.notice import NoticeStatus
from nbops.records import CellError, Firing, Run, Schedule, Sweep, new_id
from nbops.settings import Settings
from nbops.store.interface import Store
from nbops.store.process import this_host

_LOG = logging.getLogger("nbops")
_STATUS: dict[str, NoticeStatus] = {"finished": "finished", "cancelled": "cancelled", "skipped": "skipped"}
_MOST_FACTS = 12


def listeners(names: Sequence[str], settings: Settings) -> list[Channel]:
    """Find the channels to tell, and refuse now what would fail after hours of work.

    Args:
        names: of channels below ``[tool.nbops.notify]``.
        settings: the project's.

    Raises:
        UsageError: there is no such channel.
        SettingsError: a channel cannot be understood.
        MissingError: the environment variable with a channel's secret is not set.
    """
    found = channels(settings.root).named(names) if names else []
    for channel in found:
        channel.notifier()
    return found


def tell_of_sweep(sweep: Sweep, to: Sequence[Channel], *, store: Store, settings: Settings) -> None:
    """Tell that a sweep has ended; what does not arrive is logged and changes nothing."""
    if to:
        deliver(_of_sweep(sweep, store, settings, channels(settings.root)), to)


def _of_sweep(sweep: Sweep, store: Store, settings: Settings, said: Notifications) -> Notice:
    runs = store.find(Run, sweep_id=sweep.id)
    failed = [run for run in runs if run.status == "failed"]
    best = next((run for run in runs if run.id == sweep.best_run_id), None)
    facts = {"runs": f"{len(runs)} of {sweep.total}" + (f", {len(failed)} failed" if failed else "")}
    facts["took"] = _duration(sweep.started_at, sweep.ended_at)
    # A search has its best run; a single run speaks for itself.
    told = best or (runs[0] if sweep.total == 1 and runs else None)
    facts |= _results(told, store) if told is not None else {}
    error = failed[-1].error if failed else None
    return Notice(
        id=new_id(),
        status=_STATUS.get(sweep.status, "failed"),
        title=f"{sweep.name} {'is' if sweep.status == 'cancelled' else 'has'} {sweep.status}",
        text=describe(error) if error is not None else "",
        facts=facts,
        project=settings.root,
        host=this_host(),
        link=said.link("run", told.id) if told is not None and sweep.total == 1 else said.link("sweep", sweep.id),
        command=f"nbops show {sweep.id}",
        run_id=told.id if told is not None else None,
        sweep_id=sweep.id,
        at=sweep.ended_at or time.time(),
    )


def tell_of_firing(firing: Firing, schedule: Schedule, run: Run | None, *, store: Store, settings: Settings) -> None:
    """Tell that a firing has ended, or that its time passed without a run; nothing of it can fail the firing."""
    if not schedule.notify:
        return
    try:
        said = channels(settings.root)
        to = said.named(schedule.notify)
    except NbopsError as error:
        # The project has changed since the schedule was made: that is worth a warning, not a failed retraining.
        _LOG.warning("nbops: nobody was told how %s ended: %s", schedule.name, error.message)
        return
    deliver(_of_firing(firing, schedule, run, store, settings, said), to)


def _of_firing(
    firing: Firing, schedule: Schedule, run: Run | None, store: Store, settings: Settings, said: Notifications
) -> Notice:
    facts = {"why": firing.reason}
    if run is not None:
        facts["took"] = _duration(firing.started_at, firing.ended_at)
        facts |= _results(run, store)
    return Notice(
        id=firing.id,
        status=_STATUS.get(firing.status, "failed"),
        title=f"{schedule.name} {'has' if firing.status in ('finished', 'failed') else 'was'} {firing.status}",
        text=describe(run.error) if run is not None and run.error is not None else firing.error or "",
        facts=facts,
        project=settings.root,
        host=firing.host,
        link=said.link("run", run.id) if run is not None else None,
        command=f"nbops show {run.id if run is not None else firing.id}",
        run_id=run.id if run is not None else None,
        schedule=schedule.name,
        firing_id=firing.id,
        at=firing.ended_at or time.time(),
    )


def describe(error: CellError) -> str:
    """Say in one line what ended a run, and in which cell."""
    place = f"cell {error.cell_index + 1}: " if error.cell_index is not None else ""
    return f"{place}{error.name}: {error.message}"


def _results(run: Run, store: Store) -> dict[str, str]:
    params = {name: f"{value}" for name, value in store.params(run.id).items()}
    metrics = {metric.name: f"{metric.value:.6g}" for metric in store.metrics(run.id)}
    return dict(list({**metrics, **params}.items())[:_MOST_FACTS])


def _duration(start: float, end: float | None) -> str:
    taken = round((time.time() if end is None else end) - start)
    hours, minutes, seconds = taken // 3600, taken // 60 % 60, taken % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"

"""Making, listing, pausing and removing schedules, with the timers outside that call them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from nbops.errors import ConflictError, MissingError, UsageError
from nbops.notify import channels
from nbops.records import Firing, Schedule, new_id
from nbops.schedule import Clock, baseline, local_zone, parse
from nbops.schedule import export as timers
from nbops.schedule.export import Installed, Timer
from nbops.schedule.triggers import duration
from nbops.settings import Settings, is_server

if TYPE_CHECKING:
    from nbops.store.interface import Store

LOOK_EVERY = "*/5 * * * *"
"""When conditions are looked at where no clock is given."""
_BY_ENVIRONMENT = ("NBOPS_STORE", "NBOPS_BLOBS")


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule that was made or changed."""

    schedule: Schedule
    next_at: float
    """When its clock comes next, in seconds since the epoch."""
    installed: list[Installed] = []
    notes: list[str] = []


class ScheduleState(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule, when it is due next, and how it went last."""

    schedule: Schedule
    next_at: float | None
    """None while it is paused."""
    last: Firing | None


class Unscheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule that was removed."""

    schedule: Schedule
    notes: list[str]
    """What became of its timers."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks of a schedule, as it was typed."""

    notebook: str
    name: str | None = None
    cron: str | None = None
    when: Sequence[str] = ()
    params: Mapping[str, str] = {}
    timezone: str | None = None
    retries: int = 0
    timeout_s: float | None = None
    kernel: str | None = None
    runner: str = "local"
    scheduler: str | None = None
    ship: Sequence[str] = ()
    notify: Sequence[str] = ()
    overlap: Literal["forbid", "allow"] = "forbid"
    debounce: str = "60s"
    cooldown: str = "1d"
    image: str | None = None


def schedule_notebook(
    wish: Wish, *, to: str | None, output: str | None, replace: bool, store: Store, settings: Settings
) -> Scheduled:
    """Make a schedule, and the timer that calls it.

    Args:
        wish: what was asked for.
        to: where its timer is installed: ``systemd``, ``cron``, ``github`` or ``kubernetes``; None for ``watch``.
        output: a folder to write the timer's files to instead of installing them.
        replace: change the schedule that has the name.
        store: the project's.
        settings: the project's.

    Raises:
        UsageError: something that was typed cannot be understood; nothing was made.
        ConflictError: another schedule has the name.
        ScheduleError: the timer cannot be installed; nothing was made.
    """
    if output is not None and to is None:
        raise UsageError("--output takes the files of a timer; which one?", hint="--to systemd --output FOLDER")
    made = _made(wish, settings)
    before = _before(made.name, replace, store)
    if before is not None:
        made = msgspec.structs.replace(
            made, id=before.id, created_at=before.created_at, installed=before.installed, paused_at=before.paused_at,
            image=made.image or before.image,
        )  # fmt: skip
    stands = baseline(made, root=Path(settings.root), store=store, now=time.time())
    made = msgspec.structs.replace(made, seen=_seen(made, before, stands.seen))
    if to is not None and output is None:
        made = msgspec.structs.replace(made, installed=list(dict.fromkeys([*made.installed, to])))
    timer = _timer(made, settings)
    # A change has to reach every timer that has the old times.
    installed = [timers.install(target, timer) for target in made.installed]
    if to is not None and output is not None:
        installed.append(timers.write(to, timer, Path(output)))
    store.put(made)
    return Scheduled(
        schedule=made,
        next_at=Clock(made.cron, made.timezone).after(time.time()),
        installed=installed,
        notes=[*stands.notes, *_notes(made, settings)],
    )


def _made(wish: Wish, settings: Settings) -> Schedule:
    from nbops.retrain import kernels, runners
    from nbops.retrain.parameters import from_text, inspect, load

    if wish.cron is None and not wish.when:
        raise UsageError(
            "when? --cron says at which times, --when on which condition",
            hint=f'nbops schedule {wish.notebook} --cron "0 3 * * *"',
        )
    path = Path(wish.notebook).absolute()
    from_text(inspect(path), wish.params)
    kernels.name_of(load(path), wish.kernel)
    runners.check(wish.runner, scheduler=wish.scheduler, ship=wish.ship)
    for condition in wish.when:
        parse(condition)
    channels(settings.root).named(wish.notify)
    now = time.time()
    name = path.stem if wish.name is None else wish.name.strip()
    if not name or not name.isprintable():
        raise UsageError(f"{name!r} cannot be the name of a schedule", hint="--name nightly")
    clock = Clock(wish.cron or LOOK_EVERY, wish.timezone or local_zone())
    return Schedule(
        id=new_id(),
        name=name,
        notebook=os.path.relpath(path, settings.root) if path.is_relative_to(settings.root) else str(path),
        params=dict(wish.params),
        cron=clock.cron,
        timezone=clock.timezone,
        conditions=list(dict.fromkeys(wish.when)),
        retries=wish.retries,
        timeout_s=wish.timeout_s,
        kernel=wish.kernel,
        runner=wish.runner,
        scheduler=wish.scheduler,
        ship=list(wish.ship),
        notify=list(wish.notify),
        overlap=wish.overlap,
        debounce_s=_seconds("debounce", wish.debounce),
        cooldown_s=_seconds("cooldown", wish.cooldown),
        image=wish.image,
        active_since=now,
        created_at=now,
    )


def _seconds(option: str, text: str) -> float:
    found = duration(text)
    if found is None:
        raise UsageError(f"--{option} {text!r} is not a time such as 30s, 10min, 2h, 1d", hint=f"--{option} 30s")
    return found


def _before(name: str, replace: bool, store: Store) -> Schedule | None:
    found = store.find(Schedule, name=name, limit=1)
    if found and not replace:
        raise ConflictError(
            f"there is a schedule {name!r} already, of {found[0].notebook}",
            code="schedule_exists",
            hint="--replace changes it, --name OTHER makes another",
        )
    return found[0] if found else None


def _seen(made: Schedule, before: Schedule | None, stands: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What a changed schedule has seen stays seen; what is new to it starts from what stands."""
    old = before.seen if before is not None else {}
    kept = {condition: old[condition] for condition in made.conditions if condition in old}
    return {**stands, **kept}


def _timer(schedule: Schedule, settings: Settings) -> Timer:
    said = channels(settings.root).named(schedule.notify)
    secrets = [str(value) for channel in said for key, value in channel.options.items() if key.endswith("_env")]
    secrets += [name for name in _BY_ENVIRONMENT if os.environ.get(name)]
    return Timer(
        schedule=schedule,
        root=settings.root,
        is_shared=is_server(settings.store),
        secrets=list(dict.fromkeys(secrets)),
    )


def _notes(schedule: Schedule, settings: Settings) -> list[str]:
    notes = []
    if not schedule.installed:
        notes.append("nothing calls it yet: nbops watch, or nbops schedule … --replace --to systemd")
    for channel in channels(settings.root).named(schedule.notify):
        try:
            channel.notifier()
        except MissingError as error:
            notes.append(f"{channel.name}: {error.message}")
    return notes


def states(store: Store, *, limit: int | None, offset: int) -> list[ScheduleState]:
    """List schedules, newest first, with when they are due next and how they went last."""
    found = store.find(Schedule, limit=limit, offset=offset)
    return [_state(schedule, store) for schedule in found]


def _state(schedule: Schedule, store: Store) -> ScheduleState:
    last = store.find(Firing, schedule_id=schedule.id, order_by="-started_at", limit=1)
    is_paused = schedule.paused_at is not None
    return ScheduleState(
        schedule=schedule,
        next_at=None if is_paused else Clock(schedule.cron, schedule.timezone).after(time.time()),
        last=last[0] if last else None,
    )


def pause(schedule: Schedule, store: Store) -> Schedule:
    """Let a schedule's times pass until it is unpaused; its timers stay."""
    if schedule.paused_at is None:
        store.update(Schedule, schedule.id, paused_at=time.time())
    return store.get(Schedule, schedule.id)


def unpause(schedule: Schedule, store: Store) -> Schedule:
    """Let a schedule fire again; times that passed meanwhile are not caught up."""
    if schedule.paused_at is not None:
        store.update(Schedule, schedule.id, paused_at=None, active_since=time.time())
    return store.get(Schedule, schedule.id)


def unschedule(schedule: Schedule, *, store: Store, settings: Settings) -> Unscheduled:
    """Remove a schedule and, as far as they are on this machine, its timers; its firings and runs stay."""
    notes = timers.remove(schedule, Path(settings.root))
    store.delete(Schedule, schedule.id)
    return Unscheduled(schedule=schedule, notes=notes)

"""Looking at a schedule's conditions: what is news, what has come to rest, and what has fired already."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from nbops.errors import NbopsError
from nbops.records import Schedule
from nbops.schedule.triggers import Look, Sight, Trigger, parse
from nbops.store.interface import Store

_FIRED_AT = "fired_at"
_MOST_LOOKS = 20


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What all conditions of a schedule say."""

    reason: str = ""
    """Why to fire; empty when no condition says so."""
    seen: dict[str, dict[str, str]] = {}
    """What the schedule has seen once it has fired for this reason."""
    note: str = ""
    """Why not, for a reader."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What conditions see when their schedule is made."""

    seen: dict[str, dict[str, str]]
    """Of those that start from what stands."""
    notes: list[str]
    """What there is not yet, by which a wrong name shows."""


def baseline(schedule: Schedule, *, root: Path, store: Store, now: float) -> Baseline:
    """Look at a schedule's conditions for the first time.

    Args:
        schedule: with its conditions.
        root: the project's folder.
        store: the project's.
        now: seconds since the epoch.

    Raises:
        UsageError: a condition that cannot be understood.
        NbopsError: one that cannot be looked at.
    """
    seen, notes = {}, []
    for condition in schedule.conditions:
        trigger, what = parse(condition)
        sight = trigger.look(Look(what=what, schedule=schedule, root=root, store=store, seen={}, now=now))
        if trigger.starts_from_now:
            seen[condition] = sight.token
        if sight.note:
            notes.append(f"{condition}: {sight.note}")
    return Baseline(seen=seen, notes=notes)


def observe(
    schedule: Schedule,
    *,
    root: Path,
    store: Store,
    clock: Callable[[], float] = time.time,
    pause: Callable[[float], None] | None = time.sleep,
) -> Observation:
    """Look at a schedule's conditions in their order; the first that says so fires.

    Args:
        schedule: as the store has it.
        root: the project's folder.
        store: the project's.
        clock: tells the time, in seconds since the epoch.
        pause: waits so many seconds for what is still changing; None does not wait, and takes it as it is.

    Raises:
        NbopsError: a condition cannot be looked at, and no other one fires.
    """
    notes, problems = [], []
    for condition in schedule.conditions:
        trigger, what = parse(condition)
        seen = schedule.seen.get(condition, {})
        try:
            sight = _settled(trigger, what, seen, schedule, root=root, store=store, clock=clock, pause=pause)
        except NbopsError as error:
            problems.append(error)
            continue
        if sight is None:
            notes.append(f"{condition} is still changing")
        elif sight.reason and not _is_known(sight.token, seen, schedule, clock()):
            fired = {**sight.token, _FIRED_AT: repr(clock())}
            return Observation(reason=sight.reason, seen={**schedule.seen, condition: fired})
        elif sight.reason or sight.note:
            notes.append(f"{sight.reason}, for which it has fired already" if sight.reason else sight.note)
    if problems:
        raise problems[0]
    return Observation(note="; ".join(notes) or "nothing new")


def _is_known(token: Mapping[str, str], seen: Mapping[str, str], schedule: Schedule, now: float) -> bool:
    """The same finding does not fire at every look: a model stays old until somebody promotes another."""
    if {**seen, _FIRED_AT: ""} != {**token, _FIRED_AT: ""} or _FIRED_AT not in seen:
        return False
    return now - float(seen[_FIRED_AT]) < schedule.cooldown_s


def _settled(
    trigger: Trigger,
    what: str,
    seen: Mapping[str, str],
    schedule: Schedule,
    *,
    root: Path,
    store: Store,
    clock: Callable[[], float],
    pause: Callable[[float], None] | None,
) -> Sight | None:
    """Look until what was found has stood still for long enough; None when it does not come to rest."""

    def look() -> Sight:
        return trigger.look(Look(what=what, schedule=schedule, root=root, store=store, seen=seen, now=clock()))

    sight = look()
    for _ in range(_MOST_LOOKS):
        is_still = sight.changed_at is not None and clock() - sight.changed_at >= schedule.debounce_s
        if not sight.reason or is_still or pause is None or not schedule.debounce_s:
            return sight
        pause(schedule.debounce_s)
        again = look()
        if again.token == sight.token:
            return again
        sight = again
    return None

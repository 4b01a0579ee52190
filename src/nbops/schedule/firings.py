"""Firings in the store: a time of a schedule is fired once, by whoever claims it first, on whatever machine.

A firing's id is made of its schedule and the time it stands for, so that the store itself refuses the second one. Its
process gives signs of life; a firing without any is dead, and what it stood for may be taken over.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from typing import Literal

import msgspec

from nbops.errors import NotFoundError, StoreError
from nbops.records import Firing, Schedule, new_id
from nbops.schedule.clock import Clock
from nbops.store.interface import Store
from nbops.store.process import is_alive, this_host, this_process

EARLY_S = 5.0
"""A timer whose clock runs ahead of ours by so much, in seconds, still means the time that is about to come."""
SIGN_EVERY_S = 20.0
DEAD_AFTER_S = 120.0
"""A firing of another machine that has given no sign for so long is dead, in seconds."""


def firing_id(schedule_id: str, due_at: float, attempt: int) -> str:
    """Make the id of one attempt at one time: a UUIDv7 of the time, its random part a hash of all three.

    Example:
        >>> firing_id("a", 60.0, 1) == firing_id("a", 60.0, 1) < firing_id("a", 120.0, 1)
        True
    """
    digest = hashlib.sha256(f"{schedule_id}:{due_at!r}:{attempt}".encode()).digest()
    noise, fraction = int.from_bytes(digest[:8], "big") >> 2, int.from_bytes(digest[8:10], "big") >> 4
    return f"{int(due_at * 1000) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | noise:032x}"


def due(schedule: Schedule, now: float) -> float | None:
    """The time that a schedule owes a firing for; times missed before it are not owed, one run catches up for all.

    Args:
        schedule: as the store has it.
        now: seconds since the epoch.

    Returns:
        Seconds since the epoch, or None when nothing has been due since the schedule became active.
    """
    latest = Clock(schedule.cron, schedule.timezone).latest(now + EARLY_S)
    return None if latest is None or latest < schedule.active_since else latest


def standing(schedule: Schedule, due_at: float, store: Store) -> Firing | None:
    """The newest attempt at a time; None when nobody has claimed it yet."""
    found = None
    attempt = 1
    while True:
        with contextlib.suppress(NotFoundError):
            found = store.get(Firing, firing_id(schedule.id, due_at, attempt))
            attempt += 1
            continue
        return found


def is_dead(firing: Firing, now: float) -> bool:
    """Whether the process of a firing that has not ended is gone."""
    if firing.status != "running":
        return False
    alive = is_alive(firing.pid, firing.process) if firing.host == this_host() else None
    return not alive if alive is not None else now - firing.alive_at > DEAD_AFTER_S


def bury(firing: Firing, store: Store) -> Firing:
    """Record that a firing's process is gone."""
    error = f"its process on {firing.host} ended without a word"
    store.update(Firing, firing.id, status="interrupted", ended_at=firing.alive_at, error=error)
    return store.get(Firing, firing.id)


def going_on(schedule: Schedule, store: Store) -> list[Firing]:
    """Firings of a schedule that have not ended, newest first."""
    return store.find(Firing, schedule_id=schedule.id, status="running")


Cause = Literal["schedule", "trigger", "person"]


def made(schedule: Schedule, *, due_at: float | None, cause: Cause, reason: str, attempt: int = 1) -> Firing:
    """Make the record of a firing by this process; it is nobody's until the store has taken it.

    Args:
        schedule: what fires.
        due_at: the time it stands for; None for a person who asks, which is never a second one.
        cause: ``schedule``, ``trigger`` or ``person``.
        reason: why, in words.
        attempt: counted from 1.
    """
    now = time.time()
    return Firing(
        id=new_id() if due_at is None else firing_id(schedule.id, due_at, attempt),
        schedule_id=schedule.id,
        schedule=schedule.name,
        due_at=now if due_at is None else due_at,
        cause=cause,
        reason=reason,
        attempt=attempt,
        host=this_host(),
        pid=os.getpid(),
        process=this_process(),
        alive_at=now,
        started_at=now,
    )


def skip(firing: Firing, because: str, store: Store) -> Firing:
    """Record that a time passed without a run."""
    skipped = msgspec.structs.replace(firing, status="skipped", error=because, ended_at=time.time())
    store.claim(skipped)
    return store.get(Firing, skipped.id)


@contextlib.contextmanager
def signs_of_life(firing: Firing, store: Store, *, every_s: float = SIGN_EVERY_S) -> Iterator[None]:
    """Say in the store that a firing's process lives, as long as the block takes."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(every_s):
            # A store that is away for a while is no reason to stop; the end is recorded by the caller.
            with contextlib.suppress(StoreError):
                store.update(Firing, firing.id, alive_at=time.time())

    thread = threading.Thread(target=tell, name="nbops-firing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

"""Schedules and what starts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from nbops.records import (
    Firing,
    Schedule,
)
from nbops.workspace.opened import Opened

if TYPE_CHECKING:
    from nbops.flows.fire import Fired
    from nbops.flows.schedules import Scheduled, ScheduleState, Unscheduled


class Schedules(Opened):
    """Schedules and what starts them."""

    def schedule(
        self,
        notebook: str,
        cron: str | None = None,
        when: Sequence[str] = (),
        param: Mapping[str, str] | None = None,
        to: str | None = None,
        output: str | None = None,
        name: str | None = None,
        timezone: str | None = None,
        kernel: str | None = None,
        timeout: float | None = None,
        retries: int = 0,
        runner: str = "local",
        scheduler: str | None = None,
        ship: Sequence[str] = (),
        notify: Sequence[str] = (),
        overlap: Literal["forbid", "allow"] = "forbid",
        debounce: str = "60s",
        cooldown: str = "1d",
        image: str | None = None,
        replace: bool = False,
    ) -> Scheduled:
        """Run a notebook again by itself, at times or when a condition holds."""
        from nbops.flows.schedules import Wish, schedule_notebook

        wish = Wish(
            notebook=notebook,
            name=name,
            cron=cron,
            when=when,
            params=param or {},
            timezone=timezone,
            retries=retries,
            timeout_s=timeout,
            kernel=kernel,
            runner=runner,
            scheduler=scheduler,
            ship=ship,
            notify=notify,
            overlap=overlap,
            debounce=debounce,
            cooldown=cooldown,
            image=image,
        )
        return schedule_notebook(wish, to=to, output=output, replace=replace, store=self.store, settings=self.settings)

    def schedules(self, limit: int | None = 50, offset: int = 0) -> list[ScheduleState]:
        """List schedules with when they are due next and how they went last."""
        from nbops.flows.schedules import states

        return states(self.store, limit=limit, offset=offset)

    def firings(self, schedule: str | None = None, limit: int | None = 50, offset: int = 0) -> list[Firing]:
        """List what fired, newest first, or only what one schedule fired."""
        named = {} if schedule is None else {"schedule_id": self.store.resolve(Schedule, schedule).id}
        return self.store.find(Firing, order_by="-started_at", limit=limit, offset=offset, **named)

    def fire(self, schedule: str, now: bool = False, wait: bool = False) -> Fired:
        """Fire a schedule if it is due and nobody has; what its timers call."""
        from nbops.flows.fire import fire

        found = self.store.resolve(Schedule, schedule)
        return fire(found, now=now, wait=wait, store=self.store, settings=self.settings)

    def pause(self, schedule: str) -> Schedule:
        """Let a schedule's times pass until it is unpaused."""
        from nbops.flows.schedules import pause

        return pause(self.store.resolve(Schedule, schedule), self.store)

    def unpause(self, schedule: str) -> Schedule:
        """Let a paused schedule fire again, from its next time on."""
        from nbops.flows.schedules import unpause

        return unpause(self.store.resolve(Schedule, schedule), self.store)

    def unschedule(self, schedule: str) -> Unscheduled:
        """Remove a schedule and its timers on this machine; its runs stay."""
        from nbops.flows.schedules import unschedule

        return unschedule(self.store.resolve(Schedule, schedule), store=self.store, settings=self.settings)

    def watch(self, jobs: int = 2) -> int:
        """Fire all schedules when they are due, until stopped; for a long-lived service."""
        from nbops.schedule.watching import watch

        return watch(self.store, self.settings, jobs=jobs)

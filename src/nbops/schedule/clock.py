"""When a schedule is due: cron's five fields in a time zone, clock changes included.

The times are computed by cronsim as Debian's cron does: a time of day that a clock change leaves out is due right after
the gap, one that comes twice is due once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from nbops.errors import UsageError

if TYPE_CHECKING:
    from cronsim import CronSim

ALIASES = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
_LONGEST_SHIFT_S = 3 * 3600
"""No clock change is longer; so far behind a moment may a time stand that comes before it."""


class Clock:
    """The times of a cron expression in a time zone.

    Args:
        cron: minute, hour, day of the month, month, day of the week, as cron takes them; or ``@daily`` and its like.
        timezone: IANA name, such as ``Europe/Berlin``.

    Raises:
        UsageError: either cannot be understood, or no time fits the expression.

    Example:
        >>> clock = Clock("0 3 * * *", "UTC")
        >>> clock.latest(200_000.0), clock.after(200_000.0)
        (183600.0, 270000.0)
    """

    def __init__(self, cron: str, timezone: str) -> None:
        self.cron = ALIASES.get(cron.strip().lower(), " ".join(cron.split()))
        self.timezone = timezone
        self.zone = _zone(timezone)
        self._check()

    def after(self, moment: float) -> float:
        """The first time after a moment, both in seconds since the epoch."""
        for due in self._times(moment):
            # An hour that comes twice is told by its first time, which may be behind us.
            if due > moment:
                return due
        raise self._never()

    def latest(self, moment: float) -> float | None:
        """The last time at or before a moment; None when there was none in fifty years."""
        start = moment + (_LONGEST_SHIFT_S if self._parsed(moment).fixup_tz is not None else 0)
        for due in self._times(start, reverse=True):
            if due <= moment:
                return due
        return None

    @property
    def fields(self) -> CronSim:
        """The parsed expression: ``minutes``, ``hours``, ``days``, ``months``, ``weekdays`` as sets, ``day_and``."""
        return self._parsed(0.0)

    def describe(self) -> str:
        """Say it in English, with its zone."""
        return f"{self.fields.explain()} ({self.timezone})"

    def _times(self, moment: float, *, reverse: bool = False) -> Iterator[float]:
        for due in self._parsed(moment, reverse=reverse):
            yield due.timestamp()

    def _parsed(self, moment: float, *, reverse: bool = False) -> CronSim:
        from cronsim import CronSim

        start = datetime.fromtimestamp(math.floor(moment), self.zone)
        # With a fraction the walk backwards begins at the second itself rather than before it.
        return CronSim(self.cron, start.replace(microsecond=1) if reverse else start, reverse=reverse)

    def _check(self) -> None:
        from cronsim import CronSimError

        if self.cron.startswith("@"):
            near = _near(self.cron, ALIASES)
            raise UsageError(
                f"--cron {self.cron!r} is none of {', '.join(ALIASES)}",
                code="cron_wrong",
                hint=f"--cron {near or '@daily'}",
            )
        parts = self.cron.split()
        hint = 'nbops schedule NOTEBOOK --cron "0 3 * * *"'
        if len(parts) != 5:
            raise UsageError(
                f"--cron {self.cron!r} has {len(parts)} fields instead of five: minute, hour, day of the month, month, "
                "day of the week",
                code="cron_wrong",
                hint=hint,
            )
        if any(letter in (parts[2] + parts[4]).upper() for letter in "L#") or "W" in parts[2].upper():
            raise UsageError(
                f"--cron {self.cron!r}: L, W and # are known to some crons only, and not used here",
                code="cron_wrong",
                hint=hint,
            )
        try:
            self.after(0.0)
        except CronSimError as error:
            raise UsageError(
                f"--cron {self.cron!r} cannot be understood: {str(error)[:1].lower()}{str(error)[1:]}",
                code="cron_wrong",
                hint=hint,
            ) from error
        except StopIteration:
            raise self._never() from None

    def _never(self) -> UsageError:
        return UsageError(f"--cron {self.cron!r} fits no day of the calendar", code="cron_wrong", hint="--cron @daily")


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = _near(name, available_timezones())
        raise UsageError(
            f"there is no time zone {name!r}" + (f"; did you mean {near!r}?" if near else ""),
            code="timezone_unknown",
            hint=f"--timezone {near or 'Europe/Berlin'}",
        ) from error


def _near(word: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(word, known, 1)), None)


def local_zone() -> str:
    """The IANA name of this machine's time zone.

    Raises:
        UsageError: the machine does not say one.
    """
    from tzlocal import get_localzone_name

    try:
        return get_localzone_name() or "UTC"
    except (LookupError, OSError) as error:
        raise UsageError(
            f"this machine does not say its time zone ({error})", code="timezone_unknown", hint="--timezone UTC"
        ) from error

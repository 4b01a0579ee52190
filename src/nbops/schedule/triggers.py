"""What sets a schedule off besides time: conditions that are looked at when its clock says so.

A condition is written ``KIND:WHAT``: ``new-data:data/*.parquet``, ``model-age:churn@production>30d``,
``metric:accuracy<0.9``. Other packages bring kinds under the entry point group ``nbops.triggers``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from nbops.errors import UsageError
from nbops.extending import look_up, names
from nbops.records import Schedule
from nbops.store.interface import Store

TRIGGERS = {
    "metric": "nbops.schedule.metric:MetricBar",
    "model-age": "nbops.schedule.model_age:ModelAge",
    "new-data": "nbops.schedule.new_data:NewData",
}
"""Triggers that come with nbops; others join by the entry point group ``nbops.triggers``."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a trigger may look at."""

    what: str
    """The condition without its kind."""
    schedule: Schedule
    root: Path
    store: Store
    seen: Mapping[str, str]
    """What the trigger had found when this condition last fired, or when the schedule was made; empty before both."""
    now: float


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What a trigger found."""

    reason: str = ""
    """Why the notebook should run, in words; empty when it should not."""
    token: dict[str, str] = {}
    """What stands now, in a few short texts; two looks at the same have the same. Handed back as ``seen``."""
    changed_at: float | None = None
    """When what was found last changed, in seconds since the epoch; None when that cannot be known."""
    note: str = ""
    """What a reader should know where there is no reason, such as that there is nothing to look at yet."""


class Trigger(Protocol):
    """One kind of condition. Made without arguments; looks must not change anything."""

    starts_from_now: bool
    """Whether what stands when the schedule is made counts as seen."""

    def check(self, what: str) -> None:
        """Raise UsageError when a condition of this kind cannot be understood."""
        ...

    def look(self, look: Look) -> Sight:
        """Look once; NbopsError when it cannot be told, which is not the same as no."""
        ...


def parse(condition: str) -> tuple[Trigger, str]:
    """Find the trigger that a condition means, and check the rest.

    Args:
        condition: ``KIND:WHAT``.

    Returns:
        The trigger, and what it looks at.

    Raises:
        UsageError: it cannot be understood.
    """
    kind, colon, what = condition.partition(":")
    if not colon or not what.strip():
        known = ", ".join(names("triggers", built_in=TRIGGERS))
        raise UsageError(
            f"--when {condition!r} is not KIND:WHAT; the kinds are: {known}",
            code="condition_wrong",
            hint="--when 'new-data:data/*.parquet'",
        )
    trigger: Trigger = look_up("triggers", kind.strip(), built_in=TRIGGERS)()
    trigger.check(what.strip())
    return trigger, what.strip()


_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)")


def duration(text: str) -> float | None:
    """Read ``30d``, ``12h``, ``90min``, ``2w`` or ``45s`` as seconds; None when it is none of them.

    Example:
        >>> duration("1.5h"), duration("soon")
        (5400.0, None)
    """
    found = _DURATION.fullmatch(text.strip())
    return float(found[1]) * _UNITS[found[2]] if found else None

"""Schedules: notebooks that are run again by themselves.

The room knows when a schedule is due (``clock``), what conditions say (``triggers``, ``conditions``), who fires a time
(``firings``), how a schedule becomes a timer of another program (``export``), and how one process stands in for all
timers (``watching``). It runs no notebook: ``nbops fire SCHEDULE``, a story of ``nbops.flows.fire``, does, and every
timer calls that.
"""

from __future__ import annotations

from nbops.schedule.clock import Clock, local_zone
from nbops.schedule.conditions import Observation, baseline, observe
from nbops.schedule.triggers import TRIGGERS, Look, Sight, Trigger, parse

__all__ = ["TRIGGERS", "Clock", "Look", "Observation", "Sight", "Trigger", "baseline", "local_zone", "observe", "parse"]

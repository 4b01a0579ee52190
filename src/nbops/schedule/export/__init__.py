"""Schedules as timers of other programs: systemd, cron, GitHub Actions, a cluster. nbops writes them and runs no cron.

Each target is a module with ``files(timer) -> dict[name, text]``, what would be written; ``install(timer) ->
Installed``, which puts that in its place; and ``remove(schedule, root)``, which takes it away again.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from nbops.errors import NbopsError
from nbops.records import Schedule
from nbops.schedule.export.timer import Installed, Timer

TARGETS = ("systemd", "cron", "github", "kubernetes")

__all__ = ["TARGETS", "Installed", "Timer", "install", "remove", "write"]


def _target(name: str) -> ModuleType:
    return importlib.import_module(f"nbops.schedule.export.{name}")


def install(target: str, timer: Timer) -> Installed:
    """Put a schedule's timer in its place.

    Args:
        target: one of ``TARGETS``.
        timer: what to install.

    Returns:
        What was written, and what is left to do.

    Raises:
        ScheduleError: it cannot be written, or the target cannot do what the schedule asks for.
    """
    installed: Installed = _target(target).install(timer)
    return installed


def write(target: str, timer: Timer, folder: Path) -> Installed:
    """Write a schedule's timer into a folder, to be looked at or put in place by other means; nothing is installed.

    Raises:
        ScheduleError: the target cannot do what the schedule asks for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in _target(target).files(timer).items():
        path = folder / name
        path.write_text(text, "utf-8")
        paths.append(str(path))
    return Installed(target=target, paths=paths, notes=["written only; nothing is installed"])


def remove(schedule: Schedule, root: Path) -> list[str]:
    """Take a schedule's timers away, as far as they are on this machine.

    Args:
        schedule: with the targets it was installed to.
        root: the project's folder.

    Returns:
        What was done, and what is left to do by hand.
    """
    notes = []
    for target in schedule.installed:
        try:
            notes += _target(target).remove(schedule, root)
        except NbopsError as error:
            notes.append(f"{target}: {error.message}")
    return notes

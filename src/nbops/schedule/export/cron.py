"""A line in the user's crontab, for machines without systemd."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from nbops.errors import ScheduleError
from nbops.records import Schedule
from nbops.schedule.clock import local_zone
from nbops.schedule.export.timer import Installed, Timer, program, unit_name

_LONGEST = 900
"""cron cuts a command after about a thousand characters."""
_SAME_AS_UTC = frozenset({"UTC", "Etc/UTC", "Etc/GMT", "GMT", "Zulu", "Universal", "UCT"})


def files(timer: Timer) -> dict[str, str]:
    """The block of lines, as a crontab of its own."""
    return {f"{timer.name}.crontab": block(timer)}


def block(timer: Timer) -> str:
    """The lines of one schedule, between marks by which they are found again."""
    _same_zone(timer.schedule.timezone)
    log = str(Path(timer.root) / ".nbops" / "schedules.log")
    # A percent sign ends a command in a crontab, in quotes or not.
    command = f"{shlex.join(timer.command())} >> {shlex.quote(log)} 2>&1".replace("%", "\\%")
    if "\n" in command or len(command) > _LONGEST:
        raise ScheduleError(
            f"cron does not take a command of {len(command)} characters, or with a line break in it",
            hint="nbops schedule … --to systemd, or nbops watch",
        )
    return f"{_begin(timer.schedule)}\n{timer.clock.cron} {command}\n{_end(timer.schedule)}\n"


def install(timer: Timer) -> Installed:
    """Add the lines to the user's crontab in place of those from before; everything else in it stays."""
    program("crontab", "cron")
    lines = block(timer)
    _replace(_without(_current(), timer.schedule) + lines)
    notes = [
        "cron does not catch up on times while the machine was off: nbops schedule … --to systemd does",
        f"its output goes to {Path(timer.root) / '.nbops' / 'schedules.log'}",
    ]
    if timer.secrets:
        notes.append(f"put {', '.join(f'{name}=…' for name in timer.secrets)} above it: crontab -e")
    return Installed(target="cron", paths=[], notes=notes)


def remove(schedule: Schedule, _root: Path) -> list[str]:
    """Take the schedule's lines out of the user's crontab."""
    program("crontab", "cron")
    before = _current()
    after = _without(before, schedule)
    if after == before:
        return [f"{unit_name(schedule)} is not in this user's crontab; where it is: crontab -e"]
    _replace(after)
    return [f"removed {unit_name(schedule)} from the crontab"]


def _begin(schedule: Schedule) -> str:
    return f"# >>> {unit_name(schedule)}, written by nbops"


def _end(schedule: Schedule) -> str:
    return f"# <<< {unit_name(schedule)}"


def _without(crontab: str, schedule: Schedule) -> str:
    # The readable part of the name may have changed; the id has not.
    name = rf"nbops-[a-z0-9-]*{re.escape(schedule.id[-10:])}"
    return re.sub(rf"^# >>> {name}, written by nbops\n.*?^# <<< {name}\n", "", crontab, flags=re.MULTILINE | re.DOTALL)


def _same_zone(name: str) -> None:
    here = local_zone()
    if name != here and not {name, here} <= _SAME_AS_UTC:
        raise ScheduleError(
            f"cron keeps this machine's time, {here}, and the schedule's is {name}",
            code="timezone_unsupported",
            hint=f"nbops schedule … --timezone {here}, or --to systemd",
        )


def _current() -> str:
    done = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout if done.stdout.endswith("\n") or not done.stdout else f"{done.stdout}\n"
    if "no crontab" in done.stderr:
        return ""
    raise ScheduleError(f"the crontab cannot be read: {done.stderr.strip()}", hint="crontab -l")


def _replace(crontab: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".crontab", encoding="utf-8") as file:
        file.write(crontab)
        file.flush()
        done = subprocess.run(["crontab", file.name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ScheduleError(f"the crontab cannot be written: {done.stderr.strip()}", hint="crontab -e")

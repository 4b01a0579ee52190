"""A systemd user timer: catches up after the machine was off, keeps the log, never runs twice at a time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from nbops.errors import ScheduleError
from nbops.records import Schedule
from nbops.schedule.clock import Clock
from nbops.schedule.export.timer import Installed, Timer, program, render, unit_name

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_PATIENCE_S = 30


def files(timer: Timer) -> dict[str, str]:
    """The service and its timer, by file name."""
    name = timer.name
    service = render(
        "systemd.service.j2",
        description=text(f"nbops: {timer.schedule.name}"),
        command=" ".join(word(part) for part in timer.command()),
        longest_s=timer.longest_s,
    )
    clock = render(
        "systemd.timer.j2",
        description=text(f"nbops: {timer.schedule.name}, when it is due"),
        times=on_calendar(timer.clock),
    )
    return {f"{name}.service": service, f"{name}.timer": clock}


def install(timer: Timer) -> Installed:
    """Write both units into the user's folder and start the timer, where systemd runs for the user."""
    program("systemctl", "systemd")
    folder = units()
    paths = []
    for name, content in files(timer).items():
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        except OSError as error:
            raise ScheduleError(f"{path} cannot be written: {error.strerror}", hint=f"ls -ld {folder}") from error
        paths.append(str(path))
    notes = _started(timer.name)
    if timer.secrets:
        notes.append(f"put {', '.join(f'{name}=…' for name in timer.secrets)} into {secrets_file()} (chmod 600)")
    notes.append("to have it run while you are not logged in: loginctl enable-linger")
    return Installed(target="systemd", paths=paths, notes=notes)


def remove(schedule: Schedule, _root: Path) -> list[str]:
    """Stop the timer and remove both units."""
    name = unit_name(schedule)
    paths = [path for path in (units() / f"{name}.timer", units() / f"{name}.service") if path.exists()]
    if not paths:
        return [f"{name}.timer is not on this machine; where it is: systemctl --user disable --now {name}.timer"]
    _systemctl("disable", "--now", f"{name}.timer")
    for path in paths:
        path.unlink(missing_ok=True)
    _systemctl("daemon-reload")
    return [f"removed {path}" for path in paths]


def _started(name: str) -> list[str]:
    for words in (("daemon-reload",), ("enable", "--now", f"{name}.timer")):
        problem = _systemctl(*words)
        if problem is not None:
            commands = f"systemctl --user daemon-reload && systemctl --user enable --now {name}.timer"
            return [f"systemd does not run for this user just now ({problem}); later: {commands}"]
    return [f"it is on; look at it with: systemctl --user list-timers {name}.timer, journalctl --user -u {name}"]


def _systemctl(*words: str) -> str | None:
    """Ask the user's systemd; what it complains of, None when it does not."""
    try:
        done = subprocess.run(
            ["systemctl", "--user", *words], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else (done.stderr.strip() or "no reason given").splitlines()[0]


def units() -> Path:
    """The folder of the user's own units."""
    return _config() / "systemd" / "user"


def secrets_file() -> Path:
    """The file that the units read environment variables from."""
    return _config() / "nbops" / "environment"


def _config() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def on_calendar(clock: Clock) -> list[str]:
    """Write a clock's times as ``OnCalendar=`` values; each of several lines counts.

    Example:
        >>> on_calendar(Clock("30 3 1 * mon", "Europe/Berlin"))
        ['*-*-1 3:30:00 Europe/Berlin', 'Mon *-*-* 3:30:00 Europe/Berlin']
    """
    found = clock.fields
    minutes, hours = _listed(found.minutes, 60), _listed(found.hours, 24)
    months, days = _listed(found.months, 12), _listed(found.days, 31)
    # 7 is Sunday as well.
    weekdays = sorted({int(day) % 7 for day in found.weekdays if isinstance(day, int)})
    named = ",".join(_DAYS[day] for day in weekdays) + " " if len(weekdays) < 7 else ""
    time = f"{hours}:{minutes}:00 {clock.timezone}"
    if found.day_and:
        return [f"{named}*-{months}-{days} {time}"]
    return [f"*-{months}-{days} {time}", f"{named}*-{months}-* {time}"]


def _listed(values: set[int], every: int) -> str:
    return "*" if len(values) == every else ",".join(str(value) for value in sorted(values))


def text(value: str) -> str:
    """Write a text into a unit: ``%`` would be a specifier, a line break the next setting.

    Example:
        >>> text("100 %")
        '100 %%'
    """
    return " ".join(value.split()).replace("%", "%%")


def word(value: str) -> str:
    """Write one word of a command line, whatever stands in it.

    Example:
        >>> print(word('my "files"/50%/$HOME'))
        "my \\"files\\"/50%%/$$HOME"
    """
    if any(ord(char) < 32 for char in value):
        raise ScheduleError(f"{value!r} has a control character, which systemd does not take", hint="rename it")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'

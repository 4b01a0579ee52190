"""What every target is told of a schedule, and how text gets into its files without becoming anything else."""

from __future__ import annotations

import json
import re
import shlex
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nbops.errors import MissingError
from nbops.records import Schedule
from nbops.schedule.clock import Clock

if TYPE_CHECKING:
    import jinja2

_MARGIN_S = 300.0
"""How long starting and telling may take on top of the runs, in seconds."""


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """What was put in place."""

    target: str
    paths: list[str]
    """Files that were written."""
    notes: list[str] = []
    """What is left to do, or good to know."""


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule with what its surroundings add."""

    schedule: Schedule
    root: str
    """The project's folder on this machine."""
    is_shared: bool
    """Whether the store is a server that other machines reach."""
    secrets: list[str] = []
    """Names of the environment variables that its notices and its store need."""

    @property
    def name(self) -> str:
        """A name that files, units and Kubernetes take, and that no other schedule has."""
        return unit_name(self.schedule)

    @property
    def clock(self) -> Clock:
        """When it is due."""
        return Clock(self.schedule.cron, self.schedule.timezone)

    @property
    def longest_s(self) -> float | None:
        """How long a firing may take, with all its attempts; None without a time limit."""
        if self.schedule.timeout_s is None:
            return None
        return self.schedule.timeout_s * (self.schedule.retries + 1) + _MARGIN_S

    def command(self) -> list[str]:
        """What a timer on this machine calls."""
        return [sys.executable, "-m", "nbops", "-C", self.root, "fire", self.schedule.id]


def unit_name(schedule: Schedule) -> str:
    """Make a name of small letters, digits and hyphens, 40 at most.

    Example:
        >>> nightly = Schedule(id="0198abcdef0123456789", name="Churn, nächtlich!", notebook="a.ipynb", cron="@daily",
        ...                    timezone="UTC", active_since=0.0, created_at=0.0)
        >>> unit_name(nightly)
        'nbops-churn-n-chtlich-0123456789'
    """
    readable = re.sub(r"[^a-z0-9]+", "-", schedule.name.lower()).strip("-")[:22].strip("-")
    return "-".join(part for part in ("nbops", readable, schedule.id[-10:]) if part)


def render(template: str, **values: object) -> str:
    """Fill a template of this folder; a value that it names and that is not given is an error."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - no HTML; each format has its own quoting below
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"yaml": yaml, "shell": shlex.join, "actions": actions}
    return environment


def yaml(value: object) -> str:
    """Write a value as YAML: every JSON text is one, whatever stands in it.

    Example:
        >>> yaml("a: b # c")
        '"a: b # c"'
    """
    return json.dumps(value, ensure_ascii=True)


def actions(text: str) -> str:
    """Keep a text from being evaluated by GitHub Actions, which looks for ``${{`` everywhere.

    Example:
        >>> actions("${{ secrets.X }}")
        "${{ '${{' }} secrets.X }}"
    """
    return text.replace("${{", "${{ '${{' }}")


def program(name: str, package: str) -> str:
    """Find a program, or say what brings it.

    Raises:
        MissingError: it is not there.
    """
    import shutil

    found = shutil.which(name)
    if found is None:
        raise MissingError(f"{name} is not there", code="program_missing", hint=f"apt-get install {package}")
    return found


def whole_minutes(seconds: float) -> int:
    """Round up to minutes."""
    return int(-(-seconds // 60))

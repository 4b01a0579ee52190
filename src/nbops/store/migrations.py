"""Numbered steps from an empty database to today's tables; each runs in one transaction together with its own record.

To add a step, see ``nbops.store.schema``. Released steps are never edited.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nbops import __version__
from nbops.errors import StoreVersionError

if TYPE_CHECKING:
    from nbops.store.schema import Dialect

MIGRATIONS: tuple[str, ...] = ("first tables",)
"""Names, in order; the first is number 1."""

CURRENT = len(MIGRATIONS)
DDL = Path(__file__).with_name("ddl")


def path_of(number: int, dialect: Dialect) -> Path:
    """Where a step's text stands."""
    return DDL / f"{number:04d}.{dialect}.sql"


def script(number: int, dialect: Dialect) -> str:
    """Return a step's frozen SQL."""
    return path_of(number, dialect).read_text("utf-8")


def record(number: int) -> tuple[int, str, float, str]:
    """Return the row of ``migrations`` that says a step was taken."""
    return number, MIGRATIONS[number - 1], time.time(), __version__


def pending(version: int, location: str) -> range:
    """Number the steps that a database at ``version`` still needs, or refuse one that is ahead of us."""
    if version > CURRENT:
        raise StoreVersionError(
            f"the store {location} has version {version}, newer than this nbops {__version__}, which knows {CURRENT}",
            hint="pip install --upgrade nbops",
        )
    return range(version + 1, CURRENT + 1)


def migrate(version: Callable[[], int], run: Callable[[str, tuple[int, str, float, str]], None], *, location: str,
            dialect: Dialect) -> None:  # fmt: skip
    """Take all steps that are missing; called inside one transaction that excludes other writers.

    Args:
        version: reads the database's version.
        run: executes one script and inserts its record.
        location: what errors call the database.
        dialect: which database it is.

    Raises:
        StoreVersionError: the database is newer than this nbops.
    """
    for number in pending(version(), location):
        run(script(number, dialect), record(number))

"""Secrets never reach the disk: what looks like one, or is known to be one, is masked before it is written.

The room stands below the store, so that no door, no driver and no forgotten call can write around it: every record,
name and parameter that a store takes passes a ``Masker`` first. A masked literal stays usable: ``nbops.secret("ID")``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from nbops.masking.known import VALUES
from nbops.masking.masker import OFF, Masker
from nbops.settings import Settings

__all__ = ["OFF", "VALUES", "Masker", "masker_of"]


def masker_of(settings: Settings) -> Masker:
    """The masker of a project, the same one for the same settings.

    Args:
        settings: whether anything is masked, what is no secret, and where the project's key is.
    """
    return _masker(str(settings.journal.parent), settings.masking, tuple(settings.not_secrets))


@lru_cache(16)
def _masker(folder: str, is_on: bool, allowed: tuple[str, ...]) -> Masker:
    return Masker(Path(folder), is_on=is_on, allowed=allowed)

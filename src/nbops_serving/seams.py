"""Flavours and rungs that other packages bring, found where the server runs by what is installed there.

nbops registers what it finds at packing under the same groups; here only what is named by a bundle is looked for, and
only when it is none of the server's own: asking the installed metadata takes a tenth of a second.
"""

from __future__ import annotations

from typing import Any


class NotInstalledError(ValueError):
    """A bundle names a flavour or a rung that neither the server nor an installed package has."""


def joined(group: str, name: str, *, own: list[str]) -> Any:
    """Make what another package registered under an entry point group.

    Args:
        group: ``nbops.flavours`` or ``nbops.rungs``.
        name: what the bundle's manifest says.
        own: the names that the server itself has, for the message.

    Returns:
        An instance of the registered class.

    Raises:
        NotInstalledError: no installed package has it, or the one that has it cannot be imported.

    Example:
        >>> joined("nbops.flavours", "parchment", own=["skops"])
        Traceback (most recent call last):
        nbops_serving.seams.NotInstalledError: no installed package brings 'parchment' (nbops.flavours); here is: skops
    """
    from importlib.metadata import entry_points

    for entry in entry_points(group=group, name=name):
        try:
            return entry.load()()
        except (ImportError, AttributeError) as error:
            raise NotInstalledError(f"{name!r} ({group}) cannot be imported from {entry.value}: {error}") from error
    raise NotInstalledError(f"no installed package brings {name!r} ({group}); here is: {', '.join(own)}")

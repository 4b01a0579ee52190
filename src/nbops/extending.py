"""Choose-one seams: what others may bring, and how a name finds it.

A seam is an entry point group, ``nbops.`` and a name of ``SEAMS``. A package joins with a line in its
``pyproject.toml``::

    [project.entry-points."nbops.engines"]
    nomad = "our_package.nomad:NomadEngine"

What comes with nbops is registered in its own ``pyproject.toml`` in the same way, but each room also holds it as a
table, because asking the installed metadata takes 100 ms and more; that is only done for a name the table has not.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from nbops.errors import NbopsError, UsageError

SEAMS: dict[str, str] = {
    "engines": "engine",
    "drift_tests": "drift test",
    "checks": "check",
    "flavours": "flavour",
    "rungs": "rung",
    "notifiers": "notifier",
    "stores": "store backend",
    "triggers": "trigger",
    "runners": "runner",
}
"""Seam → what one of its members is called."""
_WRITTEN = {
    "flavours": "export NBOPS_FLAVOUR={}",
    "rungs": "export NBOPS_RUNG={}",
    "stores": "export NBOPS_STORE={}://…",
    "notifiers": 'kind = "{}"',
    "triggers": "--when '{}:…'",
}


def look_up(seam: str, name: str, *, built_in: Mapping[str, str]) -> Any:
    """Find what a name means in a seam.

    Args:
        seam: one of ``SEAMS``, such as ``"engines"``.
        name: what the user said, such as ``"docker"``.
        built_in: what comes with nbops, name → ``module:attribute``; it wins over others of the same name.

    Returns:
        The object itself, imported just now.

    Raises:
        UsageError: nothing has the name; near names and all names are shown.
        NbopsError: something has it but cannot be imported; the message says which package.

    Example:
        >>> look_up("engines", "fast", built_in={"fast": "math:sqrt"})(9)
        3.0
    """
    if name in built_in:
        return _load(built_in[name], seam, name)
    found = _installed(seam).get(name)
    if found is None:
        raise _unknown(seam, name, built_in)
    return _load(found[0], seam, name)


def names(seam: str, *, built_in: Mapping[str, str]) -> list[str]:
    """List every name of a seam, those of other installed packages included, sorted.

    Example:
        >>> names("engines", built_in={"docker": "x:y"})[0]
        'docker'
    """
    return sorted({*built_in, *_installed(seam)})


def provider(seam: str, name: str, *, built_in: Mapping[str, str]) -> str | None:
    """Name the distribution that brings a member of a seam; None for those that come with nbops.

    Example:
        >>> provider("engines", "docker", built_in={"docker": "x:y"})
    """
    if name in built_in:
        return None
    return _installed(seam).get(name, ("", None))[1]


@cache
def _installed(seam: str) -> dict[str, tuple[str, str | None]]:
    """Name → reference and distribution."""
    # Slow, see above; installing a package into a running kernel needs a new kernel anyway.
    from importlib.metadata import entry_points

    return {
        entry.name: (entry.value, entry.dist.name if entry.dist is not None else None)
        for entry in entry_points(group=f"nbops.{seam}")
    }


def _load(reference: str, seam: str, name: str) -> Any:
    module, _, attribute = reference.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise NbopsError(
            f"the {SEAMS[seam]} {name!r} is registered as {reference!r}, which cannot be imported ({error})",
            code="extension_broken",
            hint=f"pip install --force-reinstall {module.partition('.')[0]}",
        ) from error
    return found


def _unknown(seam: str, name: str, built_in: Mapping[str, str]) -> UsageError:
    import difflib

    known = names(seam, built_in=built_in)
    near = difflib.get_close_matches(name, known, n=2)
    advice = f"; did you mean {' or '.join(repr(word) for word in near)}?" if near else ""
    word = SEAMS[seam]
    return UsageError(
        f"there is no {word} {name!r}{advice} There are: {', '.join(known)}" if near else
        f"there is no {word} {name!r}; there are: {', '.join(known)}",
        code=f"{word.replace(' ', '_')}_unknown",
        hint=_WRITTEN.get(seam, f"--{word.replace(' ', '-')} {{}}").format((near or known or [name])[0]),
    )  # fmt: skip

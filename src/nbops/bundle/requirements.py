"""The distributions a model needs, and only those, pinned to what is installed here."""

from __future__ import annotations

import functools
import importlib.metadata
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement

from nbops.surroundings import installed

SERVING = ("msgspec", "numpy", "uvicorn", "httptools", "uvloop")
"""What the server itself needs on every rung."""
OURSELVES = "nbops"
"""Never goes along, though what joins a seam may require it: the server's own part of it is there anyway."""


def pins_for(modules: Iterable[str]) -> list[str]:
    """Pin the distributions that provide some modules, and all that those need.

    Args:
        modules: top-level import names; those of the standard library and unknown ones are left out.

    Returns:
        ``name==version``, sorted.

    Example:
        >>> [pin.split("==")[0] for pin in pins_for(["msgspec", "json"])]
        ['msgspec']
    """
    found = [_provider(module) for module in modules if module not in sys.stdlib_module_names]
    return pins_of(name for name in found if name is not None)


# Reading the file lists of everything that is installed takes a second; these are known.
_KNOWN = {"sklearn": "scikit-learn", "imblearn": "imbalanced-learn", "dateutil": "python-dateutil"}


def _provider(module: str) -> str | None:
    name = _KNOWN.get(module, module)
    if installed(name) is None:
        return next(iter(_providers().get(module, [])), None)
    return name


def pins_of(distributions: Iterable[str]) -> list[str]:
    """Pin distributions, and all that they need, to what is installed here."""
    found: dict[str, str] = {}
    waiting = [_normal(name) for name in distributions]
    while waiting:
        name = waiting.pop()
        if name in found or name == OURSELVES:
            continue
        distribution = installed(name)
        if distribution is None:
            continue  # not installed here, so nothing that works here needs it
        found[name] = distribution.version
        waiting.extend(_needs(distribution.requires))
    return sorted(f"{name}=={version.partition('+')[0]}" for name, version in found.items())


@functools.lru_cache(maxsize=1024)
def _needs(requires: tuple[str, ...]) -> list[str]:
    # packaging's type of an environment has only texts in it, which a copy of it does not say.
    environment = {**cast(dict[str, str], default_environment()), "extra": ""}
    names = []
    for text in requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # a very old distribution; pip could not read it either
        if requirement.marker is None or requirement.marker.evaluate(environment):
            names.append(_normal(requirement.name))
    return names


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.lru_cache(maxsize=1)
def _providers() -> Mapping[str, Sequence[str]]:
    return importlib.metadata.packages_distributions()

"""Sources that travel with a model, importable in the process that loads it."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType


class _Sources(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds modules in memory, after everything else: what this process has under the same name wins."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._packages: set[str] = set()

    def add(self, sources: Mapping[str, str]) -> None:
        for path, text in sources.items():
            parts = path.removesuffix(".py").split("/")
            if parts[-1] == "__init__":
                parts.pop()
                self._packages.add(".".join(parts))
            self._texts[".".join(parts)] = text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._texts:
            return None
        return importlib.util.spec_from_loader(fullname, self, is_package=fullname in self._packages)

    def get_source(self, fullname: str) -> str:
        return self._texts[fullname]

    def is_package(self, fullname: str) -> bool:
        return fullname in self._packages


_sources = _Sources()


def offer_sources(sources: Mapping[str, str]) -> None:
    """Make modules importable in this process, where it has none of their names.

    Args:
        sources: path below the import root → text.

    Example:
        >>> offer_sources({"offered_for_a_test.py": "answer = 42"})
        >>> import offered_for_a_test
        >>> offered_for_a_test.answer
        42
    """
    if not sources:
        return
    _sources.add(sources)
    if _sources not in sys.meta_path:
        sys.meta_path.append(_sources)

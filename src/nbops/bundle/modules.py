"""Sources that travel with a model, importable in the process that loads it."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType


class _Sources(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds modules in memory, after everything else: what this process has under the same name wins."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._packages: set[str] = set()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def add(self, sources: Mapping[str, bytes]) -> None:
        for path, content in sources.items():
            if not path.endswith(".py"):
                self._lay_down(path, content)
                continue
            parts = path.removesuffix(".py").split("/")
            if parts[-1] == "__init__":
                parts.pop()
                self._packages.add(".".join(parts))
            self._texts[".".join(parts)] = content.decode()

    def _lay_down(self, path: str, content: bytes) -> None:
        """Put data where the modules look for it: beside the file that they seem to come from."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="nbops-sources-")
        file = Path(self._folder.name, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._texts:
            return None
        is_package = fullname in self._packages
        if self._folder is None:
            return importlib.util.spec_from_loader(fullname, self, is_package=is_package)
        file = Path(self._folder.name, *fullname.split(".")).with_suffix(".py")
        inside: list[str] | None = [] if is_package else None
        return importlib.util.spec_from_file_location(fullname, file, loader=self, submodule_search_locations=inside)

    def get_source(self, fullname: str) -> str:
        return self._texts[fullname]

    def is_package(self, fullname: str) -> bool:
        return fullname in self._packages


_sources = _Sources()


def offer_sources(sources: Mapping[str, bytes]) -> None:
    """Make modules importable in this process, where it has none of their names.

    Args:
        sources: path below the import root → a module's text in UTF-8, or data that a module reads.

    Example:
        >>> offer_sources({"offered_for_a_test.py": b"answer = 42"})
        >>> import offered_for_a_test
        >>> offered_for_a_test.answer
        42
    """
    if not sources:
        return
    _sources.add(sources)
    if _sources not in sys.meta_path:
        sys.meta_path.append(_sources)

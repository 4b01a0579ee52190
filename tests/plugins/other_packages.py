"""A package of somebody else, as an installer leaves it: a module and its metadata in a folder on the path."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbops import extending


@contextmanager
def installed(
    folder: Path, name: str, source: str, *, requires: tuple[str, ...] = (), **groups: dict[str, str]
) -> Iterator[Path]:
    """Install a package of one module for the length of a block.

    Args:
        folder: an empty one.
        name: of the module and of the distribution.
        source: of the module.
        requires: what the distribution needs.
        groups: seam → entry point's name → attribute of the module.

    Returns:
        The folder that stands on the path.
    """
    site = folder / "site-packages"
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}", "utf-8")
    sections = [
        f"[nbops.{group}]\n" + "".join(f"{entry} = {name}:{attribute}\n" for entry, attribute in entries.items())
        for group, entries in groups.items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(sections), "utf-8")
    (site / f"{name}.py").write_text(source, "utf-8")
    sys.path.insert(0, str(site))
    extending._installed.cache_clear()
    try:
        yield site
    finally:
        sys.path.remove(str(site))
        sys.modules.pop(name, None)
        extending._installed.cache_clear()

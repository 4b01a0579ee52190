"""Functions out of the notebook, into versioned modules that are proven to work.

The story is in ``making``: the ``log`` of what ran, the ``closure`` of what names need, the ``purity`` of what may come
along, ``carry`` for data, the text that ``emit`` writes, the proof in a clean process, the number from ``versions``.
"""

from nbops.extract.closure import Blocker
from nbops.extract.graduation import Graduated, graduate, main_objects
from nbops.extract.making import Preview, extract, preview, replacement
from nbops.extract.pulling import Pulled, Threeway, compare, diff, pull
from nbops.extract.versions import (
    ModuleState,
    current,
    find_version,
    history,
    import_version,
    imported,
    modules,
    rollback,
    what_changed,
)

__all__ = [
    "Blocker",
    "Graduated",
    "ModuleState",
    "Preview",
    "Pulled",
    "Threeway",
    "compare",
    "current",
    "diff",
    "extract",
    "find_version",
    "graduate",
    "history",
    "import_version",
    "imported",
    "main_objects",
    "modules",
    "preview",
    "pull",
    "replacement",
    "rollback",
    "what_changed",
]

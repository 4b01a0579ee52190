"""Functions out of the notebook, into versioned modules that are proven to work.

The story is in ``making``: the ``log`` of what ran, the ``closure`` of what names need, the ``purity`` of what may come
along, the text that ``emit`` writes, the proof in a clean process, the number from ``versions``.
"""

from nbops.extract.closure import Blocker
from nbops.extract.making import Preview, extract, preview, replacement
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
    "ModuleState",
    "Preview",
    "current",
    "extract",
    "find_version",
    "history",
    "import_version",
    "imported",
    "modules",
    "preview",
    "replacement",
    "rollback",
    "what_changed",
]

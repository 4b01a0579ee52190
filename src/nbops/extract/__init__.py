"""Functions out of the notebook, into versioned modules that are proven to work.

The story is in ``making``: ``planning`` slices the ``log`` of what ran by the ``closure`` of what names need, judged by
``purity`` and ``changes``, with ``carry`` for data and the text that ``emit`` writes; ``proving`` imports it in a clean
process; ``versions`` gives the number.
"""

from nbops.extract.graduation import Graduated, graduate
from nbops.extract.main_objects import main_objects
from nbops.extract.making import Preview, Request, extract, preview, replacement
from nbops.extract.needs import Blocker
from nbops.extract.pulling import Pulled, Threeway, compare, diff, pull
from nbops.extract.recording import Recording, record
from nbops.extract.replaying import RecordedCall, TestReport, recorded_calls, run_tests
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
from nbops.extract.wheel import Built, build_wheel

__all__ = [
    "Blocker",
    "Built",
    "Graduated",
    "ModuleState",
    "Preview",
    "Pulled",
    "RecordedCall",
    "Recording",
    "Request",
    "TestReport",
    "Threeway",
    "build_wheel",
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
    "record",
    "recorded_calls",
    "replacement",
    "rollback",
    "run_tests",
    "what_changed",
]

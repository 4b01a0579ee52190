"""What happened, as it happens: cells of a notebook, and what people log from cells, scripts and retraining kernels.

``start(shell)`` records every cell of an IPython shell; ``run``, ``log_param``, ``log_metric`` and ``log_artifact`` of
``nbops.capture.api`` work there and in plain scripts alike. Lists and comparisons of what was recorded are the store's
business.
"""

from __future__ import annotations

from nbops.capture.cells import active_run_id, current, notice, run_body, run_cell_as_run, start, stop
from nbops.capture.here import root
from nbops.capture.recorder import Recorder
from nbops.capture.tracking import ActiveRun

__all__ = [
    "ActiveRun",
    "Recorder",
    "active_run_id",
    "current",
    "notice",
    "root",
    "run_body",
    "run_cell_as_run",
    "start",
    "stop",
]

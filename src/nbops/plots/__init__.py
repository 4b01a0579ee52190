"""Pictures of what is recorded: numbers in, an accessible picture out.

Nothing here reads a store: whoever calls has the numbers, and says in ``Drawing.caption`` which rows they are of.
"""

from nbops.plots.agreement import calibration, confusion, precision_recall, residuals, roc
from nbops.plots.curves import Line, metrics
from nbops.plots.drawing import FORMS, Drawing, render
from nbops.plots.importance import importance, parameters
from nbops.plots.sweeps import Goal, Tried, front, history, parallel
from nbops.plots.traffic import Pair, drift, latency

__all__ = [
    "FORMS", "Drawing", "Goal", "Line", "Pair", "Tried", "calibration", "confusion", "drift", "front", "history",
    "importance", "latency", "metrics", "parallel", "parameters", "precision_recall", "render", "residuals", "roc",
]  # fmt: skip

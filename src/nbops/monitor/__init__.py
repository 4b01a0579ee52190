"""Watching what an endpoint is asked and answers, against what its model was trained on.

``measure`` reads an endpoint's prediction log and puts a ``Window`` into the store, ``measure_scored`` does so for the
rows of a scored file; ``drift`` compares any table with
a profile, as a plain function. How profiles are made is the business of ``nbops.data``; sending alerts is not of this
room.
"""

from __future__ import annotations

from nbops.monitor.drift import drift
from nbops.monitor.seen import Seen, Times, seen, times
from nbops.monitor.statistics import Comparison, DriftTest, drift_test
from nbops.monitor.window import ScoredRows, measure, measure_scored

__all__ = [
    "Comparison",
    "DriftTest",
    "ScoredRows",
    "Seen",
    "Times",
    "drift",
    "drift_test",
    "measure",
    "measure_scored",
    "seen",
    "times",
]

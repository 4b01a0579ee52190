"""Predictions for whole files: CSV, Parquet or Arrow of any size, in bounded memory, resumable.

A file is scored by the bundle that answers live requests, on the same rung and with the same checks, so a row has the
same answer either way. The output says of each row which model answered, under which request id, or why it could not.
"""

from __future__ import annotations

from nbops.score.scoring import BAD_ROWS, BadRows, Scored, score
from nbops.score.workers import RUNNERS, RunnerName

__all__ = ["BAD_ROWS", "RUNNERS", "BadRows", "RunnerName", "Scored", "score"]

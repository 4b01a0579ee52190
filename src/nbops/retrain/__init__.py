"""Retraining: an unmodified papermill notebook run again with other parameters, once or as a sweep.

The room learns what a notebook's parameters are (``parameters``), runs one execution through papermill and records it
(``engine``, ``execution``), and drives many of them side by side (``driver``, ``sweeps``). Cells and metrics are
recorded inside the kernel by the capture room; this one makes the run they belong to, keeps the executed notebook and
says how it ended.
"""

from __future__ import annotations

from nbops.retrain.sweeps import cancel, front, resume, run_notebook, sweep

__all__ = ["cancel", "front", "resume", "run_notebook", "sweep"]

"""A model as a folder that answers without nbops: ONNX, a small Python runner, and a page for browsers.

What is written is proven before it is there: the exported runner, started as whoever gets the folder would start it,
answers the rows that were kept with the live model's own answers.
"""

from __future__ import annotations

from nbops.bundle.portable.folder import Exported, export_folder
from nbops.bundle.portable.precision import PRECISIONS, TOLERANCES, Precision

__all__ = ["PRECISIONS", "TOLERANCES", "Exported", "Precision", "export_folder"]

"""To and from MLflow: runs, parameters, metrics, tags, notes, artifacts, cells and models, as often as one likes.

``server`` opens an MLflow, ``words`` says the same things in the words of both, ``outbound`` and ``inbound`` carry
runs, ``carried`` what MLflow has no place for, ``models`` and ``model_folder`` registered models. What one side cannot
hold is named in the answer. Which runs go, and who may be trusted with a model's bytes, is decided above.
"""

from __future__ import annotations

from nbops.bridge.inbound import Inbound
from nbops.bridge.models import Judge, Judged, ModelsIn, ModelsOut, Portable
from nbops.bridge.outbound import Outbound
from nbops.bridge.server import Server, connected
from nbops.bridge.transferred import LeftOut, Tally, Transferred

__all__ = [
    "Inbound",
    "Judge",
    "Judged",
    "LeftOut",
    "ModelsIn",
    "ModelsOut",
    "Outbound",
    "Portable",
    "Server",
    "Tally",
    "Transferred",
    "connected",
]

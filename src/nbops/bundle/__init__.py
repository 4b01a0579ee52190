"""From a fitted model to a bundle: kept with what it needs, read back only when trusted, packed for serving.

``register`` keeps a live model as a version of a name: its bytes, its signature, the source it needs, and rows of the
training sample with the model's own answers. ``load`` reads a version back. ``pack`` makes the folder that is served,
on the fastest rung whose answers are the same. Running it is left to ``nbops.deploy``.
"""

from __future__ import annotations

from nbops.bundle.packing import pack
from nbops.bundle.registry import load, register

__all__ = ["load", "pack", "register"]

"""What a bundle says of itself: the types that travel from the notebook into the container.

The one vocabulary shared by packing (nbops), serving and monitoring. Changing a field is a change of format: raise
``FORMAT``, keep reading the older number in ``read_manifest``, and add a bundle of the old format to the tests.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FORMAT = 1

Kind = Literal["number", "integer", "boolean", "text", "category", "datetime"]


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one input column from the frame that trained the model."""

    name: str
    kind: Kind
    optional: bool = False
    """Whether missing values were seen in training."""
    minimum: float | None = None
    maximum: float | None = None
    categories: list[str] | None = None
    """The values seen in training, for ``category`` columns, sorted."""


class Signature(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What goes into a model and what comes out."""

    columns: list[Column]
    output: Literal["number", "class", "value"] = "value"
    classes: list[str | int | float | bool] | None = None
    takes: Literal["frame", "array", "rows"] = "frame"
    """What the model's ``predict`` is given: a DataFrame, a 2-D array, or a list of dicts."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bundle's ``manifest.json``: enough to serve it, check it and trace it back to the cell."""

    format: int
    model: str
    """The name people say, such as ``"churn"``."""
    version: int
    """The number of the model version under that name."""
    model_version_id: str
    run_id: str | None
    created_at: float
    """Seconds since the epoch, UTC."""
    flavour: str
    """How the model is stored: the name of a flavour."""
    rung: str
    """How it is computed: the name of a rung."""
    signature: Signature
    python: str
    """``major.minor`` the model was fitted under."""
    requirements: list[str]
    """Pinned requirements of the model, ``name==version``."""
    example: list[dict[str, object]]
    """A few real rows from training, as a client sends them."""
    expected: list[object]
    """What the notebook's own model answers to ``example``: the parity rows of the start-up check."""
    files: dict[str, str]
    """sha256 of every other file of the bundle, by its relative path."""
    modules: list[str] = []
    """Top-level packages shipped in ``modules/`` of the bundle."""

"""What a bundle says of itself: the types that travel from the notebook into the container.

The one vocabulary shared by packing (nbops), serving and monitoring. Changing a field is a change of format: raise
``FORMAT``, keep reading the older number in ``read_manifest``, and add a bundle of the old format to the tests.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FORMAT = 1

Kind = Literal["number", "integer", "boolean", "text", "category", "datetime"]
Verdict = Literal["accept", "reject"]


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
    takes: Literal["frame", "array", "rows", "series", "values"] = "frame"
    """What the model's ``predict`` is given: a DataFrame, a 2-D array, or a list of dicts; for a model of one column
    also a Series or a 1-D array."""


class Dtype(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one input column was held in the frame or array that trained the model."""

    name: str
    """The numpy or pandas name: ``float64``, ``str``, ``category``, …"""
    categories: list[str | int | float | bool] | None = None
    """Every category in the order of its codes, for ``category``."""
    is_ordered: bool = False


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a row that is well formed but unlike the training data."""

    unseen: Verdict = "accept"
    """A category that training never saw."""
    out_of_range: Verdict = "accept"
    """A number below the smallest or above the largest of training."""
    extra: Verdict = "accept"
    """A field that the model does not take; accepted means ignored."""
    refused: list[str] = []
    """Columns whose unseen categories the model itself cannot answer: always rejected."""


class Gate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was proven of the rung when the bundle was made."""

    rows: int
    """How many rows were compared with the model's own answers."""
    worst: float
    """Largest difference seen; 0.0 is bit for bit."""
    fallen: dict[str, str] = {}
    """Rungs that were tried before and why they were left."""


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
    model_file: str = ""
    """The file that holds the model, for rungs that load it."""
    types: list[str] = []
    """What the model file may name when it is loaded, as ``module.name``: anything else is refused."""
    dtypes: list[Dtype] = []
    """How each column of the signature was held in training, in the same order."""
    expected_probabilities: list[list[float]] = []
    """Class probabilities for ``example``, in the order of the signature's classes; empty when there are none."""
    has_probabilities: bool = False
    classes_follow_probabilities: bool = False
    """Whether the predicted class was, on every row compared, the one with the largest probability."""
    tolerance: float = 0.0
    """Largest difference from ``expected`` that still counts as the same answer."""
    policy: Policy = Policy()
    gate: Gate | None = None


MANIFEST = "manifest.json"
"""Name of the manifest inside the bundle's folder."""


def write_manifest(manifest: Manifest) -> bytes:
    """Return the manifest's bytes: the same manifest always gives the same bytes, and their sha256 names the bundle."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1) + b"\n"


def read_manifest(data: bytes) -> Manifest:
    """Read a ``manifest.json``.

    Args:
        data: its bytes.

    Returns:
        The manifest.

    Raises:
        ValueError: the bytes are no manifest, or one of a format newer than this server knows.

    Example:
        >>> read_manifest(b"{}")
        Traceback (most recent call last):
        ValueError: manifest.json is not a bundle's manifest: Object missing required field `format`
    """
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise ValueError(f"manifest.json is not a bundle's manifest: {error}") from error
    if manifest.format > FORMAT:
        raise ValueError(f"the bundle has format {manifest.format}, this server reads up to {FORMAT}")
    return manifest

"""What a model says to rows, on whatever rung, and how it says that it has nothing to say."""

from __future__ import annotations

from typing import Any

import msgspec


class RefusedRowError(ValueError):
    """The model itself has no answer for a row."""


class Answer(msgspec.Struct, frozen=True):
    """What a model says to some rows."""

    predictions: list[Any]
    probabilities: list[list[float]] | None = None

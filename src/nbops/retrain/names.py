"""What the runs of a sweep are called: by the sweep, and by what tells them from each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

_MOST_PARAMETERS = 5
_MOST_VALUE = 24
_MOST = 120


def of_point(name: str, params: Mapping[str, Any], varied: Collection[str]) -> str:
    """Name a run of a sweep by its point.

    Args:
        name: the sweep's.
        params: parameter → value as it is recorded, with secrets masked.
        varied: the parameters that differ between the sweep's runs.

    Returns:
        One line that a list can show; the name alone where nothing is varied.

    Example:
        >>> of_point("churn", {"depth": 3, "lr": 0.1, "seed": 0}, ["depth", "lr"])
        'churn depth=3 lr=0.1'
    """
    told = [f"{key}={_short(params[key])}" for key in varied if key in params]
    cut = ["…"] if len(told) > _MOST_PARAMETERS else []
    line = " ".join([name, *told[:_MOST_PARAMETERS], *cut])
    return line if len(line) <= _MOST else f"{line[: _MOST - 1]}…"


def _short(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= _MOST_VALUE else f"{line[: _MOST_VALUE - 1]}…"

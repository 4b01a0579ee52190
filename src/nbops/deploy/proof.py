"""What a running server has to repeat before it may take traffic: rows, and what the notebook's own model said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nbops.deploy import client
from nbops.errors import UsageError
from nbops_serving.manifest import Manifest

RELATIVE_TOLERANCE = 1e-9
"""How far a number may be from the notebook's own: other builds of numpy sum in another order."""

BATCH_ROWS = 500


class Proof(msgspec.Struct, frozen=True):
    """Rows as clients send them, and the answers that are right."""

    rows: list[dict[str, Any]]
    predictions: list[Any]
    probabilities: list[list[float]] = []
    """Empty when the model has none."""
    is_asked_singly: bool = False
    """Whether each row is a request of its own, because a strange one could spoil the others."""

    @classmethod
    def of(cls, manifest: Manifest) -> Proof:
        """The example rows that every bundle carries."""
        return cls(manifest.example, manifest.expected, manifest.expected_probabilities)


def mismatches(server: str | client.Server, proof: Proof, *, tolerance: float = 0.0) -> list[str]:
    """Ask a server over HTTP and compare.

    Args:
        server: the server itself; by its address alone where it wants no key.
        proof: what it must answer.
        tolerance: how far a number may be, beyond rounding, as the bundle states it.

    Returns:
        One sentence for each row that differs; empty when all agree.

    Raises:
        DeployError: it does not answer at all.
    """
    size = 1 if proof.is_asked_singly else BATCH_ROWS
    wrong: list[str] = []
    for start in range(0, len(proof.rows), size):
        rows = proof.rows[start : start + size]
        try:
            answer = client.predict(server, rows, is_check=True)
        except UsageError as error:
            wrong.append(f"row {start}: {error.message}")
            continue
        wrong += _differing("says", proof.predictions[start : start + size], answer["predictions"], start, tolerance)
        if proof.probabilities:
            found = answer.get("probabilities") or []
            wrong += _differing("gives", proof.probabilities[start : start + size], found, start, tolerance)
    return wrong


def _differing(verb: str, wanted: Sequence[Any], found: Sequence[Any], start: int, tolerance: float) -> list[str]:
    if len(wanted) != len(found):
        return [f"rows {start} to {start + len(wanted) - 1}: {len(found)} answers came"]
    return [
        f"row {place}: the model {verb} {one!r}, the server {other!r}"
        for place, (one, other) in enumerate(zip(wanted, found, strict=True), start=start)
        if not same(one, other, tolerance=tolerance)
    ]


def same(wanted: object, got: object, *, tolerance: float = 0.0) -> bool:
    """Tell whether two answers are the same: exactly, but for rounding in the last digits of a float.

    Args:
        wanted: what the notebook's model says.
        got: what the server says.
        tolerance: how far a number may be besides, as the bundle states it.

    Example:
        >>> same([0.1 + 0.2, "a"], [0.3, "a"]), same(1, 2), same(float("nan"), None)
        (True, False, True)
    """
    if _is_missing(wanted) or _is_missing(got):
        return _is_missing(wanted) and _is_missing(got)
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        rounding = max(tolerance, RELATIVE_TOLERANCE)
        return math.isclose(wanted, got, rel_tol=rounding, abs_tol=max(tolerance, 1e-12))
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        return wanted.keys() == got.keys() and all(same(wanted[key], got[key], tolerance=tolerance) for key in wanted)
    if isinstance(wanted, list | tuple) and isinstance(got, list | tuple):
        return len(wanted) == len(got) and all(
            same(one, other, tolerance=tolerance) for one, other in zip(wanted, got, strict=True)
        )
    return wanted == got


def _is_missing(value: object) -> bool:
    # JSON has no NaN: a server says null.
    return value is None or (isinstance(value, float) and math.isnan(value))

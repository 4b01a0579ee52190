"""The plan: a fitted pipeline's own numbers, applied straight to plain arrays.

A scikit-learn pipeline spends its time on DataFrames and checks. A plan keeps only what was learnt (means, category
tables, weights, trees) and does the same arithmetic in the same order in float64, so that the answers are the same
bits; this is proven on the training rows when a bundle is made. It needs numpy and nothing else.

A plan is data, made of ``nbops_serving.operations``; ``CompiledPlan`` makes it callable.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nbops_serving.answers import Answer, RefusedRowError
from nbops_serving.features import Features, may_leave_domain
from nbops_serving.heads import of_finite, said_by
from nbops_serving.operations import Linear, Plan
from nbops_serving.rows import Row

__all__ = ["Answer", "CompiledPlan", "Plan", "RefusedRowError", "read_plan", "write_plan"]


def read_plan(data: bytes) -> Plan:
    """Read the content of ``plan.msgpack``."""
    return msgspec.msgpack.decode(data, type=Plan)


def write_plan(plan: Plan) -> bytes:
    """Return the bytes of ``plan.msgpack``; the same plan always gives the same bytes."""
    return msgspec.msgpack.encode(plan, order="deterministic")


class CompiledPlan:
    """A plan that answers rows.

    Example:
        >>> import numpy as np
        >>> from nbops_serving.operations import Array, Numbers
        >>> weights = Linear(Array.of(np.array([2.0])), Array.of(np.array(1.0)), "identity")
        >>> plan = Plan([Numbers([0], [])], [], weights, None)
        >>> CompiledPlan(plan).answer([(3.0,)]).predictions
        [7.0]
    """

    def __init__(self, plan: Plan) -> None:
        self._features = Features(plan.branches, plan.steps)
        self._say = said_by(plan.head, plan.classes)
        if isinstance(plan.head, Linear) and may_leave_domain(plan.branches, plan.steps):
            self._say = of_finite(self._say)
        self.is_light = isinstance(plan.head, Linear)
        """Whether one row costs so little that gathering rows of several requests would cost more."""

    def answer(self, rows: Sequence[Row]) -> Answer:
        """Answer rows.

        Args:
            rows: one value per column of the signature; None where it is missing.

        Returns:
            One prediction per row, and its probabilities where the model has them.

        Raises:
            RefusedRowError: the model has no answer for some row.
        """
        return self._say(self._features(rows))

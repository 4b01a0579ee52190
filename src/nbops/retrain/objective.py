"""What makes one run of a sweep better than another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from nbops.errors import UsageError


class Objective(msgspec.Struct, frozen=True):
    """What makes one run better than another."""

    direction: Literal["max", "min"]
    metric: str

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Read ``max:accuracy`` or ``min:loss``.

        Raises:
            UsageError: the text says neither.

        Example:
            >>> Objective.parse("max:accuracy").metric
            'accuracy'
        """
        direction, _, metric = text.partition(":")
        if direction not in {"max", "min"} or not metric.strip():
            raise UsageError(
                f"{text!r} is not an objective: it wants a direction and a metric's name",
                code="wrong_objective",
                hint="--objective max:accuracy, or --objective min:loss",
            )
        return cls("max" if direction == "max" else "min", metric.strip())

    @classmethod
    def parse_all(cls, text: str | None) -> list[Objective]:
        """Read several, parted by commas; none when there is no text.

        Raises:
            UsageError: one of them says neither, or two name the same metric.

        Example:
            >>> [goal.direction for goal in Objective.parse_all("max:accuracy,min:seconds")]
            ['max', 'min']
        """
        goals = [cls.parse(part.strip()) for part in text.split(",")] if text is not None else []
        names = [goal.metric for goal in goals]
        if len({*names}) < len(names):
            raise UsageError(
                f"{text!r} wants one metric in two ways",
                code="wrong_objective",
                hint="--objective max:accuracy,min:seconds",
            )
        return goals

    def is_better(self, value: float, than: float | None) -> bool:
        """Tell whether a value beats another; NaN beats nothing."""
        if math.isnan(value):
            return False
        if than is None:
            return True
        return value > than if self.direction == "max" else value < than


def unbeaten(scores: Sequence[Sequence[float]], goals: Sequence[Objective]) -> list[bool]:
    """Tell which of several runs no other beats: as good in every objective, and better in one.

    Args:
        scores: by run, its value in each objective.
        goals: the objectives.

    Returns:
        Whether each run is of the Pareto front; for one objective, whether it is the best.

    Example:
        >>> unbeaten([(0.9, 5.0), (0.8, 2.0), (0.7, 3.0)], Objective.parse_all("max:accuracy,min:seconds"))
        [True, True, False]
    """
    signs = [1 if goal.direction == "max" else -1 for goal in goals]
    signed = [[sign * value for sign, value in zip(signs, score, strict=True)] for score in scores]
    return [not any(_beats(other, score) for other in signed) for score in signed]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))

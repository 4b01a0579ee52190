"""Several models behind one address: each is asked about the same rows, and each row has one answer by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Several:
    """Models that are deployed together.

    Args:
        models: name → anything with ``predict``, or a function of one argument; all take the same rows.

    Example:
        >>> models = {"half": lambda rows: [row / 2 for row in rows], "sign": lambda rows: ["+" for _ in rows]}
        >>> Several(models).predict([3])
        [{'half': 1.5, 'sign': '+'}]
    """

    def __init__(self, models: Mapping[str, Any]) -> None:
        self.models = dict(models)

    def predict(self, given: Any) -> list[dict[str, Any]]:
        """Return one answer per row, name → what the model of that name says."""
        from nbops_serving.rungs import plain, predict_of

        said = [plain(predict_of(model)(given), len(given)) for model in self.models.values()]
        return [dict(zip(self.models, row, strict=True)) for row in zip(*said, strict=True)]

"""Which columns a model's answers hang on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbops.plots.drawing import PALETTE, Drawing, shown

MOST_COLUMNS = 20


def importance(weights: Mapping[str, float], *, of: str, rows: str, unit: str) -> Drawing:
    """Draw how much each column counts.

    Args:
        weights: by column, 0 for one that does not count.
        of: the model.
        rows: which rows the weights were measured on.
        unit: what a weight is.

    Returns:
        The picture, the heaviest column at the top; at most twenty.

    Example:
        >>> importance({"age": 0.5, "city": 0.1}, of="churn@1", rows="10 rows", unit="change").caption
        'Columns by their weight in the answers of churn@1 on 10 rows (change): age 0.5, city 0.1.'
    """
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    drawn = ranked[:MOST_COLUMNS]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        places = range(len(drawn))
        axes.barh(places, [weight for _, weight in drawn], color=PALETTE[0], height=0.7)
        axes.set_yticks(places, [shown(name) for name, _ in drawn])
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.grid(visible=False, axis="y")

    said = ", ".join(f"{shown(name)} {weight:.3g}" for name, weight in drawn[:5])
    cut = f" The {MOST_COLUMNS} heaviest of {len(ranked)} columns are drawn." if len(ranked) > len(drawn) else ""
    return Drawing(
        kind="importance",
        title=f"{of}: what the answers hang on",
        caption=f"Columns by their weight in the answers of {of} on {rows} ({unit}): {said}.{cut}",
        draw=draw,
        width=5.6,
        height=1.3 + 0.26 * len(drawn),
    )

"""Which columns a model's answers hang on, and which parameters a sweep's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    ranked = _ranked(weights)
    cut = f" The {MOST_COLUMNS} heaviest of {len(ranked)} columns are drawn." if len(ranked) > MOST_COLUMNS else ""
    return _bars(
        ranked,
        unit,
        title=f"{of}: what the answers hang on",
        caption=f"Columns by their weight in the answers of {of} on {rows} ({unit}): {_said(ranked)}.{cut}",
    )


def parameters(shares: Mapping[str, float], *, of: str, metric: str) -> Drawing:
    """Draw how much each parameter of a sweep counts.

    Args:
        shares: by parameter, its share of what makes the objective vary.
        of: the sweep.
        metric: the objective.

    Returns:
        The picture, the most important parameter at the top; at most twenty.

    Example:
        >>> parameters({"lr": 0.8, "depth": 0.2}, of="churn", metric="auc").caption
        'Parameters by their share of what makes auc vary among the runs of churn: lr 0.8, depth 0.2.'
    """
    ranked = _ranked(shares)
    return _bars(
        ranked,
        f"share of what makes {shown(metric)} vary",
        title=f"Which parameters of {of} mattered",
        caption=f"Parameters by their share of what makes {shown(metric)} vary among the runs of {of}: "
        f"{_said(ranked)}.",
    )


def _ranked(weights: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(weights.items(), key=lambda item: (-item[1], item[0]))


def _said(ranked: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{shown(name)} {weight:.3g}" for name, weight in ranked[:5])


def _bars(ranked: Sequence[tuple[str, float]], unit: str, *, title: str, caption: str) -> Drawing:
    drawn = ranked[:MOST_COLUMNS]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        places = range(len(drawn))
        axes.barh(places, [weight for _, weight in drawn], color=PALETTE[0], height=0.7)
        axes.set_yticks(places, [shown(name) for name, _ in drawn])
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.grid(visible=False, axis="y")

    return Drawing(
        kind="importance", title=title, caption=caption, draw=draw, width=5.6, height=1.3 + 0.26 * len(drawn)
    )

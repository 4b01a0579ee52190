"""An endpoint's traffic: how its columns are spread beside training, and how long answers take over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nbops.plots.drawing import DASHES, PALETTE, Drawing, shown

MOST_COLUMNS = 12
MOST_STRETCHES = 60
PERCENTILES = (50, 95, 99)
_FEWEST = 20
"""Requests that a stretch has on average: a 99th percentile of fewer says nothing."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """How one column was spread in training, and how it is now."""

    name: str
    before: Sequence[float]
    """Shares of the training rows, by cell or by category."""
    now: Sequence[float]
    edges: Sequence[float] = ()
    """Borders of the cells, one more than there are shares; empty for categories."""
    categories: Sequence[str] = field(default_factory=list)
    effect: float = 0.0
    drifted: bool = False


def drift(pairs: Sequence[Pair], *, of: str, rows: str) -> Drawing:
    """Draw each column's two distributions, those that have moved furthest first.

    Args:
        pairs: the columns.
        of: the endpoint.
        rows: which rows were held against which.

    Returns:
        The picture; at most twelve columns.
    """
    ranked = sorted(pairs, key=lambda pair: (not pair.drifted, -pair.effect, pair.name))
    drawn = ranked[:MOST_COLUMNS]
    columns = min(3, len(drawn))
    lines = -(-len(drawn) // max(columns, 1))

    def draw(figure: Any) -> None:
        grid = figure.subplots(lines, columns, squeeze=False)
        for axes, pair in zip(grid.flat, drawn, strict=False):
            _spread(axes, pair)
            axes.set_title(f"{shown(pair.name, 20)}{', drifted' if pair.drifted else ''}")
        for axes in figure.axes[len(drawn) :]:
            axes.set_visible(False)
        handles, names = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2)

    moved = [pair for pair in ranked if pair.drifted]
    said = ", ".join(f"{shown(pair.name)} (effect {pair.effect:.2f})" for pair in moved[:10]) or "none"
    cut = f" {MOST_COLUMNS} of {len(ranked)} columns are drawn." if len(ranked) > len(drawn) else ""
    return Drawing(
        kind="drift",
        title=f"{of}: columns now and in training",
        caption=f"Distributions by column at {of}, {rows}. Drifted: {said}.{cut}",
        draw=draw,
        width=max(4.2, 2.9 * columns),
        height=2.3 * lines + 0.8,
    )


def _spread(axes: Any, pair: Pair) -> None:
    if pair.edges:
        axes.stairs(pair.before, pair.edges, fill=True, color=PALETTE[5], alpha=0.4, label="training")
        axes.stairs(pair.now, pair.edges, color=PALETTE[1], linewidth=1.8, label="now")
        axes.tick_params(axis="x", labelrotation=20)
    else:
        places = range(len(pair.categories))
        axes.barh([place - 0.2 for place in places], pair.before, 0.38, color=PALETTE[5], alpha=0.5, label="training")
        axes.barh([place + 0.2 for place in places], pair.now, 0.38, color=PALETTE[1], label="now")
        axes.set_yticks(places, [shown(name, 14) for name in pair.categories])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")


def latency(times: Sequence[float], took_ms: Sequence[float], *, of: str, rows: str) -> Drawing:
    """Draw percentiles of the time to answer over time, with the number of requests below.

    Args:
        times: when each request arrived, seconds since the epoch, UTC.
        took_ms: how long each answer took, in milliseconds.
        of: the endpoint.
        rows: which requests these are.

    Returns:
        The picture, in at most 60 stretches of equal length; one without requests is a gap.
    """
    import numpy as np

    at, took = np.asarray(times, dtype=float), np.asarray(took_ms, dtype=float)
    stretches = int(min(MOST_STRETCHES, max(1, len(at) // _FEWEST)))
    first, last = float(at.min()), float(at.max())
    edges = np.linspace(first, max(last, first + 1e-3), stretches + 1)
    places = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, stretches - 1)
    counts = np.bincount(places, minlength=stretches)
    found = np.full((stretches, len(PERCENTILES)), np.nan)
    for place in np.flatnonzero(counts):
        found[place] = np.percentile(took[places == place], PERCENTILES)
    middles = [datetime.fromtimestamp(float(middle)).astimezone() for middle in (edges[:-1] + edges[1:]) / 2]

    def draw(figure: Any) -> None:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        for place, share in enumerate(PERCENTILES):
            upper.plot(
                middles, found[:, place], color=PALETTE[place], linestyle=DASHES[place], marker="o", markersize=3,
                label=f"p{share}",
            )  # fmt: skip
        upper.set_ylabel("time to answer, ms")
        upper.set_ylim(bottom=0)
        upper.legend(loc="upper right", ncols=3)
        width = (edges[1] - edges[0]) / 86_400
        lower.bar(middles, counts, width=width * 0.9, color=PALETTE[5], alpha=0.6)
        lower.set_ylabel("requests")
        locator = AutoDateLocator(maxticks=7)
        lower.xaxis.set_major_locator(locator)
        dates = ConciseDateFormatter(locator, tz=middles[0].tzinfo)
        lower.xaxis.set_major_formatter(dates)

    overall = np.percentile(took, PERCENTILES)
    said = ", ".join(f"p{share} {value:.3g} ms" for share, value in zip(PERCENTILES, overall, strict=True))
    return Drawing(
        kind="latency",
        title=f"{of}: time to answer",
        caption=f"Time to answer at {of} over {rows}: {said}.",
        draw=draw,
        width=6.4,
        height=4.4,
    )

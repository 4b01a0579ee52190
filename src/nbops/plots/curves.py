"""Metrics over steps, of one run or of several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbops.plots.drawing import MOST_LINES, Drawing, label, look, shown, thinned

MOST_METRICS = 9
MOST_POINTS = 2_000
"""Points of one line; evenly spread ones of a longer one."""


@dataclass(frozen=True)
class Line:
    """The values of one metric in one run."""

    run: str
    steps: Sequence[float]
    values: Sequence[float]


def metrics(found: Mapping[str, Sequence[Line]]) -> Drawing:
    """Draw metrics over their steps, one panel for each; over the runs where each has one value.

    Args:
        found: by metric, its line in each run. At most nine metrics and twelve runs are drawn, which the caption says.

    Returns:
        The picture.

    Example:
        >>> metrics({"loss": [Line("first", [0, 1], [0.5, 0.25])]}).caption
        'Metrics over steps. loss: first 0.25 at step 1.'
    """
    names = list(found)[:MOST_METRICS]
    chosen = {name: list(found[name])[:MOST_LINES] for name in names}
    columns = min(3, len(names))
    rows = -(-len(names) // max(columns, 1))
    runs = list(dict.fromkeys(line.run for lines in chosen.values() for line in lines))

    def draw(figure: Any) -> None:
        places = {run: place for place, run in enumerate(runs)}
        for axes, (name, lines) in zip(
            figure.subplots(rows, columns, squeeze=False).flat, chosen.items(), strict=False
        ):
            axes.set_title(shown(name))
            if all(len(line.values) == 1 for line in lines) and len(lines) > 1:
                _over_runs(axes, lines)
            else:
                _over_steps(axes, lines, places)
        for axes in figure.axes[len(names) :]:
            axes.set_visible(False)
        if len(runs) > 1:
            drawn = {
                text: line for axes in figure.axes for line, text in zip(*axes.get_legend_handles_labels(), strict=True)
            }
            figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=3)

    return Drawing(
        kind="metrics",
        title="Metrics over steps" if len(runs) != 1 else f"{shown(runs[0], 50)}: metrics over steps",
        caption=f"Metrics over steps. {_said(chosen)}{_left_out(found)}",
        draw=draw,
        width=max(4.2, 3.2 * columns),
        height=2.6 * rows + (0.6 if len(runs) > 1 else 0.4),
    )


def _over_steps(axes: Any, lines: Sequence[Line], places: Mapping[str, int]) -> None:
    for line in lines:
        marker = "o" if len(line.values) <= 30 else ""
        steps, values = thinned(line.steps, MOST_POINTS), thinned(line.values, MOST_POINTS)
        axes.plot(steps, values, marker=marker, markersize=3.5, label=label(line.run), **look(places[line.run]))
    axes.set_xlabel("step")
    if all(float(step).is_integer() for line in lines for step in line.steps[:50]):
        axes.xaxis.get_major_locator().set_params(integer=True)


def _over_runs(axes: Any, lines: Sequence[Line]) -> None:
    names = [shown(line.run, 18) for line in lines]
    places = range(len(lines))
    axes.plot([line.values[0] for line in lines], places, "o", color=look(0)["color"])
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.margins(y=0.15)


def _said(chosen: Mapping[str, Sequence[Line]]) -> str:
    def last(line: Line) -> str:
        finite = [(step, value) for step, value in zip(line.steps, line.values, strict=True) if math.isfinite(value)]
        if not finite:
            return f"{shown(line.run)} has no finite value"
        step, value = finite[-1]
        return f"{shown(line.run)} {value:.4g} at step {step:g}"

    return " ".join(f"{shown(name)}: {', '.join(last(line) for line in lines)}." for name, lines in chosen.items())


def _left_out(found: Mapping[str, Sequence[Line]]) -> str:
    notes = []
    if len(found) > MOST_METRICS:
        notes.append(f"the first {MOST_METRICS} of {len(found)} metrics are drawn")
    most = max((len(lines) for lines in found.values()), default=0)
    if most > MOST_LINES:
        notes.append(f"the first {MOST_LINES} of {most} runs are drawn")
    longest = max((len(line.values) for lines in found.values() for line in lines), default=0)
    if longest > MOST_POINTS:
        notes.append(f"lines of up to {longest:,} values are drawn through {MOST_POINTS:,} of them")
    return f" Of all, {'; '.join(notes)}." if notes else ""

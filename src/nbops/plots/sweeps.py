"""What the points of a sweep tried, what they reached, and how the best of them came to be."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nbops.plots.drawing import INK, PALETTE, Drawing, shown, thinned

MOST_POINTS = 200
"""Lines of parallel coordinates; the best ones of more."""
MOST_SCALES = 8
MOST_MARKS = 2_000
"""Points of a scatter; evenly spread ones of more."""
_MOST_LABELS = 12
_FEW = 60
"""So many lines can be told apart without the lesser ones fading."""


@dataclass(frozen=True)
class Tried:
    """One point of a sweep that has reached something."""

    params: Mapping[str, Any]
    reached: Sequence[float]
    """By objective."""
    is_best: bool = False


@dataclass(frozen=True)
class Goal:
    """What makes one point better than another."""

    metric: str
    better: Literal["max", "min"]


def parallel(points: Sequence[Tried], goals: Sequence[Goal], *, of: str, log: Collection[str] = ()) -> Drawing:
    """Draw each point as a line over one upright scale per parameter, ending at what it reached.

    Args:
        points: the best first; at most two hundred of them, and eight parameters, are drawn.
        goals: the objectives, which are the last scales.
        of: the sweep.
        log: parameters whose scale is logarithmic.

    Returns:
        The picture; the best points stand out.

    Example:
        >>> tried = [Tried({"lr": 0.1}, [0.9], is_best=True), Tried({"lr": 0.2}, [0.5])]
        >>> parallel(tried, [Goal("acc", "max")], of="train").caption
        'What 2 runs of train tried and reached; best: acc 0.9 with lr=0.1.'
    """
    drawn = points[:MOST_POINTS]
    names = list(drawn[0].params)[:MOST_SCALES]
    columns = [[point.params[name] for point in drawn] for name in names]
    scales = [_Scale(column, is_log=name in log) for name, column in zip(names, columns, strict=True)]
    scales += [_Scale([point.reached[place] for point in drawn]) for place in range(len(goals))]
    titles = [*names, *(goal.metric for goal in goals)]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for place, point in reversed(list(enumerate(drawn))):
            values = [*(point.params[name] for name in names), *point.reached]
            heights = [scale.at(value) for scale, value in zip(scales, values, strict=True)]
            axes.plot(range(len(scales)), heights, **_line(point, place / max(len(drawn), _FEW)))
        _upright(axes, scales, titles)

    some = f"the best {len(drawn)} of {len(points)}" if len(drawn) < len(points) else str(len(points))
    more = len(drawn[0].params) - len(names)
    cut = f" {more} more parameters are not drawn." if more else ""
    return Drawing(
        kind="parallel",
        title=f"What {of} tried",
        caption=f"What {some} runs of {of} tried and reached; best: {_said(points[0], goals)}.{cut}",
        draw=draw,
        width=max(5.6, 1.35 * len(scales)),
    )


def _line(point: Tried, rank: float) -> dict[str, Any]:
    if point.is_best:
        return {"color": PALETTE[1], "linewidth": 2.4, "zorder": 3}
    return {"color": PALETTE[0], "linewidth": 1.4, "alpha": 0.85 - 0.6 * rank}


def _upright(axes: Any, scales: Sequence[_Scale], titles: Sequence[str]) -> None:
    axes.set_xticks(range(len(scales)), [shown(title, 18) for title in titles])
    axes.set_xlim(-0.25, len(scales) - 0.75)
    axes.set_ylim(-0.08, 1.08)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0, pad=12)
    axes.grid(visible=False)
    for place, scale in enumerate(scales):
        axes.vlines(place, 0, 1, color=INK, linewidth=0.8, zorder=0)
        for height, text in scale.marks():
            # Beyond the ends there are no lines to hide them.
            beside = {0.0: {"xytext": (0, -3), "ha": "center", "va": "top"}}.get(
                height, {"xytext": (0, 3), "ha": "center", "va": "bottom"} if height == 1 else {"xytext": (4, 0)}
            )
            axes.annotate(shown(text, 14), (place, height), textcoords="offset points", fontsize=7, **beside)


def history(points: Sequence[Tried], goals: Sequence[Goal], *, of: str) -> Drawing:
    """Draw what runs reached in the order in which they ended, and the best so far.

    Args:
        points: in that order.
        goals: the objectives, one panel each.
        of: the sweep.

    Returns:
        The picture.

    Example:
        >>> reached = [Tried({}, [value]) for value in (0.5, 0.9, 0.7)]
        >>> history(reached, [Goal("acc", "max")], of="train").caption
        '3 runs of train in the order they ended. The best acc, 0.9, was the 2nd.'
    """
    lines = [[point.reached[place] for point in points] for place in range(len(goals))]

    def draw(figure: Any) -> None:
        for axes, goal, reached in zip(figure.subplots(1, len(goals), squeeze=False).flat, goals, lines, strict=True):
            places = range(1, len(reached) + 1)
            axes.plot(
                thinned(places, MOST_MARKS), thinned(reached, MOST_MARKS), "o", color=PALETTE[0], markersize=4,
                alpha=0.8, label="a run",
            )  # fmt: skip
            best = _so_far(reached, goal.better)
            axes.step(places, best, where="post", color=PALETTE[1], label="the best so far")
            axes.set_xlabel("runs in the order they ended")
            axes.set_ylabel(shown(goal.metric))
            axes.xaxis.get_major_locator().set_params(integer=True)
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)

    said = " ".join(_best_said(reached, goal) for reached, goal in zip(lines, goals, strict=True))
    return Drawing(
        kind="history",
        title=f"How {of} went",
        caption=f"{len(points)} runs of {of} in the order they ended. {said}",
        draw=draw,
        width=max(5.6, 4.2 * len(goals)),
    )


def front(points: Sequence[Tried], goals: Sequence[Goal], *, of: str) -> Drawing:
    """Draw two objectives against each other, and the points that no other beats in both.

    Args:
        points: those of the front are ``is_best``.
        goals: the two objectives.
        of: the sweep.

    Returns:
        The picture.

    Example:
        >>> tried = [Tried({"n": 1}, [0.9, 5.0], is_best=True), Tried({"n": 2}, [0.7, 6.0])]
        >>> front(tried, [Goal("acc", "max"), Goal("seconds", "min")], of="train").caption
        '1 of 2 runs of train is beaten by no other in acc (max) and seconds (min): acc 0.9, seconds 5 with n=1.'
    """
    ahead = sorted((point for point in points if point.is_best), key=lambda point: point.reached[0])
    others = thinned([point for point in points if not point.is_best], MOST_MARKS)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        rest = {"color": PALETTE[0], "markersize": 4, "alpha": 0.8, "label": "beaten by another"}
        axes.plot(*_both(others), "o", **rest)
        # What is known to be reachable ends at the points themselves: no slanted line between two of them.
        where: Literal["pre", "post"] = "pre" if goals[0].better == "max" else "post"
        axes.step(*_both(ahead), "D-", where=where, color=PALETTE[1], markersize=5, linewidth=1.2, label="the front")
        axes.set_xlabel(f"{shown(goals[0].metric)} ({goals[0].better})")
        axes.set_ylabel(f"{shown(goals[1].metric)} ({goals[1].better})")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)

    both = " and ".join(f"{shown(goal.metric)} ({goal.better})" for goal in goals)
    verb = "is" if len(ahead) == 1 else "are"
    some = "; ".join(_said(point, goals) for point in ahead[:3])
    return Drawing(
        kind="front",
        title=f"The front of {of}",
        caption=f"{len(ahead)} of {len(points)} runs of {of} {verb} beaten by no other in {both}: {some}"
        + ("; …" if len(ahead) > 3 else "."),
        draw=draw,
    )


def _both(points: Sequence[Tried]) -> tuple[list[float], list[float]]:
    return [point.reached[0] for point in points], [point.reached[1] for point in points]


def _said(point: Tried, goals: Sequence[Goal]) -> str:
    values = zip(goals, point.reached, strict=True)
    reached = ", ".join(f"{shown(goal.metric)} {value:.6g}" for goal, value in values)
    tried = ", ".join(f"{shown(name)}={_brief(value)}" for name, value in list(point.params.items())[:MOST_SCALES])
    return f"{reached} with {tried}" if tried else reached


def _brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else shown(value)


def _so_far(reached: Sequence[float], better: Literal["max", "min"]) -> list[float]:
    return list(itertools.accumulate(reached, max if better == "max" else min))


def _best_said(reached: Sequence[float], goal: Goal) -> str:
    best = max(reached) if goal.better == "max" else min(reached)
    return f"The best {shown(goal.metric)}, {best:.6g}, was the {_ordinal(list(reached).index(best) + 1)}."


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


class _Scale:
    """Brings numbers, or labels in their order, between 0 and 1."""

    def __init__(self, values: Sequence[Any], *, is_log: bool = False) -> None:
        self._is_number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        self._is_log = is_log and self._is_number and min(values) > 0
        self._values = sorted(set(values)) if self._is_number else []
        self._labels = [] if self._is_number else sorted({str(value) for value in values})

    def marks(self) -> list[tuple[float, str]]:
        if not self._is_number:
            return [(self.at(label), label) for label in self._labels[:_MOST_LABELS]]
        few = self._values if len(self._values) <= 4 else [self._values[0], self._values[-1]]
        return [(self.at(value), f"{value:.4g}") for value in few]

    def at(self, value: Any) -> float:
        if not self._is_number:
            return self._labels.index(str(value)) / (len(self._labels) - 1) if len(self._labels) > 1 else 0.5
        low, high, place = (self._bent(number) for number in (self._values[0], self._values[-1], value))
        return (place - low) / (high - low) if high > low else 0.5

    def _bent(self, number: float) -> float:
        return math.log(number) if self._is_log else float(number)

"""What a model answered held against what is true: for classes, for probabilities, for numbers.

The figures are scikit-learn's own; here they are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbops.plots.drawing import INK, PALETTE, Drawing, label, look, shown, thinned

MOST_CLASSES = 20
MOST_CURVES = 8
MOST_DOTS = 4_000
_CURVE_POINTS = 1_500
_BINS = 10


def confusion(truth: Sequence[Any], answers: Sequence[Any], *, of: str, rows: str) -> Drawing:
    """Draw how often each class was taken for each.

    Args:
        truth: the true class of each row.
        answers: the answered class of each row.
        of: the model, for the title.
        rows: which rows these are, for the caption.

    Returns:
        The picture; of more than 20 classes the most frequent ones.
    """
    import numpy as np
    from sklearn.metrics import confusion_matrix

    texts, answered = [str(value) for value in truth], [str(value) for value in answers]
    counted = {name: texts.count(name) + answered.count(name) for name in sorted({*texts, *answered}, key=_natural)}
    most = sorted(counted, key=lambda name: -counted[name])[:MOST_CLASSES]
    names = [name for name in counted if name in most]
    counts = confusion_matrix(texts, answered, labels=names)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = sum(one == other for one, other in zip(texts, answered, strict=True)) / max(len(texts), 1)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        # Cells have colours of their own under any theme, so that numbers on them can be read.
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
        if len(names) <= 12:
            for (row, column), count in np.ndenumerate(counts):
                colour = "white" if shares[row, column] > 0.55 else "black"
                axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
        ticks = [shown(name, 14) for name in names]
        axes.set_xticks(range(len(names)), ticks, rotation=45 if len(names) > 4 else 0)
        axes.set_yticks(range(len(names)), ticks)
        axes.set(xlabel="answered", ylabel="true")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)

    worst = _worst(counts, names)
    cut = f" The {MOST_CLASSES} most frequent of {len(counted)} classes are drawn." if len(counted) > len(names) else ""
    side = min(8.0, max(4.2, 2.4 + 0.45 * len(names)))
    return Drawing(
        kind="confusion",
        title=f"{of}: true and answered classes",
        caption=f"Confusion matrix of {of} on {rows}: {right:.1%} of the answers are right{worst}.{cut}",
        draw=draw,
        width=side + 0.4,
        height=side,
    )


def _worst(counts: Any, names: Sequence[str]) -> str:
    wrong = counts.copy()
    for place in range(len(names)):
        wrong[place, place] = 0
    if not wrong.any():
        return ""
    row, column = divmod(int(wrong.argmax()), len(names))
    taken = f"{shown(names[row])} taken for {shown(names[column])}"
    return f"; the most frequent mistake is {taken}, {int(wrong[row, column]):,} times"


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def roc(truth: Sequence[Any], probabilities: Any, classes: Sequence[Any], *, of: str, rows: str) -> Drawing:
    """Draw the share of hits over the share of false alarms at all thresholds.

    Args:
        truth: the true class of each row.
        probabilities: shape (rows, classes).
        classes: in the order of the columns; of two, the second is the positive one. Of more, each one against the
            rest, at most eight.
        of: the model.
        rows: which rows these are.

    Returns:
        The picture.
    """
    from sklearn.metrics import roc_auc_score, roc_curve

    curves = []
    for name, is_true, scores in _one_against_rest(truth, probabilities, classes):
        alarms, hits, _ = roc_curve(is_true, scores)
        curves.append((name, alarms, hits, float(roc_auc_score(is_true, scores))))

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=INK, linestyle=":", linewidth=1, label="chance")
        for place, (name, alarms, hits, area) in enumerate(curves):
            axes.plot(
                thinned(alarms, _CURVE_POINTS), thinned(hits, _CURVE_POINTS),
                label=f"{label(name)}, area {area:.3f}", **look(place),
            )  # fmt: skip
        axes.set(xlabel="false alarms (false positive rate)", ylabel="hits (true positive rate)", aspect="equal")
        axes.legend(loc="lower right")

    areas = ", ".join(f"{shown(name)} {area:.3f}" for name, _, _, area in curves)
    return Drawing(
        kind="roc",
        title=f"{of}: ROC",
        caption=f"ROC curve of {of} on {rows}. Area under the curve: {areas}.{_cut(classes)}",
        draw=draw,
        width=4.8,
        height=4.8,
    )


def precision_recall(
    truth: Sequence[Any], probabilities: Any, classes: Sequence[Any], *, of: str, rows: str
) -> Drawing:
    """Draw precision over recall at all thresholds; arguments as those of ``roc``."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    curves = []
    for name, is_true, scores in _one_against_rest(truth, probabilities, classes):
        precision, recall, _ = precision_recall_curve(is_true, scores)
        average = float(average_precision_score(is_true, scores))
        curves.append((name, precision, recall, average, float(is_true.mean())))

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for place, (name, precision, recall, average, share) in enumerate(curves):
            said = f"{label(name)}, average {average:.3f}"
            xs, ys = thinned(recall, _CURVE_POINTS), thinned(precision, _CURVE_POINTS)
            axes.plot(xs, ys, drawstyle="steps-post", label=said, **look(place))
            axes.axhline(share, color=look(place)["color"], linestyle=":", linewidth=1)
        axes.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(-0.02, 1.05), aspect="equal")
        axes.legend(loc="lower left")

    said = ", ".join(
        f"{shown(name)} {average:.3f} where its share is {share:.3f}" for name, _, _, average, share in curves
    )
    return Drawing(
        kind="precision-recall",
        title=f"{of}: precision and recall",
        caption=f"Precision over recall of {of} on {rows}. Average precision: {said} (dotted).{_cut(classes)}",
        draw=draw,
        width=4.8,
        height=4.8,
    )


def calibration(truth: Sequence[Any], probabilities: Any, classes: Sequence[Any], *, of: str, rows: str) -> Drawing:
    """Draw how often a class is true over the probability it was given; arguments as those of ``roc``."""
    import numpy as np
    from sklearn.calibration import calibration_curve

    curves = []
    for name, is_true, scores in _one_against_rest(truth, probabilities, classes):
        happened, said = calibration_curve(is_true, np.clip(scores, 0, 1), n_bins=_BINS, strategy="quantile")
        curves.append((name, said, happened, scores))

    def draw(figure: Any) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color=INK, linestyle=":", linewidth=1, label="as said")
        for place, (name, said, happened, scores) in enumerate(curves):
            upper.plot(said, happened, marker="o", markersize=4, label=label(name), **look(place))
            lower.hist(scores, bins=20, range=(0, 1), histtype="step", linewidth=1.4, **look(place))
        upper.set(ylabel="how often it was so")
        upper.legend(loc="upper left")
        lower.set(xlabel="probability that was answered", ylabel="rows", xlim=(0, 1))

    gaps = ", ".join(f"{shown(name)} {float(np.abs(said - happened).max()):.2f}" for name, said, happened, _ in curves)
    return Drawing(
        kind="calibration",
        title=f"{of}: calibration",
        caption=f"Calibration of {of} on {rows}, in {_BINS} groups of equal size. Widest gap between what was said "
        f"and what was so: {gaps}.{_cut(classes)}",
        draw=draw,
        width=4.8,
        height=5.2,
    )


def _one_against_rest(truth: Sequence[Any], probabilities: Any, classes: Sequence[Any]) -> list[tuple[str, Any, Any]]:
    """For each curve its name, whether each row is of the class, and how much the model holds it for one.

    A class that all rows are of, or none, has no curve.
    """
    import numpy as np

    table = np.asarray(probabilities, dtype=float)
    texts = np.asarray([str(value) for value in truth])
    chosen = [1] if len(classes) == 2 else range(min(len(classes), MOST_CURVES))
    found = [(str(classes[place]), texts == str(classes[place]), table[:, place]) for place in chosen]
    return [(name, is_true, scores) for name, is_true, scores in found if 0 < is_true.sum() < len(is_true)]


def _cut(classes: Sequence[Any]) -> str:
    return f" The first {MOST_CURVES} of {len(classes)} classes are drawn." if len(classes) > MOST_CURVES else ""


def residuals(truth: Sequence[float], answers: Sequence[float], *, of: str, rows: str) -> Drawing:
    """Draw how far the truth is from the answers, over the answers and as a distribution.

    Args:
        truth: the true number of each row.
        answers: the answered number of each row.
        of: the model.
        rows: which rows these are.

    Returns:
        The picture; of more than 4,000 rows evenly spread ones are dots, the distribution is of all.
    """
    import numpy as np

    answered = np.asarray(answers, dtype=float)
    gaps = np.asarray(truth, dtype=float) - answered
    finite = np.isfinite(gaps)
    answered, gaps = answered[finite], gaps[finite]
    step = max(1, -(-len(gaps) // MOST_DOTS))

    def draw(figure: Any) -> None:
        over, beside = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
        over.scatter(answered[::step], gaps[::step], s=9, color=PALETTE[0], alpha=0.6, linewidths=0)
        over.set(xlabel="answered", ylabel="true - answered")
        beside.hist(gaps, bins=40, orientation="horizontal", color=PALETTE[0], alpha=0.75)
        beside.set_xlabel("rows")
        for axes in (over, beside):
            axes.axhline(0, color=INK, linewidth=1)

    typical, root = float(np.abs(gaps).mean()), float(np.sqrt((gaps**2).mean()))
    dots = f" Every {step}th row is a dot." if step > 1 else ""
    return Drawing(
        kind="residuals",
        title=f"{of}: residuals",
        caption=f"Residuals of {of} on {rows}: mean absolute {typical:.4g}, root mean square {root:.4g}, "
        f"mean {float(gaps.mean()):.4g}.{dots}",
        draw=draw,
        width=6.2,
        height=3.8,
    )

"""What a version is worth on rows it was not trained on: over all of them, and for each value of a column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nbops.errors import SettingsError, UsageError
from nbops.flows.check.bars import missed
from nbops.flows.check.demands import HeldOutDemand
from nbops.flows.check.subject import Asked, Finding, Subject
from nbops.records import ModelVersion
from nbops_serving.problems import Refusal

Row = dict[str, Any]

_BATCH_ROWS = 10_000


class HeldOut:
    """Scores on held-out rows reach their bars, and none of the segments is left behind."""

    name = "held_out"

    def run(self, subject: Subject) -> Finding:
        """Ask the version about the rows, and compare its answers with the right ones."""
        demand = subject.demands.held_out
        if demand is None:
            return Finding("skipped", "no rows are named under [tool.nbops.checks] held_out")
        rows = rows_of(subject)
        _check_names(demand, rows[0])
        answers = _Answers(Asked(subject.version, subject), rows, demand.target)
        found = answers.scores(range(len(rows)))
        wrong = missed(demand.metrics, found, of="the answer")
        measured = {name: found[name] for name in demand.metrics if name in found}
        judged = left_out = 0
        for column, bars in demand.segments.items():
            for value, places in _segments(rows, column).items():
                if len(places) < demand.smallest_segment:
                    left_out += 1
                    continue
                judged += 1
                here = answers.scores(places)
                measured |= {f"{name}[{column}={value}]": here[name] for name in bars if name in here}
                wrong += [f"{column} = {value}: {said}" for said in missed(bars, here, of="the segment")]
        if wrong:
            return Finding("failed", f"on {len(rows):,} held-out rows {'; '.join(wrong)}", measured)
        scores = ", ".join(f"{name} {value:g}" for name, value in found.items() if name in demand.metrics)
        segments = f"; {judged} segments held" if judged else ""
        small = f"; {left_out} of under {demand.smallest_segment} rows were not judged" if left_out else ""
        return Finding(
            "passed", f"on {len(rows):,} held-out rows {scores or 'nothing was asked'}{segments}{small}", measured
        )


def rows_of(subject: Subject) -> list[Row]:
    """Read the held-out rows.

    Raises:
        SettingsError: none are named, or the file has none or lacks the target.
        UsageError: the file cannot be read.
    """
    from nbops.score.tables import open_source
    from nbops_serving.arrow import json_values

    demand = subject.demands.held_out
    if demand is None:
        raise SettingsError(
            "no held-out rows are named", hint='[tool.nbops.checks.held_out] data = "held_out.csv", target = "y"'
        )
    path = subject.root / Path(demand.data).expanduser()
    texts = [each.name for each in subject.version.signature.columns if each.kind in ("text", "category")]
    table = open_source(path, texts=texts)
    rows: list[Row] = []
    for batch in table.batches(_BATCH_ROWS):
        columns = {name: json_values(batch.column(name)) for name in batch.schema.names}
        rows += [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not rows:
        raise SettingsError(f"{path} has no rows", hint=f"head {path}")
    if demand.target not in rows[0]:
        raise SettingsError(
            f"{path} has no column {demand.target!r}; it has: {', '.join(rows[0])}",
            hint='[tool.nbops.checks.held_out] target = "COLUMN"',
        )
    return [row for row in rows if row[demand.target] is not None]


def scores_of(version: ModelVersion, subject: Subject, rows: list[Row]) -> dict[str, float]:
    """All scores of a version on held-out rows, by name."""
    demand = subject.demands.held_out
    assert demand is not None  # the rows are its
    return _Answers(Asked(version, subject), rows, demand.target).scores(range(len(rows)))


class _Answers:
    """What a version says to some rows, next to what is right."""

    def __init__(self, asked: Asked, rows: list[Row], target: str) -> None:
        known = set(asked.names)
        objects = [{name: value for name, value in row.items() if name in known} for row in rows]
        try:
            answer = asked.answer(objects)
        except Refusal as error:
            raise UsageError(
                f"the held-out rows do not fit the model: {error.title}", hint="nbops show MODEL"
            ) from error
        self._right = [row[target] for row in rows]
        self._said = answer.predictions
        self._shares = answer.probabilities
        self._classes = asked.classes

    def scores(self, places: Sequence[int]) -> dict[str, float]:
        """Every score that can be computed for the rows at these places."""
        right, said = [self._right[place] for place in places], [self._said[place] for place in places]
        if self._classes is None:
            return {name: float(score(right, said)) for name, score in _numeric().items()}
        # A CSV says of the classes 0 and "0" the same.
        named = {str(value): value for value in self._classes}
        right = [named.get(str(value), value) for value in right]
        found = {name: float(score(right, said)) for name, score in _classified().items()}
        if self._shares is not None:
            found |= _probable(right, [self._shares[place] for place in places], self._classes)
        return found


def _numeric() -> dict[str, Callable[..., Any]]:
    from sklearn import metrics

    return {"r2": metrics.r2_score, "mae": metrics.mean_absolute_error, "rmse": metrics.root_mean_squared_error}


def _classified() -> dict[str, Callable[..., Any]]:
    from sklearn import metrics

    return {
        "accuracy": lambda right, said: metrics.accuracy_score(_words(right), _words(said)),
        **{
            f"{name}_macro": lambda right, said, score=score: score(
                _words(right), _words(said), average="macro", zero_division=0
            )
            for name, score in (
                ("f1", metrics.f1_score),
                ("precision", metrics.precision_score),
                ("recall", metrics.recall_score),
            )
        },
    }


def _words(values: Sequence[Any]) -> list[str]:
    """Labels of one kind: scikit-learn refuses lists in which texts and numbers stand side by side."""
    return [str(value) for value in values]


def _probable(right: list[Any], shares: list[list[float]], classes: Sequence[Any]) -> dict[str, float]:
    """Scores of probabilities, as far as the right answers say something about them."""
    import numpy as np
    from sklearn import metrics

    if not set(right) <= set(classes):
        return {}
    places = np.array([list(classes).index(value) for value in right])
    table = np.asarray(shares, dtype=float)
    found = {"log_loss": float(metrics.log_loss(places, table, labels=np.arange(len(classes))))}
    seen = len(np.unique(places))
    if len(classes) == 2 and seen == 2:
        found["roc_auc"] = float(metrics.roc_auc_score(places, table[:, 1]))
    elif seen == len(classes) > 2:
        found["roc_auc"] = float(metrics.roc_auc_score(places, table, multi_class="ovr"))
    return found


def _segments(rows: list[Row], column: str) -> dict[str, list[int]]:
    """Places of the rows for each value of a column, in the order they are first seen."""
    found: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        found.setdefault("missing" if row[column] is None else str(row[column]), []).append(place)
    return found


def _check_names(demand: HeldOutDemand, row: Row) -> None:
    unknown = next((column for column in demand.segments if column not in row), None)
    if unknown is not None:
        raise SettingsError(
            f"{demand.data} has no column {unknown!r} to make segments of; it has: {', '.join(row)}",
            hint="[tool.nbops.checks.held_out.segments]",
        )

"""Rows of the training sample with the live model's own answers: what every copy of the model has to repeat.

Kept once, at registration, because only there the model that was fitted is at hand. Rungs are proven on them, the
server answers some of them before it takes a request, and the first ones are the example that people see.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import msgspec

from nbops.data import signature_of
from nbops.errors import BundleError
from nbops.optional import loaded
from nbops_serving.inputs import input_builder
from nbops_serving.manifest import Dtype, Signature
from nbops_serving.rungs import plain, predict_of

MOST_ROWS = 1_000
"""Rows kept, spread evenly over the sample; those with a column's smallest and largest value come on top."""
MOST_EXTREMES = 200
UNSEEN = "a value nobody has seen"


class Answers(msgspec.Struct, frozen=True):
    """What the model says to some rows."""

    predictions: list[Any]
    probabilities: list[list[float]] = []


class Evidence(msgspec.Struct, frozen=True):
    """What is known of the model's behaviour."""

    rows: list[list[Any]]
    """One value per column of the signature, as JSON carries it."""
    answers: Answers
    dtypes: list[Dtype]
    edges: list[list[Any]] = []
    """Rows with missing values, categories nobody has seen and numbers far outside."""
    edge_answers: Answers = Answers([])
    refused: list[str] = []
    """Columns whose unseen categories the model has no answer for."""


def gather(model: Any, sample: Any, signature: Signature) -> Evidence:
    """Let the live model answer rows of its training sample, and rows at the edges.

    Args:
        model: the fitted model.
        sample: what ``signature`` was read from.
        signature: its columns.

    Returns:
        The rows and the answers.

    Raises:
        BundleError: the model has no answer for its own training rows.
    """
    sample = as_frame_or_plain(sample)
    chosen = take(sample, _places(sample, signature))
    try:
        answers = ask(model, chosen)
    except Exception as error:
        raise BundleError(
            f"the model cannot answer its own sample: {type(error).__name__}: {error}",
            code="sample_not_answered",
            hint="pass sample= with rows of the X that model.predict takes"
            if hasattr(model, "predict")
            else "a function is given all rows at once, in the form of sample=: a DataFrame, an array, a list of dicts",
        ) from error
    dtypes = dtypes_of(sample, signature)
    rows = rows_of(chosen, signature)
    edges, edge_answers, refused = _edges(model, signature, dtypes, rows)
    return Evidence(rows, answers, dtypes, edges, edge_answers, refused)


def ask(model: Any, given: Any) -> Answers:
    """Ask a model as a person would in the notebook.

    Args:
        model: an estimator or a function.
        given: its input.

    Returns:
        Predictions, and class probabilities where it has them.
    """
    count = len(given)
    probabilities = plain(model.predict_proba(given), count) if has_probabilities(model) else []
    return Answers(plain(predict_of(model)(given), count), probabilities)


def has_probabilities(model: Any) -> bool:
    """Tell whether the model has one table of class probabilities."""
    classes = getattr(model, "classes_", None)
    return hasattr(model, "predict_proba") and getattr(classes, "ndim", 0) == 1


def as_frame_or_plain(sample: Any) -> Any:
    """Turn an Arrow or polars table into a DataFrame; leave frames, arrays and lists as they are."""
    if isinstance(sample, list | tuple) or not hasattr(sample, "__arrow_c_stream__"):
        return sample
    pandas = loaded("pandas")
    if pandas is not None and isinstance(sample, pandas.DataFrame | pandas.Series):
        return sample
    import pyarrow

    return pyarrow.table(sample).to_pandas()


def take(sample: Any, places: Sequence[int]) -> Any:
    """Return some rows of a sample, in the sample's own type."""
    if hasattr(sample, "iloc"):
        return sample.iloc[list(places)]
    return [sample[place] for place in places] if isinstance(sample, list | tuple) else sample[list(places)]


def _places(sample: Any, signature: Signature) -> list[int]:
    """Choose rows: evenly spread ones first, then each number's smallest and largest."""
    count = len(sample)
    step = max(count / MOST_ROWS, 1.0)
    spread = dict.fromkeys(int(place * step) for place in range(min(count, MOST_ROWS)))
    if not isinstance(sample, list | tuple):
        for column in range(min(len(signature.columns), MOST_EXTREMES // 2)):
            values = _column_of(sample, column)
            if getattr(values, "dtype", None) is not None and values.dtype.kind in "iuf":
                finite = [
                    place for place in (int(values.argmin()), int(values.argmax())) if values[place] == values[place]
                ]
                spread.update(dict.fromkeys(finite))
    return list(spread)


def _column_of(sample: Any, place: int) -> Any:
    if sample.ndim == 1:
        return sample.to_numpy() if hasattr(sample, "to_numpy") else sample
    return sample.iloc[:, place].to_numpy() if hasattr(sample, "iloc") else sample[:, place]


def rows_of(chosen: Any, signature: Signature) -> list[list[Any]]:
    """Return the rows as a client would send them: plain values, None where one is missing."""
    if signature.takes in ("series", "values"):
        return [[_plain(value)] for value in (chosen.tolist() if hasattr(chosen, "tolist") else chosen)]
    if isinstance(chosen, list | tuple):
        return [[_plain(row.get(column.name)) for column in signature.columns] for row in chosen]
    if hasattr(chosen, "iloc"):
        columns = [chosen.iloc[:, place].tolist() for place in range(chosen.shape[1])]
        return [[_plain(value) for value in row] for row in zip(*columns, strict=True)]
    return [[_plain(value) for value in row] for row in chosen.tolist()]


def _plain(value: Any) -> Any:
    if value is None or type(value) in (str, bool, int):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else None
    if str(value) in ("NaT", "<NA>", "nan"):  # the words of pandas and numpy for "missing"
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    # Scalars of numpy are asked for their own before any other, since its float64 and str_ are a float and a str.
    return _plain(value.item()) if hasattr(value, "item") else str(value)


def dtypes_of(sample: Any, signature: Signature) -> list[Dtype]:
    """Say how each column was held in training, so that it is held like that again when rows are answered."""
    if hasattr(sample, "dtypes"):
        return [_dtype(dtype) for dtype in (sample.dtypes if sample.ndim == 2 else [sample.dtype])]
    if hasattr(sample, "dtype"):
        return [Dtype(name=str(sample.dtype))] * len(signature.columns)
    return []


def _dtype(dtype: Any) -> Dtype:
    if str(dtype) != "category":
        return Dtype(name=str(dtype))
    categories = [_plain(item) for item in dtype.categories]
    return Dtype(name="category", categories=categories, is_ordered=bool(dtype.ordered))


def _edges(
    model: Any, signature: Signature, dtypes: list[Dtype], rows: list[list[Any]]
) -> tuple[list[list[Any]], Answers, list[str]]:
    """Make rows unlike training and let the model answer those that it can."""
    build = input_builder(signature, dtypes)
    kept: list[list[Any]] = []
    predictions: list[Any] = []
    probabilities: list[list[float]] = []
    refused = []
    for row, column in _unlike(signature, rows[0] if rows else []):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the row is odd on purpose
                answers = ask(model, build([tuple(row)]))
        except Exception:  # noqa: BLE001 - the user's own model: having no answer for such a row is an answer
            if column is not None:
                refused.append(column)
            continue
        kept.append(row)
        predictions.extend(answers.predictions)
        probabilities.extend(answers.probabilities)
    return kept, Answers(predictions, probabilities), refused


def _unlike(signature: Signature, start: list[Any]) -> list[tuple[list[Any], str | None]]:
    """Rows unlike training, each with the column whose unseen category it has."""
    if not start:
        return []
    made: list[tuple[list[Any], str | None]] = []
    for place, column in enumerate(signature.columns[:MOST_EXTREMES]):
        if column.kind == "category":
            made.append(([*start[:place], UNSEEN, *start[place + 1 :]], column.name))
        if column.optional:
            made.append(([*start[:place], None, *start[place + 1 :]], None))
    numbers = {
        place: column
        for place, column in enumerate(signature.columns)
        if column.kind in ("number", "integer") and column.minimum is not None and column.maximum is not None
    }
    for factor in (-10, 10):
        far = list(start)
        for place, column in numbers.items():
            low, high = column.minimum or 0.0, column.maximum or 0.0
            value = low + factor * (high - low)
            far[place] = int(value) if column.kind == "integer" and abs(value) < 2**62 else value
        if numbers:
            made.append((far, None))
    missing = [None if column.optional else value for column, value in zip(signature.columns, start, strict=True)]
    if missing != start:
        made.append((missing, None))
    return made


def describe(sample: Any, model: Any) -> Signature:
    """Read the signature off a sample, or off what the model itself says when there is none.

    Raises:
        BundleError: there is no sample and the model does not know its columns.
    """
    if sample is not None:
        return signature_of(sample, model=model)
    count = getattr(model, "n_features_in_", None)
    if count is None:
        raise BundleError(
            f"what the {type(model).__qualname__} takes is not known",
            code="sample_missing",
            hint="pass sample= with rows of the X that it was fitted on",
        )
    import numpy as np

    names = getattr(model, "feature_names_in_", None)
    zeros = np.zeros((1, count))
    if names is None:
        blank = signature_of(zeros, model=model)
    else:
        import pandas as pd

        blank = signature_of(pd.DataFrame(zeros, columns=list(names)), model=model)
    columns = [msgspec.structs.replace(column, minimum=None, maximum=None) for column in blank.columns]
    return msgspec.structs.replace(blank, columns=columns)

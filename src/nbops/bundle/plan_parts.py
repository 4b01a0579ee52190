"""What plans are read off from: the parts of a pipeline, by their kind, and values that can be written down."""

from __future__ import annotations

from typing import Any

from nbops.bundle.export import best_of
from nbops.bundle.rung import NoRungError
from nbops_serving.operations import Value

_SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")


class NoPlanError(NoRungError):
    """Some part of a model cannot be written as a plan."""


def flat(model: Any) -> list[Any]:
    """List the steps of a pipeline, nested ones too, without those that do nothing; of a search, its best one."""
    if kind_of(model) in _SEARCHES:
        return flat(best_of(model))
    if kind_of(model) == "Pipeline":
        return [part for _, step in model.steps for part in flat(step)]
    return [] if model is None or (isinstance(model, str) and model == "passthrough") else [model]


def pipeline_of(model: Any) -> Any | None:
    """Return the pipeline that answers: the model itself, or the best one of a search; None where there is none."""
    answering = best_of(model) if kind_of(model) in _SEARCHES else model
    return answering if kind_of(answering) == "Pipeline" else None


def kind_of(estimator: Any) -> str:
    """Name scikit-learn's own classes; anything else, subclasses too, may compute what it likes."""
    kind = type(estimator)
    return kind.__name__ if kind.__module__.startswith("sklearn.") else f"{kind.__module__}.{kind.__name__}"


def is_missing(value: Any) -> bool:
    """Tell whether this is one of the values that stand for none."""
    return value is None or bool(value != value)


def value_of(item: Any) -> Value:
    """Return a category as a plan holds it, None for a missing one; NoPlanError where JSON could not carry it."""
    plain = item.item() if hasattr(item, "item") else item
    if is_missing(plain):
        return None
    if not isinstance(plain, str | int | float | bool):
        raise NoPlanError(f"a category that is a {type(plain).__name__}")
    return plain


def float64(values: Any) -> Any:
    """Return an estimator's numbers as an array of double precision; NoPlanError where they are none."""
    import numpy as np

    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise NoPlanError("numbers that are no numbers") from error

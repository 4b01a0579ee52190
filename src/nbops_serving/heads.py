"""From features to answers: a model's own weights or trees, and the link from its scores to what it says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbops_serving import single
from nbops_serving.answers import Answer, RefusedRowError
from nbops_serving.operations import Floats, Head, Linear, Trees, Value
from nbops_serving.trees import scores_of


def said_by(head: Head, classes: list[Value] | None) -> Callable[[Floats], Answer]:
    """Return what turns features into answers.

    Args:
        head: weights or trees.
        classes: what the model answers with, in the order of its scores; None for a regression.

    Returns:
        A function from a matrix of shape (rows, features) to the answer.
    """
    raw = _linear(head) if isinstance(head, Linear) else scores_of(head)
    if isinstance(head, Trees) and head.adds_single:
        return _numbers_in_single(raw, head.link) if classes is None else _classes_in_single(raw, head.link, classes)
    first = _first_of(head, raw)
    if classes is None and head.link == "logistic":
        return lambda matrix: Answer([_logistic(score) for score in first(matrix)])
    if classes is None and head.link == "exponential":
        return lambda matrix: Answer(np.exp(raw(matrix))[:, 0].tolist())
    if classes is None:
        return lambda matrix: Answer(first(matrix))
    if head.link == "logistic":
        least = 0.0 if isinstance(head, Trees) and head.zero_is_positive else math.ulp(0.0)
        return lambda matrix: _binary(first(matrix), classes, least)
    if head.link == "sign":
        return lambda matrix: Answer(_signed(raw(matrix), classes))
    link = {"softmax": _softmax, "one-vs-rest": _one_vs_rest, "proportions": None}[head.link]

    def several(matrix: Floats) -> Answer:
        scores = raw(matrix)
        probabilities = scores if link is None else link(scores)
        # the scores decide, as in scikit-learn: far out, several probabilities are all but 1
        return Answer([classes[place] for place in scores.argmax(axis=1).tolist()], probabilities.tolist())

    return several


def _numbers_in_single(raw: Callable[[Floats], NDArray[Any]], link: str) -> Callable[[Floats], Answer]:
    of_link: dict[str, Callable[[single.Singles], single.Singles]]
    of_link = {"logistic": single.logistic, "exponential": single.exp, "identity": lambda scores: scores}
    convert = of_link[link]
    return lambda matrix: Answer(convert(raw(matrix)[:, 0]).tolist())


def _classes_in_single(
    raw: Callable[[Floats], NDArray[Any]], link: str, classes: list[Value]
) -> Callable[[Floats], Answer]:
    def shares_of(scores: single.Singles) -> single.Singles:
        if link == "softmax":
            return single.softmax(scores)
        positive = single.logistic(scores[:, 0])
        return np.stack([np.float32(1.0) - positive, positive], axis=1)

    def several(matrix: Floats) -> Answer:
        shares = shares_of(raw(matrix))
        # the shares decide, as in XGBoost
        return Answer([classes[place] for place in shares.argmax(axis=1).tolist()], shares.tolist())

    return several


def of_finite(answer: Callable[[Floats], Answer]) -> Callable[[Floats], Answer]:
    """Refuse rows whose features are no numbers any more, such as the logarithm of a negative one, as estimators do."""

    def checked(matrix: Floats) -> Answer:
        if not np.isfinite(matrix).all():
            raise RefusedRowError("a feature that the model computes is not a finite number")
        return answer(matrix)

    return checked


def _binary(scores: list[float], classes: list[Value], least: float) -> Answer:
    exp = math.exp
    try:
        positive = [1.0 / (1.0 + exp(-score)) for score in scores]
    except OverflowError:
        positive = [_logistic(score) for score in scores]
    return Answer([classes[score >= least] for score in scores], [[1.0 - share, share] for share in positive])


def _logistic(score: float) -> float:
    # The C library's exp, which scipy's expit uses too; numpy's own differs in the last bit.
    try:
        return 1.0 / (1.0 + math.exp(-score))
    except OverflowError:
        return 0.0


def _signed(scores: Floats, classes: list[Value]) -> list[Value]:
    places = scores[:, 0] > 0 if scores.shape[1] == 1 else scores.argmax(axis=1)
    return [classes[place] for place in places.tolist()]


def _softmax(scores: Floats) -> Floats:
    raised: Floats = np.exp(scores - scores.max(axis=1).reshape(-1, 1))
    raised /= raised.sum(axis=1).reshape(-1, 1)
    return raised


def _one_vs_rest(scores: Floats) -> Floats:
    each: Floats = np.array([[_logistic(score) for score in row] for row in scores.tolist()])
    each /= each.sum(axis=1).reshape(-1, 1)
    return each


def _first_of(head: Head, raw: Callable[[Floats], NDArray[Any]]) -> Callable[[Floats], list[float]]:
    """Return what gives the first score of every row, which is the only one where this is asked."""
    if isinstance(head, Trees) or head.in_order or math.prod(head.coefficients.shape[:-1]) != 1:
        return lambda matrix: raw(matrix)[:, 0].tolist()
    weights, base = head.coefficients.get().reshape(-1), float(head.intercept.get().reshape(-1)[0])

    def first(matrix: Floats) -> list[float]:
        if len(matrix) != 1:
            found: list[float] = raw(matrix)[:, 0].tolist()
            return found
        # for one row matmul ends in this very product, after a look at shapes that takes longer
        return [float(matrix[0].dot(weights)) + base]

    return first


def _linear(head: Linear) -> Callable[[Floats], Floats]:
    weights, intercept = head.coefficients.get(), head.intercept.get()
    if head.in_order:
        columns = weights.reshape(-1, weights.shape[-1])

        def summed(matrix: Floats) -> Floats:
            products = matrix[:, np.newaxis, :] * columns
            total: Floats = np.add.accumulate(products, axis=2)[:, :, -1] + intercept
            return total

        return summed
    turned = np.asfortranarray(weights).T if head.is_turned else weights.T
    if weights.ndim == 2:
        return lambda matrix: matrix @ turned + intercept
    return lambda matrix: (matrix @ turned + intercept).reshape(-1, 1)

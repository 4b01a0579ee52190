"""Decision trees, walked all at once: a few numpy calls per level, and not one call per tree.

A forest has hundreds of thousands of nodes, so its tables keep the narrow types that they were written in, and only
what is looked up in them is widened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbops_serving.operations import Floats, Trees

Places = NDArray[np.intp]


def scores_of(head: Trees) -> Callable[[Floats], NDArray[Any]]:
    """Return what adds up the leaves that rows fall into.

    Args:
        head: the trees.

    Returns:
        A function from a matrix of shape (rows, features) to one of shape (rows, outputs), of float32 where the model
        adds up in single precision.
    """
    walk, said_at = _walker(head), _leaves(head)
    held = np.float32 if head.adds_single else np.float64
    outputs, baseline, count = head.outputs, head.baseline.get(), len(head.roots.get())
    if head.combine == "mean":

        def mean(matrix: Floats) -> Floats:
            # accumulate adds tree after tree, as scikit-learn does; sum() would pair them up and round differently
            total: Floats = np.add.accumulate(said_at(walk(matrix)), axis=0)[-1]
            total /= count
            return total

        return mean
    by_output = [[tree for tree, output in enumerate(outputs) if output == place] for place in range(len(baseline))]

    def add_up(matrix: Floats) -> NDArray[Any]:
        said = said_at(walk(matrix))[:, :, 0]
        total = np.empty((len(matrix), len(baseline)), dtype=held)
        for place, trees in enumerate(by_output):
            start = np.full((1, len(matrix)), baseline[place], dtype=held)
            total[:, place] = np.add.accumulate(np.concatenate([start, said[trees]]), axis=0)[-1]
        return total

    return add_up


def _leaves(head: Trees) -> Callable[[Places], NDArray[Any]]:
    """Return what gives the values of nodes, one more axis than their places."""
    values = head.values.get().astype(np.float32 if head.adds_single else np.float64, copy=False)
    if head.value_of is None:
        return lambda nodes: values[nodes]
    value_of = head.value_of.get()
    return lambda nodes: values[value_of[nodes]]


def _walker(head: Trees) -> Callable[[Floats], Places]:
    """Return what finds the leaf of every tree for every row, as an array of shape (trees, rows).

    All trees go down one level at a time, together.
    """
    roots, feature, threshold = head.roots.get().astype(np.intp), head.feature.get(), head.threshold.get()
    left, depth = head.left.get(), head.depth
    single, zero_is_missing = head.single_precision, head.zero_is_missing
    missing_right = head.missing_right.get() if head.missing_right.get().any() else None

    def walk(matrix: Floats) -> Places:
        inputs: NDArray[Any] = matrix.astype(np.float32) if single else matrix
        if zero_is_missing:
            inputs = np.where(inputs == 0, np.nan, inputs).astype(inputs.dtype)
        rows, width = inputs.shape
        flat = inputs.ravel()
        to_right = missing_right if missing_right is not None and np.isnan(flat).any() else None

        def below(current: Places, offset: Places | None) -> Places:
            # widened in a step of its own: numpy does it more slowly inside of another
            places = feature[current].astype(np.intp)
            if offset is not None:
                places += offset
            seen = flat[places]
            following: Places = (left[current] + (seen > threshold[current])).astype(np.intp)
            if to_right is not None:
                following += np.where(np.isnan(seen), to_right[current], 0)
            return following

        if rows != 1:
            return _walked(roots, depth, below, rows=rows, width=width)
        nodes = roots
        for _ in range(depth):
            nodes = below(nodes, None)
        return nodes.reshape(-1, 1)

    return walk


def _walked(
    roots: Places, depth: int, below: Callable[[Places, Places | None], Places], *, rows: int, width: int
) -> Places:
    """Lead many rows down, or none; those that have arrived are not looked at again."""
    nodes = np.repeat(roots, rows)
    current, offset = nodes, np.tile(np.arange(rows, dtype=np.intp) * width, len(roots))
    active: Places | None = None
    for _ in range(depth):
        following = below(current, offset)
        still = np.flatnonzero(following != current)
        if active is None:
            nodes, active = following, still
        else:
            nodes[active] = following
            active = active[still]
        if len(still) == 0:
            break
        current, offset = following[still], offset[still]
    return nodes.reshape(len(roots), rows)

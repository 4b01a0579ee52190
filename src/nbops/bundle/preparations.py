"""The first steps of a pipeline as a plan, where the estimator itself is not one that plans know.

What an estimator is given decides what it answers. So a preparation is taken only where the matrix is the pipeline's
own, number by number and in the same layout, on every row that is known and at the edges; otherwise the whole pipeline
is called.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from nbops.bundle.evidence import Evidence
from nbops.bundle.plan_parts import NoPlanError, flat, pipeline_of
from nbops.bundle.plan_steps import transformed
from nbops_serving.inputs import input_builder
from nbops_serving.manifest import Signature
from nbops_serving.operations import Preparation
from nbops_serving.preparation import Prepared
from nbops_serving.rows import Row

SINGLE_ROWS = 50
"""Rows that are also compared one at a time, as a server is asked."""


def preparation_of(model: Any, signature: Signature, evidence: Evidence) -> Preparation | None:
    """Write as many first steps of a pipeline as plans know, and prove that the next step is given the same.

    Args:
        model: what is served.
        signature: what it takes.
        evidence: rows that it was trained on, and rows at the edges.

    Returns:
        The steps, or None where there is no such thing, or none that is the same.
    """
    pipeline = pipeline_of(model)
    if pipeline is None or signature.takes not in ("frame", "array") or len(evidence.rows) < 2:
        return None
    for count in range(len(pipeline.steps) - 1, 0, -1):
        try:
            known = [part for _, step in pipeline.steps[:count] for part in flat(step)]
            branches, steps, sparse = transformed(known, signature, evidence.dtypes)
        except NoPlanError:
            continue
        if sparse and steps:
            continue
        return _proven(pipeline[:count], Preparation(count, branches, steps, "rows"), signature, evidence)
    return None


def _proven(first: Any, drafted: Preparation, signature: Signature, evidence: Evidence) -> Preparation | None:
    build = input_builder(signature, evidence.dtypes)
    rows, edges = ([tuple(row) for row in part] for part in (evidence.rows, evidence.edges))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some rows are odd on purpose
        try:
            layout = _layout_of(first.transform(build(rows)))
            if layout is None:
                return None
            preparation = msgspec.structs.replace(drafted, layout=layout)
            prepare = Prepared(preparation)
            parts = [part for part in (rows, rows[:1], edges) if part]
            is_same = all(_is_same(first.transform(build(part)), prepare, part) for part in parts)
        except Exception:  # noqa: BLE001 - the user's own estimators: then the whole pipeline is called, and says it itself
            return None
    return preparation if is_same else None


def _is_same(expected: Any, prepare: Prepared, rows: Sequence[Row]) -> bool:
    """Compare what the pipeline's first steps give with what a preparation gives, all at once and row by row."""
    if not _is_same_matrix(expected, prepare(rows)):
        return False
    numbers = _dense(expected)  # no step that plans know looks at a row's company
    places = range(0, len(rows), max(len(rows) // SINGLE_ROWS, 1))
    return all(_is_equal(numbers[place : place + 1], _dense(prepare([rows[place]]))) for place in places)


def _layout_of(matrix: Any) -> Literal["rows", "columns", "sparse"] | None:
    """Say how the first steps lay out what they give; None for what a preparation cannot give."""
    import numpy as np

    if type(matrix).__name__ == "csr_matrix":
        return "sparse"
    if type(matrix) is not np.ndarray or matrix.dtype != np.float64:
        return None
    if matrix.flags.c_contiguous:
        return "rows"
    return "columns" if matrix.flags.f_contiguous else None


def _is_same_matrix(expected: Any, found: Any) -> bool:
    import numpy as np

    if type(expected) is not type(found) or expected.dtype != found.dtype or expected.shape != found.shape:
        return False
    if isinstance(expected, np.ndarray):
        return expected.flags.c_contiguous == found.flags.c_contiguous and _is_equal(expected, found)
    pairs = [(getattr(expected, name), getattr(found, name)) for name in ("data", "indices", "indptr")]
    return all(one.dtype == other.dtype and _is_equal(one, other) for one, other in pairs)


def _dense(matrix: Any) -> Any:
    return matrix.toarray() if hasattr(matrix, "toarray") else matrix


def _is_equal(expected: Any, found: Any) -> bool:
    import numpy as np

    return np.array_equal(expected, found, equal_nan=True)

"""A pipeline whose first steps are computed as a plan would, and whose other steps are the pipeline's own.

Most of what a scikit-learn pipeline does for one row happens before the estimator: picking columns out of DataFrames,
checking names, making arrays. Where the matrix that comes out of it is known bit by bit, the estimator can be given it
straight away; its answer is the same, because what it is given is the same. That was proven when the bundle was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from nbops_serving.features import Features
from nbops_serving.operations import Floats, Preparation
from nbops_serving.rows import Row

PREPARATION_FILE = "preparation.msgpack"


def read_preparation(data: bytes) -> Preparation:
    """Read the content of ``preparation.msgpack``."""
    return msgspec.msgpack.decode(data, type=Preparation)


def write_preparation(preparation: Preparation) -> bytes:
    """Return the bytes of ``preparation.msgpack``; the same preparation always gives the same bytes."""
    return msgspec.msgpack.encode(preparation, order="deterministic")


class Prepared:
    """Makes from rows what the steps that are left of a pipeline are given.

    Args:
        preparation: what is done instead of the first steps.
    """

    def __init__(self, preparation: Preparation) -> None:
        self._features = Features(preparation.branches, preparation.steps)
        self._lay = _layouts[preparation.layout]

    def __call__(self, rows: Sequence[Row]) -> Any:
        """Return the matrix of shape (rows, features), or None where only the whole pipeline can tell what comes out.

        Steps of scikit-learn refuse what is infinite, each by its own rules.

        Raises:
            RefusedRowError: an encoder has no number for some value.
        """
        matrix = self._features(rows)
        return None if np.isinf(matrix).any() else self._lay(matrix)


def _sparse(matrix: Floats) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix(matrix)


_layouts: dict[str, Callable[[Floats], Any]] = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "sparse": _sparse,
}


def rest_of(model: Any, replaced: int) -> Any:
    """Return what a pipeline, or the best one of a search, does after its first steps.

    Args:
        model: the pipeline or search.
        replaced: how many steps are done otherwise.

    Returns:
        The last estimator where no other step is left, else a pipeline; both share the model's own estimators.
    """
    rest = getattr(model, "best_estimator_", model)[replaced:]
    return rest.steps[0][1] if len(rest.steps) == 1 else rest

"""Arithmetic in single precision as XGBoost's own library does it, to the last bit.

numpy's ``exp`` of float32 has several versions, one for each kind of processor, and none of them rounds as the C
library's ``expf`` does, which XGBoost calls. So that one is written down here, from Arm's optimized routines (MIT),
which glibc took it from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]

_STEPS = 32
"""Parts into which the powers of two between 1 and 2 are divided."""
_POWERS = np.exp2(np.arange(_STEPS) / _STEPS)
_CUBE, _SQUARE, _LINE = (
    float.fromhex(digits) / _STEPS**power
    for digits, power in (("0x1.c6af84b912394p-5", 3), ("0x1.ebfce50fac4f3p-3", 2), ("0x1.62e42ff0c52d6p-1", 1))
)
_PER_STEP = float.fromhex("0x1.71547652b82fep+0") * _STEPS
_ONE, _LARGEST = np.float32(1.0), np.float32(88.7)


def exp(values: Singles) -> Singles:
    """Raise e to some powers, as ``expf`` does.

    Args:
        values: powers, of any shape.

    Returns:
        Results of the same shape; infinite where single precision has no such number, 0 where it is too small for one.

    Example:
        >>> exp(np.array([0.0, 1.0, 200.0], dtype=np.float32)).tolist()
        [1.0, 2.7182817459106445, inf]
    """
    # Beyond these all results are infinite or zero, and their powers of two would leave double precision, too.
    steps = np.clip(values.astype(np.float64), -200.0, 200.0) * _PER_STEP
    whole = np.rint(steps)
    rest = steps - whole
    place = np.nan_to_num(whole).astype(np.int64)
    scale = np.ldexp(_POWERS[place % _STEPS], place // _STEPS)
    polynomial = (_CUBE * rest + _SQUARE) * (rest * rest) + (_LINE * rest + 1.0)
    with np.errstate(over="ignore", under="ignore"):
        single: Singles = (polynomial * scale).astype(np.float32)
    return single


def logistic(scores: Singles) -> Singles:
    """Turn scores into probabilities.

    Args:
        scores: of any shape.

    Returns:
        Probabilities of the same shape.

    Example:
        >>> logistic(np.array([0.0, 100.0], dtype=np.float32)).tolist()
        [0.5, 1.0]
    """
    return _ONE / (exp(np.minimum(-scores, _LARGEST)) + _ONE)


def softmax(scores: Singles) -> Singles:
    """Turn the scores of classes into their probabilities.

    Args:
        scores: of shape (rows, classes).

    Returns:
        Probabilities of the same shape.

    Example:
        >>> softmax(np.zeros((1, 2), dtype=np.float32)).tolist()
        [[0.5, 0.5]]
    """
    raised = exp(scores - scores.max(axis=1, keepdims=True))
    # Summed up one after the other in double precision, and divided in single.
    total = np.add.accumulate(raised.astype(np.float64), axis=1)[:, -1:].astype(np.float32)
    shares: Singles = raised / total
    return shares

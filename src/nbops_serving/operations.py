"""What a plan is made of, as it lies in ``plan.msgpack`` and ``preparation.msgpack``: data, no code.

``nbops_serving.plan`` says what it is for, ``features``, ``heads`` and ``trees`` how it is computed. Changing a struct
is a change of the bundle's format, see ``nbops_serving.manifest``; a new field has a default that older bundles mean.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Value = str | int | float | bool | None


class Array(msgspec.Struct, frozen=True):
    """A numpy array as bytes, C-ordered, little-endian."""

    dtype: str
    shape: list[int]
    data: bytes

    @staticmethod
    def of(array: NDArray[Any]) -> Array:
        """Keep an array's bytes."""
        plain = np.ascontiguousarray(array)
        little = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
        return Array(little.dtype.str, list(array.shape), little.tobytes())

    def get(self) -> NDArray[Any]:
        """Return the array, not writeable."""
        return np.frombuffer(self.data, dtype=np.dtype(self.dtype)).reshape(self.shape)


class Arithmetic(msgspec.Struct, frozen=True, tag=True):
    """One operation with one number per column, in place: ``x = x OP values``."""

    op: Literal["add", "subtract", "multiply", "divide", "maximum", "minimum"]
    values: Array


class Fill(msgspec.Struct, frozen=True, tag=True):
    """Replace missing numbers; ``flags`` are the columns for which "was missing" is appended as 0 or 1."""

    values: Array
    flags: list[int] = []


class Function(msgspec.Struct, frozen=True, tag=True):
    """One of numpy's functions, element by element."""

    name: Literal["log", "log1p", "log2", "log10", "sqrt", "cbrt", "exp", "expm1", "abs", "square", "sin", "cos"]


class Pick(msgspec.Struct, frozen=True, tag=True):
    """Keep some columns, in this order."""

    columns: list[int]


class Project(msgspec.Struct, frozen=True, tag=True):
    """Multiply by a matrix of shape (columns in, columns out)."""

    matrix: Array


Step = Arithmetic | Fill | Function | Pick | Project


class Lookup(msgspec.Struct, frozen=True, tag=True):
    """One column of values turned into numbers by a table, as encoders do it."""

    keys: list[Value]
    rows: Array
    """What each key becomes, of shape (keys, width)."""
    missing: list[float] | None
    """What a missing value becomes; None when the model refuses it."""
    unseen: list[float] | None
    """What any other value becomes; None when the model refuses it."""


class Numbers(msgspec.Struct, frozen=True, tag=True):
    """Input columns taken together as numbers, then steps."""

    columns: list[int]
    steps: list[Step]


class Tables(msgspec.Struct, frozen=True, tag=True):
    """Input columns each looked up in a table, then steps on what comes out."""

    columns: list[int]
    tables: list[Lookup]
    steps: list[Step]


Branch = Numbers | Tables


class Linear(msgspec.Struct, frozen=True, tag=True):
    """Weighted sums, then a link."""

    coefficients: Array
    """Of shape (outputs, features), or (features,) for a single output."""
    intercept: Array
    link: Literal["identity", "sign", "logistic", "softmax", "one-vs-rest"]
    """``sign`` is a classifier without probabilities."""
    is_turned: bool = False
    """Whether the coefficients lay column by column in the model, which lets the BLAS add in another order."""
    in_order: bool = False
    """Add the products one after the other, as a sparse matrix does, not in the order of the BLAS."""


class Trees(msgspec.Struct, frozen=True, tag=True):
    """Decision trees laid end to end, every right child right behind its left one."""

    single_precision: bool
    """Compare float32 inputs, as scikit-learn's own trees do."""
    roots: Array
    feature: Array
    threshold: Array
    left: Array
    """Place of the left child; a leaf points to itself and has an infinite threshold."""
    missing_right: Array
    """1 where a missing value goes right."""
    values: Array
    """What a leaf says, of shape (nodes, outputs), or (different values, outputs) where there is ``value_of``."""
    combine: Literal["mean", "sum"]
    baseline: Array
    """What a sum starts from, one per output."""
    outputs: list[int]
    """For a sum: the output that each tree adds to."""
    depth: int
    link: Literal["identity", "exponential", "logistic", "softmax", "proportions"]
    zero_is_positive: bool = False
    """Which of two classes a score of exactly zero means."""
    value_of: Array | None = None
    """For each node its place in ``values``."""
    adds_single: bool = False
    """Whether leaves are added up, and scores turned into answers, in single precision, as XGBoost does it."""
    zero_is_missing: bool = False
    """Whether the model was given sparse matrices, in which it takes zeros for missing."""


Head = Linear | Trees


class Plan(msgspec.Struct, frozen=True):
    """Everything that is computed for a row, in order: branches side by side, steps on all columns, the model."""

    branches: list[Branch]
    steps: list[Step]
    head: Head
    classes: list[Value] | None
    """What the model answers with, in the order of the probabilities; None for a regression."""


class Preparation(msgspec.Struct, frozen=True):
    """The first steps of a pipeline, written like those of a plan; the other steps are called as they are."""

    replaces: int
    """How many steps of the pipeline."""
    branches: list[Branch]
    steps: list[Step]
    layout: Literal["rows", "columns", "sparse"]
    """How the matrix lies in memory that the next step is given: row by row, column by column, or as a csr_matrix.
    Sums of a BLAS come out otherwise in another layout, in the last bit."""

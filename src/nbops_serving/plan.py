"""The plan: a fitted pipeline's own numbers, applied straight to plain arrays.

A scikit-learn pipeline spends its time on DataFrames and checks. A plan keeps only what was learnt (means, category
tables, weights, trees) and does the same arithmetic in the same order in float64, so that the answers are the same
bits; this is proven on the training rows when a bundle is made. It needs numpy and nothing else.

A plan is data: ``Plan`` and the structs below are what ``plan.msgpack`` holds. ``compile_plan`` makes it callable.
Changing a struct is a change of the bundle's format, see ``nbops_serving.manifest``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from nbops_serving.rows import Row
from nbops_serving.table import Table

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
    """What a leaf says, of shape (nodes, outputs)."""
    combine: Literal["mean", "sum"]
    baseline: Array
    """What a sum starts from, one per output."""
    outputs: list[int]
    """For a sum: the output that each tree adds to."""
    depth: int
    link: Literal["identity", "exponential", "logistic", "softmax", "proportions"]
    zero_is_positive: bool = False
    """Which of two classes a score of exactly zero means."""


Head = Linear | Trees


class Plan(msgspec.Struct, frozen=True):
    """Everything that is computed for a row, in order: branches side by side, steps on all columns, the model."""

    branches: list[Branch]
    steps: list[Step]
    head: Head
    classes: list[Value] | None
    """What the model answers with, in the order of the probabilities; None for a regression."""


class RefusedRowError(ValueError):
    """The model itself has no answer for a row."""


class Answer(msgspec.Struct, frozen=True):
    """What a model says to some rows."""

    predictions: list[Any]
    probabilities: list[list[float]] | None = None


def read_plan(data: bytes) -> Plan:
    """Read the content of ``plan.msgpack``."""
    return msgspec.msgpack.decode(data, type=Plan)


def write_plan(plan: Plan) -> bytes:
    """Return the bytes of ``plan.msgpack``; the same plan always gives the same bytes."""
    return msgspec.msgpack.encode(plan, order="deterministic")


class CompiledPlan:
    """A plan that answers rows.

    Example:
        >>> weights = Linear(Array.of(np.array([2.0])), Array.of(np.array(1.0)), "identity")
        >>> plan = Plan([Numbers([0], [])], [], weights, None)
        >>> CompiledPlan(plan).answer([(3.0,)]).predictions
        [7.0]
    """

    def __init__(self, plan: Plan) -> None:
        self._branches = [_branch(branch) for branch in plan.branches]
        self._writers, self._width = _writers(plan.branches)
        self._steps = [_step(step) for step in plan.steps]
        self._head = _head(plan.head, plan.classes)
        if isinstance(plan.head, Linear) and _may_leave_domain(plan):
            self._head = _of_finite(self._head)
        self.is_light = isinstance(plan.head, Linear)
        """Whether one row costs so little that gathering rows of several requests would cost more."""

    def answer(self, rows: Sequence[Row]) -> Answer:
        """Answer rows.

        Args:
            rows: one value per column of the signature; None where it is missing.

        Returns:
            One prediction per row, and its probabilities where the model has them.

        Raises:
            RefusedRowError: the model has no answer for some row.
        """
        return self._head(self.features(rows))

    def features(self, rows: Sequence[Row]) -> Floats:
        """Return the matrix that the model itself is given, of shape (rows, features)."""
        if len(rows) == 1:
            matrix = np.empty((1, self._width))
            for write in self._writers:
                write(rows, matrix)
        elif len(self._branches) == 1:
            matrix = self._branches[0](rows)
        else:
            matrix = np.concatenate([branch(rows) for branch in self._branches], axis=1)
        for step in self._steps:
            matrix = step(matrix)
        return matrix


def _branch(branch: Branch) -> Callable[[Sequence[Row]], Floats]:
    steps = [_step(step) for step in branch.steps]
    source = _numbers(branch.columns) if isinstance(branch, Numbers) else _tables(branch)
    if not steps:
        return source

    def compute(rows: Sequence[Row]) -> Floats:
        matrix = source(rows)
        for step in steps:
            matrix = step(matrix)
        return matrix

    return compute


def _writers(branches: list[Branch]) -> tuple[list[Callable[[Sequence[Row], Floats], None]], int]:
    """Return what writes the branches of a single row into their places, and how wide the row becomes.

    Most requests have one row, and for one row the making of small arrays is most of the work.
    """
    writers, start = [], 0
    for branch in branches:
        compute = _branch(branch)
        end = start + compute([_some_row(branch)]).shape[1]
        writers.append(_writer(branch, compute, start, end))
        start = end
    return writers, start


def _some_row(branch: Branch) -> Row:
    """A row that the branch answers, whatever the answer is."""
    row: list[Value] = [None] * (max(branch.columns, default=0) + 1)
    for at, place in enumerate(branch.columns):
        row[place] = 1.0 if isinstance(branch, Numbers) else next(iter(branch.tables[at].keys), None)
    return tuple(row)


def _writer(
    branch: Branch, compute: Callable[[Sequence[Row]], Floats], start: int, end: int
) -> Callable[[Sequence[Row], Floats], None]:
    if isinstance(branch, Tables) and not branch.steps:
        return _table_writer(branch, start)
    if isinstance(branch, Numbers) and all(isinstance(step, Arithmetic) for step in branch.steps):
        return _number_writer(branch, start, end)

    def write(rows: Sequence[Row], matrix: Floats) -> None:
        matrix[:, start:end] = compute(rows)

    return write


def _number_writer(branch: Numbers, start: int, end: int) -> Callable[[Sequence[Row], Floats], None]:
    pick = itemgetter(*branch.columns) if branch.columns else lambda row: ()
    steps = [(getattr(np, step.op), step.values.get()) for step in branch.steps if isinstance(step, Arithmetic)]

    def write(rows: Sequence[Row], matrix: Floats) -> None:
        part = matrix[0, start:end]
        part[:] = pick(rows[0])
        for operate, values in steps:
            operate(part, values, part)

    return write


def _table_writer(branch: Tables, start: int) -> Callable[[Sequence[Row], Floats], None]:
    tables = []
    for place, table in zip(branch.columns, branch.tables, strict=True):
        index, unseen, missing, vectors = _lookup(table)
        end = start + vectors.shape[1]
        tables.append((place, index, unseen, missing, vectors, slice(start, end)))
        start = end

    def write(rows: Sequence[Row], matrix: Floats) -> None:
        row, only = rows[0], matrix[0]
        for place, index, unseen, missing, vectors, where in tables:
            value = row[place]
            picked = missing if value is None else index.get(value, unseen)
            if picked < 0:
                raise RefusedRowError("the model refuses a category that it has not seen in training")
            only[where] = vectors[picked]

    return write


def _numbers(columns: list[int]) -> Callable[[Sequence[Row]], Floats]:
    if not columns:
        return lambda rows: np.empty((len(rows), 0))
    pick = itemgetter(*columns) if len(columns) > 1 else lambda row: (row[columns[0]],)

    def numbers(rows: Sequence[Row]) -> Floats:
        if isinstance(rows, Table):
            return rows.numbers(columns)
        return np.array([pick(row) for row in rows], dtype=np.float64)  # None becomes NaN

    return numbers


def _tables(branch: Tables) -> Callable[[Sequence[Row]], Floats]:
    columns = [(place, *_lookup(table)) for place, table in zip(branch.columns, branch.tables, strict=True)]

    def compute(rows: Sequence[Row]) -> Floats:
        blocks = []
        for place, index, unseen, missing, vectors in columns:
            picked: Any
            if isinstance(rows, Table):
                picked = rows.places(place, index, unseen=unseen, missing=missing)
            else:
                picked = [index.get(row[place], unseen) if row[place] is not None else missing for row in rows]
            if -1 in picked:
                raise RefusedRowError("the model refuses a category that it has not seen in training")
            blocks.append(vectors[picked])
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)

    return compute


def _lookup(table: Lookup) -> tuple[dict[Value, int], int, int, Floats]:
    vectors = [table.rows.get()]
    last = len(table.keys)
    places = []
    for row in (table.unseen, table.missing):
        places.append(-1 if row is None else last)
        if row is not None:
            vectors.append(np.array([row], dtype=np.float64))
            last += 1
    index = {key: place for place, key in enumerate(table.keys)}
    return index, places[0], places[1], np.concatenate(vectors, axis=0)


_PARTIAL = frozenset({"log", "log1p", "log2", "log10", "sqrt"})
"""Functions that have no value for some numbers."""


def _may_leave_domain(plan: Plan) -> bool:
    steps = [*plan.steps, *(step for branch in plan.branches for step in getattr(branch, "steps", []))]
    return any(isinstance(step, Function) and step.name in _PARTIAL for step in steps)


def _quiet(function: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """What a function has no value for is found later; a server has nobody to warn."""

    def compute(matrix: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return function(matrix)

    return compute


def _of_finite(answer: Callable[[Floats], Answer]) -> Callable[[Floats], Answer]:
    """Refuse rows whose features are no numbers any more, such as the logarithm of a negative one, as estimators do."""

    def checked(matrix: Floats) -> Answer:
        if not np.isfinite(matrix).all():
            raise RefusedRowError("a feature that the model computes is not a finite number")
        return answer(matrix)

    return checked


def _step(step: Step) -> Callable[[Floats], Floats]:
    match step:
        case Arithmetic(op, values):
            operate, other = getattr(np, op), values.get()
            return lambda matrix: operate(matrix, other)
        case Function(name):
            function: Callable[[Floats], Floats] = getattr(np, name)
            return _quiet(function) if name in _PARTIAL else function
        case Pick(columns):
            return lambda matrix: matrix[:, columns]
        case Project(matrix):
            weights = matrix.get()
            return lambda given: given @ weights
        case Fill(values, flags):
            return _fill(values.get(), flags)


def _fill(values: Floats, flags: list[int]) -> Callable[[Floats], Floats]:
    def fill(matrix: Floats) -> Floats:
        missing = np.isnan(matrix)
        filled = np.where(missing, values, matrix)
        return np.concatenate([filled, missing[:, flags].astype(np.float64)], axis=1) if flags else filled

    return fill


def _head(head: Head, classes: list[Value] | None) -> Callable[[Floats], Answer]:
    raw = _linear(head) if isinstance(head, Linear) else _trees(head)
    if classes is None:
        inverse = np.exp if head.link == "exponential" else None
        return lambda matrix: Answer((raw(matrix) if inverse is None else inverse(raw(matrix)))[:, 0].tolist())
    if head.link == "logistic":
        least = 0.0 if isinstance(head, Trees) and head.zero_is_positive else math.ulp(0.0)
        return lambda matrix: _binary(raw(matrix)[:, 0].tolist(), classes, least)
    if head.link == "sign":
        return lambda matrix: Answer(_signed(raw(matrix), classes))
    link = {"softmax": _softmax, "one-vs-rest": _one_vs_rest, "proportions": None}[head.link]

    def several(matrix: Floats) -> Answer:
        scores = raw(matrix)
        probabilities = scores if link is None else link(scores)
        # the scores decide, as in scikit-learn: far out, several probabilities are all but 1
        return Answer([classes[place] for place in scores.argmax(axis=1).tolist()], probabilities.tolist())

    return several


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


def _trees(head: Trees) -> Callable[[Floats], Floats]:
    walk, values = _walker(head), head.values.get()
    outputs, baseline, count = head.outputs, head.baseline.get(), len(head.roots.get())
    if head.combine == "mean":

        def mean(matrix: Floats) -> Floats:
            leaves = walk(matrix)
            # accumulate adds tree after tree, as scikit-learn does; sum() would pair them up and round differently
            total: Floats = np.add.accumulate(values[leaves], axis=0)[-1]
            total /= count
            return total

        return mean
    by_output = [[tree for tree, output in enumerate(outputs) if output == place] for place in range(len(baseline))]

    def add_up(matrix: Floats) -> Floats:
        said = values[:, 0][walk(matrix)]
        total = np.empty((len(matrix), len(baseline)))
        for place, trees in enumerate(by_output):
            start = np.full((1, len(matrix)), baseline[place])
            total[:, place] = np.add.accumulate(np.concatenate([start, said[trees]]), axis=0)[-1]
        return total

    return add_up


def _walker(head: Trees) -> Callable[[Floats], NDArray[np.intp]]:
    """Return what finds the leaf of every tree for every row, as an array of shape (trees, rows).

    All trees go down one level at a time, together: a few numpy calls per level and not one call per tree.
    """
    roots, left = head.roots.get().astype(np.intp), head.left.get().astype(np.intp)
    feature, threshold = head.feature.get().astype(np.intp), head.threshold.get()
    missing_right = head.missing_right.get().astype(np.intp)
    depth, single = head.depth, head.single_precision

    def walk(matrix: Floats) -> NDArray[np.intp]:
        inputs = matrix.astype(np.float32).astype(np.float64) if single else matrix
        rows, width = inputs.shape
        flat = inputs.ravel()
        has_missing = bool(np.isnan(flat).any())
        nodes = np.repeat(roots, rows)
        offset = np.tile(np.arange(rows, dtype=np.intp) * width, len(roots))
        active: NDArray[np.intp] | None = None
        current = nodes
        for _ in range(depth):
            seen = flat[offset + feature[current]]
            right = seen > threshold[current]
            following = left[current] + right
            if has_missing:
                following += np.where(np.isnan(seen), missing_right[current], 0)
            if rows > 1:
                moving = following != current
                if active is None:
                    nodes = following
                else:
                    nodes[active] = following
                still = np.flatnonzero(moving)
                if len(still) == 0:
                    break
                active = still if active is None else active[still]
                current, offset = following[still], offset[still]
            else:
                current = nodes = following
        return nodes.reshape(len(roots), rows)

    return walk

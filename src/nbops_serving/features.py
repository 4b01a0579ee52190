"""From rows to the matrix that an estimator is given: what a pipeline's transformers do, on plain arrays.

The same arithmetic in the same order in float64, so that the numbers are the same bits.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from nbops_serving.answers import RefusedRowError
from nbops_serving.operations import (
    Arithmetic,
    Branch,
    Fill,
    Floats,
    Function,
    Lookup,
    Numbers,
    Pick,
    Project,
    Step,
    Tables,
    Value,
)
from nbops_serving.rows import Row
from nbops_serving.table import Table


class Features:
    """Transformers that are called with rows.

    Args:
        branches: what is done with the input columns, side by side.
        steps: what is done with all of it then.

    Example:
        >>> from nbops_serving.operations import Array
        >>> halved = Arithmetic("divide", Array.of(np.array([2.0, 2.0])))
        >>> Features([Numbers([1, 0], [])], [halved])([(1.0, 3.0)])
        array([[1.5, 0.5]])
    """

    def __init__(self, branches: Sequence[Branch], steps: Sequence[Step]) -> None:
        self._branches = [_branch(branch) for branch in branches]
        self._lone = _lone(branches)
        self._steps = [_step(step) for step in steps]

    def __call__(self, rows: Sequence[Row]) -> Floats:
        """Return the matrix, of shape (rows, features).

        Args:
            rows: one value per column of the signature; None where it is missing.

        Raises:
            RefusedRowError: an encoder has no number for some value.
        """
        matrix = self._lone(rows) if len(rows) == 1 else None
        if matrix is None:
            matrix = self._side_by_side(rows)
        for step in self._steps:
            matrix = step(matrix)
        return matrix

    def _side_by_side(self, rows: Sequence[Row]) -> Floats:
        if len(self._branches) == 1:
            return self._branches[0](rows)
        return np.concatenate([branch(rows) for branch in self._branches], axis=1)


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


_MOST_IN_TUPLES = 10_000
"""Numbers of one table that are also kept as Python objects."""


Source = Callable[[Sequence[Row]], Sequence[float]]
Finish = Callable[[Sequence[Row], Floats], None]


def _lone(branches: Sequence[Branch]) -> Callable[[Sequence[Row]], Floats | None]:
    """Return what computes a single row, or gives None where one of its numbers is missing.

    Most requests have one row, and for one row the making of small arrays is most of the work: so all that the branches
    begin with is written in one go, and what they do then is done where it lies.
    """
    sources, finishes, start = [], [], 0
    for branch in branches:
        source, finish = _lone_branch(branch)
        end = start + len(source([_some_row(branch)]))
        sources.append(source)
        if finish is not None:
            finishes.append((slice(start, end), finish))
        start = end
    write: Callable[..., None] = struct.Struct(f"{start}d").pack_into
    width = start

    def compute(rows: Sequence[Row]) -> Floats | None:
        values: list[float] = []
        for source in sources:
            values += source(rows)
        matrix = np.empty((1, width))
        try:
            write(matrix, 0, *values)
        except struct.error:  # None is no number
            return None
        for where, finish in finishes:
            finish(rows, matrix[0, where])
        return matrix

    return compute


def _lone_branch(branch: Branch) -> tuple[Source, Finish | None]:
    """Return what a branch begins with for a single row, and what it does with that."""
    if isinstance(branch, Tables) and not branch.steps and _size(branch) <= _MOST_IN_TUPLES:
        return _lone_tables(branch), None
    steps = [(getattr(np, step.op), step.values.get()) for step in branch.steps if isinstance(step, Arithmetic)]
    if isinstance(branch, Numbers) and branch.columns and len(steps) == len(branch.steps):
        pick = _picker(branch.columns)
        return lambda rows: pick(rows[0]), _in_place(steps) if steps else None
    compute = _branch(branch)
    nothing = [0.0] * compute([_some_row(branch)]).shape[1]

    def copy(rows: Sequence[Row], part: Floats) -> None:
        part[:] = compute(rows)[0]

    return lambda rows: nothing, copy


def _in_place(steps: Sequence[tuple[Callable[[Floats, Floats, Floats], Floats], Floats]]) -> Finish:
    def work(rows: Sequence[Row], part: Floats) -> None:
        for operate, other in steps:
            operate(part, other, part)

    return work


def _size(branch: Tables) -> int:
    return sum(math.prod(table.rows.shape) for table in branch.tables)


def _some_row(branch: Branch) -> Row:
    """A row that the branch answers, whatever the answer is."""
    row: list[Value] = [None] * (max(branch.columns, default=0) + 1)
    for at, place in enumerate(branch.columns):
        row[place] = 1.0 if isinstance(branch, Numbers) else next(iter(branch.tables[at].keys), None)
    return tuple(row)


def _lone_tables(branch: Tables) -> Source:
    tables = []
    for place, table in zip(branch.columns, branch.tables, strict=True):
        index, unseen, missing, vectors = _lookup(table)
        tuples = [tuple(vector) for vector in vectors.tolist()]
        of_value: dict[Value, tuple[float, ...] | None] = {value: tuples[at] for value, at in index.items()}
        of_value[None] = None if missing < 0 else tuples[missing]
        tables.append((place, of_value, None if unseen < 0 else tuples[unseen]))

    def look_up(rows: Sequence[Row]) -> Sequence[float]:
        row = rows[0]
        found: list[float] = []
        for place, of_value, unseen in tables:
            vector = of_value.get(row[place], unseen)
            if vector is None:
                raise RefusedRowError("the model refuses a category that it has not seen in training")
            found += vector
        return found

    return look_up


def _picker(columns: list[int]) -> Callable[[Row], tuple[Any, ...]]:
    return itemgetter(*columns) if len(columns) > 1 else lambda row: (row[columns[0]],)


def _numbers(columns: list[int]) -> Callable[[Sequence[Row]], Floats]:
    if not columns:
        return lambda rows: np.empty((len(rows), 0))
    pick = _picker(columns)

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


def may_leave_domain(branches: Sequence[Branch], steps: Sequence[Step]) -> bool:
    """Tell whether a feature may be no number although every input is one, such as the logarithm of a negative one."""
    every = [*steps, *(step for branch in branches for step in branch.steps)]
    return any(isinstance(step, Function) and step.name in _PARTIAL for step in every)


def _quiet(function: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """What a function has no value for is found later; a server has nobody to warn."""

    def compute(matrix: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return function(matrix)

    return compute


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

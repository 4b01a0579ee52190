"""Data of a fit, held as it was: a snapshot where that costs next to nothing, else a reference and a mark to tell by.

A mark names content within this session (``nbops.data.digest`` under a budget of milliseconds). Two tables with one
mark are one table; a table whose mark is another one later was changed meanwhile.
"""

from __future__ import annotations

import weakref
from itertools import chain
from typing import Any, NamedTuple

from nbops.optional import loaded

BUDGET_S = 0.004
"""What one mark may take; a bigger table is told by a sample."""
_MOST_COPIED = 4_000_000
"""Arrays up to this many bytes are copied."""
_MOST_LISTED = 100_000
_MOST_SAMPLE = 1_000
_MOST_SAMPLE_BYTES = 1_000_000
_LISTED = (bool, int, float, str)


def is_plain(kind: type) -> bool:
    """Whether objects of a class are numbers or texts, so that comparing them runs no foreign code."""
    return kind in _LISTED or kind.__module__ == "numpy"


class Mark(NamedTuple):
    """What a table held when it was looked at."""

    value: str
    evidence: str
    is_sample: bool


class Held(NamedTuple):
    """A table, and what it held."""

    table: Any
    mark: Mark
    is_own: bool
    """Whether nobody else can change it."""
    size_bytes: int
    """Memory that only this keeps."""


def mark_of(thing: Any, *, budget_s: float = BUDGET_S, is_sample: bool = False) -> Mark | None:
    """Name what an object holds.

    Args:
        thing: any object.
        budget_s: seconds that it may take before a sample stands for the whole.
        is_sample: sample at once, to be compared with a mark that is one.

    Returns:
        The mark; None for what only the object itself could tell.
    """
    from nbops.data import digest

    found = digest(thing, budget_s, is_sampled=is_sample)
    return Mark(found.value, found.evidence, found.is_sample) if found.value else None


def values_mark(thing: Any) -> Mark | None:
    """Name the values of a target, whatever holds them: a list, an array, a Series or a frame of one column."""
    numpy, pandas = loaded("numpy"), loaded("pandas")
    if isinstance(thing, list):
        thing = _listed(thing)
    if pandas is not None and isinstance(thing, pandas.DataFrame) and thing.shape[1] == 1:
        thing = thing.iloc[:, 0]
    if pandas is not None and numpy is not None and isinstance(thing, pandas.Series):
        # Texts would become Python objects, one by one.
        thing = thing.to_numpy() if isinstance(thing.dtype, numpy.dtype) else thing.array
    if numpy is None or not isinstance(thing, numpy.ndarray):
        return None if thing is None else mark_of(thing)
    thing = numpy.asarray(thing)
    return mark_of(thing[:, 0].copy() if thing.ndim == 2 and thing.shape[1] == 1 else thing)


def is_as(thing: Any, mark: Mark) -> bool:
    """Tell whether an object still holds what it held when it was marked."""
    return mark_of(thing, budget_s=10 * BUDGET_S, is_sample=mark.is_sample) == mark


def hold(thing: Any) -> Held | None:
    """Hold a table as it is now; None for what is no table that can be read twice, such as a generator."""
    numpy, pandas, sparse = loaded("numpy"), loaded("pandas"), loaded("scipy.sparse")
    if isinstance(thing, list):
        thing = _listed(thing)
        return None if thing is None else _marked(thing, is_own=True, size_bytes=0)
    if pandas is not None and isinstance(thing, pandas.DataFrame | pandas.Series):
        # Copy on write: whoever changes the original afterwards changes a copy of it.
        return _marked(thing.copy(deep=False), is_own=True, size_bytes=0)
    if numpy is not None and isinstance(thing, numpy.ndarray):
        return _copied(numpy.asarray(thing), thing.nbytes)
    if sparse is not None and sparse.issparse(thing):
        return _copied(thing, getattr(getattr(thing, "data", None), "nbytes", _MOST_COPIED + 1))
    if hasattr(thing, "__arrow_c_stream__"):
        return _marked(thing, is_own=True, size_bytes=0)
    return None


def _copied(array: Any, size_bytes: int) -> Held | None:
    if size_bytes <= _MOST_COPIED:
        return _marked(array.copy(), is_own=True, size_bytes=size_bytes)
    return _marked(array, is_own=False, size_bytes=0)


def _marked(table: Any, *, is_own: bool, size_bytes: int) -> Held | None:
    # Equal Series may be held in different ways; what counts of them are the values.
    mark = values_mark(table) if getattr(table, "ndim", 2) == 1 else mark_of(table)
    return None if mark is None else Held(table, mark, is_own, size_bytes)


def _listed(rows: list[Any]) -> Any:
    """A list of numbers, texts or rows of them as an array; None for lists of anything else."""
    kinds = set(map(type, rows)) if len(rows) <= _MOST_LISTED else set()
    if kinds == {dict}:
        return list(rows)
    if kinds in ({list}, {tuple}):
        if sum(map(len, rows)) > _MOST_LISTED:
            return None
        kinds = set(map(type, chain.from_iterable(rows)))
    if not kinds or not all(map(is_plain, kinds)):
        return None
    import numpy as np

    try:
        return np.asarray(rows)
    except ValueError:  # rows of different lengths
        return None


def weakly(thing: Any) -> Any:
    """A weak reference; None where the class allows none."""
    try:
        return weakref.ref(thing)
    except TypeError:
        return None


def sample_of(table: Any) -> Any:
    """Take at most a thousand rows, evenly spread, as a copy; None where that is no small thing."""
    if not is_table(table):
        return None
    step = max(1, -(-len(table) // _MOST_SAMPLE))
    taken = table.iloc[::step] if hasattr(table, "iloc") else table[::step]
    if isinstance(table, list):
        return taken
    size_bytes = taken.memory_usage().sum() if hasattr(taken, "memory_usage") else taken.nbytes
    return taken.copy() if size_bytes <= _MOST_SAMPLE_BYTES else None


def is_table(thing: Any) -> bool:
    """Whether a model's columns can be read off it: a DataFrame, a 2-D array or a list of dicts."""
    numpy, pandas = loaded("numpy"), loaded("pandas")
    if isinstance(thing, list):
        return bool(thing) and all(isinstance(row, dict) for row in thing)
    if pandas is not None and isinstance(thing, pandas.DataFrame):
        return True
    return numpy is not None and isinstance(thing, numpy.ndarray) and thing.ndim == 2

"""Rows that came by column, and stay so: nothing becomes a Python object that nobody looks at.

A ``Table`` is a sequence of rows like any other, for whoever wants rows; they are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from nbops_serving.rows import Row


class Coded(msgspec.Struct, frozen=True):
    """A column of texts: each text once, and per row its place."""

    codes: NDArray[np.intp]
    """-1 where the value is missing."""
    texts: list[str]


Column = NDArray[Any] | Coded
"""Numbers with NaN where one is missing; integers and truths without any missing; or texts."""


class Table(Sequence[Row]):
    """Checked rows, held by column.

    Args:
        columns: those of the signature, in its order, all of one length.
        count: the number of rows.

    Example:
        >>> table = Table([np.array([1.5, np.nan]), Coded(np.array([0, -1]), ["Oslo"])], 2)
        >>> len(table), table[0], table[1]
        (2, (1.5, 'Oslo'), (None, None))
    """

    def __init__(self, columns: Sequence[Column], count: int) -> None:
        self.columns = columns
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        return self.rows[place]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @cached_property
    def rows(self) -> list[Row]:
        """The rows as tuples."""
        return list(zip(*(values(column) for column in self.columns), strict=True))

    def numbers(self, places: Sequence[int]) -> NDArray[np.float64]:
        """Return some columns side by side as numbers, of shape (rows, columns)."""
        matrix = np.empty((self._count, len(places)))
        for at, place in enumerate(places):
            column = self.columns[place]
            matrix[:, at] = np.array(values(column), dtype=np.float64) if isinstance(column, Coded) else column
        return matrix

    def places(self, place: int, index: Mapping[Any, int], *, unseen: int, missing: int) -> NDArray[np.intp]:
        """Look a column's values up, each text once.

        Args:
            place: the column's.
            index: value → what it stands for.
            unseen: what any other value stands for.
            missing: what a missing value stands for.

        Returns:
            One number per row.
        """
        column = self.columns[place]
        if isinstance(column, Coded):
            meanings = [*(index.get(text, unseen) for text in column.texts), missing]  # the code -1 is the last one
            return np.array(meanings, dtype=np.intp)[column.codes]
        found = (missing if value is None else index.get(value, unseen) for value in values(column))
        return np.fromiter(found, dtype=np.intp, count=self._count)

    def outside(self, place: int, low: float, high: float) -> list[tuple[int, Any]]:
        """Return the rows in which a column's number is not from ``low`` to ``high``, with the number."""
        column = self.columns[place]
        assert not isinstance(column, Coded)
        rows = np.flatnonzero((column < low) | (column > high))  # neither is true of NaN
        return list(zip(rows.tolist(), column[rows].tolist(), strict=True))

    def unlike(self, place: int, known: Container[str]) -> list[tuple[int, str]]:
        """Return the rows in which a column's text is none of the known ones, with the text."""
        column = self.columns[place]
        assert isinstance(column, Coded)
        strange = [code for code, text in enumerate(column.texts) if text not in known]
        if not strange:
            return []
        rows = np.flatnonzero(np.isin(column.codes, strange))
        return [(row, column.texts[code]) for row, code in zip(rows.tolist(), column.codes[rows].tolist(), strict=True)]


def values(column: Column) -> list[Any]:
    """Return a column's values as Python objects, None where one is missing.

    Example:
        >>> values(np.array([2, 3])), values(Coded(np.array([1, -1]), ["Lima", "Oslo"]))
        ([2, 3], ['Oslo', None])
    """
    if isinstance(column, Coded):
        texts: list[str | None] = [*column.texts, None]  # -1 is the last one
        return [texts[code] for code in column.codes.tolist()]
    found: list[Any] = column.tolist()
    if column.dtype.kind == "f" and np.isnan(column).any():
        return [None if value != value else value for value in found]
    return found


def columns_of(rows: Sequence[Row]) -> Iterator[Sequence[Any]]:
    """Return rows by column, as Python objects.

    Example:
        >>> list(columns_of([(1, "a"), (2, "b")]))
        [(1, 2), ('a', 'b')]
    """
    if isinstance(rows, Table):
        return (values(column) for column in rows.columns)
    return iter(zip(*rows, strict=True))


def packed(table: Table) -> list[list[Any]]:
    """Return a table as plain data: per column its dtype, its bytes, and the texts that are meant where there are any.

    Example:
        >>> packed(Table([np.array([True, False])], 2))
        [['|b1', b'\\x01\\x00']]
    """
    return [_packed(column) for column in table.columns]


def _packed(column: Column) -> list[Any]:
    array = column.codes if isinstance(column, Coded) else column
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return [little.dtype.str, little.tobytes(), *([column.texts] if isinstance(column, Coded) else [])]


def unpacked(columns: Sequence[Sequence[Any]]) -> Table:
    """Return what ``packed`` was given.

    Example:
        >>> unpacked(packed(Table([Coded(np.array([0, 0]), ["Rome"])], 2))).rows
        [('Rome',), ('Rome',)]
    """
    arrays = [np.frombuffer(data, dtype=np.dtype(dtype)) for dtype, data, *_ in columns]
    found = [Coded(array, rest[0]) if rest else array for array, (_, _, *rest) in zip(arrays, columns, strict=True)]
    return Table(found, len(arrays[0]))

"""A table summed up in a few kilobytes, precise enough to tell later whether new rows look the same.

Numbers are counted on a grid of 4,096 cells over the range where nearly all of them lie, with one more cell for each
tail; texts that repeat are counted one by one, other texts by their length. Counts add up: profiles made on the same
grids can be merged, and compared without the rows.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from nbops.data.columns import Table, Values, table_of, values_of_series
from nbops.data.grid import Grid, cells_of, grid_for
from nbops.data.signature import MOST_CATEGORIES, ROWS_PER_CATEGORY
from nbops.errors import UsageError
from nbops_serving.manifest import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CLASSES = 100
"""Whole numbers with at most as many different values are classes, when a model answers them."""
EXAMPLES = 5
"""How many unlisted values are kept by name."""
BLOCK = 16_384
"""Values per step, so that they stay in the processor's cache between the passes."""


class ColumnProfile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one column."""

    name: str
    kind: Kind | Literal["other"]
    rows: int
    missing: int = 0
    grid: Grid | None = None
    """The cells that numbers, seconds since the epoch (``datetime``) or lengths (``text``) are counted in."""
    packed: bytes = b""
    """Counts by cell, see ``counts``; those of the lower tail first, of the upper tail last."""
    categories: dict[str, int] | None = None
    """Counts by value, most frequent first, for ``category`` and ``boolean`` columns."""
    other: int = 0
    """Values that are not listed in ``categories``."""
    other_examples: list[str] = []
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    """Standard deviation of the finite values."""

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    def counts(self) -> NDArray[Any]:
        """Counts by cell: below the grid, its cells, above the grid."""
        import numpy as np

        if self.grid is None:
            return np.zeros(0, dtype=np.int64)
        raw = zlib.decompress(self.packed)
        return np.frombuffer(raw, dtype=f"<u{len(raw) // (self.grid.cells + 2)}").astype(np.int64)


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A table summed up; JSON by ``to_json``, from which ``profile_from_json`` makes it again."""

    rows: int
    columns: list[ColumnProfile]
    prediction: ColumnProfile | None = None
    """What the model answered to these rows, where that is known."""
    format: int = 1

    def column(self, name: str) -> ColumnProfile | None:
        """The profile of one column; None when the table has no such column."""
        return next((column for column in self.columns if column.name == name), None)

    def to_json(self) -> bytes:
        """The profile as JSON, for a blob."""
        return msgspec.json.encode(self)


def profile_from_json(raw: bytes) -> Profile:
    """Read a profile back.

    Args:
        raw: what ``Profile.to_json`` wrote.

    Returns:
        The profile.

    Raises:
        UsageError: the bytes are no profile, or one of a newer format.

    Example:
        >>> profile = profile_of([{"a": 1.0}])
        >>> profile_from_json(profile.to_json()) == profile
        True
    """
    try:
        profile = msgspec.json.decode(raw, type=Profile)
    except msgspec.MsgspecError as error:
        raise UsageError(f"these {len(raw)} bytes are no profile: {error}", code="profile_unreadable") from error
    if profile.format > 1:
        raise UsageError(
            f"the profile has format {profile.format}, this nbops reads 1",
            code="profile_newer",
            hint="pip install -U nbops",
        )
    return profile


def profile_of(table: Any, *, like: Profile | None = None, prediction: Any = None) -> Profile:
    """Sum a table up.

    Args:
        table: a DataFrame, a 2-D numpy array, an Arrow table or a list of dicts.
        like: a profile whose grids and categories are used, so that the two can be merged and compared; an array's
            columns then have the names of that profile. Columns that it has and the table has not are left out.
        prediction: what the model answered to these rows, 1-D and as many; profiled as well.

    Returns:
        The profile, 10 to 200 kB as JSON for usual tables.

    Raises:
        UsageError: this is no table, or ``prediction`` has another number of rows.

    Example:
        >>> profile = profile_of([{"size": 1.5}, {"size": 2.5}, {"size": None}])
        >>> profile.columns[0].mean, profile.columns[0].missing
        (2.0, 1)
    """
    read = table_of(table)
    names = _names(read, like)
    columns = [
        _column(name, values, like.column(name) if like is not None else None)
        for name, values in zip(names, read.columns, strict=True)
    ]
    answered = None
    if prediction is not None:
        answered = _prediction(prediction, read.rows, like.prediction if like is not None else None)
    return Profile(rows=read.rows, columns=columns, prediction=answered)


def _names(table: Table, like: Profile | None) -> list[str]:
    if like is not None and not table.is_named and len(table.names) == len(like.columns):
        return [column.name for column in like.columns]
    return list(table.names)


def _column(name: str, values: Values, like: ColumnProfile | None) -> ColumnProfile:
    import numpy as np

    if like is None:
        return _new_column(name, values)
    if like.categories is not None:
        texts = _as_texts(values, like.kind)
        return _categorical(name, like.kind, values.rows, texts, listed=like.categories)
    missing = _missing(values)
    if missing == values.rows and like.grid is not None:
        return _on_grid(name, like.kind, values.rows, np.zeros(0), like.grid)
    numbers = _as_numbers(values, like.kind)
    if numbers is None or like.grid is None:
        # Not what was profiled: the kind says so, there is nothing to count.
        return ColumnProfile(name=name, kind=values.kind, rows=values.rows, missing=missing)
    return _on_grid(name, like.kind, values.rows, numbers, like.grid)


def _new_column(name: str, values: Values) -> ColumnProfile:
    if values.kind == "other":
        return ColumnProfile(name=name, kind="other", rows=values.rows, missing=_missing(values))
    if values.kind == "boolean" or (values.texts is not None and values.declared is not None):
        return _categorical(name, values.kind, values.rows, _as_texts(values, values.kind))
    if values.texts is not None:
        present = values.rows - _missing(values)
        counted = _counted(values.texts, most=min(MOST_CATEGORIES, present / ROWS_PER_CATEGORY))
        if counted is not None:
            return _categorical(name, "category", values.rows, counted)
    numbers = _as_numbers(values, values.kind)
    assert numbers is not None
    return _on_grid(name, values.kind, values.rows, numbers, grid_for(numbers))


def _prediction(prediction: Any, rows: int, like: ColumnProfile | None) -> ColumnProfile | None:
    import numpy as np
    import pandas as pd

    # A list is left to pandas: numpy would turn a mixed one into texts.
    answers = np.asarray(pd.Series(prediction) if isinstance(prediction, list) else prediction)
    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers.reshape(-1)
    if answers.ndim != 1:
        return None  # several outputs have no one distribution
    if len(answers) != rows:
        raise UsageError(
            f"{len(answers)} predictions do not belong to {rows} rows",
            code="sample_mismatch",
            hint="pass what the model answers to exactly these rows",
        )
    values = values_of_series(pd.Series(answers))
    if like is None and values.kind == "integer" and len(np.unique(answers)) <= MOST_CLASSES:
        # Numbered classes have no order that a distance between distributions could use.
        return _categorical("prediction", "category", rows, _as_texts(values, "category"))
    return _column("prediction", values, like)


def _missing(values: Values) -> int:
    import numpy as np

    if values.missing is not None:
        return int(values.missing.sum())
    if values.texts is not None:
        return int(values.texts.null_count)
    if values.numbers is None or values.numbers.dtype.kind not in "fM":
        return 0
    return int((np.isnat if values.numbers.dtype.kind == "M" else np.isnan)(values.numbers).sum())


# Texts: counts by value


def _counted(texts: Any, *, most: float = math.inf) -> dict[str, int] | None:
    """How often each text occurs, most frequent first; None when there are more than ``most`` different ones."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(texts.type):
        indices = np.asarray(texts.indices.drop_null())
        names = texts.dictionary.to_pylist()
        counts = np.bincount(indices, minlength=len(names)).tolist()
    else:
        found = pc.value_counts(pc.drop_null(texts))
        if len(found) > most:
            return None
        names, counts = found.field("values").to_pylist(), found.field("counts").to_pylist()
    return _ranked(dict(zip(names, counts, strict=True)))


def _ranked(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _as_texts(values: Values, kind: str) -> dict[str, int] | None:
    """Counts by value as text, whatever the values are; None where they cannot be told apart."""
    import numpy as np

    if values.texts is not None:
        return _counted(values.texts)
    if values.numbers is None:
        return None
    numbers = values.numbers if values.missing is None else values.numbers[~values.missing]
    if numbers.dtype.kind == "b":
        true = int(numbers.sum())
        return _ranked({"True": true, "False": len(numbers) - true})
    if numbers.dtype.kind in "fM":
        numbers = numbers[~(np.isnat if numbers.dtype.kind == "M" else np.isnan)(numbers)]
    found, counts = np.unique(numbers, return_counts=True)
    names = [_number_text(item, kind) for item in found.tolist()]
    return _ranked(dict(zip(names, counts.tolist(), strict=True)))


def _number_text(number: Any, kind: str) -> str:
    if kind == "boolean" and number in (0, 1):
        return str(bool(number))
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)


def _categorical(
    name: str,
    kind: Kind | Literal["other"],
    rows: int,
    counted: dict[str, int] | None,
    *,
    listed: dict[str, int] | None = None,
) -> ColumnProfile:
    """Counts of the listed values, or of the most frequent ones when no list is given, and of the rest together."""
    if counted is None:
        return ColumnProfile(name=name, kind="other", rows=rows)
    keep = listed if listed is not None else dict(list(counted.items())[:MOST_CATEGORIES])
    rest = {value: count for value, count in counted.items() if value not in keep and count}
    return ColumnProfile(
        name=name,
        kind=kind,
        rows=rows,
        missing=rows - sum(counted.values()),
        categories={value: counted.get(value, 0) for value in keep},
        other=sum(rest.values()),
        other_examples=list(rest)[:EXAMPLES],
    )


# Numbers: counts by cell


def _as_numbers(values: Values, kind: str) -> NDArray[Any] | None:
    """What is counted on a grid: numbers, seconds since the epoch or lengths; missing ones left out or NaN."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind == "text":
        if values.texts is None:
            return None
        texts = values.texts.cast(pa.large_string()) if pa.types.is_dictionary(values.texts.type) else values.texts
        return np.asarray(pc.utf8_length(pc.drop_null(texts)))
    if kind == "datetime" and values.texts is not None:
        values = _parsed(values)  # as JSON carries them
    if values.numbers is None or (kind == "datetime") != (values.kind == "datetime"):
        return None
    numbers = values.numbers if values.missing is None else values.numbers[~values.missing]
    if numbers.dtype.kind == "M":
        known = numbers[~np.isnat(numbers)]
        seconds: NDArray[Any] = known.astype("datetime64[us]").astype(np.int64) / 1e6
        return seconds
    return numbers


class _Sums:
    """Moments and ends of the finite values, added up block by block around a shift that keeps them precise."""

    def __init__(self, shift: float) -> None:
        self.shift = shift
        self.count = 0
        self.first = self.second = 0.0
        self.low, self.high = float("inf"), float("-inf")

    def add(self, block: NDArray[Any]) -> None:
        import numpy as np

        low, high = float(block.min()), float(block.max())
        if not np.isfinite(low) or not np.isfinite(high):
            block = block[np.isfinite(block)]
            if not len(block):
                return
            low, high = float(block.min()), float(block.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        centred = np.subtract(block, self.shift, dtype=np.float64)
        self.count += len(block)
        self.first += float(centred.sum())
        # Not `dot`: its threads wait for each other when the machine is busy.
        self.second += float(np.square(centred, out=centred).sum())

    def moments(self) -> dict[str, float]:
        if not self.count:
            return {}
        mean = self.first / self.count
        variance = max(0.0, self.second / self.count - mean * mean)
        found = {"minimum": self.low, "maximum": self.high, "mean": mean + self.shift, "deviation": variance**0.5}
        return {name: value for name, value in found.items() if math.isfinite(value)}


def _parsed(values: Values) -> Values:
    """Texts as the times they spell; what spells none is missing."""
    import pandas as pd

    times = pd.to_datetime(
        pd.Series(values.texts.to_pylist(), dtype=object), errors="coerce", format="ISO8601", utc=True
    )
    return Values("datetime", values.rows, numbers=times.dt.tz_localize(None).to_numpy())


def _on_grid(name: str, kind: Kind | Literal["other"], rows: int, numbers: NDArray[Any], grid: Grid) -> ColumnProfile:
    import numpy as np

    counts = np.zeros(grid.cells + 2, dtype=np.int64)
    sums = _Sums(grid.centre if grid.scale == "asinh" else (grid.low + grid.high) / 2)
    for block in _known_blocks(numbers):
        counts += np.bincount(cells_of(block, grid), minlength=grid.cells + 2)
        with np.errstate(over="ignore", invalid="ignore"):
            sums.add(block)
    profile = ColumnProfile(
        name=name, kind=kind, rows=rows, missing=rows - int(counts.sum()), grid=grid, packed=_packed(counts)
    )
    return msgspec.structs.replace(profile, **sums.moments())


def _known_blocks(numbers: NDArray[Any]) -> Iterator[NDArray[Any]]:
    import numpy as np

    for start in range(0, len(numbers), BLOCK):
        block = numbers[start : start + BLOCK]
        if block.dtype.kind == "f" and (unknown := np.isnan(block)).any():
            block = block[~unknown]
        if block.dtype.kind == "b":
            block = block.view(np.uint8)
        if len(block):
            yield block


def _packed(counts: NDArray[Any]) -> bytes:
    import numpy as np

    width = next(width for width in (1, 2, 4, 8) if counts.max() < 2 ** (8 * width))
    return zlib.compress(counts.astype(np.dtype(f"<u{width}")).tobytes(), 1)


def merged(first: Profile, second: Profile) -> Profile:
    """Add two profiles that were made on the same grids.

    Args:
        first: any profile.
        second: a profile made with ``like=first``, or like what ``first`` was made like.

    Returns:
        The profile of all rows together.

    Raises:
        UsageError: the two were made on different grids or columns.

    Example:
        >>> monday = profile_of([{"size": 1.5}, {"size": 2.5}])
        >>> tuesday = profile_of([{"size": 3.5}], like=monday)
        >>> merged(monday, tuesday).columns[0].mean
        2.5
    """
    if [column.name for column in first.columns] != [column.name for column in second.columns]:
        raise UsageError(
            "the two profiles have different columns", code="profiles_differ", hint="profile_of(table, like=first)"
        )
    pairs = zip(first.columns, second.columns, strict=True)
    answered = None
    if first.prediction is not None and second.prediction is not None:
        answered = _merged_column(first.prediction, second.prediction)
    return Profile(
        rows=first.rows + second.rows, columns=[_merged_column(one, two) for one, two in pairs], prediction=answered
    )


def _merged_column(one: ColumnProfile, two: ColumnProfile) -> ColumnProfile:
    both = ColumnProfile(name=one.name, kind=one.kind, rows=one.rows + two.rows, missing=one.missing + two.missing)
    if one.kind != two.kind and (one.grid is None or two.grid is None):
        return msgspec.structs.replace(both, kind="other")  # in one part not even of the kind that was profiled
    if one.grid != two.grid or (one.categories is None) != (two.categories is None):
        raise UsageError(
            f"column {one.name!r} was profiled in two ways",
            code="profiles_differ",
            hint="profile_of(table, like=first)",
        )
    if one.categories is not None and two.categories is not None:
        names = [*one.categories, *(name for name in two.categories if name not in one.categories)]
        return msgspec.structs.replace(
            both,
            categories={name: one.categories.get(name, 0) + two.categories.get(name, 0) for name in names},
            other=one.other + two.other,
            other_examples=list(dict.fromkeys([*one.other_examples, *two.other_examples]))[:EXAMPLES],
        )
    if one.grid is None:
        return both
    return msgspec.structs.replace(
        both, grid=one.grid, packed=_packed(one.counts() + two.counts()), **_moments(one, two)
    )


def _moments(one: ColumnProfile, two: ColumnProfile) -> dict[str, float]:
    parts = [part for part in (one, two) if part.mean is not None and part.deviation is not None]
    ends = [part for part in (one, two) if part.minimum is not None and part.maximum is not None]
    found: dict[str, float] = {}
    if ends:
        found["minimum"] = min(part.minimum for part in ends if part.minimum is not None)
        found["maximum"] = max(part.maximum for part in ends if part.maximum is not None)
    total = sum(part.present for part in parts)
    if total:
        mean = sum(part.present * (part.mean or 0.0) for part in parts) / total
        spread = sum(part.present * ((part.deviation or 0.0) ** 2 + ((part.mean or 0.0) - mean) ** 2) for part in parts)
        found |= {"mean": mean, "deviation": (spread / total) ** 0.5}
    return found

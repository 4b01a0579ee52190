"""The cells that numbers are counted in: equal ones where the data is well spread, wider outside for heavy tails."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS = 4_096
TAIL = 0.0005
"""Share of the rows beyond either end of a grid."""
SAMPLE = 100_000
"""Rows from which the ends of a grid are estimated; counts always are of all rows."""
COARSE = 0.01
"""A cell that holds more than this share of different values is too coarse for the middle of the data."""


class Grid(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Equal cells over ``low`` to ``high`` of ``z = (x - centre) / unit``, or of its ``asinh``.

    The second scale is linear in the middle and logarithmic outside; it is for heavy tails.
    """

    low: float
    high: float
    cells: int = CELLS
    scale: Literal["linear", "asinh"] = "linear"
    centre: float = 0.0
    unit: float = 1.0

    def edges(self) -> NDArray[Any]:
        """The borders of the cells in units of the column, ``cells + 1`` of them."""
        import numpy as np

        scaled = np.linspace(self.low, self.high, self.cells + 1)
        return (np.sinh(scaled) if self.scale == "asinh" else scaled) * self.unit + self.centre


def grid_for(numbers: NDArray[Any]) -> Grid:
    """Choose cells for some numbers.

    Args:
        numbers: 1-D; NaN and infinities play no part.

    Returns:
        One cell for each whole number where they are whole and not too far apart; else ``CELLS`` cells.

    Example:
        >>> import numpy
        >>> grid_for(numpy.array([1, 2, 5])).cells
        5
    """
    import numpy as np

    sample = numbers[:: max(1, len(numbers) // SAMPLE)].astype(np.float64)
    sample = np.sort(sample[np.isfinite(sample)])
    if not len(sample):
        return Grid(low=-0.5, high=0.5, cells=1)
    if numbers.dtype.kind in "iub" or (sample == np.floor(sample)).all():
        low, high = _ends(numbers)
        if high - low < CELLS and low + 0.5 > low:
            return Grid(low=low - 0.5, high=high + 0.5, cells=int(high - low) + 1)
    with np.errstate(over="ignore"):  # the largest doubles
        return _for_spread(sample)


def _for_spread(sample: NDArray[Any]) -> Grid:
    linear = _linear(sample)
    if linear is not None and _coarseness(sample, linear) <= COARSE:
        return linear
    bent = _bent(sample)
    if linear is None or (bent is not None and _coarseness(sample, bent) < _coarseness(sample, linear)):
        return bent if bent is not None else _single(sample)
    return linear


def _ends(numbers: NDArray[Any]) -> tuple[float, float]:
    import numpy as np

    finite = numbers[np.isfinite(numbers)]
    return float(np.floor(finite.min())), float(np.ceil(finite.max()))


def _robust_ends(ordered: NDArray[Any]) -> tuple[float, float]:
    """The range of nearly all values; of all where nearly all are the same."""
    last = len(ordered) - 1
    skipped = int(last * TAIL)
    low, high = float(ordered[skipped]), float(ordered[last - skipped])
    return (low, high) if low < high else (float(ordered[0]), float(ordered[-1]))


def _linear(ordered: NDArray[Any]) -> Grid | None:
    import numpy as np

    low, high = _robust_ends(ordered)
    # Cells must be wide enough for double precision to tell their borders apart.
    if not np.isfinite(high - low) or high - low <= CELLS * _resolution(max(abs(low), abs(high))):
        return None
    return Grid(low=low, high=high)


def _bent(ordered: NDArray[Any]) -> Grid | None:
    """Cells that widen with the distance from the median."""
    import numpy as np

    quarter, centre, three_quarters = (float(ordered[int((len(ordered) - 1) * share)]) for share in (0.25, 0.5, 0.75))
    unit = (three_quarters - quarter) / 16
    if not np.isfinite(unit) or unit <= _resolution(abs(centre)):
        # Half of the values are one value: the spread of the others tells the unit.
        away = np.sort(np.abs(ordered[ordered != centre] / 16 - centre / 16))
        unit = float(away[len(away) // 4]) if len(away) else 0.0
    if not np.isfinite(unit) or unit <= _resolution(abs(centre)):
        return None
    with np.errstate(over="ignore"):
        scaled = np.arcsinh((ordered - centre) / unit)
    low, high = _robust_ends(scaled)
    if not np.isfinite(high - low) or high <= low:
        return None
    return Grid(low=low, high=high, scale="asinh", centre=centre, unit=unit)


def _single(ordered: NDArray[Any]) -> Grid:
    """One cell around what is practically one value."""
    largest = sys.float_info.max / 4  # so that the ends and their distance are finite
    centre = min(max(float(ordered[len(ordered) // 2]), -largest), largest)
    spread = float(ordered[-1] / 2 - ordered[0] / 2)
    margin = min(max(2 * spread, abs(centre) * 1e-9, 4 * _resolution(centre)), largest / 2)
    return Grid(low=centre - margin, high=centre + margin, cells=1)


def _resolution(number: float) -> float:
    """How far double precision can tell numbers of this size apart."""
    return max(abs(number) * sys.float_info.epsilon, sys.float_info.min)


def _coarseness(ordered: NDArray[Any], grid: Grid) -> float:
    """The largest share of the sample in one cell, beyond what sits on one value in it."""
    import numpy as np

    cells = cells_of(ordered, grid)
    borders = np.flatnonzero(np.diff(ordered, prepend=np.nan))
    runs = np.diff(np.append(borders, len(ordered)))  # how often each value occurs
    inside = np.bincount(cells, minlength=grid.cells + 2)
    tied = np.zeros_like(inside)
    np.maximum.at(tied, cells[borders], runs)
    return float((inside - tied)[1:-1].max()) / len(ordered)


def cells_of(numbers: NDArray[Any], grid: Grid) -> NDArray[Any]:
    """Find the cell of each number.

    Args:
        numbers: 1-D, without NaN.
        grid: the cells.

    Returns:
        0 below the grid, 1 to ``cells`` inside, ``cells + 1`` above it.

    Example:
        >>> import numpy
        >>> cells_of(numpy.array([-9.0, 0.5, 1.0, 9.0]), Grid(low=0, high=1, cells=2)).tolist()
        [0, 2, 2, 3]
    """
    import numpy as np

    if grid.scale == "asinh":
        with np.errstate(over="ignore"):
            scaled = np.subtract(numbers, grid.centre, dtype=np.float64)
            scaled /= grid.unit
        np.arcsinh(scaled, out=scaled)
        scaled -= grid.low
    else:
        with np.errstate(over="ignore"):
            scaled = np.subtract(numbers, grid.low, dtype=np.float64)
    with np.errstate(over="ignore"):
        scaled *= grid.cells / (grid.high - grid.low)
    scaled += 1.0
    # The upper end itself belongs to the last cell.
    np.copyto(scaled, grid.cells, where=(scaled == grid.cells + 1))
    np.clip(scaled, 0.0, grid.cells + 1.0, out=scaled)
    cells: NDArray[Any] = scaled.astype(np.intp)
    return cells

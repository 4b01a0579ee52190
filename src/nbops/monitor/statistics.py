"""The statistics that drift is judged by: how likely a difference is by chance, and how large it is.

Both samples count as samples: the training data had its own luck, and a test that takes its shares for the truth raises
an alarm whenever it was small. Every effect has the part taken off that chance alone would make.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from nbops.data import ColumnProfile
from nbops.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXPECTED = 5
"""A cell of a chi-squared test is expected to hold at least this many rows of the smaller sample."""
BINS = 20
"""Cells into which numbers are gathered for a chi-squared test."""
_MEAN_SQUARE = 0.8225
"""Mean of the squared Kolmogorov distribution, pi² / 12: what chance alone adds to D² times the sample size."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How two samples of one column differ by one test."""

    test: str
    statistic: float
    p_value: float
    """Chance of such a difference, or a larger one, between two samples of the same data."""
    effect: float
    """Size of the difference from 0 (none) to 1 (nothing in common), less what chance alone makes."""
    message: str = ""


class DriftTest(Protocol):
    """Tells whether two profiles of one column come from the same data.

    To add a test, implement this, name the class under the entry point group ``nbops.drift_tests``, and run
    ``tests/contracts/test_drift_test_contract.py`` over it. Tests see profiles, never rows.
    """

    name: str

    def takes(self, reference: ColumnProfile) -> bool:
        """Whether the test is made for columns of this kind."""
        ...

    def compare(self, reference: ColumnProfile, current: ColumnProfile) -> Comparison:
        """Compare the values that are there; both profiles are on the same grid or list, and neither is empty."""
        ...


DRIFT_TESTS = {
    "ks": "nbops.monitor.statistics:KolmogorovSmirnov",
    "chi2": "nbops.monitor.statistics:ChiSquared",
}
"""Tests that come with nbops; others join by the entry point group ``nbops.drift_tests``."""


@functools.cache
def drift_test(name: str) -> DriftTest:
    """Return the drift test of this name.

    Raises:
        UsageError: no test has this name.

    Example:
        >>> drift_test("ks").name
        'ks'
    """
    import importlib

    if name in DRIFT_TESTS:
        module, _, attribute = DRIFT_TESTS[name].partition(":")
        made: DriftTest = getattr(importlib.import_module(module), attribute)()
        return made
    others = entry_points(group="nbops.drift_tests")
    for entry in others:
        if entry.name == name:
            loaded: DriftTest = entry.load()()
            return loaded
    known = sorted({*DRIFT_TESTS, *others.names})
    raise UsageError(f"there is no drift test {name!r}; there are: {', '.join(known)}", code="drift_test_unknown")


class KolmogorovSmirnov:
    """Two-sample Kolmogorov-Smirnov test on the borders of the grid; ties and coarse cells make it cautious."""

    name = "ks"

    def takes(self, reference: ColumnProfile) -> bool:
        """Whether the column is counted on a grid."""
        return reference.grid is not None

    def compare(self, reference: ColumnProfile, current: ColumnProfile) -> Comparison:
        """Compare the two cumulative distributions where they are farthest apart."""
        import numpy as np
        from scipy.special import kolmogorov

        before, after = reference.counts(), current.counts()
        rows, new_rows = int(before.sum()), int(after.sum())
        distance = float(np.abs(np.cumsum(before) / rows - np.cumsum(after) / new_rows).max())
        size = rows * new_rows / (rows + new_rows)
        # Stephens' correction makes the asymptotic distribution good from about ten rows on.
        p_value = float(kolmogorov((size**0.5 + 0.12 + 0.11 / size**0.5) * distance))
        effect = max(0.0, distance**2 - _MEAN_SQUARE / size) ** 0.5
        return Comparison(
            test=self.name, statistic=distance, p_value=p_value, effect=effect, message=_moved(reference, current)
        )


class ChiSquared:
    """Two-sample chi-squared test over categories, or over numbers gathered into bins of about equal share.

    Categories too rare to be tested by themselves are gathered in the order of their names, not of their counts: the
    most frequent ones in one sample are so by luck as well, and would seem to have become rarer.
    """

    name = "chi2"

    def takes(self, reference: ColumnProfile) -> bool:
        """Whether the column is counted at all."""
        return reference.categories is not None or reference.grid is not None

    def compare(self, reference: ColumnProfile, current: ColumnProfile) -> Comparison:
        """Compare the shares of all categories or bins at once."""
        import numpy as np
        from scipy.special import chdtrc

        if reference.categories is None:
            before, after = _binned(reference.counts(), current.counts())
            message = _moved(reference, current)
        else:
            before, after = _listed(reference, current)
            message = _shifted(reference, current)
        before, after = _gathered(before, after)
        rows, new_rows = before.sum(), after.sum()
        if len(before) < 2 or not rows or not new_rows:
            return Comparison(test=self.name, statistic=0.0, p_value=1.0, effect=0.0)
        weight = (new_rows / rows) ** 0.5
        statistic = float((((before * weight - after / weight) ** 2) / (before + after)).sum())
        freedom = len(before) - 1
        share, new_share = before / rows, after / new_rows
        difference = float((((share - new_share) ** 2) / (share + new_share)).sum()) / 2
        by_chance = freedom * (1 / rows + 1 / new_rows) / 4
        return Comparison(
            test=self.name,
            statistic=statistic,
            p_value=float(chdtrc(freedom, statistic)),
            effect=float(np.sqrt(max(0.0, difference - by_chance))),
            message=message,
        )


def _listed(reference: ColumnProfile, current: ColumnProfile) -> tuple[NDArray[Any], NDArray[Any]]:
    """Counts by category in the order of names; values never listed are one more where training had such, too."""
    import numpy as np

    known, new = reference.categories or {}, current.categories or {}
    names = sorted(known)
    before, after = [known[name] for name in names], [new.get(name, 0) for name in names]
    if reference.other:
        before.append(reference.other)
        after.append(current.other)
    return np.array(before, dtype=float), np.array(after, dtype=float)


def _binned(before: NDArray[Any], after: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Gather neighbouring cells into bins of about equal share.

    The bins follow from both samples poured together, which say nothing of either: so chance is not counted twice.
    """
    import numpy as np

    total = before + after
    place = np.minimum((np.cumsum(total) - total / 2) / total.sum() * BINS, BINS - 1).astype(int)
    return np.bincount(place, before, BINS), np.bincount(place, after, BINS)


def _gathered(before: NDArray[Any], after: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Put neighbouring rare cells together until each can be expected to hold a few rows."""
    import numpy as np

    seen = before + after > 0
    before, after = before[seen], after[seen]
    if not before.any() or not after.any():
        return before, after
    expected = (before + after) * min(before.sum(), after.sum()) / (before.sum() + after.sum())
    # Frequent ones first, so that rare ones too few for a group of their own can join the last of them.
    order = np.argsort(expected < EXPECTED, kind="stable")
    before, after, expected = before[order], after[order], expected[order]
    frequent = int((expected >= EXPECTED).sum())
    groups = int(expected[frequent:].sum() // EXPECTED)
    ahead = np.cumsum(expected[frequent:]) - expected[frequent:]
    place = np.minimum(ahead // EXPECTED, groups - 1).astype(int) + frequent
    place = np.concatenate([np.arange(frequent), np.maximum(place, 0)])
    return np.bincount(place, before), np.bincount(place, after)


def _moved(reference: ColumnProfile, current: ColumnProfile) -> str:
    if reference.mean is None or current.mean is None or reference.deviation is None or current.deviation is None:
        return ""
    what = "mean length" if reference.kind == "text" else "mean"
    return (
        f"{what} {reference.mean:.4g} → {current.mean:.4g}, "
        f"standard deviation {reference.deviation:.4g} → {current.deviation:.4g}"
    )


def _shifted(reference: ColumnProfile, current: ColumnProfile) -> str:
    """Name the category whose share changed most."""
    known, new = reference.categories or {}, current.categories or {}
    if not known or not reference.present or not current.present:
        return ""
    shares = {name: (known[name] / reference.present, new.get(name, 0) / current.present) for name in known}
    name = max(shares, key=lambda name: abs(shares[name][0] - shares[name][1]))
    return f"{name!r} {shares[name][0]:.1%} → {shares[name][1]:.1%} of the rows"


def compare_missing(reference: ColumnProfile, current: ColumnProfile) -> Comparison | None:
    """Compare the shares of missing values; None when neither sample has any, so that nothing could be found."""
    if not reference.missing and not current.missing:
        return None
    before, after = reference.missing / reference.rows, current.missing / current.rows
    together = (reference.missing + current.missing) / (reference.rows + current.rows)
    noise = together * (1 - together) * (1 / reference.rows + 1 / current.rows)
    return Comparison(
        test="missing",
        statistic=after - before,
        p_value=_two_shares(reference.missing, reference.rows, current.missing, current.rows),
        effect=max(0.0, (after - before) ** 2 - noise) ** 0.5,
        message=f"missing in {before:.1%} → {after:.1%} of the rows",
    )


def _two_shares(before: int, rows: int, after: int, new_rows: int) -> float:
    """Two-sided p-value that two shares are one: chi-squared where all cells are large, else Fisher's exact test."""
    import numpy as np
    from scipy.special import chdtrc, gammaln

    total, hits = rows + new_rows, before + after
    smallest = min(rows, new_rows) * min(hits, total - hits) / total
    if smallest >= EXPECTED:
        pooled = hits / total
        square = (before / rows - after / new_rows) ** 2 / (pooled * (1 - pooled) * (1 / rows + 1 / new_rows))
        return float(chdtrc(1, square))
    possible = np.arange(max(0, hits - rows), min(hits, new_rows) + 1)

    def ways(n: Any, k: Any) -> Any:
        return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)

    chances = np.exp(ways(new_rows, possible) + ways(rows, hits - possible) - ways(total, hits))
    seen = chances[after - possible[0]]
    return float(min(1.0, chances[chances <= seen * (1 + 1e-7)].sum()))


def compare_unseen(reference: ColumnProfile, current: ColumnProfile) -> Comparison | None:
    """Judge values that training never saw; None where training itself did not list all it saw."""
    from scipy.special import bdtrc

    if reference.categories is None or reference.other or not reference.present:
        return None
    # Good and Turing: what was seen once tells how much was not seen at all.
    once = sum(count == 1 for count in reference.categories.values())
    expected = min(1.0, (once + once**0.5 + 1) / (reference.present + 1))
    share = current.other / current.present
    p_value = float(bdtrc(current.other - 1, current.present, expected)) if current.other else 1.0
    examples = ", ".join(repr(value) for value in current.other_examples)
    return Comparison(
        test="unseen",
        statistic=share,
        p_value=p_value,
        effect=max(0.0, share - expected),
        message=f"values that training never had in {share:.1%} of the rows: {examples}" if current.other else "",
    )


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for how many there are.

    Args:
        p_values: one per test.

    Returns:
        Adjusted p-values: calling those below q significant keeps the false ones among them to a share of q.

    Example:
        >>> benjamini_hochberg([0.01, 0.5, 0.02])
        [0.03, 0.5, 0.03]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [1.0] * len(p_values)
    smallest = 1.0
    for rank in range(len(order), 0, -1):
        place = order[rank - 1]
        smallest = min(smallest, p_values[place] * len(order) / rank)
        adjusted[place] = smallest
    return adjusted

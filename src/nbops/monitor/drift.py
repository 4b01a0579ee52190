"""Which columns of new data differ from the training data, by more than chance and by enough to matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nbops.data import ColumnProfile, Profile, profile_of
from nbops.errors import UsageError
from nbops.monitor.statistics import (
    Comparison,
    benjamini_hochberg,
    compare_missing,
    compare_unseen,
    drift_test,
)
from nbops.records import ColumnDrift

LEVEL = 0.05
"""How often a window without any drift may be called drifted."""
LEAST_EFFECT = 0.02
"""Differences smaller than this are real, perhaps, but no reason to wake anybody."""
FEWEST_ROWS = 30
"""Below this many rows nothing is called drifted."""
PREDICTION = "prediction"


def drift(
    reference: Profile,
    current: Any,
    *,
    level: float = LEVEL,
    least_effect: float = LEAST_EFFECT,
    fewest_rows: int = FEWEST_ROWS,
    tests: Mapping[str, str] | None = None,
) -> list[ColumnDrift]:
    """Compare new data with the profile of the training data, column by column.

    Each column is tested for its distribution, its missing values and values never seen; the strongest finding stands
    for it. The p-values are corrected for the number of tests and columns (Bonferroni within a column, Benjamini and
    Hochberg over columns), so that data without drift gives any false alarm at most in a share ``level`` of all calls.
    Dates move on by nature: of a datetime column only missing values are tested.

    Args:
        reference: the profile of the training data.
        current: a DataFrame, 2-D array, Arrow table, list of dicts, or a profile made with ``like=reference``.
        level: how often data without drift may be called drifted, between 0 and 1.
        least_effect: smallest effect that is called drift, from 0 to 1.
        fewest_rows: with fewer rows than this no column is called drifted.
        tests: column → name of the drift test, where the usual one (``ks`` for numbers and lengths of texts, ``chi2``
            for categories) is not wanted.

    Returns:
        One entry per column of the reference, then those that are new, then the model's answers if both have them.

    Raises:
        UsageError: ``current`` is no table, or a profile on other grids, or a test does not exist or does not fit.

    Example:
        >>> training = profile_of([{"size": n % 10, "unit": "cm"} for n in range(1000)])
        >>> found = drift(training, [{"size": n % 10, "unit": "inch"} for n in range(100)])
        >>> [(column.column, column.test, column.drifted) for column in found]
        [('size', 'ks', False), ('unit', 'unseen', True)]
    """
    now = current if isinstance(current, Profile) else profile_of(current, like=reference)
    pairs = _pairs(reference, now)
    chosen = [_compare(before, after, (tests or {}).get(name), level, least_effect) for name, before, after in pairs]
    corrected = benjamini_hochberg([finding.p_value for finding in chosen])
    enough = now.rows >= fewest_rows
    found = [
        _judged(name, finding, p_value, level=level, least_effect=least_effect, enough=enough)
        for (name, _, _), finding, p_value in zip(pairs, chosen, corrected, strict=True)
    ]
    known = {column.name for column in reference.columns}
    new = [_new_column(column) for column in now.columns if column.name not in known]
    place = len(reference.columns)
    return [*found[:place], *new, *found[place:]]


def _pairs(reference: Profile, current: Profile) -> list[tuple[str, ColumnProfile, ColumnProfile]]:
    pairs = []
    for before in reference.columns:
        after = current.column(before.name)
        # A column that is no longer sent is one that is missing in every row.
        after = after or ColumnProfile(name=before.name, kind=before.kind, rows=current.rows, missing=current.rows)
        pairs.append((before.name, before, after))
    if reference.prediction is not None and current.prediction is not None:
        name = PREDICTION if reference.column(PREDICTION) is None else f"{PREDICTION}()"
        pairs.append((name, reference.prediction, current.prediction))
    return pairs


def _compare(
    before: ColumnProfile, after: ColumnProfile, test: str | None, level: float, least_effect: float
) -> Comparison:
    """The strongest finding of all tests of a column, its p-value corrected for how many there were."""
    if not before.rows or not after.rows:
        return Comparison(test="none", statistic=0.0, p_value=1.0, effect=0.0, message="no rows to compare")
    if after.present and before.present and (before.grid is None, before.categories is None) != (
        after.grid is None, after.categories is None,
    ):  # fmt: skip
        return Comparison(
            test="schema",
            statistic=1.0,
            p_value=0.0,
            effect=1.0,
            message=f"{before.kind} in training, now {after.kind}",
        )
    if before.grid != after.grid and after.grid is not None:
        raise UsageError(
            f"column {before.name!r} was profiled on another grid", code="profiles_differ",
            hint="profile_of(table, like=reference)",
        )  # fmt: skip
    findings = [finding for finding in _findings(before, after, test) if finding is not None]
    if not findings:
        return Comparison(test="none", statistic=0.0, p_value=1.0, effect=0.0, message=_why_untested(before, after))
    many = len(findings)
    findings = [msgspec.structs.replace(one, p_value=min(1.0, one.p_value * many)) for one in findings]
    telling = [one for one in findings if one.effect >= least_effect and one.p_value <= level]
    return min(telling or findings, key=lambda one: (one.p_value, -one.effect))


def _findings(before: ColumnProfile, after: ColumnProfile, test: str | None) -> list[Comparison | None]:
    chosen = drift_test(test or ("chi2" if before.categories is not None else "ks"))
    if test is not None and not chosen.takes(before):
        raise UsageError(
            f"the drift test {test!r} is not made for {before.name!r}, a column of kind {before.kind}",
            code="drift_test_unfit",
        )
    findings = [compare_missing(before, after)]
    if before.present and after.present and before.kind != "datetime" and chosen.takes(before):
        findings.append(chosen.compare(before, after))
        findings.append(compare_unseen(before, after))
    return findings


def _why_untested(before: ColumnProfile, after: ColumnProfile) -> str:
    if before.kind == "datetime":
        return "dates move on by nature"
    if before.kind == "other":
        return "values that cannot be counted"
    return "no values to compare"


def _judged(
    name: str, finding: Comparison, p_value: float, *, level: float, least_effect: float, enough: bool
) -> ColumnDrift:
    is_significant = p_value <= level
    message = finding.message
    if is_significant and finding.effect < least_effect:
        message = f"real but negligible: {message}" if message else "real but negligible"
    return ColumnDrift(
        column=name,
        test=finding.test,
        statistic=finding.statistic,
        p_value=p_value,
        effect=min(1.0, finding.effect),
        drifted=enough and is_significant and finding.effect >= least_effect,
        message=message,
    )


def _new_column(column: ColumnProfile) -> ColumnDrift:
    # The model does not read it, so it cannot do harm.
    return ColumnDrift(
        column=column.name,
        test="schema",
        statistic=0.0,
        p_value=1.0,
        effect=0.0,
        drifted=False,
        message="not in the training data",
    )

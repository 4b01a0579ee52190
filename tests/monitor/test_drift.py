import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nbops.data import profile_of
from nbops.errors import UsageError
from nbops.monitor import drift
from nbops.monitor.statistics import _two_shares, benjamini_hochberg


def table(rng, rows):
    """Twenty columns of many kinds: bell-shaped, skewed, heavy-tailed, tied, with gaps, few and many categories."""
    columns = {}
    draws = [
        rng.standard_normal,
        rng.standard_exponential,
        lambda n: rng.standard_t(4, n),
        lambda n: rng.lognormal(size=n),
    ]
    for place in range(15):
        values = draws[place % 4](rows)
        if place % 5 == 4:
            values = np.round(values, 1)
        if place % 7 == 3:
            values[rng.random(rows) < 0.02] = np.nan
        columns[f"num_{place}"] = values
    for place, many in enumerate((2, 5, 20, 100, 1000)):
        names = np.array([f"value_{number}" for number in range(many)], dtype=object)
        columns[f"cat_{place}"] = names[rng.integers(0, many, rows)]
    return pd.DataFrame(columns)


def only(found):
    assert len(found) == 1
    return found[0]


def of(reference, current, **options):
    before = profile_of(pd.DataFrame({"c": pd.Series(reference)}))
    return only(drift(before, pd.DataFrame({"c": pd.Series(current)}), **options))


@pytest.mark.parametrize(("rows", "window_rows"), [(10_000, 1000), (1000, 1000), (500, 2000)])
def test_windows_without_drift_raise_alarms_no_more_often_than_stated(rows, window_rows):
    rng = np.random.default_rng(2026)
    alarms = 0
    for window in range(250):
        if window % 25 == 0:
            reference = profile_of(table(rng, rows))
        alarms += any(column.drifted for column in drift(reference, table(rng, window_rows)))
    # 5 % of 250 windows are 12.5; 4 standard deviations above that the statement would be false.
    assert alarms <= 26


def test_true_drifts_are_found_and_others_are_not():
    rng = np.random.default_rng(1)
    reference = profile_of(table(rng, 100_000))
    current = table(rng, 100_000)
    current["num_0"] += 0.2
    current["num_8"] *= 1.25
    moved = rng.random(len(current)) < 0.08
    current.loc[moved, "cat_3"] = "value_7"
    found = drift(reference, current)
    assert [column.column for column in found if column.drifted] == ["num_0", "num_8", "cat_3"]


def test_a_tiny_difference_in_many_rows_is_real_but_negligible():
    rng = np.random.default_rng(1)
    found = of(rng.normal(size=1_000_000), rng.normal(size=1_000_000) + 0.01)
    assert found.p_value < 0.05
    assert not found.drifted
    assert found.message.startswith("real but negligible: mean")


def test_a_tiny_difference_is_drift_for_who_wants_it():
    rng = np.random.default_rng(1)
    assert of(rng.normal(size=1_000_000), rng.normal(size=1_000_000) + 0.01, least_effect=0.001).drifted


def test_verdict_does_not_flip_with_the_number_of_rows():
    rng = np.random.default_rng(4)
    reference = rng.normal(size=100_000)
    effects = [of(reference, rng.normal(size=rows) + 0.3).effect for rows in (2_000, 20_000, 200_000)]
    assert max(effects) - min(effects) < 0.03


def test_distance_is_that_of_the_exact_test():
    rng = np.random.default_rng(5)
    reference, current = rng.normal(size=5000), rng.normal(0.1, 1, 3000)
    exact = scipy.stats.ks_2samp(reference, current)
    found = of(reference, current)
    assert found.statistic == pytest.approx(exact.statistic, abs=0.002)
    assert found.p_value == pytest.approx(exact.pvalue, rel=0.2)


def test_categories_are_judged_as_by_a_contingency_table():
    rng = np.random.default_rng(6)
    reference, current = rng.choice(list("abcd"), 5000), rng.choice(list("abcd"), 1000, p=[0.3, 0.25, 0.25, 0.2])
    counts = [[int((sample == name).sum()) for name in "abcd"] for sample in (reference, current)]
    exact = scipy.stats.chi2_contingency(counts, correction=False)
    found = of(reference, current)
    assert found.test == "chi2"
    assert found.statistic == pytest.approx(exact.statistic)
    assert found.p_value == pytest.approx(min(1, 2 * exact.pvalue))  # two tests: shares, and values never seen


@pytest.mark.parametrize(
    ("before", "rows", "after", "new_rows"), [(0, 500, 3, 40), (1, 30, 9, 20), (499, 500, 30, 40), (2, 10_000, 4, 50)]
)
def test_shares_of_few_rows_are_judged_exactly(before, rows, after, new_rows):
    exact = scipy.stats.fisher_exact([[before, rows - before], [after, new_rows - after]])
    assert _two_shares(before, rows, after, new_rows) == pytest.approx(exact.pvalue, rel=1e-6)


def test_shares_of_many_rows_are_judged_by_chi_squared():
    exact = scipy.stats.chi2_contingency([[100, 900], [30, 170]], correction=False)
    assert _two_shares(100, 1000, 30, 200) == pytest.approx(exact.pvalue)


def test_p_values_are_corrected_as_benjamini_and_hochberg_say():
    p_values = np.random.default_rng(7).random(50) ** 3
    assert benjamini_hochberg(p_values.tolist()) == pytest.approx(scipy.stats.false_discovery_control(p_values))
    assert benjamini_hochberg([]) == []


def test_missing_values_that_become_frequent_are_drift():
    rng = np.random.default_rng(8)
    current = rng.normal(size=1000)
    current[::5] = np.nan
    found = of(rng.normal(size=10_000), current)
    assert (found.test, found.drifted) == ("missing", True)
    assert found.effect == pytest.approx(0.2, abs=0.01)
    assert found.message == "missing in 0.0% → 20.0% of the rows"


def test_missing_values_that_vanish_are_drift():
    reference = np.where(np.arange(10_000) % 4 == 0, np.nan, np.arange(10_000) / 7)
    found = of(reference, reference[~np.isnan(reference)])
    assert (found.test, found.drifted) == ("missing", True)


def test_values_never_seen_are_drift():
    found = of(["a", "b"] * 500, ["a", "b"] * 45 + ["new", "new", "newer"] * 4)
    assert (found.test, found.drifted) == ("unseen", True)
    assert found.message == "values that training never had in 11.8% of the rows: 'new', 'newer'"


def test_a_single_new_value_among_many_rare_ones_is_no_drift():
    rng = np.random.default_rng(9)

    def draw(rows):
        return [f"v{int(number)}" for number in np.minimum(rng.zipf(1.6, rows), 900)]

    drifted = [of(draw(5000), draw(1000)).drifted for _ in range(40)]
    assert sum(drifted) <= 6


def test_text_is_compared_by_its_length():
    rng = np.random.default_rng(10)

    def draw(longest):
        return [f"{'word ' * int(number)}{place}" for place, number in enumerate(rng.integers(1, longest, 2000))]

    found = of(draw(20), draw(40))
    assert (found.test, found.drifted) == ("ks", True)
    assert found.message.startswith("mean length")
    assert not of(draw(20), draw(20)).drifted


def test_dates_may_move_on_but_not_go_missing():
    past, now = pd.date_range("2020-01-01", periods=500), pd.date_range("2026-01-01", periods=500)
    assert of(past, now).message == "dates move on by nature"
    gone = of(past, now.where(np.arange(500) % 2 == 0))
    assert (gone.test, gone.drifted) == ("missing", True)
    assert not of(past, [day.isoformat() for day in now]).drifted


def test_constant_column_that_stays_constant_is_stable():
    assert not of([0.1] * 1000, [0.1] * 1000).drifted
    assert not of([7] * 1000, [7] * 1000).drifted


@pytest.mark.parametrize("value", [0.10001, -5.0, np.inf])
def test_constant_column_that_changes_is_drift(value):
    assert of([0.1] * 1000, [0.1] * 500 + [value] * 500).drifted


def test_infinite_values_are_values():
    rng = np.random.default_rng(11)
    reference, current = rng.normal(size=5000), rng.normal(size=1000)
    current[:100] = np.inf
    found = of(reference, current)
    assert (found.test, found.drifted) == ("ks", True)
    both = np.concatenate([reference, [np.inf, -np.inf]])
    assert not of(both, both[:1000]).drifted


def test_column_that_is_all_missing_in_both_is_stable():
    assert not of([None] * 1000, [None] * 1000).drifted
    assert of([None] * 1000, [1.5] * 1000).drifted


def test_column_that_is_no_longer_sent_is_drift():
    reference = profile_of(pd.DataFrame({"a": np.arange(500.0), "b": np.arange(500.0)}))
    found = drift(reference, pd.DataFrame({"a": np.arange(500.0)}))
    assert [(column.column, column.test, column.drifted) for column in found] == [
        ("a", "ks", False),
        ("b", "missing", True),
    ]


def test_new_column_is_named_and_does_no_harm():
    reference = profile_of(pd.DataFrame({"a": np.arange(500.0)}))
    found = drift(reference, pd.DataFrame({"new": ["x"] * 500, "a": np.arange(500.0)}))
    assert [(column.column, column.drifted, column.message) for column in found][1] == (
        "new", False, "not in the training data",
    )  # fmt: skip


def test_another_kind_of_value_is_drift():
    found = of(np.arange(500) / 3, ["x"] * 500)
    assert (found.test, found.drifted, found.message) == ("schema", True, "number in training, now text")


@pytest.mark.parametrize("rows", [0, 1, 29])
def test_too_few_rows_are_never_drift(rows):
    found = of(np.arange(1000.0), np.full(rows, 1e9))
    assert not found.drifted


def test_empty_reference_tells_nothing():
    assert of(np.array([], dtype=float), np.arange(100.0)).message == "no rows to compare"


def test_one_row_of_reference_tells_little():
    assert not of([1.5], np.full(100, 1.6)).drifted


def test_values_that_cannot_be_counted_are_tested_for_gaps_only():
    lists = pd.Series([[1]] * 200)
    assert not of(lists, lists).drifted
    assert of(lists, pd.Series([[1], None] * 100)).drifted


def test_answers_of_the_model_are_compared():
    rows = [{"a": 1.5}] * 400
    reference = profile_of(rows, prediction=["no"] * 300 + ["yes"] * 100)
    current = profile_of(rows, like=reference, prediction=["no"] * 100 + ["yes"] * 300)
    found = drift(reference, current)
    assert [(column.column, column.drifted) for column in found] == [("a", False), ("prediction", True)]


def test_answers_are_told_from_a_column_of_that_name():
    rows = [{"prediction": 1.5}] * 50
    reference = profile_of(rows, prediction=[1, 0] * 25)
    assert [column.column for column in drift(reference, reference)] == ["prediction", "prediction()"]


def test_another_test_can_be_chosen_per_column():
    rng = np.random.default_rng(12)
    found = of(rng.normal(size=5000), rng.normal(size=1000) * 2, tests={"c": "chi2"})
    assert (found.test, found.drifted) == ("chi2", True)


def test_a_test_that_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="'ks' is not made for 'c', a column of kind category"):
        of(["a"] * 50, ["a"] * 50, tests={"c": "ks"})


def test_profiles_on_other_grids_are_refused():
    with pytest.raises(UsageError, match="profiled on another grid") as raised:
        drift(profile_of([{"a": 1.5}, {"a": 2.5}]), profile_of([{"a": 3.5}, {"a": 9.5}]))
    assert raised.value.hint == "profile_of(table, like=reference)"


def test_table_without_columns_has_no_drift():
    assert drift(profile_of(pd.DataFrame(index=range(3))), pd.DataFrame(index=range(3))) == []


floats = hnp.arrays(np.float64, st.integers(0, 50), elements=st.floats(width=32))
texts = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c", ""])), max_size=50)


@given(st.one_of(st.tuples(floats, floats), st.tuples(texts, texts)))
@settings(max_examples=200, deadline=None)
def test_any_two_columns_can_be_compared(pair):
    found = of(*(pd.Series(values, dtype=object if isinstance(values, list) else None) for values in pair))
    assert 0 <= found.p_value <= 1
    assert 0 <= found.effect <= 1
    assert np.isfinite(found.statistic)

"""What every drift test must hold, whoever wrote it."""

from importlib.metadata import entry_points

import numpy as np
import pandas as pd
import pytest

from nbops.data import profile_of
from nbops.errors import UsageError
from nbops.monitor import drift_test
from nbops.monitor.statistics import DRIFT_TESTS

NAMES = sorted({*DRIFT_TESTS, *entry_points(group="nbops.drift_tests").names})
NULL_WINDOWS = 200

DRAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(0, 3, n),
    "tied": lambda rng, n: rng.integers(0, 6, n),
    "text": lambda rng, n: np.strings.add(np.strings.multiply("x", rng.integers(0, 90, n)), np.arange(n).astype(str)),
    "few": lambda rng, n: rng.choice(["a", "b", "c"], n, p=[0.7, 0.2, 0.1]),
    "many": lambda rng, n: pd.Categorical.from_codes(rng.integers(0, 150, n), [f"v{k}" for k in range(150)]),
    "flags": lambda rng, n: rng.random(n) < 0.2,
}
SHIFTS = {
    "normal": lambda values: values + 0.5,
    "lognormal": lambda values: values * 4,
    "tied": lambda values: np.minimum(values + 1, 5),
    "text": lambda values: np.strings.add(values, "y" * 20),
    "few": lambda values: np.where(values == "a", "c", values),
    "many": lambda values: pd.Categorical.from_codes(np.where(values.codes < 40, 99, values.codes), values.categories),
    "flags": lambda values: ~values,
}


def profiles(draw, rows, new_rows, seed, shift=lambda values: values):
    rng = np.random.default_rng(seed)
    reference = profile_of(pd.DataFrame({"c": draw(rng, rows)}))
    current = profile_of(pd.DataFrame({"c": shift(draw(rng, new_rows))}), like=reference)
    return reference.columns[0], current.columns[0]


# The pairs of tests and kinds of columns that are made for each other.
FITTING = [
    (name, kind) for name in NAMES for kind in DRAWS if drift_test(name).takes(profiles(DRAWS[kind], 500, 1, 0)[0])
]


@pytest.fixture(params=FITTING, ids="-".join)
def fitting(request):
    return request.param


@pytest.fixture(params=[name for name, kind in FITTING if kind == "normal"])
def test(request):
    return drift_test(request.param)


def compare(fitting, *sizes, **options):
    name, kind = fitting
    return drift_test(name).compare(*profiles(DRAWS[kind], *sizes, **options))


def test_every_kind_of_column_has_a_test():
    assert {kind for _, kind in FITTING} == set(DRAWS)


def test_equal_samples_do_not_differ(fitting):
    name, kind = fitting
    reference, _ = profiles(DRAWS[kind], 3000, 1, 0)
    found = drift_test(name).compare(reference, reference)
    assert (found.test, found.statistic, found.effect) == (name, 0.0, 0.0)
    assert found.p_value == pytest.approx(1.0)


@pytest.mark.parametrize(("rows", "new_rows"), [(1500, 300), (300, 1500)])
def test_chance_alone_is_called_significant_no_more_often_than_stated(fitting, rows, new_rows):
    p_values = np.array([compare(fitting, rows, new_rows, seed).p_value for seed in range(NULL_WINDOWS)])
    # Four standard deviations of a count above the stated share: a right test fails once in 30,000 runs.
    for level in (0.01, 0.05, 0.2):
        allowed = level * NULL_WINDOWS + 4 * (level * NULL_WINDOWS) ** 0.5
        assert (p_values <= level).sum() <= allowed


def test_a_real_shift_is_found_in_either_direction(fitting):
    there = compare(fitting, 3000, 1000, 1, shift=SHIFTS[fitting[1]])
    assert there.p_value < 1e-6
    assert 0.05 < there.effect <= 1


def test_nothing_in_common_is_the_largest_effect(test):
    reference, current = profiles(DRAWS["normal"], 2000, 1000, 2, shift=lambda values: values + 100)
    assert test.compare(reference, current).effect == pytest.approx(1, abs=0.01)


def test_the_effect_does_not_grow_with_the_rows(fitting):
    small = np.mean([compare(fitting, 4000, 500, seed, shift=SHIFTS[fitting[1]]).effect for seed in range(20)])
    large = compare(fitting, 40_000, 20_000, 3, shift=SHIFTS[fitting[1]]).effect
    assert small == pytest.approx(large, abs=0.05)


def test_one_row_proves_nothing(fitting):
    assert compare(fitting, 1000, 1, 4).p_value > 0.01


def test_an_unknown_test_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"no drift test 'psi'; there are: .*ks"):
        drift_test("psi")

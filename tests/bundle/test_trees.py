"""Trees are laid out in few bytes, and lead every row to the leaf that scikit-learn leads it to."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from nbops.bundle.trees import forest
from nbops_serving.trees import scores_of

GENERATOR = np.random.default_rng(11)
ROWS = GENERATOR.normal(0, 3, (800, 5))
TARGET = ROWS[:, 0] + ROWS[:, 1] * ROWS[:, 2] + GENERATOR.normal(0, 1, 800)


@pytest.fixture(scope="module")
def classifier():
    return RandomForestClassifier(30, random_state=0).fit(ROWS, np.digitize(TARGET, [-3, 3]))


def test_values_around_every_threshold_go_where_they_went(classifier):
    """The single precision numbers just below, at and just above each threshold of a tree, on all its columns."""
    tree = classifier.estimators_[0].tree_
    thresholds = tree.threshold[tree.feature >= 0]
    near = thresholds.astype(np.float32)
    around = [np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf)), thresholds]
    matrix = np.repeat(np.concatenate(around).astype(np.float64).reshape(-1, 1), 5, axis=1)

    found = scores_of(forest(classifier, "proportions"))(matrix)
    np.testing.assert_array_equal(found, classifier.predict_proba(matrix))


def test_a_node_of_a_forest_takes_few_bytes(classifier):
    laid = forest(classifier, "proportions")
    nodes = sum(member.tree_.node_count for member in classifier.estimators_)
    arrays = (laid.feature, laid.threshold, laid.left, laid.missing_right, laid.values, laid.value_of)

    assert sum(len(array.data) for array in arrays if array is not None) < 12 * nodes
    assert len(laid.values.get()) < 100  # pure leaves say the same


def test_a_regression_adds_up_the_same_leaves_all_at_once_and_one_by_one():
    model = RandomForestRegressor(5, random_state=0).fit(ROWS, TARGET)
    scores = scores_of(forest(model, "identity"))
    alone = [scores(row.reshape(1, -1))[0, 0] for row in ROWS[:20]]

    np.testing.assert_array_equal(scores(ROWS)[:, 0], model.predict(ROWS))
    np.testing.assert_array_equal(alone, model.predict(ROWS[:20]))
    assert scores(ROWS[:0]).shape == (0, 1)

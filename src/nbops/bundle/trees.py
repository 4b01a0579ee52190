"""scikit-learn's trees, laid end to end for a plan: every right child right behind its left one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from nbops_serving.operations import Array, Trees

if TYPE_CHECKING:
    from numpy.typing import NDArray


class NoTreesError(Exception):
    """A tree model of a form that plans do not know."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree in any order of its nodes; -1 marks a leaf's children."""

    left: NDArray[Any]
    right: NDArray[Any]
    feature: NDArray[Any]
    threshold: NDArray[Any]
    missing_left: NDArray[Any]
    values: NDArray[Any]
    """Of shape (nodes, outputs)."""


def forest(estimator: Any, link: Literal["proportions", "identity"]) -> Trees:
    """Lay out a forest, or a single tree as a forest of one.

    Args:
        estimator: a fitted forest or tree of scikit-learn.
        link: what its leaves hold: proportions of classes, or values.

    Returns:
        Its trees.

    Raises:
        NoTreesError: it has several outputs.
    """
    import numpy as np

    if estimator.n_outputs_ != 1:
        raise NoTreesError("trees with several outputs")
    members = getattr(estimator, "estimators_", None)
    trees = [_of_sklearn(member.tree_) for member in (estimator if members is None else None,) if member is not None]
    if members is not None:
        trees = [_of_sklearn(member.tree_) for member in members]
    width = trees[0].values.shape[1]
    return lay_out(
        trees, single_precision=True, combine="mean", baseline=np.zeros(width), outputs=[0] * len(trees), link=link
    )


def _of_sklearn(tree: Any) -> Tree:
    import numpy as np

    missing_left = getattr(tree, "missing_go_to_left", None)
    return Tree(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        missing_left=np.zeros(tree.node_count) if missing_left is None else missing_left,
        values=tree.value[:, 0, :],
    )


def gradient_boosting(estimator: Any) -> Trees:
    """Lay out gradient boosting with scikit-learn's own trees.

    Args:
        estimator: a fitted GradientBoostingClassifier or -Regressor.

    Returns:
        Its trees, in the order in which they are added up.

    Raises:
        NoTreesError: it starts from a model of its own, or has a loss with another link than those known here.
    """
    import numpy as np

    loss = type(estimator._loss).__name__
    if loss == "ExponentialLoss":
        raise NoTreesError("gradient boosting with exponential loss")
    if not isinstance(estimator.init_, str) and not type(estimator.init_).__name__.startswith("Dummy"):
        raise NoTreesError(f"gradient boosting that starts from a {type(estimator.init_).__name__}")
    stages, width = estimator.estimators_.shape
    trees = [_scaled(_of_sklearn(one.tree_), estimator.learning_rate) for one in estimator.estimators_.ravel()]
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))
    link: Literal["identity", "logistic", "softmax"] = "identity"
    if hasattr(estimator, "classes_"):
        link = "logistic" if len(estimator.classes_) == 2 else "softmax"
    return lay_out(
        trees,
        single_precision=True,
        combine="sum",
        baseline=np.asarray(start, dtype=np.float64).ravel(),
        outputs=list(range(width)) * stages,
        link=link,
        zero_is_positive=True,
    )


def _scaled(tree: Tree, factor: float) -> Tree:
    return replace(tree, values=factor * tree.values[:, :1])


def link_of(estimator: Any) -> Literal["identity", "exponential", "logistic", "softmax"]:
    """The link of histogram gradient boosting."""
    if hasattr(estimator, "classes_"):
        return "logistic" if len(estimator.classes_) == 2 else "softmax"
    links: dict[str, Literal["identity", "exponential"]] = {"IdentityLink": "identity", "LogLink": "exponential"}
    name = type(estimator._loss.link).__name__
    if name not in links:
        raise NoTreesError(f"histogram gradient boosting with the link {name}")
    return links[name]


def of_predictor(nodes: Any) -> Tree:
    """Read one tree of histogram gradient boosting, whose splits are by numbers."""
    import numpy as np

    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        missing_left=nodes["missing_go_to_left"],
        values=nodes["value"].astype(np.float64).reshape(-1, 1),
    )


def lay_out(
    trees: Sequence[Tree],
    *,
    single_precision: bool,
    combine: Literal["mean", "sum"],
    baseline: NDArray[Any],
    outputs: list[int],
    link: Literal["identity", "exponential", "logistic", "softmax", "proportions"],
    zero_is_positive: bool = False,
) -> Trees:
    import numpy as np

    parts, roots, start, deepest = [], [], 0, 0
    for tree in trees:
        order, depth = _order(tree)
        parts.append(_renumbered(tree, order, start))
        roots.append(start)
        start += len(order)
        deepest = max(deepest, depth)
    feature, threshold, left, missing_right, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    values, value_of = _told_apart(values.astype(np.float64), is_leaf=left == np.arange(len(left)))
    return Trees(
        single_precision=single_precision,
        roots=Array.of(np.array(roots, dtype=np.int32)),
        feature=Array.of(feature.astype(np.min_scalar_type(feature.max()))),
        threshold=Array.of(_rounded_down(threshold) if single_precision else threshold.astype(np.float64)),
        left=Array.of(left.astype(np.int32)),
        missing_right=Array.of(missing_right.astype(np.int8)),
        values=Array.of(values),
        combine=combine,
        baseline=Array.of(baseline),
        outputs=outputs,
        depth=deepest,
        link=link,
        zero_is_positive=zero_is_positive,
        value_of=None if value_of is None else Array.of(value_of),
    )


def _rounded_down(threshold: NDArray[Any]) -> NDArray[Any]:
    """Return float32 thresholds that are passed by exactly the float32 inputs that pass the given ones."""
    import numpy as np

    nearest = threshold.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > threshold, below, nearest)


def _told_apart(values: NDArray[Any], *, is_leaf: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Keep each value once where that is smaller: leaves that are pure say the same, and inner nodes say nothing.

    Returns:
        The values, and for each node its place among them; None where they stay one for each node.
    """
    import numpy as np

    different, place = np.unique(values[is_leaf], axis=0, return_inverse=True)
    value_of = np.zeros(len(values), dtype=np.min_scalar_type(len(different)))
    value_of[is_leaf] = place.ravel()
    if different.nbytes + value_of.nbytes < values.nbytes:
        return different, value_of
    return values, None


def _order(tree: Tree) -> tuple[NDArray[Any], int]:
    """Number the nodes level by level, so that siblings are neighbours; return the order and the depth."""
    import numpy as np

    level, levels = np.array([0], dtype=np.int64), []
    while len(level):
        levels.append(level)
        inner = level[tree.left[level] >= 0]
        level = np.stack([tree.left[inner], tree.right[inner]], axis=1).ravel().astype(np.int64)
    return np.concatenate(levels), len(levels) - 1


def _renumbered(tree: Tree, order: NDArray[Any], start: int) -> tuple[NDArray[Any], ...]:
    import numpy as np

    place = np.empty(len(tree.left), dtype=np.int64)
    place[order] = np.arange(len(order))
    leaf = tree.left[order] < 0
    left = np.where(leaf, np.arange(len(order)), place[np.where(leaf, 0, tree.left[order])]) + start
    feature = np.where(leaf, 0, tree.feature[order])
    # no number is greater than infinity: a leaf leads to itself
    threshold = np.where(leaf, np.inf, tree.threshold[order])
    missing_right = np.where(leaf, 0, 1 - tree.missing_left[order].astype(np.int64))
    return feature, threshold, left, missing_right, tree.values[order]

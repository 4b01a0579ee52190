"""XGBoost's and LightGBM's trees, read off what these libraries themselves write down of a model; splits by categories.

Both add up the leaves of all trees, in the trees' order. XGBoost does all of it in single precision, LightGBM in double
precision. What is read here is compared with the model's own answers before it is used, as all plans are.

A split by categories becomes a number of its own: 0 for a category that goes left and 1 for all others. So trees
compare numbers alone, and the tables that look categories up hold these numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from nbops.bundle.trees import NoTreesError, Tree, lay_out, link_of, of_predictor
from nbops_serving.operations import Trees

if TYPE_CHECKING:
    from numpy.typing import NDArray

Link = Literal["identity", "exponential", "logistic", "softmax"]


class CategorySplit(msgspec.Struct, frozen=True):
    """A question about the category of one column."""

    column: int
    left: frozenset[int]
    """Codes of the categories that go left, or right where ``is_rest_left``."""
    is_rest_left: bool
    """Whether all other categories go left."""

    def answer(self, code: int) -> float:
        """Return 0.0 for a category that goes left, 1.0 for one that goes right."""
        return float((code in self.left) == self.is_rest_left)


class Boosted(msgspec.Struct, frozen=True):
    """A booster's trees, and its splits by categories."""

    trees: Trees
    """Features from ``width`` on are answers of the splits, in their order."""
    width: int
    """How many columns the model takes."""
    splits: list[CategorySplit]
    categories: dict[int, list[Any]] | None = None
    """Column → its categories, in the order of their codes; None where they are those of the column's dtype."""


@dataclass
class _Splits:
    """The splits by categories that were met so far, each once."""

    width: int
    places: dict[CategorySplit, int] = field(default_factory=dict)

    def place(self, split: CategorySplit) -> int:
        """Return the feature that a split has become."""
        return self.places.setdefault(split, self.width + len(self.places))


_XGBOOST: dict[str, Link] = {
    **dict.fromkeys(("binary:logistic", "reg:logistic"), "logistic"),
    "multi:softprob": "softmax",
    **dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie"), "exponential"),
    **dict.fromkeys(
        (
            "reg:squarederror", "reg:squaredlogerror", "reg:absoluteerror", "reg:pseudohubererror",
            "reg:quantileerror", "rank:pairwise", "rank:ndcg", "rank:map",
        ),
        "identity",
    ),
}  # fmt: skip

_LIGHTGBM: dict[str, Link] = {
    **dict.fromkeys(("binary", "cross_entropy"), "logistic"),
    "multiclass": "softmax",
    **dict.fromkeys(("poisson", "gamma", "tweedie"), "exponential"),
    **dict.fromkeys(
        (
            "regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg",
        ),
        "identity",
    ),
}  # fmt: skip


def xgboost(model: Any, *, is_sparse: bool) -> Boosted:
    """Read a model of XGBoost.

    Args:
        model: a fitted estimator of ``xgboost.sklearn``, or a ``Booster``.
        is_sparse: whether it is given sparse matrices, in which it takes what is zero for missing.

    Returns:
        Its trees.

    Raises:
        NoTreesError: it is no sum of trees, or has an objective, a marker for missing values or several targets that
            are not known here.
    """
    import numpy as np

    booster = _booster_of(model)
    learner = msgspec.json.decode(bytes(booster.save_raw("json")))["learner"]
    gradient, parameters = learner["gradient_booster"], learner["learner_model_param"]
    if gradient["name"] != "gbtree" or int(parameters["num_target"]) != 1:
        raise NoTreesError(f"XGBoost's {gradient['name']} with {parameters['num_target']} targets")
    link = _link(_XGBOOST, learner["objective"]["name"], "XGBoost", model)
    outputs = gradient["model"]["tree_info"]
    splits = _Splits(int(parameters["num_feature"]))
    trees = [_of_xgboost(tree, splits) for tree in gradient["model"]["trees"]]
    start = np.array(_numbers_in(parameters["base_score"]), dtype=np.float32)
    laid = lay_out(
        trees,
        single_precision=True,
        combine="sum",
        baseline=np.resize(_margin(start, link), max(outputs, default=0) + 1),
        outputs=outputs,
        link=link,
    )
    return Boosted(
        msgspec.structs.replace(laid, adds_single=True, zero_is_missing=is_sparse), splits.width, [*splits.places]
    )


def _booster_of(model: Any) -> Any:
    """The booster, cut off where early stopping found it best: the estimator answers with these trees alone."""
    if not hasattr(model, "get_booster"):
        return model
    if not _is_nan(model.missing):
        raise NoTreesError(f"XGBoost with {model.missing!r} for what is missing")
    booster = model.get_booster()
    best = getattr(model, "best_iteration", None)
    return booster if best is None else booster[: best + 1]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _link(known: Mapping[str, Link], objective: str, library: str, model: Any) -> Link:
    link = known.get(objective)
    if link is None or (link == "softmax" and not hasattr(model, "classes_")):
        raise NoTreesError(f"{library} with the objective {objective} in a {type(model).__name__}")
    return link


def _numbers_in(text: str) -> list[float]:
    """Read what XGBoost writes for a number: the number, or since 3.1 a list of them."""
    read = msgspec.json.decode(text)
    return read if isinstance(read, list) else [read]


def _margin(start: NDArray[Any], link: Link) -> NDArray[Any]:
    """What the sum starts from: the score that becomes the base score, in single precision step by step."""
    import numpy as np

    if link == "logistic":
        odds = np.float32(1.0) / start - np.float32(1.0)
        return -np.log(odds.astype(np.float64)).astype(np.float32)
    if link == "exponential":
        return np.log(start.astype(np.float64)).astype(np.float32)
    return start


def _of_xgboost(tree: dict[str, Any], splits: _Splits) -> Tree:
    import numpy as np

    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise NoTreesError("XGBoost with several numbers in a leaf")
    left = np.array(tree["left_children"], dtype=np.int64)
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    feature = np.array(tree["split_indices"], dtype=np.int64)
    # "Less than" goes left there and "at most" here: for numbers of single precision, that is the number before.
    threshold = np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64)
    for place, start, size in zip(
        tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
    ):
        chosen = frozenset(tree["categories"][start : start + size])
        feature[place] = splits.place(CategorySplit(int(feature[place]), chosen, is_rest_left=True))
        threshold[place] = 0.5
    return Tree(
        left=left,
        right=np.array(tree["right_children"], dtype=np.int64),
        feature=feature,
        threshold=threshold,
        missing_left=np.array(tree["default_left"], dtype=np.int64),
        values=conditions.astype(np.float64).reshape(-1, 1),
    )


def lightgbm(model: Any) -> Boosted:
    """Read a model of LightGBM.

    Args:
        model: a fitted estimator of ``lightgbm.sklearn``, or a ``Booster``.

    Returns:
        Its trees.

    Raises:
        NoTreesError: it is no plain sum of trees, or has an objective or a marker for missing values that is not known
            here.
    """
    import numpy as np

    dump = getattr(model, "booster_", model).dump_model()
    objective, *options = str(dump.get("objective", "none")).split()
    link = _link(_LIGHTGBM, objective, "LightGBM", model)
    if dump["average_output"] or "sqrt" in options or (objective == "binary" and "sigmoid:1" not in options):
        raise NoTreesError(f"LightGBM with the objective {dump['objective']} or averaged trees")
    per_iteration = int(dump["num_tree_per_iteration"])
    splits = _Splits(int(dump["max_feature_idx"]) + 1)
    trees = [_of_lightgbm(tree["tree_structure"], splits) for tree in dump["tree_info"]]
    laid = lay_out(
        trees,
        single_precision=False,
        combine="sum",
        baseline=np.zeros(per_iteration),
        outputs=[place % per_iteration for place in range(len(trees))],
        link=link,
    )
    return Boosted(laid, splits.width, [*splits.places])


def _of_lightgbm(root: dict[str, Any], splits: _Splits) -> Tree:
    import numpy as np

    nodes = [*_numbered(root, splits)]
    return Tree(
        left=np.array([node.left for node in nodes], dtype=np.int64),
        right=np.array([node.right for node in nodes], dtype=np.int64),
        feature=np.array([node.feature for node in nodes], dtype=np.int64),
        threshold=np.array([node.threshold for node in nodes]),
        missing_left=np.array([node.is_missing_left for node in nodes], dtype=np.int64),
        values=np.array([[node.value] for node in nodes]),
    )


class _Node(msgspec.Struct, frozen=True):
    """One node of a tree; -1 marks a leaf's children."""

    left: int = -1
    right: int = -1
    feature: int = 0
    threshold: float = 0.0
    is_missing_left: bool = False
    value: float = 0.0


def _numbered(root: dict[str, Any], splits: _Splits) -> Iterator[_Node]:
    """Yield the nodes level by level, each with the places of its children."""
    waiting, count = [root], 1
    for node in waiting:
        if "split_feature" not in node:
            if node.get("leaf_coeff"):
                raise NoTreesError("LightGBM with linear trees")
            yield _Node(value=float(node["leaf_value"]))
            continue
        waiting += [node["left_child"], node["right_child"]]
        yield _question(node, left=count, splits=splits)
        count += 2


def _question(node: dict[str, Any], *, left: int, splits: _Splits) -> _Node:
    column = int(node["split_feature"])
    if node["decision_type"] == "==":
        chosen = frozenset(map(int, node["threshold"].split("||")))
        feature = splits.place(CategorySplit(column, chosen, is_rest_left=False))
        return _Node(left=left, right=left + 1, feature=feature, threshold=0.5)
    threshold, missing = float(node["threshold"]), node["missing_type"]
    if missing == "Zero":
        raise NoTreesError("LightGBM with zero for what is missing")
    # Where no value was missing in training, a missing one counts as zero.
    is_left = bool(node["default_left"]) if missing == "NaN" else threshold >= 0.0
    return _Node(left=left, right=left + 1, feature=column, threshold=threshold, is_missing_left=is_left)


def histograms(estimator: Any) -> Boosted:
    """Read histogram gradient boosting of scikit-learn, which knows categories since 1.0 and finds them since 1.4.

    Args:
        estimator: a fitted HistGradientBoostingClassifier or -Regressor.

    Returns:
        Its trees, in the order in which they are added up.

    Raises:
        NoTreesError: it has a loss with another link than those known here.
    """
    import numpy as np

    mask = estimator.is_categorical_
    mask = np.zeros(estimator.n_features_in_, dtype=bool) if mask is None else mask
    # Its own preparation puts the columns of categories first.
    columns = np.concatenate([np.flatnonzero(mask), np.flatnonzero(~mask)])
    splits = _Splits(len(columns))
    trees, outputs = [], []
    for iteration in estimator._predictors:
        for output, predictor in enumerate(iteration):
            trees.append(_of_histogram(predictor, columns, splits))
            outputs.append(output)
    laid = lay_out(
        trees,
        single_precision=False,
        combine="sum",
        baseline=np.asarray(estimator._baseline_prediction, dtype=np.float64).ravel(),
        outputs=outputs,
        link=link_of(estimator),
    )
    encoder = estimator._preprocessor.named_transformers_["encoder"] if mask.any() else None
    known = [] if encoder is None else [each.tolist() for each in encoder.categories_]
    return Boosted(laid, splits.width, [*splits.places], dict(zip(np.flatnonzero(mask).tolist(), known, strict=True)))


def _of_histogram(predictor: Any, columns: NDArray[Any], splits: _Splits) -> Tree:
    tree = of_predictor(predictor.nodes)
    feature, threshold = columns[tree.feature], tree.threshold.copy()
    for place in predictor.nodes["is_categorical"].nonzero()[0].tolist():
        words = predictor.raw_left_cat_bitsets[predictor.nodes["bitset_idx"][place]].tolist()
        chosen = frozenset(32 * word + bit for word, bits in enumerate(words) for bit in range(32) if bits >> bit & 1)
        feature[place] = splits.place(CategorySplit(int(feature[place]), chosen, is_rest_left=False))
        threshold[place] = 0.5
    return replace(tree, feature=feature, threshold=threshold)

"""Reading off a fitted estimator its weights or trees. A new estimator is one function in ``_HEADS``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

from nbops.bundle import boosters
from nbops.bundle.boosters import Boosted
from nbops.bundle.plan_parts import NoPlanError, float64, kind_of
from nbops.bundle.trees import NoTreesError, forest, gradient_boosting
from nbops_serving import operations as made
from nbops_serving.operations import Array, Head


def head_of(estimator: Any, *, sparse: bool) -> Head | Boosted:
    """Write an estimator's own numbers.

    Args:
        estimator: a fitted one of scikit-learn, XGBoost or LightGBM.
        sparse: whether it is given sparse matrices.

    Returns:
        Weights or trees; for boosters also what they ask of categories.

    Raises:
        NoPlanError: plans do not know its kind; the message names it.
    """
    kind = kind_of(estimator)
    writer = _HEADS.get(kind)
    if writer is None:
        raise NoPlanError(f"no plan for {kind}")
    try:
        return writer(estimator, sparse)
    except NoTreesError as error:
        raise NoPlanError(str(error)) from error


def _weights(estimator: Any, link: str, *, sparse: bool) -> Head:
    coefficients = float64(estimator.coef_)
    if sparse and coefficients.ndim == 1:
        coefficients = coefficients.reshape(1, -1)
    return made.Linear(
        Array.of(coefficients),
        Array.of(float64(estimator.intercept_)),
        cast(Any, link),
        is_turned=coefficients.flags.f_contiguous and not coefficients.flags.c_contiguous,
        in_order=sparse,
    )


def _regression(estimator: Any, sparse: bool) -> Head:
    if getattr(estimator.coef_, "ndim", 1) == 2 and estimator.coef_.shape[0] > 1:
        raise NoPlanError("a regression with several outputs")
    return _weights(estimator, "identity", sparse=sparse)


def _logistic(estimator: Any, sparse: bool) -> Head:
    link = "logistic" if len(estimator.classes_) == 2 else "softmax"
    return _weights(estimator, link, sparse=sparse)


def _signed(estimator: Any, sparse: bool) -> Head:
    return _weights(estimator, "sign", sparse=sparse)


def _sgd(estimator: Any, sparse: bool) -> Head:
    if estimator.loss == "log_loss":
        return _weights(estimator, "logistic" if len(estimator.classes_) == 2 else "one-vs-rest", sparse=sparse)
    if estimator.loss == "modified_huber":
        raise NoPlanError("SGDClassifier with the loss modified_huber")
    return _signed(estimator, sparse)


def _forest(link: Literal["proportions", "identity"]) -> Callable[[Any, bool], Head]:
    return lambda estimator, sparse: forest(estimator, link)


_HEADS: dict[str, Callable[[Any, bool], Head | Boosted]] = {
    **dict.fromkeys(
        (
            "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "Lars",
            "LassoLars", "BayesianRidge", "ARDRegression", "HuberRegressor", "TheilSenRegressor", "SGDRegressor",
            "LinearSVR", "QuantileRegressor", "OrthogonalMatchingPursuit",
        ),
        _regression,
    ),
    **dict.fromkeys(("LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis"), _logistic),
    **dict.fromkeys(("RidgeClassifier", "RidgeClassifierCV", "LinearSVC", "Perceptron"), _signed),
    "SGDClassifier": _sgd,
    **dict.fromkeys(
        ("RandomForestClassifier", "ExtraTreesClassifier", "DecisionTreeClassifier", "ExtraTreeClassifier"),
        _forest("proportions"),
    ),
    **dict.fromkeys(
        ("RandomForestRegressor", "ExtraTreesRegressor", "DecisionTreeRegressor", "ExtraTreeRegressor"),
        _forest("identity"),
    ),
    "GradientBoostingClassifier": lambda estimator, sparse: gradient_boosting(estimator),
    "GradientBoostingRegressor": lambda estimator, sparse: gradient_boosting(estimator),
    "HistGradientBoostingClassifier": lambda estimator, sparse: boosters.histograms(estimator),
    "HistGradientBoostingRegressor": lambda estimator, sparse: boosters.histograms(estimator),
    **dict.fromkeys(
        (
            "xgboost.core.Booster", "xgboost.sklearn.XGBClassifier", "xgboost.sklearn.XGBRegressor",
            "xgboost.sklearn.XGBRFClassifier", "xgboost.sklearn.XGBRFRegressor", "xgboost.sklearn.XGBRanker",
        ),
        lambda estimator, sparse: boosters.xgboost(estimator, is_sparse=sparse),
    ),
    **dict.fromkeys(
        (
            "lightgbm.basic.Booster", "lightgbm.sklearn.LGBMClassifier", "lightgbm.sklearn.LGBMRegressor",
            "lightgbm.sklearn.LGBMRanker",
        ),
        lambda estimator, sparse: boosters.lightgbm(estimator),
    ),
}  # fmt: skip

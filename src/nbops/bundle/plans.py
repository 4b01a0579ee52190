"""Reading a plan off a fitted pipeline: its own numbers as tables, in the order in which it uses them.

Only public attributes of fitted estimators are read where there are any. What is not known here is no error: the
pipeline simply has no plan (``NoPlanError`` says which part), and the ladder goes on to the next rung. A new
transformer is one function in ``_STEPS``, a new estimator one in ``_HEADS``; the parity gate decides whether it was
right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import msgspec

from nbops.bundle import boosters
from nbops.bundle.boosters import Boosted
from nbops.bundle.evidence import Evidence
from nbops.bundle.export import best_of
from nbops.bundle.rung import NoRungError
from nbops.bundle.trees import NoTreesError, forest, gradient_boosting
from nbops.records import ModelVersion
from nbops_serving import operations as made
from nbops_serving import rungs
from nbops_serving.manifest import Dtype, Signature
from nbops_serving.operations import Array, Branch, Head, Lookup, Numbers, Plan, Step, Tables, Value
from nbops_serving.plan import write_plan
from nbops_serving.rungs import PLAN_FILE

UNSEEN = "\x00 unseen"
_ENCODERS = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
_SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
_FUNCTIONS = (
    "log",
    "log1p",
    "log2",
    "log10",
    "sqrt",
    "cbrt",
    "exp",
    "expm1",
    "abs",
    "absolute",
    "square",
    "sin",
    "cos",
)


class NoPlanError(NoRungError):
    """Some part of a model cannot be written as a plan."""


class PlanRung:
    """The pipeline's own numbers, applied to plain arrays."""

    tolerance = 1e-12  # the last bits of a BLAS sum, whose order depends on the number of rows
    packages: Sequence[str] = ()
    open = staticmethod(rungs.RUNGS["plan"])

    def build(self, model: Any, version: ModelVersion, evidence: Evidence | None) -> dict[str, bytes]:
        """Write the plan; NoPlanError where the model has none."""
        return {PLAN_FILE: write_plan(plan_of(model, version.signature, evidence.dtypes if evidence else ()))}


def plan_of(model: Any, signature: Signature, dtypes: Sequence[Dtype] = ()) -> Plan:
    """Write a fitted model as a plan.

    Args:
        model: an estimator or pipeline of scikit-learn, XGBoost or LightGBM.
        signature: what it takes.
        dtypes: how each column was held in training. In one of pandas' categories there is no room for a value that
            training never saw, so the model is given a missing one instead.

    Returns:
        The plan.

    Raises:
        NoPlanError: some part of it is of a kind that plans do not know; the message names it.
    """
    *transformers, estimator = flat(model)
    branches, steps, sparse = transformed(transformers, signature, dtypes)
    if sparse and steps:
        raise NoPlanError("steps after a sparse matrix")
    head = _head(estimator, sparse=sparse)
    if isinstance(head, Boosted):
        branches, head = _asked(head, branches, dtypes, is_alone=not transformers)
    classes = getattr(estimator, "classes_", None)
    return Plan(branches, steps, head, None if classes is None else classes.tolist())


def transformed(
    transformers: Sequence[Any], signature: Signature, dtypes: Sequence[Dtype] = ()
) -> tuple[list[Branch], list[Step], bool]:
    """Write what transformers do before an estimator.

    Args:
        transformers: fitted ones, in their order, as ``flat`` lists them.
        signature: what the first one takes.
        dtypes: how each column was held in training.

    Returns:
        What is done with the columns, what is done with all of it then, and whether the branches give a sparse matrix.

    Raises:
        NoPlanError: some transformer is of a kind that plans do not know; the message names it.
    """
    transformers = list(transformers)
    count = len(signature.columns)
    names = [column.name for column in signature.columns]
    branches: list[Branch] = [Numbers(list(range(count)), [])]
    sparse = False
    if transformers and _kind(transformers[0]) == "ColumnTransformer":
        columns = transformers.pop(0)
        branches, sparse = _columns(columns, names), bool(columns.sparse_output_)
    elif encoders := [place for place, part in enumerate(transformers) if _kind(part) in _ENCODERS]:
        before, encoder = transformers[: encoders[0]], transformers[encoders[0]]
        branches, sparse = [_encoded(encoder, list(range(count)), before)], _is_sparse(encoder)
        transformers = transformers[encoders[0] + 1 :]
    steps = [step for transformer in transformers for step in _steps(transformer)]
    closed = {place for place, dtype in enumerate(dtypes) if dtype.name == "category"}
    return [_with_closed(branch, closed) for branch in branches], steps, sparse


def _with_closed(branch: Branch, closed: set[int]) -> Branch:
    """Let unseen values of some columns count as missing."""
    if isinstance(branch, Numbers) or closed.isdisjoint(branch.columns):
        return branch
    tables = [
        Lookup(table.keys, table.rows, table.missing, table.missing if place in closed else table.unseen)
        for place, table in zip(branch.columns, branch.tables, strict=True)
    ]
    return Tables(branch.columns, tables, branch.steps)


def _asked(
    boosted: Boosted, branches: list[Branch], dtypes: Sequence[Dtype], *, is_alone: bool
) -> tuple[list[Branch], Head]:
    """Return a booster's trees, and what they are given: categories where it is given a table as it is."""
    if is_alone and any(dtype.name == "category" for dtype in dtypes):
        return _of_categories(boosted, dtypes)
    if boosted.splits:
        raise NoPlanError("splits by categories that are not those of a column of categories")
    return branches, boosted.trees


def _of_categories(boosted: Boosted, dtypes: Sequence[Dtype]) -> tuple[list[Branch], Head]:
    """Look the categories up in tables of what the splits say to them, and let the trees ask for these numbers."""
    import numpy as np

    known = {place: dtype.categories or [] for place, dtype in enumerate(dtypes) if dtype.name == "category"}
    known |= boosted.categories or {}
    if any(split.column not in known for split in boosted.splits):
        raise NoPlanError("splits by categories of a column of numbers")
    numbers = [place for place in range(boosted.width) if place not in known]
    asked = [(place, [n for n, split in enumerate(boosted.splits) if split.column == place]) for place in known]
    asked = [(place, splits) for place, splits in asked if splits]
    order = [*numbers, *(boosted.width + n for _, splits in asked for n in splits)]
    places = np.full(boosted.width + len(boosted.splits), -1, dtype=np.int32)
    places[order] = np.arange(len(order))
    feature = places[boosted.trees.feature.get()]
    is_leaf = np.isinf(boosted.trees.threshold.get())
    if (feature[~is_leaf] < 0).any():
        raise NoPlanError("categories compared like numbers")
    tables = [_said_to(known[place], [boosted.splits[n] for n in splits]) for place, splits in asked]
    asked_for = np.where(is_leaf, 0, feature)
    head = msgspec.structs.replace(
        boosted.trees, feature=Array.of(asked_for.astype(np.min_scalar_type(asked_for.max())))
    )
    branches: list[Branch] = [Numbers(numbers, [])]
    return [*branches, *([Tables([place for place, _ in asked], tables, [])] if asked else [])], head


def _said_to(categories: Sequence[Any], splits: Sequence[boosters.CategorySplit]) -> Lookup:
    """The table of what some splits say to each category; to a missing one each tree has an answer of its own."""
    import numpy as np

    keys = {code: _value(category) for code, category in enumerate(categories) if not _is_missing(category)}
    missing = [float("nan")] * len(splits)
    rows = np.array([[split.answer(code) for split in splits] for code in keys], dtype=np.float64)
    return Lookup([*keys.values()], Array.of(rows.reshape(len(keys), len(splits))), missing, missing)


def flat(model: Any) -> list[Any]:
    """List the steps of a pipeline, nested ones too, without those that do nothing; of a search, its best one."""
    if _kind(model) in _SEARCHES:
        return flat(best_of(model))
    if _kind(model) == "Pipeline":
        return [part for _, step in model.steps for part in flat(step)]
    return [] if model is None or (isinstance(model, str) and model == "passthrough") else [model]


def pipeline_of(model: Any) -> Any | None:
    """Return the pipeline that answers: the model itself, or the best one of a search; None where there is none."""
    answering = best_of(model) if _kind(model) in _SEARCHES else model
    return answering if _kind(answering) == "Pipeline" else None


def _kind(estimator: Any) -> str:
    """Name scikit-learn's own classes; anything else, subclasses too, may compute what it likes."""
    kind = type(estimator)
    return kind.__name__ if kind.__module__.startswith("sklearn.") else f"{kind.__module__}.{kind.__name__}"


def _columns(transformer: Any, names: list[str]) -> list[Branch]:
    branches: list[Branch] = []
    for name, part, chosen in transformer.transformers_:
        if transformer.output_indices_[name] == slice(0, 0) or (isinstance(part, str) and part == "drop"):
            continue
        places = _places(chosen, names)
        if transformer.transformer_weights:
            raise NoPlanError("ColumnTransformer with transformer_weights")
        branches.append(_branch(flat(part), places))
    if not branches:
        raise NoPlanError("a ColumnTransformer without columns")
    return branches


def _places(chosen: Any, names: list[str]) -> list[int]:
    if isinstance(chosen, str):
        return [names.index(chosen)]
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            raise NoPlanError("columns chosen by a slice of names")
        return list(range(len(names)))[chosen]
    listed = list(chosen.tolist() if hasattr(chosen, "tolist") else chosen)
    if listed and all(isinstance(one, bool) for one in listed):
        return [place for place, one in enumerate(listed) if one]
    return [names.index(one) if isinstance(one, str) else range(len(names))[one] for one in listed]


def _branch(parts: list[Any], places: list[int]) -> Branch:
    for place, part in enumerate(parts):
        if _kind(part) in _ENCODERS:
            return _encoded(part, places, parts[:place], parts[place + 1 :])
    return Numbers(places, [step for part in parts for step in _steps(part)])


def _is_sparse(encoder: Any) -> bool:
    return _kind(encoder) == "OneHotEncoder" and bool(encoder.sparse_output)


def _encoded(encoder: Any, places: list[int], before: Sequence[Any], after: Sequence[Any] = ()) -> Branch:
    """Read an encoder's tables off its own answers: whatever its options are, they are in there."""
    fills: list[Value] = [None] * len(places)
    for imputer in before:
        if _kind(imputer) != "SimpleImputer" or imputer.add_indicator:
            raise NoPlanError(f"{_kind(imputer)} before {_kind(encoder)}")
        if len(imputer.statistics_) != len(places) or not _is_missing(imputer.missing_values):
            raise NoPlanError("SimpleImputer with missing_values or columns without values")
        fills = [_value(item) for item in imputer.statistics_]
    if len(encoder.categories_) != len(places) or _kind(encoder) == "TargetEncoder":
        raise NoPlanError(f"{_kind(encoder)} of this form")
    tables = [
        _table(encoder, place, fill, is_filled=bool(before))
        for place, fill in zip(range(len(places)), fills, strict=True)
    ]
    return Tables(places, tables, [step for part in after for step in _steps(part)])


def _table(encoder: Any, place: int, fill: Value, *, is_filled: bool) -> Lookup:
    categories = encoder.categories_[place]
    plain: list[Value] = [_value(item) for item in categories]
    rows = _outcomes(encoder, place, list(categories))
    is_text = any(isinstance(item, str) for item in plain)
    unseen = _outcome(encoder, place, UNSEEN if is_text else -987654321.5, categories)
    keys: list[Value] = [key for key in plain if key is not None]
    kept = [row for key, row in zip(plain, rows, strict=True) if key is not None]
    missing: list[float] | None
    if None in plain:
        missing = rows[plain.index(None)]
    else:
        missing = _outcome(encoder, place, None if is_text else float("nan"), categories)
    if is_filled:
        missing = rows[plain.index(fill)] if fill in plain else unseen
    import numpy as np

    return Lookup(keys, Array.of(np.array(kept, dtype=np.float64).reshape(len(kept), -1)), missing, unseen)


def _outcome(encoder: Any, place: int, value: Any, categories: Any) -> list[float] | None:
    try:
        return _outcomes(encoder, place, [value])[0]
    except (ValueError, TypeError):
        return None  # the encoder refuses it, and so will the plan


def _outcomes(encoder: Any, place: int, values: list[Any]) -> list[list[float]]:
    """Let the encoder itself encode values of one column; the other columns hold their first category."""
    import warnings

    import numpy as np

    count = len(encoder.categories_)
    given = np.empty((len(values), count), dtype=object)
    for column, categories in enumerate(encoder.categories_):
        given[:, column] = values if column == place else categories[0]
    if not any(isinstance(item, str) for categories in encoder.categories_ for item in categories):
        given = given.astype(np.float64)
    widths = _widths(encoder)
    names = getattr(encoder, "feature_names_in_", None)
    frame: Any = given
    if names is not None:
        import pandas as pd

        frame = pd.DataFrame(given, columns=list(names))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of what is asked on purpose: a category it has not seen
        encoded = encoder.transform(frame)
    dense = encoded.toarray() if hasattr(encoded, "toarray") else np.asarray(encoded)
    start = sum(widths[:place])
    return cast(list[list[float]], dense[:, start : start + widths[place]].astype(np.float64).tolist())


def _widths(encoder: Any) -> list[int]:
    if _kind(encoder) == "OrdinalEncoder":
        return [1] * len(encoder.categories_)
    names = (
        encoder.get_feature_names_out([f"c{place}" for place in range(len(encoder.categories_))])
        if getattr(encoder, "feature_names_in_", None) is None
        else encoder.get_feature_names_out()
    )
    widths = list(encoder._n_features_outs)
    if sum(widths) != len(names):
        raise NoPlanError("OneHotEncoder of this form")
    return widths


def _is_missing(value: Any) -> bool:
    return value is None or bool(value != value)


def _value(item: Any) -> Value:
    plain = item.item() if hasattr(item, "item") else item
    if _is_missing(plain):
        return None
    if not isinstance(plain, str | int | float | bool):
        raise NoPlanError(f"a category that is a {type(plain).__name__}")
    return plain


def _steps(transformer: Any) -> list[Step]:
    kind = _kind(transformer)
    writer = _STEPS.get(kind)
    if writer is None:
        raise NoPlanError(f"no plan for {kind}")
    return writer(transformer)


def _arithmetic(*pairs: tuple[str, Any]) -> list[Step]:
    return [made.Arithmetic(cast(Any, op), Array.of(_float64(values))) for op, values in pairs if values is not None]


def _float64(values: Any) -> Any:
    import numpy as np

    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise NoPlanError("numbers that are no numbers") from error


def _standard(scaler: Any) -> list[Step]:
    return _arithmetic(
        ("subtract", scaler.mean_ if scaler.with_mean else None), ("divide", scaler.scale_ if scaler.with_std else None)
    )


def _min_max(scaler: Any) -> list[Step]:
    low, high = scaler.feature_range
    clip = [("maximum", low), ("minimum", high)] if scaler.clip else []
    return _arithmetic(("multiply", scaler.scale_), ("add", scaler.min_), *clip)


def _robust(scaler: Any) -> list[Step]:
    return _arithmetic(
        ("subtract", scaler.center_ if scaler.with_centering else None),
        ("divide", scaler.scale_ if scaler.with_scaling else None),
    )


def _imputer(imputer: Any) -> list[Step]:
    values = _float64(imputer.statistics_)
    import numpy as np

    if np.isnan(values).any() or not _is_missing(imputer.missing_values):
        raise NoPlanError("SimpleImputer with missing_values or columns without values")
    flags = imputer.indicator_.features_.tolist() if imputer.add_indicator else []
    return [made.Fill(Array.of(values), flags)]


def _function(transformer: Any) -> list[Step]:
    if transformer.kw_args:
        raise NoPlanError("FunctionTransformer with kw_args")
    if transformer.func is None:
        return []
    import numpy as np

    name = getattr(transformer.func, "__name__", "")
    if name not in _FUNCTIONS or getattr(np, name, None) is not transformer.func:
        raise NoPlanError(f"FunctionTransformer of {name or 'a function'}")
    return [made.Function(cast(Any, "abs" if name == "absolute" else name))]


def _selected(selector: Any) -> list[Step]:
    return [made.Pick(selector.get_support(indices=True).tolist())]


_STEPS: dict[str, Callable[[Any], list[Step]]] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": lambda scaler: _arithmetic(("divide", scaler.scale_)),
    "RobustScaler": _robust,
    "SimpleImputer": _imputer,
    "FunctionTransformer": _function,
    "VarianceThreshold": _selected,
    "SelectKBest": _selected,
    "SelectPercentile": _selected,
    "SelectFromModel": _selected,
    "RFE": _selected,
    "RFECV": _selected,
}


def _head(estimator: Any, *, sparse: bool) -> Head | Boosted:
    kind = _kind(estimator)
    writer = _HEADS.get(kind)
    if writer is None:
        raise NoPlanError(f"no plan for {kind}")
    try:
        return writer(estimator, sparse)
    except NoTreesError as error:
        raise NoPlanError(str(error)) from error


def _weights(estimator: Any, link: str, *, sparse: bool) -> Head:
    coefficients = _float64(estimator.coef_)
    if sparse and coefficients.ndim == 1:
        coefficients = coefficients.reshape(1, -1)
    return made.Linear(
        Array.of(coefficients),
        Array.of(_float64(estimator.intercept_)),
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

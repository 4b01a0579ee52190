"""Reading off fitted transformers what they do: which columns, which tables, which arithmetic, in their order.

A new transformer is one function in ``_STEPS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from nbops.bundle.plan_parts import NoPlanError, flat, float64, is_missing, kind_of, value_of
from nbops_serving import operations as made
from nbops_serving.manifest import Dtype, Signature
from nbops_serving.operations import Array, Branch, Lookup, Numbers, Step, Tables, Value

UNSEEN = "\x00 unseen"
_ENCODERS = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
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
    if transformers and kind_of(transformers[0]) == "ColumnTransformer":
        columns = transformers.pop(0)
        branches, sparse = _columns(columns, names), bool(columns.sparse_output_)
    elif encoders := [place for place, part in enumerate(transformers) if kind_of(part) in _ENCODERS]:
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
        if kind_of(part) in _ENCODERS:
            return _encoded(part, places, parts[:place], parts[place + 1 :])
    return Numbers(places, [step for part in parts for step in _steps(part)])


def _is_sparse(encoder: Any) -> bool:
    return kind_of(encoder) == "OneHotEncoder" and bool(encoder.sparse_output)


def _encoded(encoder: Any, places: list[int], before: Sequence[Any], after: Sequence[Any] = ()) -> Branch:
    """Read an encoder's tables off its own answers: whatever its options are, they are in there."""
    fills: list[Value] = [None] * len(places)
    for imputer in before:
        if kind_of(imputer) != "SimpleImputer" or imputer.add_indicator:
            raise NoPlanError(f"{kind_of(imputer)} before {kind_of(encoder)}")
        if len(imputer.statistics_) != len(places) or not is_missing(imputer.missing_values):
            raise NoPlanError("SimpleImputer with missing_values or columns without values")
        fills = [value_of(item) for item in imputer.statistics_]
    if len(encoder.categories_) != len(places) or kind_of(encoder) == "TargetEncoder":
        raise NoPlanError(f"{kind_of(encoder)} of this form")
    tables = [
        _table(encoder, place, fill, is_filled=bool(before))
        for place, fill in zip(range(len(places)), fills, strict=True)
    ]
    return Tables(places, tables, [step for part in after for step in _steps(part)])


def _table(encoder: Any, place: int, fill: Value, *, is_filled: bool) -> Lookup:
    categories = encoder.categories_[place]
    plain: list[Value] = [value_of(item) for item in categories]
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
    if kind_of(encoder) == "OrdinalEncoder":
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


def _steps(transformer: Any) -> list[Step]:
    kind = kind_of(transformer)
    writer = _STEPS.get(kind)
    if writer is None:
        raise NoPlanError(f"no plan for {kind}")
    return writer(transformer)


def _arithmetic(*pairs: tuple[str, Any]) -> list[Step]:
    return [made.Arithmetic(cast(Any, op), Array.of(float64(values))) for op, values in pairs if values is not None]


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
    values = float64(imputer.statistics_)
    import numpy as np

    if np.isnan(values).any() or not is_missing(imputer.missing_values):
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

"""Trees of XGBoost and LightGBM as nodes of an ONNX graph, for skl2onnx, which knows neither library.

The trees are those that plans are made of, so both forms are read off a model in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbops.bundle import boosters
from nbops.bundle.rung import NoRungError
from nbops.bundle.trees import NoTreesError
from nbops.optional import loaded
from nbops_serving.operations import Trees

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CLASSIFIERS = {"xgboost": ("XGBClassifier", "XGBRFClassifier"), "lightgbm": ("LGBMClassifier",)}
_OF_CLASSIFIERS = {"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True]}
"""The options of skl2onnx that it asks all classifiers for."""
_REGRESSORS = {"xgboost": ("XGBRegressor", "XGBRFRegressor"), "lightgbm": ("LGBMRegressor",)}


def is_booster(model: Any) -> bool:
    """Tell whether a model is of one of the two libraries."""
    return type(model).__module__.partition(".")[0] in _CLASSIFIERS


def register(*, is_sparse: bool) -> None:
    """Tell skl2onnx how the estimators of those libraries that are loaded become graphs.

    Args:
        is_sparse: whether the estimator is given sparse matrices, in which XGBoost takes zeros for missing.
    """
    from skl2onnx import update_registered_converter

    def convert(scope: Any, operator: Any, container: Any) -> None:
        _convert(scope, operator, container, is_sparse=is_sparse)

    from skl2onnx.common import shape_calculator as shapes

    kinds = [
        (_CLASSIFIERS, shapes.calculate_linear_classifier_output_shapes, _OF_CLASSIFIERS),
        (_REGRESSORS, shapes.calculate_linear_regressor_output_shapes, {}),
    ]
    for known, shape, options in kinds:
        for library, names in known.items():
            module = loaded(library)
            for name in names if module is not None else ():
                update_registered_converter(getattr(module, name), f"Nbops{name}", shape, convert, options=options)


def _convert(scope: Any, operator: Any, container: Any, *, is_sparse: bool) -> None:
    model = operator.raw_operator
    given = operator.inputs[0].full_name
    try:
        if "xgboost" in type(model).__module__:
            boosted = boosters.xgboost(model, is_sparse=is_sparse)
        else:
            boosted = boosters.lightgbm(model)
    except NoTreesError as error:
        raise NoRungError(str(error)) from error
    if boosted.splits:
        raise NoRungError("splits by categories")
    trees = boosted.trees
    scores = scope.get_unique_variable_name("scores")
    if trees.zero_is_missing:
        given = _without_zeros(scope, given, container)
    container.add_node(
        "TreeEnsembleRegressor",
        given,
        scores,
        op_domain="ai.onnx.ml",
        op_version=1,
        name=scope.get_unique_operator_name("trees"),
        **_attributes(trees),
    )
    if hasattr(model, "classes_"):
        _name_classes(scope, operator, container, scores, trees)
    else:
        from skl2onnx.common._apply_operation import apply_exp, apply_identity, apply_sigmoid

        link = {"exponential": apply_exp, "logistic": apply_sigmoid, "identity": apply_identity}[trees.link]
        link(scope, scores, operator.outputs[0].full_name, container)


def _without_zeros(scope: Any, given: str, container: Any) -> str:
    """Graphs have dense matrices alone: what a sparse one would leave out is made missing."""
    from onnx import TensorProto

    kept: str
    zero, nan, is_zero, kept = (scope.get_unique_variable_name(name) for name in ("zero", "nan", "is_zero", "kept"))
    container.add_initializer(zero, TensorProto.FLOAT, [1], [0.0])
    container.add_initializer(nan, TensorProto.FLOAT, [1], [float("nan")])
    name = scope.get_unique_operator_name
    container.add_node("Equal", [given, zero], is_zero, op_version=11, name=name("is_zero"))
    container.add_node("Where", [is_zero, nan, given], kept, op_version=9, name=name("without_zeros"))
    return kept


def _name_classes(scope: Any, operator: Any, container: Any, scores: str, trees: Trees) -> None:
    """Turn scores into probabilities, and those into the class that has the largest one."""
    from onnx import TensorProto
    from skl2onnx.common import _apply_operation as apply

    label, shares = (output.full_name for output in operator.outputs)
    if trees.link == "softmax":
        apply.apply_softmax(scope, scores, shares, container, axis=1)
    else:
        one, positive, negative = (scope.get_unique_variable_name(name) for name in ("one", "positive", "negative"))
        container.add_initializer(one, TensorProto.FLOAT, [1], [1.0])
        apply.apply_sigmoid(scope, scores, positive, container)
        apply.apply_sub(scope, [one, positive], negative, container, broadcast=1)
        apply.apply_concat(scope, [negative, positive], shares, container, axis=1)
    place, known = (scope.get_unique_variable_name(name) for name in ("place", "classes"))
    classes = operator.raw_operator.classes_
    is_text = classes.dtype.kind not in "biu"
    named = [str(name).encode() for name in classes.tolist()] if is_text else [int(name) for name in classes.tolist()]
    container.add_initializer(known, TensorProto.STRING if is_text else TensorProto.INT64, [len(named)], named)
    apply.apply_argmax(scope, shares, place, container, axis=1, keepdims=0)
    container.add_node("Gather", [known, place], label, op_version=1, name=scope.get_unique_operator_name("label"))


def _attributes(trees: Trees) -> dict[str, Any]:
    """Write trees in the form of ONNX: node by node, numbered anew in each tree."""
    import numpy as np

    roots, left = trees.roots.get().astype(np.int64), trees.left.get().astype(np.int64)
    place = np.arange(len(left))
    tree = np.searchsorted(roots, place, side="right") - 1
    start = roots[tree]
    is_leaf = left == place
    leaves = np.flatnonzero(is_leaf)
    return {
        "nodes_treeids": tree.tolist(),
        "nodes_nodeids": (place - start).tolist(),
        "nodes_featureids": trees.feature.get().astype(np.int64).tolist(),
        "nodes_modes": ["LEAF" if one else "BRANCH_LEQ" for one in is_leaf.tolist()],
        "nodes_values": np.where(is_leaf, 0.0, _rounded_up(trees.threshold.get())).tolist(),
        "nodes_truenodeids": np.where(is_leaf, 0, left - start).tolist(),
        "nodes_falsenodeids": np.where(is_leaf, 0, left + 1 - start).tolist(),
        "nodes_missing_value_tracks_true": np.where(is_leaf, 0, 1 - trees.missing_right.get()).tolist(),
        "target_treeids": tree[leaves].tolist(),
        "target_nodeids": (leaves - start[leaves]).tolist(),
        "target_ids": np.array(trees.outputs, dtype=np.int64)[tree[leaves]].tolist(),
        "target_weights": _said_at(trees, leaves).tolist(),
        "n_targets": len(trees.baseline.get()),
        "base_values": trees.baseline.get().astype(np.float64).tolist(),
        "aggregate_function": "SUM",
        "post_transform": "NONE",
    }


def _said_at(trees: Trees, leaves: NDArray[Any]) -> NDArray[Any]:
    values = trees.values.get()[:, 0]
    said: NDArray[Any] = values[leaves if trees.value_of is None else trees.value_of.get()[leaves]]
    return said


def _rounded_up(thresholds: NDArray[Any]) -> NDArray[Any]:
    """Round to single precision, never below: what is at most the threshold is so in single precision, too."""
    import numpy as np

    single = thresholds.astype(np.float32)
    return np.where(single < thresholds, np.nextafter(single, np.float32(np.inf)), single)

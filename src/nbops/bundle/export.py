"""A model of scikit-learn, XGBoost or LightGBM as an ONNX graph, where skl2onnx can write it.

ONNX computes in single precision: a threshold may fall on the other side of a value, and histogram boosting has been
seen 0.08 wrong on some rows. So nothing here is believed; the ladder's gate compares the graph with the model's own
answers.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from nbops.bundle.evidence import Evidence
from nbops.bundle.rung import NoRungError
from nbops.records import ModelVersion
from nbops_serving import rungs
from nbops_serving.inputs import input_builder
from nbops_serving.manifest import Signature

_FAR, _MOST_FAR = 1e9, 20
"""How far outside a graph has to hold, in ranges of the column, and on how many rows that is tried."""
_ULPS = 4
"""Steps of single precision by which a scaled value may come out above its threshold."""
_TEXTS = ("text", "category")
_NEEDED = ("skl2onnx", "onnxruntime")


class NoExportError(NoRungError):
    """A model cannot be written as ONNX, or not here."""


class OnnxRung:
    """The model as a graph that onnxruntime runs."""

    tolerance = 1e-5  # a graph computes in single precision
    packages: Sequence[str] = ("onnxruntime",)
    open = staticmethod(rungs.RUNGS["onnx"])

    def build(self, model: Any, version: ModelVersion, evidence: Evidence | None) -> dict[str, bytes]:
        """Write the graph; NoExportError where there is no converter for some part of the model."""
        if version.signature.takes not in ("frame", "array"):
            raise NoExportError("the model takes something else than a table of numbers and texts")
        graph = export(model, version.signature, name=version.model)
        if evidence is not None:
            _hold_far_outside(model, graph, version.signature, evidence)
        return {rungs.ONNX_FILE: graph}


def _hold_far_outside(model: Any, graph: bytes, signature: Signature, evidence: Evidence) -> None:
    """Refuse a graph that answers otherwise where numbers are so large that single precision loses their differences.

    A distance to a neighbour or to a centre is such a difference; a time in the wrong unit is such a number.
    """
    from nbops.bundle.evidence import Evidence, ask
    from nbops.bundle.ladder import prove

    rows = _far_rows(signature, evidence.rows[0]) if evidence.rows else []
    if not rows:
        return
    given = input_builder(signature, evidence.dtypes)([tuple(row) for row in rows])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the rows are odd on purpose
            answers = ask(model, given)
    except Exception:  # noqa: BLE001 - the user's own model: having no answer for such rows is an answer
        return
    opened = rungs.Onnx(graph, signature, has_probabilities=bool(answers.probabilities))
    prove(opened, Evidence(rows, answers, evidence.dtypes), tolerance=OnnxRung.tolerance, single=False)


def _far_rows(signature: Signature, start: Sequence[Any]) -> list[list[Any]]:
    """For some numbers, the same row with a value far below and one far above what was seen."""
    made = []
    for place, column in enumerate(signature.columns):
        if column.kind in ("number", "integer") and column.minimum is not None and column.maximum is not None:
            far = _FAR * max(column.maximum - column.minimum, 1.0)
            value = int(min(far, 2.0**62)) if column.kind == "integer" else far
            made += [[*start[:place], sign * value, *start[place + 1 :]] for sign in (-1, 1)]
    return made[:_MOST_FAR]


def export(model: Any, signature: Signature, *, name: str) -> bytes:
    """Write a fitted model as ONNX.

    Args:
        model: an estimator or pipeline of scikit-learn, XGBoost or LightGBM.
        signature: what it takes; one input per column for a DataFrame, one for all for an array.
        name: of the graph.

    Returns:
        Bytes of the graph; its first output is the prediction, its second the probabilities where there are any.

    Raises:
        NoExportError: a library is missing, or there is no converter for some part of the model.
    """
    missing = [library for library in _NEEDED if importlib.util.find_spec(library) is None]
    if missing:
        raise NoExportError(f"needs {' and '.join(missing)}: pip install 'nbops[onnx]'")
    if signature.takes == "rows" or any(column.kind == "datetime" for column in signature.columns):
        raise NoExportError("the model takes something else than a table of numbers and texts")
    if not hasattr(model, "get_params"):
        raise NoExportError(f"a {type(model).__qualname__} is no estimator of scikit-learn")
    import skl2onnx

    from nbops.bundle import booster_graphs

    model = best_of(model)
    if booster_graphs.is_booster(model) and any(column.kind in _TEXTS for column in signature.columns):
        raise NoExportError(f"a {type(model).__qualname__} that takes categories as they are")
    booster_graphs.register(is_sparse=_gives_sparse(model))
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = skl2onnx.convert_sklearn(
                model,
                name,
                _inputs(model, signature),
                options=options,
                custom_conversion_functions=_of_histogram_boosting(),
            )
    except Exception as error:
        said = " ".join(str(error).split()).partition(" You may raise an issue")[0][:200]
        raise NoExportError(f"{type(error).__name__}: {said}") from error
    _use_plain_locale(graph)
    data: bytes = graph.SerializeToString(deterministic=True)
    return data


def _of_histogram_boosting() -> dict[type, Any]:
    """skl2onnx's own conversions, with attributes that onnx takes: it refuses numpy's integers among them."""
    import sklearn.ensemble as ensemble
    from skl2onnx.common._registration import get_converter

    def plainly(convert: Any) -> Any:
        return lambda scope, operator, container: convert(scope, operator, _PlainAttributes(container))

    kinds = (ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor)
    return {kind: plainly(get_converter(f"Sklearn{kind.__name__}")) for kind in kinds}


class _PlainAttributes:
    """A container of ONNX nodes whose attributes are Python's own numbers."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, op_type: str, inputs: Any, outputs: Any, **attributes: Any) -> Any:
        plain = {name: _plain_numbers(value) for name, value in attributes.items()}
        if "nodes_values" in plain:
            plain["nodes_values"] = _raised(plain)
        return self._container.add_node(op_type, inputs, outputs, **plain)


def _plain_numbers(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    plain = [item.item() if hasattr(item, "item") else item for item in value]
    return [int(item) if isinstance(item, bool) else item for item in plain]


def _raised(nodes: Mapping[str, Any]) -> Any:
    """Thresholds of histograms are often values of the training data: in single precision these must stay below.

    How far a value may be rounded up hangs on the size of its column, not on its own: scaling subtracts the mean first.
    """
    import numpy as np

    raised = np.array(nodes["nodes_values"], dtype=np.float32)
    features, is_branch = np.array(nodes["nodes_featureids"]), np.array(nodes["nodes_modes"]) != "LEAF"
    for feature in np.unique(features[is_branch]):
        of_it = is_branch & (features == feature)
        size = np.maximum(np.abs(raised[of_it]), np.median(np.abs(raised[of_it])))
        raised[of_it] += np.float32(_ULPS) * np.spacing(size)
    return raised


def _use_plain_locale(graph: Any) -> None:
    """Lower-case texts by Unicode's own rules: the usual locale is one that small systems do not have."""
    from onnx import helper

    for node in graph.graph.node:
        if node.op_type == "StringNormalizer":
            others = [attribute for attribute in node.attribute if attribute.name != "locale"]
            del node.attribute[:]
            node.attribute.extend([*others, helper.make_attribute("locale", "C.UTF-8")])


def best_of(model: Any) -> Any:
    """Return the estimator that a finished search answers with, or the model itself."""
    return getattr(model, "best_estimator_", model)


def _inputs(model: Any, signature: Signature) -> list[tuple[str, Any]]:
    """One input for each column where the model picks columns by name, else one matrix for all of them."""
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    if not _picks_columns(model) and not any(column.kind in _TEXTS for column in signature.columns):
        return [("X", FloatTensorType([None, len(signature.columns)]))]
    return [
        (column.name, StringTensorType([None, 1]) if column.kind in _TEXTS else FloatTensorType([None, 1]))
        for column in signature.columns
    ]


def _gives_sparse(model: Any) -> bool:
    """Tell whether the last step of a pipeline is given a sparse matrix."""
    before = [step for _, step in getattr(model, "steps", [])[:-1]]
    if not before:
        return False
    return bool(getattr(before[-1], "sparse_output_", getattr(before[-1], "sparse_output", False)))


def _picks_columns(model: Any) -> bool:
    steps = getattr(model, "steps", None)
    return _picks_columns(steps[0][1]) if steps else hasattr(model, "transformers_")

"""A scikit-learn model as an ONNX graph, where skl2onnx can write it.

ONNX computes in single precision: a threshold may fall on the other side of a value, and histogram boosting has been
seen 0.08 wrong on some rows. So nothing here is believed; the ladder's gate compares the graph with the model's own
answers.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any

from nbops.bundle.evidence import Evidence
from nbops.bundle.rung import NoRungError
from nbops.records import ModelVersion
from nbops_serving import rungs
from nbops_serving.manifest import Signature

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
        return {rungs.ONNX_FILE: export(model, version.signature, name=version.model)}


def export(model: Any, signature: Signature, *, name: str) -> bytes:
    """Write a fitted model as ONNX.

    Args:
        model: a scikit-learn estimator or pipeline.
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
    if signature.takes not in ("frame", "array") or any(column.kind == "datetime" for column in signature.columns):
        raise NoExportError("the model takes something else than a table of numbers and texts")
    import skl2onnx

    model = best_of(model)

    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = skl2onnx.convert_sklearn(model, name, _inputs(model, signature), options=options)
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise NoExportError(f"{type(error).__name__}: {said}") from error
    data: bytes = graph.SerializeToString(deterministic=True)
    return data


def best_of(model: Any) -> Any:
    """Return the estimator that a finished search answers with, or the model itself."""
    return getattr(model, "best_estimator_", model)


def _inputs(model: Any, signature: Signature) -> list[tuple[str, Any]]:
    """One input for each column where the model picks columns by name, else one matrix for all of them."""
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    texts = ("text", "category")
    if not _picks_columns(model) and not any(column.kind in texts for column in signature.columns):
        return [("X", FloatTensorType([None, len(signature.columns)]))]
    return [
        (column.name, StringTensorType([None, 1]) if column.kind in texts else FloatTensorType([None, 1]))
        for column in signature.columns
    ]


def _picks_columns(model: Any) -> bool:
    steps = getattr(model, "steps", None)
    return _picks_columns(steps[0][1]) if steps else hasattr(model, "transformers_")

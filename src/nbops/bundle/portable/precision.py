"""Graphs whose tables of weights take less room: half precision, or eight bits with a scale per column.

Only what is stored changes. A node in front of each table turns it back, and everything is computed in single
precision, so that any graph and any runtime can have it.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from nbops.bundle.export import NoExportError

Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

TOLERANCES: dict[str, float] = {"float32": 1e-5, "float16": 5e-3, "int8": 5e-2}
"""Largest difference from the notebook's answers: absolute for probabilities, for numbers relative to the answer or to
the spread of the answers, whichever is larger."""
FEWEST_WEIGHTS = 64
"""Smaller tables stay as they are: the node that turns them back would take as much."""


def stored_as(graph: bytes, precision: Precision) -> bytes:
    """Store the tables of a graph in another precision.

    Args:
        graph: an ONNX model.
        precision: ``float32`` leaves it as it is.

    Returns:
        The bytes of the smaller graph.

    Raises:
        NoExportError: it has no table of weights that would become smaller.
    """
    if precision == "float32":
        return graph
    import onnx

    model = onnx.load_from_string(graph)
    kept, front = [], []
    for table in model.graph.initializer:
        values = onnx.numpy_helper.to_array(table)
        if values.dtype != "float32" or values.size < FEWEST_WEIGHTS:
            kept.append(table)
            continue
        tables, node = (_halved if precision == "float16" else _scaled)(table.name, values)
        kept += tables
        front.append(node)
    if not front:
        raise NoExportError(
            f"there is nothing to hold in {precision}: its numbers are in {', '.join(_kinds(model))}, "
            "which ONNX keeps in single precision"
        )
    nodes = [*front, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    smaller: bytes = model.SerializeToString(deterministic=True)
    return smaller


def _halved(name: str, values: Any) -> tuple[list[Any], Any]:
    import numpy as np
    import onnx

    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and the comparison of answers finds it
        table = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.float16")
    return [table], onnx.helper.make_node("Cast", [table.name], [name], to=onnx.TensorProto.FLOAT)


def _scaled(name: str, values: Any) -> tuple[list[Any], Any]:
    """Eight bits for each value, and a scale for each column: columns of one table may be of different sizes."""
    import numpy as np
    import onnx

    rest = tuple(range(values.ndim - 1)) if values.ndim > 1 else None
    scale = np.abs(values).max(axis=rest) / 127
    scale = np.where(scale == 0, 1, scale).astype(np.float32)
    whole = np.rint(values / scale).clip(-127, 127).astype(np.int8)
    tables = [
        onnx.numpy_helper.from_array(whole, f"{name}.int8"),
        onnx.numpy_helper.from_array(scale, f"{name}.scale"),
    ]
    inputs = [table.name for table in tables]
    return tables, onnx.helper.make_node("DequantizeLinear", inputs, [name], axis=max(values.ndim - 1, 0))


def _kinds(model: Any) -> list[str]:
    """The nodes of ONNX's extension for classical models, which hold numbers themselves."""
    return sorted({node.op_type for node in model.graph.node if node.domain == "ai.onnx.ml"}) or ["small tables"]

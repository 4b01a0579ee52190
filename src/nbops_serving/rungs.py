"""How a bundle's model is computed: the rungs of the ladder, fastest first, each with the same answers.

``plan`` applies the pipeline's numbers to plain arrays, ``onnx`` runs an exported graph, ``original`` calls the
estimator itself. Which one serves was decided, and proven on training rows, when the bundle was made. Other packages
bring rungs under the entry point group ``nbops.rungs``; of those only ``open`` is called here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from nbops_serving.bundle import Contents
from nbops_serving.loading import load_model
from nbops_serving.manifest import Dtype, Manifest, Signature
from nbops_serving.plan import Answer, CompiledPlan, read_plan
from nbops_serving.rows import Row, utc
from nbops_serving.seams import joined
from nbops_serving.table import columns_of

PLAN_FILE = "plan.msgpack"
ONNX_FILE = "model.onnx"


class Rung(Protocol):
    """Something that answers rows."""

    is_light: bool
    """Whether a single row is so cheap that gathering rows of several requests would cost more."""

    def answer(self, rows: Sequence[Row]) -> Answer:
        """Answer rows, all of them or none: it raises when the model has no answer for one."""
        ...


def open_rung(bundle: Contents) -> Rung:
    """Build the rung that the manifest names.

    Args:
        bundle: the opened bundle; its own modules must be importable.

    Returns:
        The rung, ready to answer.

    Raises:
        NotInstalledError: neither this server nor an installed package has such a rung.
    """
    name = bundle.manifest.rung
    opener = RUNGS.get(name) or joined("nbops.rungs", name, own=list(RUNGS)).open
    opened: Rung = opener(bundle)
    return opened


class Original:
    """The estimator or function itself.

    Args:
        model: anything with ``predict``, or a function of one argument.
        manifest: what it takes, and how its input was held in training.
    """

    is_light = False

    def __init__(self, model: Any, manifest: Manifest) -> None:
        self._model = model
        self._build = input_builder(manifest.signature, manifest.dtypes)
        self._classes = manifest.signature.classes
        self._has_probabilities = manifest.has_probabilities
        self._follow = manifest.classes_follow_probabilities and self._classes is not None
        _use_one_thread(model)

    def answer(self, rows: Sequence[Row]) -> Answer:
        given = self._build(rows)
        if not self._has_probabilities:
            return Answer(plain(predict_of(self._model)(given), len(rows)))
        probabilities = self._model.predict_proba(given)
        if self._follow and self._classes is not None:
            predictions = [self._classes[place] for place in probabilities.argmax(axis=1).tolist()]
        else:
            predictions = plain(self._model.predict(given), len(rows))
        return Answer(predictions, plain(probabilities, len(rows)))


def predict_of(model: Any) -> Callable[[Any], Any]:
    """Return what answers rows: ``predict``, or the function that the model is.

    XGBoost's own boosters take a matrix of their own there, and what everybody else takes under another name.
    """
    for name in ("inplace_predict", "predict"):
        if hasattr(model, name):
            found: Callable[[Any], Any] = getattr(model, name)
            return found
    call: Callable[[Any], Any] = model
    return call


def _use_one_thread(model: Any) -> None:
    """Let an estimator answer in this thread: starting others costs more than one row, and reorders sums."""
    if not hasattr(model, "get_params") or not hasattr(model, "set_params"):
        return
    threads = {name: 1 for name, value in model.get_params().items() if name.endswith("n_jobs") and value is not None}
    if threads:
        model.set_params(**threads)


def plain(outcome: Any, count: int) -> list[Any]:
    """Turn what a model returned into plain Python values, one per row.

    Args:
        outcome: an array, a Series, a DataFrame or a list.
        count: how many rows were asked.

    Returns:
        Values that JSON can carry; a dict per row for a DataFrame.

    Raises:
        TypeError: the outcome does not have one value per row.

    Example:
        >>> import numpy as np
        >>> plain(np.array([1, 2]), 2)
        [1, 2]
    """
    if hasattr(outcome, "to_dict") and hasattr(outcome, "columns"):
        outcome = outcome.to_dict("records")
    values = outcome.tolist() if hasattr(outcome, "tolist") else outcome
    if not isinstance(values, list | tuple) or len(values) != count:
        said = f"{len(values)} values" if isinstance(values, list | tuple) else f"a {type(values).__name__}"
        raise TypeError(f"the model returned {said} for {count} rows")
    return [_plain(value) for value in values]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def input_builder(signature: Signature, dtypes: list[Dtype]) -> Callable[[Sequence[Row]], Any]:
    """Return what makes the model's own kind of input from rows: a DataFrame, an array or a list of dicts.

    Args:
        signature: the columns, and in which form the model takes them.
        dtypes: how each column was held in training; the usual one for its kind when empty.

    Returns:
        A function from rows to the input of ``predict``.
    """
    names = [column.name for column in signature.columns]
    if signature.takes == "rows":
        return lambda rows: [dict(zip(names, row, strict=True)) for row in rows]
    if signature.takes == "array":
        return _array_builder(dtypes)
    held = dtypes or [Dtype(name=_USUAL[column.kind]) for column in signature.columns]
    if signature.takes in ("series", "values"):
        return _single_builder(names[0], held[0], is_series=signature.takes == "series")

    def frame(rows: Sequence[Row]) -> Any:
        import pandas as pd

        return pd.DataFrame(
            {name: _column(values, dtype) for name, dtype, values in zip(names, held, columns_of(rows), strict=True)}
        )

    return frame


def _single_builder(name: str, dtype: Dtype, *, is_series: bool) -> Callable[[Sequence[Row]], Any]:
    def series(rows: Sequence[Row]) -> Any:
        import pandas as pd

        return pd.Series(_column(tuple(row[0] for row in rows), dtype), name=name)

    def values(rows: Sequence[Row]) -> Any:
        import numpy as np

        # a text longer than any of training must not be cut to their width
        width = "O" if dtype.name.startswith(("str", "<U", "object")) else dtype.name
        return np.array([row[0] for row in rows], dtype=width)

    return series if is_series else values


_USUAL = {
    "number": "float64",
    "integer": "int64",
    "boolean": "bool",
    "text": "str",
    "category": "str",
    "datetime": "datetime64[us]",
}


def _array_builder(dtypes: list[Dtype]) -> Callable[[Sequence[Row]], Any]:
    import numpy as np

    dtype = np.dtype(dtypes[0].name) if dtypes else np.dtype(np.float64)
    return lambda rows: np.array(list(rows), dtype=dtype)


def _column(values: Sequence[Any], dtype: Dtype) -> Any:
    import numpy as np
    import pandas as pd

    name = dtype.name
    if name == "category":
        known = dtype.categories or []
        # a category that training never saw has no code: it reaches the model as a missing value
        present = [value if value in known else None for value in values]
        return pd.Categorical(present, categories=pd.Index(known), ordered=dtype.is_ordered)
    if name.startswith("datetime64"):
        moments: Any = pd.to_datetime([None if value is None else utc(value) for value in values])  # type: ignore[arg-type]
        zoned = name.endswith("]") and "," in name
        return moments.tz_localize("UTC").astype(name) if zoned else moments.astype(name)
    if name == "object":
        filled = np.empty(len(values), dtype=object)
        filled[:] = [math.nan if value is None else value for value in values]
        return filled
    if (name[0] in "fiu" and name[-1].isdigit()) or name == "bool":
        return np.array(values, dtype=name)
    nullable: Any = pd.array
    return nullable(list(values), dtype=name)


class Onnx:
    """An exported graph, run by onnxruntime.

    Args:
        graph: bytes of the ONNX model.
        signature: what it takes; its classes are what the graph's labels stand for.
        has_probabilities: whether the graph's second output is wanted.
    """

    is_light = False

    def __init__(self, graph: bytes, signature: Signature, *, has_probabilities: bool) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = (
            1  # one row needs no help, and workers share cores
        )
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._names = [one.name for one in self._session.get_inputs()]
        self._is_text = [one.type == "tensor(string)" for one in self._session.get_inputs()]
        self._classes = signature.classes
        outputs = [one.name for one in self._session.get_outputs()]
        self._wanted = outputs[:2] if has_probabilities else outputs[:1]

    def answer(self, rows: Sequence[Row]) -> Answer:
        label, *rest = self._session.run(self._wanted, self._feed(rows))
        predictions = plain(label.reshape(-1) if label.size == len(rows) else label, len(rows))
        if self._classes is not None and self._classes and isinstance(self._classes[0], bool):
            predictions = [bool(value) for value in predictions]  # ONNX has no labels that are true or false
        return Answer(predictions, plain(rest[0], len(rows)) if rest else None)

    def _feed(self, rows: Sequence[Row]) -> dict[str, Any]:
        import numpy as np

        if len(self._names) == 1 and len(rows[0]) != 1:
            return {self._names[0]: np.array(list(rows), dtype=np.float32)}
        columns = zip(self._names, self._is_text, columns_of(rows), strict=True)
        return {
            name: np.array(values, dtype=object if is_text else np.float32).reshape(-1, 1)
            for name, is_text, values in columns
        }


def _open_plan(bundle: Contents) -> Rung:
    return CompiledPlan(read_plan(bundle.read(PLAN_FILE)))


def _open_original(bundle: Contents) -> Rung:
    return Original(load_model(bundle), bundle.manifest)


def _open_onnx(bundle: Contents) -> Rung:
    manifest = bundle.manifest
    return Onnx(bundle.read(ONNX_FILE), manifest.signature, has_probabilities=manifest.has_probabilities)


RUNGS: dict[str, Callable[[Contents], Rung]] = {
    "plan": _open_plan,
    "onnx": _open_onnx,
    "original": _open_original,
}

"""How a bundle's model is computed: the rungs of the ladder, fastest first, each with the same answers.

``plan`` applies the pipeline's numbers to plain arrays, ``onnx`` runs an exported graph, ``original`` calls the
estimator itself. Which one serves was decided, and proven on training rows, when the bundle was made. Other packages
bring rungs under the entry point group ``nbops.rungs``; of those only ``open`` is called here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from nbops_serving.answers import Answer
from nbops_serving.bundle import Contents
from nbops_serving.inputs import input_builder
from nbops_serving.loading import load_model
from nbops_serving.manifest import Manifest, Signature
from nbops_serving.operations import Preparation
from nbops_serving.plan import CompiledPlan, read_plan
from nbops_serving.preparation import PREPARATION_FILE, Prepared, read_preparation, rest_of
from nbops_serving.rows import Row
from nbops_serving.seams import joined
from nbops_serving.several import Several
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
        preparation: what was proven to come out of a pipeline's first steps, so that they need not be called.
    """

    is_light = False

    def __init__(self, model: Any, manifest: Manifest, preparation: Preparation | None = None) -> None:
        self._model, self._manifest = model, manifest
        self._build = input_builder(manifest.signature, manifest.dtypes)
        self._prepare = None if preparation is None else Prepared(preparation)
        self._rest = None if preparation is None else rest_of(model, preparation.replaces)
        self._classes = manifest.signature.classes
        self._has_probabilities = manifest.has_probabilities
        self._follow = manifest.classes_follow_probabilities and self._classes is not None
        _use_one_thread(model)

    def beside(self, files: Mapping[str, bytes]) -> Original:
        """Return the same model, asked the way that the files beside it in a bundle allow."""
        data = files.get(PREPARATION_FILE)
        return self if data is None else Original(self._model, self._manifest, read_preparation(data))

    def answer(self, rows: Sequence[Row]) -> Answer:
        given = None if self._prepare is None else self._prepare(rows)
        if given is None:
            return self._ask(self._model, self._build(rows), len(rows))
        return self._ask(self._rest, given, len(rows))

    def _ask(self, model: Any, given: Any, count: int) -> Answer:
        if not self._has_probabilities:
            return Answer(plain(predict_of(model)(given), count))
        probabilities = model.predict_proba(given)
        if self._follow and self._classes is not None:
            predictions = [self._classes[place] for place in probabilities.argmax(axis=1).tolist()]
        else:
            predictions = plain(predict_of(model)(given), count)
        return Answer(predictions, plain(probabilities, count))


_ASKED = ("inplace_predict", "predict", "predict_proba", "transform")
"""How models are asked, the first that one has; XGBoost's own boosters take a matrix of their own in ``predict``."""


def is_model(candidate: Any) -> bool:
    """Tell whether something can be asked for answers.

    Example:
        >>> is_model(abs), is_model(3)
        (True, False)
    """
    if callable(candidate) or any(hasattr(candidate, name) for name in _ASKED[:-1]):
        return True
    return hasattr(candidate, "transform") and hasattr(candidate, "fit")  # a DataFrame has the first, too


def predict_of(model: Any) -> Callable[[Any], Any]:
    """Return what answers rows: ``predict``, what stands for it where there is none, or the function that it is."""
    name = next((name for name in _ASKED if hasattr(model, name)), None)
    if name == "predict_proba":
        return lambda given: _likeliest(model, model.predict_proba(given))
    found: Callable[[Any], Any] = model if name is None else getattr(model, name)
    return found


def _likeliest(model: Any, probabilities: Any) -> list[Any]:
    """Return every row's class of the largest probability, or its place where the model does not name its classes."""
    classes = getattr(model, "classes_", None)
    places = [max(range(len(row)), key=row.__getitem__) for row in plain(probabilities, len(probabilities))]
    if classes is None:
        return places
    names = plain(classes, len(classes))
    return [names[place] for place in places]


def _use_one_thread(model: Any) -> None:
    """Let an estimator answer in this thread: starting others costs more than one row, and reorders sums."""
    if isinstance(model, Several):
        for each in model.models.values():
            _use_one_thread(each)
    if not hasattr(model, "get_params") or not hasattr(model, "set_params"):
        return
    threads = {name: 1 for name, value in model.get_params().items() if name.endswith("n_jobs") and value is not None}
    if threads:
        model.set_params(**threads)


def plain(outcome: Any, count: int) -> list[Any]:
    """Turn what a model returned into plain Python values, one per row.

    Args:
        outcome: an array, a sparse matrix, a Series, a DataFrame or a list.
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
    if hasattr(outcome, "toarray"):
        outcome = outcome.toarray()
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
    beside = {name: bundle.read(name) for name in bundle.manifest.files if name == PREPARATION_FILE}
    return Original(load_model(bundle), bundle.manifest).beside(beside)


def _open_onnx(bundle: Contents) -> Rung:
    manifest = bundle.manifest
    return Onnx(bundle.read(ONNX_FILE), manifest.signature, has_probabilities=manifest.has_probabilities)


RUNGS: dict[str, Callable[[Contents], Rung]] = {
    "plan": _open_plan,
    "onnx": _open_onnx,
    "original": _open_original,
}

"""Answer rows with model.onnx: ``python predict.py rows.json``, or ``python predict.py --self-test``.

Needs onnxruntime and numpy alone, see requirements.txt. As a module: ``Model().predict([{"age": 31}])``.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TEXTS = ("text", "category")


class RowError(ValueError):
    """A row that the model cannot answer; the message says which field and what was expected."""


class Model:
    """The exported model.

    Args:
        folder: where model.onnx and signature.json are.
    """

    def __init__(self, folder: str | Path = HERE) -> None:
        import onnxruntime

        self.folder = Path(folder)
        self.signature = json.loads((self.folder / "signature.json").read_text("utf-8"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a few rows need no help
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(self.folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        outputs = [one.name for one in self._session.get_outputs()]
        self._wanted = outputs[: 2 if self.signature["has_probabilities"] else 1]

    def predict(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Answer rows, all of them or none.

        Args:
            rows: one dict per row, a field per column of signature.json; None or no field where a value is missing.

        Returns:
            ``predictions``, one per row, and ``probabilities`` in the order of ``classes`` where the model has them.

        Raises:
            RowError: a field is missing, of another kind, or a category that the model has no answer for.
        """
        if not rows:
            return {"predictions": []}
        columns = [
            [_value(column, row, place, self.signature["refused"]) for place, row in enumerate(rows)]
            for column in self.signature["columns"]
        ]
        label, *rest = self._session.run(self._wanted, self._feed(columns))
        answer = {"predictions": self._labels(label.reshape(-1) if label.size == len(rows) else label)}
        if rest:
            answer["probabilities"] = rest[0].tolist()
        return answer

    def _feed(self, columns: list[list[Any]]) -> dict[str, Any]:
        import numpy as np

        inputs = self._session.get_inputs()
        if len(inputs) == 1 and len(columns) != 1:
            return {inputs[0].name: np.array(columns, dtype=np.float32).T.copy()}
        return {
            one.name: np.array(values, dtype=object if one.type == "tensor(string)" else np.float32).reshape(-1, 1)
            for one, values in zip(inputs, columns)  # noqa: B905 - Python 3.9 reads this, too
        }

    def _labels(self, label: Any) -> list[Any]:
        values: list[Any] = label.tolist()
        classes = self.signature["classes"]
        # ONNX has no labels that are true or false.
        return [bool(value) for value in values] if classes and isinstance(classes[0], bool) else values

    def self_test(self, examples: str | Path | None = None) -> dict[str, Any]:
        """Answer the example rows one by one and compare with the notebook's answers.

        Args:
            examples: JSON file with ``rows``, ``predictions`` and ``probabilities``; examples.json when not given.

        Returns:
            How many ``rows`` there are, how many ``differ`` by more than ``tolerance``, the ``worst`` difference (None
            where it has no size), and which row has it.
        """
        known = json.loads(Path(examples or self.folder / "examples.json").read_text("utf-8"))
        tolerance = self.signature["tolerance"]
        distances = []
        for place, row in enumerate(known["rows"]):
            found = self.predict([row])
            shares = known["probabilities"][place] if known["probabilities"] else None
            distance = self._distance(known["predictions"][place], found["predictions"][0], shares)
            distances.append(max(distance, _largest(shares, found.get("probabilities", [None])[0])))
        worst = max(distances)
        return {
            "rows": len(distances),
            "differ": sum(not distance <= tolerance for distance in distances),
            "worst": worst if math.isfinite(worst) else None,
            "worst_row": distances.index(worst),
            "tolerance": tolerance,
        }

    def _distance(self, expected: Any, found: Any, shares: list[float] | None) -> float:
        if self.signature["classes"] is not None:
            if expected == found:
                return 0.0
            # Between two classes that are almost as likely as each other, rounding decides.
            top = sorted(shares or [], reverse=True)[:2]
            return top[0] - top[1] if len(top) == 2 else math.inf
        one, other = (value if isinstance(value, list) else [value] for value in (expected, found))
        return max((_relative(a, b, self.signature["spread"]) for a, b in zip(one, other)), default=0.0)  # noqa: B905 - as above


def _value(column: dict[str, Any], row: dict[str, Any], place: int, refused: list[str]) -> Any:
    name, kind, value = column["name"], column["kind"], row.get(column["name"])
    if value is None:
        if kind in TEXTS or not column.get("optional"):
            raise RowError(f"row {place}, field {name!r}: is missing")
        return math.nan
    if kind in TEXTS:
        if not isinstance(value, str):
            raise RowError(f"row {place}, field {name!r}: {value!r} is no text")
        if name in refused and value not in column["categories"]:
            raise RowError(f"row {place}, field {name!r}: {value!r} was not seen in training")
        return value
    wanted: Any = bool if kind == "boolean" else (int, float)
    if not isinstance(value, wanted) or (kind != "boolean" and isinstance(value, bool)):
        raise RowError(f"row {place}, field {name!r}: {value!r} is no {kind}")
    return float(value)


def _relative(expected: Any, found: Any, spread: float) -> float:
    if expected is None or isinstance(expected, str) or isinstance(found, str):
        return 0.0 if expected == found or (expected is None and found != found) else math.inf
    distance = abs(expected - found)
    return float(distance / max(abs(expected), spread, sys.float_info.min)) if distance else 0.0


def _largest(expected: list[float] | None, found: list[float] | None) -> float:
    if expected is None or found is None:
        return 0.0 if expected is found else math.inf
    return max(abs(one - other) for one, other in zip(expected, found))  # noqa: B905 - as above


def _peak_bytes() -> int | None:
    """The most memory this process has held; None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where the other way counts what the parent process held before this one began
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def main() -> int:
    """Read the command line, answer, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", help='JSON file with a list of objects or {"rows": […]}; - for stdin')
    parser.add_argument(
        "--self-test",
        nargs="?",
        const=str(HERE / "examples.json"),
        metavar="FILE",
        help="compare with the notebook's own answers, to the rows of examples.json when no other are given",
    )
    given = parser.parse_args()
    if given.self_test is not None:
        found = Model().self_test(given.self_test)
        sys.stdout.write(json.dumps({**found, "peak_memory_bytes": _peak_bytes()}) + "\n")
        return 1 if found["differ"] else 0
    if given.rows is None:
        parser.error("give a JSON file with rows, or --self-test")
    text = sys.stdin.read() if given.rows == "-" else Path(given.rows).read_text("utf-8")
    document = json.loads(text)
    try:
        answer = Model().predict(document["rows"] if isinstance(document, dict) else document)
    except RowError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

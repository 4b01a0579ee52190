"""The forms in which rows may come and answers may go: our own, the Open Inference Protocol, MLflow's, CSV, Arrow.

Each form is a function from a request to rows and one from an answer to bytes. All of them end in the same ``Reader``,
so a row is checked alike however it came.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from nbops_serving.answers import Answer
from nbops_serving.arrow import read_arrow
from nbops_serving.headers import JSON, Asked
from nbops_serving.manifest import Column, Manifest
from nbops_serving.problems import Refusal, Violation, invalid_rows
from nbops_serving.rows import MOST_LISTED, Note, Reader, Row, parse

CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"


class Wanted(msgspec.Struct, frozen=True):
    """An output that a client asks for by name."""

    name: str
    is_binary: bool


class Read(msgspec.Struct, frozen=True):
    """Rows that were checked."""

    rows: Sequence[Row]
    notes: list[Note]
    client_id: str = ""
    """The id that the client gave inside the body."""
    wanted: list[Wanted] = []
    """What the client asks to be given; everything, as JSON, when empty."""


def read_batch(reader: Reader, asked: Asked, body: bytes) -> Read:
    """Read rows as our own JSON, as CSV or as an Arrow stream, by the media type."""
    rows: Sequence[Row]
    if asked.media == JSON:
        rows, notes = reader.read(body)
    elif asked.media == CSV:
        rows, notes = reader.check(csv_rows(body, reader.signature.columns))
    elif asked.media in (ARROW, ARROW_FILE):
        rows, notes = read_arrow(reader, body)
    else:
        raise Refusal(415, "media_type", f"send the rows as {JSON}, {CSV} or {ARROW}")
    return Read(rows, notes)


def csv_rows(body: bytes, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Read CSV with a header line; an empty field is a missing value.

    Args:
        body: UTF-8 text.
        columns: the signature's, which say how a field's text is to be understood.

    Returns:
        One dict per line.

    Raises:
        Refusal: the text is not UTF-8, has no header, or a line of another length.

    Example:
        >>> csv_rows(b"age,city\\n3,Oslo", [Column(name="age", kind="integer")])
        [{'age': 3, 'city': 'Oslo'}]
    """
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = next(lines, [])
        if not header or len(set(header)) != len(header):
            raise Refusal(400, "csv_invalid", "the first line must name each column once")
        if not {column.name for column in columns}.intersection(header):
            said = "the first line names none of the model's columns; they are separated by commas"
            raise Refusal(400, "csv_invalid", said)
        readers = {column.name: FROM_TEXT[column.kind] for column in columns}
        found = []
        for number, line in enumerate(lines):
            if not line:
                continue
            if len(line) != len(header):
                said = f"line {number + 2} has {len(line)} fields, the header has {len(header)}"
                raise Refusal(400, "csv_invalid", said)
            found.append({name: readers.get(name, _text)(text) for name, text in zip(header, line, strict=True)})
    except UnicodeDecodeError as error:
        raise Refusal(400, "not_utf8", f"the body is not UTF-8: byte {error.start} cannot be decoded") from error
    except csv.Error as error:
        raise Refusal(400, "csv_invalid", f"the body is not CSV: {error}") from error
    return found


def _text(text: str) -> Any:
    return text or None


def _number(text: str) -> Any:
    if "_" in text:
        return text  # Python would read 1_000 as a thousand
    try:
        number = float(text) if text else None
    except ValueError:
        return text  # the check says which row and field it is
    return None if number is not None and math.isnan(number) else number


def _integer(text: str) -> Any:
    try:
        return int(text) if text and "_" not in text else _number(text)
    except ValueError:
        return _number(text)


def _boolean(text: str) -> Any:
    return {"": None, "true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)


FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "text": _text,
    "category": _text,
    "datetime": _text,
}
"""Kind of a column → how a text of CSV is read; one that is none of the kind stays a text, for the check to find."""


def read_invocation(reader: Reader, asked: Asked, body: bytes) -> Read:
    """Read rows in any of the forms that MLflow's scoring server takes."""
    if asked.media != JSON:
        return read_batch(reader, asked, body)
    document = parse(body)
    names = list(reader.names)
    if not isinstance(document, dict):
        raise _no_invocation("the body must be an object")
    forms = [name for name in _INVOCATIONS if name in document]
    if len(forms) != 1:
        raise _no_invocation(f"the body must have exactly one of {', '.join(_INVOCATIONS)}")
    rows, notes = reader.check(_INVOCATIONS[forms[0]](document[forms[0]], names))
    return Read(rows, notes)


def _no_invocation(said: str) -> Refusal:
    return invalid_rows([Violation(row=None, field=None, message=said, code="type")])


def _split(content: Any, names: list[str]) -> list[Any]:
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise _no_invocation("dataframe_split must have columns and data")
    columns = content.get("columns", names)
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise _no_invocation("the columns of dataframe_split must be names")
    if len(set(columns)) != len(columns):
        raise _no_invocation("the columns of dataframe_split must be named once each")
    return [_named(row, columns, place) for place, row in enumerate(content["data"])]


def _records(content: Any, names: list[str]) -> list[Any]:
    if not isinstance(content, list):
        raise _no_invocation("dataframe_records must be an array of objects")
    return content


def _instances(content: Any, names: list[str]) -> list[Any]:
    """Rows by name, rows in the order of the columns, or columns by name."""
    if isinstance(content, dict):
        lengths = {len(values) if isinstance(values, list) else -1 for values in content.values()}
        if lengths == {-1}:
            return [content]
        if len(lengths) != 1 or -1 in lengths:
            raise _no_invocation("columns by name must be arrays of one length")
        columns = [_unwrapped(values) for values in content.values()]
        return [dict(zip(content, row, strict=True)) for row in zip(*columns, strict=True)]
    if not isinstance(content, list):
        raise _no_invocation("instances must be an array or an object")
    return [row if isinstance(row, dict) else _named(row, names, place) for place, row in enumerate(content)]


def _unwrapped(values: list[Any]) -> list[Any]:
    """Take a named tensor of shape (rows, 1) as the column that it is."""
    if all(isinstance(value, list) and len(value) == 1 for value in values):
        return [value[0] for value in values]
    return values


def _named(row: Any, names: list[str], place: int) -> dict[str, Any]:
    values = row if isinstance(row, list) else [row]
    if len(values) != len(names):
        said = f"has {len(values)} values for {len(names)} columns"
        raise invalid_rows([Violation(row=place, field=None, message=said, expected=", ".join(names), code="type")])
    return dict(zip(names, values, strict=True))


_INVOCATIONS: dict[str, Callable[[Any, list[str]], list[Any]]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _instances,
}


# The Open Inference Protocol, version 2, over REST, with the binary extension.

OUTPUTS = ("predictions", "probabilities")

_DATATYPES = {
    "BOOL": "?", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "<i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_DATATYPE_OF = {
    "number": "FP64", "integer": "INT64", "boolean": "BOOL", "text": "BYTES", "category": "BYTES", "datetime": "BYTES",
}  # fmt: skip


class _Tensor(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


class _Output(msgspec.Struct, frozen=True):
    name: str
    parameters: dict[str, Any] = {}


class _Inference(msgspec.Struct, frozen=True):
    inputs: list[_Tensor]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[_Output] = []


def read_inference(reader: Reader, asked: Asked, body: bytes) -> Read:
    """Read the tensors of an inference request: one per column, or one with all columns side by side."""
    if asked.media not in (JSON, "application/octet-stream", ""):  # clients of this protocol often say nothing
        raise Refusal(415, "media_type", f"send the request as {JSON}")
    head = len(body) if asked.json_bytes is None else asked.json_bytes
    if not 0 < head <= len(body):
        raise Refusal(400, "inference_invalid", "the length of the JSON does not fit the body")
    try:
        request = msgspec.convert(parse(body[:head]), _Inference)
    except msgspec.ValidationError as error:
        raise Refusal(422, "inference_invalid", f"the body is no inference request: {error}") from error
    wanted = _wanted(request, reader.outputs)
    rest = body[head:]
    columns: dict[str, list[Any]] = {}
    for tensor in request.inputs:
        if tensor.datatype not in _DATATYPES and tensor.datatype != "BYTES":
            raise _no_tensor(
                tensor, f"has the datatype {tensor.datatype[:20]!r}; known are BYTES, {', '.join(_DATATYPES)}"
            )
        size = tensor.parameters.get("binary_data_size")
        if isinstance(size, int) and 0 <= size <= len(rest):
            values, rest = _binary(tensor, rest[:size]), rest[size:]
        elif tensor.data is not None and size is None:
            values = _flat(tensor.data)
        else:
            raise _no_tensor(tensor, "has no data")
        found = _by_column(tensor, values, reader.names)
        if not columns.keys().isdisjoint(found):
            raise _no_tensor(tensor, "has values for a column that another input has given already")
        columns.update(found)
    if len({len(values) for values in columns.values()}) > 1:
        raise Refusal(422, "inference_invalid", "the inputs have different numbers of rows")
    objects = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows, notes = reader.check(objects)
    return Read(rows, notes, request.id, wanted)


def _wanted(request: _Inference, known: Sequence[str]) -> list[Wanted]:
    is_binary = request.parameters.get("binary_data_output") is True
    if not request.outputs:
        return [Wanted(name, is_binary) for name in known]
    for output in request.outputs:
        if output.name not in known:
            said = f"the model has no output {output.name[:80]!r}; it has {', '.join(known)}"
            raise Refusal(422, "inference_invalid", said)
        if output.parameters.get("classification"):
            raise Refusal(422, "inference_invalid", "outputs are not ranked by class; ask for probabilities instead")
    return [Wanted(output.name, output.parameters.get("binary_data", is_binary) is True) for output in request.outputs]


def _no_tensor(tensor: _Tensor, said: str) -> Refusal:
    return invalid_rows([Violation(row=None, field=tensor.name[:80], message=said, code="type")])


def _binary(tensor: _Tensor, data: bytes) -> list[Any]:
    if tensor.datatype == "BYTES":
        return _texts(tensor, data)
    import numpy as np

    kind = _DATATYPES.get(tensor.datatype)
    if kind is None or len(data) % np.dtype(kind).itemsize:
        raise _no_tensor(tensor, f"is no {tensor.datatype[:20]} tensor")
    values: list[Any] = np.frombuffer(data, dtype=kind).tolist()
    return [None if isinstance(value, float) and math.isnan(value) else value for value in values]


def _texts(tensor: _Tensor, data: bytes) -> list[str]:
    values, start = [], 0
    try:
        while start < len(data):
            length = int.from_bytes(data[start : start + 4], "little")
            text = data[start + 4 : start + 4 + length]
            if len(text) != length or len(data) < start + 4:
                raise _no_tensor(tensor, "ends in the middle of a text")
            values.append(text.decode("utf-8"))
            start += 4 + length
    except UnicodeDecodeError as error:
        raise _no_tensor(tensor, "is not UTF-8") from error
    return values


def _flat(data: list[Any]) -> list[Any]:
    """Flatten nested arrays, which the protocol allows; what is nested deeper than any tensor here is left as it is."""
    for _ in range(3):
        if not any(isinstance(item, list) for item in data):
            break
        data = [part for item in data for part in (item if isinstance(item, list) else [item])]
    return data


def _by_column(tensor: _Tensor, values: list[Any], names: Sequence[str]) -> dict[str, list[Any]]:
    shape = tensor.shape
    if any(size < 0 for size in shape) or math.prod(shape) != len(values):
        raise _no_tensor(tensor, f"has {len(values)} values for the shape {shape}")
    if tensor.name in names or len(shape) != 2:
        if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise _no_tensor(tensor, f"has the shape {shape}; expected [rows] or [rows, 1]")
        return {tensor.name: values}
    if shape[1] != len(names):
        raise _no_tensor(tensor, f"has {shape[1]} columns; the model takes {len(names)}")
    return {name: values[place :: len(names)] for place, name in enumerate(names)}


def write_inference(manifest: Manifest, answer: Answer, request_id: str, read: Read) -> tuple[bytes, int]:
    """Write predictions, and probabilities where there are any, as tensors.

    Args:
        manifest: the model's.
        answer: what it said.
        request_id: put in where the client gave no id of its own.
        read: what was asked: which outputs, and which of them as bytes behind the JSON.

    Returns:
        The body, and the length of the JSON that it begins with.
    """
    tensors = {tensor.name: tensor for tensor in _tensors(answer)}
    outputs, rest = [], []
    for wanted in read.wanted:
        tensor = tensors[wanted.name]
        if wanted.is_binary:
            rest.append(_bytes_of(tensor))
            tensor = msgspec.structs.replace(tensor, data=None, parameters={"binary_data_size": len(rest[-1])})
        outputs.append(tensor)
    about: dict[str, Any] = {
        "model_name": manifest.model, "model_version": str(manifest.version), "id": read.client_id or request_id,
    }  # fmt: skip
    if read.notes:  # the protocol's parameters are words and numbers, nothing nested
        about["parameters"] = {"notes": msgspec.json.encode(read.notes[:MOST_LISTED]).decode()}
    head = msgspec.json.encode({**about, "outputs": outputs})
    return b"".join([head, *rest]), len(head)


def _tensors(answer: Answer) -> Iterator[_Tensor]:
    count = len(answer.predictions)
    kinds = {type(value) for value in answer.predictions}
    datatype = _datatype_of(kinds.pop() if len(kinds) == 1 else str)
    data = [value if datatype != "BYTES" or isinstance(value, str) else _as_text(value) for value in answer.predictions]
    yield _Tensor("predictions", [count], datatype, data)
    if answer.probabilities is not None:
        shares = [share for row in answer.probabilities for share in row]
        yield _Tensor("probabilities", [count, len(shares) // max(count, 1)], "FP64", shares)


def _bytes_of(tensor: _Tensor) -> bytes:
    import numpy as np

    if tensor.datatype != "BYTES":
        return np.array(tensor.data, dtype=_DATATYPES[tensor.datatype]).tobytes()
    texts = [text.encode() for text in tensor.data or []]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def _datatype_of(kind: type) -> str:
    return {bool: "BOOL", int: "INT64", float: "FP64"}.get(kind, "BYTES")


def _as_text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def inference_metadata(manifest: Manifest) -> dict[str, Any]:
    """Describe the model as the Open Inference Protocol asks."""
    signature = manifest.signature
    kind = type(signature.classes[0]) if signature.classes else float
    datatype = _datatype_of(kind)
    outputs: list[dict[str, Any]] = [{"name": "predictions", "datatype": datatype, "shape": [-1]}]
    if manifest.has_probabilities:
        outputs.append({"name": "probabilities", "datatype": "FP64", "shape": [-1, len(signature.classes or [])]})
    return {
        "name": manifest.model,
        "versions": [str(manifest.version)],
        "platform": f"nbops_{manifest.rung}",
        "inputs": [
            {"name": column.name, "datatype": _DATATYPE_OF[column.kind], "shape": [-1]} for column in signature.columns
        ],
        "outputs": outputs,
    }

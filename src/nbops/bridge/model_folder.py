"""A model version as MLflow keeps models: a folder with an ``MLmodel`` file, written and read without loading it.

The model's own bytes are what nbops registered (skops, or a pickle whose names were listed and trusted), so that
MLflow's scikit-learn flavour loads them as they are. What MLflow has no place for lies in ``nbops.json`` and beside it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from nbops.errors import BridgeError
from nbops.records import ModelVersion
from nbops_serving.manifest import Column, Kind, Signature

RECORD, PROFILE, EVIDENCE, CODE = "nbops.json", "nbops-profile.json", "nbops-evidence.msgpack", "code"
FILES = {"skops": "model.skops", "pickle": "model.pkl"}
"""Flavours here that are MLflow's scikit-learn flavour there, with the file that each is in."""

_TYPES: dict[Kind, str] = {
    "number": "double", "integer": "long", "boolean": "boolean", "text": "string", "category": "string",
    "datetime": "datetime",
}  # fmt: skip
_KINDS: dict[str, Kind] = {
    "double": "number", "float": "number", "long": "integer", "integer": "integer", "boolean": "boolean",
    "string": "text", "datetime": "datetime",
}  # fmt: skip
_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?==[A-Za-z0-9.+!_-]+")
_NOT_NEEDED = ("mlflow", "mlflow-skinny", "mlflow-tracing")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A model read from a folder, not loaded."""

    data: bytes
    flavour: str
    """``skops`` or ``pickle``."""
    signature: Signature
    requirements: list[str]
    python: str
    sources: dict[str, str] = {}
    """Python files that lie beside it, path → text: code that runs when the model is loaded."""
    record: ModelVersion | None = None
    """What it was here, where it came from here."""
    profile: bytes | None = None
    evidence: bytes | None = None


def write(
    folder: Path, version: ModelVersion, *, data: bytes, sources: dict[str, bytes], profile: bytes | None,
    evidence: bytes | None,
) -> None:  # fmt: skip
    """Write a version's folder, in which MLflow finds a scikit-learn model.

    Args:
        folder: an empty one.
        version: which version; its flavour must be one of ``FILES``.
        data: the model's bytes.
        sources: Python files the model needs, path → text.
        profile: of its training sample, as JSON.
        evidence: rows and answers, as they are kept.
    """
    from mlflow import pyfunc
    from mlflow.models import Model

    (folder / FILES[version.flavour]).write_bytes(data)
    (folder / RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(version, order="sorted"), indent=1))
    for name, extra in ((PROFILE, profile), (EVIDENCE, evidence)):
        if extra is not None:
            (folder / name).write_bytes(extra)
    for path, text in sources.items():
        (folder / CODE / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / CODE / path).write_bytes(text)
    code = CODE if sources else None
    model = Model(signature=_signature_out(version.signature), utc_time_created=None)
    pyfunc.add_to_model(
        model, loader_module="mlflow.sklearn", model_path=FILES[version.flavour], python_env="python_env.yaml",
        code=code, predict_fn="predict",
    )  # fmt: skip
    model.add_flavor(
        "sklearn", pickled_model=FILES[version.flavour], serialization_format=version.flavour, code=code,
        sklearn_version=_pinned(version, "scikit-learn"),
        **({"skops_trusted_types": version.types} if version.flavour == "skops" else {}),
    )  # fmt: skip
    model.save(str(folder / "MLmodel"))
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in ["mlflow", *version.requirements]))
    (folder / "python_env.yaml").write_text(
        f"python: {msgspec.json.encode(version.python or '3').decode()}\nbuild_dependencies:\n- pip\n"
        "dependencies:\n- -r requirements.txt\n"
    )


def _pinned(version: ModelVersion, distribution: str) -> str:
    return next(
        (line.partition("==")[2] for line in version.requirements if line.startswith(f"{distribution}==")), "unknown"
    )


def _signature_out(signature: Signature) -> Any:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    if signature.takes == "array":
        inputs = Schema([TensorSpec(np.dtype("float64"), (-1, len(signature.columns)))])
    else:
        inputs = Schema(
            [
                ColSpec(DataType[_TYPES[column.kind]], column.name, required=not column.optional)
                for column in signature.columns
            ]
        )
    kind = {"number": "double", "class": _class_type(signature), "value": None}[signature.output]
    return ModelSignature(inputs, Schema([ColSpec(DataType[kind])]) if kind else None)


def _class_type(signature: Signature) -> str | None:
    kinds = {type(one) for one in signature.classes or []}
    return {frozenset({str}): "string", frozenset({int}): "long", frozenset({bool}): "boolean"}.get(frozenset(kinds))


def read(folder: Path) -> Found:
    """Read a model's folder, loading nothing of it.

    Args:
        folder: with an ``MLmodel`` file.

    Returns:
        Its bytes and what is written of them.

    Raises:
        BridgeError: it is none that nbops has a flavour for, or its columns are not described.
    """
    import yaml

    path = folder / "MLmodel"
    if not path.is_file():
        raise _unread("there is no MLmodel file in it")
    try:
        written = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _unread(f"its MLmodel file is damaged: {error}") from error
    flavours = written.get("flavors", {}) if isinstance(written, dict) else {}
    sklearn = flavours.get("sklearn")
    if not isinstance(sklearn, dict):
        names = ", ".join(sorted(map(str, flavours))) or "none"
        raise _unread(f"its flavours are {names}, and nbops has one for sklearn only")
    record = _record(folder / RECORD)
    signature = record.signature if record is not None else _signature_in(folder, written)
    return Found(
        data=_inside(folder, str(sklearn.get("pickled_model", "model.pkl"))).read_bytes(),
        flavour="skops" if sklearn.get("serialization_format") == "skops" else "pickle",
        signature=signature,
        requirements=_requirements(folder / "requirements.txt"),
        python=_python(flavours, record),
        sources=_sources(folder, sklearn.get("code")),
        record=record,
        profile=_bytes(folder / PROFILE),
        evidence=_bytes(folder / EVIDENCE),
    )


def _unread(why: str) -> BridgeError:
    return BridgeError(f"the model stays a folder of files: {why}", code="model_not_read", hint="nbops show RUN")


def _inside(folder: Path, relative: str) -> Path:
    path = (folder / relative).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise _unread(f"its MLmodel file names {relative!r}, which is not in it")
    return path


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _record(path: Path) -> ModelVersion | None:
    data = _bytes(path)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=ModelVersion)
    except msgspec.DecodeError as error:
        raise _unread(f"its {RECORD} is of another nbops: {error}") from error


def _requirements(path: Path) -> list[str]:
    lines = (_bytes(path) or b"").decode("utf-8", "replace").splitlines()
    pins = [line.strip() for line in lines if _PIN.fullmatch(line.strip())]
    return [pin for pin in pins if pin.partition("==")[0].partition("[")[0].lower() not in _NOT_NEEDED]


def _python(flavours: dict[str, Any], record: ModelVersion | None) -> str:
    if record is not None:
        return record.python
    told = str(flavours.get("python_function", {}).get("python_version", ""))
    return ".".join(told.split(".")[:2])


def _sources(folder: Path, code: Any) -> dict[str, str]:
    root = (folder / str(code)).resolve() if code else None
    if root is None or not root.is_dir() or not root.is_relative_to(folder.resolve()):
        return {}
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in sorted(root.rglob("*.py"))}


# ── signatures ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _signature_in(folder: Path, written: dict[str, Any]) -> Signature:
    """What goes in, as MLflow wrote it; without a signature, as the example beside the model shows it."""
    told = written.get("signature") or {}
    if told.get("inputs"):
        return _from_schema(told)
    example = (written.get("saved_input_example_info") or {}).get("artifact_path")
    if example and str(example).endswith(".json"):
        return _from_example(_inside(folder, str(example)).read_bytes())
    raise _unread("it has neither a signature nor an input example, so its columns are not known")


def _from_schema(told: dict[str, Any]) -> Signature:
    inputs = msgspec.json.decode(told["inputs"])
    outputs = msgspec.json.decode(told.get("outputs") or "[]")
    kinds = {str(one.get("type")) for one in outputs}
    output: Any = "class" if kinds & {"string", "boolean"} else "number" if kinds & {"double", "float"} else "value"
    if len(inputs) == 1 and inputs[0].get("type") == "tensor" and "name" not in inputs[0]:
        shape = inputs[0]["tensor-spec"]["shape"]
        if len(shape) != 2 or shape[1] < 1:
            raise _unread(f"it takes an array of the shape {shape}, and nbops serves tables")
        columns = [Column(name=f"x{place}", kind="number") for place in range(shape[1])]
        return Signature(columns=columns, output=output, takes="array")
    columns = []
    for place, one in enumerate(inputs):
        kind = _KINDS.get(str(one.get("type")))
        if kind is None:
            raise _unread(f"its column {one.get('name', place)!r} is of the type {one.get('type')}")
        is_optional = one.get("required") is False or one.get("optional") is True or kind in ("number", "text")
        columns.append(Column(name=str(one.get("name", place)), kind=kind, optional=is_optional))
    return Signature(columns=columns, output=output, takes="frame")


def _from_example(data: bytes) -> Signature:
    from nbops.data import signature_of

    try:
        told = msgspec.json.decode(data)
        if isinstance(told, dict) and "columns" in told and "data" in told:
            rows = [dict(zip(map(str, told["columns"]), row, strict=True)) for row in told["data"]]
            return msgspec.structs.replace(signature_of(rows), takes="frame")
        if isinstance(told, dict) and isinstance(told.get("inputs"), list) and told["inputs"]:
            columns = [Column(name=f"x{place}", kind="number") for place in range(len(told["inputs"][0]))]
            return Signature(columns=columns, takes="array")
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        raise _unread(f"its input example cannot be read: {error}") from error
    raise _unread("its input example is no table, so its columns are not known")

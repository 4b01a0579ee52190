"""How records become rows: one table for each noun, its columns read from the struct's own annotations.

Scalars are native columns; every other field is JSON text. The same columns serve SQLite and PostgreSQL.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from nbops.errors import UsageError
from nbops.records import (
    NOUNS,
    Artifact,
    Bundle,
    CellExecution,
    CheckResult,
    Dataset,
    Deployment,
    Endpoint,
    Environment,
    Firing,
    Fit,
    Model,
    ModelVersion,
    ModuleVersion,
    Record,
    Reproduction,
    Run,
    Schedule,
    Secret,
    Sweep,
    Window,
)

R = TypeVar("R", bound=Record)

NAMES: dict[type[Record], str] = {
    Environment: "environments", Run: "runs", CellExecution: "cells", Secret: "secrets", Artifact: "artifacts",
    Dataset: "datasets", Fit: "fits", ModuleVersion: "module_versions", Model: "models", ModelVersion: "model_versions",
    CheckResult: "check_results", Bundle: "bundles", Deployment: "deployments", Endpoint: "endpoints",
    Window: "windows", Sweep: "sweeps", Schedule: "schedules", Firing: "firings",
    Reproduction: "reproductions",
}  # fmt: skip
"""Noun → table."""

KINDS: dict[str, type[Record]] = {name: kind for kind, name in NAMES.items()}
"""Table → noun."""

SqlType = Literal["TEXT", "INTEGER", "REAL"]
_SQL_TYPES: dict[type | None, SqlType] = {int: "INTEGER", bool: "INTEGER", float: "REAL"}


class Column:
    """One field of a record as a column."""

    __slots__ = ("_decoder", "_hint", "decode", "encode", "is_json", "is_optional", "name", "sql_type")

    def __init__(self, name: str, hint: Any) -> None:
        self.name = name
        inner, self.is_optional = _without_none(hint)
        self._hint = hint
        self._decoder: msgspec.json.Decoder[Any] | None = None
        kind = _scalar(inner)
        self.is_json = kind is None
        self.sql_type = _SQL_TYPES.get(kind, "TEXT")
        # None stands for "as it is"; most columns are.
        self.encode: Callable[[Any], Any] | None = to_json if self.is_json else (_flag if kind is bool else None)
        self.decode: Callable[[Any], Any] | None = self._from_json if self.is_json else (bool if kind is bool else None)

    def _from_json(self, text: str) -> Any:
        if self._decoder is None:
            # Not strict: a number that is not finite travels as the text "NaN", "Infinity" or "-Infinity".
            self._decoder = msgspec.json.Decoder(self._hint, strict=False)
        return self._decoder.decode(text)


class Table(Generic[R]):
    """A noun's table: its SQL, and both directions between record and row."""

    def __init__(self, kind: type[R]) -> None:
        self.kind = kind
        self.name = NAMES[kind]
        hints = get_type_hints(kind)
        self.columns = [Column(field, hints[field]) for field in kind.__struct_fields__]
        self.fields = {column.name: column for column in self.columns}
        self._decoders = [(index, column.decode) for index, column in enumerate(self.columns) if column.decode]
        self._encoders = [(index, column.encode) for index, column in enumerate(self.columns) if column.encode]
        self._names = tuple(self.fields)
        self.listed = ", ".join(quoted(name) for name in self._names)
        """All columns, in order, for a SELECT."""
        settable = [quoted(name) for name in self._names if name != "id"]
        self.upsert = (
            f"INSERT INTO {self.name} ({self.listed}) VALUES ({', '.join('?' * len(self._names))}) "
            f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in settable)}"
        )
        self.select = f"SELECT {self.listed} FROM {self.name}"

    def row(self, record: R) -> list[Any]:
        """Turn a record into the values of its row."""
        values = [getattr(record, name) for name in self._names]
        for index, encode in self._encoders:
            if values[index] is not None:
                values[index] = encode(values[index])
        return values

    def record(self, row: Sequence[Any]) -> R:
        """Turn a row back into the record."""
        values = list(row)
        for index, decode in self._decoders:
            if values[index] is not None:
                values[index] = decode(values[index])
        return self.kind(**dict(zip(self._names, values, strict=True)))

    def records(self, rows: Iterable[Sequence[Any]]) -> list[R]:
        """Turn rows into records."""
        return [self.record(row) for row in rows]

    def value(self, field: str, value: Any) -> Any:
        """Turn one field's value into what its column holds."""
        column = self.column(field)
        return column.encode(value) if column.encode and value is not None else value

    def column(self, field: str) -> Column:
        """Return a field's column, or raise UsageError that lists the fields there are."""
        try:
            return self.fields[field]
        except KeyError:
            raise UsageError(
                f"{self.kind.__name__} has no field {field!r}; it has: {', '.join(self._names)}", code="unknown_field"
            ) from None


@cache
def table_of(kind: type[R]) -> Table[R]:
    """Return the table of a noun; UsageError for anything that the store does not keep under an id."""
    if kind not in NAMES:
        known = ", ".join(noun.__name__ for noun in NOUNS)
        raise UsageError(f"the store keeps no {getattr(kind, '__name__', kind)!r}; it keeps: {known}")
    return Table(kind)


def quoted(name: str) -> str:
    """Quote an identifier; "user" and "check" are words of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    rest = tuple(part for part in get_args(hint) if part is not type(None))
    if len(rest) == len(get_args(hint)):
        return hint, False
    return (rest[0] if len(rest) == 1 else Union[rest]), True  # noqa: UP007 - made at run time


def _scalar(hint: Any) -> type | None:
    if get_origin(hint) is Literal and all(isinstance(word, str) for word in get_args(hint)):
        return str
    return hint if hint in (str, int, float, bool) else None


def _flag(value: Any) -> int:
    return int(bool(value))


_encoder = msgspec.json.Encoder()


def to_json(value: Any) -> str:
    """Write a field as JSON text, numbers that are not finite as the words "NaN", "Infinity", "-Infinity"."""
    try:
        text = _encoder.encode(value)
    except UnicodeEncodeError:
        text = _encoder.encode(_with_words(msgspec.to_builtins(value)))
    # msgspec writes NaN as null, which no float field could be read back from; without a null there is none. A NUL
    # inside JSON is more than PostgreSQL takes.
    if b"null" in text or b"\\u0000" in text:
        text = _encoder.encode(_with_words(msgspec.to_builtins(value)))
    return text.decode()


def _with_words(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    if isinstance(value, dict):
        return {_with_words(key): _with_words(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_words(item) for item in value]
    return value


# ── params: any scalar keeps its type ──────────────────────────────────────────────────────────────────────────────

PARAM_COLUMNS = ("run_id", "name", "value", "number", "type", "at")
"""``value`` is native where SQL has the type, ``number`` is what it compares as, ``type`` is what it was in Python."""

_INT64 = 1 << 63


def param_row(value: object) -> tuple[Any, float | None, str]:
    """Split a parameter's value into (value, number, type)."""
    if value is None:
        return None, None, "none"
    if isinstance(value, bool):
        return int(value), float(value), "bool"
    if isinstance(value, int):
        return (value if -_INT64 <= value < _INT64 else str(value)), _number(value), "int"
    if isinstance(value, float):
        # SQL has no NaN: it would become NULL.
        return (value, value, "float") if math.isfinite(value) else (str(value), _finite(value), "float")
    text = str(value)
    return text, _number(text), "str"


def param_value(value: Any, kind: str) -> Any:
    """Put a parameter's value together again; the opposite of ``param_row``."""
    if kind == "none":
        return None
    if kind == "bool":
        return str(value) in ("1", "True")
    return {"int": int, "float": float}.get(kind, str)(value)


def _number(value: int | str) -> float | None:
    if isinstance(value, str) and (len(value) > 40 or not value.strip()):
        return None
    try:
        return _finite(float(value))
    except (ValueError, OverflowError):
        return None


def _finite(number: float) -> float | None:
    return None if math.isnan(number) else number


def metric_value(value: float) -> float | None:
    """A metric's value as its column holds it: NULL is NaN, because SQL would make it so anyway."""
    number = float(value)
    return None if number != number else number

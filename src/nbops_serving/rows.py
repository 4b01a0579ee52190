"""From the bytes of a request to rows a model can answer, or to a precise list of what is wrong with them.

There are two ways through. The quick one lets msgspec decode straight into a struct made from the signature: one pass
in C that also checks every type. Whatever it does not like goes the careful way, which parses again with the standard
library, sees duplicate keys, and names each row and field that is wrong. Both give the same rows.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Container, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol

import msgspec

from nbops_serving.manifest import Column, Policy, Signature
from nbops_serving.problems import Refusal, Violation, invalid_rows

Row = tuple[Any, ...]
"""One value per column of the signature, in its order; None where the value is missing."""

MOST_LISTED = 100
"""How many violations or notes an answer lists; the rest is only counted."""
_NOT_IN_FIELDS = re.compile(r'["\\\x00-\x1f]')
"""What msgspec takes in no field's name."""
_MOST_IN_TYPE = 1_000
"""Categories of one column that are made part of a type."""
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_Integer = Annotated[int, msgspec.Meta(ge=_LOWEST, le=_HIGHEST)]
_WANTED: dict[str, tuple[Any, str]] = {
    "number": (float, "number"),
    "integer": (_Integer, "integer"),
    "boolean": (bool, "true or false"),
    "text": (str, "text"),
    "category": (str, "text"),
    "datetime": (str, "ISO 8601 date and time"),
}


class Note(msgspec.Struct, frozen=True):
    """Something about an accepted row that its sender should know."""

    row: int
    field: str
    code: str
    """``unseen``, ``out_of_range`` or ``extra``."""
    message: str


class ByColumn(Protocol):
    """Rows that are held by column, such as ``nbops_serving.table.Table``."""

    def outside(self, place: int, low: float, high: float) -> list[tuple[int, Any]]:
        """Return the rows in which a column's number is not from ``low`` to ``high``, with the number."""
        ...

    def unlike(self, place: int, known: Container[str]) -> list[tuple[int, str]]:
        """Return the rows in which a column's text is none of the known ones, with the text."""
        ...


class Reader:
    """Turns request bodies into rows for one signature and one policy.

    Example:
        >>> reader = Reader(Signature(columns=[Column(name="age", kind="number", maximum=90.0)]), Policy())
        >>> rows, notes = reader.read(b'{"rows": [{"age": 91}]}')
        >>> rows, notes[0].message
        ([(91.0,)], '91.0 is above 90.0, the largest of training')
    """

    def __init__(
        self,
        signature: Signature,
        policy: Policy,
        *,
        most_rows: int = 10_000,
        outputs: Sequence[str] = ("predictions",),
    ) -> None:
        self.signature = signature
        self.outputs = outputs
        """What a client may ask to be given, where its protocol lets it choose."""
        self.policy = policy
        self.most_rows = most_rows
        self.names = tuple(column.name for column in signature.columns)
        self._known = frozenset(self.names)
        self._decoder = _decoder(signature, _kind)
        self._familiar = _decoder(signature, _familiar) if _can_be_typed(signature) else None
        """Decodes only rows that are like training in every value, of which there is nothing to note."""
        texts = sum(column.kind in ("text", "category", "datetime") for column in signature.columns)
        self._quotes = 2 * (len(self.names) + texts)
        self._ranges = [
            (place, _floor(column), _ceiling(column))
            for place, column in enumerate(signature.columns)
            if column.kind in ("number", "integer") and (column.minimum is not None or column.maximum is not None)
        ]
        self._tables = [
            (place, frozenset(column.categories))
            for place, column in enumerate(signature.columns)
            if column.kind == "category" and column.categories is not None
        ]
        self._dates = [place for place, column in enumerate(signature.columns) if column.kind == "datetime"]

    def read(self, body: bytes) -> tuple[list[Row], list[Note]]:
        """Read ``{"rows": [{…}, …]}``.

        Args:
            body: the bytes of the request.

        Returns:
            The rows, and what their sender should know about them.

        Raises:
            Refusal: 400 for bytes that are no JSON, 413 for too many rows, 422 for rows that do not fit.
        """
        found = _decoded(self._familiar, body)
        is_familiar = found is not None
        if found is None and (found := _decoded(self._decoder, body)) is None:
            return self._read_carefully(body)
        # msgspec keeps the last of two equal keys in silence. A repeated key needs quotes of its own, so a row
        # with exactly the quotes that its fields need has none; any other count is looked at carefully.
        if body.count(b'"') != 2 + len(found) * self._quotes or not 0 < len(found) <= self.most_rows:
            return self._read_carefully(body)
        rows = [msgspec.structs.astuple(row) for row in found]
        return rows, [] if is_familiar else self.notes(rows)

    def _read_carefully(self, body: bytes) -> tuple[list[Row], list[Note]]:
        document = parse(body)
        return self.check(_rows_of(document))

    def check(self, objects: Sequence[Any]) -> tuple[list[Row], list[Note]]:
        """Check rows that are already Python objects.

        Args:
            objects: one dict per row.

        Returns:
            The rows, and what their sender should know about them.

        Raises:
            Refusal: 413 for too many rows, 422 for rows that do not fit, each place named.
        """
        if not objects:
            raise invalid_rows([Violation(row=None, field="rows", message="there are no rows", code="empty")])
        if len(objects) > self.most_rows:
            raise Refusal(413, "too_many_rows", f"{len(objects)} rows are more than {self.most_rows} in one request")
        wrong: list[Violation] = []
        extra: list[Note] = []
        rows = [self._checked(place, item, wrong, extra) for place, item in enumerate(objects)]
        if self.policy.extra == "reject":
            wrong.extend(_violation(note, "a field of the signature") for note in extra)
        if wrong:
            raise invalid_rows(sorted(wrong, key=lambda one: one.row or 0)[:MOST_LISTED])
        return rows, extra + self.notes(rows)

    def _checked(self, place: int, item: object, wrong: list[Violation], extra: list[Note]) -> Row:
        if not isinstance(item, dict):
            wrong.append(_wrong(place, None, f"{_a(item)} is no row", "object with a field per column"))
            return ()
        if len(item) > len(self.names) or not self._known.issuperset(item):
            ignored = "the model takes no such field; it was ignored"
            extra.extend(Note(place, _short(name), "extra", ignored) for name in item if name not in self._known)
        return tuple(self._value(place, column, item, wrong) for column in self.signature.columns)

    def _value(self, place: int, column: Column, item: dict[str, Any], wrong: list[Violation]) -> Any:
        value = item.get(column.name)
        expected = _WANTED[column.kind][1]
        if value is None:
            if not column.optional:
                said = "is null" if column.name in item else "is missing"
                wrong.append(Violation(row=place, field=column.name, message=said, expected=expected, code="missing"))
            return None
        try:
            return _CHECKS[column.kind](value)
        except ValueError as error:
            wrong.append(_wrong(place, column.name, str(error), expected))
            return None

    def notes(self, rows: Sequence[Row]) -> list[Note]:
        """Find what in these rows is unlike training.

        Args:
            rows: rows with every value of its column's kind.

        Returns:
            One note per value that training never saw; empty for most requests.

        Raises:
            Refusal: 422 where the policy rejects such a value, or a date cannot be read.
        """
        if self._dates:
            self._check_dates(rows)
        found: list[Note] = []
        for number, row in enumerate(rows):
            for place, low, high in self._ranges:
                value = row[place]
                if value is not None and not low <= value <= high:
                    found.append(self._out_of_range(number, place, value, low))
            for place, seen in self._tables:
                value = row[place]
                if value not in seen and value is not None:
                    found.append(self._unseen(number, place, value))
        if found:
            self._reject(found)
        return found

    def notes_by_column(self, rows: ByColumn) -> list[Note]:
        """Find what in these rows is unlike training, as ``notes`` does; there are no dates among them.

        Args:
            rows: rows with every value of its column's kind.

        Returns:
            One note per value that training never saw, in the order of the rows.

        Raises:
            Refusal: 422 where the policy rejects such a value.
        """
        found = [
            self._out_of_range(number, place, value, low)
            for place, low, high in self._ranges
            for number, value in rows.outside(place, low, high)
        ]
        found += [
            self._unseen(number, place, value)
            for place, seen in self._tables
            for number, value in rows.unlike(place, seen)
        ]
        if found:
            found.sort(key=lambda note: note.row)
            self._reject(found)
        return found

    def _unseen(self, number: int, place: int, value: str) -> Note:
        return Note(number, self.names[place], "unseen", f"{_short(value)!r} was not seen in training")

    def _out_of_range(self, number: int, place: int, value: float, low: float) -> Note:
        column = self.signature.columns[place]
        if value < low:
            said = f"{value} is below {column.minimum}, the smallest of training"
        else:
            said = f"{value} is above {column.maximum}, the largest of training"
        return Note(number, column.name, "out_of_range", said)

    def _reject(self, notes: list[Note]) -> None:
        wrong = [
            _violation(note, self._expectation(note))
            for note in notes
            if (note.code == "unseen" and (self.policy.unseen == "reject" or note.field in self.policy.refused))
            or (note.code == "out_of_range" and self.policy.out_of_range == "reject")
        ]
        if wrong:
            raise invalid_rows(wrong[:MOST_LISTED])

    def _expectation(self, note: Note) -> str:
        column = self.signature.columns[self.names.index(note.field)]
        if note.code == "out_of_range":
            return f"number from {column.minimum} to {column.maximum}"
        categories = column.categories or []
        listed = ", ".join(_short(name) for name in categories[:20])
        return f"one of: {listed}" + (", …" if len(categories) > 20 else "")

    def _check_dates(self, rows: Sequence[Row]) -> None:
        wrong = []
        for number, row in enumerate(rows):
            for place in self._dates:
                try:
                    if row[place] is not None:
                        _date(row[place])
                except ValueError as error:
                    wrong.append(_wrong(number, self.names[place], str(error), _WANTED["datetime"][1]))
        if wrong:
            raise invalid_rows(wrong[:MOST_LISTED])


def _decoded(decoder: msgspec.json.Decoder[Any] | None, body: bytes) -> list[Any] | None:
    """Return a request's rows; None where there is no such decoder, or it does not take them."""
    if decoder is None:
        return None
    try:
        rows: list[Any] = decoder.decode(body).rows
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return rows


def _decoder(signature: Signature, type_of: Callable[[Column], Any]) -> msgspec.json.Decoder[Any] | None:
    """Make what parses and checks a request in one go; None where a column's name is none that msgspec can look for."""
    if any(_NOT_IN_FIELDS.search(column.name) for column in signature.columns):
        return None
    rows: Any = list[_row_struct(signature, type_of)]  # type: ignore[misc]  # a type that is made here
    return msgspec.json.Decoder(msgspec.defstruct("Request", [("rows", rows)], forbid_unknown_fields=True))


def _row_struct(signature: Signature, type_of: Callable[[Column], Any]) -> type[msgspec.Struct]:
    fields: list[Any] = []
    for place, column in enumerate(signature.columns):
        wanted = type_of(column)
        fields.append((f"f{place}", wanted | None, None) if column.optional else (f"f{place}", wanted))
    names = {f"f{place}": column.name for place, column in enumerate(signature.columns)}
    return msgspec.defstruct("Row", fields, kw_only=True, forbid_unknown_fields=True, gc=False, rename=names)


def _kind(column: Column) -> Any:
    return _WANTED[column.kind][0]


def _can_be_typed(signature: Signature) -> bool:
    """Tell whether what training knew of each column can be said by types: not of dates, nor of endless categories."""
    return all(
        column.kind != "datetime" and (column.categories is None or 0 < len(column.categories) <= _MOST_IN_TYPE)
        for column in signature.columns
    )


def _familiar(column: Column) -> Any:
    """Return the type of the values of a column that training has seen, or that lie between those it has."""
    if column.kind == "category" and column.categories is not None:
        return Literal[tuple(column.categories)]
    if column.kind not in ("number", "integer"):
        return _kind(column)
    low, high = (None if one is None or not math.isfinite(one) else one for one in (column.minimum, column.maximum))
    if column.kind == "number":
        return Annotated[float, msgspec.Meta(ge=low, le=high)]
    least, most = _LOWEST if low is None else math.ceil(low), _HIGHEST if high is None else math.floor(high)
    return Annotated[int, msgspec.Meta(ge=max(least, _LOWEST), le=min(most, _HIGHEST))]


def parse(body: bytes) -> Any:
    """Parse JSON strictly: UTF-8, no duplicate keys, no NaN or Infinity, no endless nesting.

    Args:
        body: the bytes of the request.

    Returns:
        The document.

    Raises:
        Refusal: 400 with what is wrong and where.

    Example:
        >>> parse(b'{"a": 1, "a": 2}')
        Traceback (most recent call last):
        nbops_serving.problems.Refusal: the key 'a' appears twice in one object
    """
    if not body:
        raise Refusal(400, "body_empty", "the request has no body")
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        msgspec.json.encode(document)  # finds half surrogate pairs, which no answer or log could carry
    except UnicodeDecodeError as error:
        raise Refusal(400, "not_utf8", f"the body is not UTF-8: byte {error.start} cannot be decoded") from error
    except UnicodeEncodeError as error:
        raise Refusal(400, "json_invalid", "a text holds half a surrogate pair") from error
    except json.JSONDecodeError as error:
        said = f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise Refusal(400, "json_invalid", said) from error
    except RecursionError as error:
        raise Refusal(400, "json_too_deep", "the body is nested too deeply") from error
    except (ValueError, OverflowError) as error:  # an integer of thousands of digits
        raise Refusal(400, "json_invalid", "a number has too many digits") from error
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise Refusal(400, "duplicate_key", f"the key {_short(twice)!r} appears twice in one object")
    return found


def _no_constant(name: str) -> float:
    raise Refusal(400, "json_invalid", f"{name} is not JSON; send null for a missing number")


def _rows_of(document: Any) -> list[Any]:
    shape = 'object {"rows": [{…}, …]}'
    if not isinstance(document, dict):
        raise invalid_rows([_wrong(None, None, f"the body is {_a(document)}", shape)])
    if "rows" not in document:
        raise invalid_rows([Violation(row=None, field="rows", message="is missing", expected=shape, code="missing")])
    unknown = [name for name in document if name != "rows"]
    if unknown:
        raise invalid_rows([_wrong(None, _short(unknown[0]), "is not a field of a request", shape)])
    if not isinstance(document["rows"], list):
        raise invalid_rows([_wrong(None, "rows", f"is {_a(document['rows'])}", "array of objects")])
    return document["rows"]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{_a(value)} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number


def _integer(value: object) -> int:
    number = _number(value)
    if not number.is_integer():
        raise ValueError(f"{value} is no integer")
    whole = value if isinstance(value, int) else int(number)  # a large integer is no float any more
    if not _LOWEST <= whole <= _HIGHEST:
        raise ValueError("the integer is too large")
    return whole


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{_a(value)} is neither true nor false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_a(value)} is no text")
    return value


def _date(value: object) -> str:
    text = _text(value)
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{_short(text)!r} is no date") from None
    return text


_CHECKS: dict[str, Callable[[object], Any]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "text": _text,
    "category": _text,
    "datetime": _date,
}


def utc(text: str) -> datetime:
    """Read an ISO 8601 date and time as UTC without a zone; one without a zone is taken as UTC.

    Example:
        >>> utc("2026-01-01T12:00+02:00")
        datetime.datetime(2026, 1, 1, 10, 0)
    """
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _floor(column: Column) -> float:
    return -math.inf if column.minimum is None else column.minimum


def _ceiling(column: Column) -> float:
    return math.inf if column.maximum is None else column.maximum


def _wrong(row: int | None, field: str | None, message: str, expected: str) -> Violation:
    return Violation(row=row, field=field, message=message, expected=expected, code="type")


def _violation(note: Note, expected: str) -> Violation:
    message = "is not a field of the model" if note.code == "extra" else note.message
    return Violation(row=note.row, field=note.field, message=message, expected=expected, code=note.code)


def _a(value: object) -> str:
    """Say what kind of JSON value this is."""
    if value is None:
        return "null"
    names = {
        bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "an array", dict: "an object"
    }  # fmt: skip
    return names.get(type(value), f"a {type(value).__name__}")


def _short(text: object) -> str:
    said = str(text)
    return said if len(said) <= 80 else said[:79] + "…"

"""Values taken to the types of the parameters that they are for, or refused."""

from __future__ import annotations

import ast
import datetime
import difflib
import re
from pathlib import Path, PurePath
from typing import Any

from nbops.errors import UsageError
from nbops.retrain import values
from nbops.retrain.declarations import Kind, Parameter


def convert(parameter: Parameter, value: object, *, where: str = "the notebook") -> Any:
    """Take one value to the type of its parameter, or refuse it.

    Args:
        parameter: what the value is for.
        value: anything a person or a program gives; text is understood where the type is not text.
        where: the notebook's name, for messages.

    Returns:
        The value in the parameter's type.

    Raises:
        UsageError: a wrong type, or a value outside the range or the choices.

    Example:
        >>> from nbops.retrain.declarations import of_source
        >>> [depth] = of_source("depth = 3  # 1..8")
        >>> convert(depth, "5")
        5
        >>> convert(depth, 9)
        Traceback (most recent call last):
        nbops.errors.UsageError: depth = 9 is outside 1..8, which the notebook allows
          → edit the comment in line 1 of the parameters cell to allow it
    """
    value = values.decode(values.native(value))
    if value is None and parameter.is_optional:
        return None
    try:
        result = _CONVERT[parameter.type](value)
    except (ValueError, TypeError, SyntaxError):
        if value == "None" and parameter.is_optional:
            return None
        raise UsageError(
            f"{parameter.name} = {value!r:.80} is not {_article(parameter.type)}, which {where} wants",
            code="wrong_parameter_type",
            hint=f"its default is {parameter.source}" if parameter.source else None,
        ) from None
    _within(parameter, result, where)
    return result


def _within(parameter: Parameter, value: Any, where: str) -> None:
    cure = f"edit the comment in line {parameter.line} of the parameters cell to allow it"
    if parameter.choices is not None and value not in parameter.choices:
        listed = ", ".join(repr(choice) for choice in parameter.choices)
        near = difflib.get_close_matches(str(value), [str(choice) for choice in parameter.choices], n=1)
        raise UsageError(
            f"{parameter.name} = {value!r} is none of {listed}, which {where} allows"
            + (f"; did you mean {near[0]!r}?" if near else ""),
            code="parameter_outside",
            hint=cure,
        )
    if isinstance(value, int | float):
        too_low = parameter.low is not None and not value >= parameter.low
        too_high = parameter.high is not None and not value <= parameter.high
        if too_low or too_high:
            low = f"{parameter.low:g}" if parameter.low is not None else ""
            high = f"{parameter.high:g}" if parameter.high is not None else ""
            raise UsageError(
                f"{parameter.name} = {value!r} is outside {low}..{high}, which {where} allows",
                code="parameter_outside",
                hint=cure,
            )


def _article(kind: Kind) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError(value)


def _to_int(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError(value)
    if isinstance(value, str):
        return int(value, 0) if re.match(r"^[-+]?0[xXoObB]", value) else int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)  # JSON and spreadsheets write 3.0 for 3
    if isinstance(value, int):
        return value
    raise TypeError(value)


def _to_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    return float(value)


def _to_str(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime.date | PurePath):
        return str(values.plain(value))
    raise TypeError(value)


def _to_date(value: Any) -> datetime.date:
    if isinstance(value, datetime.datetime):
        raise TypeError(value)
    return value if isinstance(value, datetime.date) else datetime.date.fromisoformat(value)


def _to_datetime(value: Any) -> datetime.datetime:
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)
    return datetime.datetime.fromisoformat(value)


def _to_path(value: Any) -> Path:
    if not isinstance(value, str | PurePath):
        raise TypeError(value)
    return Path(value)


def _to_collection(type_: type) -> Any:
    def to(value: Any) -> Any:
        if isinstance(value, str):
            value = ast.literal_eval(value)
        if type_ is dict:
            if not isinstance(value, dict):
                raise TypeError(value)
            return dict(value)
        if not isinstance(value, list | tuple | set | frozenset):
            raise TypeError(value)
        return type_(value)

    return to


_CONVERT: dict[Kind, Any] = {
    "bool": _to_bool,
    "int": _to_int,
    "float": _to_float,
    "str": _to_str,
    "list": _to_collection(list),
    "tuple": _to_collection(tuple),
    "set": _to_collection(set),
    "frozenset": _to_collection(frozenset),
    "dict": _to_collection(dict),
    "date": _to_date,
    "datetime": _to_datetime,
    "path": _to_path,
    "any": lambda value: value,
}

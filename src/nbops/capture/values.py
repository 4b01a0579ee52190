"""From what users log to what the store keeps: numbers, parameters and steps, whatever library they come from."""

from __future__ import annotations

import contextlib
import operator
from typing import Any

import msgspec

from nbops.errors import UsageError

_LONGEST_NAME = 250
_LONGEST_TEXT = 100_000

ParamValue = str | int | float | bool | None


def as_name(name: object, call: str) -> str:
    """Check the name of a parameter, metric or artifact.

    Args:
        name: what the user gave.
        call: the right call, for the message.

    Raises:
        UsageError: it is no text, empty, or longer than 250 characters.
    """
    if isinstance(name, str) and name and len(name) <= _LONGEST_NAME:
        return name
    shown = f"{name[:40]!r}…" if isinstance(name, str) and name else f"{type(name).__name__} {_short(name)}"
    raise UsageError(f"a name is text of 1 to {_LONGEST_NAME} characters, not {shown}", hint=call)


def as_metric(name: str, value: object) -> float:
    """Turn a number of any library into a float; not-a-number and the infinities are numbers too.

    Args:
        name: the metric's name, for the message.
        value: a Python number, a numpy scalar, or anything of one element with ``item()``.

    Raises:
        UsageError: it is not one number.

    Example:
        >>> as_metric("hits", True)
        1.0
    """
    scalar = _scalar(value, of_any_shape=True)
    try:
        if not isinstance(scalar, (str, bytes, bytearray)):
            return float(scalar)
    except (TypeError, ValueError, OverflowError):
        pass
    raise UsageError(
        f"metric {name!r} is {_described(value)}, and a metric is one number",
        hint=f"nbops.log_metric({name!r}, 0.93), or nbops.log_param({name!r}, …) for other values",
    )


def as_step(step: object) -> int | None:
    """Turn a step of any integer type into an int.

    Raises:
        UsageError: it is not a whole number.
    """
    if step is None or type(step) is int:
        return step
    try:
        return operator.index(_scalar(step))
    except TypeError:
        number = _scalar(step)
        if isinstance(number, float) and number.is_integer():
            return int(number)
        raise UsageError(
            f"a step is a whole number, not {_described(step)}", hint="nbops.log_metric('loss', 0.5, step=3)"
        ) from None


def as_param(value: object) -> ParamValue:
    """Keep scalars as they are and everything else as its JSON or, failing that, as bounded text.

    Example:
        >>> as_param({"depth": [2, 4]}), as_param(None), as_param(3)
        ('{"depth":[2,4]}', None, 3)
    """
    scalar = _scalar(value)
    if scalar is None or isinstance(scalar, bool):
        return scalar
    if isinstance(scalar, int):
        return int(scalar)
    if isinstance(scalar, float):
        return float(scalar)
    if isinstance(scalar, str):
        return str(scalar)[:_LONGEST_TEXT]
    return _as_text(value)


def _as_text(value: object) -> str:
    try:
        if isinstance(value, (dict, list, tuple, set, frozenset)) or hasattr(value, "tolist"):
            with contextlib.suppress(TypeError, ValueError, RecursionError, msgspec.MsgspecError):
                return msgspec.json.encode(value, enc_hook=_jsonable).decode()[:_LONGEST_TEXT]
        return str(value)[:_LONGEST_TEXT]
    except Exception:  # noqa: BLE001 - a parameter's broken __str__ must not end the user's cell
        return f"<{type(value).__name__}>"


def _jsonable(value: Any) -> Any:
    if hasattr(value, "tolist"):  # arrays of numpy and its relatives
        return value.tolist()
    return str(value)


def _scalar(value: Any, *, of_any_shape: bool = False) -> Any:
    """Unwrap the one number that numpy, torch and others put into a box of their own."""
    if value is None or isinstance(value, (str, bytes, int, float)):
        return value
    item = getattr(value, "item", None)
    if not callable(item) or (not of_any_shape and getattr(value, "shape", ()) != ()):
        return value
    try:
        return item()
    except (TypeError, ValueError, RuntimeError):  # more than one element
        return value


def _described(value: object) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"a {type(value).__name__} of shape {shape}"
    return f"the {type(value).__name__} {_short(value)}"


def _short(value: object) -> str:
    if type(value) not in (str, bytes, int, float, complex, bool, type(None)):
        return "object"  # no foreign repr is called for a message
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"

"""What is said of estimators and of their data: parameters, what was learnt, kinds and shapes, names of variables.

No ``__repr__`` or ``__str__`` of a foreign object is called, nothing is iterated that an iteration would use up, and
all of it is bounded.
"""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

from nbops.capture import values
from nbops.optional import loaded
from nbops.records import Seen

_MOST_PARAMS = 300
_MOST_LEARNT = 60
_LONGEST_TEXT = 10_000
_MOST_ITEMS = 50
_PLAIN = (bool, int, float, str, type(None))
_OURS = ("nbops", "sklearn", "joblib")
"""Packages whose frames stand between a hooked call and the user's line."""


def type_name(thing: object) -> str:
    """Dotted class of an object.

    Example:
        >>> type_name(1.5), type_name(types.SimpleNamespace())
        ('float', 'types.SimpleNamespace')
    """
    kind = type(thing)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def params_of(estimator: Any) -> dict[str, Any]:
    """Return what ``get_params`` says, parts included, as plain values.

    Args:
        estimator: anything with ``get_params``.

    Returns:
        Name → a scalar, or bounded text for everything else; at most 300.
    """
    try:
        found = estimator.get_params(deep=True)
    except TypeError:  # it was written without the argument
        found = estimator.get_params()
    return {str(name): plain(value) for name, value in itertools.islice(found.items(), _MOST_PARAMS)}


def plain(value: Any) -> Any:
    """Turn a parameter into a scalar or a bounded text, without asking a foreign object for its own.

    Example:
        >>> plain(0.5), plain([("scale", 1)]), plain(len), plain(object())
        (0.5, '[["scale",1]]', 'len', 'object')
    """
    if type(value) in _PLAIN:
        return value[:_LONGEST_TEXT] if isinstance(value, str) else value
    if _is_numpy_scalar(value):
        return plain(value.item())
    if isinstance(value, list | tuple | set | frozenset | dict):
        if (parts := _named_parts(value)) is not None:
            return parts
        return str(values.as_param(_items(value)))[:_LONGEST_TEXT]
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType | types.MethodType):
        return value.__qualname__
    shape = shape_of(value)
    return f"{type(value).__name__} {tuple(shape)}" if shape else type(value).__name__


def _is_numpy_scalar(value: Any) -> bool:
    numpy = loaded("numpy")
    return numpy is not None and isinstance(value, numpy.bool_ | numpy.number | numpy.str_)


def _named_parts(value: Any) -> str | None:
    """``scale: StandardScaler, clf: SVC`` for the steps of a pipeline and their like."""
    if not isinstance(value, list | tuple) or not any(
        isinstance(part, tuple) and len(part) > 1 and hasattr(type(part[1]), "get_params") for part in value
    ):
        return None
    parts = [part for part in value[:_MOST_ITEMS] if isinstance(part, tuple) and len(part) > 1]
    return ", ".join(f"{plain(part[0])}: {plain(part[1])}" for part in parts)[:_LONGEST_TEXT]


def _items(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(plain(key)): _item(item) for key, item in itertools.islice(value.items(), _MOST_ITEMS)}
    items = [_item(item) for item in itertools.islice(value, _MOST_ITEMS)]
    return sorted(items, key=str) if isinstance(value, set | frozenset) else items


def _item(value: Any) -> Any:
    return _items(value) if isinstance(value, list | tuple) and len(value) <= _MOST_ITEMS else plain(value)


def fitted_of(estimator: Any) -> dict[str, Any]:
    """Return what an estimator learnt: attributes that end in ``_``, numbers as they are and arrays by their shape.

    Args:
        estimator: a fitted one; the steps of a pipeline are looked at as ``step.attribute``.
    """
    return dict(itertools.islice(_learnt(estimator), _MOST_LEARNT))


def _learnt(estimator: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in list(attributes(estimator).items()):
        if not name.endswith("_") or name.startswith("_"):
            continue
        if type(value) in _PLAIN or _is_numpy_scalar(value) or name == "best_params_":
            yield prefix + name, plain(value)
        elif shape := shape_of(value):
            yield prefix + name, shape
    for name, step in steps(estimator):
        yield from _learnt(step, f"{prefix}{name}.")


def steps(estimator: Any) -> list[tuple[str, Any]]:
    """Return the named steps of a pipeline; none for other estimators."""
    found = attributes(estimator).get("steps")
    if not isinstance(found, list):
        return []
    return [(str(step[0]), step[1]) for step in found if isinstance(step, tuple) and len(step) == 2]


def attributes(thing: Any) -> Mapping[str, Any]:
    """Return an object's own attributes without running a property of it; none where it has no dict."""
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}
    return own if isinstance(own, dict) else {}


def shape_of(thing: Any) -> list[int]:
    """Return rows and columns of what was passed to a fit; empty where it does not say.

    Example:
        >>> shape_of([[1, 2], [3, 4], [5, 6]]), shape_of(iter([1]))
        ([3, 2], [])
    """
    if isinstance(thing, list | tuple):
        inner = thing[0] if thing else None
        return [len(thing), len(inner)] if isinstance(inner, list | tuple) else [len(thing)]
    shape = getattr(thing, "shape", None)
    if not isinstance(shape, tuple) or not all(isinstance(size, int) or _is_numpy_scalar(size) for size in shape):
        return []
    return [int(size) for size in shape]


def seen(thing: Any, name: str) -> Seen:
    """Describe data that was passed to a fit."""
    return Seen(name=name, type=type_name(thing), shape=shape_of(thing))


def caller() -> types.FrameType | None:
    """Return the frame of the user's line that made a hooked call."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in _OURS:
        frame = frame.f_back
    return frame


def variable(thing: Any, frame: types.FrameType | None) -> str:
    """Return the name of the variable that holds an object where a call was made; empty when none does."""
    if frame is None or type(thing) in _PLAIN:
        return ""
    for space in (frame.f_locals, frame.f_globals):
        for name, value in list(space.items()):
            if value is thing and isinstance(name, str) and not name.startswith("_"):
                return name
    return ""

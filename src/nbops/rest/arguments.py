"""What a request says, understood as the options of its route."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nbops.errors import UsageError
from nbops.grammar import Option
from nbops.rest.projects import ServerRoot
from nbops.rest.routes import MOST_ROWS, Route

_KINDS: dict[str, Any] = {
    "text": str,
    "integer": int,
    "number": float,
    "flag": bool,
    "path": str,
    "choice": str,
    "pairs": dict[str, Any],
}
OWN_NAMES = ("project", "token", "_xsrf", "no_track_activity")
"""Query arguments that belong to every route rather than to its verb: ours, and those the Jupyter server reads."""


def understand(route: Route, given: Mapping[str, Any], *, root: ServerRoot) -> dict[str, Any]:
    """Turn what was sent into the arguments of the route's verb.

    Args:
        route: what was called.
        given: option name → value; from a query, values are lists of text.
        root: what paths are relative to, and must stay within.

    Returns:
        A value for each option of the route.

    Raises:
        UsageError: an option is unknown, missing or of another kind; the message names it.
    """
    options = {option.name: option for option in route.options}
    for name in given:
        if name not in options and name not in OWN_NAMES:
            known = ", ".join(sorted(options)) or "no options"
            raise UsageError(f"{route.name} has no option {name!r}; there are: {known}", hint=_example(route))
    return {name: _value(route, option, given.get(name), root) for name, option in options.items()}


def from_query(route: Route, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Undo the query's encoding: one value for most options, lists and pairs for the others."""
    options = {option.name: option for option in route.options}
    values: dict[str, Any] = {}
    for name, texts in query.items():
        option = options.get(name)
        if option is not None and option.kind == "pairs":
            values[name] = dict(text.partition("=")[::2] for text in texts)
        elif option is not None and option.is_many:
            values[name] = list(texts)
        else:
            values[name] = texts[-1]
    return values


def _value(route: Route, option: Option, value: Any, root: ServerRoot) -> Any:
    if value is None or (value == "" and not option.is_required):
        if option.is_required:
            raise UsageError(f"{route.name} needs {option.name}: {option.help}", hint=_example(route))
        if option.kind == "pairs":
            return {}
        return [] if option.is_many else option.default
    one: Any = _KINDS[option.kind]
    kind = types.GenericAlias(list, one) if option.is_many else one
    try:
        # A query has text only, so "5" is an integer there.
        understood = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"{option.name} = {_short(value)} of {route.name}: {error}", hint=_example(route)) from error
    return _checked(route, option, understood, root)


def _checked(route: Route, option: Option, value: Any, root: ServerRoot) -> Any:
    if option.minimum is not None and isinstance(value, int | float) and value < option.minimum:
        raise UsageError(f"{option.name} is {option.minimum:g} or more, not {value}")
    if option.kind == "choice" and value not in option.choices:
        raise UsageError(
            f"{option.name} of {route.name} is one of {', '.join(option.choices)}, not {_short(value)}",
            hint=_example(route),
        )
    if option.kind == "path":
        return str(root.inside(value))
    if option.kind == "pairs":
        return {name: text if isinstance(text, str) else _as_typed(text) for name, text in value.items()}
    if option.name == "limit" and not 0 <= value <= MOST_ROWS:
        raise UsageError(f"limit is between 0 and {MOST_ROWS}, not {value}", hint="page with offset")
    if option.name == "offset" and value < 0:
        raise UsageError(f"offset is 0 or more, not {value}", hint="page with offset")
    return value


def _as_typed(value: Any) -> str:
    # The verbs read a pair's value as it is typed in a shell: a list is V1,V2.
    if isinstance(value, list):
        return ",".join(part if isinstance(part, str) else _as_typed(part) for part in value)
    return msgspec.json.encode(value).decode()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _example(route: Route) -> str:
    wanted = [option.name for option in route.options if option.is_required]
    return f"{route.method} {route.name}" + (f" with {', '.join(wanted)}" if wanted else "")


__all__ = ["from_query", "understand"]

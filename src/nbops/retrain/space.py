"""The space that a sweep draws from: lists of values, and ranges written as ``1e-4..1 log``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nbops.errors import UsageError
from nbops.retrain import parameters, values
from nbops.retrain.conversion import convert
from nbops.retrain.declarations import Parameter
from nbops.retrain.parameters import NotebookParameters

_NUMBER = r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(?P<first>log:)?\s*(?P<low>{_NUMBER})\s*\.\.\s*(?P<high>{_NUMBER})\s*(?P<last>log)?")


class Range(msgspec.Struct, frozen=True):
    """Numbers between two ends, both included."""

    low: float
    high: float
    is_log: bool = False
    is_whole: bool = False

    def __str__(self) -> str:
        """As people write it, and as ``dimension`` reads it."""
        ends = (int(self.low), int(self.high)) if self.is_whole else (self.low, self.high)
        return f"{ends[0]!r}..{ends[1]!r}{' log' if self.is_log else ''}"


Dimension = Range | list[Any]


def dimension(parameter: Parameter, wanted: object = None, *, where: str = "the notebook") -> Dimension:
    """Say what values a search takes for one parameter.

    Args:
        parameter: what is searched.
        wanted: ``1e-4..1 log`` or ``log:1e-4..1``, a list of values, its text ``2,4,8``, or None for what the notebook
            itself says after the default.
        where: the notebook's name, for messages.

    Returns:
        A range, or a list of values.

    Raises:
        UsageError: there is nothing to search, or it is not what the notebook allows.

    Example:
        >>> from nbops.retrain.declarations import of_source
        >>> [depth] = of_source("depth = 3  # 1..8")
        >>> str(dimension(depth)), dimension(depth, "2,4")
        ('1..8', [2, 4])
    """
    if wanted is None or wanted == "":
        return _declared(parameter, where)
    if isinstance(wanted, Range):
        return _range(parameter, wanted.low, wanted.high, is_log=wanted.is_log, where=where)
    if isinstance(wanted, str):
        if match := _RANGE.fullmatch(wanted.strip()):
            is_log = bool(match["first"] or match["last"])
            return _range(parameter, float(match["low"]), float(match["high"]), is_log=is_log, where=where)
        known = NotebookParameters(notebook=where, parameters=[parameter], has_cell=True)
        listed = parameters.grid_from_text(known, {parameter.name: wanted})[parameter.name]
    elif isinstance(wanted, Sequence):
        listed = [convert(parameter, value, where=where) for value in wanted]
    else:
        raise UsageError(f"{parameter.name}: {wanted!r} is neither a range nor a list", hint="1e-4..1 log, or 2,4,8")
    if not listed:
        raise UsageError(f"the list of {parameter.name!r} has no values", hint=f"--grid {parameter.name}=1,2,3")
    return listed


def _declared(parameter: Parameter, where: str) -> Dimension:
    if parameter.choices is not None:
        return list(parameter.choices)
    if parameter.low is not None and parameter.high is not None:
        return _range(parameter, parameter.low, parameter.high, is_log=parameter.is_log, where=where)
    if parameter.type == "bool":
        return [False, True]
    raise UsageError(
        f"{where} does not say which values of {parameter.name!r} make sense, so there is nothing to search",
        code="no_range",
        hint=f"--search {parameter.name}=1..8, or write # 1..8 after its default in the parameters cell",
    )


def _range(parameter: Parameter, low: float, high: float, *, is_log: bool, where: str) -> Range:
    if parameter.type not in {"int", "float", "any"}:
        raise UsageError(
            f"{parameter.name} is {parameter.type}, which has no range",
            hint=f"--search {parameter.name}=VALUE,VALUE,…",
        )
    if low > high or (is_log and low <= 0):
        wanted = "its lower end above 0" if low <= high else "its lower end first"
        raise UsageError(
            f"{parameter.name}: {low:g}..{high:g}{' log' if is_log else ''} is no range; it wants {wanted}"
        )
    ends = [convert(parameter, end, where=where) for end in (low, high)]
    return Range(float(ends[0]), float(ends[1]), is_log, parameter.type == "int")


def stored(parameter: Parameter, taken: Dimension) -> list[Any]:
    """Take a dimension to the form that a sweep's record keeps.

    Example:
        >>> from nbops.retrain.declarations import of_source
        >>> [depth] = of_source("depth = 3")
        >>> stored(depth, Range(1, 8, is_whole=True))
        ['1..8']
    """
    if isinstance(taken, Range):
        return [str(taken)]
    return [stored_value(parameter, value) for value in taken]


def stored_value(parameter: Parameter, value: Any) -> Any:
    """Take one value to the form that records keep, and that ``conversion.convert`` brings back."""
    # The schema brings typed values back from their plain form; without a type the value must tell what it was.
    return values.encode(value) if parameter.type == "any" else values.plain(value)


def recalled(known: NotebookParameters, kept: Mapping[str, list[Any]]) -> dict[str, Dimension]:
    """Bring back the dimensions of a sweep's record."""
    found: dict[str, Dimension] = {}
    for name, listed in kept.items():
        parameter = known.named(name)
        is_range = len(listed) == 1 and isinstance(listed[0], str) and parameter.type != "str"
        is_range = is_range and _RANGE.fullmatch(listed[0]) is not None
        found[name] = dimension(parameter, listed[0] if is_range else listed, where=known.notebook)
    return found


def chosen(
    known: NotebookParameters,
    *,
    fixed: Mapping[str, Any],
    grid: Mapping[str, Sequence[Any] | str],
    search: Mapping[str, object] | Sequence[str] | None,
    is_grid: bool,
) -> dict[str, Dimension]:
    """Put together what a sweep draws from.

    Args:
        known: the notebook's parameters.
        fixed: those that have one value for all runs.
        grid: parameter → its values.
        search: parameter → what is searched, or names of parameters whose ranges the notebook says.
        is_grid: whether all combinations are run, so that there can be no ranges. Otherwise, where nothing is named,
            every parameter for which the notebook says a range or choices is searched.

    Raises:
        UsageError: something is named twice, is not known, or has no values.
    """
    if isinstance(search, str):
        raise UsageError(f"search = {search!r}: it wants names, or names with ranges", hint=f"search=[{search!r}]")
    searched: Mapping[str, object] = search if isinstance(search, Mapping) else dict.fromkeys(search or ())
    if not is_grid and not grid and not searched:
        searched = dict.fromkeys(p.name for p in known.parameters if _has_range(p) and p.name not in fixed)
        if not searched:
            raise UsageError(
                f"{known.notebook} does not say which values of its parameters make sense: nothing to search",
                code="no_range",
                hint="--search NAME=1..8, or write # 1..8 after a default in the parameters cell",
            )
    for name in [*grid, *searched]:
        if name in fixed or (name in grid and name in searched):
            raise UsageError(
                f"{name!r} is given more than once", hint=f"give one of -p {name}=…, --grid {name}=…, --search {name}=…"
            )
    space = {
        name: dimension(known.named(name), taken, where=known.notebook)
        for name, taken in ({**grid, **searched}).items()
    }
    for name, taken in space.items():
        if is_grid and isinstance(taken, Range):
            raise UsageError(
                f"the grid of {name!r} is a range, and a grid wants its values one by one",
                hint=f"--grid {name}=1,2,3, or --search {name}='{taken}' --trials 30",
            )
    return space


def _has_range(parameter: Parameter) -> bool:
    return parameter.choices is not None or (parameter.low is not None and parameter.high is not None)


def points_of(taken: Dimension) -> list[Any]:
    """Values of a dimension of a grid, which has no ranges."""
    assert not isinstance(taken, Range)
    return taken

"""Which view an answer gets: chosen by the answer's own type."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any, TypeVar

from nbops.views.parts import Code, Note, Part

Draw = TypeVar("Draw", bound="Callable[[Any], list[Part]]")


@singledispatch
def view_of(answer: object) -> list[Part]:
    """Describe an answer as parts; unknown types show as text.

    Example:
        >>> view_of("hello")
        [Code(text='hello', language='text')]
    """
    return [Code(str(answer))]


_lists: dict[type, Callable[[Any], list[Part]]] = {}


def list_of(kind: type) -> Callable[[Draw], Draw]:
    """Register how a list is shown whose first item is of this type, or of one derived from it."""

    def register(draw: Draw) -> Draw:
        _lists[kind] = draw
        return draw

    return register


@view_of.register
def _(answer: list) -> list[Part]:  # type: ignore[type-arg]  # dispatch takes classes, not list[Any]
    if not answer:
        return [Note("nothing here yet")]
    draw = next((_lists[kind] for kind in type(answer[0]).__mro__ if kind in _lists), None)
    return draw(answer) if draw else [Code("\n".join(str(item) for item in answer))]

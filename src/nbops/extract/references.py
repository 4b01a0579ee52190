"""What a name may reach: the objects behind other names, parts of them, and what holds them.

A reference knows look-ups only: which are left until it reaches the object that it came from, and how deep inside that
object it then is. So ``row`` in ``for row in rows`` is one look-up deep inside ``rows``, and ``{"rows": rows}`` has one
left before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FAR = 3
"""Look-ups beyond this many are not told apart; a notebook's constants are rarely nested deeper."""


@dataclass(frozen=True)
class Reference:
    """One way from a value to the object behind a name."""

    origin: str
    """The name; of a function's parameter with ``@`` before it."""
    path: tuple[str | None, ...] = ()
    """Look-ups until the object is reached, each an attribute's name or None: ``(None,)`` for ``[thing]``."""
    depth: int = 0
    """How deep inside the object that place is: 1 for an item of it."""
    attribute: str | None = None
    """The first look-up inside the object, where it is an attribute."""

    @property
    def is_there(self) -> bool:
        """Whether the value is the object or a part of it, and not something that holds it."""
        return not self.path


References = frozenset[Reference]

NOTHING: References = frozenset()


def part(values: References, attribute: str | None = None) -> References:
    """Give what an item or attribute of a value may reach.

    Example:
        >>> part(frozenset({Reference("rows")}))
        frozenset({Reference(origin='rows', path=(), depth=1, attribute=None)})
    """
    return frozenset(found for ref in values if (found := _part(ref, attribute)) is not None)


def _part(ref: Reference, attribute: str | None) -> Reference | None:
    if not ref.path:
        first = attribute if ref.depth == 0 else ref.attribute
        return replace(ref, depth=min(ref.depth + 1, FAR), attribute=first)
    if attribute is not None and ref.path[0] not in {attribute, None}:
        return None
    if ref.path == (None,) and ref.depth == 1 and ref.attribute is None:  # perhaps an instance
        return Reference(ref.origin) if attribute == "__class__" else replace(ref, path=(), attribute=attribute)
    return replace(ref, path=ref.path[1:])


def held(values: References, attribute: str | None = None) -> References:
    """Give what an object reaches that holds a value, as an item or as an attribute."""
    return frozenset(replace(ref, path=(attribute, *ref.path)[:FAR]) for ref in values)


def instances(values: References) -> References:
    """Give what an instance, or a subclass, of a class reaches: what the class has, but not the class itself."""
    return frozenset(replace(ref, path=(None,), depth=1) for ref in values if ref.is_there and not ref.depth)


def copied(values: References) -> References:
    """Give what a shallow copy reaches: another object with the same parts."""
    return held(part(values))


def anything(values: References) -> References:
    """Give what the answer of an unknown call may reach: its argument, a part of it, something that holds these."""
    parts = values | part(values) | part(part(values))
    return parts | held(parts)


def seen_through(ref: Reference, given: References) -> References:
    """Translate a reference inside a function to what its caller gave."""
    values = given
    for level in range(ref.depth):
        values = part(values, ref.attribute if level == 0 else None)
    if ref.depth == FAR:
        values |= part(values)
    for step in reversed(ref.path):
        values = held(values, step)
    return values

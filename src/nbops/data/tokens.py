"""What an object is now, told in a microsecond, and what hangs on it.

A ``token`` says which object it is and how large, not what it holds: it sees a rebound name, a longer list and a
replaced column, and does not see ``array[0] = 1``. ``reach`` says through which mutable objects and functions a change
could travel. Neither runs code of the user's: no ``__eq__``, ``__hash__``, ``__repr__``, ``__len__`` or property of a
foreign class.
"""

from __future__ import annotations

import contextvars
import functools
import gc
import types
import weakref
from collections.abc import Mapping
from typing import Any

import msgspec

from nbops.optional import loaded

ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented), range})
"""Types whose objects never change and can be compared without anybody's code."""
SHORT = 1_000
"""Longer texts are told by identity, so that a token does not keep them alive."""
MOST_NODES = 10_000
"""Objects followed from one name before the rest is left unknown."""


def ids_of(*kinds: type) -> frozenset[int]:
    """Types by identity: looking one up among types would call ``__hash__`` and ``__eq__`` of a metaclass."""
    return frozenset(map(id, kinds))


_ATOM_IDS = ids_of(*ATOMS)
_TEXT_IDS = ids_of(str, bytes)
_SIZED_IDS = ids_of(list, dict, set, bytearray, frozenset, tuple)
_LEAF_IDS = _ATOM_IDS | ids_of(types.ModuleType, types.CodeType, types.FrameType)


def is_atom(thing: Any) -> bool:
    """Whether a token tells all there is to the object."""
    return id(type(thing)) in _ATOM_IDS


def token(thing: Any) -> object:
    """Tell which object this is and how large.

    Args:
        thing: any object.

    Returns:
        Something to be compared with ``==`` to a later token of the same name.

    Example:
        >>> numbers = [1, 2]
        >>> before = token(numbers)
        >>> numbers.append(3)
        >>> token(numbers) == before
        False
    """
    kind = type(thing)
    known = id(kind)
    if known in _ATOM_IDS:
        # By value: the address of a float that was freed is that of the next one.
        return (kind, thing) if known not in _TEXT_IDS or len(thing) <= SHORT else (kind, id(thing), len(thing))
    if known in _SIZED_IDS:
        return (id(thing), len(thing))
    numpy, pandas = loaded("numpy"), loaded("pandas")
    if numpy is not None and kind is numpy.ndarray:
        return (id(thing), thing.shape, id(thing.dtype))
    if pandas is not None and (kind is pandas.DataFrame or kind is pandas.Series):
        return (id(thing), *_blocks_token(thing))
    return (id(thing), known)


def tokens_of(names: Mapping[str, Any]) -> dict[str, object]:
    """Tell a token of each name; containers, which most names hold, without a call for each.

    Example:
        >>> tokens_of({"n": 1})
        {'n': (<class 'int'>, 1)}
    """
    return {
        name: (id(thing), len(thing)) if id(type(thing)) in _SIZED_IDS else token(thing)
        for name, thing in names.items()
    }


def _blocks_token(frame: Any) -> tuple[object, ...]:
    # The blocks are pandas' own business; where a later pandas hides them, the digest of touched names is left.
    manager = getattr(frame, "_mgr", None)
    blocks = getattr(manager, "blocks", ())
    return tuple((id(block.values), block.values.shape) for block in blocks) + tuple(
        id(axis) for axis in getattr(manager, "axes", ())
    )


class Reach(msgspec.Struct, frozen=True, gc=False):
    """What a name leads to."""

    objects: frozenset[int]
    """Identities of the mutable objects that can be reached, and of the owners of shared memory."""
    uses: frozenset[str]
    """Global names that reachable functions of the notebook mention."""
    is_whole: bool
    """False when there was more than could be followed."""


NOTHING = Reach(frozenset(), frozenset(), True)


def reach(thing: Any, namespace: Mapping[str, Any] | None = None) -> Reach:
    """Follow an object to everything mutable behind it.

    Args:
        thing: any object.
        namespace: the notebook's globals: only functions that live in them are asked for the names they use.

    Returns:
        Identities and names; the same list in two places has the same identity.

    Example:
        >>> shared = [1]
        >>> id(shared) in reach({"a": shared}).objects
        True
    """
    if id(type(thing)) in _LEAF_IDS:
        return NOTHING
    seen: set[int] = set()
    uses: set[str] = set()
    pending, is_whole = [thing], True
    while pending and len(seen) < MOST_NODES:
        one = pending.pop()
        kind = type(one)
        if id(kind) in _LEAF_IDS or id(one) in seen:
            continue
        seen.add(id(one))
        if kind is types.FunctionType:
            behind = _behind_function(one, namespace, uses)
        elif issubclass(kind, type):
            behind = _behind_class(one)
        else:
            behind = _behind(one, seen)
        if len(behind) > MOST_NODES:
            behind = _spread(behind)
            is_whole = is_whole and not behind
        pending += behind
    return Reach(frozenset(seen), frozenset(uses), is_whole and not pending)


def _behind(thing: Any, seen: set[int]) -> list[Any]:
    numpy, pandas = loaded("numpy"), loaded("pandas")
    if numpy is not None and isinstance_of(thing, numpy.ndarray):
        return _behind_array(thing, seen)
    if pandas is not None and isinstance_of(thing, pandas.DataFrame, pandas.Series):
        values = [block.values for block in getattr(getattr(thing, "_mgr", None), "blocks", ())]
        is_plain = type(thing) is pandas.DataFrame or type(thing) is pandas.Series
        return values if is_plain else [*values, *gc.get_referents(thing)]
    if type(thing) is memoryview:
        return [thing.obj]
    if isinstance_of(thing, weakref.ref):
        # It keeps nothing alive, and still what it points to can be changed through it.
        return [weakref.ref.__call__(thing)]
    if type(thing) is contextvars.ContextVar:
        return [thing.get(None)]
    # The garbage collector knows what an object holds without asking the object.
    return gc.get_referents(thing)


def _spread(things: list[Any]) -> list[Any]:
    """As many as are followed, evenly from a long list, leaving plain values out."""
    return [thing for thing in things[:: len(things) // MOST_NODES + 1] if id(type(thing)) not in _LEAF_IDS]


def isinstance_of(thing: Any, *kinds: type) -> bool:
    """``isinstance`` by the real type: a proxy that claims another ``__class__`` is not asked."""
    return issubclass(type(thing), kinds)


def _behind_array(array: Any, seen: set[int]) -> list[Any]:
    owner = array
    while owner.base is not None and type(owner.base) is type(owner):
        owner = owner.base
        seen.add(id(owner))
    behind = [] if owner.base is None else [owner.base]
    return behind + array.ravel().tolist() if array.dtype.kind == "O" else behind


def _behind_function(function: types.FunctionType, namespace: Mapping[str, Any] | None, uses: set[str]) -> list[Any]:
    if namespace is not None and function.__globals__ is namespace:
        uses |= names_of(function.__code__)
    # The cells themselves: functions that share one see each other's `nonlocal`.
    return [*(function.__closure__ or ()), function.__defaults__, function.__kwdefaults__, function.__dict__]


@functools.lru_cache(maxsize=10_000)
def names_of(code: types.CodeType) -> frozenset[str]:
    """Names that a piece of code may look up in the globals, its inner functions included."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            names |= names_of(constant)
    return frozenset(names)


def _behind_class(kind: type) -> list[Any]:
    own = class_namespace(kind)
    if own.get("__module__") != "__main__":
        return []
    behind = [*own.values(), *type.__dict__["__bases__"].__get__(kind)]
    # Making a subclass runs code of a metaclass of the user's. `type` itself would only tie all classes together.
    return [*behind, type(kind)] if class_namespace(type(kind)).get("__module__") == "__main__" else behind


def class_namespace(kind: type) -> Any:
    """A class's own attributes, without asking its metaclass."""
    return type.__dict__["__dict__"].__get__(kind)

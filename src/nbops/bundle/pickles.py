"""Looking into a pickle without running it: every name that it would load."""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from typing import Any

_TEXTS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "SHORT_BINSTRING", "BINSTRING", "STRING")
_STORES = ("PUT", "BINPUT", "LONG_BINPUT")
_FETCHES = ("GET", "BINGET", "LONG_BINGET")


def names_in(data: bytes) -> list[str]:
    """List what a pickle loads, as ``module.name``, without loading anything.

    Args:
        data: a pickle of protocol 2 or newer.

    Returns:
        The names, sorted, each once.

    Raises:
        ValueError: the bytes are no pickle, or name something in a way that no pickler of Python's does.

    Example:
        >>> import pickle, collections
        >>> names_in(pickle.dumps(collections.OrderedDict(a=1)))
        ['collections.OrderedDict']
    """
    return sorted(set(_loaded(data)))


def first_in(data: bytes) -> str | None:
    """Say what a pickle loads first, as ``module.name``: the class of the object that was pickled.

    Example:
        >>> import pickle, collections
        >>> first_in(pickle.dumps(collections.OrderedDict(a=range(3))))
        'collections.OrderedDict'
    """
    return next(_loaded(data), None)


def _loaded(data: bytes) -> Iterator[str]:
    memo: dict[int, str | None] = {}
    recent: list[str | None] = []  # the texts that lie on top of the stack; None for anything else
    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name == "GLOBAL":
            yield str(argument).replace(" ", ".", 1)
            recent.append(None)
        elif name == "STACK_GLOBAL":
            yield _stacked(recent)
            recent.append(None)
        elif name in ("EXT1", "EXT2", "EXT4", "INST"):
            raise ValueError(f"the pickle names something by {name}, which cannot be followed")
        elif name == "MEMOIZE":
            memo[len(memo)] = recent[-1] if recent else None
        elif name in _STORES:
            memo[_number(argument)] = recent[-1] if recent else None
        elif name in _FETCHES:
            recent.append(memo.get(_number(argument)))
        elif name in _TEXTS:
            recent.append(_text(argument))
        elif name not in ("FRAME", "PROTO"):
            recent.append(None)
        del recent[:-8]


def _number(argument: Any) -> int:
    return int(argument)


def _text(argument: Any) -> str:
    return argument if isinstance(argument, str) else bytes(argument).decode("latin-1")


def _stacked(recent: list[str | None]) -> str:
    module, name = (recent[-2], recent[-1]) if len(recent) >= 2 else (None, None)
    if module is None or name is None:
        raise ValueError("the pickle names something in a way that cannot be followed")
    return f"{module}.{name}"

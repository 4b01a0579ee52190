"""What a pickle would look up in ``__main__``, where only this session has it."""

from __future__ import annotations

import io
import pickle
import types
from typing import Any

from nbops.errors import ExtractError


def main_objects(value: object) -> list[Any]:
    """List the functions and classes of ``__main__`` that pickling an object would look up by name.

    Raises:
        ExtractError: the object cannot be pickled whatever module its functions come from.

    Example:
        >>> main_objects({"a": len})
        []
    """
    finder = _Finder(io.BytesIO(), protocol=5)
    try:
        finder.dump(value)
    except Exception as error:  # a user's object may raise anything while it is pickled
        raise ExtractError(f"{type(value).__name__} cannot be pickled: {error}", code="unpicklable") from error
    return list(finder.found.values())


class _Finder(pickle.Pickler):
    """Pickles into nowhere; what belongs to ``__main__`` is noted and replaced."""

    def __init__(self, file: io.BytesIO, *, protocol: int) -> None:
        super().__init__(file, protocol)
        self.found: dict[int, Any] = {}

    def reducer_override(self, obj: Any) -> Any:
        is_named = isinstance(obj, type) or hasattr(obj, "__qualname__")
        if is_named and getattr(obj, "__module__", None) == "__main__" and not isinstance(obj, types.MethodType):
            self.found[id(obj)] = obj
            return (object, ())
        return NotImplemented

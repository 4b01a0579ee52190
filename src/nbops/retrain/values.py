"""Values of parameters on their way: from text, to the notebook's own code, and to JSON and back.

papermill knows what JSON knows. Tuples, sets, dates, paths and numpy scalars have three forms here: the Python value,
its code (``code``, what the notebook's injected cell says) and its plain form (``plain``, what records and the
notebook's metadata keep). ``encode`` and ``decode`` are the exact way to JSON and back where no type tells what a plain
value once was.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any

from nbops.errors import UsageError
from nbops.optional import loaded

_DATETIME, _DATE, _PATH = "__import__('datetime').datetime", "__import__('datetime').date", "__import__('pathlib').Path"

_TAGS: dict[str, Callable[[Any], Any]] = {
    "$tuple": lambda items: tuple(decode(item) for item in items),
    "$set": lambda items: {decode(item) for item in items},
    "$frozenset": lambda items: frozenset(decode(item) for item in items),
    "$datetime": datetime.datetime.fromisoformat,
    "$date": datetime.date.fromisoformat,
    "$path": Path,
    "$float": float,
}


def native(value: object) -> Any:
    """Take a numpy scalar or array to the Python value it holds; leave everything else as it is.

    Example:
        >>> import numpy
        >>> native(numpy.float64(0.5)), native([numpy.int64(3)])
        (0.5, [3])
    """
    numpy = loaded("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return value.item()
    if numpy is not None and isinstance(value, numpy.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [native(item) for item in value]
    if type(value) is tuple:
        return tuple(native(item) for item in value)
    if isinstance(value, dict):
        return {native(key): native(item) for key, item in value.items()}
    return value


def code(value: object, *, constructor: str = "") -> str:
    """Write a value as Python code that needs no import of its own.

    Args:
        value: what the notebook shall get.
        constructor: the call that the notebook itself uses for such a value, as it is written there: ``np.float64``,
            ``dt.date``, ``Path``. Without one the standard library's is reached without binding a name, because an
            ``import datetime`` here could replace a name that the notebook uses otherwise.

    Raises:
        UsageError: there is no code for a value of this type.

    Example:
        >>> code((1, "a")), code(Path("a b"), constructor="Path")
        ("(1, 'a')", "Path('a b')")
    """
    if isinstance(value, datetime.datetime):
        # fromisoformat is the one spelling that carries fractions and offsets alike.
        return f"{constructor or _DATETIME}.fromisoformat({value.isoformat()!r})"
    if isinstance(value, datetime.date):
        return f"{constructor or _DATE}({value.year}, {value.month}, {value.day})"
    if isinstance(value, PurePath):
        return f"{constructor or _PATH}({str(value)!r})"
    text = _plain_code(value)
    return f"{constructor}({text})" if constructor else text


def _plain_code(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(code(item) for item in value)}]"
    if isinstance(value, tuple):
        return f"({', '.join(code(item) for item in value)}{',' if len(value) == 1 else ''})"
    if isinstance(value, frozenset):
        return f"frozenset({_plain_code(set(value))})" if value else "frozenset()"
    if isinstance(value, set):
        # Sorted by their code, so that equal sets are equal text in every process.
        return f"{{{', '.join(sorted(code(item) for item in value))}}}" if value else "set()"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{code(key)}: {code(item)}' for key, item in value.items())}}}"
    raise UsageError(
        f"a {type(value).__name__} cannot be a parameter: {value!r:.80}",
        hint="pass a number, text, list, tuple, set, dict, date or path",
    )


def plain(value: object) -> Any:
    """Take a value to its JSON form for people to read: a date becomes its ISO text, a set a sorted list.

    Example:
        >>> plain({3, 1, 2}), plain(datetime.date(2024, 5, 1)), plain(float("inf"))
        ([1, 2, 3], '2024-05-01', 'inf')
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=lambda item: (str(type(item)), item))
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


def encode(value: object) -> Any:
    """Take a value to JSON that ``decode`` brings back exactly.

    Example:
        >>> encode((1, 2))
        {'$tuple': [1, 2]}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, datetime.datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, datetime.date):
        return {"$date": value.isoformat()}
    if isinstance(value, PurePath):
        return {"$path": str(value)}
    if isinstance(value, tuple):
        return {"$tuple": [encode(item) for item in value]}
    if isinstance(value, set | frozenset):
        items = sorted((encode(item) for item in value), key=repr)
        return {"$frozenset" if isinstance(value, frozenset) else "$set": items}
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    return value


def decode(value: object) -> Any:
    """Bring back what ``encode`` made.

    Example:
        >>> decode(encode((1, Path("a"), {2})))
        (1, PosixPath('a'), {2})
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if isinstance(value, dict):
        if len(value) == 1:
            [(tag, content)] = value.items()
            if tag in _TAGS:
                return _TAGS[tag](content)
        return {key: decode(item) for key, item in value.items()}
    return value

"""The version of a variable: what it holds, told the same in every process.

``digest`` only says whether an object changed within a session. This names its content, so that a notebook that runs
again can be compared with the first time, name by name. Tables and arrays have the version of ``fingerprint``; whatever
is made of plain values, tables and attributes is walked. Nothing of the user's is called. Times that libraries measure
are left out, because no two runs share them; what only the object itself could tell has no version.
"""

from __future__ import annotations

import hashlib
import marshal
import types
from typing import Any

from nbops.data.allowance import Allowance
from nbops.data.canonical import OutOfTimeError
from nbops.data.fingerprint import fingerprint
from nbops.data.parts import ancestors_of, attributes_of, content_of, is_native, name_of, root_of
from nbops.data.tokens import class_namespace, isinstance_of
from nbops.optional import loaded

_FLAT = frozenset({type(None), bool, int, float, complex, str, bytes})
_PLAIN = frozenset({type(None), bool, int, float, complex})
_TOLD_BY_TEXT = frozenset({
    "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta", "decimal.Decimal",
    "fractions.Fraction", "uuid.UUID", "pathlib.PosixPath", "pathlib.WindowsPath",
    "pandas.Timestamp", "pandas.Timedelta", "pandas.Interval", "pandas.Period",
    "pandas._libs.tslibs.timestamps.Timestamp", "pandas._libs.tslibs.timedeltas.Timedelta",
})  # fmt: skip
_LIBRARIES = frozenset({
    "_random", "catboost", "lightgbm", "numpy", "pandas", "random", "scipy", "sklearn", "xgboost",
})  # fmt: skip
_BOOSTING = frozenset({"lightgbm", "xgboost", "catboost"})
# Not here, or a picture of something else.
_ELSEWHERE = frozenset({"cupy", "dask", "matplotlib", "plotly", "polars", "pyspark", "ray", "tensorflow", "torch"})
_EMPTY = frozenset({"abc", "typing"})
_DEFINITIONS = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)
_NATIVE_FUNCTIONS = frozenset({"cython_function_or_method", "ufunc", "builtin_function_or_method"})
_DEEPEST = 60
_BYTES_PER_SECOND = 1.5e9
_LONGEST_TEXT = 1 << 20


def _size(table: Any) -> int:
    """Bytes of a table, as far as its columns tell them without being walked."""
    if hasattr(table, "memory_usage"):
        return int(table.memory_usage(index=False).sum()) if table.ndim == 2 else int(table.memory_usage(index=False))
    held = getattr(table, "nbytes", None)
    return int(table.data.nbytes if held is None else held)


class _UntoldError(Exception):
    """Nobody but the object could say what it holds."""


def version(thing: Any, *, key: bytes = b"", budget_s: float = 0.05) -> str:
    """Name the content of a variable.

    Args:
        thing: any object.
        key: what texts are hashed with, so that a short one cannot be guessed from its version; without a key what
            holds texts has no version, except for columns of tables.
        budget_s: seconds of processor time this may take.

    Returns:
        ``int:5`` for a number, ``xxh3:…`` for a table or array, ``value:…`` for what is made of such, with the key's
        own mark in it where texts are part of it; empty for what cannot be told, or not in time.

    Example:
        >>> version([1, {"depth": 2.5}], key=b"k") == version([1, {"depth": 2.5}], key=b"k")
        True
        >>> version(0.93), version(open)
        ('float:0.93', '')
    """
    kind = type(thing)
    if kind in _PLAIN:
        return f"{kind.__name__}:{thing!r}"
    if isinstance_of(thing, *_DEFINITIONS):
        return ""
    walk = _Walk(Allowance(budget_s))
    try:
        if _is_table(thing):
            return walk.table(thing)
        content = marshal.dumps(walk.plain(thing), 2)
    except Exception:  # noqa: BLE001 - a hook in the user's cell: whatever a foreign object raises, it has no version
        return ""
    if walk.has_text and not key:
        return ""
    used = key if walk.has_text else b""
    mark = f"{hashlib.blake2b(used, digest_size=4).hexdigest()}:" if used else ""
    return f"value:{mark}{hashlib.blake2b(content, key=used[:64], digest_size=16).hexdigest()}"


def _is_table(thing: Any) -> bool:
    pandas, numpy, sparse, arrow = (loaded(name) for name in ("pandas", "numpy", "scipy.sparse", "pyarrow"))
    kind = type(thing)
    return (
        (pandas is not None and kind in (pandas.DataFrame, pandas.Series))
        or (numpy is not None and kind is numpy.ndarray and not thing.dtype.hasobject)
        or (sparse is not None and root_of(kind) == "scipy" and sparse.issparse(thing))
        or (arrow is not None and kind is getattr(arrow, "Table", None))
    )


class _Walk:
    """Turns an object into builtins that are written in one way only."""

    def __init__(self, allowed: Allowance) -> None:
        self.has_text = False
        self._allowed = allowed
        self._steps = 0
        self._open: set[int] = set()

    def plain(self, thing: Any) -> Any:
        """The same content out of builtins."""
        kind = type(thing)
        if kind in _FLAT:
            if (kind is str or kind is bytes) and len(thing) > _LONGEST_TEXT:
                raise _UntoldError
            self.has_text = self.has_text or kind is str or kind is bytes
            return thing
        self._step()
        if id(thing) in self._open or len(self._open) > _DEEPEST:
            raise _UntoldError
        self._open.add(id(thing))
        try:
            return self._parts(thing, kind)
        finally:
            self._open.discard(id(thing))

    def _step(self) -> None:
        self._steps += 1
        if not self._steps % 64 and self._allowed.is_spent():
            raise OutOfTimeError

    def _parts(self, thing: Any, kind: type) -> Any:
        if kind is list or kind is tuple:
            return (kind.__name__, [self.plain(part) for part in thing])
        if kind is dict:
            return ("dict", [(self.plain(key), self.plain(value)) for key, value in thing.items()])
        if kind is set or kind is frozenset:
            return (kind.__name__, sorted(marshal.dumps(self.plain(part), 2) for part in thing))
        if kind is bytearray:
            self.has_text = True
            return ("bytearray", bytes(thing))
        if kind is slice:
            return ("slice", [self.plain(part) for part in (thing.start, thing.stop, thing.step)])
        if kind is range or thing is Ellipsis:
            return (kind.__name__, repr(thing))
        if isinstance_of(thing, *_DEFINITIONS) or kind.__name__ in _NATIVE_FUNCTIONS:
            # Inside an object they stand for the code, which is compared as code.
            return ("named", getattr(thing, "__module__", ""), getattr(thing, "__qualname__", ""))
        if _is_table(thing):
            return ("table", self.table(thing))
        numpy = loaded("numpy")
        if numpy is not None and kind is numpy.ndarray:
            return ("objects", list(thing.shape), [self.plain(part) for part in thing.ravel().tolist()])
        if numpy is not None and isinstance_of(thing, numpy.generic):
            return (kind.__name__, thing.tobytes())
        if numpy is not None and isinstance_of(thing, numpy.dtype):
            return ("dtype", str(thing))
        pandas = loaded("pandas")
        if pandas is not None and isinstance_of(thing, pandas.Index):
            return ("index", self.table(thing.to_frame(index=False)))
        if name_of(kind) in _TOLD_BY_TEXT:
            self.has_text = True
            return (name_of(kind), str(thing))
        return self._instance(thing, kind)

    def table(self, table: Any) -> str:
        """The version of a table or array."""
        left = self._allowed.left()
        if left <= _size(table) / _BYTES_PER_SECOND:
            raise OutOfTimeError
        found = fingerprint(table, budget_s=left)
        if found.evidence != "digest":
            raise _UntoldError
        return found.digest

    def _instance(self, thing: Any, kind: type) -> Any:
        ancestors = ancestors_of(kind)
        if _is_walked_by_pickle(kind, ancestors):
            return (name_of(kind), self._reduced(thing.__reduce_ex__(2)))
        native = [one for one in ancestors if is_native(one) and one is not object and root_of(one) not in _EMPTY]
        if root_of(kind) in _ELSEWHERE or (native and content_of(thing) is None):
            raise _UntoldError
        is_library = any(root_of(one) in _LIBRARIES for one in ancestors)
        held = [(name, value) for name, value in attributes_of(thing) if not (is_library and _is_noise(name))]
        return (name_of(kind), [(name, self._attribute(value, is_library)) for name, value in held], self._own(thing))

    def _attribute(self, value: Any, is_library: bool) -> Any:
        if is_library and type(value) is dict:  # the results of a search have a time for every fit
            return ("dict", [(self.plain(k), self.plain(v)) for k, v in value.items() if not _is_noise(k)])
        return self.plain(value)

    def _own(self, thing: Any) -> Any:
        content = content_of(thing)
        return None if content is None else self.plain(content)

    def _reduced(self, parts: Any) -> Any:
        if isinstance(parts, str):
            return parts
        return [self.plain(list(part) if hasattr(part, "__next__") else part) for part in parts]


def _is_walked_by_pickle(kind: type, ancestors: tuple[type, ...]) -> bool:
    """Whether the object is a library's own and keeps itself natively: its pickle runs the library's code alone."""
    if root_of(kind) in _BOOSTING:
        return any("__getstate__" in class_namespace(one) for one in ancestors if root_of(one) in _BOOSTING)
    return root_of(kind) in _LIBRARIES and any(root_of(one) in _LIBRARIES and is_native(one) for one in ancestors)


def _is_noise(name: object) -> bool:
    """A measured time (``mean_fit_time``, ``refit_time_``) or an address that a library has kept."""
    return type(name) is str and name.endswith(("time", "time_", "times", "times_", "_words_id"))

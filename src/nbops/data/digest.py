"""Whether an object has changed within this session: a digest of what it holds, under a time budget.

The object is pickled into a hash; nothing is stored. Pickle walks containers in C and knows recursion; wherever it
would run code of the user's (``__reduce__``, ``__getstate__``), the object's attributes are read instead. Arrays and
frames are hashed as the bytes they are. Never compare such a digest with the data version of
``nbops.data.fingerprint``, or with one of another process.
"""

from __future__ import annotations

import functools
import gc
import pickle
import random
import sys
import sysconfig
import time
import types
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from nbops.data.tokens import class_namespace, isinstance_of, token
from nbops.optional import loaded

if TYPE_CHECKING:
    from numpy.typing import NDArray

Evidence = Literal["digest", "sampled", "opaque"]

CHUNK = 4 << 20
"""Bytes hashed between two looks at the clock."""
BYTES_PER_SECOND = 4e9
SAMPLED = 4_096
"""Elements that stand for an array or a list that takes too long."""

# Their pickles say what they hold, and making them runs no code of the user's.
_TRUSTED = frozenset(sys.stdlib_module_names) | {
    "builtins",
    "catboost", "imblearn", "joblib", "lightgbm", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "statsmodels",
    "xgboost",
}  # fmt: skip
# What they are is not here (on a device, in another process, computed when asked), or is a picture of something else.
_ELSEWHERE = frozenset({
    "cudf", "cupy", "dask", "distributed", "duckdb", "ibis", "ipywidgets", "jax", "jaxlib", "matplotlib", "modin",
    "plotly", "polars", "psycopg", "pyspark", "ray", "sqlalchemy", "tensorflow", "torch",
})  # fmt: skip
# They have state, but none that is data: locks, open files, references that keep nothing.
_HARMLESS = frozenset({"_io", "_thread", "_weakref", "logging", "threading", "weakref"})
# Search trees that never change once made, though they count how often they are asked.
_COUNTING = frozenset({"sklearn.neighbors._ball_tree", "sklearn.neighbors._kd_tree"})

_HEAP_TYPE = 1 << 9
"""Flag of a type that was made at run time, as every class written in Python is."""


class Digest(msgspec.Struct, frozen=True):
    """What an object holds, and how well that is known."""

    value: str
    """Comparable with another of the same evidence in the same process; empty when ``opaque``."""
    evidence: Evidence
    """``sampled`` also where some part of the object could not be seen."""
    is_sample: bool = False
    """Whether elements stand for the whole: to be compared only with another sample."""


OPAQUE = Digest("", "opaque")


class _OutOfTimeError(Exception):
    """Hashing takes longer than it may."""


class _OpaqueError(Exception):
    """The object itself is one of those that only they could tell."""


def digest(thing: Any, budget_s: float = 0.05, *, is_sampled: bool = False) -> Digest:
    """Tell what an object holds.

    Args:
        thing: any object, however it is made.
        budget_s: seconds this may take; what takes longer is sampled.
        is_sampled: sample at once, to be compared with a digest that was sampled.

    Returns:
        The digest; ``opaque`` for what only itself could tell, such as sockets, handles and remote objects.

    Example:
        >>> numbers = [1, 2]
        >>> before = digest(numbers)
        >>> numbers[0] = 9
        >>> digest(numbers) == before
        False
    """
    started = time.perf_counter()
    if not is_sampled:
        try:
            return _whole(thing, started + budget_s)
        except _OutOfTimeError:
            pass
    return _sampled(thing, budget_s)


def _whole(thing: Any, deadline: float) -> Digest:
    sink = _Sink(deadline)
    pickler = _Pickler(sink, thing)
    try:
        pickler.dump(thing)
    except _OutOfTimeError:
        raise
    except Exception:  # noqa: BLE001 - a hook in the user's cell: whatever a foreign object raises, it is unknown
        return OPAQUE
    return Digest(sink.state.hexdigest(), "sampled" if pickler.is_partial else "digest")


class _Sink:
    """Takes the pickle and keeps its hash."""

    def __init__(self, deadline: float) -> None:
        import xxhash

        self.state = xxhash.xxh3_128()
        self.deadline = deadline

    def write(self, data: Any) -> None:
        self.check()
        self.state.update(data)

    def check(self, ahead_bytes: int = 0) -> None:
        if time.perf_counter() + ahead_bytes / BYTES_PER_SECOND > self.deadline:
            raise _OutOfTimeError


def _mark(*parts: object) -> None:
    """Stands in the pickle for what is hashed in a way of its own; never called, for the pickle is never read."""


class _Pickler(pickle.Pickler):
    """Pickles without asking foreign code, and by content where pickle would write a name."""

    def __init__(self, sink: _Sink, root: object) -> None:
        super().__init__(sink, protocol=5)
        self._sink, self._root = sink, root
        self.is_partial = False

    def reducer_override(self, thing: Any) -> Any:
        if thing is _mark:
            return NotImplemented
        self._sink.check()
        kind = type(thing)
        special = _SPECIAL_BY_ID.get(id(kind))
        if special is not None:
            return special(thing)
        if issubclass(kind, type):
            return _class_parts(thing)
        numpy, pyarrow = loaded("numpy"), loaded("pyarrow")
        if numpy is not None and isinstance_of(thing, numpy.ndarray):
            return self._array_parts(thing)
        if pyarrow is not None and isinstance_of(thing, pyarrow.Array, pyarrow.ChunkedArray):
            return self._arrow_parts(thing)
        return self._instance_parts(thing)

    def _instance_parts(self, thing: Any) -> Any:
        kind = type(thing)
        ancestors = _ancestors(kind)
        roots = {_root(one) for one in ancestors}
        if roots & _ELSEWHERE:
            return self._unknown(thing)
        foreign = [one for one in ancestors if _root(one) not in _TRUSTED]
        if not foreign:
            return self._trusted_parts(thing)
        if any(_is_native(one) for one in foreign):
            return self._unknown(thing)
        return _mark, (_name(kind),), (_attributes(thing), _content(thing), self._inherited(thing, ancestors, foreign))

    def _inherited(self, thing: Any, ancestors: tuple[type, ...], foreign: list[type]) -> Any:
        """What a native ancestor keeps for itself, as in a subclass of ``random.Random``; only its pickle shows it."""
        if all(_root(one) not in _TRUSTED or _root(one) == "builtins" for one in ancestors):
            return None
        if any(_has_own_pickling(one) for one in foreign):
            self.is_partial = self.is_partial or any(_keeps_to_itself(one) for one in ancestors)
            return None
        try:
            parts = thing.__reduce_ex__(5)
        except Exception:  # noqa: BLE001 - a hook in the user's cell: it may refuse in any way
            self.is_partial = True
            return None
        return (
            parts if isinstance(parts, str) else [list(part) if hasattr(part, "__next__") else part for part in parts]
        )

    def _trusted_parts(self, thing: Any) -> Any:
        import copyreg
        import warnings

        kind = type(thing)
        if _module(kind) in _COUNTING:
            return _mark, (_name(kind), id(thing))
        reduce: Callable[[Any], Any] | None = copyreg.dispatch_table.get(kind)
        try:
            if _root(kind) == "itertools":
                with warnings.catch_warnings():  # it is deprecated, and there is no other way to see where they are
                    warnings.simplefilter("ignore")
                    return thing.__reduce__()
            parts = reduce(thing) if reduce is not None else thing.__reduce_ex__(5)
        except Exception:  # noqa: BLE001 - a hook in the user's cell: locks, sockets and handles all refuse in their way
            if _root(kind) not in _HARMLESS:
                return self._unknown(thing)
            return _mark, (_name(kind),), (getattr(thing, "__dict__", None),)
        return (_mark, (parts,)) if isinstance(parts, str) else parts

    def _unknown(self, thing: Any) -> Any:
        if thing is self._root:
            raise _OpaqueError
        self.is_partial = True
        return _mark, (_name(type(thing)), id(thing))

    def _array_parts(self, array: NDArray[Any]) -> Any:
        import numpy as np

        plain = np.ndarray.view(array, np.ndarray)
        about = (_name(type(array)), str(plain.dtype), plain.shape)
        if plain.dtype.hasobject or plain.dtype.kind == "T":
            return _mark, about, (plain.ravel().tolist(), _attributes(array))
        return _mark, (*about, self._bytes_digest(_flat(plain, self._sink))), (_attributes(array),)

    def _arrow_parts(self, array: Any) -> Any:
        pieces = array.chunks if hasattr(array, "chunks") else [array]
        found: list[object] = []
        for piece in pieces:
            buffers = [memoryview(buffer) if buffer is not None else b"" for buffer in piece.buffers()]
            found.append((piece.offset, len(piece), [self._bytes_digest(buffer) for buffer in buffers]))
        return _mark, (str(array.type), found)

    def _bytes_digest(self, data: Any) -> bytes:
        import xxhash

        state, view = xxhash.xxh3_128(), memoryview(data)
        self._sink.check(view.nbytes)
        for start in range(0, view.nbytes, CHUNK):
            state.update(view[start : start + CHUNK])
            self._sink.check()
        return bytes(state.digest())


def _flat(array: NDArray[Any], sink: _Sink) -> NDArray[Any]:
    """The bytes of an array; copied only where they do not lie side by side."""
    import numpy as np

    if array.flags.f_contiguous and not array.flags.c_contiguous:
        array = array.T
    if not array.flags.c_contiguous:
        sink.check(8 * array.nbytes)
        array = np.ascontiguousarray(array)
    return array.reshape(-1).view(np.uint8)


# What pickle would write by name, or not at all, by what it holds.


def _function_parts(function: types.FunctionType) -> Any:
    about = ("function", function.__module__, function.__qualname__)
    cells = [_cell_content(cell) for cell in function.__closure__ or ()]
    if str(function.__globals__.get("__name__")).partition(".")[0] in _TRUSTED:
        # A decorator of a library may keep a cache, which is no change; the function it wraps counts.
        return _mark, about, [cell for cell in cells if type(cell) is types.FunctionType]
    return _mark, about, (function.__code__, cells, function.__defaults__, function.__kwdefaults__, function.__dict__)


def _cell_content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return _mark


def _code_parts(code: types.CodeType) -> Any:
    return _mark, ("code", code.co_code, code.co_names, code.co_varnames), (code.co_consts,)


def _running_parts(thing: Any) -> Any:
    """A generator or coroutine: where it stands, and what it holds there."""
    frame = next(getattr(thing, name) for name in ("gi_frame", "cr_frame", "ag_frame") if hasattr(thing, name))
    held = [one for one in gc.get_referents(thing) if type(one) is not types.FrameType]
    return _mark, (_name(type(thing)), None if frame is None else frame.f_lasti), (held,)


def _class_parts(kind: type) -> Any:
    own = class_namespace(kind)
    if own.get("__module__") != "__main__":
        return _mark, ("class", _name(kind))
    skipped = ("__dict__", "__weakref__", "__doc__", "_abc_impl")
    held = [(name, value) for name, value in own.items() if name not in skipped]
    return _mark, ("class", _name(kind)), (held, type.__dict__["__bases__"].__get__(kind))


def _module_parts(module: types.ModuleType) -> Any:
    """Modules that lie beside the notebook by what they hold; those that are installed by their name."""
    own = object.__getattribute__(module, "__dict__")
    file = own.get("__file__")
    about = ("module", own.get("__name__"))
    if own.get("__name__") in sys.builtin_module_names or (isinstance(file, str) and _is_installed(file)):
        return _mark, about
    return _mark, about, ([(name, value) for name, value in own.items() if name[:2] != "__"],)


@functools.lru_cache(maxsize=10_000)
def _is_installed(file: str) -> bool:
    folders = sysconfig.get_paths()
    return file.startswith(tuple(folders[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")))


def _named(thing: Any) -> Any:
    return _mark, (_name(type(thing)), getattr(thing, "__name__", ""))


def _held(thing: Any) -> Any:
    return _mark, (_name(type(thing)),), (gc.get_referents(thing),)


def _builtin_parts(function: types.BuiltinFunctionType) -> Any:
    owner = function.__self__
    return _mark, ("builtin", function.__qualname__), (None if type(owner) is types.ModuleType else owner,)


_SPECIAL: dict[type, Callable[[Any], Any]] = {
    types.FunctionType: _function_parts,
    types.BuiltinFunctionType: _builtin_parts,
    types.MethodType: lambda method: (_mark, ("method",), (method.__func__, method.__self__)),
    types.CodeType: _code_parts,
    types.CellType: lambda cell: (_mark, ("cell",), (_cell_content(cell),)),
    types.GeneratorType: _running_parts,
    types.CoroutineType: _running_parts,
    types.AsyncGeneratorType: _running_parts,
    types.MappingProxyType: lambda proxy: (_mark, ("proxy",), (gc.get_referents(proxy),)),
    types.ModuleType: _module_parts,
    types.FrameType: lambda frame: (_mark, ("frame",)),
    types.TracebackType: lambda traceback: (_mark, ("traceback",)),
    types.MemberDescriptorType: _named,
    types.GetSetDescriptorType: _named,
    types.MethodDescriptorType: _named,
    types.WrapperDescriptorType: _named,
    types.ClassMethodDescriptorType: _named,
    memoryview: lambda view: (_mark, ("memoryview", view.tobytes())),
    type({}.keys()): _held,
    type({}.values()): _held,
    type({}.items()): _held,
    property: _held,
    staticmethod: _held,
    classmethod: _held,
}


_SPECIAL_BY_ID = {id(kind): parts for kind, parts in _SPECIAL.items()}


# Looking at an object without asking it.


def _ancestors(kind: type) -> tuple[type, ...]:
    return type.__dict__["__mro__"].__get__(kind)  # type: ignore[no-any-return]


def _name(kind: type) -> str:
    return f"{_module(kind)}.{type.__dict__['__qualname__'].__get__(kind)}"


def _module(kind: type) -> str:
    module = class_namespace(kind).get("__module__")
    if module is None:  # native types have it in their name only
        module = type.__getattribute__(kind, "__module__")
    return module if isinstance(module, str) else "?"


def _root(kind: type) -> str:
    return _module(kind).partition(".")[0]


def _is_native(kind: type) -> bool:
    """Whether objects of this class can hold what is neither attribute nor slot."""
    if not type.__dict__["__flags__"].__get__(kind) & _HEAP_TYPE:
        return True
    return not any("__dict__" in own or "__slots__" in own for own in map(class_namespace, _ancestors(kind)))


_PICKLING = frozenset({
    "__getattr__", "__getattribute__", "__getitem__", "__getnewargs__", "__getnewargs_ex__", "__getstate__", "__iter__",
    "__len__", "__reduce__", "__reduce_ex__", "items", "keys", "values",
})  # fmt: skip


def _has_own_pickling(kind: type) -> bool:
    """Whether pickling an object of this class would run code that the class brings along."""
    return not _PICKLING.isdisjoint(class_namespace(kind))


def _keeps_to_itself(kind: type) -> bool:
    """Whether the class is a native one whose objects hold more than can be read off them."""
    is_native = not type.__dict__["__flags__"].__get__(kind) & _HEAP_TYPE
    return is_native and kind is not object and id(kind) not in _CONTENT_BY_ID


def _attributes(thing: Any) -> list[tuple[str, Any]]:
    """The instance's dict and slots, read past whatever the class has put before them."""
    found: dict[str, Any] = {}
    computed: set[str] = set()
    for one in _ancestors(type(thing)):
        for name, value in class_namespace(one).items():
            if type(value) is functools.cached_property:
                computed.add(name)  # filled by looking at it
            if name == "__dict__" and type(value) is types.GetSetDescriptorType:
                found |= value.__get__(thing) or {}
            elif type(value) is types.MemberDescriptorType and type.__dict__["__flags__"].__get__(one) & _HEAP_TYPE:
                try:
                    found[name] = value.__get__(thing)
                except AttributeError:  # an empty slot
                    continue
    return [(name, value) for name, value in found.items() if name not in computed]


_CONTENT: dict[type, Callable[[Any], Any]] = {
    dict: lambda thing: list(dict.items(thing)),
    list: lambda thing: list(list.__iter__(thing)),
    tuple: lambda thing: list(tuple.__iter__(thing)),
    set: lambda thing: list(set.__iter__(thing)),
    frozenset: lambda thing: list(frozenset.__iter__(thing)),
    deque: lambda thing: list(deque.__iter__(thing)),
    str: str.__str__,
    bytes: bytes.hex,
    bytearray: bytearray.hex,
    int: int.__index__,
    float: float.__float__,
    complex: complex.__complex__,
    BaseException: lambda thing: BaseException.args.__get__(thing),  # type: ignore[attr-defined]
}


_CONTENT_BY_ID = {id(kind): content for kind, content in _CONTENT.items()}


def _content(thing: Any) -> Any:
    """What an object of a subclass of a builtin holds as such."""
    for one in _ancestors(type(thing)):
        content = _CONTENT_BY_ID.get(id(one))
        if content is not None:
            return content(thing)
    return None


# Samples


def _sampled(thing: Any, budget_s: float) -> Digest:
    """Some elements of what is too large to be seen whole, with its token."""
    parts = _sample_parts(thing)
    if parts is None:
        return OPAQUE
    try:
        whole = _whole((token(thing), parts), time.perf_counter() + max(budget_s, 0.05))
    except _OutOfTimeError:
        return OPAQUE
    return Digest(whole.value, "sampled", is_sample=True) if whole.value else OPAQUE


def _sample_parts(thing: Any) -> Any:
    """Evenly spaced elements; the first and last ones of what can only be walked. None for what has no elements."""
    numpy, pandas = loaded("numpy"), loaded("pandas")
    if numpy is not None and isinstance_of(thing, numpy.ndarray):
        return _array_sample(thing)
    kind = type(thing)
    if pandas is not None and (kind is pandas.DataFrame or kind is pandas.Series):
        return thing.iloc[:: len(thing) // SAMPLED + 1]
    if kind is str or kind is bytes or kind is bytearray:
        return thing[:: len(thing) // SAMPLED + 1]
    # One level deep: what is inside the elements has no bounds.
    if kind is list or kind is tuple:
        return [token(item) for item in thing[:: len(thing) // SAMPLED + 1]]
    if kind is dict:
        ends = (*islice(thing.items(), SAMPLED // 2), *islice(reversed(thing.items()), SAMPLED // 2))
        return [(token(key), token(value)) for key, value in ends]
    if kind is set or kind is frozenset or kind is deque:
        return [token(item) for item in islice(thing, SAMPLED)]
    return None


def _array_sample(array: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    places = np.linspace(0, max(0, array.size - 1), min(array.size, SAMPLED)).astype(np.int64)
    plain = np.ndarray.view(array, np.ndarray)
    return plain[np.unravel_index(places, plain.shape)] if array.size else plain


# Random state


def randomness() -> dict[str, int]:
    """Tell where the process-wide random generators stand.

    Returns:
        ``random`` of the standard library, and ``numpy`` where it is loaded: numbers to be compared with later ones.

    Example:
        >>> import random
        >>> before = randomness()
        >>> _ = random.random()
        >>> randomness() == before
        False
    """
    # A tuple of integers: hashing it runs nobody's code.
    found = {"random": hash(random.getstate())}
    numpy_random = loaded("numpy.random")
    if numpy_random is not None:
        name, keys, position, has_gauss, gauss = numpy_random.get_state()
        found["numpy"] = hash((name, keys.tobytes(), position, has_gauss, gauss))
    return found

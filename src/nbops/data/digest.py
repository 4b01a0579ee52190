"""Whether an object has changed within this session: a digest of what it holds, under a time budget.

The object is pickled into a hash; nothing is stored. Pickle walks containers in C and knows recursion; wherever it
would run code of the user's (``__reduce__``, ``__getstate__``), the object's attributes are read instead. Arrays and
frames are hashed as the bytes they are. Never compare such a digest with the data version of
``nbops.data.fingerprint``, or with one of another process.
"""

from __future__ import annotations

import functools
import pickle
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from nbops.data.allowance import Allowance
from nbops.data.parts import (
    SPECIAL_BY_ID,
    TRUSTED,
    ancestors_of,
    attributes_of,
    class_parts,
    content_of,
    has_own_pickling,
    is_native,
    keeps_to_itself,
    mark,
    module_of,
    name_of,
    root_of,
)
from nbops.data.tokens import isinstance_of, token
from nbops.optional import loaded
from nbops.quiet import quiet

if TYPE_CHECKING:
    from numpy.typing import NDArray

Evidence = Literal["digest", "sampled", "opaque"]

CHUNK = 4 << 20
"""Bytes hashed between two looks at the clock."""
BYTES_PER_SECOND = 4e9
SAMPLED = 4_096
"""Elements that stand for an array or a list that takes too long."""

# What they are is not here (on a device, in another process, computed when asked), or is a picture of something else.
_ELSEWHERE = frozenset({
    "cudf", "cupy", "dask", "distributed", "duckdb", "ibis", "ipywidgets", "jax", "jaxlib", "matplotlib", "modin",
    "plotly", "polars", "psycopg", "pyspark", "ray", "sqlalchemy", "tensorflow", "torch",
})  # fmt: skip
# They have state, but none that is data: locks, open files, references that keep nothing.
_HARMLESS = frozenset({"_io", "_thread", "_weakref", "logging", "threading", "weakref"})
# Numbers in memory that processes share; they let themselves be pickled only while a process is started.
_SHARED = frozenset({"multiprocessing.sharedctypes"})
# Search trees that never change once made, though they count how often they are asked.
_COUNTING = frozenset({"sklearn.neighbors._ball_tree", "sklearn.neighbors._kd_tree"})


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
        budget_s: seconds of processor time this may take; what takes longer is sampled.
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
    if not is_sampled:
        try:
            return _whole(thing, Allowance(budget_s))
        except _OutOfTimeError:
            pass
    return _sampled(thing, budget_s)


def _whole(thing: Any, allowed: Allowance) -> Digest:
    sink = _Sink(allowed)
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

    def __init__(self, allowed: Allowance) -> None:
        import xxhash

        self.state = xxhash.xxh3_128()
        self.allowed = allowed

    def write(self, data: Any) -> None:
        self.check()
        self.state.update(data)

    def check(self, ahead_bytes: int = 0) -> None:
        if self.allowed.is_spent(ahead_bytes / BYTES_PER_SECOND):
            raise _OutOfTimeError


class _Pickler(pickle.Pickler):
    """Pickles without asking foreign code, and by content where pickle would write a name."""

    def __init__(self, sink: _Sink, root: object) -> None:
        super().__init__(sink, protocol=5)
        self._sink, self._root = sink, root
        self.is_partial = False

    def reducer_override(self, thing: Any) -> Any:
        if thing is mark:
            return NotImplemented
        self._sink.check()
        kind = type(thing)
        special = SPECIAL_BY_ID.get(id(kind))
        if special is not None:
            return special(thing)
        if issubclass(kind, type):
            return class_parts(thing)
        numpy, pyarrow, mmap = loaded("numpy"), loaded("pyarrow"), loaded("mmap")
        if mmap is not None and kind is mmap.mmap and not thing.closed:
            return mark, ("mmap", id(thing), self._bytes_digest(thing))
        if numpy is not None and isinstance_of(thing, numpy.ndarray):
            return self._array_parts(thing)
        if pyarrow is not None and isinstance_of(thing, pyarrow.Array, pyarrow.ChunkedArray):
            return self._arrow_parts(thing)
        return self._instance_parts(thing)

    def _instance_parts(self, thing: Any) -> Any:
        kind = type(thing)
        ancestors = ancestors_of(kind)
        roots = {root_of(one) for one in ancestors}
        if roots & _ELSEWHERE:
            return self._unknown(thing)
        foreign = [one for one in ancestors if root_of(one) not in TRUSTED]
        if not foreign:
            return self._trusted_parts(thing)
        if any(is_native(one) for one in foreign):
            return self._unknown(thing)
        return (
            mark,
            (name_of(kind),),
            (attributes_of(thing), content_of(thing), self._inherited(thing, ancestors, foreign)),
        )

    def _inherited(self, thing: Any, ancestors: tuple[type, ...], foreign: list[type]) -> Any:
        """What a native ancestor keeps for itself, as in a subclass of ``random.Random``; only its pickle shows it."""
        if all(root_of(one) not in TRUSTED or root_of(one) == "builtins" for one in ancestors):
            return None
        if any(has_own_pickling(one) for one in foreign):
            self.is_partial = self.is_partial or any(keeps_to_itself(one) for one in ancestors)
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

        kind = type(thing)
        if module_of(kind) in _COUNTING:
            return mark, (name_of(kind), id(thing))
        reduce: Callable[[Any], Any] | None = copyreg.dispatch_table.get(kind)
        try:
            if root_of(kind) == "itertools":
                with quiet():  # it is deprecated, and there is no other way to see where they are
                    return thing.__reduce__()
            parts = reduce(thing) if reduce is not None else thing.__reduce_ex__(5)
        except Exception:  # noqa: BLE001 - a hook in the user's cell: locks, sockets and handles all refuse in their way
            if root_of(kind) not in _HARMLESS and module_of(kind) not in _SHARED:
                return self._unknown(thing)
            return mark, (name_of(kind),), (getattr(thing, "__dict__", None),)
        if isinstance(parts, str):
            return mark, (parts,)
        return _without_cache(parts) if root_of(kind) == "pandas" else parts

    def _unknown(self, thing: Any) -> Any:
        if thing is self._root:
            raise _OpaqueError
        self.is_partial = True
        return mark, (name_of(type(thing)), id(thing))

    def _array_parts(self, array: NDArray[Any]) -> Any:
        import numpy as np

        plain = np.ndarray.view(array, np.ndarray)
        about = (name_of(type(array)), _dtype_name(plain.dtype), plain.shape)
        # numpy's own class has many names and no attributes.
        attributes = [] if type(array) is np.ndarray else attributes_of(array)
        if plain.dtype.hasobject or plain.dtype.kind == "T":
            return mark, about, (plain.ravel().tolist(), attributes)
        masked = loaded("numpy.ma")
        if masked is not None and isinstance_of(array, masked.MaskedArray):
            attributes = [(name, _fill(value, plain) if name == "_fill_value" else value) for name, value in attributes]
        return mark, (*about, self._bytes_digest(_flat(plain, self._sink))), (attributes,)

    def _arrow_parts(self, array: Any) -> Any:
        pieces = array.chunks if hasattr(array, "chunks") else [array]
        found: list[object] = []
        for piece in pieces:
            buffers = [memoryview(buffer) if buffer is not None else b"" for buffer in piece.buffers()]
            found.append((piece.offset, len(piece), [self._bytes_digest(buffer) for buffer in buffers]))
        return mark, (str(array.type), found)

    def _bytes_digest(self, data: Any) -> bytes:
        import xxhash

        state, view = xxhash.xxh3_128(), memoryview(data)
        self._sink.check(view.nbytes)
        for start in range(0, view.nbytes, CHUNK):
            state.update(view[start : start + CHUNK])
            self._sink.check()
        return bytes(state.digest())


def _dtype_name(dtype: Any) -> str:
    """What numpy writes of a dtype; of records it does so field by field, and a forest has one in each tree."""
    return str(dtype) if dtype.names is None else _record_name(dtype)


_record_name = functools.lru_cache(maxsize=1_000)(str)


def _without_cache(parts: Any) -> Any:
    """What pandas' objects compute when they are looked at, as in ``groupby`` and ``rolling``, is no change."""
    state = parts[2] if len(parts) > 2 else None
    if not isinstance(state, dict) or "_cache" not in state:
        return parts
    return (*parts[:2], {name: value for name, value in state.items() if name != "_cache"}, *parts[3:])


def _fill(value: Any, array: NDArray[Any]) -> Any:
    """The fill value of a masked array, which is the dtype's own until somebody has asked for it."""
    import numpy as np

    return np.array(np.ma.default_fill_value(array.dtype), dtype=array.dtype) if value is None else value


def _flat(array: NDArray[Any], sink: _Sink) -> NDArray[Any]:
    """The bytes of an array; copied only where they do not lie side by side."""
    import numpy as np

    if array.flags.f_contiguous and not array.flags.c_contiguous:
        array = array.T
    if not array.flags.c_contiguous:
        sink.check(8 * array.nbytes)
        array = np.ascontiguousarray(array)
    return array.reshape(-1).view(np.uint8)


# Samples


def _sampled(thing: Any, budget_s: float) -> Digest:
    """Some elements of what is too large to be seen whole, with its token."""
    parts = _sample_parts(thing)
    if parts is None:
        return OPAQUE
    try:
        whole = _whole((token(thing), parts), Allowance(max(budget_s, 0.05)))
    except _OutOfTimeError:
        return OPAQUE
    return Digest(whole.value, "sampled", is_sample=True) if whole.value else OPAQUE


def _sample_parts(thing: Any) -> Any:
    """Evenly spaced elements, the first and last ones of what can only be walked, or attributes; None without any."""
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
    if {root_of(one) for one in ancestors_of(kind)} & _ELSEWHERE:
        return None
    # An estimator that was fitted again has other attributes, however large they are.
    return [(name, token(value)) for name, value in attributes_of(thing)] or None


def _array_sample(array: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    places = np.linspace(0, max(0, array.size - 1), min(array.size, SAMPLED)).astype(np.int64)
    plain = np.ndarray.view(array, np.ndarray)
    return plain[np.unravel_index(places, plain.shape)] if array.size else plain

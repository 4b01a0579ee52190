"""What an object holds, read past everything that its class may have put before it.

Pickle writes functions, classes and modules by name; here is what they hold instead. And it asks objects how to pickle
them; here their attributes, slots and contents are read without running a line of the user's.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import gc
import io
import os
import stat
import sys
import sysconfig
import types
from collections import deque
from collections.abc import Callable
from typing import Any

from nbops.data.tokens import class_namespace

# Their pickles say what they hold, and making them runs no code of the user's.
TRUSTED = frozenset(sys.stdlib_module_names) | {
    "builtins",
    "catboost", "imblearn", "joblib", "lightgbm", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "statsmodels",
    "xgboost",
}  # fmt: skip
_HEAP_TYPE = 1 << 9
"""Flag of a type that was made at run time, as every class written in Python is."""


def mark(*parts: object) -> None:
    """Stands in the pickle for what is hashed in a way of its own; never called, for the pickle is never read."""


# What pickle would write by name, or not at all, by what it holds.


def _function_parts(function: types.FunctionType) -> Any:
    about = ("function", function.__module__, function.__qualname__)
    cells = [_cell_content(cell) for cell in function.__closure__ or ()]
    if str(function.__globals__.get("__name__")).partition(".")[0] in TRUSTED:
        # A decorator of a library may keep a cache, which is no change; the function it wraps counts.
        return mark, about, [cell for cell in cells if type(cell) is types.FunctionType]
    return mark, about, (function.__code__, cells, function.__defaults__, function.__kwdefaults__, function.__dict__)


def _cell_content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return mark


def _code_parts(code: types.CodeType) -> Any:
    return mark, ("code", code.co_code, code.co_names, code.co_varnames), (code.co_consts,)


def _running_parts(thing: Any) -> Any:
    """A generator or coroutine: where it stands, and what it holds there."""
    frame = next(getattr(thing, name) for name in ("gi_frame", "cr_frame", "ag_frame") if hasattr(thing, name))
    # An async generator that was begun also holds a method of the event loop, which is nobody's data.
    skipped = (types.FrameType, types.MethodType) if hasattr(thing, "ag_frame") else (types.FrameType,)
    held = [one for one in gc.get_referents(thing) if type(one) not in skipped]
    return mark, (name_of(type(thing)), None if frame is None else frame.f_lasti), (held,)


def class_parts(kind: type) -> Any:
    own = class_namespace(kind)
    if own.get("__module__") != "__main__":
        return mark, ("class", name_of(kind))
    # ``__slotnames__`` is what copy and pickle keep on a class whose objects they have seen.
    skipped = ("__dict__", "__weakref__", "__doc__", "_abc_impl", "__slotnames__")
    held = [(name, value) for name, value in own.items() if name not in skipped]
    return mark, ("class", name_of(kind)), (held, type.__dict__["__bases__"].__get__(kind))


def _module_parts(module: types.ModuleType) -> Any:
    """Modules that lie beside the notebook by what they hold; those that are installed by their name."""
    own = object.__getattribute__(module, "__dict__")
    file = own.get("__file__")
    about = ("module", own.get("__name__"))
    if own.get("__name__") in sys.builtin_module_names or (isinstance(file, str) and _is_installed(file)):
        return mark, about
    return mark, about, ([(name, value) for name, value in own.items() if name[:2] != "__"],)


@functools.lru_cache(maxsize=10_000)
def _is_installed(file: str) -> bool:
    folders = sysconfig.get_paths()
    return file.startswith(tuple(folders[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")))


def _named(thing: Any) -> Any:
    return mark, (name_of(type(thing)), getattr(thing, "__name__", ""))


def _held(thing: Any) -> Any:
    return mark, (name_of(type(thing)),), (gc.get_referents(thing),)


def _builtin_parts(function: types.BuiltinFunctionType) -> Any:
    owner = function.__self__
    return mark, ("builtin", function.__qualname__), (None if type(owner) is types.ModuleType else owner,)


def _file_parts(file: Any) -> Any:
    """An open file by where it stands; what is no regular file, or no file of Python's own, by itself alone."""
    about = (name_of(type(file)), id(file))
    if not _is_plain_file(file):
        return mark, about
    place = -1
    # A text file in the middle of a `for` loop does not tell its place; its buffer does, by the block.
    for layer in (file, getattr(file, "buffer", file)):
        with contextlib.suppress(OSError, ValueError):
            place = layer.tell()
            break
    return mark, (*about, place)


def _is_plain_file(file: Any) -> bool:
    layers = [file]
    with contextlib.suppress(ValueError, OSError, AttributeError):  # closed, or parted from its buffer
        if type(file) is io.TextIOWrapper:
            layers.append(file.buffer)
        if type(layers[-1]) is not io.FileIO:
            layers.append(layers[-1].raw)
        # Any layer but the first may be an object of the user's, which is not asked.
        return all(id(type(layer)) in _FILE_IDS for layer in layers) and stat.S_ISREG(
            os.fstat(layers[-1].fileno()).st_mode
        )
    return False


_FILES = (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.FileIO)
_FILE_IDS = frozenset(map(id, _FILES))


def _context_parts(variable: contextvars.ContextVar[Any]) -> Any:
    return mark, ("context", id(variable)), (variable.get(None),)


_SPECIAL: dict[type, Callable[[Any], Any]] = {
    types.FunctionType: _function_parts,
    types.BuiltinFunctionType: _builtin_parts,
    types.MethodType: lambda method: (mark, ("method",), (method.__func__, method.__self__)),
    types.CodeType: _code_parts,
    types.CellType: lambda cell: (mark, ("cell",), (_cell_content(cell),)),
    types.GeneratorType: _running_parts,
    types.CoroutineType: _running_parts,
    types.AsyncGeneratorType: _running_parts,
    types.MappingProxyType: lambda proxy: (mark, ("proxy",), (gc.get_referents(proxy),)),
    types.ModuleType: _module_parts,
    types.FrameType: lambda frame: (mark, ("frame",)),
    types.TracebackType: lambda traceback: (mark, ("traceback",)),
    types.MemberDescriptorType: _named,
    types.GetSetDescriptorType: _named,
    types.MethodDescriptorType: _named,
    types.WrapperDescriptorType: _named,
    types.ClassMethodDescriptorType: _named,
    memoryview: lambda view: (mark, ("memoryview", view.tobytes())),
    contextvars.ContextVar: _context_parts,
    **dict.fromkeys(_FILES, _file_parts),
    type({}.keys()): _held,
    type({}.values()): _held,
    type({}.items()): _held,
    property: _held,
    staticmethod: _held,
    classmethod: _held,
}


SPECIAL_BY_ID = {id(kind): parts for kind, parts in _SPECIAL.items()}


# Looking at an object without asking it.


def ancestors_of(kind: type) -> tuple[type, ...]:
    order: tuple[type, ...] = type.__dict__["__mro__"].__get__(kind)
    return order


def name_of(kind: type) -> str:
    return f"{module_of(kind)}.{type.__dict__['__qualname__'].__get__(kind)}"


def module_of(kind: type) -> str:
    module = class_namespace(kind).get("__module__")
    if module is None:  # native types have it in their name only
        module = type.__getattribute__(kind, "__module__")
    return module if isinstance(module, str) else "?"


def root_of(kind: type) -> str:
    return module_of(kind).partition(".")[0]


def is_native(kind: type) -> bool:
    """Whether objects of this class can hold what is neither attribute nor slot."""
    if not type.__dict__["__flags__"].__get__(kind) & _HEAP_TYPE:
        return True
    return not any("__dict__" in own or "__slots__" in own for own in map(class_namespace, ancestors_of(kind)))


_PICKLING = frozenset({
    "__getattr__", "__getattribute__", "__getitem__", "__getnewargs__", "__getnewargs_ex__", "__getstate__", "__iter__",
    "__len__", "__reduce__", "__reduce_ex__", "items", "keys", "values",
})  # fmt: skip


def has_own_pickling(kind: type) -> bool:
    """Whether pickling an object of this class would run code that the class brings along."""
    return not _PICKLING.isdisjoint(class_namespace(kind))


def keeps_to_itself(kind: type) -> bool:
    """Whether the class is a native one whose objects hold more than can be read off them."""
    is_native = not type.__dict__["__flags__"].__get__(kind) & _HEAP_TYPE
    return is_native and kind is not object and id(kind) not in _CONTENT_BY_ID


def attributes_of(thing: Any) -> list[tuple[str, Any]]:
    """The instance's dict and slots, read past whatever the class has put before them."""
    found: dict[str, Any] = {}
    ancestors = ancestors_of(type(thing))
    for one in ancestors:
        for name, value in class_namespace(one).items():
            if name == "__dict__" and type(value) is types.GetSetDescriptorType:
                found |= value.__get__(thing) or {}
            elif type(value) is types.MemberDescriptorType and type.__dict__["__flags__"].__get__(one) & _HEAP_TYPE:
                try:
                    found[name] = value.__get__(thing)
                except AttributeError:  # an empty slot
                    continue
    return [(name, value) for name, value in found.items() if not _is_computed(name, ancestors)]


_HASHES = frozenset({"_assumptions", "_hash", "_mhash"})
"""Where libraries keep the hash of an object once somebody has asked for it; sympy what it has found out of it, too."""


def _is_computed(name: str, ancestors: tuple[type, ...]) -> bool:
    """Whether an attribute is filled by looking at it: kept by a descriptor that gives way to it, or a kept hash."""
    if name in _HASHES:
        return module_of(ancestors[0]) != "__main__"
    for one in ancestors:
        descriptor = type(class_namespace(one).get(name))
        if descriptor is functools.cached_property:
            return True
        if type.__dict__["__flags__"].__get__(descriptor) & _HEAP_TYPE:
            methods = {method for each in ancestors_of(descriptor) for method in class_namespace(each)}
            return "__get__" in methods and "__set__" not in methods
    return False


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
    BaseException: lambda thing: BaseException.args.__get__(thing),  # type: ignore[attr-defined]  # a slot, not a tuple
}


_CONTENT_BY_ID = {id(kind): content for kind, content in _CONTENT.items()}


def content_of(thing: Any) -> Any:
    """What an object of a subclass of a builtin holds as such."""
    for one in ancestors_of(type(thing)):
        content = _CONTENT_BY_ID.get(id(one))
        if content is not None:
            return content(thing)
    return None

"""Which names a cell looks up and binds, read off its compiled code before it runs.

The compiled code knows what the text hides: an augmented assignment looks its name up, a loop's variable is bound
before it is read, and what stands in a function is only read when the function is called. One walk over its bytes
costs a third of a walk over the syntax tree.
"""

from __future__ import annotations

import ast
import functools
import opcode
import re
import types
from collections.abc import Iterator

import msgspec

from nbops.optional import loaded
from nbops.quiet import quiet

_MOST_PATHS = 50
_LONGEST_PATH = 1_000


class Mentions(msgspec.Struct, frozen=True):
    """What a cell's code says of names."""

    reads: frozenset[str] = frozenset()
    """Names whose value from before the cell it may look up."""
    binds: frozenset[str] = frozenset()
    """Names it may bind at its top level, or through ``global``."""
    is_inert: bool = False
    """Whether nothing of it can run foreign code or change an object, as long as what it reads are plain values."""
    paths: frozenset[str] = frozenset()
    """Texts in it that could name a file."""


NONE = Mentions()
"""Of a cell that cannot be read; it is told by its effects alone."""

_NAMES = opcode.opmap
_EXTENDED = _NAMES["EXTENDED_ARG"]
_LOADS = frozenset({_NAMES["LOAD_NAME"], *(_NAMES[n] for n in ("LOAD_FROM_DICT_OR_GLOBALS",) if n in _NAMES)})
_LOAD_GLOBAL = _NAMES["LOAD_GLOBAL"]
_STORES = frozenset({_NAMES["STORE_NAME"], _NAMES["STORE_GLOBAL"]})
_DELETES = frozenset({_NAMES["DELETE_NAME"], _NAMES["DELETE_GLOBAL"]})
_CONSTANT = _NAMES["LOAD_CONST"]
_MAKE = _NAMES["MAKE_FUNCTION"]
_BETWEEN = frozenset(_NAMES[n] for n in ("CACHE", "SET_FUNCTION_ATTRIBUTE") if n in _NAMES)
_JUMPS = frozenset(number for number in opcode.hasjrel if "BACKWARD" not in opcode.opname[number])
_INERT = frozenset(
    _NAMES[name]
    for name in (
        "BINARY_OP", "BUILD_CONST_KEY_MAP", "BUILD_LIST", "BUILD_MAP", "BUILD_STRING", "BUILD_TUPLE", "CACHE",
        "COMPARE_OP", "CONTAINS_OP", "COPY", "EXTENDED_ARG", "FORMAT_SIMPLE", "FORMAT_VALUE", "IS_OP", "LIST_APPEND",
        "LIST_EXTEND", "LOAD_CONST", "LOAD_NAME", "LOAD_SMALL_INT", "NOP", "NOT_TAKEN", "POP_TOP", "RESUME",
        "RETURN_CONST", "RETURN_VALUE", "STORE_NAME", "SWAP", "TO_BOOL", "UNARY_INVERT", "UNARY_NEGATIVE",
        "UNARY_NOT",
    )
    if name in _NAMES
)  # fmt: skip
# Magics that leave the namespace alone, and cells whose body is no Python of this process.
_HARMLESS = frozenset({
    "alias", "autoreload", "autosave", "bash", "cd", "conda", "config", "env", "html", "javascript", "js", "latex",
    "load_ext", "ls", "lsmagic", "markdown", "matplotlib", "mkdir", "nbops", "pdb", "perl", "pip", "pwd", "reload_ext",
    "ruby", "script", "set_env", "sh", "svg", "system", "sx", "unload_ext", "uv", "who", "whos", "writefile", "xmode",
})  # fmt: skip
_TIMEIT = re.compile(r"%%?timeit\b(?:\s+-[a-z]+(?:\s*\d+)?)*\s*")
"""The magic and its options before what it runs."""


@functools.lru_cache(maxsize=256)
def mentions(source: str, transformed: str, flags: int = 0) -> Mentions:
    """Tell which names a cell looks up and binds.

    Args:
        source: the cell as typed.
        transformed: the same after IPython's transforms.
        flags: of the shell's compiler, for ``from __future__`` in earlier cells.

    Returns:
        The names; nothing for a cell that does not compile.

    Example:
        >>> found = mentions("x += y", "x += y")
        >>> sorted(found.reads), sorted(found.binds)
        (['x', 'y'], ['x'])
        >>> sorted(mentions("def f():\\n    return x", "def f():\\n    return x").reads)
        []
    """
    text, is_harmless = (transformed, False) if "get_ipython" not in transformed else _unwrapped(source, transformed)
    code = _compiled(text, flags)
    if code is None:
        return NONE
    walk = _Walk(code)
    reads = walk.reads() | (_timed(source, flags) if "%timeit" in source else set())
    return Mentions(
        reads=frozenset(reads - {"get_ipython"} if is_harmless else reads),
        binds=frozenset(walk.binds),
        is_inert=_INERT.issuperset(code.co_code[::2]),
        paths=frozenset(_paths(code)),
    )


def _unwrapped(source: str, transformed: str) -> tuple[str, bool]:
    """Look through magics that only wrap Python; tell whether the others leave the namespace alone."""
    from nbops.source import plain

    cell = plain(source)
    if cell.tree is None:
        return transformed, False
    text = cell.text if cell.opaque is None else ""
    named = [typed.lstrip("%").split(maxsplit=1)[0] for typed in cell.magics if not typed.startswith("!")]
    wrapped = frozenset({"%time", "%%time", "%%capture"})
    others = [name for typed, name in zip(cell.magics, named, strict=False) if typed.split()[0] not in wrapped]
    return text, _HARMLESS.issuperset(others)


def _timed(source: str, flags: int) -> set[str]:
    """Names that ``%timeit`` looks up; what it binds stays in a function of its own."""
    from nbops.source import plain

    cell = plain(source)
    lines = [_TIMEIT.sub("", typed) for typed in cell.magics if _TIMEIT.match(typed)]
    code = _compiled("\n".join([*lines, cell.text if cell.opaque == "%%timeit" else ""]), flags)
    return _Walk(code).reads() if code is not None else set()


def _compiled(text: str, flags: int) -> types.CodeType | None:
    flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with quiet():  # IPython shows the cell's own SyntaxWarnings
        try:
            code: types.CodeType = compile(text, "<cell>", "exec", flags, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    return code


class _Walk:
    """One pass over the top level of a cell."""

    def __init__(self, code: types.CodeType) -> None:
        self.loads: set[str] = set()
        self.binds: set[str] = set()
        self._bound: set[str] = set()
        """Names that are bound wherever the walk stands."""
        self._deferred: dict[str, set[str]] = {}
        """Function → what it looks up once it is called."""
        self._run(code)

    def reads(self) -> set[str]:
        """Names looked up at once, and by functions of the cell that it mentions itself."""
        found, pending = set(self.loads), list(self.loads | self._used)
        while pending:
            for name in self._deferred.pop(pending.pop(), ()):
                if name not in found:
                    pending.append(name)
                    if name not in self._bound:
                        found.add(name)
        return found

    def _run(self, code: types.CodeType) -> None:
        self._used: set[str] = set()
        regions: list[tuple[int, set[str]]] = []
        names, constant, made = code.co_names, None, None
        for offset, operation, argument in _instructions(code.co_code):
            while regions and offset >= regions[-1][0]:
                self._bound -= regions.pop()[1]
            if made is not None and operation not in _BETWEEN:
                self._made(made, is_kept=operation in _STORES, name=names[argument] if operation in _STORES else "")
                made = None
            if operation in _LOADS:
                self._load(names[argument])
            elif operation == _LOAD_GLOBAL:
                self._load(names[argument >> 1])
            elif operation in _STORES:
                self._store(names[argument], regions)
            elif operation in _DELETES:
                self._load(names[argument])
            elif operation == _CONSTANT:
                constant = code.co_consts[argument]
            elif operation == _MAKE and isinstance(constant, types.CodeType):
                made = constant
            elif operation in _JUMPS and argument:
                regions.append((min(offset + 2 + 2 * argument, regions[-1][0] if regions else 1 << 62), set()))

    def _load(self, name: str) -> None:
        self._used.add(name)
        if name not in self._bound:
            self.loads.add(name)

    def _store(self, name: str, regions: list[tuple[int, set[str]]]) -> None:
        self.binds.add(name)
        if name not in self._bound:
            self._bound.add(name)
            if regions:
                regions[-1][1].add(name)

    def _made(self, code: types.CodeType, *, is_kept: bool, name: str) -> None:
        looked_up, bound = _globals_of(code)
        self.binds |= bound
        if is_kept:
            self._deferred.setdefault(name, set()).update(looked_up)
        elif code.co_flags & 0x2 or code.co_name.startswith("<"):  # a function that is handed on may be called there
            for one in looked_up:
                self._load(one)
        else:
            self._class(code)

    def _class(self, code: types.CodeType) -> None:
        """A class's body runs at once, its methods do not."""
        looked_up, _ = _globals_of(code)
        own = {code.co_names[argument] for _, operation, argument in _instructions(code.co_code) if operation in _LOADS}
        stored = {
            code.co_names[argument] for _, operation, argument in _instructions(code.co_code) if operation in _STORES
        }
        for one in own - stored - {"__name__"}:
            self._load(one)
        self._deferred.setdefault(code.co_name, set()).update(looked_up)


def _instructions(code: bytes) -> Iterator[tuple[int, int, int]]:
    high = 0
    for offset in range(0, len(code), 2):
        operation, argument = code[offset], code[offset + 1] | high
        high = argument << 8 if operation == _EXTENDED else 0
        if operation:  # zeros are room for the interpreter's notes
            yield offset, operation, argument


def _globals_of(code: types.CodeType) -> tuple[set[str], set[str]]:
    """Names that a function and those inside it look up and bind in the globals."""
    looked_up: set[str] = set()
    bound: set[str] = set()
    for _, operation, argument in _instructions(code.co_code):
        if operation == _LOAD_GLOBAL:
            looked_up.add(code.co_names[argument >> 1])
        elif operation in _LOADS:
            looked_up.add(code.co_names[argument])
        elif operation == _NAMES["STORE_GLOBAL"]:
            bound.add(code.co_names[argument])
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = _globals_of(constant)
            looked_up |= inner[0]
            bound |= inner[1]
    return looked_up, bound


def _paths(code: types.CodeType) -> list[str]:
    found: list[str] = []
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found += _paths(constant)
        elif type(constant) is str and could_be_path(constant):
            found.append(constant)
    return found[:_MOST_PATHS]


def could_be_path(text: str) -> bool:
    """Whether a text is worth asking the file system about.

    Example:
        >>> could_be_path("data/train.parquet"), could_be_path("a sentence.\\nAnother")
        (True, False)
    """
    return 2 < len(text) <= _LONGEST_PATH and ("." in text or "/" in text) and "\n" not in text and "://" not in text


def path_of(thing: object) -> str | None:
    """A text or ``Path`` that could name a file."""
    pathlib = loaded("pathlib")
    if type(thing) is str:
        return thing if could_be_path(thing) else None
    if pathlib is not None and type(thing) in (pathlib.PosixPath, pathlib.WindowsPath):
        return str(thing)
    return None

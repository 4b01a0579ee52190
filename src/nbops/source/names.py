"""What each top-level statement of a cell binds, reads and changes.

Reads come from ``symtable`` (right about comprehensions, class bodies, ``global`` and names in defaults and
annotations) and are held against the compiled code, which knows what is dead. Everything that costs is computed when it
is first asked for, because a function's needs touch few of a notebook's statements.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import importlib
import re
import symtable
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Literal, cast

from nbops.quiet import quiet
from nbops.source.python import PlainCell, magic_call, plain

Kind = Literal["function", "class", "import", "value", "effect"]
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
FUTURE_ANNOTATIONS = importlib.import_module("__future__").annotations.compiler_flag


@dataclass(frozen=True)
class Touch:
    """Something done to the object behind a name that may change it."""

    name: str
    how: Literal["store", "method", "passed"]
    """An attribute or item is set; a method is called; it is handed to a call."""
    detail: str
    """The method's name, or the dotted name of what is called."""
    place: int | str | None = None
    """Of something handed to a call: its position or keyword; None when a star hides it."""


@dataclass(frozen=True)
class Alias:
    """One name that an import statement binds."""

    bound: str
    module: str
    """What is imported from, or imported whole."""
    attribute: str | None = None
    """The name taken from the module; None for ``import module``."""
    renamed: bool = False

    @property
    def target(self) -> str:
        """Dotted path of what the bound name stands for."""
        if self.attribute is not None:
            return f"{self.module}.{self.attribute}"
        return self.module if self.renamed else self.module.partition(".")[0]

    def statement(self) -> str:
        """Write the import of this name alone.

        Example:
            >>> Alias("np", "numpy", renamed=True).statement()
            'import numpy as np'
        """
        if self.attribute is None:
            return f"import {self.module} as {self.bound}" if self.renamed else f"import {self.module}"
        suffix = f" as {self.bound}" if self.bound != self.attribute else ""
        return f"from {self.module} import {self.attribute}{suffix}"


@dataclass(frozen=True)
class Reads:
    """Global names a statement looks up."""

    now: frozenset[str] = frozenset()
    """While it runs: decorators, defaults, bases, class bodies, the expression itself."""
    later: frozenset[str] = frozenset()
    """When a function in it is called."""
    soft: frozenset[str] = frozenset()
    """Only in dead code and in annotations that are never evaluated."""
    written: frozenset[str] = frozenset()
    """Names that functions in it set through ``global``."""
    perhaps: frozenset[str] = frozenset()
    """Those of ``now`` that only its functions look up, which it may call at once or hand to somebody for later."""
    walrus: frozenset[str] = frozenset()
    """Names bound by ``:=`` and other places that only the symbol table sees."""


class Unit:
    """One top-level statement: its text with its comments, and what it does to names."""

    def __init__(self, node: ast.stmt, text: str, comment: str = "", *, future: bool = False) -> None:
        self.node = node
        self.bare = text
        self.comment = comment
        self.future = future
        """Whether ``from __future__ import annotations`` was in force when it ran."""
        self.imports_beside: list[ast.stmt] = []
        """Import statements of the same cell: compiled together with these, method calls become other bytecode."""

    def __repr__(self) -> str:
        return f"Unit({self.bare.splitlines()[0]!r})"

    @property
    def text(self) -> str:
        """The statement as typed, with the comment lines right above it."""
        return f"{self.comment}{self.bare}"

    @functools.cached_property
    def kind(self) -> Kind:
        """What sort of statement it is, by what it binds."""
        node = self.node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return "function"
        if isinstance(node, ast.ClassDef):
            return "class"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return "import"
        if self.is_lambda:
            return "function"
        return "value" if self.binds else "effect"

    @property
    def is_lambda(self) -> bool:
        """Whether it gives a lambda a name: ``f = lambda x: x``."""
        node = self.node
        return (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Lambda)
            and all(isinstance(target, ast.Name) for target in node.targets)
        )

    @functools.cached_property
    def aliases(self) -> list[Alias]:
        """Names an import statement binds, one by one; a star is not among them."""
        node = self.node
        if isinstance(node, ast.Import):
            return [Alias(a.asname or a.name.partition(".")[0], a.name, None, a.asname is not None) for a in node.names]
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            module = "." * node.level + (node.module or "")
            return [Alias(a.asname or a.name, module, a.name) for a in node.names if a.name != "*"]
        return []

    @functools.cached_property
    def star(self) -> str | None:
        """The module of ``from module import *``."""
        node = self.node
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            return "." * node.level + (node.module or "")
        return None

    @functools.cached_property
    def binds(self) -> frozenset[str]:
        """Names it may bind."""
        return frozenset(_bound([self.node])[0]) | self._walrus

    @functools.cached_property
    def surely_binds(self) -> frozenset[str]:
        """Names it binds whatever happens, so that earlier bindings no longer matter."""
        return frozenset(_bound([self.node])[1])

    @functools.cached_property
    def deletes(self) -> frozenset[str]:
        """Names it deletes."""
        return frozenset(
            target.id
            for node in _own_nodes(self.node)
            if isinstance(node, ast.Delete)
            for target in node.targets
            if isinstance(target, ast.Name)
        )

    @functools.cached_property
    def _walrus(self) -> frozenset[str]:
        has_one = ":=" in self.bare and any(isinstance(node, ast.NamedExpr) for node in ast.walk(self.node))
        return self.reads.walrus if has_one else frozenset()

    def import_of(self, name: str) -> Alias | None:
        """The one import that a compound statement binds a name by, such as ``try: import torch``.

        None where it binds the name in another way too, or by different imports.
        """
        found: set[Alias] = set()
        for node in _own_nodes(self.node):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                found.update(alias for alias in Unit(node, "").aliases if alias.bound == name)
            elif isinstance(node, ast.stmt) and name in _bound_here(node):
                return None
        return found.pop() if len(found) == 1 else None

    def sets_first(self, name: str) -> bool:
        """Whether a function in it, when called, sets a global before it looks it up."""
        for code in all_code(self.code) if self.code is not None else ():
            for instruction in dis.get_instructions(code):
                if instruction.argval == name and instruction.opname in {"LOAD_GLOBAL", "STORE_GLOBAL"}:
                    if instruction.opname == "STORE_GLOBAL":
                        return True
                    break
        return False

    @functools.cached_property
    def magics(self) -> list[str]:
        """Magics and shell commands inside it, as typed."""
        if "get_ipython" not in self.bare:
            return []
        return [
            f"!{call[2]}" if call[1] == "!" else f"%{call[1]} {call[2]}".rstrip()
            for node in ast.walk(self.node)
            if (call := magic_call(node)) is not None
        ]

    @functools.cached_property
    def code(self) -> CodeType | None:
        """The compiled statement; None where only the whole cell could compile it."""
        return self._compiled([self.node])

    @functools.cached_property
    def code_in_cell(self) -> CodeType | None:
        """The statement compiled as part of its cell, as plain ``exec`` does and IPython does not."""
        return self._compiled([*self.imports_beside, self.node])

    def _compiled(self, nodes: list[ast.stmt]) -> CodeType | None:
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | (FUTURE_ANNOTATIONS if self.future else 0)
        with quiet():
            try:
                module = ast.Module(nodes, [])
                return cast(CodeType, compile(module, "<unit>", "exec", flags, dont_inherit=True))
            except (SyntaxError, ValueError, RecursionError):
                return None

    @functools.cached_property
    def reads(self) -> Reads:
        """Global names it looks up, by when."""
        return _reads(self)

    @functools.cached_property
    def touches(self) -> list[Touch]:
        """What it may change while it runs."""
        return list(_touches(_own_nodes(self.node), self.node))

    @functools.cached_property
    def later_touches(self) -> list[Touch]:
        """What its functions may change among global names when they are called."""
        names = self.reads.later | self.reads.written
        inner = (node for function in _functions(self.node) for node in ast.walk(function))
        return [touch for touch in _touches(inner, None) if touch.name in names]

    def depth_of_touch(self, name: str) -> int | None:
        """How deep the functions are nested in which a global name may be changed; 1 for a function's own body."""
        depths = [
            depth
            for depth, node in _nested(self.node, 0)
            if depth
            and (
                any(touch.name == name for touch in _touches([node], None))
                or (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load))
            )
        ]
        return min(depths, default=None)

    @functools.cached_property
    def parameter_touches(self) -> list[tuple[frozenset[int | str], Touch]]:
        """What a call of this definition does to what it is given: (position and name of the parameter, touch)."""
        function, offset = _maker(self.node)
        if function is None:
            return []
        places = _places(function, offset)
        return [(places[t.name], t) for t in _touches(ast.walk(function), None) if t.name in places]

    @functools.cached_property
    def method_touches(self) -> dict[str, list[Touch]]:
        """What each method of this class does to the object, or the class, that it is called on."""
        found: dict[str, list[Touch]] = {}
        for member in self.node.body if isinstance(self.node, ast.ClassDef) else ():
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and member.name not in _MAKERS:
                own = [arg.arg for arg in (*member.args.posonlyargs, *member.args.args)][:1]
                is_static = any(ast.unparse(d) == "staticmethod" for d in member.decorator_list)
                touches = [] if is_static else [t for t in _touches(ast.walk(member), None) if t.name in own]
                found.setdefault(member.name, []).extend(touches)
        return found

    @functools.cached_property
    def chains(self) -> frozenset[tuple[str, ...]]:
        """Dotted look-ups in it, each as the longest chain: ``("np", "random", "rand")``."""
        return frozenset(_chains(self.node))

    @functools.cached_property
    def calls_at_once(self) -> bool:
        """Whether it may call something while it runs: a decorator, a default, the expression itself."""
        return any(
            isinstance(node, ast.Call) or getattr(node, "decorator_list", None) for node in _own_nodes(self.node)
        )

    @functools.cached_property
    def inner_imports(self) -> list[ast.Import | ast.ImportFrom]:
        """Import statements inside its functions, which run only when these are called."""
        return [
            node
            for function in _functions(self.node)
            for node in ast.walk(function)
            if isinstance(node, (ast.Import, ast.ImportFrom))
        ]


@dataclass(frozen=True)
class CellNames:
    """A cell taken apart."""

    units: list[Unit]
    plain: PlainCell
    has_future_annotations: bool = False
    """Whether it switches evaluated annotations off for itself and, as IPython does, for all later cells."""
    unread: list[str] = field(default_factory=list)
    """Magics at the top level, which leave nothing that can be read."""


MUTATORS = frozenset(
    {"add", "append", "appendleft", "clear", "discard", "difference_update", "extend", "extendleft", "insert"}
    | {"intersection_update", "move_to_end", "pop", "popitem", "popleft", "register", "remove", "reverse", "rotate"}
    | {"setdefault", "sort", "subtract", "symmetric_difference_update", "update", "__setitem__", "__delitem__"}
)
"""Methods that change a container in place."""

CHANGING_CALLS = frozenset(
    {"setattr", "delattr", "random.shuffle", "numpy.random.shuffle", "np.random.shuffle", "shuffle"}
    | {"heapq.heappush", "heapq.heappop", "heapq.heapify", "heappush", "heappop", "heapify"}
    | {"bisect.insort", "insort", "np.fill_diagonal", "np.put", "np.place", "np.copyto", "np.putmask"}
    | {"next"}
)
"""Calls of other people's functions that change their first argument in place."""


_MAKERS = frozenset({"__init__", "__new__", "__post_init__"})


def _maker(node: ast.stmt) -> tuple[Function | None, int]:
    """The function that a call of a definition runs, and how many of its arguments the caller does not give."""
    if isinstance(node, ast.ClassDef):
        makers = [m for m in node.body if isinstance(m, ast.FunctionDef) and m.name in _MAKERS]
        return (makers[0], 1) if makers else (None, 0)
    return next(_functions(node), None), 0


def _places(function: Function, offset: int) -> dict[str, frozenset[int | str]]:
    """How a caller may give each parameter: by position, by name."""
    positional = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)][offset:]
    places: dict[str, frozenset[int | str]] = {name: frozenset({i, name}) for i, name in enumerate(positional)}
    own = {arg.arg for arg in function.args.args[:offset]}
    return {arg.arg: frozenset({arg.arg}) for arg in _arguments(function.args) if arg.arg not in own} | places


@functools.lru_cache(maxsize=2048)
def analyse(source: str, *, future: bool = False) -> CellNames:
    """Take a cell apart into its top-level statements.

    Args:
        source: the cell as typed, magics and all.
        future: whether an earlier cell ran ``from __future__ import annotations``.

    Returns:
        Its statements in order; a cell that cannot be parsed has none, and says why in ``plain.problem``.

    Example:
        >>> cell = analyse("import math\\ndef area(r):\\n    return math.pi * r ** 2")
        >>> [sorted(unit.binds) for unit in cell.units]
        [['math'], ['area']]
        >>> sorted(cell.units[1].reads.later)
        ['math']
    """
    cell = plain(source)
    if cell.tree is None:
        return CellNames([], cell)
    switches = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in cell.tree.body
    )
    lines = cell.text.split("\n")
    units = [unit for node in cell.tree.body for unit in _units(node, lines, future=future or switches)]
    imports: list[ast.stmt] = [unit.node for unit in units if unit.kind == "import"]
    for unit in units:
        unit.imports_beside = imports
    return CellNames(units, cell, switches, cell.magics)


def _units(node: ast.stmt, lines: list[str], *, future: bool) -> Iterator[Unit]:
    unit = Unit(node, *_slice(node, lines), future=future)
    inner = _main_guard_body(unit)
    if inner is None:
        yield unit
    else:
        inner_lines = inner[1].split("\n")
        for statement in inner[0].body:
            yield from _units(statement, inner_lines, future=future)


def _main_guard_body(unit: Unit) -> tuple[ast.Module, str] | None:
    """The body of ``if __name__ == "__main__":``, which in a notebook simply runs."""
    node = unit.node
    if not (isinstance(node, ast.If) and not node.orelse and ast.unparse(node.test) == "__name__ == '__main__'"):
        return None
    lines = unit.bare.split("\n")[node.body[0].lineno - node.lineno :]
    text = textwrap.dedent("\n".join(lines))
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    same = [ast.dump(a) for a in tree.body] == [ast.dump(b) for b in node.body]
    return (tree, text) if same else None


def _slice(node: ast.stmt, lines: list[str]) -> tuple[str, str]:
    """The statement's own text, and the comment lines right above it."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
    assert node.end_lineno is not None
    last = node.end_lineno
    tail = lines[last - 1].encode()[node.end_col_offset :].decode().strip()
    if node.col_offset or (tail and not tail.startswith("#")):
        return ast.get_source_segment("\n".join(lines), node) or ast.unparse(node), ""
    if isinstance(node, _DEFINITIONS):
        while last < len(lines) and lines[last][:1] in {" ", "\t"} and lines[last].lstrip().startswith("#"):
            last += 1
    above = first
    while above and lines[above - 1].startswith("#"):
        above -= 1
    return "\n".join(lines[first:last]).rstrip(), "".join(f"{line.rstrip()}\n" for line in lines[above:first])


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs with the statement itself: of functions only the decorators and defaults."""
    stack: list[ast.AST] = [node]
    while stack:
        current = stack.pop()
        yield current
        if isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef)):
            stack.extend(current.decorator_list)
            stack.extend([d for d in (*current.args.defaults, *current.args.kw_defaults) if d is not None])
        elif isinstance(current, ast.Lambda):
            stack.extend([d for d in (*current.args.defaults, *current.args.kw_defaults) if d is not None])
        else:
            stack.extend(ast.iter_child_nodes(current))


def _nested(node: ast.AST, depth: int) -> Iterator[tuple[int, ast.AST]]:
    yield depth, node
    inner = depth + 1 if isinstance(node, _FUNCTIONS) else depth
    for child in ast.iter_child_nodes(node):
        yield from _nested(child, inner)


def _functions(node: ast.AST) -> Iterator[Function]:
    """The outermost functions and lambdas inside a statement."""
    stack: list[ast.AST] = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, _FUNCTIONS):
            yield current
        else:
            stack.extend(ast.iter_child_nodes(current))


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    extra = [arg for arg in (arguments.vararg, arguments.kwarg) if arg is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


# What statements bind: (perhaps, surely).


def _bound(statements: Iterable[ast.stmt]) -> tuple[set[str], set[str]]:
    maybe: set[str] = set()
    surely: set[str] = set()
    for statement in statements:
        more_maybe, more_surely = _bound_by(statement)
        maybe |= more_maybe
        surely |= more_surely
    return maybe, surely


def _bound_by(node: ast.stmt) -> tuple[set[str], set[str]]:
    if isinstance(node, _DEFINITIONS):
        return {node.name}, {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = {a.asname or a.name.partition(".")[0] for a in node.names if a.name != "*"}
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            names = set()
        return names, names
    targets = _targets(node)
    if not isinstance(
        node, (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)
    ) and (type(node).__name__ != "TryStar"):
        return targets, targets
    branches = [_bound(branch) for branch in _branches(node)]
    maybe = targets.union(*(branch[0] for branch in branches))
    return maybe, _surely(node, targets, [branch[1] for branch in branches])


def _targets(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Assign):
        places: list[ast.AST] = list(node.targets)
    elif isinstance(node, (ast.AugAssign, ast.For, ast.AsyncFor)):
        places = [node.target]
    elif isinstance(node, ast.AnnAssign):
        places = [node.target] if node.value is not None else []
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        places = [item.optional_vars for item in node.items if item.optional_vars is not None]
    elif isinstance(node, ast.Match):
        return {
            name
            for case in node.cases
            for part in ast.walk(case.pattern)
            if (name := getattr(part, "name", None) or getattr(part, "rest", None))
        }
    elif type(node).__name__ == "TypeAlias":
        places = [node.name]  # type: ignore[attr-defined] # Python 3.12
    else:
        return set()
    return {
        part.id
        for place in places
        for part in ast.walk(place)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


def _bound_here(node: ast.stmt) -> set[str]:
    """Names a statement binds by itself, whatever the statements inside it bind."""
    names = {node.name} if isinstance(node, _DEFINITIONS) else _targets(node)
    return names | {handler.name for handler in getattr(node, "handlers", []) if handler.name is not None}


def _branches(node: ast.stmt) -> list[list[ast.stmt]]:
    branches: list[list[ast.stmt]] = [
        block for name in ("body", "orelse", "finalbody") if (block := getattr(node, name, None))
    ]
    branches += [handler.body for handler in getattr(node, "handlers", [])]
    return branches + [case.body for case in getattr(node, "cases", [])]


def _surely(node: ast.stmt, targets: set[str], branches: list[set[str]]) -> set[str]:
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return targets | branches[0]
    if isinstance(node, ast.If) and node.orelse:
        return branches[0] & branches[1]
    if isinstance(node, ast.Try):
        tried = _bound([*node.body, *node.orelse])[1]
        caught = [_bound(handler.body)[1] for handler in node.handlers if not _leaves(handler.body)]
        return tried.intersection(*caught) | _bound(node.finalbody)[1]
    return set()


def _leaves(body: list[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Raise)


# What statements read.


def _reads(unit: Unit) -> Reads:
    # Under the future statement annotations are never evaluated, and the symbol table leaves them out.
    future = "from __future__ import annotations\n" if unit.future else ""
    with quiet():
        try:
            table = symtable.symtable(future + unit.bare, "<unit>", "exec")
        except (SyntaxError, ValueError, RecursionError):
            return _reads_of_tree(unit.node)
    seen = _Seen()
    own_lambda = unit.is_lambda
    _scan(
        table,
        seen,
        in_function=False,
        read_before_bound=_read_first_in_classes(unit.node) if "class " in unit.bare else set(),
    )
    if unit.future and "annotations" not in unit.bare:
        seen.top.discard("annotations")  # bound by the line put before it
    _add_augmented(unit.node, seen)
    seen.now -= (_bound([unit.node])[0] | seen.top) - _read_before_bound(unit.node)
    perhaps: set[str] = set()
    if not isinstance(unit.node, _DEFINITIONS) and not own_lambda:
        perhaps = seen.later - seen.now
        seen.now |= seen.later  # a lambda handed to a call may run at once
    # The text tells at once that most statements have none of these, and walking a tree is what costs here.
    queried = _names_in_queries(unit.node) if "@" in unit.bare else set()
    seen.later |= queried
    alive = _looked_up(unit)
    everything = seen.now | seen.later
    dead = set() if alive is None else everything - alive - queried
    soft = dead | (_names_in_unread_annotations(unit) - (everything - dead))
    if own_lambda or isinstance(unit.node, _DEFINITIONS):
        soft -= unit.surely_binds
    return Reads(
        frozenset(seen.now - dead),
        frozenset(seen.later - dead),
        frozenset(soft),
        frozenset(seen.written),
        frozenset(perhaps - dead),
        frozenset(seen.top),
    )


@dataclass
class _Seen:
    now: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    top: set[str] = field(default_factory=set)


def _add_augmented(node: ast.stmt, seen: _Seen) -> None:
    """``x += 1`` looks x up, which the symbol table does not say."""
    own = {id(part) for part in _own_nodes(node)}
    in_classes = {id(part) for owner in ast.walk(node) if isinstance(owner, ast.ClassDef) for part in ast.walk(owner)}
    for part in ast.walk(node):
        if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name):
            if id(part) not in own:
                seen.later |= {part.target.id} & seen.written
            elif id(part) not in in_classes:
                seen.now.add(part.target.id)


_COMPOUND = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)


def _read_before_bound(node: ast.stmt) -> set[str]:
    """Names that a statement reads, or may read, before it binds them itself."""
    found: set[str] = set()
    if isinstance(node, _COMPOUND):
        _follow_bindings([node], set(), found)
    else:
        found |= _loaded(node)
    return found


def _follow_bindings(statements: Iterable[ast.stmt], bound: set[str], found: set[str]) -> set[str]:
    for statement in statements:
        if not isinstance(statement, _COMPOUND):
            found |= _loaded(statement) - bound
            bound = bound | _bound_by(statement)[1]
            continue
        blocks = _branches(statement)
        inside = {id(part) for block in blocks for inner in block for part in ast.walk(inner)}
        for part in ast.walk(statement):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and id(part) not in inside:
                found |= {part.id} - bound
        after = bound | _targets(statement)
        for block in blocks:
            _follow_bindings(block, after, found)
        bound = bound | _bound_by(statement)[1]
    return bound


def _loaded(node: ast.AST) -> set[str]:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        names.add(node.target.id)
    return names


def _scan(table: symtable.SymbolTable, seen: _Seen, *, in_function: bool, read_before_bound: set[str]) -> None:
    kind = str(table.get_type())
    if kind in {"function", "SymbolTableType.FUNCTION"} and table.get_name() not in _COMPREHENSIONS:
        in_function = True
    reads = seen.later if in_function else seen.now
    is_top, is_class = table.get_type() == "module", table.get_type() == "class"
    for symbol in table.get_symbols():
        name = symbol.get_name()
        if is_top:
            if symbol.is_assigned() or symbol.is_imported():
                seen.top.add(name)
            if symbol.is_referenced():
                reads.add(name)
            continue
        if symbol.is_global():
            if symbol.is_referenced():
                reads.add(name)
            if symbol.is_declared_global() and (symbol.is_assigned() or symbol.is_imported()):
                (seen.written if in_function else seen.top).add(name)
        elif is_class and symbol.is_referenced() and symbol.is_local() and name in read_before_bound:
            reads.add(name)
    for child in table.get_children():
        _scan(child, seen, in_function=in_function, read_before_bound=read_before_bound)


def _read_first_in_classes(node: ast.stmt) -> set[str]:
    """Names that a class body reads before it binds them itself, as in ``size = size``: these are global."""
    names: set[str] = set()
    for owner in ast.walk(node) if isinstance(node, (*_DEFINITIONS, ast.If, ast.Try)) else ():
        if not isinstance(owner, ast.ClassDef):
            continue
        bound: set[str] = set()
        for statement in owner.body:
            for part in _own_nodes(statement):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and part.id not in bound:
                    names.add(part.id)
            bound |= _bound_by(statement)[0]
    return names


def _looked_up(unit: Unit) -> set[str] | None:
    """Names the compiled code looks up; where nothing can be dead, every name it mentions will do and is quicker."""
    if unit.code is None:
        return None
    exact = _may_have_dead_code(unit.node)
    names: set[str] = set()
    for code in all_code(unit.code):
        if exact:
            names.update(global_lookups(code))
        else:
            names.update(code.co_names)
    return names


def all_code(code: CodeType) -> Iterator[CodeType]:
    """Walk a code object and every code object inside it."""
    stack = [code]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(const for const in current.co_consts if isinstance(const, CodeType))


def global_lookups(code: CodeType) -> set[str]:
    """Names that this code object itself loads from the module or the builtins.

    Example:
        >>> sorted(global_lookups(compile("len(rows)", "<example>", "eval")))
        ['len', 'rows']
    """
    return {
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
    }


def _may_have_dead_code(node: ast.stmt) -> bool:
    for part in ast.walk(node):
        if isinstance(part, (ast.If, ast.While, ast.IfExp)) and isinstance(part.test, ast.Constant):
            return True
        for name in ("body", "orelse", "finalbody"):
            block = getattr(part, name, None)
            if isinstance(block, list) and any(
                isinstance(statement, (ast.Return, ast.Raise, ast.Break, ast.Continue)) for statement in block[:-1]
            ):
                return True
    return False


def _reads_of_tree(node: ast.stmt) -> Reads:
    """Every name the statement mentions, for the few that only compile inside their cell (``await`` at the top)."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    return Reads(frozenset(names), frozenset(names))


def _names_in_unread_annotations(unit: Unit) -> set[str]:
    """Names in annotations that are kept as text: those in quotes, and all of them under the future statement."""
    names: set[str] = set()
    for annotation in _annotations(unit.node):
        for part in ast.walk(annotation):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                names |= _names_of_expression(part.value)
            elif unit.future and isinstance(part, ast.Name):
                names.add(part.id)
    return {name for name in names if not hasattr(builtins, name)}


def _names_in_queries(node: ast.stmt) -> set[str]:
    """``@name`` in pandas' ``df.query("age > @limit")``, which looks the name up where it is called."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in {"query", "eval"}:
            for text in [p.value for a in part.args for p in ast.walk(a) if isinstance(p, ast.Constant)]:
                found.update(re.findall(r"@([^\W\d]\w*)", text) if isinstance(text, str) else ())
    if found:
        found -= {p.id for p in ast.walk(node) if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)}
        found -= {p.arg for p in ast.walk(node) if isinstance(p, ast.arg)}
    return found


def _annotations(node: ast.stmt) -> Iterator[ast.expr]:
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if part.returns is not None:
                yield part.returns
            yield from (arg.annotation for arg in _arguments(part.args) if arg.annotation is not None)
        elif isinstance(part, ast.AnnAssign):
            yield part.annotation


def _names_of_expression(text: str) -> set[str]:
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return set()  # Literal["any text"] and the like
    if not all(
        isinstance(part, (ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List, ast.BinOp, ast.Constant))
        or not isinstance(part, ast.expr)
        for part in ast.walk(tree)
    ):
        return set()
    return {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}


# What statements change in place.


def _touches(nodes: Iterable[ast.AST], statement: ast.AST | None) -> Iterator[Touch]:
    for node in nodes:
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            root = root_name(node)
            if root:
                yield Touch(root, "store", ast.unparse(node))
        elif isinstance(node, ast.Call):
            yield from _touches_of_call(node)
    for decorator in getattr(statement, "decorator_list", []):
        yield from _touches_of_decorator(decorator, statement)


def _touches_of_call(call: ast.Call) -> Iterator[Touch]:
    called = dotted_name(call.func) or ""
    if isinstance(call.func, ast.Attribute) and (root := root_name(call.func.value)):
        yield Touch(root, "method", call.func.attr)
    elif isinstance(call.func, ast.Name):
        yield Touch(call.func.id, "method", "__call__")
    is_starred = False
    for position, argument in enumerate(call.args):
        is_starred = is_starred or isinstance(argument, ast.Starred)
        root = root_name(argument.value if isinstance(argument, ast.Starred) else argument)
        if root:
            yield Touch(root, "passed", called, None if is_starred else position)
    for keyword in call.keywords:
        root = root_name(keyword.value)
        if root:
            yield Touch(root, "passed", called, keyword.arg)


def _touches_of_decorator(decorator: ast.expr, statement: ast.AST | None) -> Iterator[Touch]:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(target, ast.Attribute) and (root := root_name(target)):
        yield Touch(root, "method", target.attr)
    elif isinstance(decorator, ast.Name):
        yield Touch(decorator.id, "method", "__call__")
    if dotted_name(target) in {"patch", "patch_to"} and isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        # fastcore's way of adding a method: the class is named by the annotation of the first argument.
        for annotation in [arg.annotation for arg in statement.args.args[:1] if arg.annotation is not None]:
            if isinstance(annotation, ast.Name):
                yield Touch(annotation.id, "store", statement.name)


def root_name(node: ast.AST) -> str | None:
    """Return the name a chain of attributes and items starts from.

    Example:
        >>> root_name(ast.parse("a.b[0].c", mode="eval").body)
        'a'
    """
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def dotted_name(node: ast.AST) -> str | None:
    """Return ``a.b.c`` for a plain chain of attributes, else None.

    Example:
        >>> dotted_name(ast.parse("np.random.rand", mode="eval").body)
        'np.random.rand'
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def _chains(node: ast.AST) -> Iterator[tuple[str, ...]]:
    inner: set[int] = set()
    for part in ast.walk(node):  # breadth first: the longest chain is met before its parts
        if isinstance(part, (ast.Attribute, ast.Name)) and id(part) not in inner:
            dotted = dotted_name(part)
            if dotted:
                yield tuple(dotted.split("."))
            while isinstance(part, ast.Attribute):
                part = part.value  # walking down the chain that was just given
                inner.add(id(part))

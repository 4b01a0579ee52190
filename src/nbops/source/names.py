"""A cell taken apart into its top-level statements, each with its text and what it does to names.

Everything that costs is computed when it is first asked for, because a function's needs touch few of a notebook's
statements.
"""

from __future__ import annotations

import ast
import dis
import functools
import importlib
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Literal, cast

from nbops.quiet import quiet
from nbops.source.bindings import bound_here, bound_in
from nbops.source.magics import magic_call, magics_in, names_set
from nbops.source.python import PlainCell, plain
from nbops.source.reads import Reads, all_code, reads_of
from nbops.source.touches import Touch, touches_in
from nbops.source.trees import DEFINITIONS, chains_in, nested, own_nodes

Kind = Literal["function", "class", "import", "value", "effect"]

_WORD = re.compile(r"\w+")
_ESCAPED = re.compile(r"\\[nrt]")

FUTURE_ANNOTATIONS = importlib.import_module("__future__").annotations.compiler_flag


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
        return frozenset(bound_in([self.node])[0]) | self._walrus | self._set_by_magics

    @functools.cached_property
    def surely_binds(self) -> frozenset[str]:
        """Names it binds whatever happens, so that earlier bindings no longer matter."""
        by_magic = self._set_by_magics if isinstance(self.node, ast.Expr) else frozenset()
        return frozenset(bound_in([self.node])[1]) | by_magic

    @functools.cached_property
    def deletes(self) -> frozenset[str]:
        """Names it deletes."""
        return frozenset(
            target.id
            for node in own_nodes(self.node)
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
        for node in own_nodes(self.node):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                found.update(alias for alias in Unit(node, "").aliases if alias.bound == name)
            elif isinstance(node, ast.stmt) and name in bound_here(node):
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
        return magics_in(self.node)

    @property
    def line(self) -> str:
        """Its first line as a person typed it, for messages."""
        call = magic_call(self.node.value) if isinstance(self.node, ast.Expr) else None
        return self.bare.split("\n")[0] if call is None else self.magics[0]

    @functools.cached_property
    def _set_by_magics(self) -> frozenset[str]:
        """Names that magics in it set, as ``%%capture out`` does."""
        if "get_ipython" not in self.bare:
            return frozenset()
        calls = [call for node in own_nodes(self.node) if (call := magic_call(node)) is not None]
        return frozenset().union(*(names_set(name, line) for _, name, line in calls))

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
        return reads_of(self)

    @functools.cached_property
    def touches(self) -> list[Touch]:
        """What it may change while it runs."""
        return list(touches_in(own_nodes(self.node), self.node))

    def depth_of_touch(self, name: str) -> int | None:
        """How deep the functions are nested in which a global name may be changed; 1 for a function's own body."""
        depths = [
            depth
            for depth, node in nested(self.node, 0)
            if depth
            and (
                any(touch.name == name for touch in touches_in([node], None))
                or (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load))
            )
        ]
        return min(depths, default=None)

    @functools.cached_property
    def words(self) -> frozenset[str]:
        """Every word of its text, so that most statements can be passed over without looking into their trees."""
        text = self.bare
        if "get_ipython" in text:  # there, code stands in a text, with its line ends written as \\n
            text = _ESCAPED.sub(" ", text)
        return frozenset(_WORD.findall(text))

    @functools.cached_property
    def chains(self) -> frozenset[tuple[str, ...]]:
        """Dotted look-ups in it, each as the longest chain: ``("np", "random", "rand")``."""
        return frozenset(chains_in(self.node))

    @functools.cached_property
    def calls_at_once(self) -> bool:
        """Whether it may call something while it runs: a decorator, a default, the expression itself."""
        return any(isinstance(node, ast.Call) or getattr(node, "decorator_list", None) for node in own_nodes(self.node))


@dataclass(frozen=True)
class CellNames:
    """A cell taken apart."""

    units: list[Unit]
    plain: PlainCell
    has_future_annotations: bool = False
    """Whether it switches evaluated annotations off for itself and, as IPython does, for all later cells."""
    unread: list[str] = field(default_factory=list)
    """Magics at the top level, which leave nothing that can be read."""


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
    units += [Unit(ast.parse(call).body[0], call) for call in cell.around]
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
    if isinstance(node, DEFINITIONS):
        while last < len(lines) and lines[last][:1] in {" ", "\t"} and lines[last].lstrip().startswith("#"):
            last += 1
    above = first
    while above and lines[above - 1].startswith("#"):
        above -= 1
    return "\n".join(lines[first:last]).rstrip(), "".join(f"{line.rstrip()}\n" for line in lines[above:first])

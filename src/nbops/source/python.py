"""From a cell as typed to plain Python: IPython's own transforms, and magics that only wrap Python looked into."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass, field

from nbops.quiet import quiet
from nbops.source.magics import (
    FUNCTION_MAGICS,
    TRANSPARENT_CELL_MAGICS,
    TRANSPARENT_LINE_MAGICS,
    as_typed,
    body_of,
    is_automatic,
    is_python,
    magic_call,
    names_set,
    statement_in,
)

# What `%pylab` puts into the namespace, as its own documentation lists it.
_PYLAB = (
    "import numpy\nimport matplotlib\nfrom matplotlib import pylab, mlab, pyplot\nnp = numpy\nplt = pyplot\n"
    "from pylab import *\nfrom numpy import *\n"
)
# IPython dedents every cell, and dedenting empties lines of nothing but spaces, even those inside of strings.
_BLANK = re.compile(r"^[ \t]+$", re.MULTILINE)


@dataclass(frozen=True)
class PlainCell:
    """A cell's Python, and what could not be Python."""

    text: str
    """What the compiler gets; positions of ``tree`` are positions in it."""
    tree: ast.Module | None
    """None when the cell cannot be parsed; ``problem`` then says why."""
    problem: str | None = None
    magics: list[str] = field(default_factory=list)
    """Magic and shell lines at the top level, as typed."""
    opaque: str | None = None
    """The cell magic that hides the body from Python, such as ``%%cython``."""
    around: tuple[str, ...] = ()
    """Calls of the cell magics that do more than run the body as it stands."""


@dataclass(frozen=True)
class MagicCode:
    """Python that a magic runs."""

    body: list[ast.stmt]
    is_function: bool
    """Whether it runs as a function of its own, as under ``%timeit``, so that what it binds stays there."""


@functools.lru_cache(maxsize=2048)
def plain(source: str) -> PlainCell:
    """Turn a cell as typed into plain Python.

    Args:
        source: the cell's text, magics and all.

    Returns:
        Its Python with the tree; a cell that no Python can parse is returned with its problem, never raised.

    Example:
        >>> plain("%matplotlib inline\\nx = 1").magics
        ['%matplotlib inline']
        >>> plain("print 1").problem is None
        False
    """
    source = _BLANK.sub("", source)
    if is_automatic(source) and (source.strip().startswith("cd") or _parse(source)[0] is None):
        source = "%" + source.lstrip()
    tree, _ = _parse(source)
    if tree is not None:  # Everything special to IPython is invalid Python, so there is nothing to transform.
        return PlainCell(source, tree)
    magic = re.match(r"\s*%%(\w+)(.*)\n?", source)
    if magic:
        return _cell_magic(magic, source[magic.end() :])
    text, problem = _transformed(source)
    if text is None:
        return PlainCell(source, None, problem)
    tree, problem = _parse(text)
    if tree is None:
        return PlainCell(text, None, problem)
    return _looked_into(text, tree)


def _parse(text: str) -> tuple[ast.Module | None, str]:
    with quiet():  # the notebook's own SyntaxWarnings were shown when its cell ran
        try:
            tree = compile(
                text, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
            )
        except SyntaxError as error:
            return None, f"line {error.lineno}: {error.msg}"
        except (ValueError, RecursionError, MemoryError) as error:  # null bytes; nesting beyond the parser
            return None, str(error)
    assert isinstance(tree, ast.Module)
    return tree, ""


def _transformed(source: str) -> tuple[str | None, str]:
    # IPython is heavy for a bare command line and needless for cells that are plain Python.
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return TransformerManager().transform_cell(source), ""
    except (
        SyntaxError,
        ValueError,
        IndexError,
        RuntimeError,
        RecursionError,
    ) as error:  # its tokenizer, on text that is no Python
        return None, str(error)


def _cell_magic(magic: re.Match[str], body: str) -> PlainCell:
    name, line = magic.group(1), magic.group(2).strip()
    typed = f"%%{name} {line}".strip()
    if name not in TRANSPARENT_CELL_MAGICS:
        call = f"get_ipython().run_cell_magic({name!r}, {line!r}, {body!r})"
        return PlainCell(body, ast.Module([], []), None, [typed], f"%%{name}", (call,))
    inner = plain(body)
    call = f"get_ipython().run_cell_magic({name!r}, {line!r}, '')"
    around = (*inner.around, call) if names_set(name, line) else inner.around
    return PlainCell(inner.text, inner.tree, inner.problem, [typed, *inner.magics], inner.opaque, around)


def _looked_into(text: str, tree: ast.Module) -> PlainCell:
    """Replace ``%time x = 1`` by ``x = 1`` and `%pylab` by its imports, and list the other magics."""
    lines = text.split("\n")
    magics: list[str] = []
    changed = False
    for node in reversed(tree.body):
        call = magic_call(node.value) if isinstance(node, ast.Expr) else None
        if call is None:
            continue
        kind, name, argument = call
        magics.insert(0, as_typed(kind, name, argument))
        inner = _wrapped_python(kind, name, argument)
        if inner is not None:
            assert node.end_lineno is not None
            lines[node.lineno - 1 : node.end_lineno] = inner.rstrip("\n").split("\n")
            changed = True
    if not changed:
        return PlainCell(text, tree, None, magics)
    text = "\n".join(lines)
    new_tree, problem = _parse(text)
    return PlainCell(text, new_tree, problem if new_tree is None else None, magics)


def _wrapped_python(kind: str, name: str, argument: str) -> str | None:
    if kind != "run_line_magic":
        return None
    if name == "pylab":
        return _PYLAB
    if name not in TRANSPARENT_LINE_MAGICS:
        return None
    statement = statement_in(name, argument)
    return statement if statement and _parse(statement)[0] is not None else None


def magic_code(node: ast.AST) -> MagicCode | None:
    """The Python that the call of a magic runs; None where it is no magic, or runs none.

    Example:
        >>> code = magic_code(ast.parse("get_ipython().run_line_magic('timeit', '-n 2 rows.sort()')", mode="eval").body)
        >>> ast.unparse(code.body), code.is_function
        ('rows.sort()', True)
    """
    call = magic_call(node)
    if call is None or not isinstance(node, ast.Call):
        return None
    kind, name, line = call
    texts: list[str] = []
    if name in TRANSPARENT_LINE_MAGICS | FUNCTION_MAGICS:
        texts.append(statement_in(name, line))
    if kind == "run_cell_magic" and is_python(name):
        texts.append(body_of(node))
    trees = [plain(text).tree for text in texts]
    body = [statement for tree in trees if tree is not None for statement in tree.body]
    return MagicCode(body, name in FUNCTION_MAGICS) if body else None

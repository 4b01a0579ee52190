"""Statements that may reach any object of the notebook without a name of it: computed code, ``__main__``, ``Out``."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable

from nbops.source.magics import magic_call
from nbops.source.touches import MUTATORS
from nbops.source.trees import dotted_name

RUNNERS = frozenset({"run_cell", "run_cell_async", "run_code", "ex", "ev"})
"""What IPython's shell runs text with."""
_HISTORY = re.compile(r"_{1,3}|_\d+|Out")
"""Names under which IPython keeps what cells have shown."""


_WORDS = frozenset({"__main__", "eval", "exec", "get_ipython", "modules", "run_cell", "run_cell_async"})


def may_reach_any_name(words: Iterable[str]) -> bool:
    """Whether a statement has a word without which it changes only what it names; most have none."""
    return any(word in _WORDS or (word[0] in "_O" and _HISTORY.fullmatch(word)) for word in words)


def reaches_any_name(node: ast.stmt, text_of: Callable[[str], str | None], is_own: Callable[[str], bool]) -> bool:
    """Tell whether a statement may change objects that it does not name.

    Args:
        node: the statement; of a function, what its call may do.
        text_of: the literal text behind a name, where there is one; such code is read like any other.
        is_own: whether the notebook itself binds a name, so that it is not IPython's.

    Example:
        >>> reaches_any_name(ast.parse("exec(code)").body[0], lambda _: None, lambda _: False)
        True
        >>> reaches_any_name(ast.parse("exec('x = 1')").body[0], lambda _: None, lambda _: False)
        False
    """
    return any(_reaches(one, text_of, is_own) for one in ast.walk(node))


def _reaches(node: ast.AST, text_of: Callable[[str], str | None], is_own: Callable[[str], bool]) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="exec" | "eval" as called), args=[code, *rest]) if not is_own(called):
            spaces = [*rest, *(keyword.value for keyword in node.keywords)]
            return not (spaces and all(is_another_space(space) for space in spaces)) and not _is_plain(code, text_of)
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=method)):
            return method in RUNNERS or _runs_inside(node)
        case ast.Call(func=ast.Attribute(attr="run_cell" | "run_cell_async")):
            return True
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in MUTATORS:
            return _is_history(owner, is_own)
        case ast.Name(id="__main__"):
            return True
        case ast.Subscript(value=ast.Attribute() as table, slice=key) if dotted_name(table) == "sys.modules":
            return not isinstance(key, ast.Constant) or key.value == "__main__"
        case (
            ast.Subscript(value=owner, ctx=ast.Store() | ast.Del())
            | ast.Attribute(value=owner, ctx=ast.Store() | ast.Del())
        ):
            return _is_history(owner, is_own)
        case ast.Assign(value=value) | ast.For(iter=value):
            return _is_history(value, is_own)
    return False


def _runs_inside(node: ast.Call) -> bool:
    """Whether it runs text that is not at hand on the notebook's own objects: ``%run -i``, ``%rerun``."""
    magic = magic_call(node)
    return magic is not None and (magic[1] == "rerun" or (magic[1] == "run" and is_inside(magic[2])))


def is_inside(options: str) -> bool:
    """Whether ``%run`` runs a file in the notebook's own namespace.

    Example:
        >>> is_inside("-i tools.py"), is_inside("tools.py -i")
        (True, False)
    """
    for word in options.split():
        if not word.startswith("-"):
            return False
        if not word.startswith("--") and "i" in word:
            return True
    return False


def is_another_space(space: ast.expr) -> bool:
    """Whether code runs in a namespace that is not the notebook's."""
    if not (isinstance(space, ast.Call) and isinstance(space.func, ast.Name)):
        return True
    return space.func.id not in {"globals", "locals", "vars"}


def _is_plain(code: ast.expr, text_of: Callable[[str], str | None]) -> bool:
    return (isinstance(code, ast.Constant) and isinstance(code.value, str)) or (
        isinstance(code, ast.Name) and text_of(code.id) is not None
    )


def _is_history(node: ast.expr, is_own: Callable[[str], bool]) -> bool:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return isinstance(node, ast.Name) and _HISTORY.fullmatch(node.id) is not None and not is_own(node.id)

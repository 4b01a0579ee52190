"""Statements that give names other values without binding them: ``exec``, ``globals()``, ``%run``, ``%store -r``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from nbops.extract.hidden import RUNNERS, is_another_space
from nbops.source.bindings import bound_in
from nbops.source.magics import is_unknown, magic_call, names_set
from nbops.source.python import magic_code
from nbops.source.trees import dotted_name

WORDS = frozenset({"__main__", "exec", "get_ipython", "globals", "locals", "user_ns", "vars", "run_cell"})
"""A statement without any of these words binds what it says."""

ANY_NAME = frozenset({"*"})
"""Stands for every name: what is set is only known when the statement runs."""

_NAMESPACES = frozenset({"globals", "locals", "vars"})


def names_reset(node: ast.stmt, text_of: Callable[[str], str | None], is_own: Callable[[str], bool]) -> frozenset[str]:
    """Tell which names a statement, or of a function its call, may set out of sight.

    Args:
        node: the statement.
        text_of: the literal text behind a name, where there is one.
        is_own: whether the notebook itself binds a name, so that it is not Python's.

    Returns:
        The names, ``ANY_NAME`` where they cannot be known.

    Example:
        >>> def reset(text):
        ...     return sorted(names_reset(ast.parse(text).body[0], lambda _: None, lambda _: False))
        >>> reset("exec('rate = 2')"), reset("globals()['rate'] = 2"), reset("exec(open('a.py').read())")
        (['rate'], ['rate'], ['*'])
    """
    is_definition = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    spaces = {"globals"} if is_definition else _NAMESPACES  # locals() of a function are its own
    found: frozenset[str] = frozenset()
    for part in ast.walk(node):
        found |= _reset_by(part, text_of, is_own, spaces)
    return found


def _reset_by(
    node: ast.AST, text_of: Callable[[str], str | None], is_own: Callable[[str], bool], spaces: Iterable[str]
) -> frozenset[str]:
    match node:
        case ast.Call(func=ast.Name(id="exec"), args=[code, *rest]) if not is_own("exec"):
            others = [*rest, *(keyword.value for keyword in node.keywords)]
            return frozenset() if others and all(is_another_space(o) for o in others) else _bound_by(code, text_of)
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=method)):
            return _by_ipython(node, method)
        case ast.Call(func=ast.Attribute(value=owner, attr="update")) if _is_namespace(owner, spaces):
            return _keys(node)
        case ast.Call(func=ast.Name(id="setattr"), args=[owner, key, *_]) if _is_main(owner):
            return _key(key)
        case ast.Subscript(value=owner, slice=key, ctx=ast.Store()) if _is_namespace(owner, spaces):
            return _key(key)
        case ast.Attribute(value=owner, attr=name, ctx=ast.Store()) if _is_main(owner):
            return frozenset({name})
        case ast.Call(func=ast.Attribute(attr="run_cell" | "run_cell_async")):
            return ANY_NAME
    return frozenset()


def _bound_by(code: ast.expr, text_of: Callable[[str], str | None]) -> frozenset[str]:
    text = code.value if isinstance(code, ast.Constant) else text_of(code.id) if isinstance(code, ast.Name) else None
    if not isinstance(text, str):
        return ANY_NAME
    try:
        return frozenset(bound_in(ast.parse(text).body)[0])
    except (SyntaxError, ValueError):
        return frozenset()  # it fails in the notebook too


def _by_ipython(node: ast.Call, method: str) -> frozenset[str]:
    magic = magic_call(node)
    if magic is None:
        return _keys(node) if method == "push" else ANY_NAME if method in RUNNERS else frozenset()
    kind, name, line = magic
    if name in {"run", "rerun"} and kind == "run_line_magic":
        return ANY_NAME  # of a file that is here, the log has the statements in the place of this one
    if name == "store" and line.strip() == "-r":
        return ANY_NAME
    code = magic_code(node)
    inner = bound_in(code.body)[0] if code is not None and not code.is_function else set()
    if kind == "run_cell_magic" and is_unknown(name):
        inner |= {word for word in line.split() if word.isidentifier()}  # `%%add_to Model` changes the class
    return frozenset(inner) | names_set(name, line)


def _is_namespace(node: ast.expr, spaces: Iterable[str]) -> bool:
    if isinstance(node, ast.Call) and not node.args and isinstance(node.func, ast.Name):
        return node.func.id in spaces
    if isinstance(node, ast.Attribute):
        return node.attr == "user_ns" or (node.attr == "__dict__" and _is_main(node.value))
    return False


def _is_main(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript):
        is_table = dotted_name(node.value) == "sys.modules"
        return is_table and (not isinstance(node.slice, ast.Constant) or node.slice.value == "__main__")
    return isinstance(node, ast.Name) and node.id == "__main__"


def _keys(call: ast.Call) -> frozenset[str]:
    """Names that ``update(a=1)``, ``update({"a": 1})`` and their like set."""
    found = frozenset(keyword.arg or "*" for keyword in call.keywords)
    for given in call.args:
        keys = given.keys if isinstance(given, ast.Dict) else [None]
        found = found.union(*(_key(key) for key in keys))
    return found


def _key(node: ast.expr | None) -> frozenset[str]:
    return frozenset({node.value}) if isinstance(node, ast.Constant) and isinstance(node.value, str) else ANY_NAME

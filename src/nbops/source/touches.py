"""What statements do to the objects behind names, apart from binding these."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from nbops.source.trees import dotted_name, root_name


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


MAKERS = frozenset({"__init__", "__new__", "__post_init__"})


def touches_in(nodes: Iterable[ast.AST], statement: ast.AST | None) -> Iterator[Touch]:
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

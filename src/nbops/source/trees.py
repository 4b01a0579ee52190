"""Ways through a statement's tree: what runs with it, what its functions hold, which names its look-ups start from."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
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


def own_returns(function: ast.FunctionDef) -> list[ast.Return]:
    """The ``return`` statements of a function itself, without those of functions inside it."""
    return [node for node in _body_nodes(function) if isinstance(node, ast.Return)]


def is_generator(function: ast.FunctionDef) -> bool:
    """Whether calling a function gives a generator.

    Example:
        >>> is_generator(ast.parse("def f():\\n    yield 1").body[0])
        True
    """
    return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _body_nodes(function))


def _body_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    stack: list[ast.AST] = list(function.body)
    while stack:
        current = stack.pop()
        yield current
        if not isinstance(current, (*FUNCTIONS, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(current))


def nested(node: ast.AST, depth: int) -> Iterator[tuple[int, ast.AST]]:
    yield depth, node
    inner = depth + 1 if isinstance(node, FUNCTIONS) else depth
    for child in ast.iter_child_nodes(node):
        yield from nested(child, inner)


def functions_in(node: ast.AST) -> Iterator[Function]:
    """The outermost functions and lambdas inside a statement."""
    stack: list[ast.AST] = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, FUNCTIONS):
            yield current
        else:
            stack.extend(ast.iter_child_nodes(current))


def used_as_value(node: ast.AST) -> set[str]:
    """Names that are looked up for something else than to be called at once.

    Example:
        >>> sorted(used_as_value(ast.parse("f(g, h(1))")))
        ['g']
    """
    called = {id(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and id(part) not in called
    }


def arguments_of(arguments: ast.arguments) -> list[ast.arg]:
    extra = [arg for arg in (arguments.vararg, arguments.kwarg) if arg is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


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


def chains_in(node: ast.AST) -> Iterator[tuple[str, ...]]:
    inner: set[int] = set()
    for part in ast.walk(node):  # breadth first: the longest chain is met before its parts
        if isinstance(part, (ast.Attribute, ast.Name)) and id(part) not in inner:
            dotted = dotted_name(part)
            if dotted:
                yield tuple(dotted.split("."))
            while isinstance(part, ast.Attribute):
                part = part.value  # walking down the chain that was just given
                inner.add(id(part))

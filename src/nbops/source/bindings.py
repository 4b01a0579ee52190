"""Which names statements bind: perhaps, and whatever happens."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from nbops.source.trees import DEFINITIONS


def bound_in(statements: Iterable[ast.stmt]) -> tuple[set[str], set[str]]:
    maybe: set[str] = set()
    surely: set[str] = set()
    for statement in statements:
        more_maybe, more_surely = bound_by(statement)
        maybe |= more_maybe
        surely |= more_surely
    return maybe, surely


def bound_by(node: ast.stmt) -> tuple[set[str], set[str]]:
    if isinstance(node, DEFINITIONS):
        return {node.name}, {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = {a.asname or a.name.partition(".")[0] for a in node.names if a.name != "*"}
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            names = set()
        return names, names
    targets = targets_of(node)
    if not isinstance(
        node, (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)
    ) and (type(node).__name__ != "TryStar"):
        return targets, targets
    branches = [bound_in(branch) for branch in branches_of(node)]
    maybe = targets.union(*(branch[0] for branch in branches))
    return maybe, _surely(node, targets, [branch[1] for branch in branches])


def targets_of(node: ast.stmt) -> set[str]:
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


def bound_here(node: ast.stmt) -> set[str]:
    """Names a statement binds by itself, whatever the statements inside it bind."""
    names = {node.name} if isinstance(node, DEFINITIONS) else targets_of(node)
    return names | {handler.name for handler in getattr(node, "handlers", []) if handler.name is not None}


def branches_of(node: ast.stmt) -> list[list[ast.stmt]]:
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
        tried = bound_in([*node.body, *node.orelse])[1]
        caught = [bound_in(handler.body)[1] for handler in node.handlers if not _leaves(handler.body)]
        return tried.intersection(*caught) | bound_in(node.finalbody)[1]
    return set()


def _leaves(body: list[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Raise)

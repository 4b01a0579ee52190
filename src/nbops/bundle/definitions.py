"""A module written from definitions of the notebook: their own text, and only what they use.

This is for definitions that nobody has extracted: a transformer class typed above the pipeline that uses it. The text
comes from the cell it was compiled from. Names it uses are followed: imports and simple values are repeated, other
definitions are taken along, anything else cannot travel and is refused by name.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
import sys
import textwrap
import types
from collections.abc import Iterator, Sequence
from typing import Any

from nbops.errors import BundleError
from nbops.source import analyse


def module_of(names: Sequence[str]) -> tuple[str, str]:
    """Write a module that defines functions and classes of the notebook.

    Args:
        names: functions and classes at the top of ``__main__``.

    Returns:
        The module's name, which follows from its content, and its text.

    Raises:
        BundleError: a name has no source, or uses something that cannot travel.
    """
    text = _Module(vars(sys.modules["__main__"])).write(names)
    return f"notebook_{hashlib.sha256(text.encode()).hexdigest()[:12]}", text


class _Module:
    """Collects text in an order in which it can run: what is used first comes first."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._imports: dict[str, str] = {}
        self._parts: dict[str, str] = {}

    def write(self, names: Sequence[str]) -> str:
        for name in names:
            self._take(name, wanted_by="the model")
        head = "\n".join(sorted(set(self._imports.values())))
        body = "\n\n\n".join(self._parts.values())
        return "\n".join(part for part in (head, "", "", body) if part or head).lstrip("\n") + "\n"

    def _take(self, name: str, *, wanted_by: str) -> None:
        if name in self._parts or name in self._imports:
            return
        value = self._namespace.get(name)
        if name not in self._namespace:
            raise BundleError(
                f"{wanted_by} uses {name!r}, which is not defined in this notebook any more",
                code="definition_missing",
                hint=f"run the cell that defines {name} again",
            )
        if isinstance(value, types.ModuleType):
            self._imports[name] = _import_of(name, value.__name__)
        elif isinstance(value, types.FunctionType | type) and value.__module__ == "__main__":
            self._define(name, value)
        elif getattr(value, "__module__", None) and _is_found(value):
            self._imports[name] = _from_import(name, value)
        elif (literal := _literal(value)) is not None:
            self._parts[name] = f"{name} = {literal}"
        else:
            raise BundleError(
                f"{wanted_by} uses {name!r}, a {type(value).__qualname__} of the notebook that cannot travel with it",
                code="value_cannot_travel",
                hint=f"give it {name} as a parameter or keep it as an attribute of the fitted model",
            )

    def _define(self, name: str, value: types.FunctionType | type) -> None:
        text = source_of(value)
        own = value.__name__
        self._parts[name] = ""  # its place is taken: definitions that use each other end here
        for used in sorted(_globals_of(text) & self._namespace.keys() - {own}):
            self._take(used, wanted_by=name)
        del self._parts[name]
        self._parts[name] = text if own == name else f"{text}\n\n\n{name} = {own}"


def source_of(value: types.FunctionType | type) -> str:
    """Return the text of a function or class of the notebook.

    Args:
        value: a function or class.

    Returns:
        Its definition with decorators, not indented.

    Raises:
        BundleError: the text is not known.
    """
    if isinstance(value, types.FunctionType):
        try:
            return textwrap.dedent(inspect.getsource(value)).rstrip()
        except (OSError, TypeError) as error:
            raise _unknown(value.__qualname__) from error
    # inspect cannot find classes of __main__ in a kernel; their methods know the cell they were compiled from.
    for filename in _files_of(value):
        lines = linecache.getlines(filename)
        for node in _classes("".join(lines)):
            if node.name == value.__name__:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                return textwrap.dedent("".join(lines[first - 1 : node.end_lineno])).rstrip()
    raise _unknown(value.__qualname__)


def _unknown(name: str) -> BundleError:
    return BundleError(
        f"the source of {name} is not known, so it cannot travel with the model",
        code="source_unknown",
        hint=f"define {name} in a cell or a file of this project and fit the model again",
    )


def _files_of(value: type) -> Iterator[str]:
    for member in vars(value).values():
        plain = getattr(member, "__func__", getattr(member, "fget", member))
        code = getattr(inspect.unwrap(plain) if callable(plain) else plain, "__code__", None)
        if code is not None:
            yield code.co_filename
    file = getattr(sys.modules.get(value.__module__), "__file__", None)
    if file:
        yield file


def _classes(text: str) -> list[ast.ClassDef]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []  # the cell has magics; IPython keeps the transformed text, so this is no cell
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def _globals_of(text: str) -> frozenset[str]:
    """Names looked up outside of a definition; its parameters and variables are its own."""
    reads = [unit.reads for unit in analyse(text).units]
    return frozenset().union(*(read.now | read.later | read.written for read in reads))


def _import_of(name: str, module: str) -> str:
    return f"import {module}" if name == module else f"import {module} as {name}"


def _is_found(value: Any) -> bool:
    module = sys.modules.get(value.__module__)
    own = getattr(value, "__name__", None)
    return own is not None and getattr(module, own, None) is value


def _from_import(name: str, value: Any) -> str:
    own = value.__name__
    return f"from {value.__module__} import {own}" + ("" if own == name else f" as {name}")


def _literal(value: Any) -> str | None:
    text = repr(value)
    try:
        return text if len(text) <= 10_000 and ast.literal_eval(text) == value else None
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None

"""Hold the text of a definition against the live object it is said to have made, and find the text of live objects.

Nothing is executed: the text is compiled and the code objects are compared, after unwrapping what decorators made.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import types
from collections.abc import Iterator, Mapping
from types import CodeType

from nbops.source import Alias, Unit, analyse
from nbops.source.bindings import bound_in


def agrees(unit: Unit, name: str, value: object) -> bool | None:
    """Tell whether a statement is what made a live object.

    Args:
        unit: the statement that binds the name.
        name: the global name.
        value: the live object.

    Returns:
        True or False where it can be known; None where it cannot (a decorator hid the function, an opaque value).

    Example:
        >>> from nbops.source import analyse
        >>> agrees(analyse("double = 2").units[0], "double", 3)
        False
    """
    if unit.kind == "import":
        return _import_agrees(unit, name, value)
    if unit.kind == "class":
        assert isinstance(unit.node, ast.ClassDef)
        return _class_agrees(unit, value)
    if unit.kind == "function":
        return _function_agrees(unit, value)
    return _literal_agrees(unit, name, value)


def _import_agrees(unit: Unit, name: str, value: object) -> bool | None:
    for alias in unit.aliases:
        if alias.bound == name:
            if isinstance(value, types.ModuleType):
                wanted = alias.target
                return (
                    value.__name__ == wanted or value.__name__.rpartition(".")[2] == wanted.rpartition(".")[2] or None
                )
            return False if alias.attribute is None else None
    return None


def _function_agrees(unit: Unit, value: object) -> bool | None:
    wanted = _own_codes(unit)
    if not wanted:
        return None
    candidates = [function.__code__ for function in _functions_behind(value)]
    if any(same_code(code, found) for code in wanted for found in candidates):
        return True
    decorated = bool(getattr(unit.node, "decorator_list", []))
    if not candidates:
        return None if decorated else False
    # A decorator that keeps the function where nobody looks leaves only its own wrapper to be seen.
    named = [found for found in candidates if found.co_name == wanted[0].co_name]
    return None if decorated and not named else False


def _own_codes(unit: Unit) -> list[CodeType]:
    """The code object of the function or class that the statement defines, compiled alone and with its cell."""
    wanted = "<lambda>" if unit.is_lambda else getattr(unit.node, "name", None)
    found = []
    for code in (unit.code, unit.code_in_cell):
        inner = [c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == wanted] if code else []
        found += inner[-1:]
    return found


def _functions_behind(value: object, depth: int = 0) -> Iterator[types.FunctionType]:
    """Plain functions that an object is or wraps: through ``__wrapped__``, partials, compiled and cached forms."""
    if isinstance(value, types.FunctionType):
        yield value
    if depth > 4:
        return
    inner: list[object] = []
    for attribute in ("__wrapped__", "func", "py_func", "fget", "__func__", "_python_function", "python_function"):
        part = inspect.getattr_static(value, attribute, None)
        if part is not None and part is not value:
            inner.append(part)
    if isinstance(value, types.FunctionType) and value.__closure__:
        inner += [cell.cell_contents for cell in value.__closure__ if _is_filled(cell)]
    elif not isinstance(value, (type, types.ModuleType)):
        inner += list(getattr(value, "__dict__", {}).values())[:20]
    for part in inner:
        if callable(part):
            yield from _functions_behind(part, depth + 1)


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 # an empty cell raises
    except ValueError:
        return False
    return True


def _class_agrees(unit: Unit, value: object) -> bool | None:
    node = unit.node
    assert isinstance(node, ast.ClassDef)
    if not isinstance(value, type):
        return None if node.decorator_list else False
    if value.__name__ != node.name:
        return None if node.decorator_list else False
    bodies = _own_codes(unit)
    verdicts = [_members_agree(node, body, value) for body in bodies]
    if True in verdicts:
        return _literals_agree(node, value)
    return False if False in verdicts else None


def _members_agree(node: ast.ClassDef, body: CodeType, value: type) -> bool | None:
    wanted = {c.co_name: c for c in body.co_consts if isinstance(c, CodeType) and not c.co_name.startswith("<")}
    for name, code in wanted.items():
        member = vars(value).get(name, _MISSING)
        if member is _MISSING:
            if name in _mangled_or_conditional(node):
                continue
            return False
        found = list(_functions_behind(member))
        if found and not any(same_code(code, function.__code__) for function in found):
            return None if _is_decorated(node, name) else False
    return True


_MISSING = object()


def _mangled_or_conditional(node: ast.ClassDef) -> set[str]:
    plain = {s.name for s in node.body if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
    every = {s.name for s in ast.walk(node) if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
    return (every - plain) | {name for name in every if name.startswith("__") and not name.endswith("__")}


def _is_decorated(node: ast.ClassDef, name: str) -> bool:
    return any(
        isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef)) and s.name == name and s.decorator_list
        for s in node.body
    )


def _literals_agree(node: ast.ClassDef, value: type) -> bool | None:
    """Class attributes given as literals: they may have been set since, so a difference is only ever a doubt."""
    set_inside = {p.attr for p in ast.walk(node) if isinstance(p, ast.Attribute) and not isinstance(p.ctx, ast.Load)}
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            wanted = _literal(statement.value)
            if statement.targets[0].id in set_inside or isinstance(wanted, (list, dict, set)):
                continue  # the class's own state, which its methods change
            if wanted is not _MISSING and vars(value).get(statement.targets[0].id, wanted) != wanted:
                return None if len(statement.targets) > 1 or node.decorator_list or node.bases else False
    return True


def has_nothing_added(unit: Unit, value: object) -> bool:
    """Whether a function or class that agrees with its text has no attribute, and nothing in one, beyond that text.

    Example:
        >>> class Options:
        ...     rates = {}
        >>> unit = analyse("class Options:\\n    rates = {}").units[0]
        >>> before = has_nothing_added(unit, Options)
        >>> Options.rates["a"] = 1
        >>> before, has_nothing_added(unit, Options)
        (True, False)
    """
    node = unit.node
    if not (isinstance(node, ast.ClassDef) and isinstance(value, type)):
        return not getattr(value, "__dict__", {}).keys() - {"__wrapped__"}
    own = {
        name: member
        for name, member in vars(value).items()
        if not (name.startswith("__") or name == "_abc_impl" or isinstance(member, types.MemberDescriptorType))
    }
    given = {
        target.id: _literal(statement.value)
        for statement in node.body
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name)
    }
    if own.keys() - bound_in(node.body)[0]:
        return False
    # Compared as text: what stands there now may be an array, which is equal to nothing as a whole.
    return all(text is not _MISSING and repr(own.get(name, text)) == repr(text) for name, text in given.items())


def _literal_agrees(unit: Unit, name: str, value: object) -> bool | None:
    node = unit.node
    if not (isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)):
        return None
    wanted = _literal(node.value)
    if wanted is _MISSING:
        return None
    return type(wanted) is type(value) and bool(wanted == value)


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return _MISSING


# Star arguments, generators, coroutines: the flags that say what a function is, not where it was compiled.
_KINDS = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)


def same_code(a: CodeType, b: CodeType) -> bool:
    """Compare two code objects by what they do, not by where they stand.

    Example:
        >>> same_code(compile("x", "a", "eval"), compile("\\n x".strip(), "b", "eval"))
        True
    """
    return (
        a.co_code == b.co_code
        and a.co_names == b.co_names
        and a.co_varnames == b.co_varnames
        and a.co_freevars == b.co_freevars
        and a.co_cellvars == b.co_cellvars
        and a.co_flags & _KINDS == b.co_flags & _KINDS
        and len(a.co_consts) == len(b.co_consts)
        and all(_same_const(x, y) for x, y in zip(a.co_consts, b.co_consts, strict=True))
    )


def _same_const(a: object, b: object) -> bool:
    if isinstance(a, CodeType) and isinstance(b, CodeType):
        return same_code(a, b)
    if isinstance(a, frozenset):
        return a == b  # equal sets may be shown in another order
    return type(a) is type(b) and repr(a) == repr(b)


def described_value(namespace: Mapping[str, object] | None, name: str) -> str:
    """A live value in a few words: ``a DataFrame of shape (891, 12)``."""
    if namespace is None or name not in namespace:
        return ""
    value = namespace[name]
    kind = type(value).__name__
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    shape = getattr(value, "shape", None)
    return f"{article} {kind}" + (f" of shape {shape}" if isinstance(shape, tuple) else "")


def alias_of_object(name: str, value: object) -> Alias | None:
    """Write the import that brings a live object, when there is one.

    Example:
        >>> import math
        >>> alias_of_object("m", math).statement()
        'import math as m'
    """
    if isinstance(value, types.ModuleType):
        if sys.modules.get(value.__name__) is not value or value.__name__ == "__main__":
            return None
        return Alias(name, value.__name__, None, name != value.__name__)
    module = getattr(value, "__module__", None)
    original = getattr(value, "__qualname__", getattr(value, "__name__", None))
    if not isinstance(module, str) or not isinstance(original, str) or module == "__main__" or "." in original:
        return None
    if getattr(sys.modules.get(module), original, None) is not value:
        return None
    return Alias(name, module, original)


def unit_from_object(name: str, value: object) -> Unit | None:
    """Recover a function's or class's text from Python's own source cache, if it really is what the object runs."""
    if not isinstance(value, (types.FunctionType, type)) or value.__module__ != "__main__":
        return None
    units = analyse(text).units if (text := _text_of(value)) is not None else []
    found = [unit for unit in units if name in unit.binds and agrees(unit, name, value) is True]
    return found[-1] if found else None


def _text_of(value: types.FunctionType | type) -> str | None:
    """The text of what an object was compiled from: of a function alone, of a class the whole cell or file."""
    if isinstance(value, types.FunctionType):
        try:
            return inspect.getsource(value)
        except (OSError, TypeError):
            return None
    # inspect does not find classes of a cell; their methods know the cell they were compiled from.
    functions = (function for member in vars(value).values() for function in _functions_behind(member))
    files = (function.__code__.co_filename for function in functions if function.__module__ == "__main__")
    return next(("".join(lines) for file in files if (lines := linecache.getlines(file))), None)

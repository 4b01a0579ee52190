"""What a parameters cell declares, read without running it: names, types, defaults, ranges and choices."""

from __future__ import annotations

import ast
import datetime
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from nbops.errors import SourceError
from nbops.retrain import values

Kind = Literal[
    "bool", "int", "float", "str", "list", "tuple", "set", "frozenset", "dict", "date", "datetime", "path", "any"
]

_NAMES: dict[str, Kind] = {
    "bool": "bool", "int": "int", "float": "float", "str": "str", "list": "list", "List": "list", "Sequence": "list",
    "tuple": "tuple", "Tuple": "tuple", "set": "set", "Set": "set", "frozenset": "frozenset", "FrozenSet": "frozenset",
    "dict": "dict", "Dict": "dict", "Mapping": "dict", "date": "date", "datetime": "datetime", "Path": "path",
    "PurePath": "path", "PosixPath": "path",
}  # fmt: skip
# numpy's scalar types: they are called with the value, and the call is kept.
_NUMPY: dict[str, Kind] = {"bool_": "bool"}
_NUMPY |= {f"{sign}int{bits}": "int" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_NUMPY |= {f"float{bits}": "float" for bits in (16, 32, 64)}
_NUMPY_MODULES = {"np", "numpy"}

_NUMBER = r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(?<![\w.])(?P<low>{_NUMBER})\s*\.\.\s*(?P<high>{_NUMBER})(?![\w.])(?P<log>\s+log\b)?")
_CHOICES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_TYPE_COMMENT = re.compile(r"^\s*type:\s*(\S+)\s*")


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a notebook, as its parameters cell declares it."""

    name: str
    type: Kind
    default: Any = None
    """The default in its plain JSON form; None for an expression that only the notebook itself can compute."""
    source: str = ""
    """The default as it is written in the cell."""
    is_optional: bool = False
    """Whether None is a value of it."""
    low: float | None = None
    high: float | None = None
    is_log: bool = False
    """Whether a search draws it on a logarithmic scale."""
    choices: list[Any] | None = None
    help: str = ""
    constructor: str = ""
    """The call around the value in the notebook, such as ``np.float64`` or ``Path``, kept for the injected cell."""
    line: int = 0
    """Line in the parameters cell, from 1."""


class _Annotation(NamedTuple):
    """What an annotation says of a parameter."""

    kind: Kind | None = None
    is_optional: bool = False
    choices: list[Any] | None = None
    constructor: str = ""
    """The name that makes such a value."""


class _Remark(NamedTuple):
    """What the comment behind a parameter says of it."""

    low: float | None = None
    high: float | None = None
    is_log: bool = False
    choices: list[str] | None = None
    help: str = ""

    @property
    def is_fraction(self) -> bool:
        """Whether an end of its range is no whole number."""
        return any(bound is not None and not bound.is_integer() for bound in (self.low, self.high))


def of_source(source: str, *, name: str = "the notebook") -> list[Parameter]:
    """Learn the parameters that one cell of Python declares.

    Args:
        source: text of the parameters cell.
        name: what messages call the notebook.

    Returns:
        One parameter per name, in order; a name assigned twice counts as its last assignment.

    Raises:
        SourceError: the cell is not valid Python, with the line.

    Example:
        >>> [lr] = of_source("lr: float = 0.1  # learning rate, 1e-4..1 log")
        >>> lr.type, lr.default, lr.low, lr.high, lr.is_log, lr.help
        ('float', 0.1, 0.0001, 1.0, True, 'learning rate')
    """
    source, tree = _parse(source, name)
    comments = _comments(source)
    found: dict[str, Parameter] = {}
    for statement in tree.body:
        for target, annotation, value in _assignments(statement):
            line = statement.end_lineno or statement.lineno
            found.pop(target, None)
            found[target] = _declared(
                target,
                annotation,
                value,
                comments.get(line, ""),
                statement.lineno,
                ast.get_source_segment(source, value),
            )
    return list(found.values())


def _parse(source: str, name: str) -> tuple[str, ast.Module]:
    try:
        return source, ast.parse(source)
    except SyntaxError:
        # Perhaps it holds magics; IPython knows them, and costs time only here.
        from IPython.core.inputtransformer2 import TransformerManager

        try:
            transformed = TransformerManager().transform_cell(source)
            return transformed, ast.parse(transformed)
        except SyntaxError as error:
            raise SourceError(
                f"the parameters cell of {name} is not valid Python: {error.msg} (line {error.lineno})",
                code="parameters_syntax",
            ) from error


def _comments(source: str) -> dict[int, str]:
    return {
        token.start[0]: token.string.lstrip("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }


def _assignments(statement: ast.stmt) -> Iterable[tuple[str, ast.expr | None, ast.expr]]:
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        if isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.annotation, statement.value
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from _pairs(target, statement.value)


def _pairs(target: ast.expr, value: ast.expr) -> Iterable[tuple[str, ast.expr | None, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, None, value
        return
    if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        # What does not pair up, as ``a, *b = …``, is no parameter.
        for part, item in zip(target.elts, value.elts, strict=False):
            yield from _pairs(part, item)


def _declared(
    name: str, annotation: ast.expr | None, value: ast.expr, comment: str, line: int, source: str | None
) -> Parameter:
    default, by_default, constructor = _evaluate(value)
    is_none = default is None and isinstance(value, ast.Constant)
    annotated = _annotated(annotation)
    if match := _TYPE_COMMENT.match(comment):
        comment = comment[match.end() :]
        if annotated.kind is None:
            annotated = _annotated(_expression(match.group(1)))
    remark = _understood_comment(comment)
    choices = annotated.choices
    if choices is None and remark.choices is not None:
        choices = [_choice(item, annotated.kind or by_default) for item in remark.choices]
    kind = annotated.kind or _kind_by_default(by_default, remark, is_none=is_none)
    return Parameter(
        name=name,
        type=kind,
        default=values.plain(default),
        source=source or "",
        is_optional=annotated.is_optional or is_none,
        low=remark.low,
        high=remark.high,
        is_log=remark.is_log,
        choices=choices,
        help=remark.help,
        constructor=constructor or (annotated.constructor if kind in {"path", "date", "datetime"} else ""),
        line=line,
    )


def _kind_by_default(kind: Kind, remark: _Remark, *, is_none: bool) -> Kind:
    """The type of a parameter without an annotation; a range tells what a default leaves open."""
    if kind == "any" and is_none and remark.low is not None:
        return "float" if remark.is_fraction or remark.is_log else "int"
    return "float" if kind == "int" and remark.is_fraction else kind


def _evaluate(value: ast.expr) -> tuple[Any, Kind, str]:
    """A default's value, its type and the call around it; ``(None, "any", "")`` for what only running would tell."""
    if isinstance(value, ast.Call):
        return _evaluate_call(value)
    try:
        result = _literal(value)
    except ValueError:
        return None, "any", ""
    return result, _kind_of(result), ""


def _evaluate_call(call: ast.Call) -> tuple[Any, Kind, str]:
    constructor = ast.unparse(call.func)
    if call.keywords:
        return None, "any", ""
    try:
        arguments = [_literal(argument) for argument in call.args]
        return _called(constructor, arguments) or _built_in(constructor, arguments)
    except (ValueError, TypeError):
        return None, "any", ""


def _called(constructor: str, arguments: list[Any]) -> tuple[Any, Kind, str] | None:
    """A value of a library's type, whose call is kept for the injected cell."""
    module, _, last = constructor.rpartition(".")
    if last in _NUMPY and module in _NUMPY_MODULES and len(arguments) == 1:
        return arguments[0], _NUMPY[last], constructor
    if last == "date":
        return datetime.date(*arguments), "date", constructor
    if last == "datetime":
        return datetime.datetime(*arguments), "datetime", constructor
    if last == "fromisoformat" and module.rpartition(".")[2] == "date":
        return datetime.date.fromisoformat(*arguments), "date", module
    if last == "fromisoformat" and module.rpartition(".")[2] == "datetime":
        return datetime.datetime.fromisoformat(*arguments), "datetime", module
    if last in {"Path", "PurePath", "PosixPath"}:
        return Path(*arguments), "path", constructor
    return None


def _built_in(constructor: str, arguments: list[Any]) -> tuple[Any, Kind, str]:
    collections = {"set": set, "frozenset": frozenset, "tuple": tuple, "list": list}
    if constructor in collections and len(arguments) <= 1:
        made = collections[constructor](*arguments)
        return made, _kind_of(made), ""
    if constructor == "float" and len(arguments) == 1:
        return float(arguments[0]), "float", ""
    if constructor == "dict" and not arguments:
        return {}, "dict", ""
    return None, "any", ""


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Pow: lambda a, b: a**b,
}


def _literal(node: ast.expr) -> Any:
    """Like ``ast.literal_eval``, with the small sums that people write: ``10 * 60``, ``2 ** 10``, ``1 / 3``."""
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = _literal(node.left), _literal(node.right)
        numbers = all(isinstance(side, int | float) and abs(side) < 1e9 for side in (left, right))
        # The bound on exponents keeps a parameters cell from costing memory before anything runs.
        if numbers and not (isinstance(node.op, ast.Pow) and abs(right) > 64):
            try:
                return _ARITHMETIC[type(node.op)](left, right)
            except ArithmeticError as error:
                raise ValueError(str(error)) from error
        raise ValueError("not a sum of numbers")
    return ast.literal_eval(node)


def _kind_of(value: object) -> Kind:
    for kind, type_ in _TYPES.items():
        if type(value) is type_:
            return kind
    return "any"


_TYPES: dict[Kind, type] = {
    "bool": bool, "int": int, "float": float, "str": str, "list": list, "tuple": tuple, "set": set,
    "frozenset": frozenset, "dict": dict, "date": datetime.date, "datetime": datetime.datetime,
}  # fmt: skip


def _expression(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def _annotated(node: ast.expr | None) -> _Annotation:
    if node is None:
        return _Annotation()
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _annotated(_expression(node.value))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([node.left, node.right])
    if isinstance(node, ast.Subscript):
        return _subscripted(node)
    text = ast.unparse(node)
    module, _, last = text.rpartition(".")
    if last in _NUMPY and module in _NUMPY_MODULES:
        return _Annotation(_NUMPY[last])
    return _Annotation(_NAMES.get(last, "any"), constructor=text)


def _subscripted(node: ast.Subscript) -> _Annotation:
    outer = ast.unparse(node.value).rpartition(".")[2]
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if outer == "Optional":
        return _annotated(inner[0])._replace(is_optional=True)
    if outer == "Union":
        return _union(inner)
    if outer == "Annotated":
        return _annotated(inner[0])
    if outer == "Literal":
        choices = [item.value for item in inner if isinstance(item, ast.Constant)]
        kinds = {_kind_of(choice) for choice in choices if choice is not None}
        return _Annotation(kinds.pop() if len(kinds) == 1 else "any", None in choices, choices)
    return _Annotation(_NAMES.get(outer, "any"))


def _union(parts: Sequence[ast.expr]) -> _Annotation:
    is_none = [isinstance(part, ast.Constant) and part.value is None for part in parts]
    others = [_annotated(part) for part, none in zip(parts, is_none, strict=True) if not none]
    if len(others) == 1:
        return others[0]._replace(is_optional=others[0].is_optional or any(is_none))
    if {other.kind for other in others} == {"int", "float"}:
        return _Annotation("float", any(is_none) or any(other.is_optional for other in others))
    return _Annotation("any", is_optional=True)


def _understood_comment(comment: str) -> _Remark:
    low = high = None
    is_log = False
    listed: list[str] | None = None
    if match := _RANGE.search(comment):
        low, high = sorted((float(match["low"]), float(match["high"])))
        is_log = match["log"] is not None
    elif match := _CHOICES.search(comment):
        listed = [item.strip() for item in match.group(1).split(",") if item.strip()]
    if match is not None:
        comment = comment[: match.start()] + comment[match.end() :]
    return _Remark(low, high, is_log, listed, comment.strip(" \t,;:-–"))


def _choice(text: str, kind: Kind) -> Any:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text  # a bare word, as in {gini, entropy}
    if kind == "float" and type(value) is int:
        return float(value)
    return text if kind == "str" and not isinstance(value, str) and value is not None else value

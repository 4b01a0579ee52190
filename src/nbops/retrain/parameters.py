"""What a notebook's parameters are: learnt from the cell tagged ``parameters`` without running anything.

A plain papermill notebook is all that is needed. The type of a parameter is its annotation, else the type of its
default; a comment on its line may add what values make sense::

    lr: float = 0.1        # learning rate, 1e-4..1 log
    depth = 3              # 1..8
    kind = "gini"          # {gini, entropy}
    since = date(2024, 1, 1)

The same schema refuses wrong values before a kernel starts, makes a form, and is the space that a search draws from.
"""

from __future__ import annotations

import ast
import datetime
import difflib
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Literal

import msgspec

from nbops.errors import NotFoundError, SourceError, UsageError
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


class NotebookParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of one notebook."""

    notebook: str
    parameters: list[Parameter]
    has_cell: bool
    """Whether there is a cell tagged ``parameters`` at all."""

    def named(self, name: str) -> Parameter:
        """Return the parameter of this name, or raise UsageError with the nearest one."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise self._unknown(name)

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Take values to the types their parameters have, or refuse them.

        Args:
            given: parameter → value; text is understood where the type is not text.

        Returns:
            The same names with values of the right type.

        Raises:
            UsageError: an unknown name, a wrong type, or a value outside the range or choices.
        """
        return {name: convert(self.named(name), value, where=self.notebook) for name, value in given.items()}

    def _unknown(self, name: str) -> UsageError:
        if not self.has_cell:
            return UsageError(
                f"{self.notebook} has no cell tagged 'parameters', so {name!r} cannot be set",
                code="no_parameters_cell",
                hint="tag the cell that sets the defaults with 'parameters' (property inspector of JupyterLab)",
            )
        names = [parameter.name for parameter in self.parameters]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        return UsageError(
            f"{self.notebook} has no parameter {name!r}{meant}",
            code="unknown_parameter",
            hint=f"its parameters are: {', '.join(names) or 'none'}",
        )


def read(notebook: str | Path) -> list[Parameter]:
    """Learn a notebook's parameters from its cell tagged ``parameters``, without running anything.

    Args:
        notebook: path of the notebook.

    Returns:
        The parameters in the order of the cell; empty when no cell is tagged.

    Raises:
        NotFoundError: there is no such file.
        SourceError: it is not a notebook, or its parameters cell is not valid Python.
        UsageError: two cells are tagged.
    """
    return inspect(notebook).parameters


def inspect(notebook: str | Path) -> NotebookParameters:
    """Like ``read``, with what checks of given values need besides."""
    path = Path(notebook)
    return of_node(load(path), name=path.name)


def load(path: Path) -> Any:
    """Read a notebook file as a node of the newest format, or say what is wrong with it."""
    import nbformat
    from nbformat.reader import NotJSONError

    if not path.is_file():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.ipynb")], n=1)
        raise NotFoundError(
            f"there is no notebook {path}" + (f"; did you mean {near[0]!r}?" if near else ""),
            code="notebook_not_found",
            hint=f"ls {path.parent}",
        )
    try:
        node = nbformat.reads(path.read_text("utf-8"), as_version=4)
        nbformat.validate(node, relax_add_props=True)
    except (NotJSONError, UnicodeDecodeError, nbformat.ValidationError, AttributeError, KeyError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise SourceError(f"{path} is not a Jupyter notebook: {reason}", code="not_a_notebook") from error
    return node


def of_node(node: Any, *, name: str) -> NotebookParameters:
    """Learn the parameters of a notebook that is read already.

    Args:
        node: the notebook as nbformat gives it.
        name: what messages call it.
    """
    tagged = [index for index, cell in enumerate(node.cells) if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) > 1:
        raise UsageError(
            f"{name} has {len(tagged)} cells tagged 'parameters' (cells {', '.join(str(i + 1) for i in tagged)})",
            code="two_parameters_cells",
            hint="keep the tag on one cell; papermill would silently use the first",
        )
    if not tagged:
        return NotebookParameters(notebook=name, parameters=[], has_cell=False)
    cell = node.cells[tagged[0]]
    found = of_source(cell.source, name=name) if is_python(node) else _of_other_language(node, cell)
    return NotebookParameters(notebook=name, parameters=found, has_cell=True)


def is_python(node: Any) -> bool:
    """Tell whether a notebook's own metadata name Python, or nothing."""
    metadata = node.metadata
    language = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
    return language is None or str(language).lower() in {"python", "ipython"}


def _of_other_language(node: Any, cell: Any) -> list[Parameter]:
    # Other languages are papermill's to read; where it cannot, nothing is known about names either.
    from papermill.inspection import _infer_parameters

    return [
        Parameter(name=found.name, type="any", source=found.default, help=found.help)
        for found in _infer_parameters(node)
    ]


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
    kind, is_optional, choices, annotated_constructor = _annotated(annotation)
    if match := _TYPE_COMMENT.match(comment):
        comment = comment[match.end() :]
        if kind is None:
            kind, is_optional, choices, annotated_constructor = _annotated(_expression(match.group(1)))
    low, high, is_log, listed, help_text = _understood_comment(comment)
    if choices is None and listed is not None:
        choices = [_choice(item, kind or by_default) for item in listed]
    if kind is None:
        kind = by_default
        is_fraction = any(bound is not None and not bound.is_integer() for bound in (low, high))
        if kind == "any" and low is not None and default is None and isinstance(value, ast.Constant):
            kind, is_optional = ("float" if is_fraction or is_log else "int"), True
        elif kind == "int" and is_fraction:
            kind = "float"
    return Parameter(
        name=name,
        type=kind,
        default=values.plain(default),
        source=source or "",
        is_optional=is_optional or (default is None and isinstance(value, ast.Constant)),
        low=low,
        high=high,
        is_log=is_log,
        choices=choices,
        help=help_text,
        constructor=constructor or (annotated_constructor if kind in {"path", "date", "datetime"} else ""),
        line=line,
    )


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
    module, _, last = constructor.rpartition(".")
    try:
        arguments = [_literal(argument) for argument in call.args]
        if call.keywords:
            return None, "any", ""
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
        if constructor in {"set", "frozenset", "tuple", "list"} and len(arguments) <= 1:
            made = {"set": set, "frozenset": frozenset, "tuple": tuple, "list": list}[constructor](*arguments)
            return made, _kind_of(made), ""
        if constructor == "float" and len(arguments) == 1:
            return float(arguments[0]), "float", ""
        if constructor == "dict" and not arguments:
            return {}, "dict", ""
    except (ValueError, TypeError):
        pass
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


def _annotated(node: ast.expr | None) -> tuple[Kind | None, bool, list[Any] | None, str]:
    """What an annotation says: type, whether None is allowed, choices, and the name that makes such a value."""
    if node is None:
        return None, False, None, ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _annotated(_expression(node.value))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([node.left, node.right])
    if isinstance(node, ast.Subscript):
        return _subscripted(node)
    text = ast.unparse(node)
    module, _, last = text.rpartition(".")
    if last in _NUMPY and module in _NUMPY_MODULES:
        return _NUMPY[last], False, None, ""
    kind = _NAMES.get(last, "any")
    return kind, False, None, text


def _subscripted(node: ast.Subscript) -> tuple[Kind | None, bool, list[Any] | None, str]:
    outer = ast.unparse(node.value).rpartition(".")[2]
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if outer == "Optional":
        kind, _, choices, constructor = _annotated(inner[0])
        return kind, True, choices, constructor
    if outer == "Union":
        return _union(inner)
    if outer == "Annotated":
        return _annotated(inner[0])
    if outer == "Literal":
        choices = [item.value for item in inner if isinstance(item, ast.Constant)]
        kinds = {_kind_of(choice) for choice in choices if choice is not None}
        return (kinds.pop() if len(kinds) == 1 else "any"), None in choices, choices, ""
    return _NAMES.get(outer, "any"), False, None, ""


def _union(parts: Sequence[ast.expr]) -> tuple[Kind | None, bool, list[Any] | None, str]:
    is_none = [isinstance(part, ast.Constant) and part.value is None for part in parts]
    others = [_annotated(part) for part, none in zip(parts, is_none, strict=True) if not none]
    if len(others) == 1:
        kind, is_optional, choices, constructor = others[0]
        return kind, is_optional or any(is_none), choices, constructor
    kinds = {kind for kind, *_ in others}
    if kinds == {"int", "float"}:
        return "float", any(is_none) or any(optional for _, optional, *_ in others), None, ""
    return "any", True, None, ""


def _understood_comment(comment: str) -> tuple[float | None, float | None, bool, list[str] | None, str]:
    low = high = None
    is_log = False
    listed: list[str] | None = None
    if match := _RANGE.search(comment):
        low = float(match["low"])
        high = float(match["high"])
        is_log = match["log"] is not None
    elif match := _CHOICES.search(comment):
        listed = [item.strip() for item in match.group(1).split(",") if item.strip()]
    if match is not None:
        comment = comment[: match.start()] + comment[match.end() :]
    if low is not None and high is not None and low > high:
        low, high = high, low
    return low, high, is_log, listed, comment.strip(" \t,;:-–")


def _choice(text: str, kind: Kind) -> Any:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text  # a bare word, as in {gini, entropy}
    if kind == "float" and type(value) is int:
        return float(value)
    return text if kind == "str" and not isinstance(value, str) and value is not None else value


def convert(parameter: Parameter, value: object, *, where: str = "the notebook") -> Any:
    """Take one value to the type of its parameter, or refuse it.

    Args:
        parameter: what the value is for.
        value: anything a person or a program gives; text is understood where the type is not text.
        where: the notebook's name, for messages.

    Returns:
        The value in the parameter's type.

    Raises:
        UsageError: a wrong type, or a value outside the range or the choices.

    Example:
        >>> [depth] = of_source("depth = 3  # 1..8")
        >>> convert(depth, "5")
        5
        >>> convert(depth, 9)
        Traceback (most recent call last):
        nbops.errors.UsageError: depth = 9 is outside 1..8, which the notebook allows
          → edit the comment in line 1 of the parameters cell to allow it
    """
    value = values.decode(values.native(value))
    if value is None and parameter.is_optional:
        return None
    try:
        result = _CONVERT[parameter.type](value)
    except (ValueError, TypeError, SyntaxError):
        if value == "None" and parameter.is_optional:
            return None
        raise UsageError(
            f"{parameter.name} = {value!r:.80} is not {_article(parameter.type)}, which {where} wants",
            code="wrong_parameter_type",
            hint=f"its default is {parameter.source}" if parameter.source else None,
        ) from None
    _within(parameter, result, where)
    return result


def _within(parameter: Parameter, value: Any, where: str) -> None:
    cure = f"edit the comment in line {parameter.line} of the parameters cell to allow it"
    if parameter.choices is not None and value not in parameter.choices:
        listed = ", ".join(repr(choice) for choice in parameter.choices)
        near = difflib.get_close_matches(str(value), [str(choice) for choice in parameter.choices], n=1)
        raise UsageError(
            f"{parameter.name} = {value!r} is none of {listed}, which {where} allows"
            + (f"; did you mean {near[0]!r}?" if near else ""),
            code="parameter_outside",
            hint=cure,
        )
    if isinstance(value, int | float):
        too_low = parameter.low is not None and not value >= parameter.low
        too_high = parameter.high is not None and not value <= parameter.high
        if too_low or too_high:
            low = f"{parameter.low:g}" if parameter.low is not None else ""
            high = f"{parameter.high:g}" if parameter.high is not None else ""
            raise UsageError(
                f"{parameter.name} = {value!r} is outside {low}..{high}, which {where} allows",
                code="parameter_outside",
                hint=cure,
            )


def _article(kind: Kind) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError(value)


def _to_int(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError(value)
    if isinstance(value, str):
        return int(value, 0) if re.match(r"^[-+]?0[xXoObB]", value) else int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)  # JSON and spreadsheets write 3.0 for 3
    if isinstance(value, int):
        return value
    raise TypeError(value)


def _to_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    return float(value)


def _to_str(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime.date | PurePath):
        return str(values.plain(value))
    raise TypeError(value)


def _to_date(value: Any) -> datetime.date:
    if isinstance(value, datetime.datetime):
        raise TypeError(value)
    return value if isinstance(value, datetime.date) else datetime.date.fromisoformat(value)


def _to_datetime(value: Any) -> datetime.datetime:
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)
    return datetime.datetime.fromisoformat(value)


def _to_path(value: Any) -> Path:
    if not isinstance(value, str | PurePath):
        raise TypeError(value)
    return Path(value)


def _to_collection(type_: type) -> Any:
    def to(value: Any) -> Any:
        if isinstance(value, str):
            value = ast.literal_eval(value)
        if type_ is dict:
            if not isinstance(value, dict):
                raise TypeError(value)
            return dict(value)
        if not isinstance(value, list | tuple | set | frozenset):
            raise TypeError(value)
        return type_(value)

    return to


_CONVERT: dict[Kind, Any] = {
    "bool": _to_bool,
    "int": _to_int,
    "float": _to_float,
    "str": _to_str,
    "list": _to_collection(list),
    "tuple": _to_collection(tuple),
    "set": _to_collection(set),
    "frozenset": _to_collection(frozenset),
    "dict": _to_collection(dict),
    "date": _to_date,
    "datetime": _to_datetime,
    "path": _to_path,
    "any": lambda value: value,
}


def from_text(known: NotebookParameters, given: Mapping[str, str]) -> dict[str, Any]:
    """Understand values that were typed, as ``-p lr=0.1`` on a command line.

    Where the type of a parameter is not known, a Python literal is taken as such and anything else as text.

    Example:
        >>> known = NotebookParameters(notebook="a.ipynb", parameters=of_source("lr = 0.1"), has_cell=True)
        >>> from_text(known, {"lr": "1e-3"})
        {'lr': 0.001}
    """
    typed = {name: _typed(known.named(name), text) for name, text in given.items()}
    return known.check(typed)


def grid_from_text(known: NotebookParameters, given: Mapping[str, str]) -> dict[str, list[Any]]:
    """Understand lists of values that were typed, as ``--grid depth=2,4,8``; commas inside brackets do not part.

    Example:
        >>> known = NotebookParameters(notebook="a.ipynb", parameters=of_source("size = (1, 2)"), has_cell=True)
        >>> grid_from_text(known, {"size": "(1, 2),(3, 4)"})
        {'size': [(1, 2), (3, 4)]}
    """
    return {name: [from_text(known, {name: part})[name] for part in _parts(text)] for name, text in given.items()}


def _typed(parameter: Parameter, text: str) -> Any:
    if parameter.type != "any":
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _parts(text: str) -> list[str]:
    parts, depth, quote, start = [], 0, "", 0
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def injected(known: NotebookParameters, given: Mapping[str, Any]) -> str:
    """Write the cell that sets parameters to checked values.

    Example:
        >>> known = NotebookParameters(notebook="a.ipynb", parameters=of_source("size = (1, 2)"), has_cell=True)
        >>> print(injected(known, {"size": (3, 4)}))
        # Parameters
        size = (3, 4)
    """
    lines = ["# Parameters"]
    for name, value in given.items():
        constructor = known.named(name).constructor if value is not None else ""
        lines.append(f"{name} = {values.code(value, constructor=constructor)}")
    return "\n".join(lines)

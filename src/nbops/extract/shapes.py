"""What an object and its parts are, as far as the expression that makes it tells: what may change them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from nbops.extract.foreign import leaves_alone
from nbops.extract.log import Step
from nbops.extract.references import FAR, Reference

Kind = Literal["fixed", "container", "array", "object", "definition", "unknown"]
"""What may change an object: nothing, its own few methods, its methods and arithmetic, any unknown method."""


@dataclass(frozen=True)
class Shape:
    """What an object and its parts are, level by level; the last level goes on for ever unless it is fixed."""

    levels: tuple[Kind, ...] = ()
    shared: frozenset[str] = frozenset()
    """Of a class: attributes that all its instances share and that can be changed."""

    def kind(self, depth: int) -> Kind:
        """What stands at a depth.

        Example:
            >>> Shape(("container",)).kind(1)
            'fixed'
        """
        if depth < len(self.levels):
            return self.levels[depth]
        last = self.levels[-1] if self.levels else "fixed"
        return last if last in {"array", "object", "unknown"} else "fixed"

    def can_change(self, ref: Reference) -> bool:
        """Whether the place that a reference leads to, or anything below it, can be changed at all."""
        if self.levels[:1] == ("definition",) and ref.depth:  # of a function, there is nothing to change inside it
            return len(self.levels) > 1 and (not ref.is_there or ref.attribute in self.shared)
        if ref.depth >= FAR:
            return any(self.kind(depth) != "fixed" for depth in range(ref.depth, len(self.levels) + FAR))
        return any(self.kind(depth) != "fixed" for depth in range(ref.depth, max(len(self.levels), ref.depth + 1)))


_RANK: dict[Kind, int] = {"fixed": 0, "container": 1, "array": 2, "unknown": 3, "object": 4, "definition": 5}
_PLAIN_METHODS = frozenset(
    {"lower", "upper", "strip", "lstrip", "rstrip", "title", "format", "join", "replace", "capitalize", "encode"}
    | {"decode", "isoformat", "strftime", "as_posix", "total_seconds", "zfill"}
)
_FIXED_BUILTINS = frozenset(
    {"bool", "bytes", "chr", "complex", "float", "hex", "int", "len", "ord", "range", "repr", "round", "str", "abs"}
    | {"type", "bin", "oct", "object", "hash"}
)
_COPIES = frozenset({"list", "sorted", "tuple", "reversed", "collections.deque", "copy.copy", "copy.deepcopy"})
_BUILTINS = frozenset(dir(builtins))
_FLAT = frozenset({"set", "frozenset", "collections.Counter", "bytearray", "array.array"})
_FIXED_CALLS = (
    "re.compile", "pathlib.", "collections.namedtuple", "datetime.", "decimal.", "fractions.", "functools.", "math.",
    "operator.", "string.", "typing.", "uuid.", "enum.", "struct.", "os.path.", "logging.", "numpy.dtype",
    "numpy.float", "numpy.int", "pandas.", "torch.device", "textwrap.", "sympy.", "json.dumps", "scipy.stats.",
)  # fmt: skip

Path = Callable[[ast.expr, Step], str | None]
Made = Callable[[str, Step], "Shape | None"]
IsRecord = Callable[[ast.expr, Step], bool]


def shape_of(node: ast.expr, step: Step, path: Path, made: Made, is_record: IsRecord) -> Shape:
    """Tell what an expression makes, level by level.

    Args:
        node: the expression.
        step: the statement it stands in.
        path: dotted path of what an expression names, if it is imported or built in.
        made: shape of what a global name stands for at a statement.
        is_record: whether what is called makes tuples with names.
    """

    def inner(item: ast.expr) -> tuple[Kind, ...]:
        return shape_of(item, step, path, made, is_record).levels

    match node:
        case ast.Constant() | ast.JoinedStr() | ast.Compare() | ast.Lambda():
            return Shape()
        case ast.Attribute(value=owner):  # a method of a text or a pattern, a function of a library
            imported = path(node, step)
            is_fixed = not inner(owner) if imported is None else leaves_alone(imported)
            return Shape() if is_fixed else Shape(("unknown",))
        case ast.UnaryOp(operand=operand):
            return Shape(inner(operand))
        case ast.Tuple(elts=elements):
            parts = _merged(inner(element) for element in elements)
            return Shape(("fixed", *parts)) if parts else Shape()
        case ast.List(elts=elements) | ast.Set(elts=elements):
            return Shape(("container", *_merged(inner(element) for element in elements)))
        case ast.Starred(value=value):
            return Shape(inner(value)[1:])
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return Shape(("container", *_merged(inner(v) if k is not None else inner(v)[1:] for k, v in pairs)))
        case ast.ListComp(elt=element) | ast.SetComp(elt=element) | ast.DictComp(value=element):
            return Shape(("container", *inner(element)))
        case ast.BinOp(left=left, right=right):
            return Shape(_merged([inner(left), inner(right)]))
        case ast.IfExp(body=left, orelse=right):
            return Shape(_merged([inner(left), inner(right)]))
        case ast.BoolOp(values=values):
            return Shape(_merged(inner(value) for value in values))
        case ast.Name():
            is_builtin = path(node, step) in _BUILTINS  # another name for a type: Edge = tuple
            return Shape() if is_builtin else made(node.id, step) or Shape(("unknown",))
        case ast.Call():
            if is_record(node.func, step):
                parts = _merged(inner(given) for given in (*node.args, *(k.value for k in node.keywords)))
                return Shape(("fixed", *parts)) if parts else Shape()
            return _shape_of_call(node, path(node.func, step) or "", inner)
    return Shape(("unknown",))


def _shape_of_call(node: ast.Call, called: str, inner: Callable[[ast.expr], tuple[Kind, ...]]) -> Shape:
    if called in _FIXED_BUILTINS or called.startswith(_FIXED_CALLS):
        return Shape()
    if called in _FLAT or called in {"str.split", "str.splitlines"}:
        return Shape(("container",))
    if called in _COPIES and len(node.args) == 1:
        given = inner(node.args[0])
        return Shape(given if called == "copy.deepcopy" else ("container", *given[1:]))
    if called in {"dict", "collections.OrderedDict"}:
        keywords = [inner(k.value) if k.arg is not None else inner(k.value)[1:] for k in node.keywords]
        return Shape(("container", *_merged([*keywords, *(inner(a)[1:] or ("unknown",) for a in node.args)])))
    if called.startswith(("collections.", "list", "dict", "map", "zip")):
        return Shape(("container", "unknown"))
    if called.startswith(("numpy.", "torch.")):
        return Shape(("array",))
    if isinstance(node.func, ast.Attribute):
        if node.func.attr in {"split", "splitlines", "keys"}:
            return Shape(("container",))
        if node.func.attr in _PLAIN_METHODS:
            return Shape()
        if node.func.attr == "copy" and not node.args:
            return Shape(inner(node.func.value))
    return Shape(("object",))


def _merged(shapes: Iterable[tuple[Kind, ...]]) -> tuple[Kind, ...]:
    merged: list[Kind] = []
    for levels in shapes:
        for depth, kind in enumerate(levels):
            if depth == len(merged):
                merged.append(kind)
            elif _RANK[kind] > _RANK[merged[depth]]:
                merged[depth] = kind
    return tuple(merged)

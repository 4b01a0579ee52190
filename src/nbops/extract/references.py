"""What a name may reach: the objects behind other names, parts of them, and what holds them.

A reference knows look-ups only: which are left until it reaches the object that it came from, and how deep inside that
object it then is. So ``row`` in ``for row in rows`` is one look-up deep inside ``rows``, and ``{"rows": rows}`` has one
left before it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from nbops.extract.log import Step

FAR = 3
"""Look-ups beyond this many are not told apart; a notebook's constants are rarely nested deeper."""

Kind = Literal["fixed", "container", "array", "object", "definition", "unknown"]
"""What may change an object: nothing, its own few methods, its methods and arithmetic, any unknown method."""


@dataclass(frozen=True)
class Reference:
    """One way from a value to the object behind a name."""

    origin: str
    """The name; of a function's parameter with ``@`` before it."""
    path: tuple[str | None, ...] = ()
    """Look-ups until the object is reached, each an attribute's name or None: ``(None,)`` for ``[thing]``."""
    depth: int = 0
    """How deep inside the object that place is: 1 for an item of it."""
    attribute: str | None = None
    """The first look-up inside the object, where it is an attribute."""

    @property
    def is_there(self) -> bool:
        """Whether the value is the object or a part of it, and not something that holds it."""
        return not self.path


References = frozenset[Reference]

NOTHING: References = frozenset()


def part(values: References, attribute: str | None = None) -> References:
    """Give what an item or attribute of a value may reach.

    Example:
        >>> part(frozenset({Reference("rows")}))
        frozenset({Reference(origin='rows', path=(), depth=1, attribute=None)})
    """
    return frozenset(found for ref in values if (found := _part(ref, attribute)) is not None)


def _part(ref: Reference, attribute: str | None) -> Reference | None:
    if not ref.path:
        first = attribute if ref.depth == 0 else ref.attribute
        return replace(ref, depth=min(ref.depth + 1, FAR), attribute=first)
    if attribute is not None and ref.path[0] not in {attribute, None}:
        return None
    if ref.path == (None,) and ref.depth == 1 and ref.attribute is None:  # perhaps an instance
        return Reference(ref.origin) if attribute == "__class__" else replace(ref, path=(), attribute=attribute)
    return replace(ref, path=ref.path[1:])


def held(values: References, attribute: str | None = None) -> References:
    """Give what an object reaches that holds a value, as an item or as an attribute."""
    return frozenset(replace(ref, path=(attribute, *ref.path)[:FAR]) for ref in values)


def instances(values: References) -> References:
    """Give what an instance, or a subclass, of a class reaches: what the class has, but not the class itself."""
    return frozenset(replace(ref, path=(None,), depth=1) for ref in values if ref.is_there and not ref.depth)


def copied(values: References) -> References:
    """Give what a shallow copy reaches: another object with the same parts."""
    return held(part(values))


def anything(values: References) -> References:
    """Give what the answer of an unknown call may reach: its argument, a part of it, something that holds these."""
    parts = values | part(values) | part(part(values))
    return parts | held(parts)


def seen_through(ref: Reference, given: References) -> References:
    """Translate a reference inside a function to what its caller gave."""
    values = given
    for level in range(ref.depth):
        values = part(values, ref.attribute if level == 0 else None)
    if ref.depth == FAR:
        values |= part(values)
    for step in reversed(ref.path):
        values = held(values, step)
    return values


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
        if self.levels[:1] == ("definition",) and ref.depth:
            return ref.attribute is None or ref.attribute in self.shared
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
_FLAT = frozenset({"set", "frozenset", "collections.Counter", "bytearray", "array.array"})
_FIXED_CALLS = (
    "re.compile", "pathlib.", "collections.namedtuple", "datetime.", "decimal.", "fractions.", "functools.", "math.",
    "operator.", "string.", "typing.", "uuid.", "enum.", "struct.", "os.path.", "logging.", "numpy.dtype",
    "numpy.float", "numpy.int", "pandas.", "torch.device", "textwrap.", "sympy.", "json.dumps", "scipy.stats.",
)  # fmt: skip

Path = Callable[[ast.expr, Step], str | None]
Made = Callable[[str, Step], "Shape | None"]


def shape_of(node: ast.expr, step: Step, path: Path, made: Made) -> Shape:
    """Tell what an expression makes, level by level.

    Args:
        node: the expression.
        step: the statement it stands in.
        path: dotted path of what an expression names, if it is imported or built in.
        made: shape of what a global name stands for at a statement.
    """

    def inner(item: ast.expr) -> tuple[Kind, ...]:
        return shape_of(item, step, path, made).levels

    match node:
        case ast.Constant() | ast.JoinedStr() | ast.Compare() | ast.Lambda():
            return Shape()
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
            return made(node.id, step) or Shape(("unknown",))
        case ast.Call():
            return _shape_of_call(node, path(node.func, step) or "", inner)
    return Shape(("unknown",))


def _shape_of_call(node: ast.Call, called: str, inner: Callable[[ast.expr], tuple[Kind, ...]]) -> Shape:
    if called in _FIXED_BUILTINS or called.startswith(_FIXED_CALLS):
        return Shape()
    if called in _FLAT:
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

"""Which global names a statement looks up, and when.

They come from ``symtable`` (right about comprehensions, class bodies, ``global``, defaults and annotations) and
are held against the compiled code, which knows what is dead.
"""

from __future__ import annotations

import ast
import builtins
import dis
import re
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import TYPE_CHECKING

from nbops.quiet import quiet
from nbops.source.bindings import bound_by, bound_in, branches_of, targets_of
from nbops.source.python import magic_code
from nbops.source.trees import DEFINITIONS, arguments_of, own_nodes

if TYPE_CHECKING:
    from nbops.source.names import Unit

_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})


@dataclass(frozen=True)
class Reads:
    """Global names a statement looks up."""

    now: frozenset[str] = frozenset()
    """While it runs: decorators, defaults, bases, class bodies, the expression itself."""
    later: frozenset[str] = frozenset()
    """When a function in it is called."""
    soft: frozenset[str] = frozenset()
    """Only in dead code and in annotations that are never evaluated."""
    written: frozenset[str] = frozenset()
    """Names that functions in it set through ``global``."""
    perhaps: frozenset[str] = frozenset()
    """Those of ``now`` that only its functions look up, which it may call at once or hand to somebody for later."""
    walrus: frozenset[str] = frozenset()
    """Names bound by ``:=`` and other places that only the symbol table sees."""


def reads_of(unit: Unit) -> Reads:
    seen = _seen_in(unit)
    if seen is None:
        return _reads_of_tree(unit.node)
    is_definition = unit.is_lambda or isinstance(unit.node, DEFINITIONS)
    seen.now -= (bound_in([unit.node])[0] | seen.top) - _read_before_bound(unit.node)
    perhaps: set[str] = set() if is_definition else seen.later - seen.now
    seen.now |= perhaps  # a lambda handed to a call may run at once
    # The text tells at once that most statements have none of these, and walking a tree is what costs here.
    queried = _names_in_queries(unit.node) if "@" in unit.bare else set()
    if is_definition and ("eval(" in unit.bare or "exec(" in unit.bare):
        queried |= looked_up_by_text(unit.node)[0]
    seen.later |= queried
    alive = _looked_up(unit)
    everything = seen.now | seen.later
    dead = set() if alive is None else everything - alive - queried
    if "get_ipython" in unit.bare:
        seen.now |= _names_in_magics(unit.node)
    soft = dead | (_names_in_unread_annotations(unit) - (everything - dead))
    return Reads(
        frozenset(seen.now - dead),
        frozenset(seen.later - dead),
        frozenset(soft - unit.surely_binds if is_definition else soft),
        frozenset(seen.written),
        frozenset(perhaps - dead),
        frozenset(seen.top),
    )


def _seen_in(unit: Unit) -> _Seen | None:
    """What the symbol table says of a statement; None where only its whole cell can be compiled."""
    # Under the future statement annotations are never evaluated, and the symbol table leaves them out.
    future = "from __future__ import annotations\n" if unit.future else ""
    with quiet():
        try:
            table = symtable.symtable(future + unit.bare, "<unit>", "exec")
        except (SyntaxError, ValueError, RecursionError):
            return None
    seen = _Seen()
    first_read = _read_first_in_classes(unit.node) if "class " in unit.bare else set()
    _scan(table, seen, in_function=False, read_before_bound=first_read)
    if unit.future and "annotations" not in unit.bare:
        seen.top.discard("annotations")  # bound by the line put before it
    _add_augmented(unit.node, seen)
    return seen


@dataclass
class _Seen:
    now: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    top: set[str] = field(default_factory=set)


def _add_augmented(node: ast.stmt, seen: _Seen) -> None:
    """``x += 1`` looks x up, which the symbol table does not say."""
    own = {id(part) for part in own_nodes(node)}
    in_classes = {id(part) for owner in ast.walk(node) if isinstance(owner, ast.ClassDef) for part in ast.walk(owner)}
    for part in ast.walk(node):
        if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name):
            if id(part) not in own:
                seen.later |= {part.target.id} & seen.written
            elif id(part) not in in_classes:
                seen.now.add(part.target.id)


_COMPOUND = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)


def _read_before_bound(node: ast.stmt) -> set[str]:
    """Names that a statement reads, or may read, before it binds them itself."""
    found: set[str] = set()
    if isinstance(node, _COMPOUND):
        _follow_bindings([node], set(), found)
    else:
        found |= _loaded(node)
    return found


def _follow_bindings(statements: Iterable[ast.stmt], bound: set[str], found: set[str]) -> set[str]:
    for statement in statements:
        if not isinstance(statement, _COMPOUND):
            found |= _loaded(statement) - bound
            bound = bound | bound_by(statement)[1]
            continue
        blocks = branches_of(statement)
        inside = {id(part) for block in blocks for inner in block for part in ast.walk(inner)}
        for part in ast.walk(statement):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and id(part) not in inside:
                found |= {part.id} - bound
        after = bound | targets_of(statement)
        for block in blocks:
            _follow_bindings(block, after, found)
        bound = bound | bound_by(statement)[1]
    return bound


def _loaded(node: ast.AST) -> set[str]:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        names.add(node.target.id)
    return names


def _scan(table: symtable.SymbolTable, seen: _Seen, *, in_function: bool, read_before_bound: set[str]) -> None:
    kind = str(table.get_type())
    if kind in {"function", "SymbolTableType.FUNCTION"} and table.get_name() not in _COMPREHENSIONS:
        in_function = True
    reads = seen.later if in_function else seen.now
    is_top, is_class = table.get_type() == "module", table.get_type() == "class"
    for symbol in table.get_symbols():
        name = symbol.get_name()
        if is_top:
            if symbol.is_assigned() or symbol.is_imported():
                seen.top.add(name)
            if symbol.is_referenced():
                reads.add(name)
            continue
        if symbol.is_global():
            if symbol.is_referenced():
                reads.add(name)
            if symbol.is_declared_global() and (symbol.is_assigned() or symbol.is_imported()):
                (seen.written if in_function else seen.top).add(name)
        elif is_class and symbol.is_referenced() and symbol.is_local() and name in read_before_bound:
            reads.add(name)
    for child in table.get_children():
        _scan(child, seen, in_function=in_function, read_before_bound=read_before_bound)


def _read_first_in_classes(node: ast.stmt) -> set[str]:
    """Names that a class body reads before it binds them itself, as in ``size = size``: these are global."""
    names: set[str] = set()
    for owner in ast.walk(node) if isinstance(node, (*DEFINITIONS, ast.If, ast.Try)) else ():
        if not isinstance(owner, ast.ClassDef):
            continue
        bound: set[str] = set()
        for statement in owner.body:
            for part in own_nodes(statement):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and part.id not in bound:
                    names.add(part.id)
            bound |= bound_by(statement)[0]
    return names


def _looked_up(unit: Unit) -> set[str] | None:
    """Names the compiled code looks up; where nothing can be dead, every name it mentions will do and is quicker."""
    if unit.code is None:
        return None
    exact = _may_have_dead_code(unit.node)
    names: set[str] = set()
    for code in all_code(unit.code):
        if exact:
            names.update(global_lookups(code))
        else:
            names.update(code.co_names)
    return names


def all_code(code: CodeType) -> Iterator[CodeType]:
    """Walk a code object and every code object inside it."""
    stack = [code]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(const for const in current.co_consts if isinstance(const, CodeType))


def global_lookups(code: CodeType) -> set[str]:
    """Names that this code object itself loads from the module or the builtins.

    Example:
        >>> sorted(global_lookups(compile("len(rows)", "<example>", "eval")))
        ['len', 'rows']
    """
    return {
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
    }


def _may_have_dead_code(node: ast.stmt) -> bool:
    for part in ast.walk(node):
        if isinstance(part, (ast.If, ast.While, ast.IfExp)) and isinstance(part.test, ast.Constant):
            return True
        for name in ("body", "orelse", "finalbody"):
            block = getattr(part, name, None)
            if isinstance(block, list) and any(
                isinstance(statement, (ast.Return, ast.Raise, ast.Break, ast.Continue)) for statement in block[:-1]
            ):
                return True
    return False


def _reads_of_tree(node: ast.stmt) -> Reads:
    """Every name the statement mentions, for the few that only compile inside their cell (``await`` at the top)."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
    return Reads(frozenset(names), frozenset(names))


def _names_in_unread_annotations(unit: Unit) -> set[str]:
    """Names in annotations that are kept as text: those in quotes, and all of them under the future statement."""
    names: set[str] = set()
    for annotation in _annotations(unit.node):
        for part in ast.walk(annotation):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                names |= _names_of_expression(part.value)
            elif unit.future and isinstance(part, ast.Name):
                names.add(part.id)
    return {name for name in names if not hasattr(builtins, name)}


def _names_in_queries(node: ast.stmt) -> set[str]:
    """``@name`` in pandas' ``df.query("age > @limit")``, which looks the name up where it is called."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in {"query", "eval"}:
            for text in [p.value for a in part.args for p in ast.walk(a) if isinstance(p, ast.Constant)]:
                found.update(re.findall(r"@([^\W\d]\w*)", text) if isinstance(text, str) else ())
    if found:
        found -= _stored(node)
    return found


def _names_in_magics(node: ast.stmt) -> set[str]:
    """Names in the code that magics run, such as that below ``%%timeit``."""
    codes = [code for part in own_nodes(node) if (code := magic_code(part)) is not None]
    return {
        part.id
        for code in codes
        for statement in code.body
        for part in ast.walk(statement)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }


def looked_up_by_text(node: ast.stmt) -> tuple[set[str], bool]:
    """Names that a function's ``eval`` and ``exec`` of literal texts look up, and whether there are other texts too.

    Example:
        >>> names, is_computed = looked_up_by_text(ast.parse("def f(x): return eval('x + rate')").body[0])
        >>> sorted(names), is_computed
        (['rate'], False)
    """
    own = _stored(node)
    called = [part for part in ast.walk(node) if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)]
    names: set[str] = set()
    is_computed = False
    for call in called:
        if isinstance(call.func, ast.Name) and call.func.id in {"eval", "exec"}:
            text = call.args[0] if call.args else None
            tree = _parsed(text.value) if isinstance(text, ast.Constant) and isinstance(text.value, str) else None
            is_computed |= tree is None
            names |= _loaded(tree) - _stored(tree) if tree is not None else set()
    return names - own, is_computed


def _stored(node: ast.AST) -> set[str]:
    stores = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return stores | {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text.strip())
    except (SyntaxError, ValueError):
        return None  # it fails in the notebook too


def taken_from_globals(node: ast.stmt) -> tuple[set[str], bool]:
    """Names that a statement takes from ``globals()`` by a literal key, and whether it uses that in another way too.

    Example:
        >>> taken_from_globals(ast.parse("def f(): return globals()['rate'], globals().get('rate')").body[0])
        ({'rate'}, False)
        >>> taken_from_globals(ast.parse("def f(name): return globals()[name]").body[0])
        (set(), True)
    """
    tables = {id(part) for part in ast.walk(node) if _is_globals(part)}
    names: set[str] = set()
    for part in ast.walk(node):
        match part:
            case (
                ast.Subscript(value=table, slice=ast.Constant(value=str(name)))
                | ast.Call(func=ast.Attribute(value=table, attr="get"), args=[ast.Constant(value=str(name)), *_])
                | ast.Compare(left=ast.Constant(value=str(name)), ops=[ast.In() | ast.NotIn()], comparators=[table])
            ) if id(table) in tables:
                names.add(name)
                tables.discard(id(table))
    return names, bool(tables)


def _is_globals(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "globals"


def _annotations(node: ast.stmt) -> Iterator[ast.expr]:
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if part.returns is not None:
                yield part.returns
            yield from (arg.annotation for arg in arguments_of(part.args) if arg.annotation is not None)
        elif isinstance(part, ast.AnnAssign):
            yield part.annotation


def _names_of_expression(text: str) -> set[str]:
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return set()  # Literal["any text"] and the like
    if not all(
        isinstance(part, (ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List, ast.BinOp, ast.Constant))
        or not isinstance(part, ast.expr)
        for part in ast.walk(tree)
    ):
        return set()
    return {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}

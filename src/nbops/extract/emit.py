"""Write the module's text from the statements it needs: same statements, same bytes."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Mapping

from nbops.extract.log import Step
from nbops.extract.needs import Closure, Imported

_HEADER = (
    '"""{title}, taken from a notebook by nbops.\n\n'
    'Edits made here are noticed: `nbops modules`, `nbops pull {module}`.\n"""\n'
)


def ordered(closure: Closure, rank: Mapping[str, int] | None = None) -> list[Step]:
    """Return the statements in the order they ran, with statements that were run again unchanged taken once.

    Args:
        closure: what the module is made of.
        rank: place of names and texts in the module's version before; they stay there as far as running allows.

    Returns:
        Steps in an order that imports cleanly.
    """
    kept = _without_repeats(sorted(closure.steps, key=lambda step: step.position))
    places = {step: _place(step, rank or {}) for step in kept}
    order_matters = _Order(kept)
    waiting = {step: {other for other in kept[:i] if order_matters(other, step)} for i, step in enumerate(kept)}
    for step in kept:
        # What is carried over from the version before may need what was exported anew, such as its base class.
        if step.position < 0:
            needed = {o for o in kept if o.position >= 0 and o.unit.binds & step.unit.reads.now}
            for other in needed:
                waiting[other].discard(step)
            waiting[step] |= needed
    order: list[Step] = []
    while waiting:
        free = [step for step, before in waiting.items() if not before] or list(waiting)
        first = min(free, key=lambda step: places[step])
        order.append(first)
        del waiting[first]
        for before in waiting.values():
            before.discard(first)
    return order


def _place(step: Step, rank: Mapping[str, int]) -> tuple[float, int]:
    keys = step.unit.binds or {step.unit.bare}
    return min((rank[key] for key in keys if key in rank), default=float("inf")), step.position


class _Order:
    """Tells whether a statement has to stay before a later one."""

    def __init__(self, steps: list[Step]) -> None:
        kinds = {"function", "class"}
        self.objects = frozenset().union(*(s.unit.binds for s in steps if s.unit.kind not in kinds))
        self.definitions = frozenset().union(*(s.unit.binds for s in steps if s.unit.kind in kinds))
        self._made = {step: _makes(step) | self._handed_over(step) for step in steps}
        self._running = {step for step in steps if step.unit.kind in {"value", "effect"}}
        self._reaching = {step for step in self._running if self.may_reach_anything(step)}

    def __call__(self, first: Step, second: Step) -> bool:
        made, made_later = self._made[first], self._made[second]
        if made & (second.unit.reads.now | made_later) or first.unit.reads.now & made_later:
            return True
        both_run = first in self._running and second in self._running
        return both_run and not self._reaching.isdisjoint((first, second))

    def _handed_over(self, step: Step) -> frozenset[str]:
        return frozenset(touch.name for touch in step.unit.touches) & self.objects

    def may_reach_anything(self, step: Step) -> bool:
        """Whether it stands there for what it changes, or calls a function of the notebook."""
        return step.unit.kind == "effect" or bool(step.unit.reads.now & self.definitions)


def _makes(step: Step) -> frozenset[str]:
    changed = {t.name for t in step.unit.touches if t.how != "passed" and t.detail != "__call__"}
    return step.unit.binds | changed


def _without_repeats(steps: list[Step]) -> list[Step]:
    """Leave out statements that were run again and made the same again.

    What can be changed is made twice where something has looked at the first, and may hold it.
    """
    order = _Order(steps)
    changed: dict[str, int] = {}
    looked_at: dict[str, int] = {}
    latest: dict[str, tuple[str, int]] = {}
    kept: list[Step] = []
    for place, step in enumerate(steps):
        unit = step.unit
        is_again = unit.kind in {"function", "class", "value"} and all(
            latest.get(name, ("", -1))[0] == unit.bare
            and not any(changed.get(read, -1) > latest[name][1] for read in unit.reads.now)
            and (looked_at.get(name, -1) <= latest[name][1] or _cannot_change(unit.node))
            for name in unit.binds
        )
        if is_again:
            continue
        kept.append(step)
        looked_at.update(dict.fromkeys(unit.reads.now, place))
        if unit.kind in {"value", "effect"} and order.may_reach_anything(step):
            changed.update(dict.fromkeys(order.objects, place))
            latest = {name: made for name, made in latest.items() if name not in order.objects}
        for name in _makes(step):
            latest[name] = (unit.bare if name in unit.binds else "", place)
            changed[name] = place
    return kept


def _cannot_change(node: ast.stmt) -> bool:
    """Whether a statement defines something, or gives a name a number, a text or a tuple of these."""
    value = getattr(node, "value", None)
    plain = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.BinOp, ast.JoinedStr, ast.Attribute, ast.Name, ast.Lambda)
    return value is None or (isinstance(value, plain) and all(isinstance(p, plain) for p in _parts(value)))


def _parts(node: ast.expr) -> list[ast.AST]:
    if isinstance(node, (ast.JoinedStr, ast.Lambda)):
        return []
    inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return [*inner, *(part for child in inner for part in _parts(child))]


def module_text(
    module: str,
    closure: Closure,
    steps: list[Step],
    *,
    texts: Mapping[Step, str] | None = None,
    extra_imports: list[str] | None = None,
    preamble: str = "",
    header: str | None = None,
) -> str:
    """Write a module.

    Args:
        module: its dotted name, for the header.
        closure: what it is made of.
        steps: its statements in order.
        texts: statements whose text was rewritten (data that became a parameter).
        extra_imports: further import statements.
        preamble: code that stands between imports and definitions.
        header: the module's docstring; the usual one when not given.

    Returns:
        The source, ended by one newline.
    """
    hoisted, placed = _split_imports(closure, steps)
    parts = [_HEADER.format(title=module, module=module) if header is None else f'"""{header}"""\n']
    if any(step.unit.future and _has_annotations(step) for step in steps):
        parts.append("from __future__ import annotations\n")
    lines = sorted({i.alias.statement() for i in hoisted} | set(extra_imports or []), key=_import_order)
    if lines:
        parts.append(_grouped(lines))
    if preamble:
        parts.append("\n" + preamble.strip("\n") + "\n")
    parts.append(_body(steps, placed, texts or {}))
    return "\n".join(part for part in parts if part).rstrip("\n") + "\n"


def _split_imports(closure: Closure, steps: list[Step]) -> tuple[list[Imported], list[Imported]]:
    """Imports go to the top, except those of names that also stand for something else in this module."""
    bound: dict[str, set[str]] = defaultdict(set)
    for step in steps:
        for name in step.unit.binds:
            bound[name].add("statement")
    for imported in closure.imports.values():
        bound[imported.alias.bound].add(imported.alias.target)
    every = sorted(closure.imports.values(), key=lambda i: i.position)
    hoisted = [i for i in every if len(bound[i.alias.bound]) == 1]
    return hoisted, [i for i in every if len(bound[i.alias.bound]) > 1]


def _has_annotations(step: Step) -> bool:
    return any(
        isinstance(node, ast.AnnAssign) or getattr(node, "annotation", None) or getattr(node, "returns", None)
        for node in ast.walk(step.unit.node)
    )


def _import_order(line: str) -> tuple[int, int, str]:
    module = line.split()[1]
    is_own = module.partition(".")[0] not in sys.stdlib_module_names
    return (int(is_own), int(line.startswith("from ")), line.lower())


def _grouped(lines: list[str]) -> str:
    standard = [line for line in lines if _import_order(line)[0] == 0]
    others = [line for line in lines if _import_order(line)[0] == 1]
    return "\n\n".join("\n".join(group) for group in (standard, others) if group) + "\n"


def _body(steps: list[Step], placed: list[Imported], texts: Mapping[Step, str]) -> str:
    blocks: list[tuple[bool, str]] = []
    waiting = sorted(placed, key=lambda imported: imported.position)
    for step in steps:
        while waiting and waiting[0].position < step.position:
            blocks.append((False, waiting.pop(0).alias.statement()))
        is_definition = step.unit.kind in {"function", "class"} and not step.unit.is_lambda
        blocks.append((is_definition, texts.get(step, step.unit.text)))
    blocks += [(False, imported.alias.statement()) for imported in waiting]
    text = ""
    was_definition = False
    for is_definition, block in blocks:
        if text:
            text += "\n\n" if is_definition or was_definition else ""
        else:
            text += "\n" if is_definition else ""
        text += block.rstrip("\n") + "\n"
        was_definition = is_definition
    return text


def imported_modules(source: str) -> list[str]:
    """List the top-level modules that a text imports, but for Python's own.

    Example:
        >>> imported_modules("import os, numpy.linalg")
        ['numpy']
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    return sorted(names - sys.stdlib_module_names)

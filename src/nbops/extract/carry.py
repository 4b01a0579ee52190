"""Data that functions read from the notebook: made a keyword parameter, or kept by hash and loaded when first needed.

The text is rewritten with libcst, which leaves every other character as it was typed.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import pprint
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from nbops.errors import ExtractError
from nbops.extract.files import write
from nbops.extract.log import Step
from nbops.extract.main_objects import main_objects
from nbops.extract.needs import Blocker, Closure
from nbops.optional import need
from nbops.source import analyse
from nbops.source.trees import used_as_value

if TYPE_CHECKING:
    import libcst

PIN_LIMIT_BYTES = 200_000_000
"""A pin larger than this is a data set, and belongs beside the code, not into it."""


@dataclass
class Carried:
    """What carrying data adds to a module."""

    texts: dict[Step, str] = field(default_factory=dict)
    preamble: str = ""
    imports: list[str] = field(default_factory=list)
    pins: dict[str, str] = field(default_factory=dict)
    """Pinned name → sha256 of its artifact."""
    artifacts: dict[str, bytes] = field(default_factory=dict)
    """sha256 → bytes."""


def carry(
    closure: Closure, parameters: Sequence[str], pins: Sequence[str], namespace: Mapping[str, object] | None
) -> Carried:
    """Rewrite the functions that read the given data.

    Args:
        closure: the statements; what cannot be rewritten honestly is added to its blockers.
        parameters: data that becomes a keyword parameter without a default.
        pins: data that is kept by hash.
        namespace: the live objects, which pins are taken from.

    Returns:
        New texts, the loader of pins and their artifacts.
    """
    carried = Carried()
    wanted = {name: steps for name, steps in closure.cut.items() if name in set(parameters)}
    if wanted:
        _Threading(closure, carried).run(wanted)
    loaded = [name for name in pins if name in closure.cut]
    if loaded and namespace is not None:
        _pin(loaded, closure, carried, namespace)
    return carried


# Parameters.


class _Threading:
    """Gives a parameter to the functions that read it, and hands it on wherever these are called."""

    def __init__(self, closure: Closure, carried: Carried) -> None:
        self.closure = closure
        self.carried = carried
        self.functions = {
            name: step for step in closure.steps if step.unit.kind == "function" for name in step.unit.binds
        }

    def run(self, wanted: Mapping[str, set[Step]]) -> None:
        needed: dict[Step, set[str]] = {}
        for name, steps in wanted.items():
            for step in steps:
                needed.setdefault(step, set()).add(name)
        self._spread(needed)
        by_name = {n: needed[s] for n, s in self.functions.items() if s in needed}
        for step, names in needed.items():
            if self._may_take(step, names):
                text = self.carried.texts.get(step, step.unit.text)
                self.carried.texts[step] = _with_parameters(text, step, names, by_name)
        self._refuse_values(by_name)

    def _spread(self, needed: dict[Step, set[str]]) -> None:
        """Whoever calls a function that takes the data has to take it too."""
        grown = True
        while grown:
            grown = False
            taking = {n: needed[s] for n, s in self.functions.items() if s in needed}
            for step in self.closure.steps:
                called = step.unit.reads.later & taking.keys()
                more = set().union(*(taking[name] for name in called)) - needed.get(step, set())
                if more:
                    needed.setdefault(step, set()).update(more)
                    grown = True

    def _may_take(self, step: Step, names: set[str]) -> bool:
        reason = None
        listed = ", ".join(sorted(names))
        if step.unit.kind != "function":
            reason = "is not a function, so it has nowhere to take a parameter"
        elif names & step.unit.reads.written:
            reason = f"sets {listed} through `global`"
        elif names & set(_arguments_of(step)):
            reason = f"has a parameter of the name {listed} already"
        if reason is not None:
            name = next(iter(sorted(step.unit.binds)), step.unit.bare[:40])
            self.closure.block(
                Blocker(
                    name=listed, kind="unsupported", cell=step.cell.label, needed_by=name,
                    reason=f"cannot be a parameter: {name} {reason}", cures=[f"--pin {n}" for n in sorted(names)],
                )
            )  # fmt: skip
        return reason is None

    def _refuse_values(self, taking: Mapping[str, set[str]]) -> None:
        """A function that is handed around cannot be handed its data."""
        for step in self.closure.steps:
            for name in used_as_value(step.unit.node) & taking.keys():
                data = ", ".join(sorted(taking[name]))
                self.closure.block(
                    Blocker(
                        name=data, kind="unsupported", cell=step.cell.label, needed_by=name,
                        reason=f"cannot be a parameter: {name} is not only called, but handed on as a value",
                        cures=[f"--pin {n}" for n in sorted(taking[name])],
                    )
                )  # fmt: skip


def _arguments_of(step: Step) -> list[str]:
    node = step.unit.node
    function = node.value if isinstance(node, ast.Assign) else node
    arguments = getattr(function, "args", None)
    if not isinstance(arguments, ast.arguments):
        return []
    extra = [arg.arg for arg in (arguments.vararg, arguments.kwarg) if arg is not None]
    return [arg.arg for arg in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)] + extra


def _with_parameters(text: str, step: Step, names: set[str], taking: Mapping[str, set[str]]) -> str:
    cst = need("libcst", to="rewrite a function's signature")
    changed = _parsed(cst, text).visit(_rewriter()(sorted(names), taking))
    return str(changed.code)


def _parsed(cst: ModuleType, text: str) -> libcst.Module:
    try:
        module: libcst.Module = cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise ExtractError(f"libcst cannot rewrite this definition: {error.message}\n{text}") from error
    return module


@cache
def _rewriter() -> Callable[[list[str], Mapping[str, set[str]]], libcst.CSTTransformer]:
    # Made on the first use: libcst is heavy, and its base class is needed to define ours.
    import libcst as cst

    class Rewriter(cst.CSTTransformer):
        def __init__(self, names: list[str], taking: Mapping[str, set[str]]) -> None:
            super().__init__()
            self.names = names
            self.taking = taking
            self.depth = 0

        def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
            self.depth += 1

        def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
            self.depth -= 1
            if self.depth:
                return updated_node
            return updated_node.with_changes(params=self._with_names(updated_node.params))

        def visit_Lambda(self, node: cst.Lambda) -> None:
            self.depth += 1

        def leave_Lambda(self, original_node: cst.Lambda, updated_node: cst.Lambda) -> cst.Lambda:
            self.depth -= 1
            if self.depth:
                return updated_node
            spaced = updated_node.with_changes(whitespace_after_lambda=cst.SimpleWhitespace(" "))
            return spaced.with_changes(params=self._with_names(updated_node.params))

        def _with_names(self, parameters: cst.Parameters) -> cst.Parameters:
            added = [cst.Param(cst.Name(name), star="") for name in self.names]
            has_star = isinstance(parameters.star_arg, cst.Param) or bool(parameters.kwonly_params)
            star = parameters.star_arg if has_star else cst.ParamStar()
            last = parameters.kwonly_params[-1:]
            before = [p.with_changes(comma=cst.MaybeSentinel.DEFAULT) for p in last]
            return parameters.with_changes(
                star_arg=star, kwonly_params=[*parameters.kwonly_params[: -len(last) or None], *before, *added]
            )

        def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
            name = updated_node.func.value if isinstance(updated_node.func, cst.Name) else None
            if name is None or name not in self.taking or not self.depth:
                return updated_node
            equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
            added = [cst.Arg(cst.Name(n), keyword=cst.Name(n), equal=equal) for n in sorted(self.taking[name])]
            given = list(updated_node.args)
            if given and isinstance(given[-1].comma, cst.MaybeSentinel):
                given[-1] = given[-1].with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
            return updated_node.with_changes(args=[*given, *added])

    return Rewriter


# Pins.

_LOADER = '''
@functools.cache
def _pinned(digest):
    """Load what the notebook pinned under this sha256, once, when it is first needed."""
    import hashlib
    import io
    import pathlib

    import joblib

    file = pathlib.Path(__file__).resolve().parent / "_pins" / f"{digest}.joblib"
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(f"{file} is not what was pinned: its sha256 differs from its name")
    return joblib.load(io.BytesIO(data))
'''


def _pin(names: Sequence[str], closure: Closure, carried: Carried, namespace: Mapping[str, object]) -> None:
    """Keep live values: what can be written as a literal is written, the rest becomes an artifact."""
    literals: dict[str, str] = {}
    for name in names:
        text = _as_literal(namespace[name])
        if text is not None:
            literals[name] = text
            continue
        try:
            data = stable_bytes(namespace[name])
        except Exception as error:  # noqa: BLE001 # a user's object may raise anything while it is pickled
            closure.block(
                Blocker(name=name, kind="data", reason=f"cannot be pinned: {error}", cures=[f"--parameter {name}"])
            )
            continue
        problem = _why_not_kept(namespace[name], data)
        if problem is not None:
            reason = f"cannot be pinned: {problem}"
            closure.block(Blocker(name=name, kind="data", reason=reason, cures=[f"--parameter {name}"]))
            continue
        digest = hashlib.sha256(data).hexdigest()
        carried.pins[name] = digest
        carried.artifacts[digest] = data
    lines = [f"{name} = {text}" for name, text in sorted(literals.items())]
    if carried.pins:
        carried.imports.append("import functools")
        lines.append(_LOADER)
        _read_from_pins(closure, carried)
    carried.preamble = "\n\n".join(line.strip("\n") for line in lines)


def _why_not_kept(value: object, data: bytes) -> str | None:
    """Why the bytes of a value are of no use to a module; None where they are."""
    if len(data) > PIN_LIMIT_BYTES:
        return f"{len(data):,} bytes are more than the limit of {PIN_LIMIT_BYTES:,}"
    # Looking for them pickles it again, which is dear for a table.
    found = main_objects(value) if b"__main__" in data else []
    if not found:
        return None
    names = ", ".join(sorted(str(getattr(owner, "__qualname__", owner)) for owner in found))
    return f"it holds {names} of the notebook, which a pickle finds by name, and in this session alone"


def _as_literal(value: object) -> str | None:
    """Text that makes a small plain value again; None for what a person would not want to read in a module."""
    text = pprint.pformat(value, width=100, compact=True, sort_dicts=False)
    if len(text) > 2000:
        return None
    try:
        again = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return text if type(again) is type(value) and repr(again) == repr(value) else None


def stable_bytes(value: object) -> bytes:
    """Dump a value so that equal values give equal bytes.

    The first dump depends on which equal parts happen to be one object; a value that was loaded again does not.
    """
    joblib = need("joblib", to="pin a value")
    for _ in range(2):
        buffer = io.BytesIO()
        joblib.dump(value, buffer)
        value = joblib.load(io.BytesIO(buffer.getvalue()))
    buffer = io.BytesIO()
    joblib.dump(value, buffer)
    return buffer.getvalue()


def _read_from_pins(closure: Closure, carried: Carried) -> None:
    wanted: dict[Step, list[str]] = {}
    for name in carried.pins:
        for step in closure.cut[name]:
            wanted.setdefault(step, []).append(name)
    for step, names in wanted.items():
        clash = set(names) & step.unit.reads.written
        if clash:
            closure.block(
                Blocker(
                    name=min(clash), kind="unsupported", cell=step.cell.label,
                    reason="cannot be pinned: a function sets it through `global`", needed_by=_name_of(step),
                )
            )  # fmt: skip
            continue
        lookups = {name: f'_pinned("{carried.pins[name]}")' for name in sorted(names)}
        carried.texts[step] = _with_lookups(carried.texts.get(step, step.unit.text), step, lookups)


def _name_of(step: Step) -> str:
    return next(iter(sorted(step.unit.binds)), step.unit.bare[:40])


def _with_lookups(text: str, step: Step, lookups: Mapping[str, str]) -> str:
    """Begin each outermost function that reads a pinned name with the line that fetches it."""
    cst = need("libcst", to="rewrite a function's body")
    changed = _parsed(cst, text).visit(_fetcher()(lookups))
    return str(changed.code)


@cache
def _fetcher() -> Callable[[Mapping[str, str]], libcst.CSTTransformer]:
    import libcst as cst

    class Fetcher(cst.CSTTransformer):
        def __init__(self, lookups: Mapping[str, str]) -> None:
            super().__init__()
            self.lookups = lookups
            self.depth = 0

        def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
            self.depth += 1

        def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
            self.depth -= 1
            names = [] if self.depth else _mentioned(cst.Module([original_node]).code, self.lookups)
            if not names:
                return updated_node
            fetch = [cst.parse_statement(f"{name} = {self.lookups[name]}") for name in names]
            body = updated_node.body
            if isinstance(body, cst.SimpleStatementSuite):
                simple = cst.SimpleStatementLine(body=body.body)
                return updated_node.with_changes(body=cst.IndentedBlock([*fetch, simple]))
            statements = list(body.body)
            place = 1 if original_node.get_docstring() is not None else 0
            return updated_node.with_changes(
                body=body.with_changes(body=[*statements[:place], *fetch, *statements[place:]])
            )

        def visit_Lambda(self, node: cst.Lambda) -> None:
            self.depth += 1

        def leave_Lambda(self, original_node: cst.Lambda, updated_node: cst.Lambda) -> cst.BaseExpression:
            self.depth -= 1
            names = [] if self.depth else _mentioned(cst.Module([]).code_for_node(original_node), self.lookups)
            if not names:
                return updated_node
            values = ", ".join(self.lookups[name] for name in names)
            inner = cst.Module([]).code_for_node(updated_node.body)
            body = cst.parse_expression(f"(lambda {', '.join(names)}: {inner})({values})")
            return updated_node.with_changes(body=body)

    return Fetcher


def _mentioned(text: str, names: Mapping[str, str]) -> list[str]:
    """Pinned names that a function reads as globals."""
    reads: set[str] = set()
    for unit in analyse(text).units:
        reads |= unit.reads.later
    return [name for name in sorted(names) if name in reads]


@contextlib.contextmanager
def written_artifacts(folder: Path, artifacts: Mapping[str, bytes]) -> Iterator[None]:
    """Put pinned bytes beside the module, each under its hash; take the new ones back when the block fails."""
    new: list[Path] = []
    try:
        for digest, data in sorted(artifacts.items()):
            path = folder / "_pins" / f"{digest}.joblib"
            if not path.is_file():
                new.append(path)
                write(path, data)
        yield
    except BaseException:
        for path in new:
            path.unlink(missing_ok=True)
        raise

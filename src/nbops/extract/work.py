"""What running a statement or a function does that a module may not do when it is imported."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from nbops.extract.foreign import IN_PLACE_METHODS
from nbops.extract.harmless import ENVIRONMENT, QUIET_CONTEXTS, SAFE_METHODS, is_pure_path
from nbops.extract.log import Step
from nbops.source.touches import MUTATORS
from nbops.source.trees import dotted_name, root_name

if TYPE_CHECKING:
    from nbops.extract.purity import Judge

_TELLING = frozenset({"print", "warnings.warn", "warn"})
_QUIET_METHODS = SAFE_METHODS | MUTATORS | IN_PLACE_METHODS
"""Methods that do nothing but to the object that they are called on."""


class Work:
    """Walks one statement or function body; ``local`` holds the names of the function being read."""

    def __init__(
        self, judge: Judge, step: Step, local: dict[str, ast.AST | None], *, owner: Step | None = None
    ) -> None:
        self.judge = judge
        self.step = step
        self.local = local
        self.owner = owner
        """The class of the object that a method was called on."""
        self.itself = ""
        """What the method calls that object."""
        self._is_at_top = not local
        self.imported: dict[str, str] = {}
        """Names that an ``if`` or ``try`` at the top has imported so far → dotted path."""

    # Statements: each returns the first objection.

    def statement(self, node: ast.stmt) -> str | None:
        match node:
            case ast.Assign(targets=targets, value=value):
                return self._setting(targets) or self.first(value, *targets)
            case ast.AnnAssign(target=target, value=value):
                return self.first(target, *([value] if value else []))
            case ast.AugAssign(target=target, value=value):
                return self.first(target, value)
            case ast.Expr(value=value):
                return self._expression_statement(value)
            case ast.If(test=test):
                return self.first(test) or self.block(node.body) or self.block(node.orelse)
            case ast.For(target=target, iter=iterable):
                self._bind(target, iterable)
                return self.first(iterable) or self.block(node.body) or self.block(node.orelse)
            case ast.While(test=test):
                return self.first(test) or self.block(node.body) or self.block(node.orelse)
            case ast.Try() | ast.TryStar():
                return self._try(node)
            case ast.With():
                return self._with(node)
            case ast.Match(subject=subject):
                return self.first(subject) or self._cases(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.local[node.name] = node
                return None
            case ast.Return(value=value):
                return self.first(value) if value else None
            case ast.Raise(exc=value):
                return self.first(value) if value else None
            case ast.Assert(test=test):
                return self.first(test)
            case ast.Delete(targets=targets):
                return self.first(*targets)
            case ast.Global(names=names):
                return f"sets the global {names[0]}"
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Break() | ast.Continue() | ast.Nonlocal():
                self._import(node)
                return None
        return f"runs `{_short(node)}`"

    def _import(self, node: ast.stmt) -> None:
        for alias in getattr(node, "names", []):
            if not isinstance(alias, ast.alias):
                continue  # of `nonlocal`
            bound = alias.asname or alias.name.partition(".")[0]
            if not self._is_at_top:
                self.local[bound] = None
            elif isinstance(node, ast.ImportFrom):
                self.imported[bound] = f"{node.module}.{alias.name}"
            else:
                self.imported[bound] = alias.name if alias.asname else bound

    def _setting(self, targets: list[ast.expr]) -> str | None:
        """Say so where what was just imported is told something."""
        told = [t for t in targets if isinstance(t, (ast.Attribute, ast.Subscript)) and root_name(t) in self.imported]
        return f"sets {_short(told[0])}" if told else None

    def _path(self, node: ast.expr) -> str | None:
        """Dotted path of something imported or built in, also of what this very statement imports."""
        root, _, rest = (dotted_name(node) or "").partition(".")
        if root in self.imported:
            return f"{self.imported[root]}.{rest}" if rest else self.imported[root]
        return self.judge.path(node, self.step)

    def block(self, statements: list[ast.stmt]) -> str | None:
        for statement in statements:
            problem = self.statement(statement)
            if problem is not None:
                return problem
        return None

    def _try(self, node: ast.Try | ast.TryStar) -> str | None:
        problem = self.block(node.body) or self.block(node.orelse) or self.block(node.finalbody)
        guards_import = any(isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in node.body)
        for statement in (statement for handler in node.handlers for statement in handler.body):
            # Telling that an optional library is absent is silent where it is present, and the clean process sees
            # which of the two it is.
            tells = guards_import and isinstance(statement, ast.Expr) and _called(statement) in _TELLING
            problem = problem or (None if tells else self.statement(statement))
        return problem

    def _with(self, node: ast.With) -> str | None:
        for item in node.items:
            problem = self._entering(item.context_expr)
            if problem is not None:
                return problem
            if item.optional_vars is not None:
                self._bind(item.optional_vars)
        return self.block(node.body)

    def _entering(self, context: ast.expr) -> str | None:
        """Say what entering a context does; of libraries only the quiet ones are known."""
        if not isinstance(context, ast.Call):
            return f"enters `{_short(context)}`"
        path = self._path(context.func)
        if path is not None:
            given = [*context.args, *(keyword.value for keyword in context.keywords)]
            return self.first(*given) if path in QUIET_CONTEXTS else f"enters {path}()"
        owner = self.judge.class_of(context, self.step)
        problem = self.expression(context)
        if owner is None or problem is not None:
            return problem
        return self.judge.calling_method(owner, "__enter__") or self.judge.calling_method(owner, "__exit__")

    def _cases(self, node: ast.Match) -> str | None:
        for case in node.cases:
            for part in ast.walk(case.pattern):
                name = getattr(part, "name", None) or getattr(part, "rest", None)
                if name is not None:
                    self.local[name] = None
            problem = (self.first(case.guard) if case.guard is not None else None) or self.block(case.body)
            if problem is not None:
                return problem
        return None

    def _expression_statement(self, value: ast.expr) -> str | None:
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in MUTATORS:
            return self.first(value.func.value, *value.args, *(k.value for k in value.keywords))
        if isinstance(value, ast.Call) and dotted_name(value.func) in {"setattr", "delattr"}:
            return self.first(*value.args)
        if isinstance(value, (ast.Yield, ast.YieldFrom)):
            return self.first(value.value) if value.value else None
        return self.first(value)

    # Expressions.

    def first(self, *nodes: ast.expr) -> str | None:
        for node in nodes:
            problem = self.expression(node)
            if problem is not None:
                return problem
        return None

    def expression(self, node: ast.expr) -> str | None:
        match node:
            case ast.Constant() | ast.Lambda():
                return None
            case ast.Name():
                return self._name(node)
            case ast.Call():
                return self._call(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Await() | ast.Yield() | ast.YieldFrom():
                return f"waits for `{_short(node)}`"
            case ast.NamedExpr():
                self._bind(node.target)
                return self.expression(node.value)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
        children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        children += [child.value for child in ast.iter_child_nodes(node) if isinstance(child, ast.keyword)]
        return self.first(*children)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> str | None:
        inner = Work(self.judge, self.step, dict(self.local))
        inner.imported = self.imported
        for generator in node.generators:
            problem = inner.first(generator.iter)
            inner._bind(generator.target, generator.iter)
            problem = problem or inner.first(*generator.ifs)
            if problem is not None:
                return problem
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return inner.first(*parts)

    def _name(self, node: ast.Name) -> str | None:
        if isinstance(node.ctx, ast.Store):
            self.local.setdefault(node.id, None)
            return None
        if node.id in self.local:
            return None
        if node.id in self.imported:
            return self._environment(self.imported[node.id])
        meaning = self.judge.meaning(node.id, self.step)
        if meaning.kind == "steps":
            for step in meaning.steps:
                if step.unit.kind not in {"function", "class"} and self.judge.objection(step) is not None:
                    return f"is computed from {node.id} ({step.cell.label})"
            return None
        if meaning.kind == "unknown" and node.id != "__name__":
            return f"reads {node.id}"
        return self._environment(meaning.path)

    def _attribute(self, node: ast.Attribute) -> str | None:
        path = self._path(node) if root_name(node) not in self.local else None
        return self._environment(path or "") or self.expression(node.value)

    def _environment(self, path: str) -> str | None:
        if path.startswith(ENVIRONMENT) or "rcParams" in path:
            return f"reads {path}, which belongs to this computer"
        return None

    def _call(self, node: ast.Call) -> str | None:
        arguments = [a.value if isinstance(a, ast.Starred) else a for a in node.args]
        return self.first(*arguments, *(k.value for k in node.keywords)) or self.callee(node.func, len(node.args))

    def callee(self, function: ast.expr, given: int = 0) -> str | None:
        """Say why something may not be called; ``given`` is how many arguments it gets."""
        root = root_name(function)
        if isinstance(function, ast.Attribute) and _is_super(function.value):
            return self.judge.calling_above(self.step, function.attr, self.owner)
        if isinstance(function, ast.Attribute) and (owner := self._owner(function.value)) is not None:
            return self.judge.calling_method(owner, function.attr)
        if root is not None and root in self.local:
            return self._local_call(function, root)
        if isinstance(function, ast.Call) and len(function.args) <= 1:  # lru_cache(None)(f), partial(f)(x)
            made_by = self._path(function.func) or ""
            return None if made_by in {"functools.lru_cache", "functools.partial"} else f"calls {_short(function)}()"
        path = self._path(function)
        if path == "vars" and given:
            return None
        if path is not None:
            return None if is_pure_path(path) else f"calls {path}()"
        if isinstance(function, ast.Name):
            meaning = self.judge.meaning(function.id, self.step)
            if meaning.kind == "steps":
                return self.judge.calling(meaning.steps)
        elif isinstance(function, ast.Attribute) and function.attr in _QUIET_METHODS:
            return self.expression(function.value)
        return f"calls {_short(function)}()"

    def _owner(self, node: ast.expr) -> Step | None:
        """The class of the object, or the class itself, that a method is called on; None for those of libraries."""
        if isinstance(node, ast.Name) and node.id in self.local:
            return self.owner if node.id == self.itself else None
        return self.judge.class_of(node, self.step)

    def _local_call(self, function: ast.expr, root: str) -> str | None:
        if isinstance(function, ast.Attribute):
            is_known = function.attr in _QUIET_METHODS
            return None if is_known else f"calls {_short(function)}()"
        inner = self.local[root]
        if isinstance(inner, ast.FunctionDef) and not inner.decorator_list:
            self.local[root] = None  # a recursive call has been judged by then
            return Work(self.judge, self.step, dict(self.local)).function(inner)
        if isinstance(inner, (ast.Tuple, ast.List)):  # for f in (square, cube): f(2)
            self.local[root] = None  # should one of them be called so itself
            problems = [self.callee(item) for item in inner.elts]
            self.local[root] = inner
            return next((problem for problem in problems if problem is not None), None)
        return None if root == "cls" else f"calls {root}, which it was given"

    def function(self, node: ast.FunctionDef | ast.Lambda) -> str | None:
        """Say what running a function's body does."""
        self._is_at_top = False
        arguments = node.args
        if self.owner is not None:
            self.itself = next((arg.arg for arg in [*arguments.posonlyargs, *arguments.args]), "")
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            self.local[argument.arg] = None
        for extra in (arguments.vararg, arguments.kwarg):
            if extra is not None:
                self.local[extra.arg] = None
        self.local.setdefault("__class__", None)
        body = self.expression(node.body) if isinstance(node, ast.Lambda) else self.block(node.body)
        name = "the lambda" if isinstance(node, ast.Lambda) else f"{node.name}()"
        return None if body is None else f"calls {name}, which {body}"

    def _bind(self, target: ast.expr, items: ast.expr | None = None) -> None:
        """Give names a value; of a loop over things that are written out, what these are is kept."""
        for part in ast.walk(target):
            if isinstance(part, ast.Name):
                self.local[part.id] = items if part is target and isinstance(items, (ast.Tuple, ast.List)) else None


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _called(statement: ast.Expr) -> str | None:
    return dotted_name(statement.value.func) if isinstance(statement.value, ast.Call) else None


def _short(node: ast.AST) -> str:
    text = ast.unparse(node).split("\n")[0]
    return text if len(text) <= 60 else text[:57] + "…"

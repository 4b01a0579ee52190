"""Which statements may stand in a module: those that make the same value everywhere and do nothing else.

The lists are of what is known to be harmless; whatever is not on them is taken for data. Definitions may run any
decorator and default, because these are part of what they are; the clean process watches what they do.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nbops.extract.log import Step
from nbops.source.touches import MUTATORS
from nbops.source.trees import dotted_name, root_name

_BUILTINS = frozenset(
    {"abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "callable", "chr", "classmethod", "complex"}
    | {"dict", "divmod", "enumerate", "filter", "float", "format", "frozenset", "getattr", "hasattr", "hex", "int"}
    | {"isinstance", "issubclass", "iter", "len", "list", "map", "max", "min", "next", "object", "oct", "ord", "pow"}
    | {"property", "range", "repr", "reversed", "round", "set", "slice", "sorted", "staticmethod", "str", "sum"}
    | {"super", "tuple", "type", "zip"}
)
_ITERATORS = frozenset({"enumerate", "filter", "iter", "map", "reversed", "zip"})
_PURE_MODULES = (
    "abc.", "argparse.Namespace", "array.array", "asyncio.Event", "asyncio.Lock", "asyncio.Queue", "asyncio.Semaphore",
    "base64.", "binascii.", "bisect.", "calendar.", "cmath.", "collections.", "colorsys.", "contextvars.ContextVar",
    "copy.", "cycler.", "dataclasses.", "datetime.", "dateutil.", "decimal.", "difflib.", "enum.", "fnmatch.",
    "fractions.", "functools.", "hashlib.", "heapq.", "html.", "inspect.signature", "ipaddress.", "itertools.",
    "json.dumps", "json.loads", "keyword.", "logging.getLogger", "math.", "matplotlib.cm.", "matplotlib.colors.",
    "matplotlib.pyplot.cm.", "matplotlib.pyplot.get_cmap", "numbers.", "numpy.", "operator.", "os.path.basename",
    "os.path.dirname", "os.path.join", "os.path.normpath", "os.path.split", "pandas.CategoricalDtype",
    "pandas.DateOffset", "pandas.Interval", "pandas.Timedelta", "pandas.Timestamp", "pandas.api.types.",
    "pandas.date_range", "pandas.offsets.", "pandas.to_datetime", "pandas.to_timedelta", "pathlib.", "pytz.timezone",
    "queue.", "re.", "scipy.constants.", "scipy.special.", "scipy.stats.", "seaborn.color_palette", "statistics.",
    "string.", "struct.", "sympy.", "textwrap.", "threading.Event", "threading.Lock", "threading.RLock",
    "threading.local", "torch.device", "types.", "typing.", "typing_extensions.", "unicodedata.", "urllib.parse.",
    "uuid.UUID", "uuid.uuid3", "uuid.uuid5", "weakref.", "zlib.", "zoneinfo.ZoneInfo",
)  # fmt: skip
_IMPURE = (
    "datetime.date.today", "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow",
    "datetime.datetime.fromtimestamp", "datetime.date.fromtimestamp", "numpy.DataSource", "numpy.copyto",
    "numpy.ctypeslib.", "numpy.empty", "numpy.f2py.", "numpy.fromfile", "numpy.fromregex", "numpy.genfromtxt",
    "numpy.lib.", "numpy.load", "numpy.memmap", "numpy.place", "numpy.put", "numpy.random.", "numpy.save",
    "numpy.set", "numpy.show_config", "numpy.test", "pathlib.Path.cwd", "pathlib.Path.home",
    "sympy.init_printing", "sympy.init_session", "sympy.plot", "sympy.pprint", "sympy.preview", "weakref.",
    "hashlib.file_digest", "typing.reveal_type", "re.purge", "calendar.set", "decimal.getcontext",
    "decimal.setcontext", "decimal.localcontext", "calendar.pr", "calendar.TextCalendar", "numpy.info",
)  # fmt: skip
_ENVIRONMENT = ("os.environ", "os.getcwd", "sys.argv", "sys.path", "sys.stdin", "sys.modules", "os.getenv")
SAFE_METHODS = frozenset(
    # text, bytes
    {"capitalize", "casefold", "center", "count", "decode", "encode", "endswith", "expandtabs", "find", "format"}
    | {"format_map", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower"}
    | {"isnumeric", "isprintable", "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip", "maketrans"}
    | {"partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit"}
    | {
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "swapcase",
        "title",
        "translate",
        "upper",
        "zfill",
        "hex",
    }
    # containers
    | {"copy", "fromkeys", "get", "items", "keys", "values", "most_common", "elements", "union", "intersection"}
    | {"difference", "symmetric_difference", "issubset", "issuperset", "isdisjoint", "_asdict", "_replace", "_make"}
    # paths, patterns, dates
    | {"joinpath", "with_name", "with_suffix", "with_stem", "relative_to", "as_posix", "is_absolute", "match"}
    | {"search", "fullmatch", "findall", "finditer", "sub", "subn", "group", "groups", "groupdict", "isoformat"}
    | {"strftime", "date", "time", "timestamp", "total_seconds", "weekday", "isoweekday", "normalize"}
    # arrays
    | {"all", "any", "argmax", "argmin", "argsort", "astype", "conj", "cumprod", "cumsum", "diagonal", "dot"}
    | {"flatten", "item", "max", "mean", "min", "nonzero", "prod", "ravel", "repeat", "reshape", "round", "squeeze"}
    | {"std", "sum", "swapaxes", "take", "tobytes", "tolist", "trace", "transpose", "var", "view", "quantile"}
    # frames, which are looked at more often than changed
    | {"head", "tail", "describe", "info", "plot", "hist", "sample", "corr", "nunique", "unique", "value_counts"}
    | {"groupby", "pivot_table", "to_csv", "to_dict", "to_numpy", "isna", "isnull", "apply", "predict", "score"}
    | {"predict_proba", "transform"}
    # cached functions
    | {"cache_info", "cache_parameters"}
)
"""Methods that leave their object as it was; `view` and its like are followed as aliases."""


@dataclass(frozen=True)
class Meaning:
    """What a name stands for when an expression is judged."""

    kind: Literal["builtin", "import", "steps", "local", "unknown"]
    path: str = ""
    """Dotted path of an import."""
    steps: tuple[Step, ...] = ()


Resolve = Callable[[str, Step], Meaning]


class Judge:
    """Tells why a statement may not stand in a module, or None when it may.

    Args:
        resolve: what a global name stands for at a step.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._known: dict[Step, str | None] = {}
        self._asked: set[Step] = set()
        self._calls: dict[Step, str | None] = {}
        self._methods: dict[tuple[Step, str, Step], str | None] = {}

    def objection(self, step: Step) -> str | None:
        """Say what a statement does that a module may not do at import; None when it is pure."""
        if step not in self._known:
            if step in self._asked:
                return None  # a cycle is judged where it was entered
            self._asked.add(step)
            self._known[step] = self._judge(step)
        return self._known[step]

    def _judge(self, step: Step) -> str | None:
        unit = step.unit
        if unit.magics:
            return f"is made by {unit.magics[0]}"
        if unit.kind in {"function", "class", "import"}:
            return None
        return self._used_up(step) or _Reader(self, step, {}).statement(unit.node)

    def _used_up(self, step: Step) -> str | None:
        """An iterator is not a value: whoever read it in the notebook has emptied it."""
        node = step.unit.node
        if isinstance(node, ast.Assign) and any(isinstance(t, (ast.Tuple, ast.List)) for t in node.targets):
            return None  # `a, b = map(int, "12")` reads it to its end at once
        value = getattr(node, "value", None)
        if isinstance(value, ast.GeneratorExp):
            return "is a generator, which is used up by reading it"
        called = self.path(value.func, step) if isinstance(value, ast.Call) else None
        if called in _ITERATORS or (called or "").startswith("itertools."):
            return f"is made by {called}(), which is used up by reading it"
        return None

    def calling(self, steps: tuple[Step, ...]) -> str | None:
        """Say what calling a function or class of the notebook does; None when that is pure."""
        for step in steps:
            if step not in self._calls:
                self._calls[step] = None  # recursion is judged by the rest of the body
                self._calls[step] = self._judge_call(step)
            if self._calls[step] is not None:
                return self._calls[step]
        return None

    def _judge_call(self, step: Step) -> str | None:
        node = step.unit.node
        if isinstance(node, ast.FunctionDef):
            if any(not self._is_known_decorator(d, step) for d in node.decorator_list):
                return f"calls {node.name}(), which is decorated"
            return _Reader(self, step, {}).function(node)
        if isinstance(node, ast.ClassDef):
            return self._class_call(node, step)
        if isinstance(node, ast.Assign):
            if isinstance(node.value, ast.Lambda):
                return _Reader(self, step, {}).function(node.value)
            return self._made_class(node.value, step)
        return f"calls what {step.cell.label} makes"

    def _made_class(self, value: ast.expr, step: Step) -> str | None:
        """``Point = namedtuple("Point", "x y")`` and partials of pure calls may be called."""
        if isinstance(value, ast.Call):
            path = self.path(value.func, step)
            if path in {"collections.namedtuple", "typing.NamedTuple", "enum.Enum", "typing.NewType"}:
                return None
            if path == "functools.partial" and value.args:
                return _Reader(self, step, {}).callee(value.args[0])
        owner = self.class_of(value, step) if isinstance(value, ast.Call) else None
        if owner is not None:
            return self.calling_method(owner, "__call__")
        if isinstance(value, (ast.Name, ast.Attribute)):  # another name for something: Tokens = list
            return _Reader(self, step, {}).callee(value)
        return f"calls what is made by {ast.unparse(value)[:60]}"

    def _is_known_decorator(self, decorator: ast.expr, step: Step) -> bool:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        path = self.path(target, step) or ""
        return path.startswith(("functools.", "dataclasses.", "contextlib.contextmanager")) or path in {
            "staticmethod",
            "classmethod",
            "property",
        }

    def _class_call(self, node: ast.ClassDef, step: Step) -> str | None:
        for base in [*node.bases, *(k.value for k in node.keywords)]:
            problem = self._base(base, step)
            if problem is not None:
                return problem
        if any(not self._is_known_decorator(d, step) for d in node.decorator_list):
            return f"calls {node.name}(), which is decorated"
        for member in node.body:
            if isinstance(member, ast.FunctionDef) and member.name in {"__init__", "__new__", "__post_init__"}:
                problem = _Reader(self, step, {}, owner=step).function(member)
                if problem is not None:
                    return problem
        return None

    def class_of(self, node: ast.expr, step: Step) -> Step | None:
        """The notebook's own class that an expression names or makes an object of, where that is plain to see."""
        if isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Attribute):
                return self.class_of(node.func, step)
            owner = self.class_of(node.func.value, step)
            found = self.method(owner, node.func.attr) if owner is not None else None
            return owner if found is not None and _returns_itself(found[1]) else None
        if not isinstance(node, ast.Name):
            return None
        steps = self._resolve(node.id, step).steps
        made = steps[0] if steps else None
        if made is None or made.unit.kind == "class":
            return made
        value = getattr(made.unit.node, "value", None)
        return self.class_of(value, made) if isinstance(value, ast.Call) and made.unit.kind == "value" else None

    def method(self, owner: Step, name: str) -> tuple[Step, ast.FunctionDef] | None:
        """A method of a notebook's class, its own or of a base that the notebook has too."""
        node = owner.unit.node
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(member, ast.FunctionDef) and member.name == name:
                return owner, member
        return self._method_above(owner, name)

    def _method_above(self, owner: Step, name: str) -> tuple[Step, ast.FunctionDef] | None:
        node = owner.unit.node
        for base in node.bases if isinstance(node, ast.ClassDef) else ():
            above = self.class_of(base, owner) if isinstance(base, ast.Name) else None
            found = self.method(above, name) if above is not None and above is not owner else None
            if found is not None:
                return found
        return None

    def calling_method(self, owner: Step, name: str) -> str | None:
        """Say what calling a method does; None when that is pure."""
        found = self.method(owner, name)
        if found is None:
            return None if name in SAFE_METHODS else f"calls {name}()"
        return self._calling_member(*found, owner)

    def calling_above(self, step: Step, name: str, owner: Step | None) -> str | None:
        """Say what ``super().name()`` does; the bases that libraries have were judged with the class."""
        found = self._method_above(step, name)
        return None if found is None else self._calling_member(*found, owner or step)

    def _calling_member(self, step: Step, member: ast.FunctionDef, owner: Step) -> str | None:
        key = (step, member.name, owner)
        if key not in self._methods:
            self._methods[key] = None  # recursion is judged by the rest of the body
            decorators = [d for d in member.decorator_list if not self._is_known_decorator(d, step)]
            decorated = f"calls {member.name}(), which is decorated" if decorators else None
            self._methods[key] = decorated or _Reader(self, step, {}, owner=owner).function(member)
        return self._methods[key]

    def _base(self, base: ast.expr, step: Step) -> str | None:
        target = base.value if isinstance(base, ast.Subscript) else base
        path = self.path(target, step)
        if path is not None and path.startswith(
            (
                "object",
                "abc.",
                "enum.",
                "typing.",
                "collections.",
                "Exception",
                "dict",
                "list",
                "tuple",
                "str",
                "int",
                "float",
            )
        ):
            return None
        if isinstance(target, ast.Name):
            meaning = self._resolve(target.id, step)
            if meaning.kind == "steps":
                return self.calling(meaning.steps)
            if meaning.kind == "builtin":
                return None
        return f"makes a {ast.unparse(base)}"

    def path(self, node: ast.expr, step: Step) -> str | None:
        """Dotted path of something imported or built in, whatever it is called here."""
        dotted = dotted_name(node)
        if dotted is None:
            return None
        root, _, rest = dotted.partition(".")
        meaning = self._resolve(root, step)
        if meaning.kind == "builtin":
            return dotted
        if meaning.kind == "import":
            return f"{meaning.path}.{rest}" if rest else meaning.path
        return None

    def meaning(self, name: str, step: Step) -> Meaning:
        """What a global name stands for at a step."""
        return self._resolve(name, step)


class _Reader:
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

    # Statements: each returns the first objection.

    def statement(self, node: ast.stmt) -> str | None:
        match node:
            case ast.Assign(targets=targets, value=value):
                return self.first(value, *targets)
            case ast.AnnAssign(target=target, value=value):
                return self.first(target, *([value] if value else []))
            case ast.AugAssign(target=target, value=value):
                return self.first(target, value)
            case ast.Expr(value=value):
                return self._expression_statement(value)
            case ast.If(test=test):
                return self.first(test) or self.block(node.body) or self.block(node.orelse)
            case ast.For(target=target, iter=iterable):
                self._bind(target)
                return self.first(iterable) or self.block(node.body) or self.block(node.orelse)
            case ast.While(test=test):
                return self.first(test) or self.block(node.body) or self.block(node.orelse)
            case ast.Try():
                return self._try(node)
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
                for alias in getattr(node, "names", []):
                    if isinstance(alias, ast.alias) and self.local:
                        self.local[alias.asname or alias.name.partition(".")[0]] = None
                return None
        return f"runs `{_short(node)}`"

    def block(self, statements: list[ast.stmt]) -> str | None:
        for statement in statements:
            problem = self.statement(statement)
            if problem is not None:
                return problem
        return None

    def _try(self, node: ast.Try) -> str | None:
        problem = self.block(node.body) or self.block(node.orelse) or self.block(node.finalbody)
        for handler in node.handlers:
            caught = ast.unparse(handler.type) if handler.type else "everything"
            guards_import = any(isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in node.body)
            for statement in handler.body:
                # Telling that an optional library is absent is silent where it is present, and the clean process
                # sees which of the two it is.
                tells = (
                    guards_import
                    and isinstance(statement, ast.Expr)
                    and _called(statement)
                    in {
                        "print",
                        "warnings.warn",
                        "warn",
                    }
                )
                if not tells:
                    problem = problem or self.statement(statement)
            del caught
        return problem

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
        inner = _Reader(self.judge, self.step, dict(self.local))
        for generator in node.generators:
            problem = inner.first(generator.iter)
            inner._bind(generator.target)
            problem = problem or inner.first(*generator.ifs)
            if problem is not None:
                return problem
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return inner.first(*parts)

    def _name(self, node: ast.Name) -> str | None:
        if isinstance(node.ctx, ast.Store):
            if self.local:
                self.local.setdefault(node.id, None)
            return None
        if node.id in self.local:
            return None
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
        path = self.judge.path(node, self.step) if root_name(node) not in self.local else None
        return self._environment(path or "") or self.expression(node.value)

    def _environment(self, path: str) -> str | None:
        if path.startswith(_ENVIRONMENT) or "rcParams" in path:
            return f"reads {path}, which belongs to this computer"
        return None

    def _call(self, node: ast.Call) -> str | None:
        arguments = [a.value if isinstance(a, ast.Starred) else a for a in node.args]
        return self.first(*arguments, *(k.value for k in node.keywords)) or self.callee(node.func)

    def callee(self, function: ast.expr) -> str | None:
        """Say why something may not be called."""
        root = root_name(function)
        if isinstance(function, ast.Attribute) and _is_super(function.value):
            return self.judge.calling_above(self.step, function.attr, self.owner)
        if isinstance(function, ast.Attribute) and (owner := self._owner(function.value)) is not None:
            return self.judge.calling_method(owner, function.attr)
        if root is not None and root in self.local:
            return self._local_call(function, root)
        if isinstance(function, ast.Call) and len(function.args) <= 1:  # lru_cache(None)(f), partial(f)(x)
            made_by = self.judge.path(function.func, self.step) or ""
            return None if made_by in {"functools.lru_cache", "functools.partial"} else f"calls {_short(function)}()"
        path = self.judge.path(function, self.step)
        if path is not None:
            return None if _is_pure_path(path) else f"calls {path}()"
        if isinstance(function, ast.Name):
            meaning = self.judge.meaning(function.id, self.step)
            if meaning.kind == "steps":
                return self.judge.calling(meaning.steps)
        elif isinstance(function, ast.Attribute) and function.attr in SAFE_METHODS | MUTATORS:
            return self.expression(function.value)
        return f"calls {_short(function)}()"

    def _owner(self, node: ast.expr) -> Step | None:
        """The class of the object, or the class itself, that a method is called on; None for those of libraries."""
        if isinstance(node, ast.Name) and node.id in self.local:
            return self.owner if node.id == self.itself else None
        return self.judge.class_of(node, self.step)

    def _local_call(self, function: ast.expr, root: str) -> str | None:
        if isinstance(function, ast.Attribute):
            is_known = function.attr in SAFE_METHODS | MUTATORS
            return None if is_known else f"calls {_short(function)}()"
        inner = self.local[root]
        if isinstance(inner, ast.FunctionDef) and not inner.decorator_list:
            self.local[root] = None  # a recursive call has been judged by then
            return _Reader(self.judge, self.step, dict(self.local)).function(inner)
        return None if root == "cls" else f"calls {root}, which it was given"

    def function(self, node: ast.FunctionDef | ast.Lambda) -> str | None:
        """Say what running a function's body does."""
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

    def _bind(self, target: ast.expr) -> None:
        for part in ast.walk(target):
            if isinstance(part, ast.Name):
                self.local[part.id] = None


_OF_THE_MOMENT = frozenset({"now", "today", "utcnow", "cwd", "home", "localtime", "gmtime"})


_DRAWN = frozenset({"rvs", "random_state", "bootstrap", "permutation_test", "monte_carlo_test", "resample"})
"""Functions of libraries that otherwise only compute, which draw random numbers."""


def _is_pure_path(path: str) -> bool:
    if path.rpartition(".")[2] in _OF_THE_MOMENT | _DRAWN:
        return False
    if "." not in path:
        return path in _BUILTINS or (path[:1].isupper() and path.endswith(("Error", "Exception", "Warning")))
    if path.partition(".")[0] in {"str", "dict", "bytes", "int", "float", "list", "tuple", "set", "object", "type"}:
        return True
    return path.startswith(_PURE_MODULES) and not path.startswith(_IMPURE)


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _returns_itself(method: ast.FunctionDef) -> bool:
    own = method.args.args[0].arg if method.args.args else None
    returned = [part.value for part in ast.walk(method) if isinstance(part, ast.Return)]
    return bool(returned) and all(isinstance(value, ast.Name) and value.id == own for value in returned)


def _called(statement: ast.Expr) -> str | None:
    return dotted_name(statement.value.func) if isinstance(statement.value, ast.Call) else None


def _short(node: ast.AST) -> str:
    text = ast.unparse(node).split("\n")[0]
    return text if len(text) <= 60 else text[:57] + "…"

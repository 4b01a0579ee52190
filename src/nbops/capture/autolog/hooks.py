"""Where autologging looks in: methods of estimators and functions of ``sklearn.metrics``, without importing either.

A class is looked at when it is made, whoever makes it: a library that is being imported, or a cell. The methods of
those with ``fit`` and ``get_params`` get a descriptor that passes their calls by the listener. Read off the class, a
method is the plain function it was, so signatures, sources, ``super()`` and clones are as without it, and a class that
is pickled by value (for a worker process) takes the plain function with it.

The functions of ``sklearn.metrics`` stay the objects they are, because a notebook may have them by name already. Each
is a closure that checks its arguments and calls an inner function; that inner one is exchanged.

Only the outermost call of a thread is told: what a pipeline, a search or a scorer calls in turn is part of it.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import inspect
import operator
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from typing import Any, Protocol, TypeAlias

from nbops.optional import Newcomers, loaded

FITS = ("fit", "partial_fit", "fit_predict", "fit_transform")
ANSWERS = ("predict", "predict_proba", "predict_log_proba", "decision_function")
_METHODS = (*FITS, *ANSWERS, "score")
_METRICS = "sklearn.metrics"
# What the second argument of a function is called that holds answers against something.
_ANSWERED = {"y_pred", "y_score", "y_proba", "pred_decision", "labels_pred", "labels", "y2", "y"}

Call: TypeAlias = Callable[..., Any]


class Listener(Protocol):
    """Who is told of calls; each method makes the call and returns what it returned."""

    def listens(self) -> bool:
        """Whether calls of this thread are wanted just now."""
        ...

    def fit(self, method: str, function: Call, estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call of ``fit`` or one of its siblings."""
        ...

    def answer(self, method: str, function: Call, estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call of ``predict`` or one of its siblings."""
        ...

    def score(self, method: str, function: Call, estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call of ``score``."""
        ...

    def measure(self, name: str, function: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call of a function of ``sklearn.metrics``."""
        ...


class _Here(threading.local):
    is_inside = False


_here = _Here()
_listener: Listener | None = None


@contextlib.contextmanager
def inside() -> Iterator[None]:
    """Tell nobody of calls that are made inside, such as our own."""
    before, _here.is_inside = _here.is_inside, True
    try:
        yield
    finally:
        _here.is_inside = before


def _wanted() -> Listener | None:
    listener = _listener
    if listener is None or _here.is_inside or not listener.listens():
        return None
    return None if _is_task_of_sklearn() else listener


def _is_task_of_sklearn() -> bool:
    """Whether this call belongs to a parallel loop of scikit-learn's, which may run in a thread of its own."""
    parallel = loaded("sklearn.utils.parallel")
    task = getattr(vars(getattr(parallel, "_FuncWrapper", object)).get("__call__"), "__code__", None)
    frame = sys._getframe(2) if task is not None else None
    while frame is not None:
        if frame.f_code is task:
            return True
        frame = frame.f_back
    return False


class Hooked:
    """A method whose calls through an instance are passed by the listener; a class still gives the plain function."""

    __slots__ = ("__func__", "_name", "_through")

    def __init__(self, name: str, function: Any) -> None:
        self._name = name
        self.__func__ = function
        self._through = _through(name, function) if isinstance(function, types.FunctionType) else None

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self.__func__.__get__(None, owner)
        if self._through is not None:
            return types.MethodType(self._through, instance)
        # Some methods exist only where a part of the estimator has them: their own descriptor decides.
        method = self.__func__.__get__(instance, owner)
        return functools.wraps(method)(functools.partial(_through_bound, self._name, method, instance))

    def __reduce__(self) -> Any:
        return operator.getitem, ((self.__func__,), 0)


def _through(name: str, function: types.FunctionType) -> Call:
    @functools.wraps(function)
    def through(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        listener = _wanted()
        if listener is None:
            return function(self, *args, **kwargs)
        with inside():
            return _told(listener, name)(name, functools.partial(function, self), self, args, kwargs)

    return through


def _through_bound(name: str, method: Call, instance: Any, /, *args: Any, **kwargs: Any) -> Any:
    __tracebackhide__ = True
    listener = _wanted()
    if listener is None:
        return method(*args, **kwargs)
    with inside():
        return _told(listener, name)(name, method, instance, args, kwargs)


def _told(listener: Listener, name: str) -> Call:
    if name in FITS:
        return listener.fit
    return listener.answer if name in ANSWERS else listener.score


class Hooks:
    """Everything that was put in, so that it can be taken out again.

    Args:
        listener: who is told.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._methods: list[tuple[weakref.ref[type], str, Hooked]] = []
        self._metrics: list[tuple[types.CellType, Call]] = []
        self._build: Any = None
        self._is_in = False
        self._finder = _Finder(self.open_metrics)

    def put_in(self) -> None:
        """Look at all classes there are, and at each that is made from now on."""
        global _listener
        _listener, self._is_in = self._listener, True
        for kind in _there():
            self.look_at(kind)
        made_by, look_at = builtins.__build_class__, self.look_at

        def build(body: Any, name: str, /, *bases: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            made = made_by(body, name, *bases, **options)
            if self._is_in and isinstance(made, type):
                look_at(made)
            return made

        self._build = (build, made_by)
        builtins.__build_class__ = build
        sys.meta_path.insert(0, self._finder)
        if (module := loaded(_METRICS)) is not None:
            self.open_metrics(module)

    def take_out(self) -> None:
        """Leave every class and function as it was."""
        global _listener
        if _listener is self._listener:
            _listener = None
        self._is_in = False
        build, made_by = self._build
        if builtins.__build_class__ is build:  # else somebody has put theirs around it, and it only passes on
            builtins.__build_class__ = made_by
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self._finder)
        for reference, name, hooked in self._methods:
            kind = reference()
            if kind is not None and _namespace(kind).get(name) is hooked:
                type.__setattr__(kind, name, hooked.__func__)
        for cell, function in self._metrics:
            cell.cell_contents = function
        self._methods, self._metrics = [], []

    def look_at(self, kind: type) -> None:
        """Hook the methods of an estimator's class, its own and those it has of a mixin."""
        ancestors, namespaces = _ancestors(kind)
        if not _is_estimator(namespaces):
            return
        for name in _METHODS:
            for owner, space in zip(ancestors, namespaces, strict=True):
                if name in space:
                    self._hook(owner, name, space[name])
                    break

    def _hook(self, owner: type, name: str, function: Any) -> None:
        if isinstance(function, Hooked | classmethod | staticmethod | property) or not hasattr(function, "__get__"):
            return
        hooked = Hooked(name, function)
        with contextlib.suppress(TypeError):  # a class written in C
            type.__setattr__(owner, name, hooked)
            self._methods.append((weakref.ref(owner), name, hooked))

    def open_metrics(self, module: types.ModuleType) -> None:
        """Exchange the inner functions of the metrics."""
        for name in getattr(module, "__all__", ()):
            cell = _inner(getattr(module, name, None))
            if cell is not None:
                self._metrics.append((cell, cell.cell_contents))
                cell.cell_contents = _measuring(name, cell.cell_contents)


def _measuring(name: str, function: Call) -> Call:
    @functools.wraps(function)
    def measuring(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        listener = _wanted()
        if listener is None:
            return function(*args, **kwargs)
        with inside():
            return listener.measure(name, function, args, kwargs)

    return measuring


def _inner(function: Any) -> types.CellType | None:
    """The cell that holds what a metric's check of arguments goes on to call; None for what is no metric."""
    plain = getattr(function, "__wrapped__", None)
    if not isinstance(function, types.FunctionType) or not isinstance(plain, types.FunctionType):
        return None
    if not _ANSWERED.intersection(arguments_of(plain)[1:2]):
        return None
    return next((cell for cell in function.__closure__ or () if cell.cell_contents is plain), None)


def arguments_of(function: Any) -> Sequence[str]:
    """Names of a method's or function's arguments in their order, without ``self``; empty where it cannot be told."""
    # Behind what is bound to an estimator: a cache must not keep one alive.
    plain = getattr(function, "func", getattr(function, "__func__", function))
    return _arguments(plain) if isinstance(plain, types.FunctionType) else ()


@functools.lru_cache(maxsize=1_000)
def _arguments(function: types.FunctionType) -> Sequence[str]:
    try:
        names = [*inspect.signature(function).parameters]
    except (TypeError, ValueError):
        return ()
    return names[1:] if names[:1] == ["self"] else names


class _Ahead:
    """What stands in all forks of a process: its classes with ``fit`` and ``get_params``."""

    def __init__(self) -> None:
        self.estimators = [kind for kind in _classes() if _is_estimator(_ancestors(kind)[1])]
        self.newcomers = Newcomers()
        self.newcomers.look()


_ahead: _Ahead | None = None


def find_ahead() -> None:
    """Look once for all forks of this process, which has imported everything."""
    global _ahead
    _ahead = _Ahead()
    metrics = loaded(_METRICS)
    for name in getattr(metrics, "__all__", ()):
        _inner(getattr(metrics, name, None))  # reads the signatures, which are kept


def _there() -> Iterator[type]:
    """All classes that may be estimators; in a fork those that were found before it, and those of modules since."""
    if _ahead is None:
        yield from _classes()
        return
    yield from _ahead.estimators
    for name in _ahead.newcomers.look():
        module = sys.modules.get(name)
        if isinstance(module, types.ModuleType):
            yield from [thing for thing in vars(module).values() if isinstance(thing, type)]


def _ancestors(kind: type) -> tuple[tuple[type, ...], list[Any]]:
    """A class with those it derives from, and their namespaces, past whatever its metaclass says."""
    ancestors = type.__dict__["__mro__"].__get__(kind)
    return ancestors, [_namespace(one) for one in ancestors]


def _is_estimator(namespaces: list[Any]) -> bool:
    return all(any(name in space for space in namespaces) for name in ("fit", "get_params"))


def _namespace(kind: type) -> Any:
    return type.__dict__["__dict__"].__get__(kind)


def _classes() -> Iterator[type]:
    seen: set[int] = set()
    waiting: list[type] = [object]
    while waiting:
        subclasses: list[type] = type.__subclasses__(waiting.pop())
        for kind in subclasses:
            if id(kind) not in seen:
                seen.add(id(kind))
                if kind is not type:
                    waiting.append(kind)
                    yield kind


class _Finder:
    """Finds nothing itself; says when ``sklearn.metrics`` has been imported."""

    def __init__(self, imported: Callable[[types.ModuleType], None]) -> None:
        self._imported = imported

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _METRICS:
            return None
        others = (finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec"))
        spec = next((spec for one in others if (spec := one.find_spec(fullname, path, target)) is not None), None)
        run = getattr(getattr(spec, "loader", None), "exec_module", None)
        if spec is not None and run is not None:

            def exec_module(module: types.ModuleType) -> None:
                run(module)
                self._imported(module)

            spec.loader.exec_module = exec_module  # type: ignore[union-attr,method-assign]  # looked at above
        return spec

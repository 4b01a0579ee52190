"""Runs inside the clean child process; knows only the standard library and nothing of nbops.

Read from standard input: one JSON job. Written to standard output: a NUL byte and one JSON report.
"""

from __future__ import annotations

import ast
import builtins
import collections
import contextlib
import dis
import enum
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from types import CodeType, FrameType, ModuleType
from typing import Any

_WATCHED_PREFIXES = ("subprocess.", "socket.", "shutil.", "urllib.", "ftplib.", "smtplib.", "sqlite3.", "http.client.")
_WATCHED = {
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.remove", "os.rename",
    "os.rmdir", "os.mkdir", "os.chmod", "os.link", "os.symlink", "os.truncate", "os.listdir", "os.scandir", "os.kill",
    "os.putenv", "os.unsetenv", "os.chdir", "webbrowser.open", "glob.glob", "tempfile.mkstemp", "tempfile.mkdtemp",
}  # fmt: skip
_QUIET = {"socket.gethostname", "socket.__new__"}


def main() -> None:
    """Do the job that stands on standard input."""
    job = json.loads(sys.stdin.buffer.read())
    answer = os.dup(1)
    # Libraries and the module itself may print, even from C: only the report may reach our parent.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.path[:0] = job["search"]
    sys.path += job["libraries"]
    warnings.simplefilter("ignore")
    report = names_of(job["modules"]) if job["job"] == "names" else imported(job)
    os.write(answer, b"")
    with os.fdopen(answer, "wb") as out:
        out.write(b"\x00" + json.dumps(report).encode())
    # Threads and exit handlers of whatever was imported have nothing more to do.
    sys.stderr.flush()
    os._exit(0)


def names_of(modules: list[str]) -> dict[str, Any]:
    """Import modules and list what a star import would bring."""
    found: dict[str, list[str] | None] = {}
    for name in modules:
        scope: dict[str, object] = {}
        try:
            with _silent():
                exec(f"from {name} import *", scope)  # noqa: S102 # the name was parsed as a module's name
        except BaseException:  # noqa: BLE001 # whatever a foreign module raises means that it cannot be had
            found[name] = None
        else:
            found[name] = sorted(n for n in scope if n != "__builtins__")
    return {"names": found}


def imported(job: dict[str, Any]) -> dict[str, Any]:
    """Import the module alone and report."""
    module, source = job["module"], job["source"]
    report: dict[str, Any] = {"missing": [], "effects": [], "unresolved": {}, "absent": [], "submodules": []}
    try:
        with warnings.catch_warnings():
            code = compile(source, f"{module}.py", "exec", dont_inherit=True)
            tree = ast.parse(source)
    except SyntaxError as error:
        return {**report, "error": f"{error.msg}: {error.text}", "line": error.lineno}
    sys.meta_path.insert(0, _Finder(module, source))
    scope = import_first(tree, report)
    import_packages(module)
    if report["missing"]:
        return report
    loaded = run_watched(module, report)
    if loaded is not None:
        report["unresolved"] = unresolved(code, loaded)
        present = [name for name in job["constants"] if name in vars(loaded)]
        report["values"] = {name: canonical(getattr(loaded, name), module) for name in present}
        report["shown"] = {name: short(getattr(loaded, name)) for name, text in report["values"].items() if text}
        look_up_chains(tree, vars(loaded), report)
    report["later_missing"] = missing_later(tree)
    del scope
    return report


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Serves the one module that is being tried, and empty packages above it where the project has none."""

    def __init__(self, module: str, source: str) -> None:
        self.module = module
        self.source = source
        self.is_busy = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == self.module:
            return importlib.util.spec_from_loader(fullname, self, origin=f"{fullname}.py")
        if not self.module.startswith(f"{fullname}."):
            return None
        own = importlib.machinery.PathFinder.find_spec(fullname, path)
        if own is not None and own.submodule_search_locations is not None:
            return own
        spec = importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        spec.submodule_search_locations = []
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == self.module:
            module.__file__ = f"{self.module}.py"
            code = compile(self.source, f"{self.module}.py", "exec", dont_inherit=True)
            exec(code, vars(module))  # noqa: S102 # this process exists to run exactly this


def import_first(tree: ast.Module, report: dict[str, Any]) -> dict[str, object]:
    """Import what the module imports, unwatched: what libraries do when they are imported is not the module's doing."""
    scope: dict[str, object] = {}
    for node, is_guarded in _imports(tree.body, guarded=False):
        for alias in node.names:
            statement = _statement(node, alias)
            if statement.startswith("from __future__"):
                continue
            try:
                with _silent():
                    exec(statement, scope)  # noqa: S102 # an import statement of the module
            except BaseException as error:  # noqa: BLE001 # a library may raise anything while it is imported
                if not is_guarded:
                    report["missing"].append(f"{statement}: {type(error).__name__}: {error}")
    return scope


def _imports(statements: list[ast.stmt], *, guarded: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in statements:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, guarded
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inside = guarded or isinstance(node, (ast.Try, ast.If))
            for field in ("body", "orelse", "finalbody", "handlers"):
                for part in getattr(node, field, None) or []:
                    yield from _imports(
                        [part] if not isinstance(part, ast.ExceptHandler) else part.body, guarded=inside
                    )


def _statement(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import([alias]))
    return ast.unparse(ast.ImportFrom(node.module, [alias], node.level))


def import_packages(module: str) -> None:
    """Import the packages above the module, which are the project's own and not on trial."""
    parts = module.split(".")[:-1]
    for end in range(1, len(parts) + 1):
        with _silent():
            importlib.import_module(".".join(parts[:end]))


def run_watched(module: str, report: dict[str, Any]) -> ModuleType | None:
    """Import the module under the audit hook."""
    effects: list[dict[str, Any]] = report["effects"]
    watch = _Watch(effects, module)
    sys.addaudithook(watch.audit)
    out, started = io.StringIO(), time.perf_counter()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            watch.is_on = True
            try:
                loaded = importlib.import_module(module)
            finally:
                watch.is_on = False
    except BaseException as error:  # noqa: BLE001 # whatever the module raises is what we are here to report
        report["error"] = f"{type(error).__name__}: {error}"
        report["line"] = _line_in(error, module)
        return None
    report["seconds"] = time.perf_counter() - started
    if out.getvalue():
        effects.append({"what": f"prints {out.getvalue().rstrip()[:80]!r}"})
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and pyplot.get_fignums():
        effects.append({"what": "draws a plot"})
    return loaded


class _Watch:
    """Notes what the module does; reading code that libraries load late is not counted."""

    def __init__(self, effects: list[dict[str, Any]], module: str) -> None:
        self.effects = effects
        self.file = f"{module}.py"
        self.is_on = False
        prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path[1:]}
        self.quiet = (*(os.path.realpath(p) for p in prefixes if p), "/proc/", "/sys/", "/dev/")

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        self.is_on = False
        try:
            what = self._described(event, args)
            is_own = what is not None and not self._is_by_import()
        finally:
            self.is_on = True
        if is_own:
            line = next((f.f_lineno for f in _frames(1) if f.f_code.co_filename == self.file), None)
            effect = {"what": what, "line": line}
            if effect not in self.effects and len(self.effects) < 20:
                self.effects.append(effect)
            # Raising from the hook keeps the effect itself from happening.
            raise PermissionError(f"a module may not do this when it is imported: {what}")

    def _described(self, event: str, args: tuple[Any, ...]) -> str | None:
        if event == "open":
            return self._opened(args)
        if event in _QUIET:
            return None
        if event in _WATCHED or event.startswith(_WATCHED_PREFIXES):
            shown = ", ".join(repr(a)[:60] for a in args[:2])
            return f"calls {event}({shown})"
        return None

    def _opened(self, args: tuple[Any, ...]) -> str | None:
        path, mode = args[0], args[1]
        if isinstance(path, int):
            return None
        name = os.path.realpath(os.fsdecode(path)) if isinstance(path, (str, bytes, os.PathLike)) else str(path)
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        if not writes and name.startswith(self.quiet):
            return None
        return f"{'writes' if writes else 'opens'} {os.fsdecode(path)}"

    def _is_by_import(self) -> bool:
        """Whether the event comes from the import system loading a library late."""
        for frame in _frames(2):
            name = frame.f_code.co_filename
            if name == self.file:
                return False
            if name.startswith("<frozen importlib"):
                return not self._is_ours(frame)
        return False

    def _is_ours(self, frame: FrameType) -> bool:
        spec = frame.f_locals.get("spec") or frame.f_locals.get("self")
        return getattr(spec, "name", getattr(spec, "module", None)) == self.file[:-3]


def _frames(depth: int) -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _line_in(error: BaseException, module: str) -> int | None:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == f"{module}.py"]
    return lines[-1] if lines else None


def unresolved(code: CodeType, loaded: ModuleType) -> dict[str, list[str]]:
    """Names the compiled code looks up and nobody would answer to."""
    found: dict[str, list[str]] = {}
    known = (
        set(vars(loaded))
        | set(dir(builtins))
        | {"__file__", "__class__", "__annotations__", "__module__", "__qualname__"}
    )
    codes = list(_codes(code))
    known |= {i.argval for c in codes for i in dis.get_instructions(c) if i.opname == "STORE_GLOBAL"}
    for current in codes[1:]:
        stored = {i.argval for i in dis.get_instructions(current) if i.opname == "STORE_NAME"}
        for instruction in dis.get_instructions(current):
            if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}:
                name = instruction.argval
                if name not in known and name not in stored and current.co_qualname not in found.get(name, []):
                    found.setdefault(name, []).append(current.co_qualname)
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _codes(const)


def look_up_chains(tree: ast.Module, scope: dict[str, Any], report: dict[str, Any]) -> None:
    """Follow ``a.b.c`` through modules: a submodule that something else had imported in the notebook is not there."""
    local = {arg.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for arg in node.args}
    for node in ast.walk(tree):
        parts: list[str] = []
        part: ast.AST = node
        while isinstance(part, ast.Attribute):
            parts.append(part.attr)
            part = part.value
        if parts and isinstance(part, ast.Name) and part.id not in local:
            _look_up(part.id, parts[::-1], scope, report)


def _look_up(root: str, parts: list[str], scope: dict[str, Any], report: dict[str, Any]) -> None:
    value = scope.get(root)
    for end, part in enumerate(parts, 1):
        if not isinstance(value, ModuleType):
            return
        try:
            with _silent():
                value = getattr(value, part)
        except BaseException:  # noqa: BLE001 # modules with __getattr__ may raise anything
            dotted = ".".join([root, *parts[:end]])
            name = f"{value.__name__}.{part}"
            if dotted not in report["absent"]:
                report["absent"].append(dotted)
                if _can_import(name):
                    report["submodules"].append(name)
            return


def _can_import(name: str) -> bool:
    try:
        with _silent():
            importlib.import_module(name)
    except BaseException:  # noqa: BLE001 # a library may raise anything while it is imported
        return False
    return True


def missing_later(tree: ast.Module) -> list[str]:
    """Modules imported inside functions that cannot be found here."""
    names: set[str] = set()
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for node in ast.walk(function):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                    names.add(node.module.partition(".")[0])
    return sorted(name for name in names if name not in sys.modules and not _is_found(name))


def _is_found(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


_PLAIN_MODULES = frozenset({"datetime", "decimal", "fractions", "uuid", "pathlib", "zoneinfo"})
"""Modules whose objects cannot change and show all that they are."""


def canonical(value: object, own: str = "__main__", depth: int = 0) -> str | None:
    """Text of a value that is equal exactly when the values are; None for what has no such text.

    Args:
        value: the value.
        own: name of the module whose classes and functions are known by their names alone.
        depth: how deep inside another value it stands.
    """
    if value is None or (isinstance(value, (bool, int, float, complex, str, bytes)) and not _is_own(value, own)):
        return f"{type(value).__name__}:{value!r}"
    if depth > 20:
        return None

    def each(items: Any) -> list[str | None]:
        return [canonical(item, own, depth + 1) for item in items]

    kind = type(value).__name__
    if type(value) in {list, tuple}:
        return _joined(kind, each(value))
    if type(value) in {set, frozenset}:
        items = each(value)
        return None if None in items else _joined(kind, sorted(map(str, items)))
    if isinstance(value, dict):
        return _joined(kind, each(value.items()))
    if isinstance(value, collections.deque):
        return _joined(kind, each([value.maxlen, *value]))
    if type(value).__module__ == "numpy" and hasattr(value, "tobytes"):
        return _canonical_array(value)
    if type(value).__module__.partition(".")[0] in _PLAIN_MODULES or type(value) is range:
        return f"{kind}:{value!r}"
    return _canonical_object(value, own, depth)


def _canonical_array(value: Any) -> str | None:
    if getattr(getattr(value, "dtype", None), "hasobject", True):
        return None
    import hashlib

    shape = f"{value.dtype.str}{getattr(value, 'shape', ())}"
    return f"array:{shape}:{hashlib.sha256(value.tobytes()).hexdigest()}"


def _canonical_object(value: object, own: str, depth: int) -> str | None:
    """Text of an object of the module's own classes: their names and all that the object holds."""
    if not _is_own(value, own):
        return None
    if isinstance(value, enum.Enum):
        return f"{type(value).__qualname__}.{value.name}"
    own_state = getattr(value, "__dict__", None)
    is_plain = type(value).__reduce_ex__ is object.__reduce_ex__ and type(value).__reduce__ is object.__reduce__
    slots = any("__slots__" in vars(kind) for kind in type(value).__mro__[:-1])
    if not isinstance(own_state, dict) or slots or not is_plain or type(value).__mro__[-2].__module__ != own:
        return None
    return _joined(type(value).__qualname__, [canonical(dict(sorted(own_state.items())), own, depth + 1)])


def _is_own(value: object, own: str) -> bool:
    return type(value).__module__ == own


def short(value: object) -> str:
    """A value's text, cut so that it fits into a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _joined(kind: str, items: Sequence[str | None]) -> str | None:
    return None if any(item is None for item in items) else f"{kind}[{','.join(map(str, items))}]"


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


if __name__ == "__main__":
    main()

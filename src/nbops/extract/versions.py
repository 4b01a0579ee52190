"""Numbers for versions from what changed, and the versions of a module on disk and in the store."""

from __future__ import annotations

import ast
import hashlib
import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal

import msgspec
from packaging.version import Version

from nbops.errors import ConflictError, NotFoundError
from nbops.extract.files import module_path, write, write_module
from nbops.records import ModuleVersion
from nbops.store.interface import Store

Change = Literal["major", "minor", "patch"]
_WEIGHT: dict[Change, int] = {"major": 2, "minor": 1, "patch": 0}


class ModuleState(msgspec.Struct, frozen=True, kw_only=True):
    """A module of the project as it stands now."""

    module: str
    version: str
    """The version that the file holds; when the file was edited, the one it was edited from."""
    latest: str
    path: str
    state: Literal["unchanged", "edited", "missing"]
    functions: list[str]
    """Names that were asked for."""
    created_at: float


def digest_of(source: str) -> str:
    """Name a module's content: the sha256 of its text."""
    return hashlib.sha256(source.encode()).hexdigest()


def history(store: Store, module: str) -> list[ModuleVersion]:
    """List a module's versions, newest first.

    Args:
        store: the project's store.
        module: dotted name.

    Returns:
        Its versions; empty when there are none.
    """
    return store.find(ModuleVersion, module=module, order_by="-id")


def find_version(store: Store, reference: str) -> ModuleVersion:
    """Find a version by ``churn.features``, ``churn.features@1.2.0``, ``churn.features@DIGEST`` or its id.

    Args:
        store: the project's store.
        reference: what a person wrote; without ``@`` the newest version is meant.

    Returns:
        The version.

    Raises:
        NotFoundError: there is none, with those that there are.
    """
    module, _, wanted = reference.partition("@")
    versions = history(store, module)
    if not versions:
        by_id = [v for v in store.find(ModuleVersion) if v.id.startswith(reference)] if len(reference) >= 6 else []
        if len(by_id) == 1:
            return by_id[0]
        raise NotFoundError(f"there is no module {module!r}", hint="nbops modules")
    if wanted in {"", "last", "latest"}:
        return versions[0]
    for version in versions:
        if wanted == version.version or (len(wanted) >= 6 and version.digest.startswith(wanted)):
            return version
    known = ", ".join(version.version for version in versions)
    raise NotFoundError(
        f"{module} has no version {wanted!r}; there are {known}", hint=f"nbops rollback {module}@{versions[-1].version}"
    )


def current(
    store: Store, root: Path, module: str
) -> tuple[ModuleVersion | None, Literal["unchanged", "edited", "missing"]]:
    """Tell which version the module's file holds.

    Returns:
        The version and how the file relates to it; for an edited file the newest version, or None when nbops never
        wrote one.
    """
    versions = history(store, module)
    path = module_path(root, module)
    if not path.is_file():
        return (versions[0] if versions else None), "missing"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for version in versions:
        if version.digest == digest:
            return version, "unchanged"
    return (versions[0] if versions else None), "edited"


def modules(store: Store, root: Path) -> list[ModuleState]:
    """List the project's modules and whether their files were edited since they were written.

    Args:
        store: the project's store.
        root: the project's folder.

    Returns:
        One state for each module, by name.
    """
    newest: dict[str, ModuleVersion] = {}
    for version in store.find(ModuleVersion, order_by="-id"):
        newest.setdefault(version.module, version)
    states = []
    for module, latest in sorted(newest.items()):
        held, state = current(store, root, module)
        held = held or latest
        states.append(
            ModuleState(
                module=module,
                version=held.version,
                latest=latest.version,
                path=held.path,
                state=state,
                functions=[d.name for d in held.definitions if d.requested],
                created_at=held.created_at,
            )
        )
    return states


def other_modules(store: Store, root: Path, module: str) -> list[ModuleVersion]:
    """List the versions that the files of the project's other modules hold, but for those that import this one."""
    names = {version.module for version in store.find(ModuleVersion)} - {module}
    held = [current(store, root, name) for name in sorted(names)]
    return [v for v, state in held if v is not None and state == "unchanged" and module not in _imported_by(v.source)]


def _imported_by(source: str) -> set[str]:
    return {node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}


def rollback(store: Store, root: Path, reference: str, *, overwrite: bool = False) -> ModuleVersion:
    """Put an earlier version of a module back in its place; the history keeps all of them.

    Args:
        store: the project's store.
        root: the project's folder.
        reference: ``churn.features@1.2.0``; without ``@`` the version before the one the file holds.
        overwrite: whether edits made in the file may be lost.

    Returns:
        The version that the file now holds.

    Raises:
        NotFoundError: there is no such version.
        ConflictError: the file was edited.
    """
    module, _, wanted = reference.partition("@")
    held, state = current(store, root, module)
    if state == "edited" and not overwrite:
        raise edited_error(root, module, held)
    if wanted:
        version = find_version(store, reference)
    else:
        versions = history(store, module)
        place = next((i for i, v in enumerate(versions) if held is not None and v.id == held.id), 0)
        if place + 1 >= len(versions):
            raise NotFoundError(f"{module} has no version before the present one", hint=f"nbops modules {module}")
        version = versions[place + 1]
    write_module(root, module, version.source)
    return version


def edited_error(root: Path, module: str, held: ModuleVersion | None) -> ConflictError:
    """Say that a file would lose what somebody wrote into it."""
    path = module_path(root, module)
    if held is None:
        return ConflictError(
            f"{path} exists and was not written by nbops",
            code="not_ours",
            hint="choose another --to, or give --overwrite to replace it",
        )
    return ConflictError(
        f"{path} was edited since version {held.version} was written",
        code="edited",
        hint=f"nbops diff {module}, nbops pull {module}; or give --overwrite to lose the edits",
    )


# Numbers.


def next_version(versions: Sequence[ModuleVersion], change: Change) -> str:
    """Return the number after the highest one there is.

    Example:
        >>> next_version([], "patch")
        '1.0.0'
    """
    if not versions:
        return "1.0.0"
    major, minor, patch = max(Version(version.version) for version in versions).release
    if change == "major":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if change == "minor" else f"{major}.{minor}.{patch + 1}"


def what_changed(old: str, new: str) -> tuple[Change, list[str]]:
    """Compare what two texts of a module offer to callers.

    Args:
        old: the earlier source.
        new: the later source.

    Returns:
        ``major`` when a caller may break, ``minor`` when something was added, else ``patch``; and the reasons.

    Example:
        >>> what_changed("def f(x): return x", "def f(x, y=1): return x")
        ('minor', ['f(): new parameter y with a default'])
        >>> what_changed("def f(x): return x", "def f(y): return y")[0]
        'major'
    """
    before, after = _surface(old), _surface(new)
    reasons: list[tuple[Change, str]] = []
    for name in before:
        if name not in after:
            reasons.append(("major", f"{name} is gone"))
        else:
            reasons += _compared(name, before[name], after[name])
    reasons += [("minor", f"{name} is new") for name in after if name not in before]
    change: Change = max((kind for kind, _ in reasons), key=_WEIGHT.__getitem__, default="patch")
    return change, [text for kind, text in reasons if kind == change]


_Offered = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


def _surface(source: str) -> dict[str, _Offered]:
    found: dict[str, _Offered] = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, (ast.If, ast.Try)):
            for inner in ast.walk(node):
                if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    found.setdefault(inner.name, inner)
    return {name: node for name, node in found.items() if not name.startswith("_")}


def _compared(name: str, old: _Offered, new: _Offered) -> list[tuple[Change, str]]:
    if isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef):
        return _compared_classes(name, old, new)
    if isinstance(old, ast.ClassDef) or isinstance(new, ast.ClassDef):
        return [("major", f"{name} was {_kind(old)} and is {_kind(new)}")]
    if _kind(old) != _kind(new):
        return [("major", f"{name}() was {_kind(old)} and is {_kind(new)}")]
    return [(change, f"{name}(): {text}") for change, text in _compared_signatures(old.args, new.args)]


def _kind(node: _Offered) -> str:
    if isinstance(node, ast.ClassDef):
        return "a class"
    if isinstance(node, ast.AsyncFunctionDef):
        return "an async function"
    if isinstance(node, ast.FunctionDef) and _yields(node):
        return "a generator"
    return "a function"


def _yields(node: ast.FunctionDef) -> bool:
    stack: list[ast.AST] = list(node.body)
    while stack:
        part = stack.pop()
        if isinstance(part, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(part))
    return False


def _compared_signatures(old: ast.arguments, new: ast.arguments) -> list[tuple[Change, str]]:
    reasons: list[tuple[Change, str]] = []
    before, after = _parameters(old), _parameters(new)
    old_order = [name for name, p in before.items() if p.place is not None]
    new_order = [name for name, p in after.items() if p.place is not None]
    if new_order[: len(old_order)] != old_order and not (
        old.vararg is None and _only_moved_to_end(old_order, new_order)
    ):
        gone = [name for name in old_order if name not in after]
        reasons.append(("major", f"parameter {gone[0]} is gone" if gone else "positional parameters changed places"))
    for name, parameter in before.items():
        now = after.get(name)
        if now is None:
            if name not in old_order:
                reasons.append(("major", f"parameter {name} is gone"))
        elif parameter.has_default and not now.has_default:
            reasons.append(("major", f"parameter {name} lost its default"))
        elif parameter.by_name and not now.by_name:
            reasons.append(("major", f"parameter {name} can no longer be given by name"))
    for name, parameter in after.items():
        if name not in before:
            if parameter.has_default:
                reasons.append(("minor", f"new parameter {name} with a default"))
            else:
                reasons.append(("major", f"new parameter {name} without a default"))
    for star, was, now_star in (("*", old.vararg, new.vararg), ("**", old.kwarg, new.kwarg)):
        if was is not None and now_star is None:
            reasons.append(("major", f"{star}{was.arg} is gone"))
        elif was is None and now_star is not None:
            reasons.append(("minor", f"new {star}{now_star.arg}"))
    return reasons


def _only_moved_to_end(old: list[str], new: list[str]) -> bool:
    return new[: len(old)] == old


class _Parameter(msgspec.Struct, frozen=True):
    place: int | None
    by_name: bool
    has_default: bool


def _parameters(arguments: ast.arguments) -> dict[str, _Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    found = {
        arg.arg: _Parameter(place, place >= len(arguments.posonlyargs), place >= first_default)
        for place, arg in enumerate(positional)
    }
    for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found[arg.arg] = _Parameter(None, True, default is not None)
    return found


def _compared_classes(name: str, old: ast.ClassDef, new: ast.ClassDef) -> list[tuple[Change, str]]:
    reasons: list[tuple[Change, str]] = []
    bases = [ast.unparse(base) for base in old.bases]
    lost = [base for base in bases if base not in {ast.unparse(b) for b in new.bases}]
    if lost:
        reasons.append(("major", f"{name} no longer is a {lost[0]}"))
    before, after = _members(old), _members(new)
    for member in before:
        if member not in after:
            reasons.append(("major", f"{name}.{member} is gone"))
        else:
            reasons += _compared(f"{name}.{member}", before[member], after[member])
    reasons += [("minor", f"{name}.{member} is new") for member in after if member not in before]
    if _is_made_from_fields(old) and _is_made_from_fields(new):
        reasons += [(c, f"{name}(): {t}") for c, t in _compared_signatures(_fields(old), _fields(new))]
    return reasons


def _members(node: ast.ClassDef) -> dict[str, _Offered]:
    return {
        member.name: member
        for member in node.body
        if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and (not member.name.startswith("_") or member.name in {"__init__", "__call__", "__new__"})
    }


def _is_made_from_fields(node: ast.ClassDef) -> bool:
    marks = [*node.decorator_list, *node.bases]
    return any(
        "dataclass" in ast.unparse(m) or "NamedTuple" in ast.unparse(m) or "BaseModel" in ast.unparse(m) for m in marks
    )


def _fields(node: ast.ClassDef) -> ast.arguments:
    """A dataclass's fields as the parameters of the call that makes one."""
    fields = [s for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)]
    required = [s for s in fields if s.value is None]
    optional = [s for s in fields if s.value is not None]
    return ast.arguments(
        posonlyargs=[],
        args=[ast.arg(s.target.id) for s in [*required, *optional] if isinstance(s.target, ast.Name)],
        vararg=None,
        kwonlyargs=[],
        kw_defaults=[],
        kwarg=None,
        defaults=[s.value for s in optional if s.value is not None],
    )


# Versions beside each other.


def frozen_name(version: ModuleVersion) -> str:
    """The importable name that belongs to one version's content alone.

    A file under this name never changes, so nothing that holds on to it (a pickle, a worker, a running loop) is ever
    surprised by a later export; that is why nothing here is ever reloaded.
    """
    return f"{version.module.replace('.', '__')}__{version.digest[:16]}"


def import_version(version: ModuleVersion, *, root: Path) -> ModuleType:
    """Import one version of a module beside any other.

    The file is written to ``.nbops/modules``, which is put on ``sys.path``; joblib and multiprocessing hand that path
    to their workers, so functions of any version can be sent to them.

    Args:
        version: the version.
        root: the project's folder.

    Returns:
        The module, under its content-addressed name.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> version = ModuleVersion(
        ...     id="1", module="m.f", version="1.0.0", digest=digest_of("x = 1"), path="", source="x = 1",
        ...     definitions=[], provenance="static", created_at=0.0,
        ... )
        >>> import_version(version, root=Path(folder.name)).x
        1
        >>> folder.cleanup()
    """
    folder = (root / ".nbops" / "modules").absolute()
    name = frozen_name(version)
    path = folder / f"{name}.py"
    if not path.is_file() or digest_of(path.read_text("utf-8")) != version.digest:
        for digest in version.pins.values():
            pinned = module_path(root, version.module).parent / "_pins" / f"{digest}.joblib"
            write(folder / "_pins" / pinned.name, pinned.read_bytes())
        write(path, version.source.encode())
        importlib.invalidate_caches()
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return importlib.import_module(name)


def imported(
    loaded: Mapping[str, ModuleType | None] | Iterable[str] | None = None, *, store: Store, root: Path
) -> list[ModuleVersion]:
    """List the module versions that a process has imported, for its run to remember.

    Args:
        loaded: ``sys.modules`` or names; this process's own when not given.
        store: the project's store.
        root: the project's folder.

    Returns:
        The versions, each either by its frozen name or because its file holds exactly that version.
    """
    names = set(sys.modules if loaded is None else loaded)
    found = []
    for version in store.find(ModuleVersion, order_by="-id"):
        if frozen_name(version) in names:
            found.append(version)
        elif version.module in names:
            path = module_path(root, version.module)
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == version.digest:
                found.append(version)
    return found

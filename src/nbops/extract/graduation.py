"""What a pickled object needs from ``__main__``, made into a module that can travel with it.

A pickle holds functions and classes by name. Those of a notebook are called ``__main__.…``, which exists nowhere else;
here their text becomes a module, and while the object is pickled they answer to that module's name.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbops.extract.files import module_path
from nbops.extract.live import same_code
from nbops.extract.main_objects import main_objects
from nbops.extract.needs import Blocker
from nbops.extract.planning import Plan, make_plan
from nbops.extract.proving import prove, refuse_blocked
from nbops.extract.standing import stands_in
from nbops.records import ModuleVersion
from nbops.source import SourceCell, analyse
from nbops.source.reads import all_code

_PLACEHOLDER = "nbops_graduated_module"
_HEADER = "Definitions of a notebook that a model needs, taken from it by nbops when the model was packed."


@dataclass(frozen=True)
class Graduated:
    """Modules that a pickled object needs, and how to pickle it so that it finds them."""

    modules: dict[str, str] = field(default_factory=dict)
    """Module name → source."""
    names: dict[str, str] = field(default_factory=dict)
    """``__main__`` name → the name in the module: ``__main__.clean`` → ``notebook_1a2b….clean``."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Pinned data: path beside the modules → bytes."""
    notes: list[str] = field(default_factory=list)
    module_version_ids: list[str] = field(default_factory=list)
    """The extracted module that it was, where the definitions stood in one already."""
    objects: dict[str, Any] = field(default_factory=dict)
    """Name in the module → the live object."""

    @contextlib.contextmanager
    def repointed(self) -> Iterator[None]:
        """Let the live objects answer to their module's name while something pickles them.

        Works for every pickler that names things by ``__module__`` and ``__qualname__``: pickle, joblib, skops.
        Everything is put back at the end; other threads should not pickle the same objects meanwhile.
        """
        before: list[tuple[Any, dict[str, str]]] = []
        loaded = {name: sys.modules.get(name) for module in self.modules for name in (module, *_packages_of(module))}
        try:
            for name, old in loaded.items():
                if name in self.modules or old is None:
                    sys.modules[name] = types.ModuleType(name)
            for path, value in self.objects.items():
                module, _, name = path.rpartition(".")
                setattr(sys.modules[module], name, value)
                _rename(value, module, name, before)
            yield
        finally:
            for value, attributes in reversed(before):
                for attribute, text in attributes.items():
                    setattr(value, attribute, text)
            for module, old in loaded.items():
                if old is None:
                    sys.modules.pop(module, None)
                else:
                    sys.modules[module] = old

    def write(self, folder: Path) -> list[Path]:
        """Write the modules and their pinned data into a folder that will be on the import path."""
        written = []
        sources = {f"{name.replace('.', '/')}.py": text.encode() for name, text in self.modules.items()}
        for name, data in {**sources, **self.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            written.append(path)
        return written


def _packages_of(module: str) -> list[str]:
    parts = module.split(".")[:-1]
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def graduate(
    value: object,
    *,
    cells: Sequence[SourceCell],
    namespace: Mapping[str, object],
    root: Path,
    notebook: str | None = None,
    modules: Sequence[ModuleVersion] = (),
) -> Graduated:
    """Find every function and class of ``__main__`` that pickling an object needs, and make a module of them.

    Args:
        value: the object, such as a fitted pipeline.
        cells: recorded executions in the order they ran.
        namespace: the live user namespace.
        root: the project's folder.
        notebook: path of the notebook, relative to the project.
        modules: extracted modules; one in which everything stands just so is taken instead of a new one.

    Returns:
        The module, proven in a clean process, and the names; empty when the object needs nothing of ``__main__``.
        Data that the functions read is pinned, and noted.

    Raises:
        ExtractError: something cannot honestly leave the notebook, or the object cannot be pickled at all.

    Example:
        >>> graduate([1, 2], cells=[], namespace={}, root=Path(".")).modules
        {}
    """
    needed = main_objects(value)
    if not needed:
        return Graduated()
    named = _named(needed, cells, namespace)
    refuse_blocked(named.blockers, [blocker.name for blocker in named.blockers])
    made = [SourceCell(index=len(cells) + 1, source=text, status="ok") for text in named.lambdas.values()]
    scope = {**namespace, **named.extra}
    plan = _planned(named.names, [*cells, *made], scope, root, notebook)
    held = next((v for v in modules if stands_in(v, named.names, plan.closure, plan.carried.texts)), None)
    if held is None:
        if not plan.blockers:
            prove(plan, root=root, notebook=notebook, namespace=scope)
        doubtful = _pinnable(plan)
        if doubtful:  # what may have been changed out of sight travels as it is
            plan = _planned(named.names, [*cells, *made], scope, root, notebook, doubtful)
            if not plan.blockers:
                prove(plan, root=root, notebook=notebook, namespace=scope)
        refuse_blocked(plan.blockers, named.names)
        module, source = f"notebook_{hashlib.sha256(plan.source.encode()).hexdigest()[:16]}", plan.source
        files = {f"_pins/{digest}.joblib": data for digest, data in plan.carried.artifacts.items()}
    else:
        module, source, files = held.module, held.source, _pins_of(held, root)
    objects = {f"{module}.{name}": obj for name, obj in named.objects.items()}
    return Graduated(
        modules={module: source},
        names={f"__main__.{getattr(obj, '__qualname__', path)}": path for path, obj in objects.items()},
        files=files,
        notes=plan.notes,
        module_version_ids=[] if held is None else [held.id],
        objects=objects,
    )


def _planned(
    names: Sequence[str],
    cells: Sequence[SourceCell],
    scope: Mapping[str, object],
    root: Path,
    notebook: str | None,
    pins: Sequence[str] = (),
) -> Plan:
    """Plan the module; where a choice is open, what the object itself was made of is taken, and its data with it."""

    def planned(pins: Sequence[str] = (), definition: Mapping[str, str] | None = None) -> Plan:
        return make_plan(
            names, cells=cells, module=_PLACEHOLDER, root=root, namespace=scope, notebook=notebook, pins=pins,
            definition=definition, header=_HEADER,
        )  # fmt: skip

    plan = planned(pins)
    chosen = {b.name: choice for b in plan.blockers if (choice := _as_it_is(b)) is not None}
    if chosen:
        plan = planned(pins, chosen)
    data = sorted({*pins, *_pinnable(plan)})
    if data:
        plan = planned(data, chosen)
        plan.notes.append(f"{', '.join(data)} travels with the model as it is now")
    return plan


def _pinnable(plan: Plan) -> list[str]:
    return sorted({b.name for b in plan.blockers if f"--pin {b.name}" in b.cures})


def _as_it_is(blocker: Blocker) -> str | None:
    """The text that made the live object, when another one was typed since."""
    if blocker.kind != "conflict":
        return None
    return "live" if "live" in blocker.choices else "last" if "saved" in blocker.choices else None


def _pins_of(version: ModuleVersion, root: Path) -> dict[str, bytes]:
    folder = module_path(root, version.module).parent / "_pins"
    packages = "".join(f"{package}/" for package in version.module.split(".")[:-1])
    return {
        f"{packages}_pins/{digest}.joblib": (folder / f"{digest}.joblib").read_bytes()
        for digest in sorted(version.pins.values())
    }


@dataclass
class _Named:
    names: list[str] = field(default_factory=list)
    """Global names to extract."""
    objects: dict[str, Any] = field(default_factory=dict)
    """Dotted name in the module → object."""
    lambdas: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    """Names given to lambdas that had none."""
    blockers: list[Blocker] = field(default_factory=list)


def _named(objects: Sequence[Any], cells: Sequence[SourceCell], namespace: Mapping[str, object]) -> _Named:
    named = _Named()
    for obj in objects:
        path = str(getattr(obj, "__qualname__", ""))
        root = path.partition(".")[0]
        if "<" not in path and _reached(namespace, path) is obj:
            named.names.append(root)
            named.objects[path] = obj
            continue
        own = next((name for name, value in namespace.items() if value is obj and not name.startswith("_")), None)
        if own is not None:
            named.names.append(own)
            named.objects[own] = obj
        elif path.endswith("<lambda>") and isinstance(obj, types.FunctionType):
            _name_lambda(obj, cells, named)
        else:
            named.blockers.append(
                Blocker(
                    name=path, kind="unsupported", cures=["give it a name of its own, and run what uses it again"],
                    reason="is held by the object, but no global name of the session reaches it",
                )
            )  # fmt: skip
    named.names = list(dict.fromkeys(named.names))
    return named


def _reached(namespace: Mapping[str, object], path: str) -> object:
    root, *rest = path.split(".")
    value = namespace.get(root)
    for part in rest:
        value = getattr(value, part, None)
    return value


def _name_lambda(obj: types.FunctionType, cells: Sequence[SourceCell], named: _Named) -> None:
    text = _lambda_text(obj, cells)
    if text is None or obj.__closure__ or obj.__defaults__:
        why = "holds values of the function that made it" if obj.__closure__ else "has no text that can be found"
        named.blockers.append(
            Blocker(name="<lambda>", kind="unsupported", reason=why, cures=["write it as a function with a name"])
        )
        return
    name = f"lambda_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    named.names.append(name)
    named.objects[name] = obj
    named.lambdas[name] = f"{name} = {text}"
    named.extra[name] = obj


def _lambda_text(obj: types.FunctionType, cells: Sequence[SourceCell]) -> str | None:
    for cell in reversed(cells):
        for unit in analyse(cell.source).units if "lambda" in cell.source else ():
            if unit.code is None or not any(same_code(code, obj.__code__) for code in all_code(unit.code)):
                continue
            for node in ast.walk(unit.node):
                if isinstance(node, ast.Lambda):
                    text = ast.unparse(node)
                    code = analyse(f"f = {text}").units[0].code
                    if code is not None and any(same_code(c, obj.__code__) for c in all_code(code)):
                        return text
    return None


def _rename(value: Any, module: str, name: str, before: list[tuple[Any, dict[str, str]]]) -> None:
    old = {
        a: getattr(value, a)
        for a in ("__module__", "__qualname__", "__name__")
        if isinstance(getattr(value, a, None), str)
    }
    before.append((value, old))
    value.__module__ = module
    if "." not in name:
        value.__qualname__ = name
        value.__name__ = name

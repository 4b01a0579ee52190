"""The way back: what was edited in a module's file, in the notebook, or in both, since the version was written."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from nbops.errors import ExtractError, NotFoundError
from nbops.extract.files import module_path
from nbops.extract.planning import make_plan
from nbops.extract.versions import current, find_version, history, other_modules
from nbops.records import ModuleVersion
from nbops.source import SourceCell, analyse
from nbops.store.interface import Store


class Threeway(msgspec.Struct, frozen=True, kw_only=True):
    """One definition in its three places."""

    name: str
    recorded: str | None
    """As the version has it; None when the version has no such definition."""
    file: str | None
    """As the module's file has it."""
    notebook: str | None
    """As an export would write it now; None when the notebook does not define it."""
    state: Literal["same", "file", "notebook", "both", "agree"]
    """Where it was edited; ``agree``: in both places, alike."""


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """A definition that was edited in the module's file, for a new cell of the notebook."""

    name: str
    source: str
    is_conflict: bool
    """Whether the notebook's own definition was edited too; then both have to be looked at."""
    notebook: str | None
    diff: str
    """From the notebook's definition to the file's."""


def compare(
    module: str,
    *,
    store: Store,
    root: Path,
    cells: Sequence[SourceCell] = (),
    namespace: Mapping[str, object] | None = None,
    notebook: str | None = None,
) -> list[Threeway]:
    """Hold the notebook, the recorded version and the file of a module against each other.

    Args:
        module: dotted name.
        store: the project's store.
        root: the project's folder.
        cells: recorded executions or a notebook's cells; without any, the notebook takes no part.
        namespace: the live objects, when there is a kernel.
        notebook: path of the notebook, relative to the project.

    Returns:
        One entry for each definition of any of the three.

    Raises:
        NotFoundError: nbops never wrote this module.
        ExtractError: the file is not Python.
    """
    version, _ = current(store, root, module)
    if version is None:
        raise NotFoundError(f"nbops has not written a module {module!r}", hint="nbops modules")
    recorded = _texts(version.source)
    path = module_path(root, module)
    file = _texts(path.read_text("utf-8"), str(path)) if path.is_file() else {}
    others = other_modules(store, root, module)
    in_notebook = _notebook_texts(version, others, cells, root, namespace, notebook) if cells else recorded
    names = list(dict.fromkeys([*recorded, *file, *in_notebook]))
    return [_three(name, recorded.get(name), file.get(name), in_notebook.get(name)) for name in names]


def pull(
    module: str,
    *,
    store: Store,
    root: Path,
    cells: Sequence[SourceCell] = (),
    namespace: Mapping[str, object] | None = None,
    notebook: str | None = None,
) -> list[Pulled]:
    """Offer what was edited in a module's file as sources of new cells; nothing is overwritten.

    Args:
        module, store, root, cells, namespace, notebook: as for ``compare``.

    Returns:
        One entry for each definition that was edited or added in the file.

    Raises:
        NotFoundError: nbops never wrote this module.
        ExtractError: the file is not Python.
    """
    version, _ = current(store, root, module)
    pins = version.pins if version is not None else {}
    pulled = []
    for entry in compare(module, store=store, root=root, cells=cells, namespace=namespace, notebook=notebook):
        if entry.state in {"file", "both"} and entry.file is not None:
            is_known = bool(cells)
            pulled.append(
                Pulled(
                    name=entry.name,
                    source=_without_lookups(entry.file, pins),
                    is_conflict=entry.state == "both",
                    notebook=entry.notebook if is_known else None,
                    diff=_unified(entry.notebook or "", entry.file, "notebook", "file"),
                )
            )
    return pulled


def _without_lookups(text: str, pins: Mapping[str, str]) -> str:
    """Leave out the lines that fetch pinned data: the notebook has the data itself."""
    fetched = {f'{name} = _pinned("{digest}")' for name, digest in pins.items()}
    return "\n".join(line for line in text.split("\n") if line.strip() not in fetched)


def diff(
    reference: str,
    other: str | None = None,
    *,
    store: Store,
    root: Path,
    cells: Sequence[SourceCell] = (),
    namespace: Mapping[str, object] | None = None,
    notebook: str | None = None,
) -> str:
    """Show what differs, as unified diffs.

    Args:
        reference: ``churn.features`` for three ways (notebook, recorded, file), or a version ``churn.features@1.0.0``.
        other: a second version, to compare two; without it a single version is compared with the file.
        store, root, cells, namespace, notebook: as for ``compare``.

    Returns:
        The text; empty when nothing differs.

    Raises:
        NotFoundError: there is no such module or version.
    """
    if other is not None or "@" in reference:
        return _between_versions(reference, other, store, root)
    parts = []
    for entry in compare(reference, store=store, root=root, cells=cells, namespace=namespace, notebook=notebook):
        parts.append(
            _unified(entry.recorded or "", entry.file or "", f"{entry.name} (recorded)", f"{entry.name} (file)")
        )
        if cells:
            labels = f"{entry.name} (recorded)", f"{entry.name} (notebook)"
            parts.append(_unified(entry.recorded or "", entry.notebook or "", *labels))
    return "".join(parts)


def _between_versions(reference: str, other: str | None, store: Store, root: Path) -> str:
    first = find_version(store, reference)
    if other is None:
        path = module_path(root, first.module)
        text = path.read_text("utf-8") if path.is_file() else ""
        return _unified(first.source, text, f"{first.module}@{first.version}", str(path))
    if "@" not in other and not history(store, other):
        other = f"{first.module}@{other}"
    second = find_version(store, other)
    return _unified(first.source, second.source, f"{first.module}@{first.version}", f"{second.module}@{second.version}")


def _texts(source: str, where: str = "") -> dict[str, str]:
    names = analyse(source)
    if names.plain.problem is not None:
        raise ExtractError(f"{where} is not Python: {names.plain.problem}", hint=f"python -m py_compile {where}")
    texts: dict[str, str] = {}
    for unit in names.units:
        if unit.kind in {"function", "class", "value"}:
            for name in sorted(unit.binds):
                texts[name] = f"{texts[name]}\n{unit.text}" if name in texts else unit.text
    return texts


def _notebook_texts(
    version: ModuleVersion,
    others: Sequence[ModuleVersion],
    cells: Sequence[SourceCell],
    root: Path,
    namespace: Mapping[str, object] | None,
    notebook: str | None,
) -> dict[str, str]:
    """What the notebook would write now, with the same data made parameters and pins as then."""
    names = [d.name for d in version.definitions if d.requested]
    pins = [p for p in version.pins if namespace is not None and p in namespace]
    plan = make_plan(
        names, cells=cells, module=version.module, root=root, namespace=namespace, notebook=notebook,
        parameters=version.parameters, pins=pins, held=version, others=others,
    )  # fmt: skip
    return _texts(plan.source)


def _three(name: str, recorded: str | None, file: str | None, notebook: str | None) -> Threeway:
    in_file, in_notebook = file != recorded, notebook != recorded
    state: Literal["same", "file", "notebook", "both", "agree"] = "same"
    if in_file and in_notebook:
        state = "agree" if file == notebook else "both"
    elif in_file or in_notebook:
        state = "file" if in_file else "notebook"
    return Threeway(name=name, recorded=recorded, file=file, notebook=notebook, state=state)


def _unified(old: str, new: str, old_label: str, new_label: str) -> str:
    lines = difflib.unified_diff(_lines(old), _lines(new), old_label, new_label)
    return "".join(lines)


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.rstrip("\n").split("\n")] if text else []

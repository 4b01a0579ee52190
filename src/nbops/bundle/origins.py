"""The source a model needs beyond installed packages: modules of the project and definitions of the notebook.

A pickle only names the classes and functions inside a model. Those of installed packages are installed again where the
model is served; the project's own must travel with it. Definitions that live in the notebook (``__main__``) get a
module: one that was extracted, when it has them, else one that is written here from the text of their cells.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbops.bundle.definitions import module_of, source_of
from nbops.errors import BundleError
from nbops.records import ModuleVersion

_NEVER = ("__main__", "nbops", "nbops_serving", "")
"""What is no source of the project, even where nbops itself is being worked on."""
MOST_SOURCE_BYTES = 4_000_000
"""A project whose packages are larger than this is surely not all needed by one model."""


@dataclass
class Origins:
    """Sources that travel with a model.

    Example:
        >>> Origins(sources={"shop/prices.py": "def net(x): ..."}).defines("shop.prices.net")
        True
    """

    sources: dict[str, str] = field(default_factory=dict)
    """Path below the import root → text."""
    aliases: dict[str, str] = field(default_factory=dict)
    """``__main__.Name`` → module that holds it."""
    module_version_ids: list[str] = field(default_factory=list)

    @property
    def modules(self) -> list[str]:
        """Top-level names of what travels, sorted."""
        return sorted({path.split("/", 1)[0].removesuffix(".py") for path in self.sources})

    def defines(self, name: str) -> bool:
        """Tell whether ``module.name`` is defined in these sources."""
        return name in self.aliases or name.partition(".")[0] in self.modules


def origins_of(names: Iterable[str], *, modules: Sequence[ModuleVersion] = ()) -> Origins:
    """Find the source of everything a model loads that no installed package has.

    Args:
        names: what the model loads, as ``module.name``.
        modules: extracted modules, which may hold definitions of the notebook.

    Returns:
        The sources, and under which module the notebook's definitions are found there.

    Raises:
        BundleError: a definition has no source, or uses something that cannot travel.
    """
    found = Origins()
    notebook = [name.removeprefix("__main__.") for name in names if name.startswith("__main__.")]
    _take_notebook(sorted(notebook), modules, found)
    local = {name.rpartition(".")[0] for name in names if not name.startswith("__main__.")}
    for module in sorted(local):
        _take_module(module, found)
    for text in list(found.sources.values()):
        for module in sorted(imports_of(text)):
            _take_module(module, found)
    found.module_version_ids.extend(
        module.id
        for module in modules
        if module.id not in found.module_version_ids and module.source in found.sources.values()
    )
    size = sum(len(text) for text in found.sources.values())
    if size > MOST_SOURCE_BYTES:
        raise BundleError(
            f"the model needs {size:,} bytes of this project's source ({', '.join(found.modules)})",
            code="source_too_large",
            hint="move what the model uses to a smaller package: nbops extract NAME --to PACKAGE.MODULE",
        )
    return found


def _take_notebook(names: list[str], modules: Sequence[ModuleVersion], found: Origins) -> None:
    missing = []
    for name in names:
        top = name.partition(".")[0]
        holder = next((one for one in modules if holds(one, top)), None)
        if holder is None:
            missing.append(name)
            continue
        _take_text(holder.module, holder.source, found)
        found.aliases[f"__main__.{name}"] = holder.module
        if holder.id not in found.module_version_ids:
            found.module_version_ids.append(holder.id)
    if missing:
        module, text = module_of(sorted({name.partition(".")[0] for name in missing}))
        _take_text(module, text, found)
        found.aliases.update({f"__main__.{name}": module for name in missing})


def holds(module: ModuleVersion, name: str) -> bool:
    """Tell whether an extracted module has a definition of the notebook just as it stands there now.

    Args:
        module: the module.
        name: a function or class at the top of ``__main__``.

    Returns:
        Whether their code is the same, comments and spaces aside; a cell that was changed since has another one.
    """
    if not any(part.name == name for part in module.definitions):
        return False
    live = vars(sys.modules["__main__"]).get(name)
    if not isinstance(live, types.FunctionType | type):
        return False
    try:
        own = ast.parse(source_of(live)).body[0]
    except BundleError:
        return True  # only the module knows its text
    return any(ast.dump(node) == ast.dump(own) for node in ast.parse(module.source).body)


def _take_text(module: str, text: str, found: Origins) -> None:
    *packages, last = module.split(".")
    for depth in range(len(packages)):
        found.sources.setdefault("/".join([*packages[: depth + 1], "__init__.py"]), "")
    found.sources["/".join([*packages, f"{last}.py"])] = text


def _take_module(module: str, found: Origins) -> None:
    """Take a module of this project, the packages around it, and the modules of this project that it imports."""
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _path_of(name, found)
        file = _project_file(name)
        if file is None or path in found.sources:
            continue
        is_package = file.name == "__init__.py"
        text = file.read_text("utf-8") if file.is_file() else ""  # a package without __init__.py gets an empty one
        found.sources[f"{name.replace('.', '/')}/__init__.py" if is_package else path] = text
        if "." in name:
            waiting.append(name.rpartition(".")[0])
        waiting.extend(imports_of(text, within=name if is_package else name.rpartition(".")[0]))


def _path_of(name: str, found: Origins) -> str:
    package = f"{name.replace('.', '/')}/__init__.py"
    return package if package in found.sources else f"{name.replace('.', '/')}.py"


def _project_file(module: str) -> Path | None:
    """Return the file of a module, None when it is installed, built in or no module at all."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in _NEVER:
        return None
    if top != module and _project_file(top) is None:
        return None  # looking deeper would import the packages on the way
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None  # a name imported from a module looks like a module of its own
    if spec is None:
        return None
    if spec.origin is None and spec.submodule_search_locations:
        place = Path(next(iter(spec.submodule_search_locations))) / "__init__.py"
    elif spec.origin is not None and spec.origin.endswith(".py"):
        place = Path(spec.origin)
    else:
        return None
    return None if is_installed(place) else place


def is_installed(place: Path) -> bool:
    """Tell a file of the interpreter or of an installed package from one of the project."""
    if {"site-packages", "dist-packages"} & set(place.parts):
        return True
    return any(place.is_relative_to(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))


def imports_of(text: str, *, within: str = "") -> set[str]:
    """List what a source imports that may be modules.

    Args:
        text: Python source.
        within: the package that relative imports start from.

    Returns:
        Dotted names; of ``from a import b`` both ``a`` and ``a.b``, because ``b`` may be a module.

    Example:
        >>> sorted(imports_of("import a.b; from c import d; from . import e", within="shop"))
        ['a.b', 'c', 'c.d', 'shop', 'shop.e']
    """
    return set(_imports(ast.parse(text), within))


def _imports(tree: ast.AST, within: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            packages = within.split(".")
            above = packages[: len(packages) - node.level + 1] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield start
            yield from (f"{start}.{alias.name}" for alias in node.names)

"""The source a model needs beyond installed packages: modules of the project, and what was taken from the notebook.

A pickle only names the classes and functions inside a model. Those of installed packages are installed again where the
model is served; the project's own must travel with it. Definitions that live in the notebook (``__main__``) were made a
module before; ``flows/graduate`` does that.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

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

    sources: dict[str, str | bytes] = field(default_factory=dict)
    """Path below the import root → text of a module, or bytes of data that one reads."""
    module_version_ids: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What whoever keeps the model should know."""
    renamed: Callable[[], AbstractContextManager[None]] = nullcontext
    """While the model is pickled: what it has of the notebook answers to the name of its module."""

    @property
    def modules(self) -> list[str]:
        """Top-level names of what travels, sorted."""
        return sorted({path.split("/", 1)[0].removesuffix(".py") for path in self.texts})

    @property
    def texts(self) -> dict[str, str]:
        """The modules among the sources."""
        return {path: text for path, text in self.sources.items() if isinstance(text, str)}

    def defines(self, name: str) -> bool:
        """Tell whether ``module.name`` is defined in these sources."""
        return name.partition(".")[0] in self.modules


def origins_of(
    names: Iterable[str], *, notebook: Origins | None = None, modules: Sequence[ModuleVersion] = ()
) -> Origins:
    """Find the source of everything a model loads that no installed package has.

    Args:
        names: what the model loads, as ``module.name``.
        notebook: what was found for the definitions of the notebook.
        modules: extracted modules, to tell which of them the model uses.

    Returns:
        The sources.

    Raises:
        BundleError: the model needs more source than one model surely does, or definitions of the notebook that were
            not found before.
    """
    found = Origins() if notebook is None else replace(notebook, sources=dict(notebook.sources))
    names = list(names)
    loose = sorted(name for name in names if name.startswith("__main__."))
    if loose:
        raise BundleError(
            f"the model needs {', '.join(loose)}, which only exists in this notebook",
            code="definition_missing",
            hint="nbops.log_model(model, name=…) in that notebook",
        )
    for module in sorted({name.rpartition(".")[0] for name in names}):
        _take_module(module, found)
    for text in list(found.texts.values()):
        for module in sorted(imports_of(text)):
            _take_module(module, found)
    found.module_version_ids = list(
        dict.fromkeys(
            [*found.module_version_ids, *(module.id for module in modules if module.source in found.texts.values())]
        )
    )
    size = sum(len(text) for text in found.texts.values())
    if size > MOST_SOURCE_BYTES:
        raise BundleError(
            f"the model needs {size:,} bytes of this project's source ({', '.join(found.modules)})",
            code="source_too_large",
            hint="move what the model uses to a smaller package: nbops extract NAME --to PACKAGE.MODULE",
        )
    return found


def packaged(module: str, text: str) -> dict[str, str]:
    """Lay a module out below an import root, with the packages it is in.

    Example:
        >>> packaged("shop.prices", "x = 1")
        {'shop/__init__.py': '', 'shop/prices.py': 'x = 1'}
    """
    *packages, last = module.split(".")
    above = {"/".join([*packages[: depth + 1], "__init__.py"]): "" for depth in range(len(packages))}
    return {**above, "/".join([*packages, f"{last}.py"]): text}


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

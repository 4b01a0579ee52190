"""Whether what would be written stands in a module already, just as it would be written now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nbops.extract.closure import Closure, close, no_star_names
from nbops.extract.log import Log, Step
from nbops.records import ModuleVersion
from nbops.source import SourceCell


def stands_in(version: ModuleVersion, names: Sequence[str], closure: Closure, texts: Mapping[Step, str]) -> bool:
    """Tell whether a module's version has names with everything they need, text for text and no more for them.

    Args:
        version: the module's version.
        names: what is asked for.
        closure: what the names need.
        texts: of its statements, those that were rewritten.

    Returns:
        Whether importing the names from there gives what writing them anew would give.
    """
    if not set(names) <= {definition.name for definition in version.definitions if definition.kind != "import"}:
        return False
    there = close(names, Log([SourceCell(index=-1, source=version.source)]), star_names=no_star_names)
    return (
        not there.blockers
        and {step.unit.text for step in there.steps} == {texts.get(step, step.unit.text) for step in closure.steps}
        and _imports(there) == _imports(closure)
    )


def _imports(closure: Closure) -> set[str]:
    return {imported.alias.statement() for imported in closure.imports.values()}

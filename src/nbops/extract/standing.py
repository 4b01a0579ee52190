"""Whether what would be written stands in a module already, just as it would be written now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from nbops.extract.closure import close, no_star_names
from nbops.extract.log import Log, Step
from nbops.extract.needs import Closure
from nbops.extract.refusals import StarNames
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


def homes(
    closure: Closure, log: Log, versions: Sequence[ModuleVersion], *, own: Collection[str], star_names: StarNames
) -> dict[Step, str]:
    """Find what has to be imported from another module, because a second copy of it would be another thing.

    Of a class there is one, or its instances are not each other's; of an object that functions change there is one, or
    what they put into it is found in one place and looked for in the other.

    Args:
        closure: what a module needs.
        log: what ran.
        versions: of the project's other modules, as their files hold them.
        own: names that the module has to define itself.
        star_names: tells what ``from module import *`` brings.

    Returns:
        The statement that makes it → the module in which it stands just so.
    """
    found: dict[Step, str] = {}
    for step in closure.steps if versions else ():
        names = step.unit.surely_binds - set(own)
        is_single = step.unit.kind == "class" or bool(names & closure.shared)
        if len(names) != 1 or not is_single or any(log.writers.get(name) for name in names):
            continue
        (name,) = names
        if log.bindings(name) != [step]:
            continue
        alone = close([name], log, star_names=star_names)
        home = next((v.module for v in versions if stands_in(v, [name], alone, {})), None)
        if home is not None:
            found[step] = home
    return found


def _imports(closure: Closure) -> set[str]:
    return {imported.alias.statement() for imported in closure.imports.values()}

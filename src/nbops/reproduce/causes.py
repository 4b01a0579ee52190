"""Why a reproduction gives something else, as far as what was recorded of both runs tells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from nbops.records import CellExecution, Compared, Discrepancy, Environment, Run
from nbops.reproduce.clock import Clock
from nbops.reproduce.verdicts import Ran
from nbops.source import plain

# What draws from the system's entropy unless it is given a seed.
_SEEDED_BY_ARGUMENT = frozenset({"Generator", "PCG64", "Random", "RandomState", "SeedSequence", "default_rng"})
_ALWAYS_RANDOM = frozenset({"SystemRandom", "getrandbits", "token_bytes", "token_hex", "urandom", "uuid1", "uuid4"})
# Where an import has another name than what is installed.
_DISTRIBUTIONS = {"PIL": "pillow", "cv2": "opencv-python", "sklearn": "scikit-learn", "skimage": "scikit-image",
                  "yaml": "pyyaml", "bs4": "beautifulsoup4", "dateutil": "python-dateutil"}  # fmt: skip
_MOST_PACKAGES = 5
_HASH_SEED = "variable PYTHONHASHSEED"
_NONE = "none"


def discrepancies(before: Environment | None, after: Environment | None, *, run: Run, rerun: Run) -> list[Discrepancy]:
    """List what around two runs was not the same.

    Args:
        before: the environment of the first run; None where it was not recorded.
        after: the environment of the second one.
        run: the first run.
        rerun: the second one.
    """
    if before is None or after is None:
        return []
    pairs: list[tuple[str, str, str]] = [("python", before.python, after.python)]
    pairs += [("platform", before.platform, after.platform)]
    pairs += _pairs("", before.machine, after.machine)
    pairs += _pairs("variable ", before.variables, after.variables)
    pairs += [pair for pair in _pairs("package ", before.packages, after.packages) if pair[0] != "package nbops"]
    then, now = _threads(run), _threads(rerun)
    # A part of a session may not load what all of it had loaded.
    pairs += [(f"threads of {library}", then[library], now[library]) for library in then.keys() & now.keys()]
    return [Discrepancy(what=what, recorded=one, now=other) for what, one, other in pairs if one != other]


def _pairs(prefix: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str, str]]:
    names = sorted({*before, *after})
    return [(f"{prefix}{name}", before.get(name, _NONE), after.get(name, _NONE)) for name in names]


def _threads(run: Run) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for pool in run.thread_pools:
        found.setdefault(pool.library, []).append(f"{pool.threads}{f' ({pool.core})' if pool.core else ''}")
    return {library: ", ".join(sorted(set(said))) for library, said in found.items()}


def causes(
    first: Compared,
    executions: Sequence[CellExecution],
    before: Ran,
    after: Ran,
    *,
    labels: Mapping[str, str],
    found: Sequence[Discrepancy],
) -> list[str]:
    """Say why something differs, the most probable cause first.

    Args:
        first: what differs first.
        executions: those that were run again, in the order they ran.
        before: what they left the first time.
        after: what they left the second time.
        labels: execution → how people know it.
        found: what around the runs was not the same, changed inputs and modules included.

    Returns:
        The causes in words; one that says so where nothing that is recorded differs.
    """
    place = next((n for n, one in enumerate(executions) if one.id == first.execution_id), len(executions) - 1)
    here, leading = executions[place], executions[: place + 1]
    is_unset = any(one.what == _HASH_SEED and one.recorded == _NONE for one in found)
    order = ["the order of sets was random: PYTHONHASHSEED was not set when it ran first"] if is_unset else []
    told = [f"{one.what} is another one now ({one.recorded} → {one.now})" for one in found if _is_input(one)]
    told += order if _makes_sets(here) else []
    told += _random([here], before, after, labels)
    told += [f"{labels[here.id]} asks what time it is"] if Clock().reads(here.source) else []
    # What was drawn earlier shows later only where nobody could tell what the earlier cell had made.
    told = told or list(_random(leading, before, after, labels))
    told += _surroundings(leading, found)
    return told or order or [
        "nothing that is recorded differs: it may read a service, a database, or what other processes leave"
    ]  # fmt: skip


def _makes_sets(execution: CellExecution) -> bool:
    tree = plain(execution.source).tree
    nodes = list(ast.walk(tree)) if tree is not None else []
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return bool(called & {"frozenset", "hash", "set"}) or any(isinstance(node, ast.Set | ast.SetComp) for node in nodes)


def _is_input(one: Discrepancy) -> bool:
    return one.what.startswith(("input ", "module "))


def _random(executions: Sequence[CellExecution], before: Ran, after: Ran, labels: Mapping[str, str]) -> Iterator[str]:
    """Cells that drew random numbers which began elsewhere the second time, or that nobody can seed."""
    for execution in executions:
        again = after.executions.get(execution.id)
        then = {state.source: state for state in execution.lineage.randomness} if execution.lineage else {}
        now = {state.source: state for state in again.lineage.randomness} if again and again.lineage else {}
        for source, state in then.items():
            # Seeded in the cell or before it: the same state after it.
            if source in now and state.after != now[source].after:
                yield f"{labels[execution.id]} draws from {source}'s random numbers, which nobody has seeded"
        yield from (
            f"{labels[execution.id]} draws random numbers without a seed ({call})" for call in _unseeded(execution)
        )


def _unseeded(execution: CellExecution) -> list[str]:
    tree = plain(execution.source).tree
    found: dict[str, None] = {}
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        arguments = [*node.args, *(word.value for word in node.keywords)]
        is_none = all(isinstance(one, ast.Constant) and one.value is None for one in arguments)
        if (name in _SEEDED_BY_ARGUMENT and is_none) or name in _ALWAYS_RANDOM:
            found[f"{name}()"] = None
    return list(found)


def _surroundings(executions: Sequence[CellExecution], found: Sequence[Discrepancy]) -> Iterator[str]:
    """What of the environment differs: packages that the cells import first, then what decides last bits."""
    used = {_DISTRIBUTIONS.get(name, name).lower().replace("_", "-") for name in _imports(executions)}
    packages = [one for one in found if one.what.startswith("package ")]
    imported = [one for one in packages if one.what.removeprefix("package ") in used]
    for one in imported or packages[:_MOST_PACKAGES]:
        yield f"{one.what} was {one.recorded} and is {one.now}"
    for one in found:
        decides = one.what in ("python", "cpu", "cores") or one.what.startswith(("threads of ", "variable "))
        if decides and (one.what != _HASH_SEED or one.recorded != _NONE):
            yield f"{one.what} was {one.recorded} and is {one.now}"


def _imports(executions: Sequence[CellExecution]) -> set[str]:
    text = "\n".join(execution.source for execution in executions)
    return {name.partition(".")[0] for name in re.findall(r"^\s*(?:import|from)\s+([\w.]+)", text, re.MULTILINE)}

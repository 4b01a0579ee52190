"""The trust mark of a metric, a model or a cell's result: clean, reproduced, or tainted because of named cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from nbops.lineage.states import is_deleted, is_edited, stale_names
from nbops.lineage.story import STATE, Story, key_of, label
from nbops.records import CellExecution, Compared, Reproduction

_UNSEEDED = re.compile(
    r"^[^#\n]*\b(default_rng|RandomState|SeedSequence|MT19937|PCG64(?:DXSM)?|Philox|SFC64|random\.Random|Random)"
    r"\(\s*(?:None|seed\s*=\s*None)?\s*\)",
    re.MULTILINE,
)
"""A generator of its own that starts somewhere else each time, which shows in no process-wide state."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a result cannot be taken as it stands."""

    execution_id: str
    cell: str
    """How people know the cell: ``In [7]``."""
    message: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An execution that a result stands on."""

    execution_id: str
    cell: str
    source: str
    reads: list[str]
    """Names it took from other executions."""
    writes: list[str]


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a result stands on."""

    of: str
    """The result: ``metric accuracy = 0.93``, ``churn@3``, ``In [7]``."""
    run_id: str
    verdict: Literal["clean", "reproduced", "tainted", "unknown"]
    """``reproduced``: it was run again as it was, and came out equal; ``unknown``: no cell is known that made it."""
    reasons: list[Reason]
    steps: list[Step]
    """Executions that lead to it, in the order they ran."""
    cells: int
    """How many executions its session has."""
    reproduction_id: str | None = None
    """The reproduction that found it equal."""


def origin_of(story: Story, targets: Sequence[CellExecution], *, of: str, run_id: str) -> Origin:
    """Follow a result back to what it stands on, and mark it.

    Args:
        story: the session it was made in.
        targets: the executions that made it.
        of: what it is called.
        run_id: the run it belongs to.
    """
    steps = story.leading_to(targets)
    reasons = list(_reasons(story, steps))
    verdict: Literal["clean", "tainted", "unknown"] = "tainted" if reasons else "clean"
    return Origin(
        of=of,
        run_id=run_id,
        verdict=verdict if steps else "unknown",
        reasons=reasons,
        steps=[_step(story, execution) for execution in steps],
        cells=len(story.executions),
    )


def marked(origin: Origin, reproductions: Iterable[Reproduction], *, metric: str | None, model: str | None) -> Origin:
    """Mark a result as reproduced where it was: run again from what was recorded, and equal.

    Args:
        origin: what it stands on.
        reproductions: of its run, newest first.
        metric: the metric that is asked about.
        model: the model version that is asked about, as ``NAME@NUMBER``.

    Returns:
        The same, with the verdict ``reproduced`` and the reproduction's id where the newest one that compared it found
        it equal; the reasons stay, for they say what the session looks like.
    """
    for one in reproductions:
        if one.verdict == "cancelled" or any(each.what.startswith(("input ", "module ")) for each in one.discrepancies):
            continue  # it was not run as it was
        found = [each for each in one.compared if _is_meant(each, metric, model)]
        if found:
            is_equal = all(each.verdict in ("equal", "within tolerance") for each in found)
            return msgspec.structs.replace(origin, verdict="reproduced", reproduction_id=one.id) if is_equal else origin
    return origin


def _is_meant(compared: Compared, metric: str | None, model: str | None) -> bool:
    if model is not None:
        return compared.kind == "model" and compared.name == model
    if metric is not None:
        return compared.kind == "metric" and compared.name == metric
    return compared.kind in ("metric", "model")


def _step(story: Story, execution: CellExecution) -> Step:
    writes = execution.lineage.writes if execution.lineage is not None else []
    return Step(
        execution_id=execution.id,
        cell=label(execution),
        source=execution.source,
        reads=sorted({edge.name for edge in story.edges(execution)}),
        writes=[one.name for one in writes],
    )


def _reasons(story: Story, steps: Sequence[CellExecution]) -> Iterator[Reason]:
    stale = stale_names(story)
    for execution in steps:
        for message in _doubts(story, execution, stale):
            yield Reason(execution_id=execution.id, cell=label(execution), message=message)
    yield from _unseeded(steps)


def _doubts(story: Story, execution: CellExecution, stale: dict[str, list[str]]) -> Iterator[str]:
    if execution.lineage is None:
        yield "what it read and wrote was not recorded"
        return
    if execution.status not in ("ok", "running"):
        yield f"it ended as {execution.status}"
    if made := _UNSEEDED.search(execution.source):
        yield f"it makes a random generator without a seed: {made[1]}()"
    newest = story.newest[key_of(execution)]
    if is_deleted(story, execution):
        yield "its cell is gone from the notebook"
    elif newest.source.strip() != execution.source.strip():
        yield f"its cell was edited and ran again as {label(newest)}"
    elif is_edited(story, execution):
        yield "its cell was edited since it ran"
    if execution.id in stale:
        yield f"{', '.join(stale[execution.id])} changed since it ran"
    for edge in story.edges(execution):
        source = story.by_id.get(edge.source_id or "")
        if source is None:
            yield f"{edge.name} was there before recording began"
        elif edge.evidence == "opaque":
            yield f"nobody can say whether {edge.name} changed"
        elif edge.evidence == "sampled":
            yield f"only a sample of {edge.name} was looked at"
        if source is not None and story.place(source) > story.place(execution) and not edge.name.startswith(STATE):
            yield f"{edge.name} came from {label(source)}, which stands below it"


def _unseeded(steps: Sequence[CellExecution]) -> Iterator[Reason]:
    """Draws from a process-wide random generator that none of the cells has seeded before."""
    seeded: set[str] = set()
    for execution in steps:
        for state in execution.lineage.randomness if execution.lineage is not None else []:
            if "seed(" in execution.source or "set_state(" in execution.source or "setstate(" in execution.source:
                seeded.add(state.source)
            elif state.source not in seeded:
                message = f"it draws from {state.source}'s random numbers, which nobody has seeded"
                yield Reason(execution_id=execution.id, cell=label(execution), message=message)

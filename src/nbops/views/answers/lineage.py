"""Views of where a result comes from and whether it came out again."""

from __future__ import annotations

from collections.abc import Sequence

from nbops.lineage import Graph, GraphLink, Origin, Slice
from nbops.records import (
    Compared,
    Reproduction,
)
from nbops.views.answers.dispatch import view_of
from nbops.views.answers.values import first_line, seconds, short, when
from nbops.views.parts import Facts, Heading, Note, Part, Table


@view_of.register
def _(answer: Origin) -> list[Part]:
    facts = [("run", short(answer.run_id)), ("trust", answer.verdict)]
    facts.append(("stands on", f"{len(answer.steps)} of {answer.cells} executions"))
    if answer.reproduction_id is not None:
        facts.append(("reproduced by", short(answer.reproduction_id)))
    parts: list[Part] = [Heading("Lineage", answer.of), Facts(facts)]
    if answer.reasons:
        parts.append(Heading("Tainted because" if answer.verdict == "tainted" else "Worth knowing"))
        parts.append(Table(["cell", "reason"], [[reason.cell, reason.message] for reason in answer.reasons]))
    rows = [
        [step.cell, first_line(step.source), ", ".join(step.reads), ", ".join(step.writes)] for step in answer.steps
    ]
    return [*parts, Heading("Cells"), Table(["cell", "source", "reads", "writes"], rows)]


@view_of.register
def _(answer: Graph) -> list[Part]:
    facts = [("trust", answer.verdict), ("made of", f"{len(answer.nodes) - len(answer.results)} things")]
    parts: list[Part] = [Heading("Where it came from", answer.of), Facts(facts), Table(_TREE, _tree(answer))]
    if answer.left_out:
        parts.append(Note(f"{answer.left_out:,} more, further from it, are not shown", "busy"))
    doubtful = [[node.name, "; ".join(node.doubts)] for node in answer.nodes if node.doubts]
    if doubtful:
        parts += [Heading("Tainted because"), Table(["cell", "reason"], doubtful)]
    return parts


_TREE = ("what", "name", "about", "through")


_DEEPEST = 12
"""Indented further, a tree is unreadable."""


def _tree(graph: Graph) -> list[list[str]]:
    """Each thing once, below the first of those that were made of it."""
    nodes = {node.id: node for node in graph.nodes}
    below: dict[str, list[GraphLink]] = {}
    for link in graph.links:
        below.setdefault(link.made, []).append(link)
    rows: list[list[str]] = []
    pending = [(result, 0, "") for result in reversed(graph.results)]
    seen: set[str] = set()
    while pending:
        key, depth, through = pending.pop()
        if key in seen:
            continue
        seen.add(key)
        node = nodes[key]
        # Text that is aligned loses white space at the front of a line.
        stem = "· " * min(depth, _DEEPEST)
        rows.append([stem + node.kind, node.name, node.about, through])
        pending += [(link.of, depth + 1, ", ".join(link.names)) for link in reversed(below.get(key, []))]
    return rows


@view_of.register
def _(answer: Slice) -> list[Part]:
    parts: list[Part] = [
        Note(f"wrote {answer.path}: {answer.cells} of {answer.of_cells} executions lead to {answer.of}")
    ]
    if answer.missing:
        parts.append(Note(f"made before recording began, and missing in it: {', '.join(answer.missing)}"))
    if answer.secrets:
        parts.append(Note(f"secrets that it needs, as NBOPS_SECRET_<ID> or typed in: {', '.join(answer.secrets)}"))
    return parts


@view_of.register
def _(answer: Reproduction) -> list[Part]:
    facts = [("verdict", answer.verdict), ("run again as", short(answer.rerun_id)), ("cells", str(answer.cells))]
    if answer.differs_in:
        facts.append(("first differs in", answer.differs_in))
    if answer.error is not None:
        facts.append(("ended by", f"{answer.error.name}: {answer.error.message}"))
    facts.append(("took", seconds(answer.started_at, answer.ended_at)))
    parts: list[Part] = [Heading("Reproduction", answer.of), Facts(facts)]
    if answer.causes:
        parts += [Heading("Why"), *(Note(cause, "bad") for cause in answer.causes)]
    rows = [
        [one.kind, _name_of(one), one.verdict, one.cell, one.recorded, one.reproduced] for one in answer.compared[:200]
    ]
    columns = ["what", "name", "verdict", "cell", "recorded", "reproduced"]
    parts += [Heading("Compared"), Table(columns, rows, status=frozenset({2}))] if rows else []
    around = [[one.what, one.recorded, one.now] for one in answer.discrepancies[:50]]
    parts += [Heading("Was not the same"), Table(["what", "recorded", "now"], around)] if around else []
    parts += [Note(f"left out: {reason}", "busy") for reason in answer.left_out]
    return parts


def reproductions(answer: Sequence[Reproduction]) -> list[Part]:
    rows = [
        [short(one.id), one.of, one.verdict, one.differs_in, (one.causes or [""])[0], when(one.started_at)]
        for one in answer
    ]
    columns = ["reproduction", "of", "verdict", "first differs in", "why", "when"]
    return [Table(columns, rows, status=frozenset({2}))]


def _name_of(one: Compared) -> str:
    step = "" if one.step is None else f" step {one.step}"
    return f"{one.run}: {one.name}{step}" if one.run else f"{one.name}{step}"

"""Views of the project's own state."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from nbops.bridge import Transferred
from nbops.flows.demo import Journey
from nbops.flows.doctor import Finding
from nbops.records import (
    Secret,
)
from nbops.views.answers.dispatch import list_of, view_of
from nbops.views.answers.values import short, when
from nbops.views.parts import Facts, Heading, Note, Part, Table
from nbops.workspace import Status, Synced


@list_of(Finding)
def _findings(answer: Sequence[Finding]) -> list[Part]:
    rows = [[finding.topic, finding.state, finding.message] for finding in answer]
    parts: list[Part] = [Table(["what", "state", "found"], rows, status=frozenset({1}))]
    # Commands are for copying: whole, on lines of their own.
    cures = [(finding.topic, finding.cure) for finding in answer if finding.cure]
    return [*parts, Heading("What cures it"), Facts(cures)] if cures else parts


@list_of(Secret)
def _secrets(answer: Sequence[Secret]) -> list[Part]:
    rows = [[secret.id, secret.kind, secret.variable or "", when(secret.at)] for secret in answer]
    return [
        Table(["id", "kind", "from the variable", "first masked"], rows),
        Note('nbops.secret("ID") gives its value'),
    ]


@view_of.register
def _(answer: Status) -> list[Part]:
    recording = "on" if answer.recording else f"off{': ' + answer.notice if answer.notice else ''}"
    facts = [("project", answer.project), ("store", answer.store), ("recording", recording)]
    if answer.overshadowed:
        own = shlex.quote(f"{answer.overshadowed}/.nbops")
        facts.insert(1, ("is above", f"{answer.overshadowed}, which has a store of its own after: mkdir {own}"))
    if answer.run is not None:
        facts.append(("run", f"{short(answer.run.id)} {answer.run.name}, {answer.cells} cells"))
    if answer.doubts:
        shown = "; ".join(answer.doubts[:5])
        facts.append(("to look at", f"{shown} …" if len(answer.doubts) > 5 else shown))
    facts.append(("holds", ", ".join(f"{count} {noun}" for noun, count in answer.counts.items())))
    return [Facts(facts)]


@view_of.register
def _(answer: Transferred) -> list[Part]:
    title = "Exported to" if answer.direction == "export" else "Imported from"
    counts = ("made", "updated", "unchanged", "params", "metrics", "artifacts", "cells", "models")
    words = {"made": "new runs", "updated": "runs updated", "unchanged": "runs unchanged", "models": "model versions"}
    rows = [(words.get(name, name), f"{getattr(answer, name):,}") for name in counts if getattr(answer, name)]
    aside = f"{len(answer.experiments)} experiments" if len(answer.experiments) > 3 else ", ".join(answer.experiments)
    parts: list[Part] = [Heading(f"{title} {answer.server}", aside), Facts(rows or [("runs", "none")])]
    if answer.left_out:
        left = [[str(left.count), left.why, "; ".join(left.where)] for left in answer.left_out]
        parts += [Heading("Not as it was"), Table(["how often", "what", "where"], left, frozenset({0}))]
    return parts


@view_of.register
def _(answer: Synced) -> list[Part]:
    return [Note(answer.message, "good" if not answer.waiting else "busy")]


@view_of.register
def _(answer: Journey) -> list[Part]:
    rows = [[stage.title, f"{stage.seconds:.1f} s", stage.result] for stage in answer.stages]
    return [
        Heading("The whole way", f"{sum(stage.seconds for stage in answer.stages):.1f} s"),
        Table(["stage", "took", "what came out"], rows, frozenset({1})),
        Heading("Look at it"),
        Facts([(name, value) for name, value in answer.summary.items()]),
        *([Note(answer.notice, "busy")] if answer.notice else []),
    ]

"""What a version was made from: how old its data is, and whether what made it can be trusted."""

from __future__ import annotations

import time

from nbops.flows.check.subject import Finding, Subject
from nbops.lineage import marked, origin_of, result_of
from nbops.records import Dataset, Reproduction, Run

_DAY_S = 86_400.0


class FreshData:
    """The training data is not older than it may be."""

    name = "fresh"

    def run(self, subject: Subject) -> Finding:
        """Compare the age of the newest data with the bar."""
        demand = subject.demands.fresh
        if demand is None:
            return Finding("skipped", "no age is set under [tool.nbops.checks] fresh")
        at, what = _newest_value(subject, demand.column) if demand.column else _first_seen(subject)
        if at is None:
            return Finding("failed", what)
        days = (time.time() - at) / _DAY_S
        return Finding(
            "passed" if days <= demand.days else "failed",
            f"{what} {days:.1f} days ago, the data may be {demand.days:g} days old",
            {"days": days},
        )


def _newest_value(subject: Subject, column: str) -> tuple[float | None, str]:
    known = {each.name: each for each in subject.version.signature.columns}
    if column not in known:
        return None, f"the model has no column {column!r}; it has: {', '.join(known)}"
    found = known[column]
    if found.kind != "datetime" or found.maximum is None:
        return None, f"{column!r} is {found.kind} and says nothing about the age of the data"
    return found.maximum, f"the newest {column} is"


def _first_seen(subject: Subject) -> tuple[float | None, str]:
    """When exactly this data was first seen: fitting again on old data does not make it fresh."""
    datasets = [subject.store.get(Dataset, key) for key in subject.version.dataset_ids]
    if not datasets:
        return None, "no data is recorded that this version was fitted on"
    first = []
    for each in datasets:
        same = subject.store.find(Dataset, fingerprint=each.fingerprint, order_by="at", limit=1)
        first.append((same[0].at, each.name))
    at, name = max(first)
    return at, f"{name} was first seen"


class TrustMark:
    """What made the version is clean, or was even reproduced."""

    name = "trust"

    def run(self, subject: Subject) -> Finding:
        """Follow the version back to the cells that made it."""
        demand = subject.demands.trust
        if demand is None:
            return Finding("skipped", "no mark is set under [tool.nbops.checks] trust")
        version = subject.version
        if version.run_id is None or not subject.store.find(Run, id=version.run_id, limit=1):
            return Finding("failed", "no run is recorded that made this version")
        result = result_of(subject.store, version, root=subject.root)
        if not result.executions:
            return Finding("failed", "no cell is recorded that made this version")
        origin = origin_of(result.story, result.executions, of=result.of, run_id=result.run_id)
        done = subject.store.find(Reproduction, run_id=version.run_id)
        mark = marked(origin, done, metric=None, model=result.of)
        enough = {"clean": ("clean", "reproduced"), "reproduced": ("reproduced",)}[demand]
        if mark.verdict in enough:
            return Finding("passed", f"it is {mark.verdict}")
        reasons = "; ".join(f"{one.cell}: {one.message}" for one in mark.reasons[:3])
        return Finding("failed", f"it is {mark.verdict}, asked for {demand}" + (f": {reasons}" if reasons else ""))

"""Bars for the metrics of the run that made a version, and the margin over the live one."""

from __future__ import annotations

from nbops.flows.check.bars import missed
from nbops.flows.check.held_out import rows_of, scores_of
from nbops.flows.check.subject import Finding, Subject, Verdict
from nbops.records import ModelVersion
from nbops.store.interface import Store


class Metrics:
    """The metrics of the run that made the model reach their bars."""

    name = "metrics"

    def run(self, subject: Subject) -> Finding:
        """Compare the last value of each metric with its bar."""
        bars = subject.demands.metrics
        if not bars:
            return Finding("skipped", "no bars are set under [tool.nbops.checks] metrics")
        found = _metrics(subject.store, subject.version)
        wrong = missed(bars, found, of="the run")
        measured = {name: found[name] for name in bars if name in found}
        if wrong:
            return Finding("failed", "; ".join(wrong), measured)
        return Finding("passed", ", ".join(f"{name} {value:g}" for name, value in measured.items()), measured)


class BetterThanLive:
    """A metric is better than the live version's, by a margin."""

    name = "better"

    def run(self, subject: Subject) -> Finding:
        """Compare the two runs' last values, or both models on the same held-out rows."""
        demand = subject.demands.better
        if demand is None:
            return Finding("skipped", "no margin is set under [tool.nbops.checks] better")
        if subject.live is None:
            return Finding("skipped", "no version of this model is live")
        if subject.live.id == subject.version.id:
            return Finding("skipped", "this version is the live one")
        measured = []
        for version in (subject.version, subject.live):
            found = self._found(subject, version, demand.on)
            if demand.metric not in found:
                where = "the run of" if demand.on == "run" else "on held-out rows,"
                return Finding("failed", f"{where} {version.model}@{version.number} has no metric {demand.metric!r}")
            measured.append(found[demand.metric])
        here, there = measured
        gain = here - there if demand.objective == "max" else there - here
        said = f"{demand.metric} {here:g} against {there:g} of {subject.live.model}@{subject.live.number}"
        verdict: Verdict = "passed" if gain >= demand.by else "failed"
        return Finding(verdict, f"{said}: better by {gain:g}, asked for {demand.by:g}", {"gain": gain})

    def _found(self, subject: Subject, version: ModelVersion, on: str) -> dict[str, float]:
        if on == "run":
            return _metrics(subject.store, version)
        return scores_of(version, subject, rows_of(subject))


def _metrics(store: Store, version: ModelVersion) -> dict[str, float]:
    """The last value of each metric of the run that made a version."""
    if version.run_id is None:
        return {}
    return {metric.name: metric.value for metric in store.metrics(version.run_id)}

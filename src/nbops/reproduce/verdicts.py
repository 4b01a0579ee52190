"""What a run made against what it made when it ran again: name by name, step by step, cell by cell."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from nbops.records import (
    Artifact,
    CellExecution,
    Compared,
    Likeness,
    Metric,
    ModelVersion,
    Run,
    Written,
)
from nbops.reproduce.clock import Clock
from nbops.store.interface import Store

K = TypeVar("K")
V = TypeVar("V")
_PLAIN = ("float:", "int:", "bool:", "complex:", "NoneType:")
_MOST_COMPARED = 2_000
_SHOWN = 24
"""Characters of a digest that are kept: enough to tell it, and too few to be taken for the address of a blob."""
# Named for a time that was measured; its value is another one each time.
_TIMED = ("time", "seconds", "duration", "elapsed", "latency", "runtime")
# What ``%nbops`` answers tells of the project, whose runs and times are others in a reproduction's own store.
_ASKING = re.compile(r"(?<!%)%nbops\b")
# Ids that libraries number or draw anew for each page: scikit-learn, pandas' Styler, Altair, Plotly and Bokeh.
_DRAWN = re.compile(
    rb"sk-(?:container|estimator)-id-\d+|\bT_[0-9a-f]{5}(?=[_\W])|altair-viz-[0-9a-f]{32}"
    rb"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_WORST: dict[Likeness, int] = {"equal": 0, "within tolerance": 1, "different": 2, "missing": 3}


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What one session has left in a store, by the recorded execution that made it."""

    executions: dict[str, CellExecution]
    metrics: dict[str, list[tuple[str, Metric]]]
    """Execution → the values logged while it ran, in order, each with the name of its part of the session."""
    models: dict[str, list[ModelVersion]]
    artifacts: dict[str, list[Artifact]]


def ran(store: Store, run: Run, *, by_cell_id: bool) -> Ran:
    """Read what a session has left.

    Args:
        store: where it was recorded.
        run: the session, or the papermill execution.
        by_cell_id: whether its cells carry the ids of the recorded executions, as a reproduction's do.
    """
    executions = store.find(CellExecution, run_id=run.id, order_by="position")
    name = {execution.id: (execution.cell_id if by_cell_id else execution.id) or "" for execution in executions}
    runs = [run, *_parts(store, run)]
    metrics: dict[str, list[tuple[str, Metric]]] = defaultdict(list)
    models: dict[str, list[ModelVersion]] = defaultdict(list)
    artifacts: dict[str, list[Artifact]] = defaultdict(list)
    for each in runs:
        part = "" if each is run else each.name
        for metric in store.metrics(each.id):
            made = _running_at(executions, metric.at)
            if made is not None:
                metrics[name[made.id]].append((part, metric))
        for model in store.find(ModelVersion, run_id=each.id, order_by="id"):
            models[name.get(model.execution_id or "", "")].append(model)
        for artifact in store.find(Artifact, run_id=each.id, order_by="id"):
            artifacts[name.get(artifact.execution_id or "", "")].append(artifact)
    found = {name[execution.id]: execution for execution in executions}
    return Ran(executions=found, metrics=metrics, models=models, artifacts=artifacts)


def _parts(store: Store, run: Run) -> list[Run]:
    parts = store.find(Run, parent_id=run.id, order_by="id")
    return [found for part in parts for found in (part, *_parts(store, part))]


def _running_at(executions: Sequence[CellExecution], at: float) -> CellExecution | None:
    for execution in reversed(executions):
        if execution.started_at <= at:
            return execution if execution.ended_at is None or at <= execution.ended_at else None
    return None


def compare(
    executions: Sequence[CellExecution],
    before: Ran,
    after: Ran,
    *,
    labels: Mapping[str, str],
    tolerance: float,
    places: Mapping[str, str],
    pages: Callable[[str], bytes | None],
) -> list[Compared]:
    """Hold what a run made against what it made when it ran again.

    Args:
        executions: those that were run again, in the order they ran.
        before: what they left the first time.
        after: what they left the second time.
        labels: execution → how people know it.
        tolerance: relative difference up to which a number counts as equal.
        places: path that was written in the first run → where the second one wrote it.
        pages: digest of an HTML output → its bytes, None where they are gone.

    Returns:
        One verdict for everything that can be compared across processes, in the order it was made. Measured times are
        left out, and what no digest could be taken of.
    """
    found: list[Compared] = []
    clock = Clock()
    for execution in executions:
        clock.read(execution.source)
        again = after.executions.get(execution.id)
        judge = _Judge(execution, again, label=labels[execution.id], tolerance=tolerance, clock=clock)
        found += judge.cell()
        found += judge.variables()
        found += judge.files(places)
        found += judge.metrics(before.metrics.get(execution.id, []), after.metrics.get(execution.id, []))
        found += judge.models(before.models.get(execution.id, []), after.models.get(execution.id, []))
        made = before.artifacts.get(execution.id, []), after.artifacts.get(execution.id, [])
        found += judge.artifacts(*made, pages=pages)
    return found


class _Judge:
    """Compares one execution with the one that ran it again; None where it was not reached."""

    def __init__(
        self, execution: CellExecution, again: CellExecution | None, *, label: str, tolerance: float, clock: Clock
    ) -> None:
        self.execution = execution
        self.again = again
        self.label = label
        self.tolerance = tolerance
        self.clock = clock

    def cell(self) -> Iterator[Compared]:
        """Whether it ended as it had; nothing is said of what ended alike."""
        ended: str = "not reached" if self.again is None else self.again.status
        if self.again is not None and (ended == "ok") == (self.execution.status == "ok"):
            return
        if self.again is not None and self.again.error is not None:
            ended = f"{self.again.error.name}: {self.again.error.message}"[:300]
        yield self._compared(
            "cell", self.label, "missing" if self.again is None else "different", self.execution.status, ended
        )

    def variables(self) -> Iterator[Compared]:
        """Names it wrote, as far as what they held can be compared across processes."""
        now = _held(self.again)
        for name, recorded in _held(self.execution).items():
            if name in self.clock.names or not recorded:
                continue
            if name not in now:
                yield self._compared("variable", name, "missing", recorded)
            elif now[name] and _is_comparable(recorded, now[name]):
                yield self._compared("variable", name, self._texts(recorded, now[name]), recorded, now[name])

    def files(self, places: Mapping[str, str]) -> Iterator[Compared]:
        """Files it wrote, by their content."""
        now = _written_files(self.again)
        for path, digest in _written_files(self.execution).items():
            again = now.get(places.get(path, path), now.get(path))
            if again is None:
                yield self._compared("file", path, "missing", digest)
            elif digest and again:
                yield self._compared("file", path, "equal" if digest == again else "different", digest, again)

    def metrics(self, before: list[tuple[str, Metric]], after: list[tuple[str, Metric]]) -> Iterator[Compared]:
        """Every value it logged, one by one."""
        now = _in_turn(((part, one.name, one.step), one.value) for part, one in after)
        for key, values in _in_turn(((part, one.name, one.step), one.value) for part, one in before).items():
            part, name, step = key
            if name in self.clock.metrics or is_timed(name):
                continue
            again = now.get(key, [])
            for place, value in enumerate(values):
                if place < len(again):
                    verdict = self._numbers(value, again[place])
                    made = self._compared("metric", name, verdict, repr(value), repr(again[place]))
                else:
                    made = self._compared("metric", name, "missing", repr(value))
                yield msgspec.structs.replace(made, run=part, step=step)

    def models(self, before: list[ModelVersion], after: list[ModelVersion]) -> Iterator[Compared]:
        """Models it registered, by the digest of what was stored."""
        now = _in_turn((one.model, one.digest) for one in after)
        for place, one in enumerate(before):
            again = now.get(one.model, [])
            nth = sum(earlier.model == one.model for earlier in before[:place])
            name = f"{one.model}@{one.number}"
            if nth >= len(again):
                yield self._compared("model", name, "missing", one.digest)
            else:
                verdict: Likeness = "equal" if one.digest == again[nth] else "different"
                yield self._compared("model", name, verdict, one.digest, again[nth])

    def artifacts(
        self, before: list[Artifact], after: list[Artifact], *, pages: Callable[[str], bytes | None]
    ) -> Iterator[Compared]:
        """Artifacts it logged and outputs it showed, by their content."""
        now = {one.name: one for one in after}
        is_asking = _ASKING.search(self.execution.source) is not None
        for one in before:
            if is_asking and one.kind == "output":
                continue
            if one.name not in now:
                yield self._compared("artifact", one.name, "missing", one.digest)
            else:
                again = now[one.name]
                is_alike = one.digest == again.digest or _shows_alike(one, again, pages)
                verdict: Likeness = "equal" if is_alike else "different"
                yield self._compared("artifact", one.name, verdict, one.digest, again.digest)

    def _compared(self, kind: str, name: str, verdict: Likeness, recorded: str, reproduced: str = "") -> Compared:
        most = 300 if kind == "cell" else _SHOWN
        return Compared(
            kind=kind,  # type: ignore[arg-type] # one of ours
            name=name,
            verdict=verdict,
            cell=self.label,
            execution_id=self.execution.id,
            recorded=recorded[:most],
            reproduced=reproduced[:most],
        )

    def _texts(self, one: str, other: str) -> Likeness:
        if one == other:
            return "equal"
        if one.startswith("float:") and other.startswith("float:"):
            return self._numbers(float(one[6:]), float(other[6:]))
        return "different"

    def _numbers(self, one: float, other: float) -> Likeness:
        if one == other or (math.isnan(one) and math.isnan(other)):
            return "equal"
        return "within tolerance" if math.isclose(one, other, rel_tol=self.tolerance, abs_tol=0.0) else "different"


def _shows_alike(one: Artifact, other: Artifact, pages: Callable[[str], bytes | None]) -> bool:
    """Whether two pages are the same but for ids that no one sees."""
    if not one.kind == other.kind == "output" or not one.media_type == other.media_type == "text/html":
        return False
    first, second = pages(one.digest), pages(other.digest)
    return first is not None and second is not None and _DRAWN.sub(b"", first) == _DRAWN.sub(b"", second)


def _held(execution: CellExecution | None) -> dict[str, str]:
    """Name → what it held in a form that other processes have too; empty where there is none."""
    lineage = execution.lineage if execution is not None else None
    return {} if lineage is None else {one.name: _lasting(one) for one in lineage.writes}


def _lasting(written: Written) -> str:
    return written.digest if written.digest.startswith(_PLAIN) else written.version


def _is_comparable(one: str, other: str) -> bool:
    """Values with texts in them compare under one key only; its mark stands in the middle of ``value:MARK:DIGEST``."""
    first, second = one.split(":"), other.split(":")
    return first[0] != "value" or second[0] != "value" or first[1:-1] == second[1:-1]


def _written_files(execution: CellExecution | None) -> dict[str, str]:
    lineage = execution.lineage if execution is not None else None
    return {} if lineage is None else {one.path: one.digest for one in lineage.files if one.action == "written"}


def _in_turn(pairs: Iterator[tuple[K, V]]) -> dict[K, list[V]]:
    found: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def is_timed(name: str) -> bool:
    """Whether a metric is named for a time that was measured.

    Example:
        >>> is_timed("fit_time"), is_timed("train/seconds"), is_timed("accuracy"), is_timed("timely")
        (True, True, False, False)
    """
    words = name.lower().replace("/", "_").replace(".", "_").replace("-", "_").replace(" ", "_").split("_")
    return any(word in _TIMED for word in words)


def kept(compared: Sequence[Compared]) -> list[Compared]:
    """What a record keeps: all but variables, and of each variable its last value and the first that differs."""
    last = {one.name: place for place, one in enumerate(compared) if one.kind == "variable"}
    first = first_difference(compared)
    chosen = [
        one
        for place, one in enumerate(compared)
        if one.kind != "variable" or last[one.name] == place or one is first or one.verdict == "within tolerance"
    ]
    return sorted(chosen[:_MOST_COMPARED], key=lambda one: one.kind == "variable")


def first_difference(compared: Sequence[Compared]) -> Compared | None:
    """What differs first; a cell that failed before anything it wrote."""
    return next((one for one in compared if one.verdict in ("different", "missing")), None)


def overall(compared: Sequence[Compared], *, metric: str | None) -> Likeness | None:
    """The worst verdict of what counts: the metric that was asked for, else metrics and models, else everything."""
    asked = [one for one in compared if one.kind == "metric" and metric in (None, one.name)]
    if metric is None:
        asked += [one for one in compared if one.kind == "model"]
    failed = [one for one in compared if one.kind == "cell"]
    counted = asked or list(compared)
    if metric is None:
        counted = [*counted, *failed]
    if not counted:
        return None
    return max((one.verdict for one in counted), key=_WORST.__getitem__)

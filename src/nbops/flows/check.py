"""Checks before release: a model version is asked everything that must be true before clients may reach it.

A check is an extension point: implement ``Check``, name it under the entry point group ``nbops.checks``. What a check
demands is read from ``[tool.nbops.checks]`` of the project's ``pyproject.toml``::

    [tool.nbops.checks]
    metrics = { auc = 0.85 }              # bars for metrics of the run that made the model; "max 0.2" for a ceiling
    better = { metric = "auc", by = 0.0 } # than the version that is live, by this much
    functions = ["tests.model:income_helps"]  # functions of (predict, rows) that return, or raise and say why
    latency_ms = 20                       # 95th percentile of a single row, measured on the server that was started
    memory_mb = 300                       # of that server after those requests

One verdict is never a matter of belief: it names what was measured.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import msgspec

from nbops.deploy import Running, client
from nbops.errors import BundleError, NbopsError, SettingsError
from nbops.extending import look_up, names
from nbops.progress import stage
from nbops.records import Bundle, CheckResult, Deployment, Endpoint, ModelVersion, new_id
from nbops.store.blobs import Blobs
from nbops.store.interface import Store
from nbops_serving.manifest import MANIFEST, Column, Signature, read_manifest

Verdict = Literal["passed", "failed", "skipped"]


class Finding(msgspec.Struct, frozen=True):
    """What one check found."""

    verdict: Verdict
    message: str
    measured: dict[str, float] = {}


class Better(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much better than the live version a metric has to be."""

    metric: str
    by: float = 0.0
    objective: Literal["max", "min"] = "max"


class Demands(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[tool.nbops.checks]`` of the project."""

    metrics: dict[str, float | str] = {}
    """Metric → its bar: a number it must reach, or ``"max 0.2"`` for one it must not pass."""
    better: Better | None = None
    functions: list[str] = []
    """``module:function`` of the project, called with ``predict`` (rows → predictions) and rows of the sample."""
    latency_ms: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """Bar for the 95th percentile of single-row requests to the started server, in milliseconds."""
    memory_mb: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """Bar for the memory that server holds after them, in MB."""
    options: dict[str, Any] = {}
    """For checks from elsewhere, by their name."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is checked."""

    version: ModelVersion
    bundle: Bundle
    live: ModelVersion | None
    """The version that clients of this model are answered by now."""
    demands: Demands
    root: Path
    """The project's folder."""
    store: Store
    blobs: Blobs


class Check(Protocol):
    """One thing that must be true of a version before its release."""

    name: str

    def run(self, subject: Subject) -> Finding:
        """Look, and say what was found; NbopsError counts as failed."""
        ...


class Parity:
    """The bundle answers the training rows, and rows unlike them, as the notebook's own model did."""

    name = "parity"

    def run(self, subject: Subject) -> Finding:
        """Read the proof that packing has written: a bundle that differs is never written."""
        manifest = read_manifest((Path(subject.bundle.path) / MANIFEST).read_bytes())
        gate = manifest.gate
        if gate is None or gate.rows == 0:
            return Finding("skipped", "the model was registered without a sample, so there is nothing to compare with")
        exact = "bit for bit" if gate.worst == 0 else f"worst relative difference {gate.worst:.2g}"
        fallen = "".join(f"; {rung} was left: {why}" for rung, why in gate.fallen.items())
        return Finding(
            "passed",
            f"{gate.rows:,} rows answered as in the notebook by the rung {manifest.rung!r}, {exact}{fallen}",
            {"rows": gate.rows, "worst": gate.worst},
        )


class Schema:
    """Whatever the live version's clients send, this version takes, and its answers are of the same kind."""

    name = "schema"

    def run(self, subject: Subject) -> Finding:
        """Compare the two signatures."""
        if subject.live is None:
            return Finding("skipped", "no version of this model is live, so nobody relies on its schema")
        wrong = incompatibilities(subject.live.signature, subject.version.signature)
        live = f"{subject.live.model}@{subject.live.number}"
        if wrong:
            return Finding("failed", f"clients of {live} would be refused or misled: {'; '.join(wrong)}")
        return Finding("passed", f"takes everything that clients of {live} send")


class Metrics:
    """The metrics of the run that made the model reach their bars."""

    name = "metrics"

    def run(self, subject: Subject) -> Finding:
        """Compare the last value of each metric with its bar."""
        bars = subject.demands.metrics
        if not bars:
            return Finding("skipped", "no bars are set under [tool.nbops.checks] metrics")
        found = _metrics(subject.store, subject.version)
        wrong = [line for name, bar in bars.items() if (line := _below(name, bar, found))]
        measured = {name: found[name] for name in bars if name in found}
        if wrong:
            return Finding("failed", "; ".join(wrong), measured)
        return Finding("passed", ", ".join(f"{name} {value:g}" for name, value in measured.items()), measured)


class BetterThanLive:
    """A metric is better than the live version's, by a margin."""

    name = "better"

    def run(self, subject: Subject) -> Finding:
        """Compare the two runs' last values."""
        demand = subject.demands.better
        if demand is None:
            return Finding("skipped", "no margin is set under [tool.nbops.checks] better")
        if subject.live is None:
            return Finding("skipped", "no version of this model is live")
        if subject.live.id == subject.version.id:
            return Finding("skipped", "this version is the live one")
        here = _metrics(subject.store, subject.version).get(demand.metric)
        there = _metrics(subject.store, subject.live).get(demand.metric)
        if here is None or there is None:
            lacking = subject.version if here is None else subject.live
            return Finding("failed", f"the run of {lacking.model}@{lacking.number} has no metric {demand.metric!r}")
        gain = here - there if demand.objective == "max" else there - here
        said = f"{demand.metric} {here:g} against {there:g} of {subject.live.model}@{subject.live.number}"
        verdict: Verdict = "passed" if gain >= demand.by else "failed"
        return Finding(verdict, f"{said}: better by {gain:g}, asked for {demand.by:g}", {"gain": gain})


class Functions:
    """The project's own functions hold: invariances, directions, anything that can be asked of the model."""

    name = "functions"

    def run(self, subject: Subject) -> Finding:
        """Call each function with the model as it was read back, and rows of its training sample."""
        wanted = subject.demands.functions
        if not wanted:
            return Finding("skipped", "no functions are named under [tool.nbops.checks] functions")
        predict, rows = _asked(subject)
        wrong = []
        with _importable(subject.root):
            for reference in wanted:
                try:
                    _function(reference)(predict, rows)
                except Exception as error:  # noqa: BLE001 - the user's own code: whatever it raises is the finding
                    wrong.append(f"{reference}: {error or type(error).__name__}")
        if wrong:
            return Finding("failed", "; ".join(wrong))
        return Finding("passed", f"{len(wanted)} functions held on {len(rows):,} rows")


CHECKS = {
    "parity": "nbops.flows.check:Parity",
    "schema": "nbops.flows.check:Schema",
    "metrics": "nbops.flows.check:Metrics",
    "better": "nbops.flows.check:BetterThanLive",
    "functions": "nbops.flows.check:Functions",
}
"""Checks that come with nbops, in the order they run; others join by the entry point group ``nbops.checks``."""


def check(
    version: ModelVersion,
    *,
    store: Store,
    blobs: Blobs,
    root: str | os.PathLike[str],
    endpoint: str | None = None,
    rung: str | None = None,
) -> list[CheckResult]:
    """Run every check on a model version and record the verdicts.

    Args:
        version: what to check.
        store: where the verdicts are recorded.
        blobs: where the model's bytes are.
        root: the project's folder, whose ``pyproject.toml`` says what is demanded.
        endpoint: whose live version counts; None takes whichever endpoint serves this model.
        rung: how it has to be computed; None takes the fastest rung whose answers are the same.

    Returns:
        One result per check, in the order they ran.

    Raises:
        SettingsError: ``[tool.nbops.checks]`` cannot be understood.
    """
    return release(version, store=store, blobs=blobs, root=root, endpoint=endpoint, rung=rung)[1]


def release(
    version: ModelVersion,
    *,
    store: Store,
    blobs: Blobs,
    root: str | os.PathLike[str],
    endpoint: str | None = None,
    rung: str | None = None,
) -> tuple[Bundle | None, list[CheckResult]]:
    """Pack a version and check it; None for the bundle when packing itself failed, which is the first verdict."""
    from nbops.bundle import pack

    demands = _demands(Path(root))
    try:
        bundle = pack(version, store=store, blobs=blobs, root=root, rung=rung)
    except BundleError as error:
        failed = _result(version, Parity.name, Finding("failed", str(error)))
        store.put(failed)
        return None, [failed]
    live = _live(version, endpoint, store)
    subject = Subject(
        version=version, bundle=bundle, live=live, demands=demands, root=Path(root), store=store, blobs=blobs
    )
    results = []
    with stage("Check the model", total=len(_checks()), unit="checks") as now:
        for each in _checks():
            finding = _found(each, subject)
            results.append(_result(version, each.name, finding))
            now.advance(note=f"{each.name} {finding.verdict}")
    store.put(*results)
    return bundle, results


TIMED_REQUESTS = 200
WARMING_REQUESTS = 20


def measure(
    running: Running, version: ModelVersion, *, rows: list[dict[str, Any]], root: str | os.PathLike[str], store: Store
) -> list[CheckResult]:
    """Measure a started server against the budgets of the project, and record the verdicts.

    Args:
        running: the server, before it has traffic.
        version: what it serves.
        rows: what clients ask, one row a request.
        root: the project's folder, whose ``pyproject.toml`` has the budgets.
        store: where the verdicts are recorded.

    Returns:
        One result per budget that is set; nothing is measured without one.
    """
    demands = _demands(Path(root))
    findings: dict[str, Finding] = {}
    if rows and (demands.latency_ms or demands.memory_mb):
        with stage("Measure the server", total=TIMED_REQUESTS, unit="requests") as now:
            client.latencies_ms(running.address, rows, count=WARMING_REQUESTS)
            taken = sorted(client.latencies_ms(running.address, rows, count=TIMED_REQUESTS))
            now.advance(TIMED_REQUESTS, note=f"median {taken[len(taken) // 2]:.2f} ms")
            if demands.latency_ms is not None:
                findings["latency"] = _within("a single row", taken[int(len(taken) * 0.95)], demands.latency_ms, "ms")
            if demands.memory_mb is not None:
                findings["memory"] = _within("the server", running.memory_bytes() / 1e6, demands.memory_mb, "MB")
    results = [_result(version, name, finding) for name, finding in findings.items()]
    if results:
        store.put(*results)
    return results


def _within(what: str, found: float, most: float, unit: str) -> Finding:
    said = f"{what} takes {found:.2f} {unit}, the budget is {most:g} {unit}"
    return Finding("passed" if found <= most else "failed", said, {f"{unit.lower()}": found, "budget": most})


def _asked(subject: Subject) -> tuple[Callable[[list[dict[str, Any]]], list[Any]], list[dict[str, Any]]]:
    """The model as a function of rows, and rows to ask."""
    from nbops.bundle import load
    from nbops.bundle.evidence import Evidence
    from nbops_serving.manifest import Policy
    from nbops_serving.rows import Reader
    from nbops_serving.rungs import Original

    manifest = read_manifest((Path(subject.bundle.path) / MANIFEST).read_bytes())
    original = Original(load(subject.version, subject.blobs), manifest)
    reader = Reader(manifest.signature, Policy(), most_rows=sys.maxsize)

    def predict(rows: list[dict[str, Any]]) -> list[Any]:
        return original.answer(reader.check(rows)[0]).predictions

    rows: list[dict[str, Any]] = manifest.example
    if subject.version.evidence_digest is not None:
        known = msgspec.msgpack.decode(subject.blobs.get(subject.version.evidence_digest), type=Evidence)
        names = [column.name for column in manifest.signature.columns]
        rows = [dict(zip(names, row, strict=True)) for row in known.rows]
    return predict, rows


@contextlib.contextmanager
def _importable(root: Path) -> Iterator[None]:
    """Let the project's own modules be imported, as pytest and a notebook in its folder do."""
    places = [str(root), str(root / "src")]
    sys.path[:0] = places
    try:
        yield
    finally:
        for place in places:
            sys.path.remove(place)


def _function(reference: str) -> Callable[..., object]:
    module, _, name = reference.partition(":")
    # Read again: in a long session the file may have changed since the last check.
    found = sys.modules.get(module)
    loaded = importlib.reload(found) if found is not None else importlib.import_module(module)
    function: Callable[..., object] = getattr(loaded, name)
    return function


@functools.cache
def _checks() -> list[Check]:
    others = [name for name in names("checks", built_in=CHECKS) if name not in CHECKS]
    return [look_up("checks", name, built_in=CHECKS)() for name in [*CHECKS, *others]]


def _found(each: Check, subject: Subject) -> Finding:
    try:
        return each.run(subject)
    except NbopsError as error:
        return Finding("failed", str(error))


def _result(version: ModelVersion, name: str, finding: Finding) -> CheckResult:
    return CheckResult(
        id=new_id(),
        model_version_id=version.id,
        check=name,
        verdict=finding.verdict,
        message=finding.message,
        measured=finding.measured,
        at=time.time(),
    )


def _demands(root: Path) -> Demands:
    path = root / "pyproject.toml"
    if not path.is_file():
        return Demands()
    try:
        table = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("nbops", {}).get("checks", {})
        return msgspec.convert(table, Demands)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(
            f"{path}: [tool.nbops.checks] cannot be understood: {error}", hint=f"edit {path}"
        ) from error


def _live(version: ModelVersion, endpoint: str | None, store: Store) -> ModelVersion | None:
    """The version of the same model that has the largest share of an endpoint that is up."""
    known = store.find(Endpoint, status="up") if endpoint is None else store.find(Endpoint, name=endpoint, status="up")
    serving = []
    for each in known:
        for key, share in each.split.items():
            found = store.get(ModelVersion, store.get(Deployment, key).model_version_id)
            if share and (found.model == version.model or endpoint is not None):
                serving.append((share, each.updated_at, found))
    return max(serving, key=lambda row: row[:2])[2] if serving else None


def _metrics(store: Store, version: ModelVersion) -> dict[str, float]:
    """The last value of each metric of the run that made a version."""
    if version.run_id is None:
        return {}
    return {metric.name: metric.value for metric in store.metrics(version.run_id)}


def _below(name: str, bar: float | str, found: dict[str, float]) -> str | None:
    """Say how a metric misses its bar; None when it does not."""
    if name not in found:
        return f"the run has no metric {name!r}; it has: {', '.join(sorted(found)) or 'none'}"
    if isinstance(bar, str):
        word, _, number = bar.partition(" ")
        try:
            most = float(number)
        except ValueError:
            most = None
        if word not in ("max", "min") or most is None:
            raise SettingsError(
                f"[tool.nbops.checks] metrics: {name} = {bar!r} is not a bar",
                hint=f'{name} = 0.9, or {name} = "max 0.2"',
            )
        if word == "max":
            return f"{name} is {found[name]:g}, more than {most:g}" if not found[name] <= most else None
        bar = most
    return f"{name} is {found[name]:g}, below {bar:g}" if not found[name] >= bar else None


# What a client may have sent under the key, a column of the kind in the value takes as well.
_TAKEN_BY = {
    "integer": {"integer", "number"},
    "category": {"category", "text"},
    "text": {"text", "category"},
}


def incompatibilities(live: Signature, new: Signature) -> list[str]:
    """What the live version's clients would stumble over.

    Args:
        live: the signature they were made for.
        new: the signature that would answer them.

    Returns:
        One sentence for each difference that breaks a client; empty when none does.

    Example:
        >>> age = Column(name="age", kind="number")
        >>> incompatibilities(Signature(columns=[age]), Signature(columns=[age, Column(name="city", kind="text")]))
        ["it needs 'city', which they do not send"]
    """
    known = {column.name: column for column in live.columns}
    wrong = []
    for column in new.columns:
        before = known.get(column.name)
        if before is None:
            if not column.optional:
                wrong.append(f"it needs {column.name!r}, which they do not send")
            continue
        wrong += _narrowed(before, column)
    if live.output != new.output:
        wrong.append(f"it answers with a {new.output} instead of a {live.output}")
    gone = [repr(value) for value in live.classes or [] if new.classes is not None and value not in new.classes]
    if gone:
        wrong.append(f"it never answers {', '.join(gone)} any more")
    return wrong


def _narrowed(before: Column, now: Column) -> list[str]:
    wrong = []
    if now.kind not in _TAKEN_BY.get(before.kind, {before.kind}):
        wrong.append(f"{now.name!r} has to be {now.kind} and was {before.kind}")
    if before.optional and not now.optional:
        wrong.append(f"{now.name!r} may not be missing any more")
    return wrong

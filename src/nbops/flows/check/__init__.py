"""Checks before release: a model version is asked everything that must be true before clients may reach it.

A check is an extension point: implement ``Check``, name it under the entry point group ``nbops.checks``. What a check
demands is read from ``[tool.nbops.checks]`` of the project's ``pyproject.toml``::

    [tool.nbops.checks]
    metrics = { auc = 0.85 }              # bars for metrics of the run that made the model; "max 0.2" for a ceiling
    better = { metric = "auc", by = 0.0 } # than the version that is live, by this much
    functions = ["tests.model:income_helps"]  # functions of (predict, rows) that return, or raise and say why
    fresh = { days = 30 }                 # how old the training data may be
    trust = "clean"                       # the trust mark that what made the model needs
    latency_ms = 20                       # 95th percentile of a single row, measured on the server that was started
    memory_mb = 300                       # of that server after those requests

    [tool.nbops.checks.held_out]          # rows that the model was not trained on
    data = "data/held_out.parquet"
    target = "churned"
    metrics = { accuracy = 0.8 }
    segments = { region = { accuracy = 0.7 } }

    [tool.nbops.checks.vulnerabilities]   # of the locked packages; asks nobody without this table
    block = "fixable"

One verdict is never a matter of belief: it names what was measured.
"""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path
from typing import Any

from nbops.deploy import Running
from nbops.errors import BundleError, NbopsError
from nbops.extending import look_up, names
from nbops.flows.check.budgets import budgets
from nbops.flows.check.demands import Demands, demands_of
from nbops.flows.check.functions import Functions
from nbops.flows.check.held_out import HeldOut
from nbops.flows.check.metrics import BetterThanLive, Metrics
from nbops.flows.check.parity import Parity
from nbops.flows.check.provenance import FreshData, TrustMark
from nbops.flows.check.schema import Schema, incompatibilities
from nbops.flows.check.subject import Check, Finding, Subject, Verdict
from nbops.flows.check.vulnerabilities import Vulnerabilities
from nbops.progress import stage
from nbops.records import Bundle, CheckResult, Deployment, Endpoint, ModelVersion, new_id
from nbops.store.blobs import Blobs
from nbops.store.interface import Store

__all__ = [
    "CHECKS", "BetterThanLive", "Check", "Demands", "Finding", "FreshData", "Functions", "HeldOut", "Metrics", "Parity",
    "Schema", "Subject", "TrustMark", "Verdict", "Vulnerabilities", "check", "incompatibilities", "measure", "release",
]  # fmt: skip

CHECKS = {
    "parity": "nbops.flows.check:Parity",
    "schema": "nbops.flows.check:Schema",
    "metrics": "nbops.flows.check:Metrics",
    "held_out": "nbops.flows.check:HeldOut",
    "better": "nbops.flows.check:BetterThanLive",
    "functions": "nbops.flows.check:Functions",
    "fresh": "nbops.flows.check:FreshData",
    "trust": "nbops.flows.check:TrustMark",
    "vulnerabilities": "nbops.flows.check:Vulnerabilities",
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

    demands = demands_of(Path(root))
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
    findings = budgets(running, rows, demands_of(Path(root)))
    results = [_result(version, name, finding) for name, finding in findings.items()]
    if results:
        store.put(*results)
    return results


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

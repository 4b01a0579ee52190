"""How quick and how large the started server is, measured on itself before it has traffic."""

from __future__ import annotations

from typing import Any

from nbops.deploy import Running, client
from nbops.flows.check.demands import Demands
from nbops.flows.check.subject import Finding
from nbops.progress import stage

TIMED_REQUESTS = 200
WARMING_REQUESTS = 20


def budgets(running: Running, rows: list[dict[str, Any]], demands: Demands) -> dict[str, Finding]:
    """Measure a server against the budgets that are set, by the checks' names."""
    findings: dict[str, Finding] = {}
    if not rows or not (demands.latency_ms or demands.memory_mb):
        return findings
    with stage("Measure the server", total=TIMED_REQUESTS, unit="requests") as now:
        client.latencies_ms(running.server, rows, count=WARMING_REQUESTS)
        taken = sorted(client.latencies_ms(running.server, rows, count=TIMED_REQUESTS))
        now.advance(TIMED_REQUESTS, note=f"median {taken[len(taken) // 2]:.2f} ms")
        if demands.latency_ms is not None:
            findings["latency"] = _within("a single row", taken[int(len(taken) * 0.95)], demands.latency_ms, "ms")
        if demands.memory_mb is not None:
            findings["memory"] = _within("the server", running.memory_bytes() / 1e6, demands.memory_mb, "MB")
    return findings


def _within(what: str, found: float, most: float, unit: str) -> Finding:
    said = f"{what} takes {found:.2f} {unit}, the budget is {most:g} {unit}"
    return Finding("passed" if found <= most else "failed", said, {f"{unit.lower()}": found, "budget": most})

"""A server that was just started: waiting until it is ready, and proving that it answers as the notebook does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from nbops.deploy import client
from nbops.deploy.engine import Engine, Started
from nbops.deploy.interrupts import Interrupts
from nbops.deploy.proof import Proof, mismatches
from nbops.errors import DeployError
from nbops.progress import Stage, stage
from nbops.records import Bundle
from nbops_serving.manifest import MANIFEST, read_manifest

READY_TIMEOUT_S = 120.0
"""How long a server may take until it has its model in."""


def wait_ready(
    engine: Engine,
    started: Started,
    server: client.Server,
    *,
    endpoint: str,
    now: Stage,
    interrupts: Interrupts,
) -> None:
    """Wait until a server has its model in.

    Args:
        engine: what runs it.
        started: the server, as its engine knows it.
        server: the server, as it is asked.
        endpoint: the name that it is started for.
        now: told how long it takes.
        interrupts: notices those that come meanwhile; each ends the wait between two questions, so that no socket is
            left open by one that came just after it was opened.

    Raises:
        DeployError: it ended, or takes too long; the message has what it said.
    """
    began = time.monotonic()
    asked_at = began
    while not _is_ready(server, interrupts):
        waited = time.monotonic() - began
        # Asking the engine costs more than asking the server: four times a second is soon enough.
        if time.monotonic() - asked_at > 0.25:
            asked_at = time.monotonic()
            now.say(f"wait until it is ready, {waited:.0f} s")
            with interrupts.held():
                condition = engine.condition(started.handle)
            if condition.state != "running":
                raise _start_failure(engine, started, endpoint, f"ended before it was ready ({condition.message})")
        if waited > READY_TIMEOUT_S:
            raise _start_failure(engine, started, endpoint, f"was not ready after {READY_TIMEOUT_S:.0f} s")
        time.sleep(0.015)
    now.say(f"ready on {started.address}")


def _is_ready(server: client.Server, interrupts: Interrupts) -> bool:
    with interrupts.held():
        return client.is_ready(server)


def _start_failure(engine: Engine, started: Started, endpoint: str, what: str) -> DeployError:
    said = "\n".join(engine.logs(started.handle, tail=12)).strip()
    return DeployError(
        f"the server {what}" + (f"; it said:\n{said}" if said else ""),
        code="start_failed",
        hint=f"nbops logs {endpoint}",
    )


def prove(bundle: Bundle, server: client.Server, proofs: Sequence[Proof], *, endpoint: str) -> None:
    """Ask a running server the notebook's own rows: it answers as the notebook does, or it gets no traffic.

    Args:
        bundle: what it serves; its example rows are asked first.
        server: whom to ask.
        proofs: what it must answer besides.
        endpoint: the name that it is started for.

    Raises:
        DeployError: it answers otherwise; the message has the first row.
    """
    manifest = read_manifest((Path(bundle.path) / MANIFEST).read_bytes())
    asked = [Proof.of(manifest), *proofs]
    with stage("Check its answers", total=sum(len(each.rows) for each in asked), unit="rows") as now:
        for each in asked:
            wrong = mismatches(server, each, tolerance=manifest.tolerance)
            if wrong:
                raise DeployError(
                    f"{manifest.model}@{manifest.version} does not answer as the notebook's model does: {wrong[0]}"
                    + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""),
                    code="parity_failed",
                    hint=f"nbops logs {endpoint}",
                )
            now.advance(len(each.rows), note="as in the notebook")

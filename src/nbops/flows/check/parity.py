"""Whether the bundle is still the notebook's model."""

from __future__ import annotations

from pathlib import Path

from nbops.flows.check.subject import Finding, Subject
from nbops_serving.manifest import MANIFEST, read_manifest


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

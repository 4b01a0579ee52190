"""What a check is given, and what it answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from nbops.flows.check.demands import Demands
from nbops.records import Bundle, ModelVersion
from nbops.store.blobs import Blobs
from nbops.store.interface import Store
from nbops_serving.answers import Answer
from nbops_serving.manifest import MANIFEST, Policy, read_manifest

Verdict = Literal["passed", "failed", "skipped"]


class Finding(msgspec.Struct, frozen=True):
    """What one check found."""

    verdict: Verdict
    message: str
    measured: dict[str, float] = {}


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


class Asked:
    """A stored version as a function of rows, as they are sent by clients."""

    def __init__(self, version: ModelVersion, subject: Subject) -> None:
        from nbops.bundle import load
        from nbops.bundle.packing import manifest_of
        from nbops_serving.rows import Reader
        from nbops_serving.rungs import Original

        manifest = manifest_of(version, subject.blobs)
        self.classes = manifest.signature.classes
        self.names = [column.name for column in manifest.signature.columns]
        self._original = Original(load(version, subject.blobs), manifest)
        self._reader = Reader(manifest.signature, Policy(), most_rows=sys.maxsize)

    def answer(self, rows: list[dict[str, Any]]) -> Answer:
        """Return predictions, and probabilities where the model has them."""
        return self._original.answer(self._reader.check(rows)[0])

    def predict(self, rows: list[dict[str, Any]]) -> list[Any]:
        """Return the predictions alone."""
        return self.answer(rows).predictions


def sample_rows(subject: Subject) -> list[dict[str, Any]]:
    """Rows of the training sample, as far as they were kept."""
    from nbops.bundle.evidence import Evidence

    manifest = read_manifest((Path(subject.bundle.path) / MANIFEST).read_bytes())
    if subject.version.evidence_digest is None:
        return manifest.example
    known = msgspec.msgpack.decode(subject.blobs.get(subject.version.evidence_digest), type=Evidence)
    names = [column.name for column in manifest.signature.columns]
    return [dict(zip(names, row, strict=True)) for row in known.rows]

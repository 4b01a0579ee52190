"""The seam of rungs: how a model is computed where it is served.

A rung is one class with both directions: ``build`` writes what it needs into the bundle, beside the notebook; ``open``
makes what answers, in the server. Which rung is taken is up to ``nbops.bundle.ladder``. To add one, see CONTRIBUTING.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from nbops.bundle.evidence import Evidence
from nbops.extending import look_up, names, provider
from nbops.records import ModelVersion
from nbops_serving import rungs
from nbops_serving.bundle import Contents
from nbops_serving.preparation import PREPARATION_FILE, write_preparation

SAME = 1e-9
"""Largest relative difference of the original: sums in another order, on another machine."""
ORIGINAL = "original"


class NoRungError(Exception):
    """A model cannot be computed on a rung, or not here; the message says why."""


class Rung(Protocol):
    """A way to compute models; made without arguments.

    Where the model is served nbops is not there: the module of a rung imports it inside ``build`` alone.
    """

    tolerance: float
    """Largest relative difference from the live model's answers that still counts as the same."""
    packages: Sequence[str]
    """Distributions that answering needs, beside the server's and the rung's own."""

    def build(self, model: Any, version: ModelVersion, evidence: Evidence | None) -> dict[str, bytes]:
        """Write the files that ``open`` needs, name → content; NoRungError for a model that it cannot compute."""
        ...

    def open(self, bundle: Contents) -> rungs.Rung:
        """Make what answers, from the files that ``build`` wrote and the manifest."""
        ...


RUNGS = {
    "plan": "nbops.bundle.plans:PlanRung",
    "onnx": "nbops.bundle.export:OnnxRung",
    ORIGINAL: "nbops.bundle.rung:OriginalRung",
}
"""Rungs that come with nbops, fastest first; others join by the entry point group ``nbops.rungs``."""


class OriginalRung:
    """The model itself: packing adds its own bytes and sources, and what they need.

    What is written beside it lets the server give rows to the estimator without calling a pipeline's first steps.
    """

    tolerance = SAME
    packages: Sequence[str] = ()
    open = staticmethod(rungs.RUNGS[ORIGINAL])

    def build(self, model: Any, version: ModelVersion, evidence: Evidence | None) -> dict[str, bytes]:
        """Write a preparation where there is one, else nothing."""
        from nbops.bundle.preparations import preparation_of

        preparation = None if evidence is None else preparation_of(model, version.signature, evidence)
        return {} if preparation is None else {PREPARATION_FILE: write_preparation(preparation)}


def rung_named(name: str) -> Rung:
    """Return the rung of this name.

    Raises:
        UsageError: no rung has this name.
    """
    rung: Rung = look_up("rungs", name, built_in=RUNGS)()
    return rung


def packages_of(name: str) -> list[str]:
    """List the distributions that a rung needs where it answers, that of its own package included."""
    brought_by = provider("rungs", name, built_in=RUNGS)
    return [*rung_named(name).packages, *([brought_by] if brought_by is not None else [])]


def faster_than_original() -> Iterator[str]:
    """Name rungs in the order in which they are tried; what is installed is looked at only when it gets there."""
    yield from (name for name in RUNGS if name != ORIGINAL)
    yield from (name for name in names("rungs", built_in=RUNGS) if name not in RUNGS)

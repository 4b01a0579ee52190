"""The ladder: the fastest rung on which a model gives the same answers.

Each rung is built, asked about rows of the training sample and rows at the edges, and compared with what the live model
said in the notebook. A rung that cannot be built, raises or differs is left for the next one, and the manifest says
why. The last rung is the original itself; if even that answers otherwise, there is no bundle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from nbops.bundle.evidence import Answers, Evidence
from nbops.bundle.rung import ORIGINAL, SAME, NoRungError, faster_than_original, rung_named
from nbops.errors import BundleError
from nbops.records import ModelVersion
from nbops_serving.answers import Answer
from nbops_serving.manifest import Gate, Manifest
from nbops_serving.rows import Row
from nbops_serving.rungs import Original

SINGLE_ROWS = 50
"""Rows that are also asked one at a time, as a server is."""


class Climbed(msgspec.Struct, frozen=True):
    """The rung a bundle is served on."""

    rung: str
    files: dict[str, bytes]
    """What the rung needs in the bundle."""
    gate: Gate
    classes_follow_probabilities: bool
    tolerance: float


class Answering(Protocol):
    """Whatever answers rows."""

    def answer(self, rows: Sequence[Row]) -> Answer:
        """Answer rows."""
        ...


@dataclass(frozen=True)
class _Draft:
    """A bundle that is not written yet, as a rung is opened from it."""

    manifest: Manifest
    files: Mapping[str, bytes]

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        return self.files[name]


def climb(
    model: Any,
    version: ModelVersion,
    evidence: Evidence | None,
    original: Original,
    start: Manifest,
    *,
    rung: str | None = None,
) -> Climbed:
    """Find the fastest rung with the same answers.

    Args:
        model: the model as it was read back.
        version: its version.
        evidence: what the live model said; None when it was registered without a sample.
        original: the last rung, which every model has.
        start: the manifest as far as it is known.
        rung: the only one to try; None for all.

    Returns:
        The rung with its files and what was proven.

    Raises:
        BundleError: even the model itself answers otherwise than it did in the notebook, or the rung that was asked
            for cannot answer as it did.
        UsageError: no rung has the name that was asked for.
    """
    fallen: dict[str, str] = {}
    follow = _follows(version, evidence)
    for name in faster_than_original() if rung is None else [rung]:
        if name == ORIGINAL:
            break
        one = rung_named(name)
        try:
            files = one.build(model, version, evidence)
            if evidence is None:
                raise NoRungError("there are no training rows to prove it on")
            worst = prove(one.open(_Draft(start, files)), evidence, tolerance=one.tolerance, single=True)
        except (NoRungError, _OtherAnswerError) as error:
            fallen[name] = str(error)
        except Exception as error:  # noqa: BLE001 - whatever another's code raises, the next rung answers and the gate says why
            fallen[name] = f"{type(error).__name__}: {error}"
        else:
            gate = Gate(rows=_count(evidence), worst=worst, fallen=fallen)
            return Climbed(name, files, gate, follow, max(one.tolerance, SAME))
    if rung is not None and rung in fallen:
        raise BundleError(
            f"{version.model}@{version.number} cannot be served on the rung {rung!r}: {fallen[rung]}",
            code="rung_refused",
            hint="unset NBOPS_RUNG",
        )
    return _as_it_is(model, version, evidence, original, fallen, follow)


def _as_it_is(
    model: Any,
    version: ModelVersion,
    evidence: Evidence | None,
    original: Original,
    fallen: dict[str, str],
    follow: bool,
) -> Climbed:
    if evidence is None:
        return Climbed(ORIGINAL, {}, Gate(rows=0, worst=0.0, fallen=fallen), follow, SAME)
    try:
        worst = prove(original, evidence, tolerance=SAME, single=False)
    except _OtherAnswerError as error:
        raise BundleError(
            f"{version.model}@{version.number} does not answer as it did in the notebook: {error}",
            code="answers_differ",
            hint="fix its random state, or register it again with the sample it was fitted on",
        ) from error
    files = rung_named(ORIGINAL).build(model, version, evidence)
    try:  # what is written beside the model has to prove itself as well
        worst = max(worst, prove(original.beside(files), evidence, tolerance=SAME, single=False))
    except _OtherAnswerError:
        files = {}
    return Climbed(ORIGINAL, files, Gate(rows=_count(evidence), worst=worst, fallen=fallen), follow, SAME)


def _count(evidence: Evidence) -> int:
    return len(evidence.rows) + len(evidence.edges)


def _follows(version: ModelVersion, evidence: Evidence | None) -> bool:
    """Whether each predicted class was the one with the largest probability, so that one call gives both."""
    classes = version.signature.classes
    if evidence is None or classes is None or not evidence.answers.probabilities:
        return False
    answers = [evidence.answers, evidence.edge_answers]
    return all(
        prediction == classes[shares.index(max(shares))]
        for part in answers
        for prediction, shares in zip(part.predictions, part.probabilities, strict=True)
    )


class _OtherAnswerError(Exception):
    """A rung answers otherwise than the live model did."""


def prove(rung: Answering, evidence: Evidence, *, tolerance: float, single: bool) -> float:
    """Compare a rung with what the live model said.

    Args:
        rung: what is asked.
        evidence: rows and answers.
        tolerance: largest relative difference that still counts as the same.
        single: ask some rows one at a time, too.

    Returns:
        The largest difference seen; 0.0 is bit for bit.
    """
    rows = [tuple(row) for row in evidence.rows]
    worst = _compare(rung, rows, evidence.answers, tolerance)
    for place, edge in enumerate(evidence.edges):
        # The live model answered these one at a time: some of them might have spoilt the others.
        worst = max(worst, _compare(rung, [tuple(edge)], _one(evidence.edge_answers, place), tolerance))
    if single:
        for place in range(0, len(rows), max(len(rows) // SINGLE_ROWS, 1)):
            worst = max(worst, _compare(rung, [rows[place]], _one(evidence.answers, place), tolerance))
    return worst


def _one(answers: Answers, place: int) -> Answers:
    return Answers(answers.predictions[place : place + 1], answers.probabilities[place : place + 1])


def _compare(rung: Answering, rows: list[Row], expected: Answers, tolerance: float) -> float:
    if not rows:
        return 0.0
    try:
        answer = rung.answer(rows)
    except Exception as error:
        raise _OtherAnswerError(f"{type(error).__name__}: {error}") from error
    worst = _distance(expected.predictions, answer.predictions)
    worst = max(worst, _distance(expected.probabilities, answer.probabilities or []))
    if not worst <= tolerance:
        row = next(
            place
            for place, (one, other) in enumerate(zip(expected.predictions, answer.predictions, strict=True))
            if not _distance(one, other) <= tolerance
            or not _distance(_at(expected.probabilities, place), _at(answer.probabilities or [], place)) <= tolerance
        )
        raise _OtherAnswerError(
            f"row {rows[row]}: {expected.predictions[row]!r} in the notebook, {answer.predictions[row]!r} here; "
            f"differs by {worst:.3g}"
        )
    return worst


def _at(probabilities: list[list[float]], place: int) -> list[float]:
    return probabilities[place] if probabilities else []


def _distance(one: Any, other: Any) -> float:
    """Relative difference of numbers, infinite where anything else differs."""
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return math.inf
        return max((_distance(a, b) for a, b in zip(one, other, strict=True)), default=0.0)
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return math.inf
        return max((_distance(value, other[name]) for name, value in one.items()), default=0.0)
    if isinstance(one, float) and isinstance(other, int | float) and not isinstance(other, bool):
        if one == other or (math.isnan(one) and math.isnan(other)):
            return 0.0
        return abs(one - other) / max(abs(one), 1.0)
    return 0.0 if one == other and type(one) is type(other) else math.inf

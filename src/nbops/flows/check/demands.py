"""``[tool.nbops.checks]`` of the project: what its checks demand."""

from __future__ import annotations

import datetime
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from nbops.errors import SettingsError
from nbops.flows.check.bars import Bar

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Better(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much better than the live version a metric has to be."""

    metric: str
    by: float = 0.0
    objective: Literal["max", "min"] = "max"
    on: Literal["run", "held_out"] = "run"
    """Whether the metrics of both runs are compared, or both models are asked the same held-out rows."""


class HeldOutDemand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows that no version was trained on, and what it has to be worth on them."""

    data: str
    """A Parquet, CSV or Arrow file, relative to the project."""
    target: str
    """Its column with the right answers."""
    metrics: dict[str, Bar] = {}
    """Score → its bar over all rows."""
    segments: dict[str, dict[str, Bar]] = {}
    """Column → score → the bar that every value of that column has to reach by itself."""
    smallest_segment: Annotated[int, msgspec.Meta(ge=1)] = 30
    """How many rows a segment needs to be judged."""


class Freshness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How old the training data may be."""

    days: Positive
    column: str | None = None
    """A datetime column whose newest value counts; without one, when exactly this data was first seen."""


class Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A known vulnerability that is let through for a while."""

    id: str
    """Its id or one of its aliases."""
    until: datetime.date
    """The last day."""
    why: str


class VulnerabilityDemand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where known vulnerabilities are looked up, and which of them stop a release."""

    report: str | None = None
    """A report in pip-audit's JSON format, relative to the project; without one pip-audit is asked."""
    service: Literal["pypi", "osv"] = "pypi"
    """Whom pip-audit asks."""
    url: str | None = None
    """Another address of an OSV service, such as a mirror of one's own."""
    block: Literal["all", "fixable"] | list[str] = "all"
    """All, those for which there is a version without it, or those with these ids."""
    allow: list[Allowed] = []
    required: bool = False
    """Whether a release is stopped when they cannot be looked up."""
    timeout_s: Positive = 120.0


class Demands(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[tool.nbops.checks]`` of the project."""

    metrics: dict[str, Bar] = {}
    """Metric → its bar: a number it must reach, or ``"max 0.2"`` for one it must not pass."""
    better: Better | None = None
    held_out: HeldOutDemand | None = None
    functions: list[str] = []
    """``module:function`` of the project, called with ``predict`` (rows → predictions) and rows of the sample."""
    fresh: Freshness | None = None
    trust: Literal["clean", "reproduced"] | None = None
    """The trust mark that a version needs at least."""
    vulnerabilities: VulnerabilityDemand | None = None
    latency_ms: Positive | None = None
    """Bar for the 95th percentile of single-row requests to the started server, in milliseconds."""
    memory_mb: Positive | None = None
    """Bar for the memory that server holds after them, in MB."""
    options: dict[str, Any] = {}
    """For checks from elsewhere, by their name."""


def demands_of(root: Path) -> Demands:
    """Read what a project demands.

    Args:
        root: its folder, with or without a ``pyproject.toml``.

    Raises:
        SettingsError: ``[tool.nbops.checks]`` cannot be understood.

    Example:
        >>> demands_of(Path("/nowhere")).metrics
        {}
    """
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

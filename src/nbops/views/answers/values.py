"""How single values are shown: ids, numbers, times, sizes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from nbops.flows.compare import Difference
from nbops.views.parts import Table

SHORT = 16
"""How many digits of an id are shown: 12 of its millisecond, the version, 3 of the millisecond's fraction."""


def short(id: str | None) -> str:
    """Cut an id to what is shown."""
    return id[:SHORT] if id else ""


def number(value: object) -> str:
    """Write a number as people read it: at most six significant digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if isinstance(value, int):
        return str(value)
    return f"{value:.6g}" if math.isfinite(value) else str(value)


def seconds(start: float, end: float | None) -> str:
    """Write how long something took or has been taking."""
    taken = (end if end is not None else time.time()) - start
    if taken < 60:
        return f"{taken:.1f} s"
    return f"{int(taken // 60)} min {int(taken % 60)} s"


def took(taken_s: float) -> str:
    """Write a duration."""
    return f"{taken_s * 1e3:.3g} ms" if taken_s < 1 else seconds(0.0, taken_s)


def when(at: float | None) -> str:
    """Write a moment in local time."""
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size(size_bytes: float) -> str:
    """Write a size in kB, MB or GB of 1000."""
    for unit in ("B", "kB", "MB"):
        if size_bytes < 1000:
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.3g} GB"


def first_line(source: str) -> str:
    """Show the first line of a cell that says something."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    return (lines[0] + (" …" if len(lines) > 1 else "")) if lines else ""


def most_common(names: Any, most: int = 4) -> list[str]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda name: (-counts[name], name))[:most]


def most_telling(rows: Iterable[Mapping[str, Any]], most: int = 4) -> list[str]:
    """Choose the names that tell rows apart: first those with more than one value, then those that most rows have."""
    values: dict[str, list[str]] = {}
    for row in rows:
        for name, value in row.items():
            values.setdefault(name, []).append(str(value))
    return sorted(values, key=lambda name: (len(set(values[name])) == 1, -len(values[name]), name))[:most]


def bounded_params(params: dict[str, Any], most: int = 6) -> str:
    """The parameters that say something: those that are set."""
    told = [f"{name}={number(value)}" for name, value in params.items() if value not in (None, False, "deprecated")]
    return first_line(", ".join(told[:most])) + (", …" if len(told) > most else "")


def side_by_side(columns: Sequence[str], groups: Mapping[str, Sequence[Difference]]) -> Table:
    """Put runs side by side under one column each, group below group, without what is known of none of them."""
    groups = {
        title: [row for row in group if any(value not in (None, "") for value in row.values)]
        for title, group in groups.items()
    }
    rows = [row for group in groups.values() for row in group]
    heads: dict[int, str] = {}
    above = 0
    for title, group in groups.items():
        if group:
            heads[above] = title
        above += len(group)
    cells = [[row.name, *(number(value) for value in row.values)] for row in rows]
    marked = frozenset(i for i, row in enumerate(rows) if row.differs)
    return Table(columns, cells, frozenset(range(1, len(columns))), marked=marked, groups=heads)


def bounded(text: str, most: int = 4000) -> str:
    return text if len(text) <= most else text[:most] + "\n… cut here; the rest is in --json"

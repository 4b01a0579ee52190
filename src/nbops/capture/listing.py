"""``nbops.runs()``: recorded runs as a DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FIELDS = ("id", "name", "kind", "status", "started_at", "ended_at", "notebook", "cause", "user", "git_commit")


def runs(
    where: str | None = None, order_by: str | None = None, limit: int | None = None, *, archived: bool = False
) -> pd.DataFrame:
    """List runs with their parameters and the last value of each metric.

    Args:
        where: an expression such as ``"metrics.accuracy > 0.9 and params.depth = 4"``; all runs when not given.
        order_by: fields separated by commas, each with ``-`` for descending: ``"-metrics.accuracy"``; newest first
            when not given.
        limit: how many rows at most; all when not given.
        archived: list the archived runs instead.

    Returns:
        One row for each run, indexed by run id: what is known of the run, ``duration_s`` in seconds, ``cells``, and a
        column ``params.NAME`` or ``metrics.NAME`` for each name that any of the runs has. Times are UTC.

    Raises:
        UsageError: an expression that cannot be understood, with the place.
        StoreError: the store cannot be read.

    Example:
        >>> import nbops
        >>> with nbops.run("tuned"):
        ...     nbops.log_param("depth", 4)
        ...     nbops.log_metric("accuracy", 0.93)
        >>> found = nbops.runs("params.depth = 4", limit=1)
        >>> found[["name", "metrics.accuracy"]].values.tolist()
        [['tuned', 0.93]]
    """
    import pandas as pd

    from nbops.capture import here

    with here.reading() as store:
        summaries = store.search_runs(where, order_by=order_by, limit=limit, shelf="archived" if archived else "listed")
    rows: list[dict[str, Any]] = []
    for summary in summaries:
        row = {field: getattr(summary.run, field) for field in _FIELDS} | {"cells": summary.cells}
        row |= {f"params.{name}": value for name, value in summary.params.items()}
        row |= {f"metrics.{name}": value for name, value in summary.metrics.items()}
        rows.append(row)
    names = sorted({name for row in rows for name in row if name.startswith(("params.", "metrics."))})
    frame = pd.DataFrame(rows, columns=[*_FIELDS, "cells", *names])
    for field in ("started_at", "ended_at"):
        frame[field] = pd.to_datetime(frame[field].astype("float64"), unit="s", utc=True)
    frame.insert(6, "duration_s", (frame["ended_at"] - frame["started_at"]).dt.total_seconds())
    return frame.set_index("id")

"""``metric:accuracy<0.9``: a metric has crossed its bar.

The metric of the newest finished run of the schedule's notebook that logged it; with a model before it,
``metric:churn@production:accuracy<0.9``, of the run that made that version.
"""

from __future__ import annotations

import re

from nbops.errors import NotFoundError, UsageError
from nbops.records import ModelVersion, Run
from nbops.schedule.triggers import Look, Sight

_FORM = re.compile(r"(?:(?P<model>[^<>\s]+):)?(?P<metric>[^<>:]+?)\s*(?P<sign>[<>])\s*(?P<bar>[^<>=\s]+)")
_LOOKED_AT = 50


class MetricBar:
    """Holds while a metric is on the wrong side of its bar, or is no number."""

    starts_from_now = False

    def check(self, what: str) -> None:
        """Refuse anything but ``[MODEL:]METRIC<BAR`` or ``…>BAR``."""
        _parsed(what)

    def look(self, look: Look) -> Sight:
        """Compare the metric's last value; the same run has the same token."""
        model, metric, sign, bar = _parsed(look.what)
        try:
            run_id, value = _value(look, model, metric)
        except NotFoundError as error:
            # The first training may well be what logs it.
            return Sight(note=error.message)
        token = {"run": run_id}
        # A metric that is no number is not on the right side.
        is_right = value >= bar if sign == "<" else value <= bar
        if is_right:
            return Sight(token=token)
        side = "below" if sign == "<" else "above"
        # The run has ended: nothing of it changes any more.
        return Sight(reason=f"{metric} {value:.6g} is {side} {bar:g} in run {run_id[:16]}", token=token, changed_at=0.0)


def _value(look: Look, model: str | None, metric: str) -> tuple[str, float]:
    if model is not None:
        version = look.store.resolve(ModelVersion, model)
        runs = [version.run_id] if version.run_id is not None else []
        where = f"the run of {version.model}@{version.number}"
    else:
        notebook = look.schedule.notebook
        found = look.store.find(Run, notebook=notebook, status="finished", deleted_at=None, limit=_LOOKED_AT)
        runs, where = [run.id for run in found], f"no finished run of {notebook}"
    for run_id in runs:
        values = [logged.value for logged in look.store.metrics(run_id) if logged.name == metric]
        if values:
            return run_id, values[-1]
    raise NotFoundError(f"{where} has {'not ' if model else ''}logged a metric {metric!r}", code="metric_not_found")


def _parsed(what: str) -> tuple[str | None, str, str, float]:
    found = _FORM.fullmatch(what)
    try:
        if found is not None:
            return found["model"], found["metric"].strip(), found["sign"], float(found["bar"])
    except ValueError:
        pass  # the bar is no number; said below
    raise UsageError(f"metric:{what} cannot be understood", code="condition_wrong", hint="--when 'metric:accuracy<0.9'")

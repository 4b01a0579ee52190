"""Parameters of fits as parameters of their run, so that runs can be searched and compared by them.

A run with one model has that model's parameters. Where several fits of a run differ in one, no last value stands for
all: the run has the list of them, and each fit has its own. A parameter that somebody logged by hand, or that a
retraining driver gave, is never touched.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbops.capture import values
from nbops.capture.tracking import ActiveRun
from nbops.errors import StoreError
from nbops.records import Param

if TYPE_CHECKING:
    from nbops.capture.session import Session

_MOST_VALUES = 10
_MOST_RUNS = 1_000


class RunParams:
    """What the fits of a session have said of their runs."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._said: dict[str, dict[str, list[Any]]] = {}
        self._given: dict[str, frozenset[str]] = {}

    def say(self, run: ActiveRun, params: Mapping[str, Any]) -> None:
        """Set a fit's parameters as those of its run, as far as nobody else has said them."""
        said = self._said.setdefault(run.id, {})
        given = self._given_to(run)
        now, rows = time.time(), []
        for name, value in params.items():
            seen = said.setdefault(name, [])
            if name in given or name in run.said or any(_same(value, one) for one in seen):
                continue
            if len(seen) <= _MOST_VALUES:
                seen.append(value)
                rows.append(Param(run_id=run.id, name=name[:250], value=_all(seen), at=now))
        if rows:
            self._session.writer.log_params(rows)

    def _given_to(self, run: ActiveRun) -> frozenset[str]:
        """What the run had before any fit: asked once, of the store, because another process may have written it."""
        given = self._given.get(run.id)
        if given is None:
            try:
                given = frozenset(self._session.writer.store.params(run.id))
            except StoreError:
                given = frozenset()  # it cannot be asked just now; what was logged here is known anyway
            if len(self._given) > _MOST_RUNS:
                self._given.clear()
                self._said.clear()
            self._given[run.id] = given
        return given


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or (one != one and other != other))


def _all(seen: list[Any]) -> Any:
    if len(seen) == 1:
        return values.as_param(seen[0])
    shown = values.as_param(seen[:_MOST_VALUES])
    return f"{shown} and more" if len(seen) > _MOST_VALUES else shown

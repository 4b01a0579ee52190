"""What every store can do: the seam that rooms above hold, and that the contract tests run over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from nbops.records import Metric, Param, Record, Run

R = TypeVar("R", bound=Record)
Shelf = Literal["listed", "archived", "deleted", "all"]
"""Which runs a search looks at: those of the lists, those put away, those in the trash (archived or not), or all."""


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run with what a list shows of it: its parameters and the last value of each metric."""

    run: Run
    params: dict[str, Any]
    metrics: dict[str, float]
    cells: int
    """How many cell executions the run has."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One write, for those who follow the store."""

    seq: int
    noun: str
    """Table name: ``runs``, ``cells``, ``metrics``, …"""
    id: str
    """The record's id; for params and metrics the id of their run."""


class Store(Protocol):
    """The record of everything, shared by all processes of a project.

    Every write is committed when the call returns. Methods may be called from any thread.
    """

    location: str
    """Path or address, without any password."""
    is_read_only: bool

    def put(self, *records: Record) -> None:
        """Insert or replace whole records, all of them or none."""
        ...

    def update(self, kind: type[R], id: str, /, **fields: Any) -> None:
        """Set some fields of one record; NotFoundError when there is none."""
        ...

    def get(self, kind: type[R], id: str) -> R:
        """Return the record with exactly this id, or raise NotFoundError."""
        ...

    def find(
        self,
        kind: type[R],
        /,
        *,
        order_by: str = "-id",
        limit: int | None = None,
        offset: int = 0,
        **equals: Any,
    ) -> list[R]:
        """List records whose fields equal the given values; ``order_by`` is a field, ``-`` first for descending."""
        ...

    def count(self, kind: type[R], /, **equals: Any) -> int:
        """Count records whose fields equal the given values."""
        ...

    def resolve(self, kind: type[R], reference: str) -> R:
        """Find one record by unique id prefix, name, ``NAME@number``, ``NAME@alias`` or ``last``.

        Raises NotFoundError when nothing answers (with near names), UsageError when several do (listing them).
        """
        ...

    def add_version(self, version: Record) -> Record:
        """Store a ModelVersion under the next free number of its model, made by the store that all share.

        The given ``number`` is ignored. The Model row is made when it is the first.
        """
        ...

    def claim(self, record: Record, /, **unless: Any) -> bool:
        """Insert a record unless its id is taken, or another of its kind has the given values.

        One step for all processes of all machines that share the store: of several that claim the same, one is told
        True. StoreError when a store that others share cannot be asked.
        """
        ...

    def log_params(self, params: Sequence[Param]) -> None:
        """Set parameters; a name that the run has already is replaced."""
        ...

    def log_metrics(self, metrics: Sequence[Metric]) -> None:
        """Append metric values."""
        ...

    def params(self, run_id: str) -> dict[str, Any]:
        """Parameters of a run, by name."""
        ...

    def metrics(self, run_id: str, *, limit: int | None = None, offset: int = 0) -> list[Metric]:
        """Metric values of a run in the order they were logged; all of them when no limit is given."""
        ...

    def search_runs(
        self,
        where: str | None = None,
        *,
        order_by: str | None = None,
        limit: int | None = 100,
        offset: int = 0,
        shelf: Shelf = "listed",
        told: Callable[[int, int], None] | None = None,
    ) -> list[RunSummary]:
        """Runs that match an expression such as ``metrics.accuracy > 0.9 and params.depth = 4``, newest first.

        ``order_by`` is a comma-separated list of fields, each with ``-`` for descending. UsageError for an
        expression that cannot be parsed, with the place. Of a long list ``told`` hears how many of how many are read.
        """
        ...

    def count_runs(self, where: str | None = None, *, shelf: Shelf = "listed") -> int:
        """Count the runs that ``search_runs`` would list without a limit; a list shows it as its length."""
        ...

    def delete(self, kind: type[R], id: str) -> None:
        """Remove one record; a run takes its cells, fits, params, metrics and artifacts with it."""
        ...

    def changes(self, since: int, *, limit: int = 1000) -> list[Change]:
        """Writes after sequence number ``since``, oldest first."""
        ...

    def last_change(self) -> int:
        """Sequence number of the newest write; cheap enough to ask five times a second."""
        ...

    def digests(self, *, without: Collection[str] = ()) -> set[str]:
        """Every sha256 that any row names, in whatever field: blobs and bundles that have to stay.

        ``without`` are ids of records that do not count, nor does what belongs to a run among them. StoreError when a
        store that others share cannot be asked.
        """
        ...

    def compact(self) -> int:
        """Give space that rows left behind back to the disk; returns how many bytes."""
        ...

    def check(self) -> list[str]:
        """Problems found by the database's own integrity check and by ours; empty when sound."""
        ...

    def close(self) -> None:
        """Write what is left and let go of the database; safe to call twice."""
        ...

"""Takes over what a journal of another machine recorded, by id: bringing it twice changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbops.records import NOUNS, Metric, Model, ModelVersion, Param, Record, Run
from nbops.store.tables import table_of

if TYPE_CHECKING:
    from nbops.store.interface import Store
    from nbops.store.sqlite import SqliteStore


def merge(journal: SqliteStore, into: Store, *, run: Run, moved: tuple[str, str]) -> None:
    """Take over everything that was recorded beside a run, and then the run itself.

    Args:
        journal: what the other machine recorded.
        into: the store that takes it.
        run: the run as it is to stand here; it is written last, so that it ends when all of it is here.
        moved: folder where the project lay there, and where it lies here; paths in records are changed so.
    """
    runs = journal.find(Run)
    for one in runs:
        take_params(journal, into, one)
        take_metrics(into, one.id, journal.metrics(one.id))
    records: list[Record] = []
    for kind in NOUNS:
        if kind in (Run, Model, ModelVersion):
            continue
        records += [_moved(record, moved) for record in journal.find(kind, order_by="id")]
    into.put(*records, *(_moved(one, moved) for one in runs if one.id != run.id))
    for version in journal.find(ModelVersion, order_by="number"):
        # Its number is given by the store that all share; the journal's own begins at 1 each time.
        if not into.count(ModelVersion, id=version.id):
            into.add_version(_moved(version, moved))
    into.put(_moved(run, moved))


def take_params(journal: SqliteStore, into: Store, run: Run) -> None:
    """Take over what a notebook itself logged as parameters."""
    at = run.ended_at or run.started_at
    found = journal.params(run.id)
    into.log_params([Param(run_id=run.id, name=name, value=value, at=at) for name, value in found.items()])


def take_metrics(into: Store, run_id: str, logged: list[Metric]) -> None:
    """Take over a run's metrics as far as they are not here yet.

    Args:
        into: the store that takes them.
        run_id: the run.
        logged: all of its metrics in the order they were logged; those that are here already are the first of them.
    """
    here = len(into.metrics(run_id))
    if logged[here:]:
        into.log_metrics(logged[here:])


def _moved(record: Any, moved: tuple[str, str]) -> Any:
    """The record with paths of the other machine's folder as paths of this one's."""
    there, here = moved
    kind: type[Record] = type(record)
    table: Any = table_of(kind)
    row = [value.replace(there, here) if isinstance(value, str) else value for value in table.row(record)]
    return table.record(row)

"""What a person calls a record, and which one is meant: an id, the beginning of one, a name, a version, ``last``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar, cast

from nbops.errors import NotFoundError, UsageError
from nbops.records import (
    CellExecution,
    Deployment,
    Endpoint,
    Firing,
    Model,
    ModelVersion,
    ModuleVersion,
    Record,
    Run,
    Schedule,
    Sweep,
    Window,
)
from nbops.store.tables import quoted, table_of

R = TypeVar("R", bound=Record)

# What a kind is called by when it is not its field ``name``.
_NAMED_BY: dict[type[Record], str] = {
    ModuleVersion: "module", ModelVersion: "model", Deployment: "endpoint", Window: "endpoint",
}  # fmt: skip

_LISTS: dict[type[Record], str] = {
    Model: "nbops models", ModelVersion: "nbops models", ModuleVersion: "nbops modules",
    Deployment: "nbops endpoints", Endpoint: "nbops endpoints", CellExecution: "nbops cells last",
    Sweep: "nbops sweeps", Schedule: "nbops schedules", Firing: "nbops firings",
}  # fmt: skip

_WORDS: dict[type[Record], str] = {
    CellExecution: "cell", ModuleVersion: "module_version", ModelVersion: "model_version",
}  # fmt: skip


class Find(Protocol):
    """A store's own ``find``."""

    def __call__(
        self, kind: type[R], /, *, order_by: str = "-id", limit: int | None = None, offset: int = 0, **equals: Any
    ) -> list[R]:
        """List records whose fields equal the given values."""


class References:
    """Finds the one record that a reference means, or says what is like it.

    Args:
        find: the store's own, by equal fields.
        rows: runs one SELECT with ``?`` for its values.
    """

    def __init__(self, find: Find, rows: Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]) -> None:
        self._find = find
        self._rows = rows

    def resolve(self, kind: type[R], reference: str) -> R:
        """Find one record by unique id prefix, name, ``NAME@number``, ``NAME@alias`` or ``last``.

        Raises:
            NotFoundError: nothing answers to the reference; names that are like it are said.
            UsageError: it is empty, or several answer to it.
        """
        reference = reference.strip()
        if not reference:
            raise UsageError(f"which {_word(kind)}? Give an id, a name or 'last'", hint=f"{_word(kind)} last")
        found = self._find(kind, id=reference) or self._latest(kind, reference) or self._versioned(kind, reference)
        found = found or self._named(kind, reference) or self._prefixed(kind, reference)
        if not found:
            raise self._nothing_like(kind, reference)
        if len(found) > 1:
            raise _several(kind, reference, found)
        return found[0]

    def _latest(self, kind: type[R], reference: str) -> list[R]:
        # What is in the trash answers to its id only; a name means it when nothing else has the name.
        if reference != "last":
            return []
        return cast(list[R], self._last_run()) if kind is Run else self._find(kind, limit=1)

    def _last_run(self) -> list[Run]:
        """The last work: what ran it again to compare is asked for by its id."""
        page = 100
        for offset in itertools.count(0, page):
            runs = self._find(Run, limit=page, offset=offset, deleted_at=None)
            found = [run for run in runs if run.cause != "reproduction"]
            if found or len(runs) < page:
                return found[:1]
        raise AssertionError("counting has no end")

    def _versioned(self, kind: type[R], reference: str) -> list[R]:
        name, at, version = reference.rpartition("@")
        if not at:
            return []
        if kind is ModelVersion:
            number = self._number(name, version)
            return [] if number is None else self._find(kind, model=name, number=number)
        if kind is ModuleVersion:
            wanted: dict[str, Any] = {} if version in ("last", "latest") else {"version": version}
            return self._find(kind, order_by="-created_at", limit=1, module=name, **wanted)
        if kind is Deployment and version.isdecimal():
            return self._find(kind, limit=1, endpoint=name, number=int(version))
        return []

    def _number(self, model: str, version: str) -> int | None:
        if version.isdecimal():
            return int(version) if len(version) < 10 else None
        if version in ("last", "latest"):
            newest = self._find(ModelVersion, order_by="-number", limit=1, model=model)
            return newest[0].number if newest else None
        return next((row.aliases[version] for row in self._find(Model, name=model) if version in row.aliases), None)

    def _named(self, kind: type[R], reference: str) -> list[R]:
        field = _named_by(kind)
        if field is None:
            return []
        equals: dict[str, Any] = {field: reference}
        if kind in _NAMED_BY:
            # Said without a version, a name that has versions means its newest one.
            order = "-number" if kind is ModelVersion else "-id"
            return self._find(kind, order_by=order, limit=1, **equals)
        if kind is Run and (here := self._find(kind, limit=20, **equals, deleted_at=None)):
            return here
        return self._find(kind, limit=20, **equals)

    def _prefixed(self, kind: type[R], reference: str) -> list[R]:
        prefix = reference.lower()
        if len(prefix) > 64 or not set(prefix) <= set("0123456789abcdef"):
            return []
        table = table_of(kind)
        rows = self._rows(f"{table.select} WHERE id >= ? AND id < ? ORDER BY id LIMIT 20", (prefix, prefix + "g"))
        return table.records(rows)

    def _nothing_like(self, kind: type[R], reference: str) -> NotFoundError:
        import difflib

        field = _named_by(kind)
        names: list[str] = []
        if field is not None:
            sql = f"SELECT DISTINCT {quoted(field)} FROM {table_of(kind).name} LIMIT 5000"
            known = [str(row[0]) for row in self._rows(sql, ())]
            names = difflib.get_close_matches(reference.partition("@")[0], known, n=3, cutoff=0.5)
        near = f"; did you mean {' or '.join(repr(name) for name in names)}?" if names else ""
        word = _word(kind)
        return NotFoundError(
            f"no {word.replace('_', ' ')} answers to {reference!r}{near}",
            code=f"{word}_not_found",
            hint=_LISTS.get(kind, "nbops runs"),
        )


def not_found(kind: type[Record], id: str) -> NotFoundError:
    """The error for an id that no record of this kind has."""
    word = _word(kind)
    return NotFoundError(f"no {word} has the id {id!r}", code=f"{word}_not_found", hint=_LISTS.get(kind, "nbops runs"))


def _several(kind: type[R], reference: str, found: Iterable[R]) -> UsageError:
    shown = list(found)
    field = _named_by(kind)
    lines = [f"    {row.id}" + (f"  {getattr(row, field)}" if field else "") for row in shown[:10]]
    more = "\n    …" if len(shown) > 10 else ""
    return UsageError(
        f"{reference!r} means several of the {table_of(kind).name}:\n" + "\n".join(lines) + more,
        code="ambiguous",
        hint=f"take one of these ids: {shown[0].id}",
    )


def _named_by(kind: type[Record]) -> str | None:
    return _NAMED_BY.get(kind) or ("name" if "name" in kind.__struct_fields__ else None)


def _word(kind: type[Record]) -> str:
    return _WORDS.get(kind, kind.__name__.lower())

"""The seam of store backends: which database an address means, and what one that a team shares must be able to do.

The local journal is always SQLite; a backend of another scheme stands behind it, is told every change by
``nbops.store.forwarding`` and answers reads while it can be reached. To add one, see CONTRIBUTING.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast

import msgspec

from nbops.errors import NbopsError, StoreError
from nbops.extending import look_up
from nbops.store.interface import Store

STORES = {
    "sqlite": "nbops.store.sqlite:SqliteStore",
    "postgresql": "nbops.store.postgres:PostgresStore",
    "postgres": "nbops.store.postgres:PostgresStore",
}
"""Schemes of addresses that come with nbops; others join by the entry point group ``nbops.stores``."""


class RefusedError(Exception):
    """A shared store will never take a write as it is; the message is its reason."""


class Write(msgspec.Struct, frozen=True):
    """One change of a journal on its way to a shared store. Applying it twice changes nothing."""

    noun: str
    """``runs``, ``cells``, … as in ``nbops.records.NOUNS``; ``params`` or ``metrics``."""
    id: str
    """The record's id; for params and metrics the id of their run."""
    what: str
    """``*`` the whole record, ``,a,b`` these fields of it, ``-`` it is gone; a param's name, a metric's number."""
    row: dict[str, Any]
    """Column → value as the tables hold it (``nbops.store.tables``); empty when the record is gone."""


class Turn(Protocol):
    """One transaction of a forwarder."""

    def apply(self, writes: Sequence[Write]) -> None:
        """Apply all of them in their order, or none; RefusedError when one of them can never be applied."""
        ...

    def prune(self, keep: int) -> None:
        """Forget all but the newest ``keep`` changes of the shared store's own log."""
        ...


class SharedStore(Store, Protocol):
    """A store that the journals of several machines are forwarded to.

    ``StoreError`` with the code ``store_unreachable`` says that it is unplugged: nothing is lost, it is tried again.
    """

    def turn(self) -> AbstractContextManager[Turn]:
        """Open a transaction in which no other forwarder has its turn; committed at the end of the block."""
        ...

    def news(self, *, timeout_s: float | None = None) -> Iterator[str]:
        """Give the table name of each write that others announce, until there was none for ``timeout_s`` seconds."""
        ...


class StoreBackend(Protocol):
    """What opens the stores of one address scheme: a class, or any other callable."""

    def __call__(self, address: str, *, read_only: bool = False, timeout_s: float = 5.0) -> Store:
        """Open the store, making its tables where they are not there; StoreError when it cannot be."""
        ...


def backend_of(address: str) -> StoreBackend:
    """Find what opens an address.

    Args:
        address: ``scheme://…``, or a path, which is SQLite's.

    Raises:
        StoreError: nothing opens this scheme (the known ones are listed), or what does cannot be imported.

    Example:
        >>> backend_of("team/store.db").__name__
        'SqliteStore'
    """
    scheme = address.partition("://")[0] if "://" in address else "sqlite"
    try:
        found: StoreBackend = look_up("stores", scheme, built_in=STORES)
    except NbopsError as error:
        # A store that cannot be opened, to whoever wants to record: a notebook goes on without it.
        raise StoreError(error.message, code=error.code, hint=error.hint) from error
    return found


def open_shared(address: str, *, read_only: bool = False, timeout_s: float = 5.0) -> SharedStore:
    """Open the store that an address of a team means; arguments as for ``StoreBackend``."""
    # That it can be forwarded to is the backend's promise, which the contract suite holds it to.
    return cast(SharedStore, backend_of(address)(address, read_only=read_only, timeout_s=timeout_s))

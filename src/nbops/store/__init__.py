"""The record of everything: SQLite on every machine, PostgreSQL shared by a team, bytes by their hash.

``open_store`` is the only door. What it returns is described in ``nbops.store.interface``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbops.masking import masker_of
from nbops.settings import Settings, is_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbops.store.interface import Store
    from nbops.store.journaled import JournaledStore
    from nbops.store.sqlite import SqliteStore

__all__ = ["forward", "open_store", "waiting"]


def open_store(settings: Settings, *, read_only: bool = False) -> SqliteStore | JournaledStore:
    """Open the project's store, making it when it is not there.

    Runs and cells of processes of this machine that died without a word are marked interrupted on the way.

    Args:
        settings: tell where the store is (``settings.store``, ``settings.journal``).
        read_only: never write anything; the store must be there already.

    Returns:
        A store (``nbops.store.interface.Store``); close it, or use it as a context manager.

    Raises:
        StoreError: or one of its kinds, when it cannot be opened; the hint is the cure.

    Example:
        >>> import tempfile
        >>> from nbops.settings import load_settings
        >>> with open_store(load_settings(tempfile.mkdtemp(), env={})) as store:
        ...     store.check()
        []
    """
    from nbops.store.sqlite import SqliteStore

    if not read_only:
        _make_folder(settings)
    journal = SqliteStore(
        settings.journal, read_only=read_only, timeout_s=settings.connect_timeout_s, mask=masker_of(settings)
    )
    if not read_only:
        journal.recover()
    if not is_server(settings.store):
        return journal
    from nbops.store.journaled import JournaledStore

    return JournaledStore(journal, settings.store, timeout_s=settings.connect_timeout_s)


def forward(store: Store, *, told: Callable[[int], object] | None = None) -> tuple[int, int, str]:
    """Forward what the local journal still holds to the team's store.

    Args:
        store: an opened store.
        told: called after each batch with how many changes it had.

    Returns:
        How many changes went over, how many still wait, and what there is to say about it.
    """
    from nbops.store.journaled import JournaledStore

    if not isinstance(store, JournaledStore):
        return 0, 0, f"the store is {store.location} itself; nothing is forwarded"
    synced = store.sync(told)
    refused = "".join(f"\n  refused: {row}" for row in synced.refused)
    return synced.forwarded, synced.waiting, (synced.message or "everything is forwarded") + refused


def waiting(store: Store) -> int:
    """How many changes the local journal holds that the team's store has not; 0 where it is the store itself."""
    from nbops.store.journaled import JournaledStore

    return store.forwarder.waiting() if isinstance(store, JournaledStore) else 0


def _make_folder(settings: Settings) -> None:
    """Make ``.nbops`` or another folder inside the project; elsewhere a missing folder is a missing drive."""
    from nbops.store import faults

    folder = settings.journal.parent
    if folder.is_dir() or (folder != settings.folder and not folder.is_relative_to(settings.root)):
        return
    with faults.mapped(settings.journal):
        folder.mkdir(parents=folder != settings.folder, exist_ok=True)
        if folder == settings.folder:
            # What is recorded is the user's, not the repository's.
            (folder / ".gitignore").write_text("*\n", "utf-8")

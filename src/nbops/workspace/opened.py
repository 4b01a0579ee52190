"""An opened project: its settings, its store and what references mean in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nbops.records import (
    CellExecution,
    Run,
)
from nbops.settings import Settings, load_settings
from nbops.store.interface import Store

if TYPE_CHECKING:
    from nbops.store.blobs import Blobs


@dataclass(frozen=True, kw_only=True)
class Live:
    """What a notebook kernel adds to a workspace: its variables and what it has run."""

    namespace: dict[str, Any]
    executions: Callable[[], list[CellExecution]]
    """The session's recorded executions in the order they ran, read when they are asked for."""
    earlier: Callable[[], list[str]]
    """Texts of cells that ran before the first recorded one."""
    run_id: str | None
    execution_id: str | None
    notebook: str | None
    recording: bool
    offer: Callable[[str], None]
    """Puts a new cell below the one that runs, for the user to keep or to delete."""
    notice: str | None = None


class Opened:
    """An opened project: its settings, its store and what references mean in it."""

    def __init__(self, settings: Settings, *, read_only: bool = False, live: Live | None = None) -> None:
        self.settings = settings
        self.read_only = read_only
        self.live = live
        self._store: Store | None = None

    @classmethod
    def open(
        cls, start: str | os.PathLike[str] | None = None, *, read_only: bool = False, live: Live | None = None
    ) -> Self:
        """Open the project that a folder belongs to.

        Args:
            start: where to look upwards for ``.nbops``; the current folder when not given.
            read_only: never write, not even to make the store.
            live: what a notebook kernel adds.
        """
        return cls(load_settings(start), read_only=read_only, live=live)

    @classmethod
    @contextmanager
    def opened(cls, start: str | os.PathLike[str] | None = None, *, read_only: bool = False) -> Iterator[Self]:
        """Open a project for the time of a ``with`` block."""
        workspace = cls.open(start, read_only=read_only)
        try:
            yield workspace
        finally:
            workspace.close()

    def close(self) -> None:
        """Let go of the store; safe to call twice."""
        if self._store is not None:
            self._store.close()
            self._store = None

    @property
    def store(self) -> Store:
        """The project's store, opened at its first use."""
        if self._store is None:
            from nbops.store import open_store

            self._store = open_store(self.settings, read_only=self.read_only)
        return self._store

    @property
    def blobs(self) -> Blobs:
        """Bytes kept by their hash."""
        from nbops.store.blobs import Blobs

        return Blobs(self.settings.blobs)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return Path(self.settings.root)

    def _run(self, reference: str) -> Run:
        """In a notebook ``last`` is the session that asks, not a run that ended inside it."""
        if reference == "last" and self.live is not None and self.live.run_id is not None:
            return self.store.get(Run, self.live.run_id)
        return self.store.resolve(Run, reference)

    def _meant(self, references: Sequence[str]) -> list[str]:
        return [self._run(reference).id if reference == "last" else reference for reference in references]

"""The projects this server has open: where they are, their stores, and who watches them for news."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from nbops.errors import NbopsError, NotFoundError, StoreVersionError, UsageError
from nbops.rest.ear import Ear
from nbops.settings import Settings, is_server, load_settings
from nbops.store.mounts import is_network
from nbops.workspace import Workspace

LIVE_S = 0.1
"""How often a store is asked for news while somebody looks."""
PULSE_S = 0.02
"""How often the files of a local store are looked at meanwhile; a write that shows there is told at once."""
IDLE_S = 2.0
"""The same while nobody does."""
TOGETHER_S = 0.1
"""How long after a team's store announced something is waited for more, so that a burst is told as one."""
LEASE_S = 90.0
"""A panel that looks says so at least once a minute."""
FORGET_S = 600.0
"""A project that nobody asked for this long is closed."""

log = logging.getLogger("nbops.rest")


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What a watcher tells: small, so that each panel fetches only what it shows."""

    root: str
    """The project's folder."""
    seq: int
    """Sequence number of the newest write."""
    nouns: list[str]
    """Tables that were written to; empty when too much was written to say."""


class CallState(msgspec.Struct, frozen=True, kw_only=True):
    """A verb that was called and goes on, and where it stands."""

    request: str
    """The caller's ``X-Request-ID``, by which events tell of it and ``calls/stop`` ends it."""
    verb: str
    started_at: float
    title: str
    """The stage it is in; empty when it has told none yet."""
    done: float
    total: float | None
    note: str


class ProjectState(msgspec.Struct, frozen=True, kw_only=True):
    """Which project a path belongs to, and where its store stands."""

    root: str
    """The project's folder; what events carry as ``root``."""
    path: str | None
    """The same as the contents API writes it; None when it lies above the server's root."""
    name: str
    store: str
    exists: bool
    """Whether anything was recorded yet."""
    seq: int
    runs: int
    calls: list[CallState]
    """Verbs that somebody called and that go on: a page that is loaded now shows where they stand."""


class ServerRoot:
    """The folder below which every path of a request must lie."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).expanduser().resolve()

    def inside(self, path: str) -> Path:
        """Resolve a path from a request.

        Args:
            path: relative to the server's root, with forward slashes, as Jupyter's contents API writes it.

        Raises:
            UsageError: it leads out of the server's root.
        """
        if "\0" in path:
            raise UsageError("a path has no NUL character", code="path_outside")
        # Names such as RTC: are drives of the contents API, not of the disk.
        resolved = (self.folder / path.lstrip("/")).resolve()
        if not resolved.is_relative_to(self.folder):
            raise UsageError(
                f"{path!r} is outside of the server's root", code="path_outside", hint="a path below the server's root"
            )
        return resolved

    def outside_in(self, folder: str) -> str | None:
        """Write a folder of the disk as the contents API does; None when it is not below the server's root."""
        resolved = Path(folder).resolve()
        if not resolved.is_relative_to(self.folder):
            return None
        return "" if resolved == self.folder else resolved.relative_to(self.folder).as_posix()


class Project:
    """One opened project."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.asked_at = time.monotonic()
        self._lock = threading.Lock()
        self._reader: Workspace | None = None
        self._identity: tuple[int, int] | None = None

    def exists(self) -> bool:
        """Whether there is a store to read."""
        return is_server(self.settings.store) or Path(self.settings.store).is_file()

    def reader(self) -> Workspace:
        """The project opened for reading; opened again when the store's file was replaced.

        Raises:
            NotFoundError: nothing was recorded yet.
        """
        with self._lock:
            identity = self._file_identity()
            if self._reader is not None and identity != self._identity:
                self._reader.close()
                self._reader = None
            if self._reader is None:
                if not self.exists():
                    raise NotFoundError(
                        f"nothing is recorded in {self.settings.root} yet", code="no_store", hint="%load_ext nbops"
                    )
                self._reader = self._opened()
                self._identity = identity
            return self._reader

    def without_store(self) -> Workspace:
        """The project for what reads no record; its store need not be there."""
        return Workspace(self.settings, read_only=True)

    def _opened(self) -> Workspace:
        # A kernel that makes the store just now has made the file a moment before its tables.
        for _ in range(PATIENCE):
            workspace = Workspace(self.settings, read_only=True)
            with contextlib.suppress(StoreVersionError):
                workspace.store.last_change()
                return workspace
            time.sleep(0.05)
        workspace = Workspace(self.settings, read_only=True)
        workspace.store.last_change()
        return workspace

    def state(self, server: ServerRoot, calls: list[CallState]) -> ProjectState:
        """Say where the project stands."""
        exists = self.exists()
        store = self.reader().store if exists else None
        return ProjectState(
            root=self.settings.root,
            path=server.outside_in(self.settings.root),
            name=Path(self.settings.root).name or self.settings.root,
            store=store.location if store else self.settings.store,
            exists=exists,
            seq=store.last_change() if store else 0,
            runs=store.count_runs() if store else 0,
            calls=calls,
        )

    def pulse(self) -> tuple[int, ...] | None:
        """What the disk says of the store's files, which a write changes; None where looking there costs a journey."""
        if not self._files:
            return None
        found: list[int] = []
        for path in self._files:
            with contextlib.suppress(OSError):
                there = path.stat()
                found += there.st_mtime_ns, there.st_size
        return tuple(found)

    @functools.cached_property
    def _files(self) -> tuple[Path, ...]:
        store = Path(self.settings.store)
        if is_server(self.settings.store) or is_network(store):
            return ()
        return store, store.with_name(f"{store.name}-wal")

    def news(self, since: int) -> News | None:
        """What was written after a sequence number; None when nothing was."""
        if not self.exists():
            return None
        store = self.reader().store
        seq = store.last_change()
        if seq == since:
            return None
        # A smaller number means that the store was replaced: everything may be different.
        changes = store.changes(since, limit=MOST_CHANGES) if 0 < since < seq else []
        nouns = sorted({change.noun for change in changes}) if 0 < len(changes) < MOST_CHANGES else []
        return News(root=self.settings.root, seq=seq, nouns=nouns)

    def close(self) -> None:
        """Let go of the store."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def _file_identity(self) -> tuple[int, int] | None:
        if is_server(self.settings.store):
            return None
        with contextlib.suppress(OSError):
            found = Path(self.settings.store).stat()
            return found.st_dev, found.st_ino
        return None


def read_ahead(folder: str) -> None:
    """Load what the first question of a panel needs, so that whoever opens one does not wait for it.

    Args:
        folder: the server's root, whose own project is read once when there is one.
    """
    import nbops.flows.show
    import nbops.lineage
    import nbops.store.references
    import nbops.store.sqlite
    import nbops.store.where  # noqa: F401 - imported before it is needed

    # Where nothing is recorded yet there is nothing to read; what is wrong with a store is told to whoever asks for it.
    with contextlib.suppress(NbopsError), contextlib.closing(Project(load_settings(folder))) as project:
        msgspec.json.encode(project.reader().runs(limit=1))


MOST_CHANGES = 1000
PATIENCE = 20
"""How often a store is tried that has no tables yet, every 50 ms."""


class Projects:
    """Every project that was asked for, each with one watcher."""

    def __init__(self, root: ServerRoot, *, tell: Callable[[News], None], in_thread: Callable[..., Any]) -> None:
        self.root = root
        self._tell = tell
        self._in_thread = in_thread
        self._open: dict[tuple[str, str], Project] = {}
        self._watchers: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._leases: dict[tuple[str, str], float] = {}

    def settings(self, path: str) -> Settings:
        """Settings of the project that a folder or file below the server's root belongs to."""
        place = self.root.inside(path)
        return load_settings(place if place.is_dir() else place.parent)

    def project(self, settings: Settings) -> Project:
        """The opened project of these settings."""
        key = (settings.root, settings.store)
        project = self._open.get(key)
        if project is None:
            project = self._open[key] = Project(settings)
        project.asked_at = time.monotonic()
        return project

    def watch(self, project: Project, *, since: int) -> None:
        """Tell of what is written after ``since``, quickly for as long as somebody looks."""
        key = (project.settings.root, project.settings.store)
        self._leases[key] = time.monotonic() + LEASE_S
        if key not in self._watchers:
            self._watchers[key] = asyncio.create_task(self._follow(key, project, since), name=f"nbops watches {key[0]}")

    async def close(self) -> None:
        """Stop every watcher and let go of every store."""
        watchers = list(self._watchers.values())
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        for project in self._open.values():
            project.close()
        self._watchers.clear()
        self._open.clear()

    async def _follow(self, key: tuple[str, str], project: Project, known: int) -> None:
        complained = ""
        written = asyncio.Event()
        ear: Ear | None = None
        try:
            while time.monotonic() - project.asked_at < FORGET_S:
                # Felt before asking: what is written while the store answers is noticed, too.
                pulse = project.pulse()
                try:
                    if ear is None and is_server(project.settings.store):
                        ear = await self._in_thread(_ear_of, project, asyncio.get_running_loop(), written)
                    if (news := await self._in_thread(project.news, known)) is not None:
                        known = news.seq
                        self._tell(news)
                except NbopsError as error:
                    # The panel hears of it with its next request; the log hears of each kind once.
                    if error.code != complained:
                        complained = error.code
                        log.warning("cannot follow %s: %s", project.settings.store, error)
                live = time.monotonic() < self._leases.get(key, 0.0)
                if live and pulse is not None:
                    await _until_written(project, pulse)
                else:
                    await _pause(written, ear, LIVE_S if live else IDLE_S)
        finally:
            if ear is not None:
                ear.close()
            self._watchers.pop(key, None)
            self._leases.pop(key, None)
            if self._open.get(key) is project:
                del self._open[key]
            project.close()


def _ear_of(project: Project, loop: asyncio.AbstractEventLoop, written: asyncio.Event) -> Ear:
    """Listen to a team's store, and set the event whenever it announces a write."""

    def woken() -> None:
        with contextlib.suppress(RuntimeError):  # the server has just ended
            loop.call_soon_threadsafe(written.set)

    return Ear(project.reader().store, woken)


async def _until_written(project: Project, pulse: tuple[int, ...]) -> None:
    """Wait until the files of a local store change, or until it is time to ask it anyway."""
    # The clocks of file systems are coarse, so that two writes of the same tick may look like one.
    for _ in range(round(LIVE_S / PULSE_S)):
        if project.pulse() != pulse:
            return
        await asyncio.sleep(PULSE_S)


async def _pause(written: asyncio.Event, ear: Ear | None, pause_s: float) -> None:
    """Wait until it is time to ask again: sooner when something was announced, rarely while the ear would hear it."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(written.wait(), IDLE_S if ear is not None and ear.has_heard else pause_s)
        await asyncio.sleep(TOGETHER_S)
    written.clear()

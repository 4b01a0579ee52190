"""The project itself: first steps, its state, its stores."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nbops.progress import stage
from nbops.records import (
    CellExecution,
    Endpoint,
    ModelVersion,
    ModuleVersion,
    Record,
    Run,
    Schedule,
    Secret,
    Sweep,
)
from nbops.settings import overshadowed
from nbops.workspace.opened import Opened

if TYPE_CHECKING:
    from nbops.flows.demo import Journey
    from nbops.flows.doctor import Finding


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of this session and this project."""

    project: str
    store: str
    recording: bool
    run: Run | None
    """The run that cells are recorded into just now."""
    cells: int
    """How many cells of this run are recorded."""
    notice: str | None
    """Why recording is off, when it is."""
    overshadowed: str | None = None
    """The folder that looks like a project of its own, where a ``.nbops`` further up has made it part of another."""
    counts: dict[str, int]
    """How many runs (those of the lists), models, endpoints, … the store has."""
    doubts: list[str] = []
    """Cells of this run whose result may not stand as it is: ``In [2] stale: x``."""


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """How the local journal stands against the team's store."""

    store: str
    forwarded: int
    waiting: int
    message: str


_COUNTED: dict[str, type[Record]] = {
    "cells": CellExecution,
    "module versions": ModuleVersion,
    "sweeps": Sweep,
    "schedules": Schedule,
    "model versions": ModelVersion,
    "endpoints": Endpoint,
    "secrets masked": Secret,
}


class Start(Opened):
    """The project itself: first steps, its state, its stores."""

    def demo(self, folder: str, engine: str | None = None) -> Journey:
        """Take a real notebook the whole way to an answering endpoint."""
        from nbops.flows.demo import demo

        return demo(Path(folder), engine=engine)

    def doctor(self) -> list[Finding]:
        """Say what is here, what is missing, and the command that cures it."""
        from nbops.flows.doctor import examine

        return examine(self.settings)

    def lab(self, port: int, browser: bool) -> int:
        """Open JupyterLab with the side panel on this project; returns its exit code."""
        from nbops.flows.lab import open_lab

        return open_lab(self.root, port=port, browser=browser)

    def status(self) -> Status:
        """Say what is true of this session and this project."""
        live, store = self.live, self.store
        run = store.get(Run, live.run_id) if live is not None and live.run_id else None
        below = overshadowed(Path(self.settings.root), Path.cwd())
        return Status(
            overshadowed=str(below) if below is not None else None,
            doubts=self._doubts(run) if run else [],
            project=self.settings.root,
            store=store.location,
            recording=live is not None and live.recording,
            run=run,
            cells=store.count(CellExecution, run_id=run.id) if run else 0,
            notice=live.notice if live else None,
            counts={"runs": store.count_runs(), **{noun: store.count(kind) for noun, kind in _COUNTED.items()}},
        )

    def _doubts(self, run: Run) -> list[str]:
        from nbops.lineage import judge, label, story_of

        states = judge(story_of(self.store, run, root=self.root))
        return [f"{label(state)} {state.marks}" for state in states if state.marks]

    def sync(self) -> Synced:
        """Forward what the local journal still holds to the team's store."""
        from nbops.store import forward, waiting

        with contextlib.ExitStack() as stack:
            told = None
            if count := waiting(self.store):
                told = stack.enter_context(stage("Forward to the team's store", total=count, unit="changes")).advance
            forwarded, left, message = forward(self.store, told=told)
        return Synced(store=self.store.location, forwarded=forwarded, waiting=left, message=message)

    def secrets(self) -> list[Secret]:
        """List the secrets that were masked: what each is and where it may be had, never what it says."""
        return self.store.find(Secret)

"""One session: the run of this process, its writer, and the named runs inside it.

Who ends a run: this process ends what it opened. A run that was given by ``NBOPS_RUN`` belongs to whoever made it (the
retraining driver), who sees how the notebook ended even when this process is killed; here only the environment and the
repository's state are added to it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from nbops.capture import place
from nbops.capture.autolog import Autologger
from nbops.capture.imports import Imports
from nbops.capture.tracking import ActiveRun, run_record
from nbops.capture.writer import Writer
from nbops.errors import NotFoundError, StoreError
from nbops.records import CellError, CellExecution, ModuleVersion, Run, RunKind, RunStatus, new_id
from nbops.settings import Settings

# Long enough for the cell that loads the extension to end, and short against any session worth describing.
_LOOK_AROUND_AFTER_S = 0.3
_LOOK_AROUND_LIMIT_S = 5.0


class Session:
    """What this process records into.

    Args:
        settings: where the project's store is.
        kind: ``session`` for a notebook's kernel, ``named`` for a plain script.
        name: name of the run; the notebook's or the script's.
        notebook: path of the notebook, when there is one.
        environ: the process environment, for ``NBOPS_RUN`` and ``NBOPS_CAUSE``.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        kind: RunKind,
        name: str,
        notebook: str | None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        self.settings = settings
        self.notebook = notebook
        self.pid = os.getpid()
        self.execution_id: str | None = None
        """The cell execution that runs just now."""
        self._cwd = place.folder(settings.root)
        self.innermost: ActiveRun | None = None
        self.autologger = Autologger(self)
        self._open_runs: dict[str, ActiveRun] = {}
        self._cause = environ.get("NBOPS_CAUSE") or "person"
        self.writer = Writer(settings)
        given = environ.get("NBOPS_RUN")
        self.is_ours = given is None or not self._is_known(given)
        self.root = ActiveRun(self, id=given or new_id(), name=name, outer=None)
        if self.is_ours:
            # A driver elsewhere names a run that this store has not seen yet: it is made, and ended, here.
            self.enter(self.root, kind="notebook" if given else kind)
        self._imports = Imports(settings.root, self._versions_of)
        self._leaving = threading.Event()
        self._watcher = threading.Thread(target=self._look_around, name="nbops-surroundings", daemon=True)
        self._watcher.start()

    def position(self) -> int:
        """How many cells the run has already, for the one that was begun by another process."""
        if self.is_ours:
            return 0
        try:
            return self.writer.store.count(CellExecution, run_id=self.root.id)
        except StoreError:
            return 0  # it cannot be asked just now; cells go on regardless

    def enter(self, run: ActiveRun, *, kind: RunKind = "named") -> None:
        """Write the row of a run that begins now."""
        begun = run_record(
            id=run.id,
            name=run.name,
            kind=kind,
            parent_id=None if run.outer is None else run.outer.id,
            execution_id=self.execution_id,
            cause=self._cause,
            notebook=self.notebook,
            cwd=self._cwd if run is self.root else None,
        )
        if run is self.root:
            self.writer.anchors = [begun]
        else:
            self._open_runs[run.id] = run
        self.writer.put(begun)

    def leave(self, run: ActiveRun, status: RunStatus, error: CellError | None) -> None:
        """Write how a run ended; what a forked child leaves is its parent's to end."""
        self._open_runs.pop(run.id, None)
        if self.pid == os.getpid():
            self.writer.update(Run, run.id, status=status, ended_at=time.time(), error=error)

    def look_at_imports(self, execution_id: str | None) -> None:
        """Note which modules of the user's own were imported by now, so that a killed process has them too."""
        if self._imports.look(execution_id):
            self.writer.update(
                Run, self.root.id, modules=self._imports.modules, thread_pools=self._imports.thread_pools
            )

    def _versions_of(self, digest: str) -> list[ModuleVersion]:
        try:
            return self.writer.store.find(ModuleVersion, digest=digest)
        except StoreError:
            return []  # it cannot be asked just now; the digest says all that is needed later

    def renamed(self, notebook: str) -> None:
        """Note the notebook's path when the front end tells it late."""
        self.notebook = notebook
        if self.is_ours:
            self.writer.update(Run, self.root.id, notebook=notebook, name=notebook)

    def close(self, status: RunStatus = "finished", error: CellError | None = None) -> None:
        """End what is open and let go of the store; a forked child leaves all of it to its parent."""
        if self.pid != os.getpid():
            return
        self._leaving.set()
        self.autologger.take_out()
        self._watcher.join(_LOOK_AROUND_LIMIT_S)
        self.look_at_imports(None)
        for left in reversed([*self._open_runs.values()]):
            left.is_open = False
            self.leave(left, "interrupted", None)
        if self.root.is_open:
            self.root.is_open = False
            if self.is_ours:
                self.leave(self.root, status, error)
        self.writer.close()

    def _is_known(self, run_id: str) -> bool:
        try:
            self.writer.store.get(Run, run_id)
        except NotFoundError:
            return False
        except StoreError:
            return True  # the driver has made it; it is only that we cannot see it now
        return True

    def _look_around(self) -> None:
        """Describe the surroundings on a thread of its own: none of it is worth a moment of a cell."""
        self._leaving.wait(_LOOK_AROUND_AFTER_S)
        from nbops.surroundings import environment, git_state

        found = environment()
        self.writer.put(found)
        git = git_state(self.settings.root)
        facts: dict[str, Any] = {"git_commit": git.commit, "git_branch": git.branch, "git_dirty": git.dirty}
        if not self.is_ours:
            facts["cwd"] = self._cwd
        self.writer.update(Run, self.root.id, environment_id=found.id, **facts)

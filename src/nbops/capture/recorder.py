"""Cells as they run: a row before, the rest of it after, and nothing that a cell could notice.

IPython calls ``before`` and ``after`` around every cell. What they do is fenced: after three failures of our own,
recording switches itself off and says so once. What the store cannot take is the writer's business, not a failure here.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.capture import here, place
from nbops.capture.following import Follower
from nbops.capture.following import Open as Followed
from nbops.capture.notices import tell
from nbops.capture.outputs import Outlets, Shown
from nbops.capture.session import Session
from nbops.capture.tracking import is_cancelled
from nbops.masking import Masker, masker_of
from nbops.masking.learning import Learner
from nbops.records import CellError, CellExecution, CellStatus, OutputSummary, new_id
from nbops.settings import Settings

if TYPE_CHECKING:
    from nbops.capture.displays import Keeper

_MOST_FAILURES = 3
_LONGEST_MESSAGE = 10_000
_LONGEST_TRACEBACK = 50_000
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# VS Code runs lines of its own through the same door.
_FRONT_END_MARK = "__jupyter_exec_background__"


class _Open:
    """An execution that runs just now."""

    __slots__ = ("cell", "followed", "info", "shown")

    def __init__(self, info: Any, cell: CellExecution, shown: Shown, followed: Followed | None) -> None:
        self.info = info
        self.cell = cell
        self.shown = shown
        self.followed = followed


class Recorder:
    """Records the cells of one IPython shell into one session.

    Args:
        shell: the ``InteractiveShell``.
        settings: where the project's store is, and how much of an output is kept.
    """

    def __init__(self, shell: Any, settings: Settings) -> None:
        self.shell = shell
        self.settings = settings
        self.is_on = False
        self.failures: list[Exception] = []
        """What went wrong in the recorder itself, at most three."""
        notebook = place.notebook(shell.user_ns, settings.root)
        self.session = Session(settings, kind="session", name=notebook or "session", notebook=notebook)
        self._host, self._pid = place.host(), os.getpid()
        self._position = self.session.position()
        # One at most, except where a cell runs cells or a front end runs two at once (subshells).
        self._running: list[_Open] = []
        self._is_leaving = False
        self._outlets = Outlets(shell, failed=self._failed)
        self._keeper: Keeper | None = None
        self._mask = masker_of(settings)
        self._learner = Learner(shell, Path(settings.root)) if self._mask.is_on else None
        self.follower = Follower(shell, settings.root) if settings.lineage else None
        """Tells what cells read and write; None when the settings say not to."""

    @property
    def run_id(self) -> str:
        """The run that this session's cells belong to."""
        return self.session.root.id

    @property
    def execution_id(self) -> str | None:
        """The cell execution that runs just now."""
        return self.session.execution_id

    @property
    def namespace(self) -> dict[str, Any]:
        """The user's variables."""
        namespace: dict[str, Any] = self.shell.user_ns
        return namespace

    @property
    def notebook(self) -> str | None:
        """Path of the notebook, relative to the project when it is inside."""
        return self.session.notebook

    @property
    def notice(self) -> str | None:
        """Why records are not reaching the store just now, when they are not."""
        if self.failures and not self.is_on:
            return f"recording switched itself off: {_said(self.failures[-1])}"
        trouble = self.session.writer.trouble
        return None if trouble is None else f"{self.session.writer.waiting} records wait in memory: {trouble.message}"

    def cells(self) -> list[CellExecution]:
        """The recorded executions of this session in the order they ran, the one that runs just now included."""
        return self.session.writer.store.find(CellExecution, run_id=self.run_id, order_by="position")

    def earlier(self) -> list[str]:
        """The texts of cells that ran before the first recorded one, as far as IPython itself kept them."""
        counts = [cell.execution_count for cell in self.cells() if cell.execution_count is not None]
        typed: list[str] = self.shell.history_manager.input_hist_raw
        return typed[1 : min(counts, default=len(typed))]

    def attach(self) -> None:
        """Start to record; the cell that is running is recorded from here on."""
        if self.is_on:
            # loaded twice, or unloaded and loaded again within one cell, as %reload_ext does: the session goes on
            self._is_leaving = False
            return
        events = self.shell.events
        events.register("pre_run_cell", self.before)
        events.register("post_run_cell", self.after)
        self.is_on = True
        self._outlets.attach()
        if self.settings.autolog:
            self.session.autologger.put_in()
        if self._learner is not None:
            self._learner.attach()
        running = getattr(self.shell.displayhook, "exec_result", None)
        if running is not None:
            self.before(running.info, is_loading=True)

    def detach(self) -> None:
        """Stop recording and end the session; a cell that is running is recorded to its end first."""
        if self._running and self.is_on:
            self._is_leaving = True
            return
        self._unhook()
        here.forgotten(self)
        if self._keeper is not None:
            self._keeper.close()
        self.session.close()

    def abandon(self) -> None:
        """End the session at once, because the process ends."""
        if self._pid == os.getpid():
            for one in reversed(self._running):
                self._close(one, "interrupted", None)
        self._running = []
        self.detach()

    def before(self, info: Any, *, is_loading: bool = False) -> None:
        """IPython is about to run a cell."""
        try:
            # A forked child runs on in a copy of this recorder; its cells are not ours.
            if info.store_history and not info.silent and self._pid == os.getpid():
                self._begin(info, is_loading=is_loading)
        except Exception as error:  # noqa: BLE001 - a hook must never break or stop a user's cell
            self._failed(error)

    def after(self, result: Any) -> None:
        """IPython has run a cell; without a result when it was cancelled from outside."""
        try:
            if self._pid == os.getpid() and (ended := self._ended(result)) is not None:
                if self._learner is not None:
                    self._learner.after(ended.cell.source)
                self._close(ended, *self._outcome(result))
                if self._is_leaving and not self._running:
                    self._is_leaving = False
                    self.detach()
        except Exception as error:  # noqa: BLE001 - as above
            self._failed(error)

    def _ended(self, result: Any) -> _Open | None:
        """Find which of the running executions this is the end of."""
        if self._running and result is not None and self._running[-1].info is result.info:
            return self._running[-1]
        if not self._running or result is None:
            return self._running[-1] if self._running else None
        for one in reversed(self._running):
            if one.info is result.info:
                return one
        # IPython describes a cell anew when its runner was torn down by an exception.
        last = self._running[-1]
        return last if result.info.store_history and result.info.raw_cell == last.info.raw_cell else None

    def _begin(self, info: Any, *, is_loading: bool) -> None:
        if _FRONT_END_MARK in info.raw_cell:
            return
        if self.session.notebook is None:
            self._look_for_notebook()
        self._position += 1
        if self._learner is not None:
            self._learner.before(info.raw_cell)
        cell = CellExecution(
            id=new_id(),
            run_id=self.session.root.id,
            position=self._position,
            source=info.raw_cell,
            started_at=time.time(),
            cell_id=info.cell_id,
            execution_count=self.shell.execution_count - 1,  # IPython has counted this cell already
            host=self._host,
            pid=self._pid,
        )
        self.session.writer.open_cell(cell)
        self.session.execution_id = cell.id
        followed: Followed | None = None
        if self.follower is not None:
            followed = (
                self.follower.loading(cell.id)
                if is_loading
                else self.follower.before(cell.id, info, is_inner=bool(self._running))
            )
        shown = self._outlets.begin(self.settings.output_bytes, display_bytes=self.settings.display_bytes)
        self._running.append(_Open(info, cell, shown, followed))

    def _close(self, ended: _Open, status: CellStatus, error: CellError | None) -> None:
        self._running.remove(ended)
        self.session.execution_id = self._running[-1].cell.id if self._running else None
        lineage = None
        if self.follower is not None:
            lineage = self.follower.after(ended.followed, is_ok=status == "ok")
        outputs, shown = self._outlets.end(ended.shown, self._mask), ended.shown
        if outputs is not None and (shown.displays or shown.left_out):
            outputs = self._kept(ended.cell, shown, outputs)
        self.session.writer.close_cell(ended.cell, status, error, outputs, lineage)
        self.session.autologger.cell_ended(self.namespace)
        self.session.look_at_imports(ended.cell.id)

    def _kept(self, cell: CellExecution, shown: Shown, outputs: OutputSummary) -> OutputSummary:
        if self._keeper is None:
            from nbops.capture.displays import Keeper, as_utf8

            self._keeper = Keeper(self.session, clean=lambda text: as_utf8(self._mask.text(text)))
        kept = self._keeper.keep(cell, shown.displays, left_out=shown.left_out)
        return msgspec.structs.replace(outputs, kept=kept.count, left_out=kept.left_out)

    def _outcome(self, result: Any) -> tuple[CellStatus, CellError | None]:
        if result is None:
            return "cancelled", CellError(name="CancelledError", message="")
        error = result.error_before_exec or result.error_in_exec
        if error is None:
            # An object that cannot be displayed fails the request, though the code itself has run.
            is_undisplayed = getattr(self.shell, "_last_traceback_during_displayhook", False)
            return ("error", self._described(None, result)) if is_undisplayed else ("ok", None)
        return _status(error, result), self._described(error, result)

    def _described(self, error: BaseException | None, result: Any) -> CellError:
        """Take the exception's text from what IPython has made of it: a user's ``__str__`` is not called again."""
        stored = getattr(self.shell.history_manager, "exceptions", {}).get(result.execution_count) or {}
        lines = stored.get("traceback") or getattr(self.shell, "_last_traceback", None) or []
        mask = self._mask
        traceback = _bounded(_ANSI.sub("", "\n".join(map(str, lines))), mask)
        name, _, message = traceback.rstrip().rpartition("\n")[2].partition(": ")
        return CellError(
            name=name if error is None else type(error).__name__,
            message=mask.head(str(stored.get("evalue", message)), _LONGEST_MESSAGE),
            traceback=traceback,
        )

    def _look_for_notebook(self) -> None:
        # VS Code tells the path with the first cell, which may come after the extension.
        if "__vsc_ipynb_file__" in self.shell.user_ns:
            found = place.notebook(self.shell.user_ns, self.settings.root)
            if found is not None:
                self.session.renamed(found)

    def _failed(self, error: Exception) -> None:
        self.failures.append(error)
        if len(self.failures) >= _MOST_FAILURES and self.is_on:
            self._unhook()
            tell(
                f"recording switched itself off after {_MOST_FAILURES} failures of its own; your cells go on as "
                f"without it: {_said(error)}",
                hint="%reload_ext nbops",
            )

    def _unhook(self) -> None:
        if not self.is_on:
            return
        self.is_on = False
        self._running = []
        self.session.execution_id = None
        self._outlets.detach()
        if self._learner is not None:
            self._learner.detach()
        for event, hook in (("pre_run_cell", self.before), ("post_run_cell", self.after)):
            with contextlib.suppress(ValueError):  # someone has cleared IPython's callbacks
                self.shell.events.unregister(event, hook)


def _status(error: BaseException, result: Any) -> CellStatus:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, SystemExit):
        return "exited"
    if is_cancelled(error):
        return "cancelled"
    return "invalid" if error is result.error_before_exec and _is_invalid(result.info) else "error"


def _is_invalid(info: Any) -> bool:
    """Tell whether nothing of the cell can have run; a misplaced ``return`` is found after what stands above it ran."""
    try:
        ast.parse(info.transformed_cell or info.raw_cell)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return False


def _bounded(text: str, mask: Masker) -> str:
    """Cut a traceback to its beginning and its end, masked before, so that no half of a secret is left at a cut."""
    if len(text) <= _LONGEST_TRACEBACK:
        return mask.text(text)
    head, tail = _LONGEST_TRACEBACK // 4, 3 * _LONGEST_TRACEBACK // 4
    return f"{mask.head(text, head)}\n… {len(text) - head - tail} characters …\n{mask.tail(text, tail)}"


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"

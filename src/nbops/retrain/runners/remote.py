"""The driver's side of a run elsewhere: sent to a cluster, heard of while it goes on, taken home when it has ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import msgspec

from nbops import __version__
from nbops.errors import NbopsError
from nbops.masking import masker_of
from nbops.records import CellError, Metric, Run
from nbops.retrain import execution as executions
from nbops.retrain import recipe, values
from nbops.retrain.execution import Execution
from nbops.retrain.runners import Site, luggage
from nbops.retrain.runners.luggage import Luggage, unpack
from nbops.retrain.runners.worker import EXECUTED, FILES, RESULT, News, Order, Result, Word
from nbops.settings import Settings
from nbops.store.merging import merge
from nbops.surroundings import git_state

# Decide results, or the order of things, wherever the kernel runs; engines set some of them for their own tasks.
_DECIDING = frozenset({
    "PYTHONHASHSEED", "TZ", "LANG", "LC_ALL", "MPLBACKEND", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT",
    "OPENBLAS_CORETYPE", "MKL_CBWR",
})  # fmt: skip
# Where the project lies, and what one process is, is told by the worker.
_OF_A_PLACE = {"NBOPS_STORE", "NBOPS_BLOBS", "NBOPS_RUN", "NBOPS_CAUSE", "NBOPS_NOTEBOOK", "NBOPS_INPUTS"}
# A worker that has begun a run says something four times a second.
_SILENCE_S = 60.0
# One that was told to end it has this long to send what there is.
_LAST_WORDS_S = 30.0
_GLANCE_S = 0.25
NOBODY = Word("nobody")
"""Whoever begins a run that hears this is to end at once."""


class Cluster(Protocol):
    """What an engine has to bring: tasks, and a way for a few words to and from them."""

    def submit(self, order: Order, luggage: Luggage) -> Future[bytes]:
        """Send a run to any free worker, once; the future has ``perform``'s result, or what went wrong."""
        ...

    def tell(self, run_id: str, word: Word) -> None:
        """Let a run hear this, if it has begun, and again when it begins."""
        ...

    def drop(self, run_id: str) -> None:
        """Forget a run: it need not begin, and nobody waits for it."""
        ...

    def close(self) -> None:
        """Let go of the cluster, and end it if it was started for this."""
        ...


@dataclass
class _Visit:
    """One run that is elsewhere."""

    execution: Execution
    inbox: SimpleQueue[News | None] = field(default_factory=SimpleQueue)
    token: str = ""
    heard_at: float = 0.0
    taken: int = 0
    """How many of its metric values are in the store."""
    killed_at: float | None = None


@dataclass(frozen=True)
class _Hand:
    """Stops a run that is elsewhere, as a kernel of this machine is stopped."""

    runner: RemoteRunner
    visit: _Visit

    def interrupt(self) -> None:
        self.runner.stop(self.visit, "interrupt")

    def kill(self) -> None:
        self.visit.killed_at = self.visit.killed_at or time.monotonic()
        self.runner.stop(self.visit, "kill")


class RemoteRunner:
    """Executes runs on a cluster, whichever engine it is."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._visits: dict[str, _Visit] = {}
        self._luggage = luggage.pack(site)
        self._git = git_state(site.settings.root)
        self.cluster: Cluster | None = None
        """Set once by whoever opens the runner; its news go to ``heard``."""

    def heard(self, news: News) -> None:
        """Take news of a run; called from the engine's own threads."""
        if (visit := self._visits.get(news.run_id)) is not None:
            visit.inbox.put(news)

    def stop(self, visit: _Visit, how: Any) -> None:
        """Tell a run to stop; the reason stands in its execution."""
        assert self.cluster is not None
        reason = visit.execution.stopped or "cancelled"
        if visit.token:
            self.cluster.tell(visit.execution.run.id, Word(visit.token, how, reason))

    def execute(self, execution: Execution, given: Mapping[str, Any]) -> Run:
        """Bring one run to its end elsewhere, and record it here."""
        assert self.cluster is not None
        visit = self._visits[execution.run.id] = _Visit(execution)
        execution.kernel_started(_Hand(self, visit))
        try:
            future = self.cluster.submit(self._order(execution, given), self._luggage)
            future.add_done_callback(lambda _: visit.inbox.put(None))
            error = self._waited(visit, future)
            if error is None:
                return self._home(execution, future.result())
        except Exception as raised:  # noqa: BLE001 - as in executions.execute: one run's failure is that run's result
            error = _understood(raised)
        finally:
            self.cluster.drop(execution.run.id)
            del self._visits[execution.run.id]
        execution.output = None
        return executions.close(execution, error, self._site.store)

    def close(self) -> None:
        """Let go of the cluster."""
        if self.cluster is not None:
            self.cluster.close()

    def _order(self, execution: Execution, given: Mapping[str, Any]) -> Order:
        import nbformat

        book = self._site.book
        recorded = {name: os.environ[name] for name in os.environ if name.startswith("NBOPS_")}
        variables = {"PYTHONHASHSEED": "0"} | {name: os.environ[name] for name in _DECIDING & os.environ.keys()}
        variables |= {name: value for name, value in recorded.items() if name not in _OF_A_PLACE}
        return Order(
            run=execution.run,
            notebook=nbformat.writes(book.node),
            source=execution.source,
            parameters={name: values.plain(value) for name, value in given.items()},
            kernel_name=book.kernel_name,
            is_cold=book.is_cold,
            settings=self._site.settings,
            variables=variables,
            own_variables=_DECIDING,
            packages=tuple(book.recipe.packages),
            python=sys.version_info[:2],
            nbops=__version__,
        )

    # ── while it is away ──────────────────────────────────────────────────────────────────────────────────────────

    def _waited(self, visit: _Visit, future: Future[bytes]) -> CellError | None:
        """Wait for the result; an error when there will be none."""
        execution = visit.execution
        while not future.done():
            with contextlib.suppress(Empty):
                if (news := visit.inbox.get(timeout=_GLANCE_S)) is not None:
                    self._take_in(visit, news)
            now = time.monotonic()
            if execution.stopped is not None and not visit.token:
                name = {"timeout": "RunTimeout", "out_of_time": "OutOfTime"}.get(execution.stopped, "Cancelled")
                return CellError(name=name, message="the run was stopped before a worker had begun it")
            if visit.token and now - visit.heard_at > _SILENCE_S:
                return _lost(f"its worker has said nothing for {_SILENCE_S:.0f} seconds")
            if visit.killed_at is not None and now - visit.killed_at > _LAST_WORDS_S:
                return _lost("its worker did not answer when it was told to end the run")
        if (error := future.exception()) is None:
            self._take_rest(visit)
            return None
        return _understood(error)

    def _take_rest(self, visit: _Visit) -> None:
        with contextlib.suppress(Empty):
            while True:
                if (news := visit.inbox.get_nowait()) is not None:
                    self._take_in(visit, news)

    def _take_in(self, visit: _Visit, news: News) -> None:
        assert self.cluster is not None
        execution = visit.execution
        visit.heard_at = time.monotonic()
        if not visit.token:
            visit.token = news.token
            execution.began = time.monotonic()
            self.cluster.tell(news.run_id, Word(news.token))
        if news.token != visit.token:
            # Started again because its first worker is gone: that is a failure, and the retries decide.
            return
        execution.cell_index = news.cell if news.cell is not None else execution.cell_index
        if news.metrics and news.first == visit.taken:
            self._site.store.log_metrics(
                [
                    Metric(run_id=news.run_id, name=name, step=step, value=value, at=at)
                    for name, step, value, at in news.metrics
                ]
            )
            visit.taken += len(news.metrics)

    # ── when it comes home ────────────────────────────────────────────────────────────────────────────────────────

    def _home(self, execution: Execution, packed: bytes) -> Run:
        """Merge a run's journal into the store, and put its files where they belong."""
        from nbops.store.sqlite import SqliteStore

        settings = self._site.settings
        with tempfile.TemporaryDirectory(prefix="nbops-home-") as name:
            folder = Path(name)
            unpack(packed, folder)
            result = msgspec.json.decode((folder / RESULT).read_bytes(), type=Result)
            _take_blobs(folder / ".nbops" / "blobs", settings)
            self._take_files(folder, execution, result)
            with SqliteStore(folder / ".nbops" / "store.db", mask=masker_of(settings)) as journal:
                run = self._run(journal.get(Run, execution.run.id), execution, result)
                merge(journal, self._site.store, run=run, moved=(result.project, settings.root))
        return run

    def _run(self, run: Run, execution: Execution, result: Result) -> Run:
        """The run as it stands here: what happened there, under the name and in the place it has here."""
        note = run.note
        tags = dict(run.tags)
        if not result.has_same_packages:
            # It may be right, but it does not stand for a run with the packages that are here.
            tags.pop(recipe.TAG, None)
            note = _joined(note, "its worker has other packages than the driver")
        if run.status == "failed" and self._luggage.left_out:
            sizes = ", ".join(f"{name} ({size:,} bytes)" for name, (_, size) in self._luggage.left_out.items())
            note = _joined(note, f"too large to travel: {sizes}; NBOPS_SHIP_BYTES raises the limit")
        if result.left_behind:
            note = _joined(note, f"too large to come back: {', '.join(result.left_behind)}")
        if execution.save_error is not None:
            note = _joined(note, f"the executed notebook could not be saved: {execution.save_error}")
        git = self._git
        return msgspec.structs.replace(
            run,
            output=execution.output,
            tags=tags,
            note=note,
            git_commit=git.commit,
            git_branch=git.branch,
            git_dirty=git.dirty,
        )

    def _take_files(self, folder: Path, execution: Execution, result: Result) -> None:
        settings, run_id = self._site.settings, execution.run.id
        there = folder / ".nbops" / "runs" / run_id
        moved = (result.project, settings.root)
        executed = there / EXECUTED
        if executed.is_file():
            self._save(executed, execution)
        else:
            execution.output = None
        inputs = there / recipe.INPUTS_FILE
        home = recipe.inputs_file(run_id, settings)
        home.parent.mkdir(parents=True, exist_ok=True)
        if inputs.is_file():
            half = home.with_suffix(".half")
            half.write_text(inputs.read_text("utf-8").replace(*moved), "utf-8")
            half.replace(home)
        if (folder / FILES).is_dir():
            shutil.copytree(folder / FILES, home.parent / FILES, dirs_exist_ok=True)

    def _save(self, executed: Path, execution: Execution) -> None:
        from nbops.retrain import client, parameters

        assert execution.output is not None
        node = parameters.load(executed)
        node.metadata.papermill["output_path"] = execution.output
        try:
            client.save(node, execution.output, masker=execution.masker)
        except OSError as error:
            execution.save_error, execution.output = error, None


def _take_blobs(folder: Path, settings: Settings) -> None:
    from nbops.store.blobs import Blobs

    blobs = Blobs(settings.blobs)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            blobs.put_file(path)


def _understood(raised: BaseException) -> CellError:
    if isinstance(raised, NbopsError):
        names = {"worker_lost": "WorkerLost", "worker_mismatch": "WorkerMismatch", "driver_lost": "DriverLost"}
        hint = f" ({raised.hint})" if raised.hint else ""
        return CellError(name=names.get(raised.code, type(raised).__name__), message=raised.message + hint)
    return CellError(name=type(raised).__name__, message=str(raised)[:2000])


def _lost(message: str) -> CellError:
    return CellError(name="WorkerLost", message=message)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)

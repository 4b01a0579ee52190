"""One run on a worker: unpack the project into a scratch folder, run the notebook there, pack what came of it.

The run records into a journal of its own in that folder, as on any machine; the journal travels back with the result.
Nothing stays on the worker.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Mapping
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from nbops import __version__
from nbops.errors import RetrainError
from nbops.records import Run
from nbops.retrain import execution as executions
from nbops.retrain.execution import Execution, StopReason
from nbops.retrain.runners.luggage import ELSEWHERE, PROJECT, Luggage, unpack
from nbops.settings import Settings
from nbops.store.process import this_host, this_process

if TYPE_CHECKING:
    from nbops.store.interface import Store

RESULT = "result.json"
FILES = "files"
EXECUTED = "executed.ipynb"
# How often a run tells where it is, and hears whether it is to stop.
EXCHANGE_S = 0.25
# A driver that says nothing for so long has gone; nobody waits for the result then.
_DRIVER_SILENCE_S = 60.0
_PERMISSION_S = 60.0


@dataclass(frozen=True)
class Order:
    """One run as it is sent to a worker."""

    run: Run
    notebook: str
    """The notebook before injection, as its file's text."""
    source: str | None
    """Code of the injected parameters cell."""
    parameters: Mapping[str, Any]
    """Plain values, as papermill takes them."""
    kernel_name: str
    is_cold: bool
    settings: Settings
    """The project's; where it is and where it records is the worker's affair."""
    variables: Mapping[str, str]
    """Variables of the environment that decide results or tell nbops what to record, as they are at the driver."""
    own_variables: frozenset[str]
    """Names of all such variables: one that the driver does not have, the kernel does not get either."""
    packages: tuple[str, ...]
    """What is installed where the driver is."""
    python: tuple[int, int]
    nbops: str


@dataclass(frozen=True)
class News:
    """What a run tells its driver."""

    run_id: str
    token: str
    """Which start of the run this is: an engine may start one again on another worker."""
    cell: int | None = None
    first: int = 0
    """How many metric values were told before."""
    metrics: tuple[tuple[str, int | None, float, float], ...] = ()
    """Name, step, value and moment of those logged since."""


@dataclass(frozen=True)
class Word:
    """What a driver tells one of its runs."""

    token: str = ""
    """The start that it wants to go on; any other is to end at once."""
    order: Literal["", "interrupt", "kill"] = ""
    reason: StopReason = "cancelled"


class Line(Protocol):
    """A worker's way to the driver."""

    def say(self, news: News) -> None:
        """Tell the driver; returns at once or after a short while."""
        ...

    def heard(self, run_id: str) -> tuple[Word | None, float]:
        """What the driver last told this run, and for how many seconds nothing has been heard from it at all."""
        ...


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in ``result.json`` of the pack that comes back; the rest of it are files."""

    project: str
    """Folder in which the project lay on the worker."""
    has_same_packages: bool
    left_behind: list[str] = []
    """Files that the notebook wrote and that were too large to travel."""


def perform(order: Order, luggage: Luggage, line: Line) -> bytes:
    """Execute a run on this machine and pack its result.

    Args:
        order: the run.
        luggage: the project's files.
        line: the way to the driver.

    Returns:
        A gzipped tar file: the journal, blobs, executed notebook, inputs, written files, and ``result.json``.

    Raises:
        RetrainError: this worker is too different from the driver, or the driver does not want this start.
    """
    refuse_other(order)
    token = uuid.uuid4().hex
    _wait_for_permission(order.run.id, token, line)
    with tempfile.TemporaryDirectory(prefix="nbops-run-", ignore_cleanup_errors=True) as folder:
        return _Scene(Path(folder), order, luggage).perform(token, line)


def refuse_other(order: Order) -> None:
    """Refuse a run from another Python or another nbops: their results could not be compared.

    Raises:
        RetrainError: with both versions.
    """
    here = sys.version_info[:2]
    if here != order.python:
        raise RetrainError(
            f"the worker {this_host()} has Python {here[0]}.{here[1]}, and the driver has "
            f"{order.python[0]}.{order.python[1]}",
            code="worker_mismatch",
            hint="start workers with the driver's Python",
        )
    if __version__ != order.nbops:
        raise RetrainError(
            f"the worker {this_host()} has nbops {__version__}, and the driver has {order.nbops}",
            code="worker_mismatch",
            hint=f"pip install nbops=={order.nbops} on the workers",
        )


def _wait_for_permission(run_id: str, token: str, line: Line) -> None:
    """Begin only if the driver wants this start: it may have cancelled the run, or seen another start of it."""
    until = time.monotonic() + _PERMISSION_S
    line.say(News(run_id, token))
    while time.monotonic() < until:
        word, silence = line.heard(run_id)
        if silence > _DRIVER_SILENCE_S:
            break
        if word is not None and word.token:
            if word.token == token:
                return
            raise RetrainError("the worker that had begun this run was lost", code="worker_lost")
        time.sleep(0.02)
    raise RetrainError(f"the driver of run {run_id[:13]} does not answer", code="driver_lost")


class _Scene:
    """The scratch folder of one run."""

    def __init__(self, folder: Path, order: Order, luggage: Luggage) -> None:
        # Resolved, because the kernel says real paths, and they are told apart from others by how they begin.
        self._folder = folder.resolve()
        self._root = self._folder / PROJECT
        self._order = order
        self._luggage = luggage
        self._path = self._root / luggage.notebook
        self._root.mkdir()
        unpack(luggage.packed, self._folder)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._link_shared()
        self._settings = msgspec.structs.replace(
            order.settings,
            root=str(self._root),
            store=str(self._root / ".nbops" / "store.db"),
            blobs=str(self._root / ".nbops" / "blobs"),
        )
        self._there = self._stamps()

    def _link_shared(self) -> None:
        """Where the worker sees the driver's disk, files too large to travel are used from there."""
        for name, (path, size) in self._luggage.left_out.items():
            source = Path(path)
            if source.is_file() and source.stat().st_size == size:
                target = self._root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(source)

    def perform(self, token: str, line: Line) -> bytes:
        from nbops.store import open_store

        with open_store(self._settings) as store:
            execution = self._execution()
            store.put(execution.run)
            # Kernels are waited for in a thread of its own; this one listens to the driver meanwhile.
            thread = Thread(target=Context().run, args=(self._execute, execution, store), name="nbops-run")
            thread.start()
            talk = _Talk(execution, token, line, store)
            while thread.is_alive():
                thread.join(EXCHANGE_S)
                talk.go_on()
        return self._pack()

    def _execution(self) -> Execution:
        order = self._order
        run = msgspec.structs.replace(
            order.run,
            host=this_host(),
            pid=os.getpid(),
            process=this_process(),
            started_at=time.time(),
            output=str(self._settings.folder / "runs" / order.run.id / EXECUTED),
        )
        execution = executions.joined(run, self._path, self._settings)
        execution.env |= {**order.variables, "PYTHONPATH": self._python_path()}
        execution.unset = order.own_variables
        execution.is_cold = order.is_cold
        execution.source = order.source
        return execution

    def _python_path(self) -> str:
        folders = [str(self._root / name) for name in self._luggage.python_path if (self._root / name).is_dir()]
        inherited = os.environ.get("PYTHONPATH", "")
        return os.pathsep.join([*folders, inherited] if inherited else folders)

    def _execute(self, execution: Execution, store: Store) -> None:
        import nbformat

        node = nbformat.reads(self._order.notebook, as_version=4)
        executions.execute(
            execution,
            node,
            parameters=self._order.parameters,
            kernel_name=self._order.kernel_name,
            store=store,
        )

    def _stamps(self) -> dict[str, tuple[int, int]]:
        found = {}
        for path in self._root.rglob("*"):
            inside = path.relative_to(self._root).as_posix()
            if inside.startswith((".nbops/", f"{ELSEWHERE}/")) or "__pycache__" in path.parts or path.is_symlink():
                continue
            if path.is_file():
                status = path.stat()
                found[inside] = (status.st_size, status.st_mtime_ns)
        return found

    def _pack(self) -> bytes:
        """Pack the journal, closed by now, and everything else that is new in the scratch folder."""
        from nbops.retrain.kernels import python_of
        from nbops.retrain.warm.key import packages

        room, left_behind = self._settings.ship_bytes, []
        target = io.BytesIO()
        # A link that the notebook made travels as what it leads to.
        with tarfile.open(fileobj=target, mode="w:gz", compresslevel=1, dereference=True) as tar:
            tar.add(self._settings.folder, arcname=".nbops")
            for name, stamp in sorted(self._stamps().items(), key=lambda item: item[1]):
                if stamp == self._there.get(name):
                    continue
                room -= stamp[0]
                if room < 0:
                    left_behind.append(name)
                else:
                    tar.add(self._root / name, arcname=f"{FILES}/{name}")
            here = packages(python_of(self._order.kernel_name))
            result = Result(
                project=str(self._root),
                has_same_packages=tuple(here) == self._order.packages,
                left_behind=left_behind,
            )
            told = msgspec.json.encode(result)
            info = tarfile.TarInfo(RESULT)
            info.size = len(told)
            tar.addfile(info, io.BytesIO(told))
        return target.getvalue()


@dataclass
class _Talk:
    """Tells the driver how a run goes on, and does what it says."""

    execution: Execution
    token: str
    line: Line
    store: Store
    told: int = 0
    read: int = -1
    done: str = ""

    def go_on(self) -> None:
        run_id = self.execution.run.id
        # Most of the time nothing is new, and that costs little to ask.
        change = self.store.last_change()
        logged = self.store.metrics(run_id)[self.told :] if change != self.read else []
        self.read = change
        news = tuple((metric.name, metric.step, metric.value, metric.at) for metric in logged)
        self.line.say(News(run_id, self.token, cell=self.execution.cell_index, first=self.told, metrics=news))
        self.told += len(news)
        word, silence = self.line.heard(run_id)
        if silence > _DRIVER_SILENCE_S or (word is not None and word.token not in ("", self.token)):
            self.execution.kill("cancelled")
        elif word is not None and word.order != self.done:
            self.done = word.order
            (self.execution.kill if word.order == "kill" else self.execution.interrupt)(word.reason)

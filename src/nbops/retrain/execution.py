"""One execution of one notebook: the run that is recorded around it, and what became of it."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from nbops.errors import NbopsError, StoreError
from nbops.masking import OFF, Masker, masker_of
from nbops.records import CellError, Param, Run, RunStatus, new_id
from nbops.retrain import kernels, transcript, values
from nbops.retrain import parameters as notebook_parameters
from nbops.retrain.recipe import inputs_file
from nbops.settings import Settings, load_settings
from nbops.store.process import this_host, this_process

if TYPE_CHECKING:
    from nbops.store.interface import Store

StopReason = Literal["cancelled", "timeout", "out_of_time", "pruned"]
"""``timeout`` is the run's own limit, ``out_of_time`` that of the whole sweep."""

_PARAM_TEXT = 2000
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class StoppedError(Exception):
    """The execution was stopped from outside before it came to its end."""


class Stoppable(Protocol):
    """What runs a notebook's cells: a kernel of this machine, or the way to one of another."""

    def interrupt(self) -> None:
        """Interrupt the cell that runs; returns at once, from any thread."""
        ...

    def kill(self) -> None:
        """End the kernel and what it started; returns at once, from any thread."""
        ...


@dataclass
class Execution:
    """One notebook on its way through papermill."""

    run: Run
    env: dict[str, str] = field(default_factory=dict)
    """What the kernel's environment gets besides this process's own."""
    unset: frozenset[str] = frozenset()
    """Variables of this process that the kernel does not get."""
    extensions: tuple[str, ...] = ()
    """IPython extensions that the kernel loads before the recorder."""
    python: str | None = None
    """The interpreter of its kernel; None for the kernel spec's own."""
    cwd: str | None = None
    """The kernel's working folder; None for this process's own."""
    source: str | None = None
    """Code of the injected parameters cell; None leaves papermill's own."""
    output: str | None = None
    is_recorded: bool = True
    output_bytes: int | None = None
    """How much of a cell's text a record keeps; None records no cells."""
    is_cold: bool = True
    """Whether its kernel starts from nothing, as papermill's own does, rather than as a fork."""
    is_papermills: bool = False
    """Whether papermill was called by somebody else, and knows how to reach its output."""
    masker: Masker = OFF
    """Takes secrets out of the executed notebook and of what is said of the run."""
    nb: Any = None
    """The notebook as it is executed, with outputs so far."""
    cell_index: int | None = None
    """The cell that runs, counted from 0 in the executed notebook."""
    save_error: OSError | None = None
    last_words: str = ""
    """What a kernel that died wrote past the notebook."""
    stopped: StopReason | None = None
    began: float | None = None
    """When work on it began, by ``time.monotonic()``; None while it waits for a place."""
    _kernel: Stoppable | None = None
    _lock: Lock = field(default_factory=Lock)

    def adopt(self, nb: Any) -> None:
        """Take the notebook that papermill prepared, with our own code for the injected parameters."""
        self.nb = nb
        nb.metadata.papermill["input_path"] = self.run.notebook
        nb.metadata.papermill["output_path"] = self.output
        if self.source is None:
            return
        for cell in nb.cells:
            if "injected-parameters" in cell.metadata.get("tags", []):
                cell.source = self.source
                return

    def kernel_started(self, kernel: Stoppable) -> None:
        """Know the kernel from now on, and end it at once if a stop came while it started."""
        with self._lock:
            self._kernel = kernel
            if self.stopped is not None:
                kernel.kill()

    def interrupt(self, reason: StopReason) -> None:
        """Stop at the next chance and interrupt the cell that runs, so that it can say where it was."""
        with self._lock:
            self.stopped = self.stopped or reason
            if self._kernel is not None:
                self._kernel.interrupt()

    def kill(self, reason: StopReason) -> None:
        """Stop now: the kernel and what it started are ended."""
        with self._lock:
            self.stopped = self.stopped or reason
            if self._kernel is not None:
                self._kernel.kill()

    def raise_if_stopped(self) -> None:
        """Raise StoppedError if somebody stopped this execution."""
        if self.stopped is not None:
            raise StoppedError(self.stopped)


def execute(
    execution: Execution,
    node: Any,
    *,
    parameters: Mapping[str, Any],
    kernel_name: str,
    store: Store,
    start_timeout_s: float = 60,
) -> Run:
    """Run a notebook through papermill and record how it ended; whatever goes wrong is the run's result.

    Args:
        execution: the run and where its output goes; its row is in the store already.
        node: the notebook before injection.
        parameters: checked values by name.
        kernel_name: name of the kernel spec.
        store: where the end is recorded.
        start_timeout_s: how long the kernel may take to answer first, in seconds.

    Returns:
        The run as it is recorded.
    """
    from nbops.retrain import client

    error: CellError | None = None
    execution.began = time.monotonic()
    with client.own_event_loop():
        try:
            _papermill(execution, node, parameters, kernel_name, start_timeout_s)
        except Exception as raised:  # noqa: BLE001 - one run's failure, whatever it is, is that run's result
            error = _understood(raised, execution)
    run = close(execution, error, store)
    _transcribe(execution, run, store)
    return run


def close(execution: Execution, error: CellError | None, store: Store) -> Run:
    """Record how an execution ended.

    Args:
        execution: what has ended.
        error: what went wrong; None when nothing did.
        store: where it is recorded.

    Returns:
        The run as it is recorded.
    """
    run = _ended(execution, error)
    store.update(
        Run,
        run.id,
        status=run.status,
        ended_at=run.ended_at,
        error=run.error,
        output=run.output,
        note=run.note,
        tags=run.tags,
    )
    return run


def _transcribe(execution: Execution, run: Run, store: Store) -> None:
    if execution.nb is not None and execution.output_bytes is not None:
        transcript.complete(
            run, execution.nb, store=store, output_bytes=execution.output_bytes, masker=execution.masker
        )


def _papermill(
    execution: Execution, node: Any, parameters: Mapping[str, Any], kernel_name: str, start_timeout_s: float
) -> None:
    import papermill

    try:
        papermill.execute_notebook(
            node,
            None,
            parameters={name: values.plain(value) for name, value in parameters.items()},
            engine_name="nbops",
            kernel_name=kernel_name,
            language=kernels.language_of(kernel_name),
            progress_bar=False,
            start_timeout=start_timeout_s,
            execution=execution,
        )
    finally:
        # After a failure papermill has marked the failing cell in the notebook: that is the form worth keeping.
        _save(execution)


def _save(execution: Execution) -> None:
    from nbops.retrain import client

    if execution.output is None or execution.nb is None:
        return
    try:
        client.save(execution.nb, execution.output, masker=execution.masker)
        execution.save_error = None
    except OSError as error:
        execution.save_error = error


def _ended(execution: Execution, error: CellError | None) -> Run:
    status: RunStatus = "failed" if error is not None else "finished"
    note, tags = execution.run.note, execution.run.tags
    if error is not None and execution.stopped in {"cancelled", "out_of_time", "pruned"}:
        status = "cancelled"
    if error is not None and execution.stopped == "pruned":
        # Nothing failed: others were better at the same step.
        error, note, tags = None, "stopped early: other runs were better at this step", tags | {"pruned": "yes"}
    output = execution.output
    if execution.save_error is not None:
        note = f"the executed notebook could not be saved: {execution.save_error}"
        if output is not None and "://" not in output and not Path(output).exists():
            output = None
    return msgspec.structs.replace(
        execution.run, status=status, ended_at=time.time(), error=error, output=output, note=note, tags=tags
    )


def _understood(raised: Exception, execution: Execution) -> CellError:
    """Say what went wrong in the user's terms, with the cell."""
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    index = execution.cell_index
    name, message, traceback = type(raised).__name__, str(raised), ""
    if isinstance(raised, PapermillExecutionError):
        index, name, message = raised.cell_index, raised.ename, raised.evalue
        traceback = _ANSI.sub("", "\n".join(raised.traceback))
    elif isinstance(raised, DeadKernelError):
        name, message = "KernelDied", "the kernel's process ended while the cell ran; was it out of memory, or killed?"
        traceback = execution.last_words
    elif isinstance(raised, NbopsError):
        message = raised.message
    if execution.stopped == "timeout":
        name, message = "RunTimeout", "the run took longer than its time limit"
    elif execution.stopped == "out_of_time":
        name, message = "OutOfTime", "the sweep's time limit passed while it went on"
    elif execution.stopped == "cancelled":
        name, message = "Cancelled", "the run was cancelled"
    mask = execution.masker
    return CellError(
        name=name, message=mask.head(message, _PARAM_TEXT), traceback=mask.text(traceback), cell_index=index
    )


def opened(
    path: Path,
    *,
    settings: Settings,
    cause: str,
    name: str | None = None,
    sweep_id: str | None = None,
    firing_id: str | None = None,
    tags: dict[str, str] | None = None,
    output: str | None = None,
) -> Execution:
    """Make an execution with a run of its own, and the environment that joins the kernel to it.

    Args:
        path: the notebook.
        settings: the project's.
        cause: who or what asked for it.
        name: the run's name; the notebook's own when not given.
        sweep_id: the sweep it is part of.
        firing_id: the firing of a schedule that asked for it.
        tags: of the run.
        output: folder or fsspec address under which executed notebooks go; ``.nbops/runs`` when not given.
    """
    run_id = new_id()
    folder = output or str(settings.folder / "runs")
    run = Run(
        id=run_id,
        name=name or path.stem,
        kind="notebook",
        started_at=time.time(),
        sweep_id=sweep_id,
        cause=cause,
        firing_id=firing_id,
        notebook=relative(path, settings),
        user=_user(),
        host=this_host(),
        pid=os.getpid(),
        process=this_process(),
        output=f"{folder.rstrip('/')}/{run_id}/{path.name}",
        tags=tags or {},
    )
    return joined(run, path, settings)


def joined(run: Run, path: Path, settings: Settings) -> Execution:
    """Make the execution of a run, whose kernel is joined to it by its environment.

    Args:
        run: what is recorded; its ``output`` is where the executed notebook goes.
        path: the notebook; the kernel works in its folder.
        settings: the project's.
    """
    return Execution(
        run=run,
        env=_environment(run, path, settings),
        cwd=str(path.parent),
        output=run.output,
        output_bytes=settings.output_bytes if settings.record else None,
        masker=masker_of(settings),
    )


def _environment(run: Run, path: Path, settings: Settings) -> dict[str, str]:
    own = {
        "NBOPS_RUN": run.id,
        "NBOPS_CAUSE": run.cause,
        "NBOPS_STORE": settings.store,
        "NBOPS_BLOBS": settings.blobs,
        "NBOPS_NOTEBOOK": str(path),
        "NBOPS_INPUTS": str(inputs_file(run.id, settings)),
    }
    # Text hashes differently in every process unless it is told how: sets would change the order of columns from run
    # to run. The seed is part of the run's recorded environment.
    if "PYTHONHASHSEED" not in os.environ:
        own["PYTHONHASHSEED"] = "0"
    return own


def recorded_params(run_id: str, effective: Mapping[str, Any], masker: Masker) -> list[Param]:
    """Parameters in the form the store keeps: simple values as they are, others as bounded JSON, secrets masked."""
    at = time.time()
    return [
        Param(run_id=run_id, name=name, value=_simple(masker.pair(name, values.plain(value))), at=at)
        for name, value in effective.items()
    ]


def _simple(value: Any) -> str | int | float | bool | None:
    value = values.plain(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value[:_PARAM_TEXT] if isinstance(value, str) else value
    return json.dumps(value, default=str)[:_PARAM_TEXT]


def relative(path: Path, settings: Settings) -> str:
    """Path of a notebook as records keep it: from the project's folder when it is inside."""
    try:
        return path.relative_to(settings.root).as_posix()
    except ValueError:
        return str(path)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # an account without a name, as in some containers


@contextlib.contextmanager
def opened_for_papermill(nb: Any, *, input_path: Any, output_path: str | None) -> Iterator[Execution]:
    """Record a run that papermill was asked for by somebody else; without a store the notebook runs all the same.

    Args:
        nb: the notebook with its parameters injected.
        input_path: what papermill read it from.
        output_path: where papermill will write it.
    """
    from papermill.log import logger

    from nbops.store import open_store

    path = Path(input_path if isinstance(input_path, str) else "notebook.ipynb").absolute()
    try:
        settings = load_settings()
        store = open_store(settings)
    except NbopsError as error:
        logger.warning(f"nbops does not record this run: {error}")
        run = Run(id=new_id(), name=path.stem, kind="notebook", started_at=time.time())
        yield Execution(run=run, nb=nb, is_recorded=False, is_papermills=True)
        return
    with contextlib.closing(store):
        cause = os.environ.get("NBOPS_CAUSE", "person")
        if output_path is not None and "://" not in output_path:
            output_path = str(Path(output_path).absolute())
        execution = opened(path, settings=settings, cause=cause)
        execution.run = msgspec.structs.replace(execution.run, output=output_path)
        execution.output, execution.cwd, execution.nb = output_path, None, nb
        execution.is_papermills = True
        _begin(execution, nb, store)
        error_seen: CellError | None = None
        try:
            yield execution
            error_seen = _error_in(nb)
        except BaseException as raised:
            error_seen = _understood(raised, execution) if isinstance(raised, Exception) else _interrupted(execution)
            raise
        finally:
            _finish(execution, error_seen, store)


def _begin(execution: Execution, nb: Any, store: Store) -> None:
    known = notebook_parameters.of_node(nb, name=execution.run.name)
    store.put(execution.run)
    given = dict(nb.metadata.papermill.get("parameters", {}))
    store.log_params(recorded_params(execution.run.id, defaults(known) | given, execution.masker))


def _finish(execution: Execution, error: CellError | None, store: Store) -> None:
    from papermill.log import logger

    run = _ended(execution, error)
    with contextlib.suppress(StoreError):
        store.update(Run, run.id, status=run.status, ended_at=run.ended_at, error=run.error)
        _transcribe(execution, run, store)
        return
    logger.warning(f"nbops could not record the end of run {run.id}")


def defaults(known: notebook_parameters.NotebookParameters) -> dict[str, Any]:
    """Default of every parameter; an expression that only the notebook can compute stands as its text."""
    return {
        parameter.name: parameter.source if parameter.type == "any" and parameter.default is None else parameter.default
        for parameter in known.parameters
    }


def _error_in(nb: Any) -> CellError | None:
    """The error that ended a notebook; papermill stops there without raising, and raises only later."""
    for index, cell in enumerate(nb.cells):
        if not cell.metadata.get("papermill", {}).get("exception"):
            continue
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                if output.ename == "SystemExit" and output.evalue in {"", "0"}:
                    return None
                traceback = _ANSI.sub("", "\n".join(output.traceback))
                return CellError(name=output.ename, message=output.evalue, traceback=traceback, cell_index=index)
        return CellError(name="CellExecutionError", message="the cell failed without an output", cell_index=index)
    return None


def _interrupted(execution: Execution) -> CellError:
    return CellError(name="KeyboardInterrupt", message="papermill was interrupted", cell_index=execution.cell_index)

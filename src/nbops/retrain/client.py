"""papermill's notebook client with our kernel around it: cell ids, bounded saves and outputs, an end that is an end.

Imported by functions only, because it builds on classes of papermill and jupyter_client.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient  # noqa: TID253 - see above
from nbclient.exceptions import DeadKernelError  # noqa: TID253 - see above
from papermill.clientwrap import PapermillNotebookClient  # noqa: TID253 - see above
from papermill.engines import NotebookExecutionManager  # noqa: TID253 - see above
from papermill.iorw import write_ipynb  # noqa: TID253 - see above
from papermill.log import logger  # noqa: TID253 - see above

from nbops.masking import OFF, VALUES, Masker
from nbops.masking.notebooks import masked_notebook
from nbops.retrain import floods, kernels

if TYPE_CHECKING:
    from nbops.retrain.execution import Execution

_SAVE_PAUSE_S = 1.0
_REMOTE_SAVE_PAUSE_S = 30.0
# Saving may take this share of the time at most, however large the notebook has grown.
_SAVE_SHARE = 0.05
# How long a cell's output may come in after the kernel has said that the cell is done.
_LATE_OUTPUT_S = 300
_CONNECT_EVERY_MS = 10
# A fork answers within half a second; one that takes this long never will.
_WARM_ANSWER_S = 20
# That a kernel has died is in its run's record, with its last words; a notebook that waits for a sweep is no log.
_log = logger.getChild("nbops")
_log.addFilter(lambda record: not record.getMessage().startswith("Kernel died"))


def run_cells(execution: Execution, kernel_name: str, *, output_path: str | None, **options: Any) -> Any:
    """Run the cells of an execution's notebook in a kernel of its own.

    Args:
        execution: what is run; its ``nb`` holds the notebook.
        kernel_name: name of the kernel spec.
        output_path: where the executed notebook is saved from time to time; None saves nothing.
        options: papermill's options for progress, logs and time limits.

    Returns:
        The executed notebook.
    """
    watch = {name: options.pop(name) for name in ("progress_bar", "log_output", "autosave_cell_every")}
    manager = _BoundedSaves(execution, output_path=output_path, **watch)
    manager.notebook_start()
    try:
        _client(manager, execution, kernel_name, log_output=watch["log_output"], **options).run()
    finally:
        manager.cleanup_pbar()
        manager.notebook_complete()
    return manager.nb


def _client(
    manager: _BoundedSaves,
    execution: Execution,
    kernel_name: str,
    *,
    start_timeout: int = 60,
    execution_timeout: int | None = None,
    **options: Any,
) -> _RecordedClient:
    timeout = execution_timeout or options.pop("timeout", None)
    options.pop("startup_timeout", None)
    options.setdefault("iopub_timeout", _LATE_OUTPUT_S)
    return _RecordedClient(
        manager,
        execution=execution,
        kernel_name=kernel_name,
        timeout=timeout,
        startup_timeout=start_timeout,
        log=_log,
        **options,
    )


class _BoundedSaves(NotebookExecutionManager):  # type: ignore[misc] # papermill has no types
    """Saves the running notebook now and then, whole or not at all, instead of at every start and end of a cell."""

    def __init__(self, execution: Execution, *, output_path: str | None, **options: Any) -> None:
        super().__init__(execution.nb, output_path=output_path, **options)
        self._execution = execution
        self._is_remote = output_path is not None and "://" in output_path
        self._next_save = 0.0
        self._later: asyncio.TimerHandle | None = None

    def autosave_cell(self) -> None:
        """Save what a cell has shown so far: at once, or as soon as the bound allows."""
        wait = self._next_save - time.monotonic()
        if wait <= 0:
            self.save()
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(wait, self._save_late)

    def _save_late(self) -> None:
        self._later = None
        self.save()

    def save(self, **kwargs: Any) -> None:
        if "nb" in kwargs:
            self.nb = kwargs["nb"]
        self.last_save_time = self.now()
        if not self.output_path or time.monotonic() < self._next_save:
            return
        began = time.monotonic()
        try:
            if self._is_remote and self._execution.is_papermills:
                write_ipynb(self.nb, self.output_path)
            else:
                save(self.nb, self.output_path, masker=self._execution.masker)
            self._execution.save_error = None
        except OSError as error:
            # A full disk must not end the run: what it computes is recorded in the store.
            self._execution.save_error = error
        took = time.monotonic() - began
        pause = _REMOTE_SAVE_PAUSE_S if self._is_remote else _SAVE_PAUSE_S
        self._next_save = time.monotonic() + max(pause, took / _SAVE_SHARE)

    def cell_start(self, cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
        self._execution.cell_index = cell_index
        super().cell_start(cell, cell_index, **kwargs)

    def notebook_complete(self, **kwargs: Any) -> None:
        # Our own driver saves once more, when papermill has marked what failed.
        self._next_save = 0.0 if self._execution.is_papermills else float("inf")
        if self._later is not None:
            self._later.cancel()
        super().notebook_complete(**kwargs)


def save(nb: Any, location: str, *, masker: Masker = OFF) -> None:
    """Write a notebook so that a reader sees the old one or the new one, never half of one.

    Args:
        nb: the notebook.
        location: a path, or an address of any file system that fsspec knows.
        masker: takes secrets out of what is written.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    import nbformat

    nb = masked_notebook(nb, masker)
    if "://" in location:
        import fsspec

        # Such stores show an object when it is complete, and never half of one.
        with fsspec.open(location, "w", encoding="utf-8") as file:
            file.write(nbformat.writes(nb))
        return
    path = Path(location)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: two processes that write the same notebook must not share the half-written file.
    half = path.with_name(f".{path.name}.{kernels.unique()}")
    try:
        half.write_text(nbformat.writes(nb), "utf-8")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


class _CellIdClient(AsyncKernelClient):
    """Says which cell is run, as JupyterLab does; nbclient leaves it out."""

    cell_id: str | None = None

    def _context_default(self) -> zmq.asyncio.Context:
        context = super()._context_default()
        # A fork opens its sockets within hundredths of a second; who came too early would try again after tenths.
        context.setsockopt(zmq.RECONNECT_IVL, _CONNECT_EVERY_MS)
        return context

    def execute(
        self,
        code: str,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: dict[str, Any] | None = None,
        allow_stdin: bool | None = None,
        stop_on_error: bool = True,
    ) -> str:
        content = {
            "code": code,
            "silent": silent,
            "store_history": store_history,
            "user_expressions": user_expressions or {},
            "allow_stdin": self.allow_stdin if allow_stdin is None else allow_stdin,
            "stop_on_error": stop_on_error,
        }
        metadata = {"cellId": self.cell_id} if self.cell_id else None
        message = self.session.msg("execute_request", content, metadata=metadata)
        self.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    async def wait_for_ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as nbclient calls it
        """Wait until the kernel answers and what it publishes arrives.

        The original waits for a fifth of a second of silence besides; a kernel that says "idle" has said all.
        """
        deadline = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while not await self._is_answered():
            if not await self._async_is_alive():
                raise RuntimeError("the kernel died before it answered")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the kernel did not answer within {timeout:g} seconds")

    async def _is_answered(self) -> bool:
        asked = self.kernel_info()
        try:
            reply = await self.shell_channel.get_msg(timeout=1)
            while reply["parent_header"].get("msg_id") != asked:  # to an earlier question, which we had given up
                reply = await self.shell_channel.get_msg(timeout=1)
            while True:
                # Nothing arrives as long as the subscription is on its way: then all of it is asked for again.
                news = await self.iopub_channel.get_msg(timeout=0.2)
                if news["parent_header"].get("msg_id") == asked and news["content"].get("execution_state") == "idle":
                    self._handle_kernel_info_reply(reply)
                    return True
        except Empty:
            return False


class _RecordedClient(PapermillNotebookClient):  # type: ignore[misc] # papermill has no types
    def __init__(self, manager: _BoundedSaves, *, execution: Execution, **options: Any) -> None:
        super().__init__(manager, on_cell_execute=self._say_cell, **options)
        self._execution = execution
        self._kernel: kernels.Kernel | None = None
        self._printed = (-1, 0)

    def run(self) -> None:
        """Run all cells, and leave no process of the kernel's group behind."""
        with contextlib.ExitStack() as kernels_used:
            if not self._execution.is_cold and not self._is_ready(kernels_used, is_warm=True):
                # It was forked and does not answer: whatever the reason, an ordinary kernel has none of it.
                logger.warning("the warm kernel does not answer; the notebook starts again in a cold one")
                self._execution.raise_if_stopped()
                self._is_ready(kernels_used, is_warm=False)
            elif self._execution.is_cold:
                self._is_ready(kernels_used, is_warm=False)
            self.owns_km = True
            try:
                self.execute()
            except DeadKernelError:
                self._execution.last_words = self._kernel.last_words() if self._kernel else ""
                raise

    def _is_ready(self, stack: contextlib.ExitStack, *, is_warm: bool) -> bool:
        """Start a kernel; False for a fork that never answered, which is ended then."""
        kernel = stack.enter_context(kernels.prepared(self.kernel_name, self._execution, is_warm=is_warm))
        self.km = kernel.manager
        self.km.client_factory = _CellIdClient
        self.extra_arguments = kernel.arguments
        self._execution.raise_if_stopped()
        self.start_new_kernel(env=kernel.env, cwd=kernel.cwd, stdout=kernel.log, stderr=kernel.log)
        kernel.started()
        self._kernel = kernel
        self._execution.kernel_started(kernel)
        limit = int(self.startup_timeout)  # type: ignore[has-type] # a trait of nbclient
        if kernel.is_warm:
            self.startup_timeout = min(limit, _WARM_ANSWER_S)
        try:
            self.start_new_kernel_client()
        except RuntimeError:
            # nbclient has shut the kernel down; it says RuntimeError for every way not to answer.
            if not kernel.is_warm or self._execution.stopped is not None:
                raise
            return False
        finally:
            self.startup_timeout = limit
        return True

    def _say_cell(self, *, cell: Any, **_: Any) -> None:
        self._execution.raise_if_stopped()
        self.kc.cell_id = cell.get("id")

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take in what the kernel has learnt to be secret; it travels in memory alone, as every output does."""
        if msg["msg_type"] == VALUES.MESSAGE:
            for value, kind, variable in msg["content"]["values"]:
                VALUES.learn(value, kind, variable=variable, is_sure=True)
            return None
        return super().process_message(msg, cell, cell_index)

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Keep a cell's printed text up to a bound, also of kernels that do not bound it themselves."""
        if msg["msg_type"] != "stream":
            return super().output(outs, msg, display_id, cell_index)
        cell, before = self._printed
        before = before if cell == cell_index else 0
        text = msg["content"]["text"]
        self._printed = (cell_index, before + len(text))
        room = floods.LIMIT - before
        if len(text) <= room:
            return super().output(outs, msg, display_id, cell_index)
        if room < 0:
            return None
        # The message is nbclient's own copy; the kernel may have sent the whole flood in one.
        msg["content"] = msg["content"] | {"text": text[:room] + floods.NOTE}
        self._printed = (cell_index, floods.LIMIT + 1)
        return super().output(outs, msg, display_id, cell_index)


@contextlib.contextmanager
def own_event_loop() -> Any:
    """Give this thread an event loop of its own and close it after, with whatever still waits in it."""
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    try:
        yield
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        asyncio.set_event_loop(None)

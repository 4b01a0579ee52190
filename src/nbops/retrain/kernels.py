"""One kernel per run: where it works, what it is told, how it is reached, and that nothing of it stays."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nbops.errors import UsageError

if TYPE_CHECKING:
    from nbops.retrain.execution import Execution

# A Unix socket's whole path must fit into 107 bytes on Linux; "/k-ipc-5" and the like come after the folder.
_SOCKET_FOLDER_BYTES = 90
_LAST_WORDS_BYTES = 4000
# Set for the kernel that runs this very process, and wrong for those it starts.
_NOT_INHERITED = {
    "JPY_SESSION_NAME", "JPY_PARENT_PID", "JPY_INTERRUPT_EVENT", "NBOPS_RUN", "NBOPS_NOTEBOOK", "NBOPS_INPUTS",
}  # fmt: skip


@dataclass
class Kernel:
    """A kernel about to start, or running."""

    manager: Any
    arguments: list[str]
    env: dict[str, str]
    cwd: str | None
    log: IO[bytes]
    """What its process writes past the notebook: warnings of C libraries, a crash's last words."""
    group: int | None = field(default=None)
    """Its process group, once it runs."""

    def started(self) -> None:
        """Note what is needed to end it from another thread."""
        provisioner = self.manager.provisioner
        self.group = getattr(provisioner, "pgid", None) or getattr(provisioner, "pid", None)

    @property
    def is_warm(self) -> bool:
        """Whether it is a fork, once it runs."""
        return bool(getattr(self.manager.provisioner, "is_warm", False))

    def last_words(self) -> str:
        """The end of what its process wrote past the notebook."""
        size = self.log.seek(0, os.SEEK_END)
        self.log.seek(max(0, size - _LAST_WORDS_BYTES))
        return self.log.read().decode("utf-8", "replace").strip()

    def interrupt(self) -> None:
        """Interrupt the cell that runs, as the stop button does; safe from any thread."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End the kernel and everything it started in its group; safe from any thread and at any time."""
        self._signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)

    def _signal(self, number: int) -> None:
        if self.group is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.group, number)
            else:
                os.kill(self.group, number)


def unique() -> str:
    """Make a short name that no other process or thread makes."""
    return uuid.uuid4().hex[:12]


def name_of(node: Any, wanted: str | None) -> str:
    """Say which kernel spec a notebook is run with, and refuse one that is not installed.

    Args:
        node: the notebook.
        wanted: the name given by the user, or None for what the notebook asks for.

    Raises:
        UsageError: there is no such kernel spec; the message lists those that are there.
    """
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    name = wanted or node.metadata.get("kernelspec", {}).get("name") or "python3"
    specs = KernelSpecManager()
    try:
        specs.get_kernel_spec(name)
    except NoSuchKernel as error:
        there = ", ".join(sorted(specs.find_kernel_specs())) or "none"
        raise UsageError(
            f"there is no kernel {name!r} here; installed are: {there}",
            code="no_such_kernel",
            hint=f"python -m ipykernel install --user --name {name}, or choose one that is there with --kernel",
        ) from error
    return str(name)


def python_of(name: str) -> str:
    """Program of a kernel spec, by its path; this interpreter where the spec just says ``python``."""
    from jupyter_client.kernelspec import KernelSpecManager

    program = str(KernelSpecManager().get_kernel_spec(name).argv[0])
    return sys.executable if program.startswith("python") else program


def language_of(name: str) -> str:
    """The language of a kernel spec, for notebooks that do not say theirs."""
    from jupyter_client.kernelspec import KernelSpecManager

    return str(KernelSpecManager().get_kernel_spec(name).language)


@contextlib.contextmanager
def prepared(name: str, execution: Execution, *, is_warm: bool) -> Iterator[Kernel]:
    """Prepare a kernel for one execution, and clear away its files and processes at the end.

    Args:
        name: name of the kernel spec.
        execution: what it will run.
        is_warm: whether it may be forked from a process that has imported the notebook's libraries.
    """
    folder = tempfile.mkdtemp(prefix="nbops-")
    kernel = _kernel(name, execution, Path(folder), is_warm=is_warm)
    try:
        with kernel.log:
            yield kernel
    finally:
        # nbclient has shut the kernel down by now; this is for what it left running: pools, servers, sleepers.
        kernel.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _kernel(name: str, execution: Execution, folder: Path, *, is_warm: bool) -> Kernel:
    from jupyter_client.manager import AsyncKernelManager

    options: dict[str, Any] = {"kernel_name": name, "connection_file": str(folder / "kernel.json")}
    if sys.platform == "linux" and len(os.fsencode(folder)) < _SOCKET_FOLDER_BYTES:
        # Sockets in a folder of ours: no ports to race for, nobody else can connect.
        options |= {"transport": "ipc", "ip": str(folder / "k")}
    manager = AsyncKernelManager(**options)
    spec = manager.kernel_spec
    assert spec is not None
    is_python = spec.language.lower() == "python"
    if execution.python is not None:
        spec.argv[0] = execution.python
    if is_warm and sys.platform != "linux":
        _say_cold()
    # A spec that names a provisioner of its own keeps it.
    if is_warm and is_python and sys.platform == "linux" and "kernel_provisioner" not in spec.metadata:
        manager.kernel_id = str(uuid.uuid4())
        manager.provisioner = _warm_provisioner(manager, execution)
    extensions = ("nbops.retrain.floods", *execution.extensions, "nbops.retrain.inputs", "nbops")
    left_out = _NOT_INHERITED | execution.unset
    return Kernel(
        manager=manager,
        arguments=[f"--ext={name}" for name in extensions] if is_python and execution.is_recorded else [],
        env={key: value for key, value in os.environ.items() if key not in left_out} | execution.env,
        cwd=execution.cwd,
        log=(folder / "log").open("w+b"),
    )


@functools.cache
def _say_cold() -> None:
    """Once for a process: what a person would otherwise wonder about."""
    logging.getLogger(__name__).warning("kernels start cold here: warm ones need Linux")


def _warm_provisioner(manager: Any, execution: Execution) -> Any:
    from nbops.retrain.warm import key
    from nbops.retrain.warm.provisioner import WarmProvisioner

    sources = [cell.source for cell in execution.nb.cells if cell.cell_type == "code"]
    preload = key.preload_of(sources)
    return WarmProvisioner(
        kernel_id=manager.kernel_id,
        kernel_spec=manager.kernel_spec,
        parent=manager,
        preload=key.with_ours(preload) if execution.is_recorded else preload,
    )

"""A project for the length of a test."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from nbops.settings import STORE_FOLDER, load_settings
from nbops.workspace import Workspace

_open: list[str] = []


@contextlib.contextmanager
def project(folder: str | os.PathLike[str], *, engine: str = "fake", **settings: str) -> Iterator[Workspace]:
    """Make an empty project that is the current one for the length of a block.

    Inside, ``nbops.log_metric``, ``nbops.deploy`` and all other calls work on this project alone, whatever the
    environment of the test says; at the end every endpoint is stopped, the session is ended, and the current folder and
    the environment are as they were.

    Args:
        folder: where it is made, such as pytest's ``tmp_path``.
        engine: what deploys when none is named; ``"fake"`` serves in a thread of this process.
        settings: any other setting as text, as its ``NBOPS_`` variable would say it.

    Returns:
        The opened project; its methods are nbops's commands.

    Raises:
        SettingsError: a setting cannot be understood.

    Example:
        >>> import tempfile, nbops
        >>> with tempfile.TemporaryDirectory() as folder, project(folder) as workspace:
        ...     with nbops.run("train"):
        ...         nbops.log_metric("loss", 0.5)
        ...     [row.metrics for row in workspace.runs("name = train")]
        [{'loss': 0.5}]
    """
    root = Path(folder).absolute()
    (root / STORE_FOLDER).mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_environment({"engine": engine, **settings}))
        stack.enter_context(contextlib.chdir(root))
        stack.callback(_end_session)
        workspace = stack.enter_context(contextlib.closing(Workspace(load_settings(root))))
        _open.append(str(root))
        stack.callback(_open.remove, str(root))
        stack.callback(_stop_endpoints, workspace)
        yield workspace


def is_open(root: str) -> bool:
    """Tell whether a folder is the project of a block that is being executed in this process."""
    return root in _open


@contextlib.contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = {name: value for name, value in os.environ.items() if name.startswith("NBOPS_")}
    for name in before:
        del os.environ[name]
    os.environ.update({f"NBOPS_{name.upper()}": value for name, value in settings.items() if value})
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("NBOPS_")]:
            del os.environ[name]
        os.environ.update(before)


def _end_session() -> None:
    # A process has one session, which stays in its project; the next block has another project.
    from nbops.capture import here

    here.ended()


def _stop_endpoints(workspace: Workspace) -> None:
    for endpoint in workspace.endpoints():
        if endpoint.status != "stopped":
            workspace.stop(endpoint.name)

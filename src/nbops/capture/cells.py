"""Switching recording on and off in an IPython shell, and cells that are runs of their own."""

from __future__ import annotations

from typing import Any

from nbops.capture import here, tracking, values
from nbops.capture.recorder import Recorder
from nbops.errors import UsageError
from nbops.settings import Settings, load_settings


def start(shell: Any, settings: Settings | None = None) -> Recorder | None:
    """Record every cell of a shell from now on, the one that runs just now included.

    Args:
        shell: the ``InteractiveShell``.
        settings: where the project's store is; those of the current folder when not given.

    Returns:
        The recorder, or None when the settings say that nothing is recorded.

    Raises:
        SettingsError: a setting cannot be understood.
    """
    settings = settings or load_settings()
    recorder = here.recorder()
    if recorder is not None:
        if recorder.shell is shell and recorder.settings == settings and recorder.is_on:
            recorder.attach()
            return recorder
        here.ended()
    if not settings.record:
        return None
    recorder = Recorder(shell, settings)
    here.started(recorder)
    recorder.attach()
    return recorder


def stop() -> None:
    """Stop recording and end the session's run; a cell that runs just now is recorded to its end first."""
    recorder = here.recorder()
    if recorder is not None:
        recorder.detach()


def current() -> Recorder | None:
    """The recorder of this process, or None where no cells are recorded."""
    return here.recorder()


def active_run_id() -> str:
    """The innermost open run of this process; in a plain script the first question opens one."""
    return tracking.innermost(here.session()).id


def notice() -> str | None:
    """Why nothing is recorded, or why records do not reach the store just now; None when all is well."""
    recorder = here.recorder()
    if recorder is not None:
        return recorder.notice
    return "no cells are recorded here: %load_ext nbops, and no record = false in the settings"


def run_cell_as_run(shell: Any, name: str, source: str) -> None:
    """Run the body of a cell as a run of its own, as ``%%nbops run NAME`` does.

    The body behaves as a cell: magics, the displayed last value and tracebacks are IPython's own. When it fails, the
    run is closed as failed and the surrounding cell counts as failed too.

    Args:
        shell: the ``InteractiveShell``.
        name: what the run is called.
        source: the cell without its first line.

    Raises:
        UsageError: the name is not text of 1 to 250 characters.
    """
    active = tracking.open_run(here.session(), values.as_name(name, "%%nbops run NAME"))
    with active:
        active.end(run_body(shell, source))


def run_body(shell: Any, source: str) -> BaseException | None:
    """Run the body of a ``%%`` cell as a cell of its own kind, within the recorded one.

    Args:
        shell: the ``InteractiveShell``.
        source: the cell without its first line.

    Raises:
        UsageError: the body awaits something, which no magic can run inside a kernel's event loop.

    Returns:
        The exception that ended it, already shown, which the surrounding cell counts as failed by; None when it ran.
    """
    if _awaits(shell, source):
        raise UsageError(
            "a cell that awaits cannot be run by a magic: the kernel's event loop is busy with the magic itself",
            hint='with nbops.run("NAME"): in an ordinary cell',
        )
    surrounding = getattr(shell.displayhook, "exec_result", None)
    # A line stands for the magic's own, so that tracebacks count lines as the cell does; IPython drops empty ones, and
    # another magic has to come first.
    above = "" if source.lstrip().startswith("%%") else "# %%nbops\n"
    result = shell.run_cell(above + source, store_history=False)
    error: BaseException | None = result.error_before_exec or result.error_in_exec
    shell.displayhook.exec_result = surrounding
    if surrounding is not None:
        # IPython has shown the exception already; raised again, it would be shown twice.
        surrounding.error_in_exec = error
    return error


def _awaits(shell: Any, source: str) -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
        transformed = shell.transform_cell(source)
    except (RuntimeError, SyntaxError):  # no loop is running, or the cell's own error will say it better
        return False
    return bool(shell.should_run_async(source, transformed_cell=transformed))

"""The notebook's door: hooks that record, and the magics ``%nbops`` and ``%%nbops``.

Loading registers names and nothing more; the grammar and what it needs are imported at the first use of a magic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbops import capture
from nbops.records import Record

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_KEYS = ("%nbops", "nbops")
_SHOWN_AS = {"text/plain", "text/html"}


def load(shell: InteractiveShell) -> None:
    """Record the shell's cells and offer ``%nbops`` in it, as ``%load_ext nbops`` asks for.

    Args:
        shell: the notebook's shell.

    Raises:
        SettingsError: a setting cannot be understood; nothing is recorded then.
    """

    def nbops(line: str, cell: str | None = None) -> Any:
        """Do what `nbops VERB …` does in a terminal; `%nbops --help` lists the verbs."""
        from nbops.magics import line as door

        return door.line_magic(shell, line) if cell is None else door.cell_magic(shell, line, cell)

    untyped: Any = shell
    # Registered first: `%nbops doctor` has to work where recording cannot begin.
    untyped.register_magic_function(nbops, "line_cell", "nbops")
    for key in _KEYS:
        untyped.set_hook("complete_command", _completions, str_key=key)
    _show_records(shell)
    capture.start(shell)


def _show_records(shell: InteractiveShell) -> None:
    """Let a cell that ends with ``nbops.log_model(…)`` show the record as the verbs show it."""

    def text(record: Record, printer: Any, _cycle: bool) -> None:
        printer.text(_bundle_of(record)["text/plain"])

    def html(record: Record) -> str:
        return _bundle_of(record)["text/html"]

    formatters = _formatters(shell)
    for kind, show in (("text/plain", text), ("text/html", html)):
        if kind in formatters:
            formatters[kind].for_type(Record, show)


def _formatters(shell: InteractiveShell) -> Any:
    return shell.display_formatter.formatters if shell.display_formatter is not None else {}


def _bundle_of(record: Record) -> dict[str, str]:
    from nbops.views import bundle_of

    return bundle_of([record])


def unload(shell: InteractiveShell) -> None:
    """Take the hooks and magics out again and end the session's run, as ``%unload_ext nbops`` asks for."""
    capture.stop()
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("nbops", None)
    completers: Any = shell.strdispatchers["complete_command"]
    for key in _KEYS:
        completers.strs.pop(key, None)
    for kind, formatter in _formatters(shell).items():
        if kind in _SHOWN_AS:
            formatter.pop(Record, None)


def _completions(shell: InteractiveShell, event: Any) -> list[str]:
    from nbops.magics import line as door

    return door.completions(shell, event.line)

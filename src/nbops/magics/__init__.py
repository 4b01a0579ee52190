"""The notebook's door: hooks that record, and the magics ``%nbops`` and ``%%nbops``.

Loading registers names and nothing more; the grammar and what it needs are imported at the first use of a magic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbops import capture

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_KEYS = ("%nbops", "nbops")


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
    capture.start(shell)


def unload(shell: InteractiveShell) -> None:
    """Take the hooks and magics out again and end the session's run, as ``%unload_ext nbops`` asks for."""
    capture.stop()
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("nbops", None)
    completers: Any = shell.strdispatchers["complete_command"]
    for key in _KEYS:
        completers.strs.pop(key, None)


def _completions(shell: InteractiveShell, event: Any) -> list[str]:
    from nbops.magics import line as door

    return door.completions(shell, event.line)

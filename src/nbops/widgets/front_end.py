"""Whether somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def is_live(shell: InteractiveShell) -> bool:
    """Tell whether the cell that runs was sent by a front end in which a layer can be drawn.

    Args:
        shell: the notebook's shell.

    Returns:
        True in JupyterLab and Notebook 7, which say with each cell which others were deleted. False where nobody looks
        (papermill, nbclient, nbconvert), and where each output stands in a page of its own, which no layer reaches.
    """
    parent: Any = getattr(shell, "get_parent", dict)()
    return "deletedCells" in parent.get("metadata", {})

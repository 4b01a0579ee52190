"""What a notebook's parameters are: learnt from the cell tagged ``parameters`` without running anything.

A plain papermill notebook is all that is needed. The type of a parameter is its annotation, else the type of its
default; a comment on its line may add what values make sense::

    lr: float = 0.1        # learning rate, 1e-4..1 log
    depth = 3              # 1..8
    kind = "gini"          # {gini, entropy}
    since = date(2024, 1, 1)

The same schema refuses wrong values before a kernel starts, makes a form, and is the space that a search draws from.
``declarations`` reads the lines of the cell, ``conversion`` takes given values to their types.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from nbops.errors import NotFoundError, SourceError, UsageError
from nbops.retrain import values
from nbops.retrain.conversion import convert
from nbops.retrain.declarations import Parameter, of_source


class NotebookParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of one notebook."""

    notebook: str
    parameters: list[Parameter]
    has_cell: bool
    """Whether there is a cell tagged ``parameters`` at all."""

    def named(self, name: str) -> Parameter:
        """Return the parameter of this name, or raise UsageError with the nearest one."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise self._unknown(name)

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Take values to the types their parameters have, or refuse them.

        Args:
            given: parameter → value; text is understood where the type is not text.

        Returns:
            The same names with values of the right type.

        Raises:
            UsageError: an unknown name, a wrong type, or a value outside the range or choices.
        """
        return {name: convert(self.named(name), value, where=self.notebook) for name, value in given.items()}

    def _unknown(self, name: str) -> UsageError:
        if not self.has_cell:
            return UsageError(
                f"{self.notebook} has no cell tagged 'parameters', so {name!r} cannot be set",
                code="no_parameters_cell",
                hint="tag the cell that sets the defaults with 'parameters' (property inspector of JupyterLab)",
            )
        names = [parameter.name for parameter in self.parameters]
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        return UsageError(
            f"{self.notebook} has no parameter {name!r}{meant}",
            code="unknown_parameter",
            hint=f"its parameters are: {', '.join(names) or 'none'}",
        )


def read(notebook: str | Path) -> list[Parameter]:
    """Learn a notebook's parameters from its cell tagged ``parameters``, without running anything.

    Args:
        notebook: path of the notebook.

    Returns:
        The parameters in the order of the cell; empty when no cell is tagged.

    Raises:
        NotFoundError: there is no such file.
        SourceError: it is not a notebook, or its parameters cell is not valid Python.
        UsageError: two cells are tagged.
    """
    return inspect(notebook).parameters


def inspect(notebook: str | Path) -> NotebookParameters:
    """Like ``read``, with what checks of given values need besides."""
    path = Path(notebook)
    return of_node(load(path), name=path.name)


def load(path: Path) -> Any:
    """Read a notebook file as a node of the newest format, or say what is wrong with it."""
    import nbformat
    from nbformat.reader import NotJSONError

    if not path.is_file():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.ipynb")], n=1)
        raise NotFoundError(
            f"there is no notebook {path}" + (f"; did you mean {near[0]!r}?" if near else ""),
            code="notebook_not_found",
            hint=f"ls {path.parent}",
        )
    try:
        node = nbformat.reads(path.read_text("utf-8"), as_version=4)
        nbformat.validate(node, relax_add_props=True)
    except (NotJSONError, UnicodeDecodeError, nbformat.ValidationError, AttributeError, KeyError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise SourceError(f"{path} is not a Jupyter notebook: {reason}", code="not_a_notebook") from error
    return node


def of_node(node: Any, *, name: str) -> NotebookParameters:
    """Learn the parameters of a notebook that is read already.

    Args:
        node: the notebook as nbformat gives it.
        name: what messages call it.
    """
    tagged = [index for index, cell in enumerate(node.cells) if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) > 1:
        raise UsageError(
            f"{name} has {len(tagged)} cells tagged 'parameters' (cells {', '.join(str(i + 1) for i in tagged)})",
            code="two_parameters_cells",
            hint="keep the tag on one cell; papermill would silently use the first",
        )
    if not tagged:
        return NotebookParameters(notebook=name, parameters=[], has_cell=False)
    cell = node.cells[tagged[0]]
    found = of_source(cell.source, name=name) if is_python(node) else _of_other_language(node, cell)
    return NotebookParameters(notebook=name, parameters=found, has_cell=True)


def is_python(node: Any) -> bool:
    """Tell whether a notebook's own metadata name Python, or nothing."""
    metadata = node.metadata
    language = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
    return language is None or str(language).lower() in {"python", "ipython"}


def _of_other_language(node: Any, cell: Any) -> list[Parameter]:
    # Other languages are papermill's to read; where it cannot, nothing is known about names either.
    from papermill.inspection import _infer_parameters

    return [
        Parameter(name=found.name, type="any", source=found.default, help=found.help)
        for found in _infer_parameters(node)
    ]


def from_text(known: NotebookParameters, given: Mapping[str, str]) -> dict[str, Any]:
    """Understand values that were typed, as ``-p lr=0.1`` on a command line.

    Where the type of a parameter is not known, a Python literal is taken as such and anything else as text.

    Example:
        >>> known = NotebookParameters(notebook="a.ipynb", parameters=of_source("lr = 0.1"), has_cell=True)
        >>> from_text(known, {"lr": "1e-3"})
        {'lr': 0.001}
    """
    typed = {name: _typed(known.named(name), text) for name, text in given.items()}
    return known.check(typed)


def grid_from_text(known: NotebookParameters, given: Mapping[str, str]) -> dict[str, list[Any]]:
    """Understand lists of values that were typed, as ``--grid depth=2,4,8``; commas inside brackets do not part.

    Example:
        >>> known = NotebookParameters(notebook="a.ipynb", parameters=of_source("size = (1, 2)"), has_cell=True)
        >>> grid_from_text(known, {"size": "(1, 2),(3, 4)"})
        {'size': [(1, 2), (3, 4)]}
    """
    return {name: [from_text(known, {name: part})[name] for part in _parts(text)] for name, text in given.items()}


def _typed(parameter: Parameter, text: str) -> Any:
    if parameter.type != "any":
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _parts(text: str) -> list[str]:
    parts, depth, quote, start = [], 0, "", 0
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def injected(known: NotebookParameters, given: Mapping[str, Any]) -> str:
    """Write the cell that sets parameters to checked values.

    Example:
        >>> known = NotebookParameters(notebook="a.ipynb", parameters=of_source("size = (1, 2)"), has_cell=True)
        >>> print(injected(known, {"size": (3, 4)}))
        # Parameters
        size = (3, 4)
    """
    lines = ["# Parameters"]
    for name, value in given.items():
        constructor = known.named(name).constructor if value is not None else ""
        lines.append(f"{name} = {values.code(value, constructor=constructor)}")
    return "\n".join(lines)

"""Read a notebook's code cells, without a kernel.

The file is read as plain JSON: importing nbformat costs 100 ms and more, and its validation refuses notebooks (cells
without ids, odd outputs) whose code cells are perfectly clear.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbops.errors import NotFoundError, SourceError
from nbops.source.cells import SourceCell, with_newlines


def read_notebook(path: str | Path) -> list[SourceCell]:
    """Read the code cells of a notebook in the order they stand.

    Args:
        path: an ``.ipynb`` file of format 3 or 4.

    Returns:
        Its code cells, counted from 1; cells that are empty are left out but counted.

    Raises:
        NotFoundError: there is no such file.
        SourceError: the file is not a Python notebook.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> file = Path(folder.name) / "a.ipynb"
        >>> _ = file.write_text('{"nbformat": 4, "cells": [{"cell_type": "code", "source": ["x = 1"]}]}')
        >>> read_notebook(file)[0].source
        'x = 1'
        >>> folder.cleanup()
    """
    path = Path(path)
    notebook = _parsed(path)
    _refuse_other_languages(notebook, path)
    cells: list[SourceCell] = []
    for index, cell in enumerate(_code_cells(notebook, path), 1):
        source = with_newlines(_text(cell.get("source", cell.get("input", "")), path, index))
        if source.strip():
            cells.append(_cell(index, source, cell))
    return cells


def _parsed(path: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no notebook {path}", hint="ls *.ipynb") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise SourceError(
                f"{path} goes on after its end: {error}",
                hint=f"keep its first {error.pos} characters, or take it from version control: git checkout {path}",
            ) from error
        raise SourceError(f"{path} is not a notebook: {error}", hint=f"git checkout {path}") from error
    except ValueError as error:
        raise SourceError(
            f"{path} is not a notebook: {error}", hint=f"jupyter nbconvert --to notebook {path}"
        ) from error
    if not isinstance(notebook, dict):
        raise SourceError(f"{path} is not a notebook: its JSON is a {type(notebook).__name__}, not an object")
    return notebook


def _refuse_other_languages(notebook: dict[str, Any], path: Path) -> None:
    metadata = notebook.get("metadata")
    if not isinstance(metadata, dict):
        return
    for key, field in (("language_info", "name"), ("kernelspec", "language")):
        table = metadata.get(key)
        language = table.get(field) if isinstance(table, dict) else None
        if isinstance(language, str) and "python" not in language.lower():
            raise SourceError(f"{path} is a notebook in {language}; nbops reads Python")


def _code_cells(notebook: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    cells = notebook.get("cells")
    if cells is None:  # format 3 and older
        sheets = notebook.get("worksheets", [])
        cells = [cell for sheet in sheets if isinstance(sheet, dict) for cell in sheet.get("cells", [])]
    if not isinstance(cells, list):
        raise SourceError(f"{path} is not a notebook: its cells are a {type(cells).__name__}, not a list")
    return [cell for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]


def _text(value: object, path: Path, index: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    raise SourceError(f"{path}: the source of code cell {index} is neither text nor a list of lines")


def _cell(index: int, source: str, cell: dict[str, Any]) -> SourceCell:
    metadata = cell.get("metadata")
    tags = metadata.get("tags", []) if isinstance(metadata, dict) else []
    count = cell.get("execution_count", cell.get("prompt_number"))
    identity = cell.get("id")
    return SourceCell(
        index=index,
        source=source,
        cell_id=identity if isinstance(identity, str) else None,
        execution_count=count if isinstance(count, int) else None,
        tags=[tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
    )

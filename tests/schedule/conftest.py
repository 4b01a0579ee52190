"""A project with a store, and schedules in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import nbformat
import pytest

from nbops.records import Schedule, new_id


def a_schedule(**fields: Any) -> Schedule:
    """A schedule that has been due every minute since 1970, unless told otherwise."""
    made = Schedule(
        id=new_id(), name="train", notebook="train.ipynb", cron="* * * * *", timezone="UTC", active_since=0.0,
        created_at=0.0, debounce_s=0.0,
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


@pytest.fixture
def schedule() -> Callable[..., Schedule]:
    return a_schedule


@pytest.fixture
def write_notebook(project: Path) -> Callable[..., Path]:
    def write(*cells: str, parameters: str | None = None, name: str = "train.ipynb") -> Path:
        node = nbformat.v4.new_notebook()
        node.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
        if parameters is not None:
            node.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        node.cells.extend(nbformat.v4.new_code_cell(cell) for cell in cells)
        nbformat.write(node, project / name)
        return project / name

    return write

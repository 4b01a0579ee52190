from __future__ import annotations

import json
from pathlib import Path

import pytest

from nbops.errors import NotFoundError, SourceError
from nbops.source import SourceCell, read_notebook


def _write(folder: Path, document: object) -> Path:
    path = folder / "n.ipynb"
    path.write_text(json.dumps(document), "utf-8")
    return path


def _code(source: object, **fields: object) -> dict[str, object]:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], **fields}


def test_code_cells_are_counted_among_themselves_and_empty_ones_left_out(tmp_path: Path) -> None:
    markdown = {"cell_type": "markdown", "source": "# t"}
    path = _write(
        tmp_path, {"nbformat": 4, "cells": [markdown, _code("x = 1", id="a"), _code(""), _code(["y\n", "z"])]}
    )

    assert read_notebook(path) == [
        SourceCell(index=1, source="x = 1", cell_id="a"),
        SourceCell(index=3, source="y\nz"),
    ]


def test_windows_and_old_mac_line_ends_become_newlines(tmp_path: Path) -> None:
    path = _write(tmp_path, {"nbformat": 4, "cells": [_code("a = 1\r\nb = 2\rc = 3")]})

    assert read_notebook(path)[0].source == "a = 1\nb = 2\nc = 3"


def test_tags_and_counts_are_kept(tmp_path: Path) -> None:
    cell = _code("x", execution_count=7, metadata={"tags": ["parameters"]})
    path = _write(tmp_path, {"nbformat": 4, "cells": [cell]})

    read = read_notebook(path)[0]
    assert (read.execution_count, read.tags) == (7, ["parameters"])


def test_format_three_is_read(tmp_path: Path) -> None:
    sheet = {"cells": [{"cell_type": "code", "input": ["x = 1"], "prompt_number": 2}]}
    path = _write(tmp_path, {"nbformat": 3, "worksheets": [sheet]})

    assert read_notebook(path) == [SourceCell(index=1, source="x = 1", execution_count=2)]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "a list"),
        ({"cells": 3}, "a int"),
        ({"cells": [_code(5)]}, "code cell 1"),
        ({"cells": [], "metadata": {"kernelspec": {"language": "R"}}}, "notebook in R"),
    ],
    ids=["list", "cells", "source", "language"],
)
def test_what_is_not_a_python_notebook_is_said_so(tmp_path: Path, document: object, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_notebook(_write(tmp_path, document))


def test_text_that_is_not_json_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text("<html>")

    with pytest.raises(SourceError, match="is not a notebook"):
        read_notebook(path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no notebook"):
        read_notebook(tmp_path / "none.ipynb")

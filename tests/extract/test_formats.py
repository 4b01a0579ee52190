"""Whatever format, line ends and marks a notebook's file has, the same function gives the same module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nbops.errors import SourceError
from nbops.extract import Request, extract
from nbops.source import read_notebook
from nbops.store.interface import Store

CELLS = [
    "%matplotlib inline\nimport math",
    "RATES = {'a': [1]}\nalias = RATES['a']\nalias.append(2)",
    'def area(r):\n\t"""One\n\n\ttwo."""\n\tif r:\n\t\treturn math.pi * r * len(RATES["a"])\n\treturn 0  # größer',
]


def _lines(source: str) -> list[str]:
    return source.splitlines(keepends=True)


def _four(minor: int, sources: list[Any], *, ids: bool = False) -> dict[str, Any]:
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        | ({"id": f"cell-{i}"} if ids else {})
        for i, source in enumerate(sources)
    ]
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": cells}


def _three(key: str = "input") -> dict[str, Any]:
    cells = [
        {"cell_type": "code", "language": "python", "collapsed": False, "outputs": [], key: _lines(c)} for c in CELLS
    ]
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}


def _bytes(document: dict[str, Any], **options: Any) -> bytes:
    return json.dumps(document, **options).encode()


WINDOWS = [cell.replace("\n", "\r\n") for cell in CELLS]
FILES = {
    "4.5": _bytes(_four(5, CELLS, ids=True)),
    "4.0": _bytes(_four(0, [_lines(c) for c in CELLS])),
    "4.4 without ids": _bytes(_four(4, CELLS)),
    "3": _bytes(_three()),
    "2": _bytes({**_three(), "nbformat": 2}),
    "byte order mark": b"\xef\xbb\xbf" + _bytes(_four(5, CELLS), ensure_ascii=False),
    "windows lines in cells": _bytes(_four(4, [_lines(c) for c in WINDOWS])),
    "windows lines in the file": _bytes(_four(4, CELLS), indent=1).replace(b"\n", b"\r\n"),
    "white space after its end": _bytes(_four(4, CELLS)) + b"\r\n\r\n \n",
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_module(name: str, root: Path, store: Store) -> None:
    path = root / "n.ipynb"
    path.write_bytes(FILES[name])

    version = extract(Request(names=["area"], cells=read_notebook(path), to="a.b"), root=root, store=store)

    assert version.source.endswith(
        "import math\n\nRATES = {'a': [1]}\nalias = RATES['a']\nalias.append(2)\n\n\n" + CELLS[2] + "\n"
    )
    assert path.read_bytes() == FILES[name]


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (b"}]}", "goes on after its end"),
        (b'{"nbformat": 4}', "goes on after its end"),
        (b"\0\0\0", "goes on after its end"),
    ],
    ids=["rest of an earlier file", "two documents", "nulls"],
)
def test_a_file_that_goes_on_after_its_end_is_refused_with_the_place(tail: bytes, message: str, root: Path) -> None:
    whole = _bytes(_four(4, CELLS))
    path = root / "n.ipynb"
    path.write_bytes(whole + tail)

    with pytest.raises(SourceError, match=message) as refused:
        read_notebook(path)

    assert refused.value.hint is not None
    assert str(len(whole)) in refused.value.hint


def test_a_file_that_ends_too_early_is_refused(root: Path) -> None:
    path = root / "n.ipynb"
    path.write_bytes(FILES["4.5"][:-20])

    with pytest.raises(SourceError, match="is not a notebook"):
        read_notebook(path)

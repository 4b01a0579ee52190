"""The way back from the module's file to the notebook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from extract_sessions import cells_of, namespace_of, ran

from nbops import extract
from nbops.errors import ExtractError, NotFoundError
from nbops.records import ModuleVersion
from nbops.store.interface import Store

Take = Callable[..., ModuleVersion]
SOURCES = ("def f(x):\n    return x", "def g(x):\n    return x * 2")


@pytest.fixture
def path(take: Take, root: Path) -> Path:
    take("f g", *SOURCES)
    return root / "src/churn/features.py"


def _edit(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_an_unedited_module_has_nothing_to_pull(path: Path, root: Path, store: Store) -> None:
    assert extract.pull("churn.features", store=store, root=root, cells=cells_of(*SOURCES)) == []
    assert extract.diff("churn.features", store=store, root=root, cells=cells_of(*SOURCES)) == ""


def test_an_edit_comes_back_as_a_new_cell_and_overwrites_nothing(path: Path, root: Path, store: Store) -> None:
    _edit(path, "return x * 2", "return x * 3")
    before = path.read_bytes()

    (pulled,) = extract.pull("churn.features", store=store, root=root, cells=cells_of(*SOURCES))

    assert (pulled.name, pulled.source, pulled.is_conflict) == ("g", "def g(x):\n    return x * 3", False)
    assert "-    return x * 2\n+    return x * 3" in pulled.diff
    assert path.read_bytes() == before


def test_an_edit_on_both_sides_is_a_conflict_with_both_texts(path: Path, root: Path, store: Store) -> None:
    _edit(path, "return x * 2", "return x * 3")
    cells = cells_of(SOURCES[0], "def g(x):\n    return x * 4")

    (pulled,) = extract.pull("churn.features", store=store, root=root, cells=cells)

    assert (pulled.is_conflict, pulled.notebook) == (True, "def g(x):\n    return x * 4")
    states = {e.name: e.state for e in extract.compare("churn.features", store=store, root=root, cells=cells)}
    assert states == {"f": "same", "g": "both"}


def test_diff_shows_three_ways(path: Path, root: Path, store: Store) -> None:
    _edit(path, "return x * 2", "return x * 3")
    cells = cells_of("def f(x):\n    return -x", SOURCES[1])

    text = extract.diff("churn.features", store=store, root=root, cells=cells)

    assert "--- g (recorded)\n+++ g (file)" in text
    assert "--- f (recorded)\n+++ f (notebook)" in text


def test_the_same_edit_on_both_sides_agrees(path: Path, root: Path, store: Store) -> None:
    _edit(path, "return x * 2", "return x * 3")
    cells = cells_of(SOURCES[0], "def g(x):\n    return x * 3")

    states = {e.name: e.state for e in extract.compare("churn.features", store=store, root=root, cells=cells)}

    assert states == {"f": "same", "g": "agree"}


def test_a_rewritten_function_is_compared_as_it_would_be_written(take: Take, root: Path, store: Store) -> None:
    sources = "df = load()", "def f(x):\n    return df + x"
    take("f", *sources, parameters=["df"])

    assert extract.pull("churn.features", store=store, root=root, cells=cells_of(*sources)) == []


def test_a_function_that_reads_pinned_data_comes_back_without_the_line_that_fetches_it(
    take: Take, root: Path, store: Store
) -> None:
    sources = "import random\ntable = [random.random() for _ in range(500)]", "def first(n):\n    return table[:n]"
    session = {"cells": ran(*sources), "namespace": namespace_of(*sources)}
    version = take("first", pins=["table"], **session)
    _edit(root / version.path, "table[:n]", "table[: n + 1]")

    (pulled,) = extract.pull("churn.features", store=store, root=root, **session)

    assert pulled.source == "def first(n):\n    return table[: n + 1]"


def test_a_new_function_in_the_file_is_offered(path: Path, root: Path, store: Store) -> None:
    path.write_text(path.read_text() + "\n\ndef added():\n    return 1\n")

    assert [p.name for p in extract.pull("churn.features", store=store, root=root)] == ["added"]


def test_versions_are_compared(take: Take, root: Path, store: Store) -> None:
    take("f", "def f(x): return x")
    take(
        "f",
        "def f(x): return x + 1",
        cells=ran("def f(x): return x + 1"),
        namespace=namespace_of("def f(x): return x + 1"),
    )

    text = extract.diff("churn.features@1.0.0", "churn.features@1.0.1", store=store, root=root)

    assert "-def f(x): return x\n+def f(x): return x + 1" in text
    assert extract.diff("churn.features@1.0.0", "1.0.1", store=store, root=root) == text
    assert "+def f(x): return x + 1" in extract.diff("churn.features@1.0.0", store=store, root=root)


def test_an_unknown_module_is_not_found(root: Path, store: Store) -> None:
    with pytest.raises(NotFoundError, match="nbops has not written"):
        extract.pull("no.such", store=store, root=root)


def test_a_file_that_is_not_python_is_said_so(path: Path, root: Path, store: Store) -> None:
    path.write_text("def f(:")

    with pytest.raises(ExtractError, match="is not Python: line 1"):
        extract.pull("churn.features", store=store, root=root)

"""What a module tells from a copy of it is said, because the notebook's own objects are copies."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from extract_sessions import namespace_of, ran

from nbops.extract import Request, preview
from nbops.extract.identity import told_apart
from nbops.records import ModuleVersion
from nbops.store.interface import Store

Take = Callable[..., ModuleVersion]

GRID = """
EMPTY = (0, 0)

def free(grid):
    cells = [cell for row in grid for cell in row]
    for place, cell in enumerate(cells):
        if cell is EMPTY:
            return place
"""
SHAPES = """
import enum

class Circle:
    pass

class Colour(enum.Enum):
    RED = 1

class Failed(Exception):
    pass

MISSING = object()
"""


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (GRID, {"EMPTY": ["free"]}),
        ("def add(a, b): return a + b\ndef is_sum(how): return how is add", {"add": ["is_sum"]}),
        (("E = []\nclass Tree:\n    def __init__(self, left): self.left = left\n"
         "    def is_leaf(self): return self.left is not E"), {"E": ["Tree"]}),
        ("E = []\ndef first(rows):\n    kept = []\n    kept.append(rows)\n    return kept[0] is E", {"E": ["first"]}),
        ("E = []\npick = lambda x: x is E", {"E": ["pick"]}),
        ("E = []\ndef last(*, x=E): return (y := x) is E", {"E": ["last"]}),
        (f"{SHAPES}def f(x): return isinstance(x, (Circle, int))", {"Circle": ["f"]}),
        (f"{SHAPES}def f(x): return isinstance(x, int | Circle)", {"Circle": ["f"]}),
        (f"{SHAPES}def f(x): return type(x) == Circle", {"Circle": ["f"]}),
        (f"{SHAPES}def f(x): return x.__class__ in (Circle, int)", {"Circle": ["f"]}),
        (f"{SHAPES}def f(x):\n    match x:\n        case Circle(): return 1\n        case Colour.RED: return 2",
         {"Circle": ["f"], "Colour": ["f"]}),
        (f"{SHAPES}def f(x): return x == Colour.RED", {"Colour": ["f"]}),
        (f"{SHAPES}def f(x): return x != MISSING", {"MISSING": ["f"]}),
        (f"{SHAPES}def f(act):\n    try: act()\n    except Failed: return 0", {"Failed": ["f"]}),
        ((f"{SHAPES}from functools import singledispatch\n@singledispatch\ndef area(x): ...\n"
         "@area.register\ndef of_circle(x: Circle): return 3"), {"Circle": ["of_circle"]}),
        ("import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass Move:\n    to: int", {"Move": ["Move"]}),
    ],
)  # fmt: skip
def test_what_an_argument_may_be_or_not_be_is_told(source: str, told: dict[str, list[str]]) -> None:
    assert {found.name: list(found.by) for found in told_apart(source)} == told


@pytest.mark.parametrize(
    "source",
    [
        "N = None\ndef f(x): return x is N",
        "SMALL = 5\nWORD = 'red'\ndef f(x): return x is SMALL or x is WORD",
        "import numpy as np\nNAN = np.nan\ndef f(x): return x is NAN or x is np.nan",
        "EMPTY = (0, 0)\ndef f(): return [EMPTY][0] is EMPTY",  # nothing of it comes from outside
        "EMPTY = (0, 0)\ndef f(x, EMPTY): return x is EMPTY",
        "EMPTY = (0, 0)\ndef f(x): return x == EMPTY",
        "class A: pass\ndef f(x): return [A(), x]",
        "from dataclasses import dataclass\n@dataclass(eq=False)\nclass A:\n    to: int",
        (
            "from dataclasses import dataclass\n@dataclass\nclass A:\n    to: int\n"
            "    def __eq__(self, other): return self.to == other.to"
        ),
        "class A(Exception): pass\ndef g(): raise A\ndef f(x):\n    try: g()\n    except A: return x",
        "import enum\nclass Level(enum.IntEnum):\n    LOW = 1\ndef f(x): return x == Level.LOW",
    ],
)
def test_what_a_copy_is_as_good_for_is_not_told(source: str) -> None:
    assert told_apart(source) == []


def test_of_a_dataclass_it_is_said_what_its_objects_equal() -> None:
    (told,) = told_apart("from dataclasses import dataclass\n@dataclass\nclass Move:\n    to: int")
    assert told.note("churn.moves").startswith(
        "objects of Move are equal to those of the very class alone: make them with churn.moves.Move"
    )


def test_the_answer_says_what_to_pass_and_the_offered_import_brings_it(root: Path, store: Store) -> None:
    request = Request(names=["free"], cells=ran(GRID), namespace=namespace_of(GRID), to="board.cells")
    shown = preview(request, root=root, store=store)

    (note,) = shown.notes
    assert note.startswith("free asks whether something is EMPTY itself: pass board.cells.EMPTY, not the notebook's")
    assert note.endswith("--replace offers the import that makes it the notebook's")
    assert shown.replacement == "from board.cells import free, EMPTY"


def test_the_offered_import_cures_what_the_note_warns_of(
    take: Take, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook: dict[str, Any] = namespace_of(GRID)
    version = take("free", cells=ran(GRID), namespace=notebook, to="board")
    monkeypatch.syspath_prepend(str(root / "src"))
    board = importlib.import_module("board")

    grid = [[(1, 1), notebook["EMPTY"]]]
    assert (notebook["free"](grid), board.free(grid)) == (1, None)
    exec("from board import free, EMPTY", notebook)
    assert notebook["free"]([[(1, 1), notebook["EMPTY"]]]) == 1
    assert {d.name: d.is_told_apart for d in version.definitions} == {"EMPTY": True, "free": False}
    del sys.modules["board"]

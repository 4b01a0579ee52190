"""What the session did decides: the text is held against the live objects."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from extract_sessions import namespace_of, ran

from nbops import extract
from nbops.errors import ExtractError
from nbops.extract.live import agrees
from nbops.records import ModuleVersion
from nbops.source import analyse

Take = Callable[..., ModuleVersion]


def test_the_definition_that_ran_last_counts_not_the_last_in_the_notebook(take: Take) -> None:
    new, old = "def f(x): return x + 1", "def f(x): return x - 1"

    version = take("f", cells=ran(new, old), namespace=namespace_of(new, old))

    assert (old in version.source, new in version.source) == (True, False)
    assert version.provenance == "live"


def test_definitions_are_tied_to_their_executions(take: Take) -> None:
    version = take("f", cells=ran("A = 1", "def f(): return A"), namespace=namespace_of("A = 1", "def f(): return A"))

    assert {d.name: d.execution_id for d in version.definitions} == {"A": "e1", "f": "e2"}


def test_text_and_live_object_that_differ_are_both_shown_and_the_person_chooses(take: Take) -> None:
    first, second = "def f(): return 1", "def f(): return 2"
    namespace = namespace_of(first)  # the second never ran, whatever the log says

    with pytest.raises(ExtractError) as refused:
        take("f", cells=ran(first, second), namespace=namespace)
    text = str(refused.value)
    assert first in text
    assert second in text
    assert "--definition f=last or --definition f=live" in text

    assert first in take("f", cells=ran(first, second), namespace=namespace, definition={"f": "live"}).source
    assert second in take("f", cells=ran(first, second), namespace=namespace, definition={"f": "last"}).source


def test_a_failed_cell_counts_as_far_as_the_live_objects_show(take: Take) -> None:
    good = ran("def f(): return 1")
    failed = ran("def f(): return 2\n1 / 0\ndef g(): return 3", status="error")
    namespace = namespace_of("def f(): return 2")

    assert "return 2" in take("f", cells=[*good, *failed], namespace=namespace).source
    with pytest.raises(ExtractError, match=r"g would be made in In \[1\], which failed before it was"):
        take("g", cells=[*good, *failed], namespace=namespace)


@pytest.mark.parametrize(
    "source",
    [
        "T = {k: k * 2 for k in range(3)}\nT[9] = 9\ndef f(): return T\n%nbops extract f --to a.b\nT[10] = 1",
        "%%nbops extract --to a.b\nT = {k: k * 2 for k in range(3)}\nT[9] = 9\ndef f(): return T",
    ],
    ids=["line", "cell"],
)
def test_the_cell_that_is_running_counts_as_far_as_it_has_come(take: Take, source: str) -> None:
    namespace = namespace_of("T = {k: k * 2 for k in range(3)}\nT[9] = 9\ndef f(): return T")

    version = take("f", cells=ran(source, status="running"), namespace=namespace)

    assert "T[9] = 9" in version.source
    assert "T[10]" not in version.source


def test_what_a_failed_cell_did_not_come_to_is_said_so(take: Take) -> None:
    failed = ran("1 / 0\nLIMIT = 3", status="error")

    with pytest.raises(ExtractError, match=r"LIMIT .*would be made in In \[1\], which failed before"):
        take("f", cells=[*failed, *ran("def f(): return LIMIT")], namespace=namespace_of("def f(): return LIMIT"))


def test_a_name_that_was_deleted_is_said_so(take: Take) -> None:
    with pytest.raises(ExtractError, match="the session no longer has it"):
        take("f", cells=ran("def helper(): ...", "def f(): return helper()"), namespace=namespace_of("def f(): ..."))


def test_an_edit_that_was_saved_but_not_run_is_shown(take: Take, root: Path) -> None:
    source = "def f(): return 1"
    cells = [msgspec.structs.replace(ran(source)[0], cell_id="c1", ended_at=time.time() - 100)]
    notebook = root / "n.ipynb"
    cell = {"cell_type": "code", "id": "c1", "source": "def f(): return 99", "metadata": {}}
    notebook.write_bytes(msgspec.json.encode({"nbformat": 4, "cells": [cell]}))
    options: dict[str, Any] = {"cells": cells, "namespace": namespace_of(source), "notebook": "n.ipynb"}

    with pytest.raises(ExtractError, match="was edited in the notebook after it last ran"):
        take("f", **options)
    assert "return 99" in take("f", **options, definition={"f": "saved"}).source

    os.utime(notebook, (time.time() - 1000,) * 2)  # a file older than the run is only not saved yet
    assert "return 1" in take("f", **options).source


@pytest.mark.parametrize(
    ("definition", "change"),
    [
        ("class Options:\n    rates = {}", "Options.rates['a'] = os.environ.get('HOME')"),
        ("class Options:\n    pass", "Options.rates = os.environ.get('HOME')"),
        ("def Options(): return 1", "Options.rates = os.environ.get('HOME')"),
    ],
)
def test_what_a_statement_that_cannot_come_along_put_into_a_definition_is_not_lost(
    definition: str, change: str, take: Take
) -> None:
    sources = ("import os", definition, change, "def rates(): return Options.rates")

    with pytest.raises(ExtractError, match=r"Options \(In \[3\]\) is changed by `Options\.rates"):
        take("rates", cells=ran(*sources), namespace=namespace_of(*sources))


def test_what_a_class_is_given_may_look_at_what_was_defined_after_it(take: Take) -> None:
    sources = (
        "class Point:\n    def __init__(self, x):\n        assert x >= LOWEST\n        self.x = x\nLOWEST = -5",
        "Point.ORIGIN = Point(0)",
        "def origin(): return Point.ORIGIN.x",
    )

    assert "Point.ORIGIN = Point(0)" in take("origin", cells=ran(*sources), namespace=namespace_of(*sources)).source
    assert "Point.ORIGIN = Point(0)" in take("origin", *sources).source


def test_a_constant_that_changed_out_of_sight_is_refused(take: Take) -> None:
    cells = ran("LIMITS = [1]", "def f(): return LIMITS")
    namespace = namespace_of("LIMITS = [1]", "def f(): return LIMITS")
    namespace["LIMITS"].append(2)  # as an extension or a widget might

    with pytest.raises(ExtractError, match=r"is \[1, 2\] in the session, but its text makes \[1\]"):
        take("f", cells=cells, namespace=namespace)


def test_what_ran_before_recording_began_is_found_in_the_session(take: Take) -> None:
    namespace = namespace_of("import math as m\nfrom json import dumps as to_text")
    source = "def f(x): return to_text(m.floor(x))"
    exec(source, namespace)

    version = take("f", cells=ran(source), namespace=namespace)

    assert "import math as m\n" in version.source
    assert "from json import dumps as to_text\n" in version.source


@pytest.mark.parametrize(
    ("text", "made_by", "verdict"),
    [
        ("def f(x): return x", "def f(x): return x", True),
        ("def f(x): return x", "# moved\n\ndef f(x):\n    return x", True),
        ("def f(x): return x", "def f(x): return -x", False),
        ("def f(x): return x", "f = 3", False),
        ("f = lambda x: x", "f = lambda x: x", True),
        ("import functools\n@functools.cache\ndef f(x): return x", None, True),
        ("def d(g): return lambda *a: g(*a)\n@d\ndef f(x): return x", None, True),
        ("def d(g): return 3\n@d\ndef f(x): return x", None, None),
        ("class f:\n  def m(self): return 1", "class f:\n  def m(self): return 1", True),
        ("class f:\n  def m(self): return 1", "class f:\n  def m(self): return 2", False),
        ("class f:\n  a = 1", "class f:\n  a = 2", False),
        ("from dataclasses import dataclass\n@dataclass\nclass f:\n  a: int", None, True),
        ("f = 1", "f = 1", True),
        ("f = 1", "f = True", False),
        ("f = open", "f = open", None),
        ("import json as f", "import json as f", True),
        ("import json as f", "f = 3", False),
    ],
)
def test_text_is_held_against_the_live_object(text: str, made_by: str | None, verdict: bool | None) -> None:
    unit = analyse(text).units[-1]

    assert agrees(unit, "f", namespace_of(made_by or text)["f"]) is verdict


def test_postponed_annotations_of_an_earlier_cell_hold_for_later_ones(take: Take) -> None:
    version = take("f", "from __future__ import annotations", "def f(x: Undefined) -> Also: return x")

    assert version.source.split('"""')[2].lstrip().startswith("from __future__ import annotations")


def test_run_brings_in_another_notebook(take: Take, root: Path) -> None:
    cell = {"cell_type": "code", "source": "SCALE = 3\ndef scaled(x): return x * SCALE", "metadata": {}}
    (root / "tools.ipynb").write_bytes(msgspec.json.encode({"nbformat": 4, "cells": [cell]}))

    version = take("f", "%run tools.ipynb", "def f(x): return scaled(x) + 1")

    assert {d.name for d in version.definitions} == {"SCALE", "scaled", "f"}


def test_preview_writes_nothing_and_tells_everything(root: Path, store: Any) -> None:
    cells = ran("df = load()", "def f(x): return df + x + nothing")

    shown = extract.preview(extract.Request(names=["f"], cells=cells, to="a.b"), root=root, store=store)

    assert {b.name: b.kind for b in shown.blockers} == {"df": "data", "nothing": "undefined"}
    assert (shown.version, shown.change, shown.is_proven) == ("1.0.0", "first", False)
    assert shown.replacement == "from a.b import f"
    assert not (root / "src/a").exists()
    proven = extract.Request(names=["g"], cells=ran("def g(): ..."), to="a.b")
    assert extract.preview(proven, root=root, store=store, proof=True).is_proven


def test_a_method_is_extracted_with_its_class(take: Take) -> None:
    with pytest.raises(ExtractError, match=r"Model\.fit is a part of Model; extract Model"):
        take("Model.fit", "class Model:\n    def fit(self): ...")


def test_only_the_submodule_that_is_used_is_imported(take: Take) -> None:
    source = (
        "import xml, xml.dom.minidom, xml.etree.ElementTree\ndef f(t): return xml.etree.ElementTree.fromstring(t).tag"
    )

    text = take("f", source).source

    assert [line for line in text.split("\n") if line.startswith("import")] == ["import xml.etree.ElementTree"]


def test_a_module_beside_the_notebook_is_found_and_noted(take: Take, root: Path) -> None:
    (root / "work").mkdir()
    (root / "work/helpers.py").write_text("def twice(x): return 2 * x\n")

    version = take("f", "from helpers import twice\ndef f(x): return twice(x)", notebook="work/n.ipynb")

    assert any("helpers is found beside the notebook" in note for note in version.notes)

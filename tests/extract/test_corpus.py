"""Every function of the corpus comes out right and minimal, or is refused with all its blockers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from extract_cases import CASES, CORPUS, WORK, Case
from extract_sessions import live_report

from nbops.errors import ExtractError
from nbops.extract import Request, extract
from nbops.extract.planning import make_plan
from nbops.extract.proving import prove
from nbops.source import analyse, read_notebook
from nbops.store.interface import Store


def _of(mode: str) -> list[Any]:
    return [pytest.param(case, id=case.id) for case in CASES if case.mode in {"both", mode}]


def test_the_corpus_has_at_least_forty_functions() -> None:
    assert len({case.id for case in CASES}) >= 40


@pytest.mark.parametrize("case", _of("static"))
def test_without_a_kernel_the_module_has_exactly_what_the_function_needs(case: Case, root: Path) -> None:
    plan = make_plan(
        [case.name], cells=read_notebook(case.path), module="a.b", root=root, namespace=None, notebook=None
    )

    blockers = {blocker.name: blocker.kind for blocker in plan.blockers}
    names = {name for unit in analyse(plan.source).units for name in unit.binds}
    expected = set() if case.blocked else set(case.needs.split())
    assert (blockers, set() if case.blocked else names) == (case.blocked, expected)


@pytest.mark.parametrize("notebook", sorted({case.notebook for case in CASES}))
def test_what_can_leave_together_is_proven_in_one_clean_process(notebook: str, root: Path, store: Store) -> None:
    names = [case.name for case in CASES if case.notebook == notebook and not case.blocked and case.mode != "live"]

    version = extract(
        Request(names=names, cells=read_notebook(CORPUS / f"{notebook}.ipynb"), to="corpus.all"), root=root, store=store
    )

    assert {d.name for d in version.definitions if d.requested} == set(names)
    assert (root / "src/corpus/all.py").read_text("utf-8") == version.source


@pytest.mark.parametrize("notebook", sorted({case.notebook for case in CASES}))
def test_a_live_session_gives_the_same_results_as_the_clean_module(notebook: str) -> None:
    cases = [c for c in CASES if c.notebook == notebook and c.mode in {"both", "live"}]

    report = live_report(cases[0].path, json.dumps({case.name: list(case.calls) for case in cases}))

    found = {case.name: report["cases"][case.name] for case in cases}
    assert {name: entry["blockers"] for name, entry in found.items()} == {case.name: case.blocked for case in cases}
    assert report["together"]["blockers"] == {}, report["together"]["reasons"]
    for case in cases:
        if not case.blocked:
            entry = found[case.name]
            assert (case.id, set(entry["names"])) == (case.id, set(case.needs.split()))
            assert (case.id, entry["clean"]) == (case.id, entry["live"])


@pytest.mark.parametrize(("name", "effect"), WORK.items())
def test_work_at_import_is_prevented_and_refused(name: str, effect: str, root: Path) -> None:
    cells = read_notebook(CORPUS / "work_at_import.ipynb")
    plan = make_plan([name], cells=cells, module="a.b", root=root, namespace=None, notebook=None)

    prove(plan, root=root, notebook=None, namespace=None)

    assert any(effect in blocker.reason for blocker in plan.blockers), plan.blockers


def test_refused_functions_leave_no_trace_in_the_project(root: Path, store: Store) -> None:
    request = Request(names=["Loud"], cells=read_notebook(CORPUS / "work_at_import.ipynb"), to="a.b")

    with pytest.raises(ExtractError, match="nothing was written"):
        extract(request, root=root, store=store)

    assert list((root / "src").iterdir()) == []


def test_the_notebook_is_not_touched(root: Path, store: Store) -> None:
    path = CORPUS / "redefinitions.ipynb"
    before = path.read_bytes()

    extract(Request(names=["tax"], cells=read_notebook(path), to="a.b"), root=root, store=store)

    assert path.read_bytes() == before


def test_every_function_of_the_corpus_is_either_expected_or_listed() -> None:
    known = {(case.notebook, case.name) for case in CASES} | {("work_at_import", name) for name in WORK}
    seen = {
        (path.stem, name)
        for path in CORPUS.glob("*.ipynb")
        for cell in read_notebook(path)
        for unit in analyse(cell.source).units
        if unit.kind in {"function", "class"}
        for name in unit.binds
    }
    helpers = {
        "executor_setup", "traced", "Shape", "Colour", "make_scaler", "_", "is_odd", "register", "double", "negate",
        "start", "Config", "memo", "percent", "fine", "noisy", "dumps", "json", "sum", "Node", "Options", "set_size",
        "Tally", "raise_by", "Loud2", "add_to_class", "Robot", "greet_all", "Plugin", "Json", "enter", "twice", "step",
        "times_two", "Menu", "soup", "prepare", "Level", "Place", "Movie", "HasArea", "power", "Geo",
    }  # fmt: skip
    assert {name for _, name in seen - known} <= helpers

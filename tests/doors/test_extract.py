"""Functions leave a notebook by either door: ``%nbops extract`` with its cell form, and ``nbops extract``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from shells import lent_shell

from nbops.cli import main
from nbops.records import ModuleVersion

CELLS = [
    "%matplotlib inline\nimport math",
    "RATES = {'a': [1]}",
    "alias = RATES['a']\nalias.append(2)",
    "def area(r):\n    return math.pi * r * len(RATES['a'])",
    "def twice(x):\n    return 2 * x",
]


@pytest.fixture
def shell(project: Path) -> Iterator[InteractiveShell]:
    with lent_shell() as opened:
        opened.run_cell("%load_ext nbops", store_history=True).raise_error()
        yield opened
        opened.run_cell("%unload_ext nbops").raise_error()


def _run(shell: InteractiveShell, *cells: str) -> Any:
    result = None
    for cell in cells:
        result = shell.run_cell(cell, store_history=True)
        result.raise_error()
    assert result is not None
    return getattr(result.result, "value", None)


def _notebook(project: Path, *cells: str) -> Path:
    listed = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
    path = project / "work.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": listed}), "utf-8")
    return path


def test_a_line_takes_functions_from_the_session(shell: InteractiveShell, project: Path) -> None:
    version = _run(shell, *CELLS[1:2], *CELLS[2:], "import math", "%nbops extract area twice --to churn.features")

    assert isinstance(version, ModuleVersion)
    assert {d.name for d in version.definitions if d.requested} == {"area", "twice"}
    assert version.run_id is not None
    assert "alias.append(2)" in (project / "churn/features.py").read_text("utf-8")


def test_a_cell_takes_all_its_definitions(shell: InteractiveShell, project: Path) -> None:
    cell = "%%nbops extract --to churn.features\ndef one():\n    return 1\n\nclass Two:\n    number = 2\n"

    _run(shell, cell)

    (version,) = _run(shell, "%nbops history churn.features")
    assert {d.name for d in version.definitions if d.requested} == {"one", "Two"}
    assert shell.user_ns["one"]() == 1  # the cell ran too


def test_the_answer_names_the_cells_and_what_a_reader_should_know(shell: InteractiveShell, project: Path) -> None:
    answer = shell.run_cell("import math\nclass Rate:\n    pass", store_history=True)
    answer.raise_error()
    _run(shell, "def is_rate(x):\n    return isinstance(x, Rate)")

    shown = repr(shell.run_cell("%nbops extract is_rate --to churn.rates", store_history=True).result)

    assert "is_rate (In [3]), with Rate (In [2])" in shown
    assert "use it with: from churn.rates import is_rate\n" in shown
    assert "is_rate asks whether something is of class Rate: pass objects of churn.rates.Rate" in shown


def test_replace_brings_what_the_module_tells_from_a_copy(shell: InteractiveShell) -> None:
    _run(shell, "EMPTY = (0, 0)", "def is_free(cell):\n    return cell is EMPTY")
    _run(shell, "%nbops extract is_free --to churn.cells --replace")

    assert shell.rl_next_input == "from churn.cells import is_free, EMPTY\n"


def test_replace_offers_the_import_that_takes_the_codes_place(shell: InteractiveShell) -> None:
    _run(shell, CELLS[4], "%nbops extract twice --to churn.features --replace")

    assert shell.rl_next_input == "from churn.features import twice\n"


def test_a_function_that_opens_files_is_no_different_from_others(shell: InteractiveShell) -> None:
    version = _run(
        shell,
        "def lines(path):\n    with open(path) as file:\n        return len(file.readlines())",
        "%nbops extract lines --to churn.reading",
    )

    assert {d.name for d in version.definitions} == {"lines"}


def test_data_is_passed_or_kept_as_the_line_says(shell: InteractiveShell, project: Path) -> None:
    _run(shell, "import random\nrows = [random.random()]\nrate = random.random()")
    _run(shell, "def scaled(): return [row * rate for row in rows]")

    version = _run(shell, "%nbops extract scaled --to churn.scaling --parameter rate --pin rows")

    assert (version.parameters, "scaled(*, rate)" in version.source) == (["rate"], True)
    assert "random" not in version.source.partition("def scaled")[0]


def test_where_text_and_session_differ_both_are_shown_and_the_line_chooses(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(shell, "def chosen(): return 1", "first = chosen", "def chosen(): return 2")
    shell.user_ns["chosen"] = shell.user_ns["first"]

    shell.run_cell("%nbops extract chosen --to churn.choice", store_history=True)
    said = capsys.readouterr()
    assert all(text in said.out + said.err for text in ("return 1", "return 2", "--definition chosen=live"))

    assert "return 1" in _run(shell, "%nbops extract chosen --to churn.choice --definition chosen=live").source


def test_magics_beside_what_was_taken_are_left_out_with_a_note(shell: InteractiveShell) -> None:
    version = _run(shell, "%%time\ndef timed():\n    return 1", "%nbops extract timed --to churn.timed")

    assert "time" not in version.source.partition("def timed")[0].partition('"""')[0]
    assert version.notes == ["`%%time` (In [2]) was left out"]


def test_an_edit_of_the_file_is_noticed_and_offered_as_a_new_cell(shell: InteractiveShell, project: Path) -> None:
    _run(shell, CELLS[4], "%nbops extract twice --to churn.features")
    path = project / "churn/features.py"
    path.write_text(path.read_text("utf-8").replace("2 * x", "x + x"), "utf-8")

    assert [state.state for state in _run(shell, "%nbops modules")] == ["edited"]
    assert "x + x" in _run(shell, "%nbops diff churn.features")
    assert [part.name for part in _run(shell, "%nbops pull churn.features")] == ["twice"]
    assert "return x + x" in str(shell.rl_next_input)
    assert shell.user_ns["twice"](2) == 4


def test_recorded_calls_are_replayed_and_packed(shell: InteractiveShell) -> None:
    _run(shell, CELLS[4], "%nbops extract twice --to churn.features --with-tests", "twice(4)", "twice('a')")

    report = _run(shell, "%nbops test churn.features")
    assert (report.passed, report.failed) == (2, [])
    assert _run(shell, "%nbops build churn").version == "1.0.0"


def test_the_shell_takes_functions_from_a_file_without_a_kernel(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _notebook(project, *CELLS)
    before = path.read_bytes()

    assert main(["extract", "area", "--to", "churn.features", "--notebook", str(path), "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["provenance"] == "static"
    assert "alias.append(2)" in (project / "churn/features.py").read_text("utf-8")
    assert path.read_bytes() == before


def test_the_shell_names_what_changed_a_constant_and_the_cures(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _notebook(project, *CELLS, "for row in RATES.values():\n    row.append(3)\n    print(row)")

    assert main(["extract", "area", "--to", "churn.features", "--notebook", str(path)]) == 1

    printed = capsys.readouterr().err
    assert "RATES (cell 6) is changed by `for row in RATES.values():`, which calls print(), needed by area" in printed
    assert "cure: --parameter RATES" in printed
    assert not (project / "churn").exists()


def test_the_shell_must_be_told_which_notebook(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", "area", "--to", "churn.features"]) == 1
    assert "nbops extract area --to churn.features --notebook FILE.ipynb" in capsys.readouterr().err

"""The clean child process: what it sees, and what it keeps from happening."""

from __future__ import annotations

from collections import deque
from datetime import date
from pathlib import Path

import pytest

from nbops.clean import Effect, import_alone, public_names
from nbops.clean.child import canonical
from nbops.errors import ExtractError


def test_a_module_that_only_defines_is_clean() -> None:
    report = import_alone(
        "a.b", "import math\nN = [1, 2]\ndef f(x): return math.floor(x)\n", search=[], constants=["N"]
    )

    assert (report.error, report.effects, report.unresolved, report.missing) == (None, [], {}, [])
    assert report.values == {"N": "list[int:1,int:2]"}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("open('written.txt', 'w')", "writes written.txt"),
        ("open('/etc/hostname')", "opens /etc/hostname"),
        ("import os; os.mkdir('folder')", "calls os.mkdir"),
        ("import subprocess; subprocess.run(['true'])", "calls subprocess.Popen"),
        ("import os; os.system('true')", "calls os.system"),
        ("import socket; socket.create_connection(('127.0.0.1', 1))", "calls socket."),
        ("print('hi')", "prints 'hi'"),
    ],
)
def test_work_at_import_is_reported_with_its_line(line: str, what: str) -> None:
    report = import_alone("m", f"x = 1\n{line}\n", search=[])

    assert what in report.effects[0].what
    if "prints" not in what:
        assert report.effects[0].line == 2


def test_work_is_stopped_not_only_noticed(tmp_path: Path) -> None:
    target = tmp_path / "made-by-the-module"

    report = import_alone("m", f"try:\n    open({str(target)!r}, 'w')\nexcept OSError:\n    pass\n", search=[])

    assert report.effects == [Effect(what=f"writes {target}", line=2)]
    assert not target.exists()


def test_what_a_library_does_while_it_is_imported_is_not_the_modules_doing(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text("print('loud')\nopen(__file__).close()\nx = 1\n")

    assert import_alone("m", "from loud import x\n", search=[tmp_path]).effects == []


def test_names_that_nobody_answers_to_are_found_in_the_bytecode() -> None:
    report = import_alone(
        "m", "def f():\n    def g(): return nowhere\n    return g\nclass K:\n    x: int = 1\n", search=[]
    )

    assert report.unresolved == {"nowhere": ["f.<locals>.g"]}


def test_a_submodule_that_was_never_imported_is_found() -> None:
    report = import_alone("m", "import xml\ndef f(t): return xml.etree.ElementTree.fromstring(t)\n", search=[])

    assert report.submodules == ["xml.etree", "xml.etree.ElementTree"]


def test_libraries_that_are_missing_are_all_named() -> None:
    report = import_alone("m", "import no_such_a\nfrom no_such_b import c\n", search=[])

    assert [text.partition(":")[0] for text in report.missing] == ["import no_such_a", "from no_such_b import c"]


def test_a_failing_import_tells_its_line() -> None:
    report = import_alone("m", "x = 1\ny = 1 / 0\n", search=[])

    assert (report.error, report.line) == ("ZeroDivisionError: division by zero", 2)


def test_text_that_is_not_python_is_told() -> None:
    assert "never closed" in (import_alone("m", "x = (", search=[]).error or "")


def test_a_module_that_never_ends_is_given_up() -> None:
    with pytest.raises(ExtractError, match="still being imported after 1 s"):
        import_alone("m", "while True: pass", search=[], timeout_s=1)


def test_a_module_that_ends_the_process_is_told() -> None:
    with pytest.raises(ExtractError, match="ended with code 3 and no report"):
        import_alone("m", "import os\nos._exit(3)", search=[])


def test_the_projects_own_packages_are_seen_through(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/__init__.py").write_text("base = 2\n")
    (tmp_path / "pkg/other.py").write_text("from pkg import base\n")

    report = import_alone("pkg.new", "from pkg.other import base\nx = base\n", search=[tmp_path], constants=["x"])

    assert (report.error, report.values) == (None, {"x": "int:2"})
    assert not (tmp_path / "pkg/new.py").exists()


def test_public_names_of_a_star_import() -> None:
    names = public_names(["math", "no_such_module"])

    assert "sqrt" in (names["math"] or [])
    assert names["no_such_module"] is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(1, 1.0, False), (1, True, False), ([1], (1,), False), ({1, 2}, {2, 1}, True), ({"a": [1]}, {"a": [1]}, True)],
)
def test_canonical_text_is_equal_exactly_when_values_are(one: object, other: object, same: bool) -> None:
    assert (canonical(one) == canonical(other)) is same


def test_what_has_no_canonical_text_has_none() -> None:
    assert canonical([object()]) is None


class Layer:
    def __init__(self, weights: object) -> None:
        self.weights = weights


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Layer([1, 2]), Layer([1, 2]), True),
        ([Layer({"a": 1})], [Layer({"a": 2})], False),
        (Layer(Layer(1)), Layer(Layer(2)), False),
        (deque([1, 2], 3), deque([1, 2], 4), False),
        ([date(2024, 1, 1)], [date(2024, 1, 2)], False),
        ([date(2024, 1, 1)], [date(2024, 1, 1)], True),
    ],
)
def test_objects_of_the_modules_own_classes_are_compared_by_all_they_hold(
    one: object, other: object, same: bool
) -> None:
    assert (canonical(one, __name__) == canonical(other, __name__)) is same
    assert canonical(one, __name__) is not None


def test_an_object_of_a_library_has_no_canonical_text() -> None:
    assert canonical(Layer([1])) is None

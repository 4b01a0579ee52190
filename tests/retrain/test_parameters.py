"""What a notebook's parameters cell says, and which values it refuses."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nbops.errors import NotFoundError, SourceError, UsageError
from nbops.retrain import parameters, values
from nbops.retrain.conversion import convert
from nbops.retrain.declarations import Parameter, of_source
from nbops.retrain.parameters import NotebookParameters

TYPED = [
    pytest.param("lr = 0.1", {"type": "float", "default": 0.1}, id="float"),
    pytest.param("lr = 1e-3", {"type": "float", "default": 0.001}, id="scientific"),
    pytest.param("n = 10_000", {"type": "int", "default": 10000}, id="underscores"),
    pytest.param("n = -3", {"type": "int", "default": -3}, id="negative"),
    pytest.param("wait = 10 * 60", {"type": "int", "default": 600}, id="small sum"),
    pytest.param("big = 9 ** 9 ** 9", {"type": "any", "default": None}, id="no bomb"),
    pytest.param("verbose = False", {"type": "bool", "default": False}, id="bool"),
    pytest.param("kind = 'a'  # {a, b}", {"type": "str", "choices": ["a", "b"]}, id="choices of words"),
    pytest.param("k = 3  # {3, 5}", {"type": "int", "choices": [3, 5]}, id="choices of numbers"),
    pytest.param("k = 3.0  # {3, 5}", {"type": "float", "choices": [3.0, 5.0]}, id="choices of floats"),
    pytest.param(
        "kind: Literal['a', 'b'] = 'a'", {"type": "str", "choices": ["a", "b"], "is_optional": False}, id="literal"
    ),
    pytest.param("depth = 3  # 1..8", {"type": "int", "low": 1, "high": 8, "is_log": False}, id="range"),
    pytest.param(
        "lr: float = 1  # learning rate, 1e-4..1 log",
        {"type": "float", "low": 1e-4, "high": 1, "is_log": True, "help": "learning rate"},
        id="log range",
    ),
    pytest.param("rate = 1  # 0.5..2", {"type": "float", "low": 0.5, "high": 2}, id="fractions in the range"),
    pytest.param("x = 3  # type: float the rate", {"type": "float", "help": "the rate"}, id="type comment"),
    pytest.param(
        "x = 3  # see docs... or ask", {"low": None, "choices": None, "help": "see docs... or ask"}, id="prose"
    ),
    pytest.param("n: int | None = None", {"type": "int", "is_optional": True}, id="optional"),
    pytest.param("n: Optional[int] = 3", {"type": "int", "is_optional": True}, id="Optional"),
    pytest.param("n: 'int' = 3", {"type": "int"}, id="annotation in quotes"),
    pytest.param("x = None", {"type": "any", "is_optional": True}, id="None"),
    pytest.param("x = None  # 1..8", {"type": "int", "is_optional": True, "high": 8}, id="None with a range"),
    pytest.param("x = compute()", {"type": "any", "source": "compute()"}, id="expression"),
    pytest.param("size = (1, 2)", {"type": "tuple", "default": [1, 2]}, id="tuple"),
    pytest.param("names = {'b', 'a'}", {"type": "set", "default": ["a", "b"]}, id="set"),
    pytest.param("names = set()", {"type": "set", "default": []}, id="empty set"),
    pytest.param("layers: list[int] = [1]", {"type": "list"}, id="list"),
    pytest.param(
        "since = date(2024, 5, 1)", {"type": "date", "default": "2024-05-01", "constructor": "date"}, id="date"
    ),
    pytest.param(
        "t = dt.datetime(2024, 5, 1, 2)", {"type": "datetime", "default": "2024-05-01T02:00:00"}, id="datetime"
    ),
    pytest.param("data = Path('a') ", {"type": "path", "default": "a", "constructor": "Path"}, id="path"),
    pytest.param("lr = np.float64(0.1)", {"type": "float", "default": 0.1, "constructor": "np.float64"}, id="numpy"),
    pytest.param("x = float('inf')", {"type": "float", "default": "inf"}, id="infinity"),
]


def one(source: str) -> Parameter:
    [parameter] = of_source(source)
    return parameter


def known(source: str) -> NotebookParameters:
    return NotebookParameters(notebook="a.ipynb", parameters=of_source(source), has_cell=True)


@pytest.mark.parametrize(("source", "expected"), TYPED)
def test_a_line_of_the_parameters_cell_tells_type_range_and_choices(source: str, expected: dict[str, Any]) -> None:
    found = one(source)

    assert {name: getattr(found, name) for name in expected} == expected


def test_every_assignment_counts_and_the_last_of_a_name_wins() -> None:
    source = "%matplotlib inline\nimport os\na = b = 1\nc, d = 2, 'x'\na = 5\nif True:\n    hidden = 1\nobject.attr = 3"

    assert [(p.name, p.default) for p in of_source(source)] == [("b", 1), ("c", 2), ("d", "x"), ("a", 5)]


def test_a_comment_belongs_to_the_end_of_a_long_value() -> None:
    assert one("layers = [\n    1,  # first\n    2,\n]  # sizes of the layers").help == "sizes of the layers"


ACCEPTED = [
    pytest.param("lr = 0.1", "1e-3", 0.001, id="text for float"),
    pytest.param("lr = 0.1", 1, 1.0, id="int for float"),
    pytest.param("lr = 0.1", np.float32(0.5), 0.5, id="numpy for float"),
    pytest.param("n = 1", 3.0, 3, id="whole float for int"),
    pytest.param("n = 1", "0x10", 16, id="hexadecimal"),
    pytest.param("n = 1", np.int64(4), 4, id="numpy for int"),
    pytest.param("on = False", "yes", True, id="word for bool"),
    pytest.param("name = 'a'", "3", "3", id="text stays text"),
    pytest.param("day = '2024-01-01'", datetime.date(2025, 1, 2), "2025-01-02", id="date for text"),
    pytest.param("size = (1, 2)", [3, 4], (3, 4), id="list for tuple"),
    pytest.param("size = (1, 2)", "(3, 4)", (3, 4), id="text for tuple"),
    pytest.param("names = {'a'}", ["b"], {"b"}, id="list for set"),
    pytest.param("since = date(2024, 1, 1)", "2025-02-03", datetime.date(2025, 2, 3), id="text for date"),
    pytest.param("data = Path('a')", "b c", Path("b c"), id="text for path"),
    pytest.param("n: int | None = 3", None, None, id="none for optional"),
    pytest.param("n: int | None = 3", "None", None, id="text of none for optional"),
    pytest.param("layers = [1]", np.array([2, 3]), [2, 3], id="array for list"),
    pytest.param("x = None", {"$tuple": [1, 2]}, (1, 2), id="stored form of an untyped value"),
]


@pytest.mark.parametrize(("source", "given", "expected"), ACCEPTED)
def test_a_value_takes_the_type_of_its_parameter(source: str, given: object, expected: object) -> None:
    result = convert(one(source), given)

    assert (result, type(result)) == (expected, type(expected))


REFUSED = [
    pytest.param("lr: float = 0.1", "fast", "lr = 'fast' is not a float", id="word for float"),
    pytest.param("n = 1", 2.5, "n = 2.5 is not an int", id="fraction for int"),
    pytest.param("n = 1", True, "n = True is not an int", id="bool for int"),
    pytest.param("on = True", 2, "on = 2 is not a bool", id="number for bool"),
    pytest.param("n = 1", None, "n = None is not an int", id="None for int"),
    pytest.param("name = 'a'", 3, "name = 3 is not a str", id="number for text"),
    pytest.param("size = (1, 2)", "3", "size = '3' is not a tuple", id="number for tuple"),
    pytest.param("since = date(2024, 1, 1)", "soon", "since = 'soon' is not a date", id="word for date"),
    pytest.param("depth = 3  # 1..8", 9, "depth = 9 is outside 1..8", id="above the range"),
    pytest.param("lr = 0.1  # 0..1", float("nan"), "lr = nan is outside 0..1", id="not a number"),
    pytest.param("kind = 'gini'  # {gini, entropy}", "entropie", "did you mean 'entropy'", id="near a choice"),
]


@pytest.mark.parametrize(("source", "given", "message"), REFUSED)
def test_a_wrong_value_is_refused_with_what_is_wanted(source: str, given: object, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        convert(one(source), given)


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="no parameter 'learning_rat'; did you mean 'learning_rate'"):
        known("learning_rate = 0.1\ndepth = 3").check({"learning_rat": 0.2})


ROUND_TRIPS = [
    pytest.param("from datetime import date\nx = date(2024, 1, 1)", datetime.date(2025, 2, 3), id="date"),
    pytest.param(
        "import datetime as dt\nx = dt.datetime(2024, 1, 1)", datetime.datetime(2025, 2, 3, 4, 5), id="datetime"
    ),
    pytest.param("from pathlib import Path\nx = Path('a')", Path("b 'c' {d}"), id="path"),
    pytest.param("import numpy as np\nx = np.float32(0.1)", np.float32(0.25), id="numpy scalar"),
    pytest.param("x = (1, 2)", (3,), id="tuple of one"),
    pytest.param("x = {1}", {2, 3}, id="set"),
    pytest.param("x = {1}", set(), id="empty set"),
    pytest.param("x = frozenset({1})", frozenset({2}), id="frozenset"),
    pytest.param("x = 'a'", "quotes \" ' \\ \n {braces} ünï", id="text"),
    pytest.param("x = 1.0", float("-inf"), id="infinity"),
    pytest.param("x = None", (datetime.date(2024, 1, 1), {"k": Path("p")}), id="nested without a type"),
    pytest.param("x = {}", {"a": [1, (2, 3)]}, id="dict"),
]


@pytest.mark.parametrize(("source", "value"), ROUND_TRIPS)
def test_a_value_arrives_in_the_notebook_as_it_was_given(source: str, value: object) -> None:
    schema = known(source)
    namespace: dict[str, Any] = {}

    exec(source + "\n" + parameters.injected(schema, schema.check({"x": value})), namespace)

    assert (namespace["x"], type(namespace["x"])) == (value, type(value))


@pytest.mark.parametrize(
    "value",
    [
        (1, (2,)),
        {1, 2},
        frozenset({"a"}),
        datetime.date(2024, 1, 1),
        Path("a"),
        float("inf"),
        {"a": (1,)},
        [None, True],
    ],
    ids=repr,
)
def test_a_stored_value_comes_back_as_it_was(value: object) -> None:
    assert values.decode(values.encode(value)) == value


def test_a_value_without_code_is_refused() -> None:
    with pytest.raises(UsageError, match="a object cannot be a parameter"):
        parameters.injected(known("x = None"), {"x": object()})


def test_typed_lists_are_parted_at_commas_outside_brackets_and_quotes() -> None:
    schema = known("size = (1, 2)\nname = 'a'\nx = None")

    given = parameters.grid_from_text(schema, {"size": "(1, 2), (3, 4)", "name": "a,b", "x": "1,None,'c,d',word"})

    assert given == {"size": [(1, 2), (3, 4)], "name": ["a", "b"], "x": [1, None, "c,d", "word"]}


def test_a_notebook_without_a_parameters_cell_refuses_every_parameter(write_notebook: Any) -> None:
    path = write_notebook("print(1)")

    assert parameters.read(path) == []
    with pytest.raises(UsageError, match="no cell tagged 'parameters'"):
        parameters.inspect(path).check({"lr": 1})


def test_two_parameters_cells_are_refused(write_notebook: Any) -> None:
    import nbformat

    path = write_notebook("y = 2", parameters="x = 1")
    node = nbformat.read(path, as_version=4)
    node.cells[1].metadata["tags"] = ["parameters"]
    nbformat.write(node, path)

    with pytest.raises(UsageError, match=r"2 cells tagged 'parameters'.*cells 1, 2"):
        parameters.read(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"cells": 3, "nbformat": 4}', "print(1)"])
def test_what_is_not_a_notebook_is_refused(content: str, project: Path) -> None:
    path = project / "a.ipynb"
    path.write_text(content)

    with pytest.raises(SourceError, match=r"a\.ipynb is not a Jupyter notebook"):
        parameters.read(path)


def test_a_missing_notebook_is_named_with_the_nearest_one(write_notebook: Any, project: Path) -> None:
    write_notebook("1", name="train.ipynb")

    with pytest.raises(NotFoundError, match=r"did you mean 'train\.ipynb'"):
        parameters.read(project / "trian.ipynb")


def test_a_parameters_cell_that_is_not_python_is_refused_with_the_line(write_notebook: Any) -> None:
    path = write_notebook(parameters="a = 1\nb = = 2")

    with pytest.raises(SourceError, match=r"not valid Python: .*\(line 2\)"):
        parameters.read(path)


def test_parameters_of_another_language_are_known_by_name(project: Path) -> None:
    import nbformat

    node = nbformat.v4.new_notebook()
    node.metadata["kernelspec"] = {"name": "ir", "language": "R", "display_name": "R"}
    node.cells.append(nbformat.v4.new_code_cell("lr <- 0.1", metadata={"tags": ["parameters"]}))
    nbformat.write(node, project / "a.ipynb")

    assert parameters.inspect(project / "a.ipynb").has_cell

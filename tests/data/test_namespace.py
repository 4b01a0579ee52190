"""The user's names among IPython's own, however many of those there are and whatever is deleted."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nbops.data.namespace import Names, is_hidden

NAMES = st.sampled_from(["x", "y", "_mine", "Output", "g", "_i1", "_i2", "_3", "_4", "__", "In", "_i", "q", "z"])
STEPS = st.lists(st.tuples(st.sampled_from(["set", "delete", "set again", "look"]), NAMES), min_size=1, max_size=40)


@given(steps=STEPS)
def test_a_cell_that_only_adds_or_only_deletes_is_seen_whole(steps: list[tuple[str, str]]) -> None:
    namespace: dict[str, Any] = {"In": [], "_oh": {}}
    names = Names()
    names.look(namespace)
    for what, name in steps:
        if what == "set":
            namespace[name] = object()
        elif what == "delete":
            namespace.pop(name, None)
        elif what == "set again":  # moves it to the end
            namespace[name] = namespace.pop(name, None)
        assert names.look(namespace) == {name: thing for name, thing in namespace.items() if not is_hidden(name)}


def test_what_the_cell_binds_is_seen_while_as_many_of_ipythons_names_go() -> None:
    namespace: dict[str, Any] = {"x": 1, "_i1": "x = 1", "_i2": ""}
    names = Names()
    names.look(namespace)
    del namespace["_i1"]
    namespace["fresh"] = 2
    assert names.look(namespace, {"fresh"}) == {"x": 1, "fresh": 2}


def test_all_names_are_walked_through_now_and_then() -> None:
    namespace: dict[str, Any] = {"x": 1, "_i1": "x = 1"}
    names = Names()
    names.look(namespace)
    del namespace["_i1"]
    namespace["fresh"] = 2
    found: dict[str, Any] = {}
    for _ in range(300):
        found = names.look(namespace)
    assert found == {"x": 1, "fresh": 2}


def test_a_long_session_is_not_walked_through_with_every_cell() -> None:
    class Counted(dict[str, Any]):
        walks = 0

        def items(self) -> Any:
            Counted.walks += 1
            return super().items()

    namespace = Counted({f"_i{place}": "" for place in range(20_000)} | {"x": 1})
    names = Names()
    for cell in range(100):
        namespace[f"_i{20_000 + cell}"] = ""
        namespace[f"y{cell}"] = cell
        assert len(names.look(namespace)) == cell + 2
    assert Counted.walks == 1

from __future__ import annotations

import pytest

from nbops.source import Touch, Unit, analyse


def unit(source: str) -> Unit:
    (only,) = analyse(source).units
    return only


@pytest.mark.parametrize(
    ("source", "now", "later"),
    [
        ("def f(x, y=A) -> B: return x + C", {"A", "B"}, {"C"}),
        ("@deco(A)\ndef f(): pass", {"deco", "A"}, set()),
        ("class K(Base):\n  n = N\n  m = n\n  def f(self): return L", {"Base", "N"}, {"L"}),
        ("class K:\n  size = size", {"size"}, set()),
        ("f = lambda x: x + A", set(), {"A"}),
        ("x = sorted(rows, key=lambda r: KEY[r])", {"sorted", "rows", "KEY"}, {"KEY"}),
        ("x = [y + A for y in B]", {"A", "B"}, set()),
        ("def f():\n  global g\n  g += A", set(), {"g", "A"}),
        ("def f():\n  def inner(): return A\n  return inner", set(), {"A"}),
        ("n += 1", {"n"}, set()),
        ("for i in R:\n  T[i] = i", {"R", "T"}, set()),
        ("for i in R:\n  total = total + i", {"R", "total"}, set()),
        ("def f():\n  return 1\n  return dead()", set(), set()),
        ("x = await f()", {"f"}, set()),
        ("def f(df, low):\n  return df.query('a > @low and b < @HIGH')", set(), {"HIGH"}),
    ],
)
def test_names_are_read_now_or_later(source: str, now: set[str], later: set[str]) -> None:
    reads = unit(source).reads

    assert (reads.now, reads.later) == (now, later)


@pytest.mark.parametrize(
    ("source", "maybe", "surely"),
    [
        ("import a.b, c as d", {"a", "d"}, {"a", "d"}),
        ("from __future__ import annotations", set(), set()),
        ("x: int", set(), set()),
        ("x: int = 1", {"x"}, {"x"}),
        ("a, (b, *c) = f()", {"a", "b", "c"}, {"a", "b", "c"}),
        ("if t:\n  a = 1\n  b = 1\nelse:\n  a = 2", {"a", "b"}, {"a"}),
        ("try:\n  import a\nexcept ImportError:\n  a = None", {"a"}, {"a"}),
        ("try:\n  import a\nexcept ImportError:\n  raise", {"a"}, {"a"}),
        ("for i in r:\n  x = i", {"i", "x"}, set()),
        ("with f() as g:\n  x = 1", {"g", "x"}, {"g", "x"}),
        ("[(w := i) for i in r]", {"w"}, set()),
        ("match v:\n  case {'a': a, **rest}: pass", {"a", "rest"}, set()),
        ("x[0] = 1", set(), set()),
    ],
)
def test_names_are_bound_perhaps_or_surely(source: str, maybe: set[str], surely: set[str]) -> None:
    assert (unit(source).binds, unit(source).surely_binds) == (maybe, surely)


@pytest.mark.parametrize(
    ("source", "touch"),
    [
        ("x.append(1)", Touch("x", "method", "append")),
        ("x[0].y = 1", Touch("x", "store", "x[0].y")),
        ("del x['a']", Touch("x", "store", "x['a']")),
        ("f(1, x)", Touch("x", "passed", "f", 1)),
        ("f(a=x)", Touch("x", "passed", "f", "a")),
        ("@app.route('/')\ndef f(): pass", Touch("app", "method", "route")),
    ],
)
def test_what_may_change_an_object_is_seen(source: str, touch: Touch) -> None:
    assert touch in unit(source).touches


def test_text_keeps_comments_above_inside_and_below() -> None:
    cell = analyse("x = 1\n# above\n@d\ndef f():  # beside\n    # inside\n    return 1\n    # below\n\ny = 2")

    assert cell.units[1].text == "# above\n@d\ndef f():  # beside\n    # inside\n    return 1\n    # below"


def test_statements_on_one_line_are_taken_apart() -> None:
    assert [u.text for u in analyse("a = 1; b = 'é'; c = 3  # all").units] == ["a = 1", "b = 'é'", "c = 3"]


def test_the_main_guard_simply_runs_in_a_notebook() -> None:
    units = analyse("if __name__ == '__main__':\n    x = 1\n    def f(): return x").units

    assert [(u.kind, u.text) for u in units] == [("value", "x = 1"), ("function", "def f(): return x")]


def test_postponed_annotations_are_not_read() -> None:
    reads = analyse("def f(x: A) -> B: ...", future=True).units[0].reads

    assert (reads.now, reads.soft) == (frozenset(), {"A", "B"})


def test_string_annotations_are_read_softly() -> None:
    assert unit("def f(x: 'pd.DataFrame', y: 'two words'): ...").reads.soft == {"pd"}

"""Cells that change things in every way Python knows, and cells that only look."""

import ast
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nbops.data.changes import Changes, Watch
from nbops.data.randomness import randomness

SETUP = """
import array, collections, copy, functools, itertools, random, types
import numpy as np, pandas as pd, pyarrow as pa
from dataclasses import dataclass
"""

HERE = Path(__file__).parent


def cases(file):
    """The cases of a table; ``\\n`` in it is a new line."""
    lines = (HERE / file).read_text("utf-8").splitlines()
    rows = [[part.strip().replace("\\n", "\n") for part in line.split(" | ")] for line in lines if line[0] != "#"]
    return [pytest.param(*parts, id=name) for name, *parts in rows]


def names_in(code):
    """What a reader of the cell sees: names looked up, and names bound."""
    reads, binds = set(), set()
    nodes = list(ast.walk(ast.parse(code)))
    local = {argument.arg for node in nodes if isinstance(node, ast.arguments) for argument in node.args}
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                reads.add(name)
            case ast.Name(id=name):
                binds.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.MatchAs(name=str(name)):
                binds.add(name)
            case ast.alias(name=name, asname=other):
                binds.add(other or name.split(".")[0])
            case ast.Global(names=many):
                binds.update(many)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            reads.add(node.target.id)
    return reads - local, binds - local


def observe(setup, cell, *, watch=None):
    namespace = {"__name__": "__main__"}
    exec(SETUP + textwrap.dedent(setup), namespace)
    watch = watch or Watch(budget_s=2)
    reads, binds = names_in(cell)
    watch.before(namespace, reads=reads, binds=binds)
    exec(cell, namespace)
    return watch.after(namespace)


def shown(changes):
    """Writes, without the loop variables that cases keep to themselves."""
    return {name for name in changes.writes if not name.startswith("_")}


@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize(("setup", "cell", "expected"), cases("cells_that_change.txt"))
def test_change_is_found(setup, cell, expected):
    changes = observe(setup, cell)
    assert shown(changes) == set(expected.split())
    assert changes.unsure == []


@pytest.mark.parametrize(("setup", "cell"), cases("cells_that_look.txt"))
def test_looking_is_no_change(setup, cell):
    changes = observe(setup, cell)
    assert shown(changes) == set()
    assert changes.unsure == []


class Hostile:
    """Has every method that Python might call behind one's back; each would be noticed."""

    def __init__(self):
        object.__getattribute__(self, "__dict__")["kept"] = [1]

    def _called(self, *args, **kwargs):
        raise AssertionError("the user's code was called")

    __repr__ = __str__ = __eq__ = __ne__ = __hash__ = __len__ = __iter__ = __getattr__ = __getattribute__ = _called
    __reduce__ = __reduce_ex__ = __getstate__ = __getnewargs_ex__ = __bool__ = __copy__ = __sizeof__ = _called


class HostileMeta(type):
    def _called(cls, *args, **kwargs):
        raise AssertionError("the user's metaclass was called")

    __getattribute__ = __eq__ = __hash__ = __instancecheck__ = __subclasscheck__ = __repr__ = __len__ = _called


class HostileDict(dict):
    items = keys = values = __iter__ = __len__ = __getitem__ = __contains__ = __reduce_ex__ = Hostile._called


class HostileNumber(float):
    __eq__ = __hash__ = __repr__ = __float__ = __reduce_ex__ = Hostile._called


def test_code_of_the_user_is_never_called():
    kind = HostileMeta("Made", (), {"__slots__": ("a",)})
    things = {"one": Hostile(), "two": [Hostile()], "three": HostileDict(a=1), "four": HostileNumber(2), "five": kind()}
    watch = Watch()
    watch.before(things, reads=set(things), binds=set())
    object.__getattribute__(things["one"], "__dict__")["kept"].append(2)
    dict.__setitem__(things["three"], "a", 2)
    changes = watch.after(things)
    assert changes.writes == {"one": "digest", "three": "digest"}
    assert changes.unsure == []


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(lambda: __import__("socket").socket(), id="socket"),
        pytest.param(lambda: __import__("sqlite3").connect(":memory:"), id="database"),
        pytest.param(lambda: __import__("itertools").product([1], [2]), id="foreign-iterator"),
    ],
)
def test_what_only_itself_could_tell_is_unsure_or_sampled(thing):
    names = {"x": thing()}
    watch = Watch()
    watch.before(names, reads={"x"}, binds=set())
    changes = watch.after(names)
    assert changes.writes == {}
    assert set(changes.unsure) <= {"x"}
    if hasattr(names["x"], "close"):
        assert changes.unsure == ["x"]
        names["x"].close()


def test_an_object_that_says_it_is_elsewhere_is_unsure():
    kind = type("Frame", (), {"__module__": "dask.dataframe"})
    names = {"x": kind()}
    watch = Watch()
    watch.before(names, reads={"x"}, binds=set())
    assert watch.after(names).unsure == ["x"]


def test_evidence_says_how_it_is_known():
    changes = observe("a = 1; b = [1]; c = [1]; d = {}", "a = 2; b.append(2); c[0] = 5; globals()['d'] = 1")
    assert changes.writes == {"a": "named", "b": "token", "c": "digest", "d": "token"}
    assert changes.reads == {"b": "named", "c": "named"}


def test_reads_go_through_functions_of_the_notebook():
    changes = observe("x = [1]; y = [2]\ndef f(): return x\ndef g(): return f()", "g()")
    assert set(changes.reads) == {"f", "g", "x"}


def test_deleted_names_are_told():
    changes = observe("x = 1; y = 2", "del x")
    assert (changes.deleted, changes.writes) == (["x"], {})


def test_names_of_ipython_are_not_the_users():
    names = dict.fromkeys(
        ["In", "Out", "_", "__", "_1", "_i3", "_oh", "_dh", "_ii", "__name__", "exit", "get_ipython"], 1
    )
    watch = Watch()
    watch.before({}, reads=set(), binds=set())
    assert watch.after(names | {"_mine": 1, "Output": 2, "g": 3}).writes.keys() == {"_mine", "Output", "g"}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("random.random()", ["random"]),
        ("random.seed(1)", ["random"]),
        ("np.random.rand()", ["numpy"]),
        ("np.random.seed(2)", ["numpy"]),
        ("x = np.random.default_rng(3).normal()", []),
        ("1 + 1", []),
    ],
)
def test_use_of_global_randomness_is_told(cell, expected):
    assert observe("random.seed(9); np.random.seed(9)", cell).randomness == expected


def test_a_number_that_a_module_draws_at_its_import_is_no_use_of_randomness():
    """In a process of its own: what is imported stays imported."""
    code = (
        "import random, sys; from nbops.data import Watch\n"
        "for cell in ('import rich.style', 'import rich.style; random.random()'):\n"
        "    for name in [name for name in sys.modules if name.partition('.')[0] == 'rich']: del sys.modules[name]\n"
        "    watch = Watch(); watch.before({}, reads=set(), binds=set()); state = random.getstate()\n"
        "    exec(cell); moved = random.getstate() != state\n"
        "    print(moved, watch.after({}).randomness)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == ["True []", "True ['random']"], said.stderr


def test_every_kind_of_draw_from_numpy_is_seen():
    saved = np.random.get_state()
    other = np.random.PCG64(1)
    draws = [
        lambda: np.random.seed(5),
        np.random.randn,  # draws two, and keeps the second one
        np.random.randn,  # which is given here, without any move of the generator
        np.random.randn,
        lambda: np.random.seed(5),
        np.random.rand,
        lambda: np.random.shuffle([1, 2, 3]),
        lambda: np.random.set_state(saved),
        lambda: np.random.set_bit_generator(other),
        np.random.rand,
        lambda: np.random.set_bit_generator(np.random.MT19937(3)),
        np.random.rand,
    ]
    own = np.random.get_bit_generator()
    try:
        for draw in draws:
            before = randomness()
            assert randomness() == before
            draw()
            assert randomness()["numpy"] != before["numpy"], draw
            now = randomness()
            np.random.default_rng(1).normal()
            assert randomness() == now
    finally:
        np.random.set_bit_generator(own)


def test_a_large_array_is_sampled_and_says_so():
    names = {"x": np.zeros(3_000_000)}
    watch = Watch(budget_s=0.001)
    for edit, expected in ((None, {}), (slice(None), {"x": "sampled"}), (slice(None), {})):
        watch.before(names, reads={"x"}, binds=set())
        if edit is not None:
            names["x"][edit] = 1
        assert watch.after(names).writes == expected


@pytest.mark.parametrize(
    ("make", "edit"),
    [
        (lambda: list(range(2_000_000)), lambda x: x.reverse()),
        (lambda: {place: place for place in range(1_000_000)}, lambda x: x.update({0: -1})),
        (
            lambda: pd.DataFrame({"a": [f"text {place}" for place in range(400_000)]}, dtype=object),
            lambda x: x.iloc.__setitem__((0, 0), ""),
        ),
        (lambda: ["x" * 100 for _ in range(1_000_000)], lambda x: x.__setitem__(0, "")),
    ],
    ids=["list", "dict", "frame", "texts"],
)
def test_large_things_keep_the_budget_and_a_sample_sees_the_first(make, edit):
    names = {"x": make()}
    watch = Watch(budget_s=0.002)
    watch.before(names, reads={"x"}, binds=set())
    edit(names["x"])
    assert watch.after(names).writes.keys() == {"x"}


def test_a_large_model_that_is_fitted_again_is_found():
    from sklearn.ensemble import RandomForestClassifier

    features = np.random.default_rng(0).normal(size=(300, 3))
    names = {"m": RandomForestClassifier(60, random_state=0).fit(features, features[:, 0] > 0)}
    watch = Watch(budget_s=0.001)
    for fitted, expected in ((False, {}), (True, {"m": "sampled"})):
        watch.before(names, reads={"m"}, binds=set())
        if fitted:
            names["m"].fit(features, features[:, 1] > 0)
        changes = watch.after(names)
        assert (changes.writes, changes.unsure) == (expected, [])


def test_one_large_object_does_not_hide_the_small_ones_from_a_cell_that_may_touch_all():
    names = {"large": [str(place) for place in range(500_000)], "small": {"a": [1]}, "array": np.zeros(9)}
    watch = Watch(budget_s=0.005)
    watch.before(names, reads={"exec"}, binds=set())
    names["small"]["a"][0] = 2
    names["array"][0] = 2
    changes = watch.after(names)
    assert (changes.writes.keys(), changes.unsure) == ({"small", "array"}, [])


def test_deep_nesting_is_no_harm():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    names = {"x": deep}
    watch = Watch()
    watch.before(names, reads={"x"}, binds=set())
    assert watch.after(names).unsure == ["x"]
    while deep:  # or freeing it would recurse as deep
        deep = deep.pop()


def test_ten_thousand_names_are_followed():
    names = {f"name{place}": [place] for place in range(10_000)}
    names["same"] = names["name7000"]
    watch = Watch()
    watch.before(names, reads={"name7000"}, binds=set())
    names["name7000"][0] = -1
    names["name9999"].append(1)
    assert watch.after(names).writes == {"name7000": "digest", "same": "digest", "name9999": "token"}


def test_names_that_a_thread_adds_meanwhile_are_no_harm():
    names, stop = {"x": [1]}, threading.Event()

    def add():
        while not stop.is_set():
            names[f"t{len(names) % 500}"] = names.pop("t0", [1])

    thread = threading.Thread(target=add)
    thread.start()
    watch = Watch()
    try:
        for _ in range(200):
            watch.before(names, reads={"x"}, binds=set())
            watch.after(names)
    finally:
        stop.set()
        thread.join()


def test_watching_from_cell_to_cell_keeps_up_with_what_leads_where():
    watch, names = Watch(), {"__name__": "__main__"}
    story = [
        ("a = [1]", {"a"}),
        ("b = {}", {"b"}),
        ("b['a'] = a", {"b"}),
        ("a.append(2)", {"a", "b"}),
        ("b['a'] = None", {"b"}),
        ("a.append(3)", {"a"}),
        ("def f(): b['n'] = 1", {"f"}),
        ("f()", {"b"}),
        ("b = 5", {"b"}),
        ("print(a, b)", set()),
    ]
    for cell, expected in story:
        reads, binds = names_in(cell)
        watch.before(names, reads=reads, binds=binds)
        exec(cell, names)
        assert (cell, set(watch.after(names).writes)) == (cell, expected)


def test_memory_stays_flat_over_many_cells():
    import tracemalloc

    watch, names = Watch(), {f"x{place}": {"k": [place]} for place in range(100)}

    def run(cells):
        for place in range(cells):
            watch.before(names, reads={"x1"}, binds={"y"})
            names["y"] = [place]
            watch.after(names)

    run(50)
    tracemalloc.start()
    run(400)
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 100_000


def test_after_without_before_tells_nothing():
    assert Watch().after({"x": 1}) == Changes(reads={}, writes={}, deleted=[], unsure=[], randomness=[])

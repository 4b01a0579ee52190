from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from extract_sessions import cells_of

from nbops import extract
from nbops.errors import ConflictError, NotFoundError, UsageError
from nbops.records import ModuleVersion
from nbops.store.interface import Store

Take = Callable[..., ModuleVersion]


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("def f(x): return x", "def f(x): return -x", "patch"),
        ("def f(x): return x", "def f(x, y=1): return x", "minor"),
        ("def f(x): return x", "def f(x, *, y=1): return x", "minor"),
        ("def f(x): return x", "def f(x, *args): return x", "minor"),
        ("def f(x): return x", "def f(x, y): return x", "major"),
        ("def f(x): return x", "def f(x, *, y): return x", "major"),
        ("def f(x, y): ...", "def f(y, x): ...", "major"),
        ("def f(x, y): ...", "def f(x): ...", "major"),
        ("def f(x, y=1): ...", "def f(x, y): ...", "major"),
        ("def f(x, y=1): ...", "def f(x, y=2): ...", "patch"),
        ("def f(x): ...", "def f(x, /): ...", "major"),
        ("def f(x): ...", "def f(z): ...", "major"),
        ("def f(**k): ...", "def f(): ...", "major"),
        ("def f(x): ...", "async def f(x): ...", "major"),
        ("def f(x): return [x]", "def f(x): yield x", "major"),
        ("f = lambda x: x", "f = lambda x, y=1: x", "minor"),
        ("def f(): ...", "def f(): ...\ndef g(): ...", "minor"),
        ("def f(): ...\ndef g(): ...", "def f(): ...", "major"),
        ("def f(): ...\ndef _g(): ...", "def f(): ...", "patch"),
        ("class A:\n def m(self): ...", "class A:\n def m(self, x): ...", "major"),
        ("class A: ...", "class A:\n def m(self): ...", "minor"),
        ("class A(B): ...", "class A: ...", "major"),
        ("@dataclass\nclass A:\n x: int", "@dataclass\nclass A:\n x: int\n y: int = 0", "minor"),
        ("@dataclass\nclass A:\n x: int", "@dataclass\nclass A:\n x: int\n y: int", "major"),
        ("X = 1", "X = 2", "patch"),
    ],
)
def test_the_number_follows_what_callers_see(old: str, new: str, change: str) -> None:
    assert extract.what_changed(old, new)[0] == change


def test_unchanged_content_is_no_new_version_and_the_same_bytes(take: Take, root: Path) -> None:
    first = take("f", "A = 1\ndef f(x):\n    return x + A")
    path = root / "src/churn/features.py"
    before = path.read_bytes(), path.stat().st_mtime_ns

    again = take("f", "A = 1", "print('other cells')", "def f(x):\n    return x + A")

    assert again == first
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_versions_follow_each_other(take: Take) -> None:
    numbers = [
        take("f", "def f(x): return x").version,
        take("f", "def f(x): return x + 1").version,
        take("f", "def f(x, y=1): return x + y").version,
        take("f", "def f(y): return y").version,
        take("g", "def g(): return 1").version,
    ]

    assert numbers == ["1.0.0", "1.0.1", "1.1.0", "2.0.0", "2.1.0"]


def test_a_module_keeps_what_earlier_exports_put_there(take: Take) -> None:
    take("f", "import math\nK = 2\ndef helper(x): return math.floor(x)\ndef f(x): return helper(x) * K")

    version = take("g", "import json\ndef g(x): return json.dumps(x)")

    assert {d.name for d in version.definitions} == {"K", "f", "g", "helper", "json", "math"}
    assert {d.name for d in version.definitions if d.requested} == {"f", "g"}
    assert take("f g", "import math, json\nK = 2\ndef helper(x): return math.floor(x)\ndef f(x): return helper(x) * K\n"
                "def g(x): return json.dumps(x)").id == version.id  # fmt: skip


@pytest.mark.parametrize(
    "changing",
    [
        pytest.param("def tweak(d): d['k'] = 2\ntweak(cfg)", id="given"),
        pytest.param("def tweak(): cfg['k'] = 2\ntweak()", id="global"),
        pytest.param("def tweak(): return cfg.update(k=2)\ndone = tweak()", id="with an answer"),
        pytest.param("import operator\nold = operator.setitem(cfg, 'k', 2)", id="of a library"),
    ],
)
def test_an_update_puts_a_change_before_what_is_computed_from_it(take: Take, changing: str) -> None:
    made, computed, use = "cfg = {'k': 1}", "n = cfg['k']", "def f(): return n, cfg"
    take("f", made, computed, use)
    version = take("f", made, changing, computed, use)

    namespace: dict[str, Any] = {}
    exec(version.source, namespace)
    assert namespace["f"]() == (2, {"k": 2})


def test_only_drops_what_is_not_named(take: Take) -> None:
    take("f g", "def f(): return 1\ndef g(): return 2")

    version = take("g", "def g(): return 2", only=True)

    assert (version.version, [d.name for d in version.definitions]) == ("2.0.0", ["g"])


def test_a_function_imported_from_its_own_module_is_carried_over(take: Take) -> None:
    take("clean", "def clean(x): return x.strip()")

    version = take("train", "from churn.features import clean\ndef train(x): return clean(x) + '!'")

    assert "import" not in version.source
    assert "def clean" in version.source


def test_edits_in_the_file_are_noticed_and_never_lost(take: Take, root: Path, store: Store) -> None:
    take("f", "def f(x): return x")
    path = root / "src/churn/features.py"
    path.write_text(path.read_text() + "\n\ndef by_hand(): return 1\n")

    assert [m.state for m in extract.modules(store, root)] == ["edited"]
    with pytest.raises(ConflictError, match=r"was edited since version 1\.0\.0"):
        take("f", "def f(x): return x + 1")
    assert "by_hand" in path.read_text()

    take("f", "def f(x): return x + 1", overwrite=True)
    assert "by_hand" not in path.read_text()


def test_a_file_that_nbops_did_not_write_is_not_replaced(take: Take, root: Path) -> None:
    (root / "src/churn").mkdir()
    (root / "src/churn/features.py").write_text("mine = 1\n")

    with pytest.raises(ConflictError, match="was not written by nbops"):
        take("f", "def f(x): return x")


def test_rollback_puts_an_earlier_version_back_and_forward_again(take: Take, root: Path, store: Store) -> None:
    first = take("f", "def f(x): return x")
    second = take("f", "def f(x): return x + 1")
    path = root / "src/churn/features.py"

    assert extract.rollback(store, root, "churn.features") == first
    assert path.read_text() == first.source
    assert extract.modules(store, root)[0].version == "1.0.0"
    assert take("f", "def f(x): return x + 1") == second
    assert extract.rollback(store, root, "churn.features@1.0.0") == first
    assert extract.rollback(store, root, f"churn.features@{second.digest[:8]}") == second
    with pytest.raises(NotFoundError, match=r"there are 1\.0\.1, 1\.0\.0"):
        extract.rollback(store, root, "churn.features@9.9.9")


def test_two_versions_stand_side_by_side(take: Take, root: Path) -> None:
    old = take("f", "def f(x): return x")
    new = take("f", "def f(x): return x + 1")

    one, two = (extract.import_version(version, root=root) for version in (old, new))

    assert (one.f(1), two.f(1)) == (1, 2)
    assert one.__name__ != two.__name__
    assert extract.import_version(old, root=root) is one


def test_functions_of_any_version_reach_workers_in_other_processes(take: Take, root: Path) -> None:
    old = take("f", "def f(x): return x * 10")
    take("f", "def f(x): return x * 100")
    program = (
        "import sys; from pathlib import Path; from joblib import Parallel, delayed; import msgspec\n"
        "from nbops import extract; from nbops.records import ModuleVersion\n"
        "if __name__ == '__main__':\n"
        "    version = msgspec.json.decode(sys.argv[1], type=ModuleVersion)\n"
        "    f = extract.import_version(version, root=Path(sys.argv[2])).f\n"
        "    print(Parallel(n_jobs=2)(delayed(f)(x) for x in range(3)))\n"
    )
    import msgspec

    done = subprocess.run(
        [sys.executable, "-c", program, msgspec.json.encode(old).decode(), str(root)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.strip() == "[0, 10, 20]", done.stderr


def test_a_process_knows_which_versions_it_imported(take: Take, root: Path, store: Store) -> None:
    old = take("f", "def f(x): return x - 1")
    new = take("f", "def f(x): return x - 2")

    extract.import_version(old, root=root)

    assert old in extract.imported(store=store, root=root)
    assert extract.imported(["churn.features"], store=store, root=root) == [new]


def test_without_a_src_folder_the_module_goes_to_the_project(root: Path, store: Store) -> None:
    (root / "src").rmdir()

    request = extract.Request(names=["f"], cells=cells_of("def f(): return 1"), to="a.b")
    version = extract.extract(request, root=root, store=store)

    assert version.path == "a/b.py"
    assert (root / "a/__init__.py").read_text() == ""


@pytest.mark.parametrize(
    ("to", "message"),
    [("a-b", "cannot be imported"), ("a.class", "class"), ("json.x", "would hide"), ("", "not a module")],
)
def test_impossible_module_names_are_refused(to: str, message: str, root: Path, store: Store) -> None:
    request = extract.Request(names=["f"], cells=cells_of("def f(): return 1"), to=to)

    with pytest.raises(UsageError, match=message):
        extract.extract(request, root=root, store=store)


def test_a_package_is_not_replaced_by_a_module(take: Take) -> None:
    take("f", "def f(): return 1")

    with pytest.raises(ConflictError, match="is a package"):
        take("f", "def f(): return 1", to="churn")
    with pytest.raises(ConflictError, match="is a module"):
        take("f", "def f(): return 1", to="churn.features.deep")


def test_a_deleted_file_is_not_brought_back_by_another_export(take: Take, root: Path) -> None:
    take("f", "def f(): return 1")
    (root / "src/churn/features.py").unlink()

    version = take("g", "def g(): return 2")

    assert (version.version, [d.name for d in version.definitions]) == ("2.0.0", ["g"])


def test_a_class_that_was_asked_for_in_two_modules_is_noted(take: Take) -> None:
    take("K", "class K: ...")

    version = take("K", "class K: ...", to="churn.other")

    assert version.notes == ["K stands in churn.features too; instances of one copy are not of the other"]


SHARED = (
    "class Base: ...\nclass Point(Base):\n    def __init__(self, x): self.x = x",
    "CACHE = {}\ndef remember(key, value):\n    CACHE[key] = value",
    "def is_point(value): return isinstance(value, Point)\ndef recall(key): return CACHE[key]",
)


def test_classes_and_state_of_another_module_are_imported_from_there(take: Take, root: Path) -> None:
    take("Point remember", *SHARED)

    version = take("is_point recall", *SHARED, to="churn.other")

    imports = "from churn.features import CACHE\nfrom churn.features import Point\n"
    assert imports in version.source
    assert "class " not in version.source
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from churn.features import Point, remember\nfrom churn.other import is_point, recall\n"
        "remember('a', 1)\nprint(is_point(Point(1)), recall('a'))"
    )
    done = subprocess.run([sys.executable, "-c", program, root / "src"], capture_output=True, text=True, check=True)
    assert done.stdout == "True 1\n"
    assert take("is_point recall", *SHARED, to="churn.other").id == version.id


def test_a_class_that_changed_since_is_not_taken_from_another_module(take: Take) -> None:
    take("Point", *SHARED)
    changed = SHARED[0].replace("class Base: ...", "class Base:\n    size = 1")

    version = take("is_point", changed, *SHARED[1:], to="churn.other")

    assert "class Point(Base)" in version.source

"""A package that nbops wrote, as an installable wheel."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from extract_sessions import namespace_of, ran

from nbops import extract
from nbops.errors import ConflictError, NotFoundError
from nbops.records import Environment, ModuleVersion, Run
from nbops.store.interface import Store

Take = Callable[..., ModuleVersion]
SOURCE = (
    "import numpy as np\ntable = np.random.default_rng(0).normal(size=3)\n"
    "def f(x):\n    return float(np.sum(table) * 0 + x)"
)


@pytest.fixture
def written(take: Take, root: Path, store: Store) -> ModuleVersion:
    environment = Environment(
        id="e" * 32, python="3.11.7", platform="linux", packages={"numpy": "1.99.0"}, created_at=0.0
    )
    run = Run(id="a" * 32, name="r", kind="session", started_at=0.0, environment_id=environment.id)
    store.put(environment)
    store.put(run)
    namespace = namespace_of(SOURCE)
    version = take("f", cells=ran(SOURCE), namespace=namespace, pins=["table"], run_id=run.id, with_tests=True)
    recording = extract.record(["f"], namespace=namespace, module="churn.features", root=root)
    namespace["f"](2)
    recording.stop()
    return version


def test_a_wheel_has_the_package_its_pins_and_a_type_marker(written: ModuleVersion, root: Path, store: Store) -> None:
    built = extract.build_wheel("churn", store=store, root=root)

    names = set(zipfile.ZipFile(built.wheel).namelist())
    assert {
        "churn/__init__.py", "churn/features.py", "churn/py.typed", f"churn/_pins/{written.pins['table']}.joblib",
    } <= names  # fmt: skip
    assert built.version == "1.0.0"
    assert "numpy==1.99.0" in built.requirements
    assert any(pin.startswith("joblib==") for pin in built.requirements)
    with tarfile.open(built.sdist) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"tests/test_churn_features_recorded.py", "tests/recorded/churn_features/calls.json"} <= inside


def test_the_wheel_works_where_nbops_is_not(written: ModuleVersion, root: Path, store: Store, tmp_path: Path) -> None:
    built = extract.build_wheel("churn", store=store, root=root)
    target = tmp_path / "site"
    zipfile.ZipFile(built.wheel).extractall(target)
    program = (
        f"import sys; sys.path.insert(0, {str(target)!r}); sys.modules['nbops'] = None\n"
        "from churn.features import f; print(f(2))"
    )

    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "2.0\n"


def test_building_twice_gives_the_same_wheel(written: ModuleVersion, root: Path, store: Store) -> None:
    first = Path(extract.build_wheel("churn", store=store, root=root).wheel).read_bytes()

    assert Path(extract.build_wheel("churn", store=store, root=root).wheel).read_bytes() == first


def test_edited_files_are_packed_only_when_asked(written: ModuleVersion, root: Path, store: Store) -> None:
    path = root / "src/churn/features.py"
    path.write_text(path.read_text() + "\nmine = 1\n")

    with pytest.raises(ConflictError, match="was edited"):
        extract.build_wheel("churn", store=store, root=root)
    built = extract.build_wheel("churn", store=store, root=root, overwrite=True)
    assert b"mine = 1" in zipfile.ZipFile(built.wheel).read("churn/features.py")


def test_a_package_nobody_wrote_is_not_found(root: Path, store: Store) -> None:
    with pytest.raises(NotFoundError, match="no module of a package"):
        extract.build_wheel("none", store=store, root=root)

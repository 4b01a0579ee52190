"""What travels with a notebook: its own modules, the files it names, and nothing else."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbops.errors import RetrainError, UsageError
from nbops.retrain.runners import Site
from nbops.retrain.runners.luggage import Luggage, pack, unpack
from nbops.retrain.sweeps import _opened
from nbops.settings import Settings
from nbops.store.interface import Store

Pack = Callable[..., Luggage]


@pytest.fixture
def packed(store: Store, settings: Settings, write_notebook: Any) -> Pack:
    def go(*cells: str, ship: tuple[str, ...] = (), room: int = 200_000_000, **options: Any) -> Luggage:
        book = _opened(write_notebook(*cells, **options), None, is_cold=True, output=None)
        return pack(Site(book, store, msgspec.structs.replace(settings, ship_bytes=room), ship=ship))

    return go


def names(luggage: Luggage) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(luggage.packed)) as tar:
        return [name.removeprefix("project/") for name in tar.getnames()]


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", "link"])
def test_nothing_is_unpacked_outside_of_its_folder(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tarfile, "data_filter", raising=False)  # as with Python 3.11.2
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("good"))
        info = tarfile.TarInfo(name)
        if name == "link":
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    folder = tmp_path / "folder"
    folder.mkdir()

    with pytest.raises(RetrainError, match=re.escape(repr(name))):
        unpack(packed.getvalue(), folder)

    assert list(tmp_path.rglob("*")) == [folder]


def test_modules_travel_with_what_they_import_and_installed_ones_stay(packed: Pack, project: Path) -> None:
    (project / "src" / "churn").mkdir(parents=True)
    for name in ("__init__.py", "features.py", "labels.json"):
        (project / "src" / "churn" / name).write_text("import pathlib, deeper\n" if name == "features.py" else "")
    (project / "deeper.py").write_text("import numpy\n")
    (project / "unrelated.py").write_text("")

    luggage = packed("%matplotlib inline\nimport numpy as np, json\nfrom churn.features import x")

    assert names(luggage) == ["deeper.py", "src/churn/__init__.py", "src/churn/features.py", "src/churn/labels.json"]


def test_files_travel_that_the_code_and_the_parameters_name(packed: Pack, project: Path) -> None:
    for name in ("data/a.csv", "data/b.csv", "data/c.txt", "given.parquet", "models/deep/m.bin", "not-named.csv"):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)

    luggage = packed(
        "import glob\nfor path in glob.glob('data/*.csv'): pass\nopen(f'models/deep/{1}')\nfolder = 'models'",
        parameters="data = 'given.parquet'",
    )

    assert names(luggage) == ["data/a.csv", "data/b.csv", "given.parquet", "models/deep/m.bin"]


def test_hidden_files_the_project_itself_and_what_lies_outside_stay(
    packed: Pack, project: Path, tmp_path: Path
) -> None:
    (project / ".env").write_text("PASSWORD=1")
    (project / "secret").mkdir()
    (project / "secret" / ".token").write_text("x")
    (tmp_path / "outside.csv").write_text("1")

    luggage = packed(f"names = ['.env', '.', '..', '/', '', '../outside.csv', {str(tmp_path)!r}, 'secret', 'a' * 5]")

    assert names(luggage) == []


def test_a_link_in_the_project_travels_as_the_file_it_leads_to(packed: Pack, project: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "rows.csv").write_text("1\n")
    (project / "data").symlink_to(tmp_path / "disk")

    luggage = packed("open('data/rows.csv')")

    assert names(luggage) == ["data/rows.csv"]
    with tarfile.open(fileobj=io.BytesIO(luggage.packed)) as tar:
        assert tar.getmember("project/data/rows.csv").isfile()


def test_what_is_too_large_stays_and_is_named(packed: Pack, project: Path) -> None:
    (project / "small.csv").write_text("1")
    (project / "large.csv").write_text("1" * 1000)

    luggage = packed("open('large.csv'), open('small.csv')", room=100)

    assert names(luggage) == ["small.csv"]
    assert luggage.left_out == {"large.csv": (str(project / "large.csv"), 1000)}


def test_what_is_asked_for_travels_and_is_refused_where_it_cannot(packed: Pack, project: Path, tmp_path: Path) -> None:
    (project / "made-by-name").mkdir()
    (project / "made-by-name" / "1.csv").write_text("1")
    (tmp_path / "outside.csv").write_text("1")

    assert names(packed("1", ship=("made-by-name",))) == ["made-by-name/1.csv"]
    with pytest.raises(UsageError, match="no such file"):
        packed("1", ship=("nowhere.csv",))
    with pytest.raises(UsageError, match="outside the project"):
        packed("1", ship=("../outside.csv",))


def test_an_equal_project_packs_to_the_same_names_wherever_the_notebook_lies(packed: Pack, project: Path) -> None:
    (project / "data").mkdir()
    (project / "data" / "rows.csv").write_text("1\n")

    luggage = packed("open('../data/rows.csv')", name="notebooks/train.ipynb")

    assert (luggage.notebook, names(luggage)) == ("notebooks/train.ipynb", ["data/rows.csv"])

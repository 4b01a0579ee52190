"""Packages for containers: the lock, where wheels come from, and what is made of them."""

from __future__ import annotations

import ctypes
import shutil
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop.loop

from nbops.deploy import deploy, predict, wheels
from nbops.errors import DeployError, MissingError


def test_neither_uv_nor_pip_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(wheels.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match="neither is here") as caught:
        wheels.installer()
    assert str(caught.value.hint).endswith("-m ensurepip")


def test_a_wheel_that_cannot_be_had_is_the_installers_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    target = wheels.Target(python="3.11", machine="x86_64", glibc=36)
    with pytest.raises(DeployError, match="no-such-package-of-nbops") as caught:
        wheels.site(["no-such-package-of-nbops==1.0"], target, complete=False)
    assert caught.value.code == "wheels_missing"
    assert not list((tmp_path / "nbops" / "sites").iterdir())


@pytest.fixture
def folder_of_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel that no index has, and no index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "nbops_odd_part-2.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("nbops_odd_part.py", "VERSION = '2.0'\n")
        wheel.writestr(
            "nbops_odd_part-2.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: nbops-odd-part\nVersion: 2.0\n"
        )
        wheel.writestr(
            "nbops_odd_part-2.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("nbops_odd_part-2.0.dist-info/RECORD", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, value in (("FIND_LINKS", str(folder)), ("NO_INDEX", "1")):
        monkeypatch.setenv(f"UV_{name}", value)
        monkeypatch.setenv(f"PIP_{name}", value)
    return folder


def test_packages_come_from_a_folder_of_wheels_without_any_index(folder_of_wheels: Path) -> None:
    site = wheels.site(["nbops-odd-part==2.0"], wheels.own_target(), complete=True)
    assert (site / "nbops_odd_part.py").is_file()
    assert list((site / "__pycache__").glob("nbops_odd_part.*.pyc"))


def test_a_site_that_is_there_is_not_made_again(folder_of_wheels: Path) -> None:
    first = wheels.site(["nbops-odd-part==2.0"], wheels.own_target(), complete=True)
    (folder_of_wheels / "nbops_odd_part-2.0-py3-none-any.whl").unlink()
    assert wheels.site(["nbops-odd-part==2.0"], wheels.own_target(), complete=True) == first


def test_a_process_serves_with_the_locks_packages_where_this_environment_has_others(
    workshop: Any, folder_of_wheels: Path
) -> None:
    body = "import nbops_odd_part; assert nbops_odd_part.VERSION == '2.0'"
    bundle, version = workshop.bundle(1, body=body, requirements=["nbops-odd-part==2.0"])
    bundle = msgspec.structs.replace(bundle, requirements=["nbops-odd-part==2.0"])
    endpoint = deploy(bundle, version, name="tiny", engine="process", store=workshop.store, settings=workshop.settings)
    assert predict(endpoint, [{"x": 5.0}])["predictions"] == [5.0]


def test_an_unpinned_requirement_is_refused() -> None:
    with pytest.raises(DeployError, match="'numpy' is not"):
        wheels.lock(["numpy"], wheels.Target(python="3.11", machine="x86_64", glibc=36))


def test_a_lock_has_what_its_packages_need_in_the_versions_of_this_environment() -> None:
    target = wheels.Target(python="3.11", machine="x86_64", glibc=36)
    pins, complete = wheels.lock([f"uvicorn=={version('uvicorn')}"], target)
    assert complete
    assert f"h11=={version('h11')}" in pins
    assert f"click=={version('click')}" in pins


def test_what_a_package_needs_elsewhere_is_left_out() -> None:
    target = wheels.Target(python="3.11", machine="x86_64", glibc=36)
    pins, _ = wheels.lock([f"click=={version('click')}"], target)
    assert [pin.split("==")[0] for pin in pins] == ["click"]


def test_a_library_without_its_symbols_still_loads(tmp_path: Path) -> None:
    whole = Path(uvloop.loop.__file__)
    thin = tmp_path / whole.name
    shutil.copy(whole, thin)
    wheels._strip(thin)
    assert thin.stat().st_size < whole.stat().st_size / 2
    assert ctypes.CDLL(str(thin)).PyInit_loop

"""The base image: nothing is done when it is there, and what is missing for making it is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbops.deploy import base_image
from nbops.errors import MissingError


@pytest.mark.docker
def test_an_image_that_is_there_is_not_made_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert base_image.main([]) == 0
    assert capsys.readouterr().out.startswith("nbops-base:bookworm is there: sha256:")


@pytest.mark.docker
def test_without_root_the_command_that_has_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MissingError, match="needs root") as caught:
        base_image.make("nbops-base:never-made")
    assert str(caught.value.hint).startswith("sudo ")
    assert str(caught.value.hint).endswith("-m nbops.deploy.base_image")


@pytest.mark.docker
def test_without_debootstrap_its_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="debootstrap is not installed") as caught:
        base_image.make("nbops-base:never-made")
    assert caught.value.hint == "apt-get install debootstrap"


@pytest.mark.docker
def test_the_command_says_what_is_missing_and_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert base_image.main(["--tag", "nbops-base:never-made"]) == 1
    assert "debootstrap needs root" in capsys.readouterr().err

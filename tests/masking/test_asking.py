"""``nbops.secret``: from where a masked value may be had again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from planted_secrets import FORMS, Maker, left_on_disk

import nbops
from nbops.errors import MissingError, UsageError
from nbops.masking import Masker, asking, masker_of
from nbops.masking.known import VALUES, Values
from nbops.masking.project import Names
from nbops.settings import load_settings

TOKEN = FORMS["GitHub token"](Maker(3))


def test_it_is_read_from_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBOPS_SECRET_3F2A9C1D0B7E", TOKEN)
    assert nbops.secret("3f2a9c1d0b7e") == TOKEN
    assert VALUES.is_in(f"x{TOKEN}y")


def test_it_is_found_in_any_variable_that_holds_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret_id = masker_of(load_settings()).id_of(TOKEN, "GitHub token")
    VALUES.forget()
    monkeypatch.setenv("RENAMED_SINCE", TOKEN)
    assert nbops.secret(secret_id) == TOKEN


def test_where_nobody_can_be_asked_the_error_says_what_to_set(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda _: "")
    with pytest.raises(MissingError) as caught:
        nbops.secret("aaaaaaaaaaaa")
    assert caught.value.hint == "export NBOPS_SECRET_AAAAAAAAAAAA=…"
    with pytest.raises(UsageError):
        nbops.secret("not an id")


def test_a_masked_parameter_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBOPS_SECRET_3F2A9C1D0B7E", TOKEN)
    assert asking.restored("[masked: 3f2a9c1d0b7e API key]") == TOKEN
    assert asking.restored("as [masked: it] is") == "as [masked: it] is"
    assert asking.restored(3) == 3


def test_ids_need_the_projects_key_which_only_its_owner_reads(tmp_path: Path) -> None:
    one, again, other = Names(tmp_path), Names(tmp_path), Names(tmp_path / "other")
    assert one.of("value") == again.of("value") != other.of("value")
    key = tmp_path / "secrets.key"
    assert key.stat().st_mode & 0o077 == 0
    assert not left_on_disk(tmp_path, {"value": "value"})


def test_without_a_place_for_the_key_ids_hold_for_the_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    names = Names(tmp_path / "file" / "below")
    assert names.of("a") == names.of("a")
    assert Masker(tmp_path / "file" / "below", values=Values()).source(f"x = '{TOKEN}'")[1] != []


def test_what_is_typed_is_asked_for_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(asking, "_can_ask", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or TOKEN)
    monkeypatch.setattr(asking, "_answers", {})
    assert (nbops.secret("bbbbbbbbbbbb"), nbops.secret("bbbbbbbbbbbb")) == (TOKEN, TOKEN)
    assert asked == ["the secret bbbbbbbbbbbb: "]
    assert TOKEN not in os.environ.values()

from pathlib import Path

import pytest

from nbops.errors import SettingsError
from nbops.settings import find_root, is_server, load_settings, overshadowed


def test_project_is_the_nearest_folder_upwards_with_a_store(tmp_path: Path) -> None:
    (tmp_path / ".nbops").mkdir()
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_root(deep) == tmp_path


def test_without_a_store_the_current_folder_is_the_project(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, env={})
    assert (settings.root, settings.store) == (str(tmp_path), str(tmp_path / ".nbops" / "store.db"))
    assert not (tmp_path / ".nbops").exists()


def test_environment_wins_over_pyproject_and_pyproject_over_the_default(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.nbops]\nblobs = "kept"\noutput_bytes = 7\n[tool.nbops.checks]\nx = 1\n'
    )
    settings = load_settings(tmp_path, env={"NBOPS_OUTPUT_BYTES": "9"})
    assert (settings.blobs, settings.output_bytes, settings.record) == (str(tmp_path / "kept"), 9, True)


@pytest.mark.parametrize(("text", "value"), [("1", True), ("true", True), ("No", False), ("0", False)])
def test_flags_are_read_as_people_write_them(tmp_path: Path, text: str, value: bool) -> None:
    assert load_settings(tmp_path, env={"NBOPS_RECORD": text}).record is value


def test_address_of_a_server_is_kept_and_the_journal_stays_local(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, env={"NBOPS_STORE": "postgresql://team/nbops"})
    assert is_server(settings.store)
    assert settings.journal == tmp_path / ".nbops" / "store.db"


@pytest.mark.parametrize(
    ("pyproject", "env", "words"),
    [
        ("[tool.nbops]\nrecrod = true\n", {}, ["'recrod'", "record"]),
        ("[tool.nbops\n", {}, ["not valid TOML"]),
        ("", {"NBOPS_OUTPUT_BYTES": "many"}, ["NBOPS_OUTPUT_BYTES", "'many'", "int"]),
        ("", {"NBOPS_RECORD": "perhaps"}, ["NBOPS_RECORD", "'perhaps'", "bool"]),
    ],
    ids=["unknown name", "broken file", "not a number", "not a flag"],
)
def test_setting_that_cannot_be_understood_is_named_with_its_value(
    tmp_path: Path, pyproject: str, env: dict[str, str], words: list[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text(pyproject)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, env=env)
    assert [word for word in words if word not in str(caught.value)] == []
    assert caught.value.hint


@pytest.mark.parametrize(
    ("marks", "start", "found"),
    [
        ([".nbops/", "own/.git/"], "own/notebooks", "own"),
        ([".nbops/", "own/pyproject.toml"], "own/notebooks", "own"),
        ([".nbops/", ".git/", "own/pyproject.toml"], "own/notebooks", None),
        ([".nbops/", ".git/"], "notebooks", None),
        ([".nbops/"], "notebooks", None),
        ([".nbops/", ".git/"], ".", None),
    ],
    ids=["a repository", "a Python project", "a package of the project", "a folder", "no repository at all", "itself"],
)
def test_a_project_that_is_taken_over_from_above_is_found(
    tmp_path: Path, marks: list[str], start: str, found: str | None
) -> None:
    for mark in marks:
        place = tmp_path / mark
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir() if mark.endswith("/") else place.touch()
    here = (tmp_path / start).resolve()
    here.mkdir(parents=True, exist_ok=True)
    root = Path(load_settings(here, env={}).root)
    assert root == tmp_path
    assert overshadowed(root, here) == (tmp_path / found if found else None)


@pytest.mark.parametrize("place", ["home", "temporary"])
def test_a_stray_project_in_the_home_folder_or_among_temporary_files_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path) if place == "home" else "/")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path) if place == "temporary" else "/nowhere")
    assert overshadowed(tmp_path, tmp_path / "churn") == tmp_path / "churn"
    (tmp_path / "pyproject.toml").touch()
    assert overshadowed(tmp_path, tmp_path / "churn") is None

"""Environment, repository and notebook path, read off the process."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from nbops import surroundings
from nbops.capture import place
from nbops.surroundings import GitState, Installed, installed


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_packages_agree_with_the_slow_way() -> None:
    # Ray puts its own copies of others on the path while it is imported, which an earlier test may have done.
    path = [folder for folder in sys.path if "site-packages" not in Path(folder).parent.parts]
    slow = {surroundings._normalised(found.name): found.version for found in reversed(list(distributions(path=path)))}
    assert surroundings.packages(sys.path) == slow


def test_only_settings_that_change_numbers_leave_the_environment() -> None:
    given = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "2", "TZ": "UTC", "LC_ALL": "C", "AWS_SECRET_ACCESS_KEY": "x"}
    kept = surroundings.environment(given).variables
    assert kept == {"LC_ALL": "C", "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "0", "TZ": "UTC"}


def test_equal_environments_have_one_id() -> None:
    assert surroundings.environment({"TZ": "UTC"}).id == surroundings.environment({"TZ": "UTC"}).id
    assert surroundings.environment({"TZ": "UTC"}).id != surroundings.environment({}).id


def test_the_repository_is_described(tmp_path: Path) -> None:
    assert surroundings.git_state(tmp_path) == GitState()
    git(tmp_path, "init")
    assert surroundings.git_state(tmp_path) == GitState(branch="main", dirty=False)
    (tmp_path / "train.py").write_text("x = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "untracked.txt").write_text("new")
    (tmp_path / "sub").mkdir()
    assert surroundings.git_state(tmp_path / "sub") == GitState(commit=commit, branch="main", dirty=False)
    (tmp_path / "train.py").write_text("x = 2\n")
    assert surroundings.git_state(tmp_path) == GitState(commit=commit, branch="main", dirty=True)
    git(tmp_path, "checkout", "--detach")
    assert surroundings.git_state(tmp_path).branch is None


@pytest.mark.parametrize(
    ("env", "namespace", "path"),
    [
        ({}, {}, None),
        ({"JPY_SESSION_NAME": "{root}/a/train.ipynb"}, {}, "a/train.ipynb"),
        ({"JPY_SESSION_NAME": "projects/a/train.ipynb"}, {}, "a/train.ipynb"),
        ({"JPY_SESSION_NAME": "{root}/console-1-2f0c"}, {}, None),
        ({"JPY_SESSION_NAME": "/elsewhere/train.ipynb"}, {}, "/elsewhere/train.ipynb"),
        ({}, {"__vsc_ipynb_file__": "{root}/a/train.ipynb"}, "a/train.ipynb"),
        ({"JPY_SESSION_NAME": "{root}/old.ipynb"}, {"__vsc_ipynb_file__": "{root}/a/train.ipynb"}, "a/train.ipynb"),
        ({"NBOPS_NOTEBOOK": "a/train.ipynb", "JPY_SESSION_NAME": "{root}/other.ipynb"}, {}, "a/train.ipynb"),
        ({}, {"__vsc_ipynb_file__": 3}, None),
    ],
)
def test_the_notebook_is_found_without_asking_a_server(
    env: dict[str, str], namespace: dict[str, object], path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "projects"
    (root / "a").mkdir(parents=True)
    (root / "a" / "train.ipynb").touch()
    monkeypatch.chdir(root / "a")
    for name in ("NBOPS_NOTEBOOK", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value.format(root=root))
    said = {name: value.format(root=root) if isinstance(value, str) else value for name, value in namespace.items()}
    assert place.notebook(said, str(root)) == path


def test_copies_that_a_package_brings_along_are_not_installed(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    (site / "numpy-2.0.dist-info").mkdir(parents=True)
    (site / "ray" / "thirdparty_files" / "colorama-0.4.6.dist-info").mkdir(parents=True)
    assert surroundings.packages([str(site), str(site / "ray" / "thirdparty_files")]) == {"numpy": "2.0"}


def test_what_is_installed_later_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed("late-comer") is None
    about = tmp_path / "late_comer-1.2.dist-info"
    about.mkdir()
    said = "Metadata-Version: 2.1\nName: late-comer\nVersion: 1.2\nRequires-Dist: msgspec>=0.18\n"
    (about / "METADATA").write_text(said)
    assert installed("late-comer") == Installed("1.2", ("msgspec>=0.18",))

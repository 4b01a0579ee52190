"""What is set up is not set up again until one of its inputs changes."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "provision.py"


@pytest.fixture
def provision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool on an empty checkout, with installers that only leave behind what the real ones make."""
    spec = importlib.util.spec_from_file_location("provision", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    venv, panel = tmp_path / ".venv", tmp_path / "labextension"
    for name, value in {"ROOT": tmp_path, "CACHE": tmp_path / ".cache", "VENV": venv, "BIN": venv / "bin"}.items():
        monkeypatch.setattr(tool, name, value)
    monkeypatch.setattr(tool, "LINKS", {})
    for file in ("requirements.lock", "pyproject.toml"):
        (tmp_path / file).write_text("")
    (panel / "src").mkdir(parents=True)
    for file in ("yarn.lock", "package.json", "src/index.ts"):
        (panel / file).write_text("{}")
    calls: list[str] = []
    monkeypatch.setattr(tool, "calls", calls, raising=False)

    def run(*command: Any, **_: Any) -> None:
        calls.append(" ".join(map(str, command)))
        for made in (venv / "bin/python", venv / "bin/nbops", tmp_path / "src/nbops/labextension/package.json"):
            made.parent.mkdir(parents=True, exist_ok=True)
            made.touch()
        (panel / "node_modules").mkdir(exist_ok=True)

    def quietly(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(" ".join(command))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(tool, "run", run)
    monkeypatch.setattr(tool.subprocess, "run", quietly)
    return tool


def test_a_second_call_installs_and_builds_nothing(provision: Any) -> None:
    provision.python()
    provision.panel()
    assert any("requirements.lock" in call for call in provision.calls)
    assert any(call.endswith("jlpm.py build") for call in provision.calls)
    provision.calls.clear()
    provision.python()
    provision.panel()
    assert provision.calls == []


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("requirements.lock", ["requirements.lock"]),
        ("labextension/src/index.ts", ["jlpm.py build"]),
        ("labextension/yarn.lock", ["jlpm.py install", "jlpm.py build"]),
    ],
)
def test_a_changed_input_is_set_up_again(provision: Any, tmp_path: Path, changed: str, again: list[str]) -> None:
    provision.python()
    provision.panel()
    provision.calls.clear()
    (tmp_path / changed).write_text("other")
    provision.python()
    provision.panel()
    assert [word for word in again if any(word in call for call in provision.calls)] == again


def test_what_was_removed_is_made_again(provision: Any, tmp_path: Path) -> None:
    provision.panel()
    provision.calls.clear()
    (tmp_path / "src/nbops/labextension/package.json").unlink()
    provision.panel()
    assert [call for call in provision.calls if call.endswith("jlpm.py build")] != []

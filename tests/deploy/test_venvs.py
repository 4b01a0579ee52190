"""``--isolated``: the process engine with an interpreter that has the lock's packages and nothing of ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbops.deploy import client
from nbops.deploy.making import Making
from nbops.deploy.process_engine import ProcessEngine
from nbops.errors import UsageError

SAYS = "import importlib.util, sys; return [[sys.prefix, importlib.util.find_spec('nbops') is None] for row in rows]"


@pytest.fixture
def isolated(workshop: Any) -> Any:
    workshop.settings = msgspec.structs.replace(workshop.settings, isolated=True)
    return workshop


def test_an_isolated_server_has_an_interpreter_of_its_own_without_our_packages(isolated: Any) -> None:
    endpoint = isolated.deploy(1, body=SAYS, expected=[], example=[])
    prefix, is_free_of_nbops = client.predict(endpoint.address, [{"x": 1.0}])["predictions"][0]
    assert Path(prefix).is_relative_to(isolated.settings.folder / "endpoints" / "tiny")
    assert prefix != sys.prefix
    assert is_free_of_nbops


def test_stop_removes_its_venv_and_leaves_its_logs(isolated: Any) -> None:
    isolated.deploy(1)
    folder = Path(isolated.deployment(1).log_path).parent
    assert (folder / "venv").is_dir()
    isolated.stop()
    assert not (folder / "venv").exists()
    assert (folder / "server.log").exists()


def test_a_rollback_makes_it_again_as_it_was_made(isolated: Any) -> None:
    isolated.deploy(1)
    isolated.settings = msgspec.structs.replace(isolated.settings, isolated=False)
    isolated.deploy(2)
    first = isolated.deployment(1)
    ProcessEngine(isolated.settings).stop(first.handle)  # as if it had been killed
    isolated.rollback()
    assert "python" in isolated.deployment(1).handle


@pytest.mark.parametrize(
    ("making", "engine"),
    [
        (Making(isolated=True), "docker"),
        (Making(isolated=True, push="localhost:5000"), None),
        (Making(save="a.tar"), "fake"),
    ],
)
def test_what_contradicts_itself_is_refused(making: Making, engine: str | None) -> None:
    with pytest.raises(UsageError):
        making.engine_for(engine)

"""What people's own tests are promised: a project that ends with the test, and deployments without processes."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import nbops
from nbops.deploy.engine import engine_named
from nbops.errors import DeployError, SettingsError
from nbops.settings import load_settings
from nbops.testing import project
from nbops.testing.engine import kill

ROWS = np.random.default_rng(0).normal(size=(60, 2))


def fitted(slope: float = 2.0) -> LinearRegression:
    return LinearRegression().fit(ROWS, ROWS @ [slope, 3.0])


def test_calls_inside_work_on_the_project_and_on_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBOPS_STORE", str(tmp_path / "precious.db"))
    with project(tmp_path / "first") as workspace:
        nbops.log_param("depth", 3)
        assert [row.params for row in workspace.runs()] == [{"depth": 3}]
    with project(tmp_path / "second") as workspace:
        assert workspace.runs() == []

    assert not (tmp_path / "precious.db").exists()


def test_the_folder_and_the_environment_are_as_before_even_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBOPS_RECORD", "false")
    before = Path.cwd(), dict(os.environ)

    def fails() -> None:
        with project(tmp_path, output_bytes="10") as workspace:
            assert (Path.cwd(), workspace.settings.record, workspace.settings.output_bytes) == (tmp_path, True, 10)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()

    assert (Path.cwd(), dict(os.environ)) == before


def test_a_setting_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="output_bytes"), project(tmp_path, output_bytes="many"):
        pass


def test_a_model_is_deployed_asked_swapped_and_rolled_back_without_any_process(tmp_path: Path) -> None:
    with project(tmp_path) as workspace:
        first = nbops.deploy(fitted(2.0), name="line", sample=ROWS)
        assert first.predict([{"x0": 1.0, "x1": 1.0}])["predictions"] == [pytest.approx(5.0)]
        nbops.deploy(fitted(4.0), name="line", sample=ROWS)
        assert [endpoint.engine for endpoint in workspace.endpoints()] == ["fake"]
        assert workspace.predict("line", '[{"x0": 1.0, "x1": 1.0}]').predictions == [pytest.approx(7.0)]
        workspace.rollback("line")
        assert workspace.predict("line", '[{"x0": 1.0, "x1": 1.0}]').predictions == [pytest.approx(5.0)]

    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("nbops-fake")] == []


def test_requests_are_logged_and_monitored_as_those_of_a_container(tmp_path: Path) -> None:
    with project(tmp_path) as workspace:
        endpoint = nbops.deploy(fitted(), name="line", sample=ROWS)
        for _ in range(30):
            endpoint.predict([{"x0": 100.0, "x1": 1.0}])
        # The log is written behind the answers.
        until = time.monotonic() + 20
        while (window := workspace.monitor("line")).rows < 30 and time.monotonic() < until:
            time.sleep(0.1)
        assert window.rows >= 30
        assert window.verdict == "drifted"


def test_a_server_that_dies_is_found_down(tmp_path: Path) -> None:
    with project(tmp_path) as workspace:
        nbops.deploy(fitted(), name="line", sample=ROWS)
        kill(workspace.deployments("line")[0].handle)
        assert [endpoint.status for endpoint in workspace.endpoints()] == ["down"]
        with pytest.raises(DeployError):
            workspace.predict("line", '[{"x0": 1.0, "x1": 1.0}]')


def test_outside_of_a_test_the_fake_engine_is_refused_with_another(tmp_path: Path) -> None:
    problem = engine_named("fake", load_settings(tmp_path, env={})).problem()

    assert problem is not None
    assert (problem.code, problem.hint) == ("not_in_a_test", "--engine process")

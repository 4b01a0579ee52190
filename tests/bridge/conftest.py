"""MLflow stores of every kind, projects, and what others do in MLflow."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for what several test modules share

from bridge_projects import Project, fill
from mlflow_server import PEERS, MlflowServer, environment

from nbops.quiet import quiet
from nbops.records import Run


@pytest.fixture(scope="session", autouse=True)
def _imported() -> None:
    """MLflow's own import warns of what others deprecate, and half an import is worse than none."""
    with quiet():
        import mlflow.utils.validation  # noqa: F401


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Project]]:
    """Makes projects; the current folder is an empty one, which must stay so."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    made: list[Project] = []

    def make() -> Project:
        made.append(Project(tmp_path / f"project{len(made)}"))
        return made[-1]

    yield make
    for project in made:
        project.store.close()
    assert list(empty.iterdir()) == []


@pytest.fixture(params=["server", "sqlite", "files"])
def mlflow_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An MLflow of each kind; the server is shared, the others are new."""
    if request.param == "server":
        server: MlflowServer = request.getfixturevalue("mlflow_server")
        return server.uri
    return f"sqlite:///{tmp_path}/ml/mlflow.db" if request.param == "sqlite" else str(tmp_path / "ml" / "mlruns")


@pytest.fixture
def experiment() -> str:
    """A name that no other test has."""
    return f"experiment {uuid.uuid4().hex}"


@pytest.fixture
def in_mlflow(mlflow_server: MlflowServer, tmp_path: Path) -> Callable[..., str]:
    """Runs a script in MLflow's own environment, as its users do; returns what it printed."""

    def run(script: str, *arguments: str) -> str:
        path = tmp_path / f"{uuid.uuid4().hex}.py"
        path.write_text(textwrap.dedent(script))
        done = subprocess.run(
            [str(PEERS / "python"), "-W", "ignore", str(path), *arguments], capture_output=True, text=True, check=False,
            env={**environment(), "MLFLOW_TRACKING_URI": mlflow_server.uri}, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def full(projects: Callable[[], Project], model_name: str) -> tuple[Project, dict[str, Run]]:
    """A project with one of everything."""
    project = projects()
    return project, fill(project, model_name)


@pytest.fixture
def model_name() -> str:
    """A name that no other test has registered."""
    return f"churn-{uuid.uuid4().hex[:8]}"

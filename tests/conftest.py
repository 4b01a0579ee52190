"""What every test may use, and the one rule for what is missing here.

A test marked ``docker``, ``docker_files``, ``browser``, ``postgres``, ``haproxy``, ``mlflow``, ``registry``,
``systemd`` or ``cron`` needs that component. Where it is not there, the test is skipped with a line that says what is
missing; with ``NBOPS_REQUIRE_ALL=1`` every skip, whatever its reason, is a failure.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from nbops.settings import Settings
    from nbops.store.interface import Store

pytest_plugins = ["clusters", "mlflow_server", "postgres_server", "receivers", "registry_server", "s3_server"]

REQUIRE_ALL = os.environ.get("NBOPS_REQUIRE_ALL") == "1"

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# A test process must not see the project, the run or the store of whoever started it.
for _name in [name for name in os.environ if name.startswith("NBOPS_") and name != "NBOPS_REQUIRE_ALL"]:
    del os.environ[_name]


def pytest_configure() -> None:
    """Give the shells and kernels of this process a fresh IPython folder: no start-up files, no shared history."""
    folder = os.environ["IPYTHONDIR"] = tempfile.mkdtemp(prefix="nbops-ipython-")
    # Registered before any shell is there, so it goes last: shells write their history when the process ends.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


@functools.cache
def _missing_docker() -> str | None:
    import docker

    try:
        client = docker.from_env(timeout=10)
        try:
            client.ping()
            # In one question: the SDK's own list asks about each again, and some test may be removing one just now.
            tags = {tag for image in client.api.images() for tag in image.get("RepoTags") or []}
        finally:
            client.close()
    except docker.errors.DockerException as error:
        return f"no Docker engine answers ({error}): apt-get install docker.io, then dockerd"
    if "nbops-base:bookworm" not in tags:
        return "the containers' base image is not there: python -m nbops.deploy.base_image"
    return None


@functools.cache
def _missing_docker_files() -> str | None:
    if reason := _missing_docker():
        return reason
    from nbops.deploy import docker_client, spool

    with docker_client.connected() as client, tempfile.TemporaryDirectory() as folder:
        if spool.shares_files(client, "nbops-base:bookworm", Path(folder)):
            return None
    return (
        "the Docker daemon sees other files than this machine, so an edge cannot be a container: run beside the daemon"
    )


@functools.cache
def _missing_browser() -> str | None:
    return None if shutil.which("chromium") else "no Chromium: apt-get install chromium"


@functools.cache
def _missing_postgres() -> str | None:
    found = any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb")
    return None if found else "no PostgreSQL server programs: apt-get install postgresql"


@functools.cache
def _missing_haproxy() -> str | None:
    return None if shutil.which("haproxy") else "no HAProxy: apt-get install haproxy"


@functools.cache
def _missing_registry() -> str | None:
    return None if shutil.which("docker-registry") else "no Docker registry: apt-get install docker-registry"


@functools.cache
def _missing_systemd() -> str | None:
    return None if shutil.which("systemd-analyze") else "no systemd-analyze: apt-get install systemd"


@functools.cache
def _missing_cron() -> str | None:
    return None if shutil.which("crontab") else "no crontab: apt-get install cron"


@functools.cache
def _missing_mlflow() -> str | None:
    from mlflow_server import PEERS

    return None if (PEERS / "mlflow").exists() else "no MLflow server: python3 tools/provision.py peers"


MISSING: dict[str, Callable[[], str | None]] = {
    "docker": _missing_docker,
    "docker_files": _missing_docker_files,
    "browser": _missing_browser,
    "postgres": _missing_postgres,
    "haproxy": _missing_haproxy,
    "registry": _missing_registry,
    "systemd": _missing_systemd,
    "cron": _missing_cron,
    "mlflow": _missing_mlflow,
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose component is not here, and say what would bring it."""
    for name, missing in MISSING.items():
        if item.get_closest_marker(name) is not None and (reason := missing()):
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is required, a skip is a failure."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"NBOPS_REQUIRE_ALL is set, and {item.nodeid} was skipped: {reason}"
    return report


@pytest.fixture
def require() -> Callable[[str], None]:
    """Ask for a component from inside a test: ``require("docker")``."""

    def ask(name: str) -> None:
        if reason := MISSING[name]():
            pytest.skip(reason)

    return ask


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project folder with its own ``.nbops``, which is the current folder during the test."""
    folder = tmp_path / "project"
    (folder / ".nbops").mkdir(parents=True)
    monkeypatch.chdir(folder)
    yield folder
    if "nbops.capture.here" in sys.modules:
        # A process has one session, which stays in its project; the next test has another project.
        sys.modules["nbops.capture.here"].ended()


@pytest.fixture
def settings(project: Path) -> Settings:
    """The project's settings, whatever the environment says."""
    from nbops.settings import load_settings

    return load_settings(project, env={})


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The project's store."""
    from nbops.store import open_store

    with open_store(settings) as opened:
        yield opened


@pytest.fixture
def free_port() -> int:
    """A TCP port of the loopback address that nothing listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(autouse=True)
def no_secrets_known() -> Iterator[None]:
    """What one test has learnt to be secret is none in the next."""
    yield
    if (known := sys.modules.get("nbops.masking.known")) is not None:
        known.VALUES.forget()

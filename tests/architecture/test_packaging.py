"""What the package promises to others: names, seams, extras."""

import importlib
import importlib.metadata
import tomllib
from pathlib import Path
from typing import Any

import pytest

import nbops
from nbops.bundle.flavours import FLAVOURS
from nbops.bundle.rung import RUNGS
from nbops.deploy.engine import ENGINES
from nbops.extending import SEAMS
from nbops.flows.check import CHECKS
from nbops.monitor.statistics import DRIFT_TESTS
from nbops.notify import NOTIFIERS
from nbops.schedule import TRIGGERS
from nbops.store.shared import STORES

PROJECT: dict[str, Any] = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text("utf-8"))
GROUPS: dict[str, dict[str, str]] = PROJECT["project"]["entry-points"]


TABLES = {
    "engines": ENGINES,
    "checks": CHECKS,
    "drift_tests": DRIFT_TESTS,
    "flavours": FLAVOURS,
    "rungs": RUNGS,
    "notifiers": NOTIFIERS,
    "stores": STORES,
    "triggers": TRIGGERS,
}


@pytest.mark.parametrize(("seam", "table"), TABLES.items(), ids=TABLES)
def test_seams_are_announced_as_they_are_found(seam: str, table: dict[str, str]) -> None:
    assert GROUPS[f"nbops.{seam}"] == table, f'write the table of {seam} into pyproject.toml as "nbops.{seam}"'


@pytest.mark.parametrize("group", [group for group in GROUPS if group.startswith("nbops.")])
def test_every_announced_group_is_a_seam_and_its_members_exist(group: str) -> None:
    assert group.removeprefix("nbops.") in SEAMS
    for reference in GROUPS[group].values():
        module, _, name = reference.partition(":")
        assert hasattr(importlib.import_module(module), name)


def test_public_names_are_those_that_are_promised() -> None:
    assert sorted(nbops.__all__) == [
        "__version__", "autolog", "deploy", "load_model", "log_artifact", "log_metric", "log_metrics", "log_model",
        "log_param", "log_params", "run", "runs", "secret",
    ]  # fmt: skip
    assert all(callable(getattr(nbops, name)) for name in nbops.__all__ if name != "__version__")


def test_version_is_the_packages_own() -> None:
    assert nbops.__version__ == PROJECT["project"]["version"] == importlib.metadata.version("nbops")

"""A project with a store, and the records that housekeeping is about."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbops.keep import Collected, collect
from nbops.records import Artifact, Deployment, ModelVersion, Run, new_id
from nbops.settings import Settings, load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs
from nbops.store.interface import Store
from nbops_serving.manifest import Column, Signature

DAY_S = 86_400.0


class House:
    """An opened project, and short words for what tests put into it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store: Store = open_store(settings)
        self.blobs = Blobs(settings.blobs)

    def run(self, name: str = "train", **fields: Any) -> Run:
        """A finished run."""
        known: dict[str, Any] = {"kind": "notebook", "status": "finished", "started_at": 1.0, "ended_at": 2.0}
        run = Run(id=new_id(), name=name, **{**known, **fields})
        self.store.put(run)
        return run

    def artifact(self, run: Run, data: bytes) -> str:
        """Bytes that a run keeps, put days ago; returns their digest."""
        digest = self.old_blob(data)
        self.store.put(
            Artifact(id=new_id(), run_id=run.id, name="file", digest=digest, size_bytes=len(data), at=time.time())
        )
        return digest

    def old_blob(self, data: bytes, *, days: float = 40.0) -> str:
        digest = self.blobs.put(data)
        self.age(self.blobs.path(digest), days=days)
        return digest

    def age(self, path: Path, *, days: float = 40.0) -> Path:
        then = time.time() - days * DAY_S
        for each in (*path.rglob("*"), path) if path.is_dir() else (path,):
            os.utime(each, (then, then))
        return path

    def model(self, run: Run | None, digest: str, **fields: Any) -> ModelVersion:
        version = self.store.add_version(
            ModelVersion(
                id=new_id(), model="churn", number=0, digest=digest, flavour="joblib", type_name="m.Ridge",
                signature=Signature(columns=[Column(name="age", kind="number")]), run_id=run.id if run else None,
                created_at=5.0, **fields,
            )
        )  # fmt: skip
        assert isinstance(version, ModelVersion)
        return version

    def deployment(self, version: ModelVersion, **fields: Any) -> Deployment:
        known: dict[str, Any] = {"status": "ready", "endpoint": "churn", "engine": "process", "started_at": 1.0}
        made = Deployment(
            id=new_id(), bundle_id="b", model_version_id=version.id, number=version.number, **{**known, **fields}
        )
        self.store.put(made)
        return made

    def collect(self, *, older_than_days: float = 30.0, apply: bool = True) -> Collected:
        return collect(
            store=self.store, blobs=self.blobs, settings=self.settings, older_than_days=older_than_days, apply=apply
        )


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def house(
    request: pytest.FixtureRequest, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """A project, once with a store of its own and once with one that a team shares."""
    # Collections look into the user's cache, too.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    env = {}
    if request.param == "postgres":
        env["NBOPS_STORE"] = request.getfixturevalue("postgres_server").new_schema(f"s{new_id()}")
    house = House(load_settings(project, env=env))
    yield house
    house.store.close()


@pytest.fixture
def local(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A project with a store of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    house = House(load_settings(project, env={}))
    yield house
    house.store.close()

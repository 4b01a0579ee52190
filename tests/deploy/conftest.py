"""A project with a real store, tiny bundles for the real server, and the promise that nothing is left running."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from nbops.deploy import Access, deploy, docker_client, endpoints, rollback, stop
from nbops.errors import NbopsError
from nbops.records import Bundle, Deployment, Endpoint, ModelVersion, new_id
from nbops.settings import Settings, load_settings
from nbops.store import open_store
from nbops.store.interface import Store
from nbops_serving.manifest import Column, Manifest, Signature, write_manifest

SIGNATURE = Signature(columns=[Column(name="x", kind="number", minimum=-1e6, maximum=1e6)], takes="rows")

MODULE = """\
import os, time

def predict(rows):
    {body}
    return [row["x"] * {factor} for row in rows]
"""


@dataclass
class Workshop:
    """A project in which tiny models are made and deployed; version n multiplies ``x`` by n."""

    store: Store
    settings: Settings
    engine: str = "process"

    def bundle(
        self, number: int, *, body: str = "pass", expected: list[object] | None = None, **manifest: Any
    ) -> tuple[Bundle, ModelVersion]:
        """Make a bundle by hand; ``body`` is a statement of its model."""
        version = ModelVersion(
            id=new_id(),
            model="tiny",
            number=number,
            digest="0" * 64,
            flavour="function",
            signature=SIGNATURE,
            type_name="tiny_model.predict",
            created_at=time.time(),
        )
        files = {
            "modules/tiny_model.py": MODULE.format(body=body, factor=number).encode(),
            "model.json": b'"tiny_model:predict"',
        }
        fields: dict[str, Any] = {
            "format": 1,
            "model": "tiny",
            "version": number,
            "model_version_id": version.id,
            "run_id": None,
            "created_at": 0.0,
            "flavour": "function",
            "rung": "original",
            "signature": SIGNATURE,
            "python": "{}.{}".format(*sys.version_info),
            "requirements": [],
            "example": [{"x": 3.0}, {"x": -1.5}],
            "expected": [3.0 * number, -1.5 * number] if expected is None else expected,
            "files": {name: sha256(data).hexdigest() for name, data in files.items()},
            "modules": ["tiny_model"],
            "model_file": "model.json",
            "types": ["tiny_model.predict"],
        }
        data = write_manifest(Manifest(**(fields | manifest)))
        digest = sha256(data).hexdigest()
        folder = self.settings.folder / "bundles" / digest
        for name, content in {**files, "manifest.json": data}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        bundle = Bundle(
            id=new_id(),
            model_version_id=version.id,
            digest=digest,
            path=str(folder),
            rung="original",
            requirements=[],
            size_bytes=sum(map(len, files.values())),
            created_at=time.time(),
        )
        self.store.put(version, bundle)
        return bundle, version

    def deploy(
        self, number: int, *, name: str = "tiny", port: int | None = None, access: Access | None = None, **bundle: Any
    ) -> Endpoint:
        """Make a bundle and deploy it."""
        made, version = self.bundle(number, **bundle)
        return deploy(
            made, version, name=name, engine=self.engine, port=port, access=access, store=self.store,
            settings=self.settings,
        )  # fmt: skip

    def rollback(self, name: str = "tiny") -> Endpoint:
        return rollback(name, store=self.store, settings=self.settings)

    def stop(self, name: str = "tiny") -> Endpoint:
        return stop(name, store=self.store, settings=self.settings)

    def endpoint(self, name: str = "tiny") -> Endpoint:
        """The endpoint as it is now."""
        found = endpoints(self.store, self.settings)
        return next(endpoint for endpoint in found if endpoint.name == name)

    def deployment(self, number: int) -> Deployment:
        """The newest deployment of a version."""
        return self.store.find(Deployment, number=number, order_by="-id", limit=1)[0]

    def statuses(self) -> list[str]:
        """Version and status of every deployment, oldest first."""
        return [f"{each.number} {each.status}" for each in self.store.find(Deployment, order_by="id")]


@pytest.fixture
def engine() -> str:
    """The engine that a test deploys on; tests over both override it by a parameter."""
    return "process"


@pytest.fixture
def workshop(project: Path, tmp_path: Path, engine: str) -> Iterator[Workshop]:
    """A project to deploy in; whatever is left running at the end is stopped, and nothing of it may remain."""
    settings = load_settings(project, env={})
    with open_store(settings) as store:
        made = Workshop(store, settings, engine)
        yield made
        for endpoint in store.find(Endpoint):
            if endpoint.status != "stopped":
                made.stop(endpoint.name)
        left = [*_processes(str(tmp_path)), *_containers(settings.root)]
        assert not left, f"left behind: {left}"


def _processes(word: str) -> list[str]:
    """Command lines of running processes that name a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", errors="replace")
        except OSError:
            continue  # it has just ended
        if word in line and int(entry.parent.name) != os.getpid():
            found.append(line)
    return found


def _containers(project: str) -> list[str]:
    """Everything in Docker that was made for a project."""
    mine = {"label": f"{docker_client.PROJECT_LABEL}={project}"}
    try:
        with docker_client.connected() as client:
            containers = [str(each.name) for each in client.containers.list(all=True, filters=mine)]
            networks = [str(each.name) for each in client.networks.list(filters=mine)]
            images = [str(each.tags) for each in client.images.list(filters=mine)]
    except NbopsError:
        return []  # without an engine there is nothing to leave
    return containers + networks + images

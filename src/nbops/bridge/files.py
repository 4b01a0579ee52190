"""The files of one run in MLflow: those among its artifacts, and those of the models that it logged.

MLflow 3 keeps logged models outside of a run's artifacts; here they lie below their names, as its own pages show them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from nbops.bridge.server import Server
from nbops.errors import BridgeError


class Files:
    """What lies beside a run, listed at once and fetched file by file.

    Args:
        server: the MLflow.
        there: the run, as a search gives it.
    """

    def __init__(self, server: Server, there: Any) -> None:
        self._server = server
        self._run_id = there.info.run_id
        self._models: dict[str, tuple[str, str]] = {}
        client = server.client
        self.sizes: dict[str, int] = dict(self._listed(lambda path: client.list_artifacts(self._run_id, path)))
        """Path → size in bytes."""
        for logged in getattr(getattr(there, "outputs", None), "model_outputs", None) or []:
            self._add_model(client.get_logged_model(logged.model_id))

    def fetch(self, path: str, folder: Path) -> Path:
        """Download one file into a folder; returns where it is, which is its last name in there."""
        if path not in self._models:
            return Path(self._server.client.download_artifacts(self._run_id, path, str(folder)))
        from mlflow.artifacts import download_artifacts

        location, inside = self._models[path]
        return Path(
            download_artifacts(
                artifact_uri=f"{location.rstrip('/')}/{inside}", dst_path=str(folder), tracking_uri=self._server.uri
            )
        )

    def _add_model(self, model: Any) -> None:
        name, number = model.name, 1
        while any(path.startswith(f"{name}/") for path in self.sizes):
            number += 1
            name = f"{model.name}_{number}"
        listed = self._listed(lambda path: self._server.client.list_logged_model_artifacts(model.model_id, path))
        for path, size in listed:
            self.sizes[f"{name}/{path}"] = size
            self._models[f"{name}/{path}"] = (model.artifact_location, path)

    def _listed(self, ask: Callable[[str | None], Any], path: str | None = None) -> Iterator[tuple[str, int]]:
        for one in ask(path):
            if one.path.startswith("/") or ".." in PurePosixPath(one.path).parts or one.path == path:
                raise BridgeError(f"{self._server.name} lists a file at {one.path!r}", code="bad_path")
            if one.is_dir:
                yield from self._listed(ask, one.path)
            else:
                yield one.path, one.file_size or 0

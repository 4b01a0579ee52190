"""What decides a run's result as far as it is known before: code, parameters, kernel, installed packages.

Two runs with the same recipe, whose inputs are all known and unchanged, would give the same again; the second need not
be run. Whether unseeded random numbers make it differ is the notebook's own affair.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nbops.records import Param, Run, new_id
from nbops.retrain import inputs, values
from nbops.settings import Settings

if TYPE_CHECKING:
    from nbops.store.interface import Store

TAG = "recipe"
REUSED = "reused"
INPUTS_FILE = "inputs.json"
_MOST_CANDIDATES = 2000


class Recipe:
    """The part of all runs of one notebook that is the same."""

    def __init__(self, node: Any, *, kernel_name: str, packages: list[str]) -> None:
        self.packages = packages
        code = [(cell.source, cell.metadata.get("tags", [])) for cell in node.cells if cell.cell_type == "code"]
        self._shared = [code, kernel_name, packages, os.environ.get("PYTHONHASHSEED", "0")]

    def of(self, given: Mapping[str, Any]) -> str:
        """Name a run by everything that decides it; 32 hexadecimal digits."""
        text = msgspec.json.encode([self._shared, values.encode(dict(sorted(given.items())))])
        return hashlib.sha256(text).hexdigest()[:32]


class Finished:
    """The runs of a notebook that have finished, by their recipe."""

    def __init__(self, store: Store, settings: Settings, notebook: str) -> None:
        self._store = store
        self._settings = settings
        self._digests: dict[tuple[str, int, int, int], str] = {}
        self._runs: dict[str, list[Run]] = {}
        for run in store.find(Run, notebook=notebook, status="finished", deleted_at=None, limit=_MOST_CANDIDATES):
            self.add(run)

    def add(self, run: Run) -> None:
        """Know one more run that has finished."""
        if TAG in run.tags and REUSED not in run.tags:
            self._runs.setdefault(run.tags[TAG], []).append(run)

    def like(self, recipe: str) -> Run | None:
        """Find a finished run of this recipe whose inputs are all known and still the same."""
        for run in self._runs.get(recipe, []):
            if inputs.unchanged(inputs_file(run.id, self._settings), self._seen):
                return run
        return None

    def _seen(self, path: str) -> str:
        try:
            status = Path(path).stat()
        except OSError:
            return inputs.digest(path)
        key = (path, status.st_size, status.st_mtime_ns, status.st_ino)
        if key not in self._digests:
            self._digests[key] = inputs.digest(path)
        return self._digests[key]


def inputs_file(run_id: str, settings: Settings) -> Path:
    """Where a run's kernel says what it has read."""
    return settings.folder / "runs" / run_id / INPUTS_FILE


def reuse(original: Run, *, name: str, sweep_id: str, tags: Mapping[str, str], store: Store) -> Run:
    """Record in a sweep that an earlier run stands for one of its trials, with that run's parameters and metrics."""
    now = time.time()
    copy = msgspec.structs.replace(
        original,
        id=new_id(),
        name=name,
        sweep_id=sweep_id,
        cause="sweep",
        firing_id=None,
        started_at=now,
        ended_at=now,
        archived_at=None,
        tags={**tags, TAG: original.tags[TAG], REUSED: original.id},
    )
    store.put(copy)
    at = time.time()
    params = store.params(original.id)
    store.log_params([Param(run_id=copy.id, name=name, value=value, at=at) for name, value in params.items()])
    last = {metric.name: metric for metric in store.metrics(original.id)}
    store.log_metrics([msgspec.structs.replace(metric, run_id=copy.id) for metric in last.values()])
    return copy

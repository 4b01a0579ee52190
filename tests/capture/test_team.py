"""Many kernels on one record: a team on two machines with PostgreSQL and S3, and a crowd on one local store."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from s3_server import S3

from nbops.records import CellExecution, ModelVersion, Run
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs

pytestmark = pytest.mark.kernel
KERNELS, CELLS = 8, int(os.environ.get("KERNEL_CELLS", "25"))  # `make bench` asks for 1,000

FIT = """
import nbops, numpy as np
from sklearn.linear_model import Ridge
X = np.arange(12.0).reshape(6, 2)
with nbops.run("fit by {user}") as run:
    nbops.log_metric("r2", {value})
    nbops.log_artifact({{"by": "{user}"}}, "who.json")
    version = nbops.log_model(Ridge(alpha={value}).fit(X, X[:, 0]), name="churn", sample=X)
print(f"{{version.model}}@{{version.number}}")
"""
LOOK = """
print(sorted(nbops.runs(where="metrics.r2 > 0")["name"]))
print([nbops.load_model(f"churn@{n}").alpha for n in (1, 2)])
"""


@pytest.mark.postgres
def test_two_machines_of_a_team_work_in_one_project(
    tmp_path: Path, postgres_address: str, s3: S3, kernel_in: Callable[..., Any]
) -> None:
    # A machine is a folder with a journal of its own, its own cache of blobs, and somebody who works there.
    shared = {**s3.environment, "NBOPS_STORE": postgres_address, "NBOPS_BLOBS": f"{s3.address}/team"}
    machines = {}
    for user in ("ada", "bob"):
        folder = tmp_path / user
        (folder / ".nbops").mkdir(parents=True)
        env = {**shared, "LOGNAME": user, "USER": user, "XDG_CACHE_HOME": str(folder / "cache")}
        machines[user] = kernel_in(folder, env=env)
    for user, value in (("ada", 0.25), ("bob", 0.5)):
        machines[user].run("%load_ext nbops")
        reply = machines[user].run(FIT.format(user=user, value=value))
        assert reply["status"] == "ok", reply
        # Numbers are given by the store that both share.
        assert machines[user].printed(reply).strip().endswith(f"churn@{['ada', 'bob'].index(user) + 1}")
    for kernel in machines.values():
        assert kernel.printed(kernel.run(LOOK)).splitlines() == ["['fit by ada', 'fit by bob']", "[0.25, 0.5]"]
        kernel.stop()

    with open_store(load_settings(tmp_path / "ada", env=shared)) as store:
        named = {run.name: run for run in store.find(Run) if run.kind == "named"}
        assert {name: run.user for name, run in named.items()} == {"fit by ada": "ada", "fit by bob": "bob"}
        assert {run.user for run in store.find(Run, kind="session")} == {"ada", "bob"}
        assert all(run.host and run.pid for run in named.values())
        assert [version.number for version in store.find(ModelVersion, order_by="number")] == [1, 2]
        assert store.check() == []
    journals = {}
    for user in machines:
        with open_store(load_settings(tmp_path / user, env={})) as journal:
            journals[user] = {run.user for run in journal.find(Run)}
    assert journals == {"ada": {"ada"}, "bob": {"bob"}}, "each machine's journal holds what was done there"
    blobs = Blobs(f"{s3.address}/team")
    assert b'"bob"' in b"".join(blobs.get(digest) for digest in blobs.list())


def test_eight_kernels_write_at_once_and_no_cell_is_lost(
    tmp_path: Path, kernel_in: Callable[..., Any]
) -> None:  # fmt: skip
    kernels = [kernel_in() for _ in range(KERNELS)]
    for source in ("%load_ext nbops", *(f"x = {number}" for number in range(CELLS))):
        # All of them at once, then each is waited for: what nobody reads piles up in a channel until it is dropped.
        sent = [kernel.send(source) for kernel in kernels]
        replies = [kernel.reply(one, timeout=300) for kernel, one in zip(kernels, sent, strict=True)]
        assert {reply["status"] for reply in replies} == {"ok"}
    for kernel in kernels:
        kernel.stop()

    with open_store(load_settings(tmp_path, env={})) as store:
        assert store.check() == []
        sessions = store.find(Run, kind="session")
        assert len(sessions) == KERNELS
        for session in sessions:
            cells = store.find(CellExecution, run_id=session.id, order_by="position")
            assert [cell.position for cell in cells] == list(range(1, CELLS + 2))
            assert {cell.status for cell in cells} == {"ok"}
            assert [cell.source for cell in cells[1:]] == [f"x = {number}" for number in range(CELLS)]

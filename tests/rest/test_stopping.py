"""A call that takes long is ended from another one."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

from nbops.records import CellExecution, Run, new_id
from nbops.settings import load_settings
from nbops.store import open_store

if TYPE_CHECKING:
    from conftest import Server

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]


def test_a_retraining_ends_at_its_next_step_with_every_run_recorded(server: Server) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in ("import time", "time.sleep(300)")]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), server.folder / "second" / "long.ipynb")

    with (
        server.client(Authorization=f"token {server.token}", **{"X-Request-ID": "a-name"}) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        call = pool.submit(
            client.post,
            "retrain",
            params={"project": "second"},
            json={"notebook": "second/long.ipynb", "cold": True},
            timeout=90,
        )
        while not server.ask("GET", "runs", project="second").json():
            assert not call.done(), call.result().text
            time.sleep(0.1)
        stopped = server.ask("POST", "calls/stop", request="a-name")
        answer = call.result(90)

    assert (stopped.status_code, stopped.json()) == (200, {"request": "a-name"})
    assert (answer.status_code, answer.json()["code"]) == (409, "cancelled")
    (run,) = server.get("runs", project="second")
    assert run["run"]["status"] == "cancelled"


def test_what_is_not_going_on_cannot_be_stopped(server: Server) -> None:
    response = server.ask("POST", "calls/stop", request="another")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_a_call_without_a_name_is_told_what_is_missing(server: Server) -> None:
    response = server.ask("POST", "calls/stop")
    assert response.status_code == 400
    assert "X-Request-ID" in response.json()["hint"]


def test_a_question_that_takes_long_is_withdrawn(server: Server) -> None:
    ids = _long_sessions(server.folder / "second", count=20)

    with (
        server.client(Authorization=f"token {server.token}", **{"X-Request-ID": "a-comparison"}) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        call = pool.submit(client.get, "compare", params={"project": "second", "runs": ids}, timeout=90)
        while server.ask("POST", "calls/stop", request="a-comparison").status_code == 404:
            assert not call.done(), call.result().text[:200]
            time.sleep(0.01)
        answer = call.result(90)

    assert (answer.status_code, answer.json()["code"]) == (409, "cancelled")


def _long_sessions(folder: Path, *, count: int) -> list[str]:
    """Sessions with so much code in so different an order that comparing them takes seconds."""
    chance = random.Random(0)
    ids = []
    with closing(open_store(load_settings(folder, env={}))) as store:
        for number in range(count):
            run = Run(id=new_id(), name=f"long {number}", kind="session", status="finished", started_at=1.0)
            lines = "\n".join(f"x{chance.randrange(150)}" for _ in range(6000))
            cell = CellExecution(id=new_id(), run_id=run.id, position=1, source=lines, status="ok", started_at=1.0)
            store.put(run, cell)
            ids.append(run.id)
    return ids

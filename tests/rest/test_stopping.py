"""A call that takes long is ended from another one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import nbformat
import pytest

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

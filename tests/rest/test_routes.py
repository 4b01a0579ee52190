"""What the routes answer."""

from __future__ import annotations

import contextlib
import functools
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jsonschema
import msgspec
import nbformat
import pytest

from nbops.records import (
    Artifact,
    CellExecution,
    Definition,
    Deployment,
    Endpoint,
    Metric,
    ModuleVersion,
    Run,
    new_id,
)
from nbops.rest.problems import problem_of
from nbops.rest.routes import MOST_ROWS, ROUTES
from nbops.settings import load_settings
from nbops.store import open_store
from nbops.store.blobs import Blobs

if TYPE_CHECKING:
    from conftest import Server

Write = Callable[..., list[Run]]


def test_runs_are_listed_newest_first(server: Server) -> None:
    rows = server.get("runs")

    assert [row["run"]["name"] for row in rows] == ["run 3", "run 2", "run 1"]
    assert rows[0]["metrics"] == {"accuracy": 0.3}
    assert rows[0]["cells"] == 2


def test_an_expression_narrows_the_list_and_its_count(server: Server) -> None:
    where = "metrics.accuracy > 0.15 and params.depth < 3"

    assert [row["run"]["name"] for row in server.get("runs", where=where)] == ["run 2"]
    assert server.get("runs/count", where=where) == {"total": 1}


def test_lists_are_sorted_and_paged_by_the_server(server: Server) -> None:
    rows = server.get("runs", order_by="metrics.accuracy", limit=1, offset=1)

    assert [row["run"]["name"] for row in rows] == ["run 2"]


def test_curves_are_what_has_more_than_one_value_thinned_where_there_are_many(server: Server, write: Write) -> None:
    once, often = write(server.folder / "second", runs=2, name="curve")
    with contextlib.closing(open_store(load_settings(server.folder / "second", env={}))) as store:
        store.log_metrics(
            [Metric(run_id=often.id, name="loss", step=step, value=1 / step, at=2.0) for step in range(1, 1201)]
            + [Metric(run_id=often.id, name="stepless", step=None, value=value, at=2.0) for value in (3.0, 4.0)]
        )

    loss, stepless = server.get("curves", runs=[once.id, often.id], project="second")

    assert (loss["run_id"], loss["metric"], loss["of_values"]) == (often.id, "loss", 1200)
    assert (loss["steps"][0], loss["steps"][-1], loss["values"][-1]) == (1, 1200, 1 / 1200)
    assert len(loss["steps"]) <= MOST_ROWS
    assert (stepless["steps"], stepless["values"]) == ([0, 1], [3.0, 4.0])


def test_curves_of_more_runs_than_can_be_told_apart_are_refused(server: Server) -> None:
    answer = server.ask("GET", "curves", runs=["last"] * 21)
    assert answer.status_code == 400
    assert "20 runs at most" in answer.json()["detail"]


def test_a_broken_expression_is_answered_with_the_place(server: Server) -> None:
    response = server.ask("GET", "runs", where="metrics.accuracy >")

    problem = response.json()
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "bad_expression"
    assert "^" in problem["detail"]
    assert problem["hint"]


def test_cells_of_a_run_come_in_the_order_they_ran(server: Server) -> None:
    cells = server.get("cells", run="run 1")

    assert [(cell["position"], cell["status"]) for cell in cells] == [(1, "ok"), (2, "error")]
    assert server.get("cells/count", run="run 1") == {"total": 2}


def test_a_notebooks_newest_run_has_each_cells_newest_execution(server: Server) -> None:
    found = server.get("notebook", path="first/work.ipynb")

    assert found["run"]["name"] == "run 3"
    assert [cell["execution"]["cell_id"] for cell in found["cells"]] == ["a", "b"]
    assert found["executions"] == 2


def test_a_folder_without_a_store_has_empty_lists_and_gets_no_store(server: Server) -> None:
    assert server.get("runs", project="bare") == []
    assert server.get("runs/count", project="bare") == {"total": 0}
    assert server.get("cells", project="bare") == []
    assert server.get("project", project="bare")["exists"] is False
    assert server.ask("GET", "show", project="bare").json()["code"] == "no_store"
    assert list((server.folder / "bare").iterdir()) == []


def test_projects_under_one_server_are_kept_apart(server: Server, write: Write) -> None:
    write(server.folder / "second", name="other")

    assert [row["run"]["name"] for row in server.get("runs", project="second")] == ["other 1"]
    state = server.get("project", project="second")
    assert (state["path"], state["runs"]) == ("second", 1)


def test_a_file_belongs_to_the_project_of_its_folder(server: Server) -> None:
    (server.folder / "first" / "deep").mkdir()

    assert server.get("project", project="first/deep/some.ipynb")["path"] == "first"


@pytest.mark.parametrize("limit", ["501", "-1", "many", "1e3"])
def test_no_reply_has_more_than_a_page(server: Server, limit: str) -> None:
    response = server.ask("GET", "runs", limit=limit)

    assert response.status_code == 400
    assert "limit" in response.json()["detail"]


def test_an_unknown_option_is_named_beside_those_there_are(server: Server) -> None:
    detail = server.ask("GET", "runs", wehre="x").json()["detail"]

    assert detail.startswith("runs has no option 'wehre'; there are: ")
    assert "where" in detail


@pytest.mark.parametrize("body", [b"[1]", b"{", b"\xff"], ids=["list", "torn", "no text"])
def test_a_body_that_is_no_object_is_refused(server: Server, body: bytes) -> None:
    with server.client(Authorization=f"token {server.token}") as client:
        response = client.post("promote", params={"project": "first"}, content=body)

    assert (response.status_code, response.json()["code"]) == (400, "usage")


def test_rows_to_predict_are_never_a_file_of_the_server(server: Server) -> None:
    for rows in ("/etc/passwd", "-"):
        response = server.ask("POST", "predict", endpoint="churn", rows=rows)
        assert response.json()["detail"] == "rows must be JSON text here"


def test_a_path_option_stays_below_the_servers_root(server: Server) -> None:
    response = server.ask("POST", "retrain", notebook="../../etc/work.ipynb")

    assert response.json()["code"] == "path_outside"


HOSTILE = {
    "markup": "<img src=x onerror=alert(1)><script>alert(1)</script>",
    "control": "a\u0000b\u001b[31mc\u202ed",
    "long": "x" * 1_000_000,
    "quotes": "'; DROP TABLE runs; --",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_comes_back_as_the_same_text(server: Server, text: str) -> None:
    run = Run(id=new_id(), name=text, kind="session", started_at=1.0, note=text)
    store = open_store(load_settings(server.folder / "first", env={}))
    store.put(run)
    store.close()

    found = server.get("records/runs", id=run.id)

    assert msgspec.convert(found, list[Run]) == [run]
    store = open_store(load_settings(server.folder / "first", env={}))
    store.delete(Run, run.id)
    store.close()


def test_an_endpoint_whose_process_died_is_down_although_nobody_wrote_that(server: Server) -> None:
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    handle = {"pid": dead.pid, "started": "1", "log": "server.log"}
    deployment = Deployment(
        id=new_id(), endpoint="churn", bundle_id=new_id(), model_version_id=new_id(), number=1, engine="process",
        status="ready", handle=handle, started_at=1.0,
    )  # fmt: skip
    endpoint = Endpoint(
        id=new_id(), name="churn", engine="process", address="http://127.0.0.1:1", split={deployment.id: 100},
        handle={"host": socket.gethostname()}, created_at=1.0, updated_at=1.0,
    )  # fmt: skip
    with open_store(load_settings(server.folder / "first", env={})) as store:
        store.put(deployment, endpoint)
        try:
            [found] = server.get("endpoints/state", name="churn")
        finally:
            store.delete(Endpoint, endpoint.id)
            store.delete(Deployment, deployment.id)

    assert found["endpoint"]["status"] == "down"


def test_a_modules_version_stands_beside_any_other(server: Server) -> None:
    versions = [
        ModuleVersion(
            id=new_id(), module="churn.features", version=f"1.{number}.0", digest=str(number), path="churn/features.py",
            source=f"n = {number}\n", definitions=[Definition(name="n", kind="value", digest="x")],
            provenance="live", created_at=1.0,
        )
        for number in range(3)
    ]  # fmt: skip
    with open_store(load_settings(server.folder / "first", env={})) as store:
        store.put(*versions)
    ask = functools.partial(server.get, "modules/page", module="churn.features")

    newest, chosen = ask(), ask(version="1.0.0", against="1.2.0")

    assert (newest["version"]["version"], newest["other"]) == ("1.2.0", "1.1.0")
    assert ask(version="1.0.0")["other"] is None
    assert chosen["against_other"].splitlines()[2:] == ["@@ -1 +1 @@", "-n = 2", "+n = 0"]
    refused = server.ask("GET", "modules/page", module="churn.features", against="9.0.0")
    assert refused.json()["detail"] == "no module churn.features@9.0.0 was taken from a notebook of this project"


def test_an_artifact_is_sent_as_a_download_whatever_it_claims_to_be(server: Server) -> None:
    settings = load_settings(server.folder / "first", env={})
    content = b"<script>alert(1)</script>"
    artifact = Artifact(
        id=new_id(), run_id=None, name="../report.html", digest=Blobs(settings.blobs).put(content),
        media_type="text/html", size_bytes=len(content), at=1.0,
    )  # fmt: skip
    store = open_store(settings)
    store.put(artifact)
    store.close()

    response = server.ask("GET", "content", id=artifact.id)

    assert response.content == content
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == "attachment; filename*=UTF-8''report.html"


@pytest.mark.parametrize(
    ("media_type", "sent_as"),
    [
        ("image/png", "image/png"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/html", "application/octet-stream"),
        ("image/png; charset=utf-8", "application/octet-stream"),
    ],
)
def test_only_pictures_in_which_nothing_can_run_say_what_they_are(
    server: Server, media_type: str, sent_as: str
) -> None:
    settings = load_settings(server.folder / "first", env={})
    content = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    artifact = Artifact(
        id=new_id(), run_id=None, name="output-1", digest=Blobs(settings.blobs).put(content), kind="output",
        media_type=media_type, size_bytes=len(content), at=1.0,
    )  # fmt: skip
    with open_store(settings) as store:
        store.put(artifact)

    headers = server.ask("GET", "content", id=artifact.id).headers

    assert headers["content-type"] == sent_as
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"].startswith("attachment")
    assert "default-src 'none'" in headers["content-security-policy"]


def test_what_a_cell_showed_is_listed_and_comes_from_where_it_waits(server: Server) -> None:
    settings = load_settings(server.folder / "first", env={})
    with open_store(settings) as store:
        cell = store.find(CellExecution, cell_id="a", limit=1)[0]
        shown = Artifact(
            id=new_id(), run_id=cell.run_id, execution_id=cell.id, name="output-1.html", media_type="text/html",
            digest=Blobs(settings.outbox).put(b"<b>waits</b>"), size_bytes=12, kind="output", cell="work.ipynb#a",
            at=1.0,
        )  # fmt: skip
        store.put(shown)

    (found,) = server.get("outputs", id=cell.id)

    assert (found["execution"]["id"], [one["id"] for one in found["outputs"]]) == (cell.id, [shown.id])
    assert server.ask("GET", "content", id=shown.id).content == b"<b>waits</b>"
    with open_store(settings) as store:
        store.delete(Artifact, shown.id)


def test_every_route_is_described(server: Server) -> None:
    document = server.get("openapi.json")

    described = {
        (method.upper(), path.removeprefix("/nbops/api/v1/"))
        for path, operations in document["paths"].items()
        for method in operations
    }
    own = {("GET", "openapi.json"), ("GET", "project"), ("POST", "calls/stop")}
    assert described == own | {(r.method, r.name) for r in ROUTES}
    assert document["openapi"].startswith("3.1")


@pytest.mark.parametrize("route", ["runs", "cells", "project", "records/runs", "notebook"])
def test_answers_are_as_described(server: Server, route: str) -> None:
    document = server.get("openapi.json")
    arguments: dict[str, Any] = {"path": "first/work.ipynb"} if route == "notebook" else {}

    answer = server.get(route, **arguments)

    schema = document["paths"][f"/nbops/api/v1/{route}"]["get"]["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(answer)


def test_no_address_is_there_twice() -> None:
    addresses = [(route.method, route.name) for route in ROUTES]

    assert len(addresses) == len(set(addresses))


def test_no_described_list_may_be_longer_than_a_page() -> None:
    limits = [option for route in ROUTES for option in route.options if option.name == "limit"]

    assert limits
    assert all(option.default <= MOST_ROWS for option in limits)


def test_a_foreign_error_keeps_its_text_for_the_log() -> None:
    assert "secret" not in problem_of(RuntimeError("secret")).detail


def test_runs_are_tagged_put_away_and_brought_back(server: Server, write: Write) -> None:
    write(server.folder / "second", name="housekept")

    tagged = server.ask("POST", "tag", project="second", run="housekept 1", tags={"team": "a"})
    assert (tagged.status_code, tagged.json()["tags"]) == (200, {"team": "a"})
    for verb, flags in (("archive", {"archived": True}), ("delete", {"deleted": True})):
        assert server.ask("POST", verb, project="second", runs=["housekept 1"]).status_code == 200
        assert server.get("runs", project="second", where="tags.team = a") == []
        found = server.get("runs", project="second", where="tags.team = a", **flags)
        assert [row["run"]["name"] for row in found] == ["housekept 1"]
        assert server.get("runs/count", project="second", where="tags.team = a", **flags) == {"total": 1}
        assert server.ask("POST", "restore", project="second", runs=["housekept 1"]).status_code == 200
    assert len(server.get("runs", project="second", where="tags.team = a")) == 1


def test_a_collection_through_the_api_changes_nothing_unless_told(server: Server) -> None:
    answer = server.ask("POST", "gc", project="second", older_than=0)

    assert answer.status_code == 200, answer.text
    assert answer.json()["applied"] is False


def test_a_notebooks_parameters_are_read_before_anything_is_recorded(server: Server) -> None:
    cell = nbformat.v4.new_code_cell("depth: int = 3", metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), server.folder / "bare" / "new.ipynb")

    (found,) = server.get("parameters", project="bare", notebook="bare/new.ipynb")

    assert (found["name"], found["default"]) == ("depth", 3)
    assert not (server.folder / "bare" / ".nbops").exists()

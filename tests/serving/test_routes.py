"""The routes beside /predict."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import jsonschema
import pytest

import nbops_serving
from nbops_serving import server
from nbops_serving.app import App, Limits, Serving
from nbops_serving.bundle import open_bundle


@pytest.mark.parametrize(
    "path", ["/health/live", "/health/ready", "/metrics", "/manifest", "/openapi.json", "/", "/docs"]
)
def test_a_route_answers_get_and_head_alike(linear_server, path):
    got, head = linear_server.get(path), httpx.head(f"{linear_server.address}{path}")
    assert (got.status_code, head.status_code, head.content) == (200, 200, b"")
    assert got.headers["content-type"] == head.headers["content-type"]


def test_an_unknown_path_is_not_found(linear_server):
    answer = linear_server.get("/../../etc/passwd")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/predict", "POST, OPTIONS"), ("POST", "/metrics", "GET, HEAD, OPTIONS")],
)
def test_another_method_is_told_the_right_one(linear_server, method, path, allowed):
    answer = httpx.request(method, f"{linear_server.address}{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    asked = httpx.options(f"{linear_server.address}{path}")
    assert (asked.status_code, asked.headers["allow"], asked.content) == (200, allowed, b"")


def test_a_refusal_on_any_path_keeps_the_id_it_came_with(linear_server):
    answer = httpx.get(f"{linear_server.address}/nowhere", headers={"x-request-id": "mine"})
    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == ("mine", "mine")


def test_prometheus_own_tool_finds_nothing_wrong_with_the_metrics(linear_server, customers):
    tool = shutil.which("promtool")
    assert tool, "apt-get install prometheus"
    strange = [{**row, "city": 'Ma"rs\n', "more": 1} for row in customers.rows(2)]
    linear_server.post({"rows": strange})
    linear_server.post("{}")
    text = linear_server.get("/metrics").text
    assert 'nbops_unseen_values_total{column="city"}' in text
    done = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def raw(server, sent: bytes, *, until: bytes, count: int = 1) -> bytes:
    """Send bytes over one connection and return what comes, up to the last of some words."""
    found = b""
    with socket.create_connection(("127.0.0.1", server.ready["port"]), timeout=20) as client:
        client.sendall(sent)
        while found.count(until) < count:
            more = client.recv(65536)
            if not more:
                break
            found += more
    return found


HEAD = b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"


def test_a_body_in_chunks_is_answered(linear_server, customers):
    body = json.dumps({"rows": customers.rows(1)}).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    found = raw(linear_server, HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunks, until=b'"classes"')
    assert found.startswith(b"HTTP/1.1 200")


def test_a_client_that_asks_before_it_sends_is_told_to_go_on_or_not(linear_server):
    expect = b"expect: 100-continue\r\n"
    on = raw(linear_server, HEAD + expect + b"content-length: 10\r\n\r\n", until=b"\r\n\r\n")
    off = raw(linear_server, HEAD + expect + b"content-length: 1000000000\r\n\r\n", until=b"}")
    assert on == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert off.startswith(b"HTTP/1.1 413")


async def test_a_server_lives_before_its_model_is_loaded_and_is_ready_only_afterwards(linear):
    app = App()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a") as client:
        loading = [
            await client.get("/health/live"),
            await client.get("/health/ready"),
            await client.get("/v2/health/ready"),
        ]
        early = await client.post("/predict", json={"rows": []})
        opened = open_bundle(linear.path)
        app.take(server.load(server.Options(bundle=str(linear.path)), opened, server.counters(opened, 1)))
        ready = await client.get("/health/ready")
    assert [answer.status_code for answer in loading] == [200, 503, 503]
    assert (early.status_code, early.json()["code"], early.headers["retry-after"]) == (503, "loading", "1")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "model": "churn@1"})


@pytest.mark.parametrize("is_light", [True, False], ids=["at once", "batched"])
async def test_a_model_that_breaks_says_so_without_its_own_words_which_go_into_the_log(linear, capsys, is_light):
    class Broken:
        def answer(self, rows):
            raise RuntimeError("the file /secret/place is gone")

    opened = open_bundle(linear.path)
    serving = server.load(server.Options(bundle=str(linear.path)), opened, server.counters(opened, 1))
    Broken.is_light = is_light
    app = App()
    app.take(Serving(opened, Broken(), serving.metrics))
    rows = {"rows": [{"age": 30, "spent": 1.0, "city": "Oslo"}]}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a") as client:
        answer = await client.post("/predict", json=rows, headers={"x-request-id": "mine"})
    assert (answer.status_code, answer.json()["code"], answer.json()["request_id"]) == (500, "failed", "mine")
    assert "secret" not in answer.text
    logged = json.loads(capsys.readouterr().err)
    assert (logged["event"], logged["request_id"]) == ("request_failed", "mine")
    assert "/secret/place" in logged["error"]


def test_every_line_of_the_servers_own_log_is_json(linear, start_server):
    started = start_server(linear.path)
    assert raw(started, b"no request\r\n\r\n", until=b"}").startswith(b"HTTP/1.1 400")
    started.stop()
    assert started.process.stderr is not None
    lines = [json.loads(line) for line in started.process.stderr.read().splitlines()]
    assert [(line["event"], line["by"]) for line in lines] == [("warned", "uvicorn.error")]


async def test_more_requests_than_are_answered_at_once_are_sent_away_for_a_while(linear):
    opened = open_bundle(linear.path)
    metrics = server.counters(opened, 1)
    app = App(limits=Limits(in_flight=0))
    app.take(server.load(server.Options(bundle=str(linear.path)), opened, metrics))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a") as client:
        answer = await client.post("/predict", json={"rows": []})
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (503, "1", "too_busy")
    assert metrics.total(("predict", 503)) == 1


def test_the_openapi_document_describes_what_is_answered(linear_server, customers):
    document = linear_server.get("/openapi.json").json()
    answer = linear_server.post({"rows": customers.rows(3)}).json()
    schema = {"$ref": "#/components/schemas/Predictions", "components": document["components"]}
    jsonschema.validate(answer, schema)
    jsonschema.validate({"rows": customers.rows(3)}, {**schema, "$ref": "#/components/schemas/Rows"})


def test_the_documents_example_is_answered(linear_server):
    document = linear_server.get("/openapi.json").json()
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert linear_server.post(content["examples"]["training"]["value"]).status_code == 200


def test_the_page_needs_nothing_from_anywhere(linear_server):
    page = linear_server.get("/")
    assert "http" not in page.text.replace("application/json", "").replace("https://json-schema", "")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'sha256-")


def test_the_manifest_names_the_model_and_its_columns(linear_server, linear):
    manifest = linear_server.get("/manifest").json()
    assert (manifest["model"], manifest["rung"]) == ("churn", "plan")
    assert [column["name"] for column in manifest["signature"]["columns"]] == ["age", "spent", "city"]


def test_metrics_count_requests_by_status(linear_server):
    def total(status: int) -> float:
        lines = linear_server.get("/metrics").text.splitlines()
        found = [
            line for line in lines if line.startswith(f'nbops_requests_total{{route="predict",status="{status}"}}')
        ]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    before = total(422)
    linear_server.post("{}")
    assert total(422) == before + 1


def test_the_server_needs_nothing_of_nbops(linear, tmp_path):
    shutil.copytree(Path(nbops_serving.__path__[0]), tmp_path / "nbops_serving")
    code = (
        "import sys, runpy; sys.modules['nbops'] = None; sys.modules['sklearn'] = None; sys.modules['pandas'] = None;"
        f"sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['serve', {str(linear.path)!r}];"
        "runpy.run_module('nbops_serving', run_name='__main__')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "ready"
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0

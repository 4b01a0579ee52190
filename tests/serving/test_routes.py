"""The routes beside /predict."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import jsonschema
import pytest

import nbops_serving


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
    ("method", "path", "allowed"), [("GET", "/predict", "POST"), ("POST", "/metrics", "GET, HEAD")]
)
def test_another_method_is_told_the_right_one(linear_server, method, path, allowed):
    answer = httpx.request(method, f"{linear_server.address}{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


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

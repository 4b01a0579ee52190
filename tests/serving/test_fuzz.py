"""Strangers' requests: whatever is sent, the answer is one that the OpenAPI document promises, and never a 500."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import httpx
import pytest


@pytest.mark.parametrize("model", ["linear_server", "strict_server"])
def test_schemathesis_finds_nothing(model, request, tmp_path):
    server = request.getfixturevalue(model)
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.address}/openapi.json"]
    options = ["--max-examples", "15", "--seed", "1", "--generation-database", "none", "--no-color"]
    # a schema cannot say that a tensor's shape has to fit its data
    options += ["--exclude-checks", "positive_data_acceptance"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("path", ["/predict", "/invocations", "/v2/models/churn/infer"])
def test_bytes_changed_at_random_are_answered_or_refused(linear_server, customers, path):
    import json

    chance = random.Random(path)
    rows = customers.rows(3)
    inputs = [{"name": "age", "shape": [1], "datatype": "INT64", "data": [1]}]
    whole = json.dumps({"rows": rows, "instances": rows, "inputs": inputs}).encode()
    with httpx.Client(base_url=linear_server.address) as client:
        for _ in range(300):
            body = bytearray(whole)
            for _ in range(chance.randint(1, 6)):
                body[chance.randrange(len(body))] = chance.choice(b'{}[]",:0e-\\nul \x00\xff')
            answer = client.post(path, content=bytes(body), headers={"content-type": "application/json"})
            assert answer.status_code in (200, 400, 413, 422), (bytes(body), answer.text)

"""A Docker daemon that sees other files than this machine: the prediction log still comes home."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from nbops.deploy import Access, docker_client, image, predict, renew, spool
from nbops.errors import UsageError
from nbops.records import Endpoint
from nbops_serving import keys, log

ROW = [{"x": 5.0}]

pytestmark = [pytest.mark.docker, pytest.mark.haproxy]


@pytest.fixture
def engine() -> str:
    return "docker"


@pytest.mark.docker_files
def test_the_daemon_of_this_machine_is_asked_once_and_the_answer_is_kept(workshop: Any) -> None:
    with docker_client.connected() as client:
        base = image.base_image(client, workshop.settings.base_image)
        assert spool.shares_files(client, base.id, workshop.settings.folder)
        kept = workshop.settings.folder / "docker.json"
        kept.write_text(json.dumps(dict.fromkeys(json.loads(kept.read_text()), False)))
        assert not spool.shares_files(client, base.id, workshop.settings.folder)


def blind(workshop: Any) -> None:
    """Let the project believe that the daemon sees other files."""
    with docker_client.connected() as client:
        (workshop.settings.folder / "docker.json").write_text(json.dumps({str(client.api.base_url): False}))


def test_api_keys_are_brought_to_the_container_and_exchanged_in_it(workshop: Any, tmp_path: Path) -> None:
    blind(workshop)
    file = tmp_path / "keys.txt"
    former, line = keys.make("shop")
    file.write_text(f"{line}\n", "utf-8")
    endpoint = workshop.deploy(1, access=Access(keys=str(file)))
    assert workshop.deployment(1).handle["volume"]
    assert predict(endpoint, ROW, key=former)["predictions"] == [5.0]

    newer, line = keys.make("shop")
    file.write_text(f"{line}\n", "utf-8")
    renew("tiny", access=Access(), store=workshop.store, settings=workshop.settings)
    deadline = time.monotonic() + 15
    while is_refused(endpoint, newer):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert is_refused(endpoint, former)

    workshop.deploy(2)
    again = workshop.rollback()
    assert predict(again, ROW, key=newer)["model"] == "tiny@1"


def is_refused(endpoint: Endpoint, key: str) -> bool:
    try:
        predict(endpoint, ROW, key=key)
    except UsageError as error:
        return error.code == "key_missing"
    return False


def test_log_is_fetched_while_the_container_runs_and_when_it_stops(workshop: Any) -> None:
    blind(workshop)
    endpoint = workshop.deploy(2)
    deployment = workshop.deployment(2)
    assert predict(endpoint, [{"x": 5.0}])["predictions"] == [10.0]
    time.sleep(4 * log.FLUSH_SECONDS)
    spool.collect(endpoint.name, store=workshop.store)
    assert [batch.inputs for batch in log.read(deployment.log_path)] == [{"x": [5.0]}]

    predict(endpoint, [{"x": 6.0}])
    workshop.stop()
    assert [row for batch in log.read(deployment.log_path) for row in batch.inputs["x"]] == [5.0, 6.0]
    with docker_client.connected() as client:
        assert [volume.name for volume in client.volumes.list() if volume.name == deployment.handle["volume"]] == []

"""A Docker daemon that sees other files than this machine: the prediction log still comes home."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from nbops.deploy import docker_client, image, predict, spool
from nbops_serving import log

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


def test_log_is_fetched_while_the_container_runs_and_when_it_stops(workshop: Any) -> None:
    with docker_client.connected() as client:
        (workshop.settings.folder / "docker.json").write_text(json.dumps({str(client.api.base_url): False}))
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

"""Hostile clients, tampered bundles, and ways to end: the server neither falls over nor drops what it took."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import pickle
import re
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import msgspec
import pytest

from nbops_serving.bundle import TamperedError, open_bundle
from nbops_serving.loading import ForbiddenTypeError, read_pickle
from nbops_serving.manifest import read_manifest, write_manifest


def failure(start, bundle: Path, *options: str) -> dict[str, str]:
    """Start a server that must not start, and return what it says."""
    with pytest.raises(AssertionError) as caught:
        start(bundle, *options)
    text = str(caught.value)
    found: dict[str, str] = eval(text[text.index("{") : text.index("}") + 1])
    return found


def copied(path: Path, place: Path) -> Path:
    shutil.copytree(path, place / "bundle")
    return place / "bundle"


def test_an_altered_file_keeps_the_bundle_from_starting(linear, start_server, tmp_path):
    bundle = copied(linear.path, tmp_path)
    (bundle / "plan.msgpack").write_bytes((bundle / "plan.msgpack").read_bytes()[:-1] + b"\0")
    assert failure(start_server, bundle)["reason"] == "TamperedError"


def test_an_added_file_keeps_the_bundle_from_starting(linear, tmp_path):
    bundle = copied(linear.path, tmp_path)
    (bundle / "sitecustomize.py").write_text("raise SystemExit")
    with pytest.raises(TamperedError, match="not in the manifest"):
        open_bundle(bundle)


def test_a_manifest_written_anew_is_refused_by_its_digest(linear, start_server, tmp_path):
    bundle = copied(linear.path, tmp_path)
    manifest = read_manifest((bundle / "manifest.json").read_bytes())
    (bundle / "manifest.json").write_bytes(write_manifest(msgspec.structs.replace(manifest, model="other")))
    assert failure(start_server, bundle, "--digest", linear.digest)["reason"] == "TamperedError"


def test_a_manifest_cannot_name_files_elsewhere(linear, tmp_path):
    bundle = copied(linear.path, tmp_path)
    manifest = read_manifest((bundle / "manifest.json").read_bytes())
    outside = msgspec.structs.replace(manifest, files={**manifest.files, "../secret": "0" * 64})
    (bundle / "manifest.json").write_bytes(write_manifest(outside))
    with pytest.raises(TamperedError, match="outside"):
        open_bundle(bundle)


def test_other_answers_than_the_notebooks_keep_the_bundle_from_starting(linear, start_server, tmp_path):
    bundle = copied(linear.path, tmp_path)
    manifest = read_manifest((bundle / "manifest.json").read_bytes())
    shares = [[0.5, 0.5], *manifest.expected_probabilities[1:]]
    (bundle / "manifest.json").write_bytes(
        write_manifest(msgspec.structs.replace(manifest, expected_probabilities=shares))
    )
    said = failure(start_server, bundle)
    assert said["reason"] == "ParityError"
    assert "row 0" in said["error"]


class Payload:
    def __reduce__(self):
        return os.system, ("touch /tmp/should-not-be-there",)


def test_a_pickle_with_a_payload_is_refused_before_it_runs():
    with pytest.raises(ForbiddenTypeError, match="system"):
        read_pickle(pickle.dumps(Payload()), ["sklearn.svm._classes.SVC"])
    assert not Path("/tmp/should-not-be-there").exists()


def test_a_bundle_whose_pickle_has_a_payload_does_not_start(linear, start_server, tmp_path):
    """Its digests are right: whoever wrote it wrote the manifest too."""
    bundle = copied(linear.path, tmp_path)
    marker = tmp_path / "ran"
    data = pickle.dumps(Touching(str(marker)))
    (bundle / "model.pickle").write_bytes(data)
    manifest = read_manifest((bundle / "manifest.json").read_bytes())
    files = {**manifest.files, "model.pickle": hashlib.sha256(data).hexdigest()}
    changed = msgspec.structs.replace(
        manifest, rung="original", flavour="pickle", model_file="model.pickle", types=["builtins.dict"], files=files
    )
    (bundle / "manifest.json").write_bytes(write_manifest(changed))
    said = failure(start_server, bundle)
    assert said["reason"] == "ForbiddenTypeError"
    assert "system" in said["error"]
    assert not marker.exists()


class Touching:
    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return os.system, (f"touch {self._path}",)


def connect(server) -> socket.socket:
    host, port = server.ready["host"], server.ready["port"]
    return socket.create_connection((host, port), timeout=20)


def test_a_body_larger_than_allowed_is_refused_before_it_is_read(linear_server):
    with connect(linear_server) as client:
        client.sendall(
            b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n"
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 413")


def test_a_body_of_a_gigabyte_is_refused_without_keeping_it(linear_server):
    def resident() -> int:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{linear_server.ready['pid']}/status").read_text())
        assert found
        return int(found[1])

    before = resident()
    with connect(linear_server) as client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.sendall(b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n")
        for _ in range(1000):
            client.sendall(b" " * 1_000_000)
    assert resident() - before < 32_000
    assert linear_server.get("/health/ready").status_code == 200


def test_an_endless_chunked_body_is_cut(linear_server):
    with connect(linear_server) as client:
        client.sendall(
            b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        chunk = b"100000\r\n" + b"[" * 0x100000 + b"\r\n"
        sent = 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while sent < 64:
                client.sendall(chunk)
                sent += 1
        assert sent < 64
    assert linear_server.get("/health/ready").status_code == 200


def test_a_text_of_ten_megabytes_is_refused(linear_server):
    assert linear_server.post(json.dumps({"rows": [{"city": "x" * 10_000_000}]})).status_code == 413


def test_a_slow_body_is_given_up(linear, start_server):
    server = start_server(linear.path, "--body-seconds", "1")
    with connect(server) as client:
        client.sendall(
            b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 408")


def test_headers_that_never_end_are_given_up(linear, start_server):
    server = start_server(linear.path, "--body-seconds", "1")
    with connect(server) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nhost: a\r\nx-slow: ")
        assert client.recv(1000) == b""


def test_headers_without_end_do_not_fill_the_memory(linear_server):
    with connect(linear_server) as client:
        sent = 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n")
            while sent < 64:
                client.sendall(b"x-more: " + b"y" * 2**20 + b"\r\n")
                sent += 1
        assert sent < 64


@pytest.mark.parametrize(
    "sent",
    [
        b"\0" * 1000,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /predict HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        os.urandom(5000),
    ],
    ids=["zeros", "no path", "another version", "negative length", "noise"],
)
def test_bytes_that_are_no_http_leave_the_server_up(linear_server, sent):
    with connect(linear_server) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert b" 500 " not in client.recv(1000)
    assert linear_server.get("/health/ready").status_code == 200


class Load:
    """Asks as fast as it can on connections that are kept alive, and remembers every failure."""

    def __init__(self, address: str, row: dict[str, object], *, clients: int = 4) -> None:
        self.answered = 0
        self.failed: list[str] = []
        self._address, self._row = address, row
        self._go_on = True
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def _run(self) -> None:
        with httpx.Client(timeout=20) as client:
            while self._go_on:
                try:
                    answer = client.post(f"{self._address}/predict", json={"rows": [self._row]})
                except httpx.ConnectError:
                    return  # nobody listens any more: nothing was taken, so nothing is lost
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
                    continue
                if answer.status_code != 200:
                    self.failed.append(answer.text)
                self.answered += 1

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._go_on = False
        for thread in self._threads:
            thread.join()


def wait_until(is_true, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until
        time.sleep(0.02)


async def test_good_requests_are_not_hurt_by_a_bad_one_beside_them(strict_server, customers):
    """Its batch raises: the model has no answer for the category, and the check of the row cannot know."""
    rows = customers.rows(15)
    bad = {**rows[0], "city": "Mars"}
    expected = strict_server.post({"rows": rows}).json()["predictions"]
    limits = httpx.Limits(max_connections=16)
    async with httpx.AsyncClient(base_url=strict_server.address, limits=limits, timeout=60) as client:
        for round_ in range(100):
            place = round_ % 16
            asked = [*rows[:place], bad, *rows[place:]]
            answers = await asyncio.gather(*(client.post("/predict", json={"rows": [row]}) for row in asked))
            refused = answers.pop(place)
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "city")
            assert [answer.json()["predictions"] for answer in answers] == [[said] for said in expected]


@pytest.mark.parametrize(
    ("model", "workers"), [("strict", 1), ("linear", 2)], ids=["one that batches", "two that answer at once"]
)
def test_a_stop_under_load_drops_nothing(request, model, workers, start_server, customers):
    server = start_server(request.getfixturevalue(model).path, "--workers", str(workers))
    with Load(server.address, customers.rows(1)[0]) as load:
        wait_until(lambda: load.answered > 50)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        load._go_on = False
    assert server.process.wait(timeout=30) == 0
    assert load.failed == []


def workers_of(server) -> list[int]:
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_worker_killed_under_load_is_replaced_and_answers_go_on(linear, start_server, customers):
    server = start_server(linear.path, "--workers", "2")
    workers = workers_of(server)
    with Load(server.address, customers.rows(1)[0]) as load:
        wait_until(lambda: load.answered > 50)
        os.kill(workers[0], signal.SIGKILL)
        before = load.answered
        wait_until(lambda: load.answered > before + 200)
    assert len(load.failed) <= 4  # at most what that worker had in its hands
    wait_until(lambda: "nbops_ready_workers 2" in server.get("/metrics").text)
    assert workers[0] not in workers_of(server)
    assert server.stop() == 0


def test_workers_do_not_outlive_their_supervisor(linear, start_server):
    server = start_server(linear.path, "--workers", "2")
    workers = workers_of(server)
    server.process.kill()
    server.process.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_workers_count_together(linear, start_server, customers):
    server = start_server(linear.path, "--workers", "2")
    for _ in range(30):
        server.post({"rows": customers.rows(1)})
    assert 'nbops_requests_total{route="predict",status="200"} 30' in server.get("/metrics").text


def test_a_full_disk_for_the_log_stops_no_answer(linear, start_server, customers, tmp_path):
    place = tmp_path / "log"
    place.write_text("a file is in the way")
    server = start_server(linear.path, "--log", str(place))
    assert [server.post({"rows": customers.rows(1)}).status_code for _ in range(3)] == [200, 200, 200]
    wait_until(lambda: "nbops_log_dropped_total 3" in server.get("/metrics").text)


def test_a_taken_port_is_said(linear, start_server, linear_server):
    said = failure(start_server, linear.path, "--port", str(linear_server.ready["port"]))
    assert "in use" in said["error"]

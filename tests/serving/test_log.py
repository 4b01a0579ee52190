"""The prediction log: everything answered is in it, whatever happens to the server or the disk."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nbops_serving import log
from nbops_serving.table import Coded, Table


def header(pid: int = 1) -> log.Header:
    return log.Header(["age", "city"], "churn", 3, "version-id", "host", pid, 0.0)


def record(number: int, *, at: float | None = None) -> log.Record:
    rows = [(number, "Oslo"), (None, "Rome")]
    return log.Record(
        f"r{number}", float(number) if at is None else at, 1.5, 200, rows, [True, False], [[0.1, 0.9]] * 2
    )


def refused(number: int) -> log.Record:
    return log.Record(f"r{number}", float(number), 0.1, 422, None, None, None, "rows_invalid")


def written(folder: Path, *records: log.Record, **options: float) -> log.Writer:
    writer = log.Writer(folder, header(), **options)
    for one in records:
        writer.add(one)
    writer.close()
    return writer


def test_what_was_written_is_read_by_column(tmp_path):
    written(tmp_path, record(1), refused(2), record(3))
    [batch] = log.read(tmp_path)
    assert batch.inputs == {"age": [1, None, 3, None], "city": ["Oslo", "Rome"] * 2}
    assert batch.predictions == [True, False, True, False]
    assert batch.request_of == [0, 0, 2, 2]
    assert batch.requests[1] == log.Request("r2", 2.0, 0.1, 422, 0, "rows_invalid")
    assert (batch.model, batch.version, batch.model_version_id) == ("churn", 3, "version-id")


def test_a_stretch_of_time_is_read(tmp_path):
    written(tmp_path, *(record(number) for number in range(10)))
    found = [request.request_id for batch in log.read(tmp_path, since=3, until=5) for request in batch.requests]
    assert found == ["r3", "r4"]


def test_rows_that_came_by_column_are_read_like_any_others(tmp_path):
    table = Table([np.array([1.0, np.nan]), Coded(np.array([0, -1]), ["Oslo"])], 2)
    written(tmp_path, record(1), log.Record("r2", 2.0, 1.5, 200, table, [True, False]))
    [batch] = log.read(tmp_path)
    assert batch.inputs == {"age": [1, None, 1.0, None], "city": ["Oslo", "Rome", "Oslo", None]}
    assert batch.requests[1].rows == 2


def test_a_log_of_the_first_format_is_read(tmp_path):
    written(tmp_path, record(1))
    [part] = tmp_path.iterdir()
    part.write_bytes(part.read_bytes().replace(log.MAGIC, b"nbops predictions 1\n"))
    assert [batch.predictions for batch in log.read(tmp_path)] == [[True, False]]


def test_a_frame_holds_no_more_rows_than_fit_into_memory(tmp_path):
    rows = [(1, "Oslo")] * 30_000
    written(tmp_path, *(log.Record(f"r{n}", 1.0, 1.0, 200, rows, [1] * 30_000) for n in range(4)))
    batches = list(log.read(tmp_path))
    assert [len(batch.predictions) for batch in batches] == [60_000, 60_000]


def test_a_torn_tail_is_left_out_and_the_rest_is_read(tmp_path):
    written(tmp_path, record(1))
    time.sleep(0.002)
    written(tmp_path, record(2))
    first = sorted(tmp_path.iterdir())[0]
    whole = first.read_bytes()
    for cut in (1, 7, 20):
        first.write_bytes(whole + whole[-40:][:cut])
        assert [batch.requests[0].request_id for batch in log.read(tmp_path)] == ["r1", "r2"]


def test_an_altered_frame_is_not_believed(tmp_path):
    written(tmp_path, record(1))
    [part] = tmp_path.iterdir()
    data = bytearray(part.read_bytes())
    data[-3] ^= 0xFF
    part.write_bytes(data)
    assert list(log.read(tmp_path)) == []


def test_parts_are_rotated_by_size(tmp_path):
    writer = log.Writer(tmp_path, header(), part_bytes=1)
    for number in range(3):
        writer.add(record(number))
        time.sleep(3 * log.FLUSH_SECONDS)
    writer.close()
    assert len(list(tmp_path.iterdir())) == 3
    assert sum(len(batch.requests) for batch in log.read(tmp_path)) == 3


def test_a_full_queue_drops_and_counts(tmp_path):
    writer = written(tmp_path, *(record(number) for number in range(50)), most_queued=10)
    assert (writer.written, writer.overflowed) == (10, 40)


def test_rows_that_wait_are_bounded_and_not_only_requests(tmp_path):
    writer = written(tmp_path, *(record(number) for number in range(50)), most_queued_rows=20)
    assert (writer.written, writer.overflowed) == (10, 40)


def test_a_folder_that_cannot_be_written_is_counted_and_tried_again(tmp_path):
    place = tmp_path / "log"
    place.write_text("a file is in the way")
    writer = log.Writer(place, header())
    writer.add(record(1))
    time.sleep(4 * log.FLUSH_SECONDS)
    place.unlink()
    writer.add(record(2))
    writer.close()
    assert (writer.written, writer.dropped) == (1, 1)
    assert [batch.requests[0].request_id for batch in log.read(place)] == ["r2"]


FULL = """
import resource, signal, sys, time
from nbops_serving import log
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
writer = log.Writer(sys.argv[1], log.Header(["text"], "m", 1, "v", "h", 1, 0.0))
for number in range(6):
    writer.add(log.Record(f"r{number}", float(number), 1.0, 200, [("x" * 1500,)], [1]))
    time.sleep(3 * log.FLUSH_SECONDS)
writer.close()
print(writer.written, writer.dropped)
"""


def test_a_disk_that_fills_in_the_middle_of_a_frame_leaves_readable_parts(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    kept, dropped = (int(number) for number in done.stdout.split())
    assert dropped >= 1
    assert kept + dropped == 6
    assert sum(len(batch.requests) for batch in log.read(tmp_path)) == kept


def test_a_server_logs_what_it_answers(linear, start_server, customers, tmp_path):
    server = start_server(linear.path, "--log", str(tmp_path))
    server.post({"rows": customers.rows(2)}, x_request_id="good")
    server.post("{}", x_request_id="bad")
    assert server.stop() == 0
    batches = list(log.read(tmp_path))
    requests = [request for batch in batches for request in batch.requests]
    assert [(request.request_id, request.status, request.rows) for request in requests] == [
        ("good", 200, 2),
        ("bad", 422, 0),
    ]
    assert batches[0].inputs["city"] == [row["city"] for row in customers.rows(2)]
    assert all(0 < request.latency_ms < 10_000 for request in requests)


def test_a_killed_servers_log_is_readable(linear, start_server, customers, tmp_path):
    server = start_server(linear.path, "--log", str(tmp_path))
    for _ in range(20):
        server.post({"rows": customers.rows(1)})
    time.sleep(5 * log.FLUSH_SECONDS)
    server.process.kill()
    server.process.wait()
    assert sum(len(batch.requests) for batch in log.read(tmp_path)) == 20


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(log.read(tmp_path / "none"))

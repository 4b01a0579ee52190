"""An S3 server on the loopback address (moto's), with a bucket for each test."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest


class S3(NamedTuple):
    """A bucket, and the environment in which it is found."""

    address: str
    """``s3://…`` of the bucket."""
    environment: dict[str, str]


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """One server for all tests of a worker: s3fs keeps its connections for as long as the process lives."""
    pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    yield port
    server.stop()


@pytest.fixture
def s3(s3_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3:
    """A new bucket; this process has its environment, and other processes can be given it."""
    import s3fs

    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{uuid.uuid4().hex}"
    s3fs.S3FileSystem().mkdir(bucket)
    return S3(f"s3://{bucket}", environment)

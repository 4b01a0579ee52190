"""A PostgreSQL server of the tests' own, on the loopback address, with a password that has to be quoted.

A test asks for ``postgres_address`` (of a store in a schema of its own) or, to pull the plug, for ``own_postgres``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

PASSWORD = "p@ss/w:rd%"


def programs() -> Path | None:
    """The newest PostgreSQL's folder of programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    here = shutil.which("initdb")
    return Path(here).parent if here else None


class Server:
    """One cluster in a folder of its own; may be stopped and started again."""

    def __init__(self) -> None:
        bin_folder = programs()
        assert bin_folder is not None
        self.bin = bin_folder
        self.folder = Path(tempfile.mkdtemp(prefix="nbops-pg-"))
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            shutil.chown(secret, "postgres")
        self._run("initdb", "-D", self.data, "-U", "ada", "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync",
                  "-E", "UTF8", "--locale=C")  # fmt: skip
        self.start()

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off -c max_connections=60"
        self._run("pg_ctl", "-D", self.data, "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Pull the plug: connections break at once."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    @property
    def is_running(self) -> bool:
        return (self.folder / "data" / "postmaster.pid").exists()

    def address(self, schema: str = "public", *, password: str = PASSWORD) -> str:
        secret = quote(password, safe="")
        return f"postgresql://ada:{secret}@127.0.0.1:{self.port}/postgres?options=-csearch_path%3D{schema}"

    def new_schema(self, name: str) -> str:
        """Make a schema and return the address of a store in it."""
        import psycopg

        with psycopg.connect(self.address(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return self.address(name)

    def remove(self) -> None:
        if self.is_running:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.bin / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/", check=False)
        assert done.returncode == 0, done.stdout.decode()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server for all tests of a worker; it is never stopped by a test."""
    server = Server()
    yield server
    server.remove()


@pytest.fixture
def postgres_address(request: pytest.FixtureRequest) -> str:
    """The address of an empty store; needs the marker ``postgres``."""
    server: Server = request.getfixturevalue("postgres_server")
    return server.new_schema(f"s{uuid.uuid4().hex}")


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A server that the test may stop and start."""
    server = Server()
    yield server
    server.remove()
